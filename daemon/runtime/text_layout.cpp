// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/text_layout.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace multihomed::runtime {

namespace {

std::string rest_of_line(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
}

} // namespace

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string wrap(const std::string& first, std::string_view text, std::size_t indent) {
    std::string result = first;
    std::size_t column = width_of(first);
    bool at_start = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty())
            continue;
        const std::size_t width = width_of(word);
        if (!at_start && column + 1 + width > kColumns) {
            result += "\n" + std::string(indent, ' ');
            column = indent;
            at_start = true;
        }
        if (!at_start) {
            result += ' ';
            ++column;
        }
        result += word;
        column += width;
        at_start = false;
    }
    return result + "\n";
}

std::string duration_text(double seconds) {
    const auto total = static_cast<std::uint64_t>(std::max(0.0, seconds));
    const auto days = total / 86400;
    const auto hours = static_cast<unsigned>(total / 3600 % 24);
    const auto minutes = static_cast<unsigned>(total / 60 % 60);
    char text[48];
    if (days == 0)
        std::snprintf(text, sizeof text, "%02u:%02u:%02u", hours, minutes,
                      static_cast<unsigned>(total % 60));
    else if (days < 7)
        std::snprintf(text, sizeof text, "%ud%02uh%02um", static_cast<unsigned>(days), hours,
                      minutes);
    else
        std::snprintf(text, sizeof text, "%lluw%ud%02uh", static_cast<unsigned long long>(days / 7),
                      static_cast<unsigned>(days % 7), hours);
    return text;
}

std::string tenths_text(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

std::string count_text(double value) {
    char text[400];
    std::snprintf(text, sizeof text, "%.0f", value);
    return text;
}

std::size_t Table::width(std::size_t column) const {
    const Column& shape = columns_[column];
    std::size_t width = width_of(shape.title);
    for (const Row& row : rows_) {
        const std::size_t cell = column < row.cells.size() ? width_of(row.cells[column]) : 0;
        if (shape.widest == 0 || cell <= shape.widest)
            width = std::max(width, cell);
    }
    return width;
}

std::string Table::line(const std::vector<std::string>& cells,
                        const std::vector<std::size_t>& widths) const {
    std::string result;
    std::string current;
    std::size_t start = 0; // where the next column begins
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::size_t width = width_of(cells[i]);
        const std::string gap(widths[i] - std::min(widths[i], width), ' ');
        current += columns_[i].align == Align::left ? cells[i] + gap : gap + cells[i];
        start += widths[i] + 2;
        if (width > widths[i]) {
            result += rest_of_line(current);
            current = std::string(start, ' ');
        } else {
            current += "  ";
        }
    }
    return result + rest_of_line(current);
}

std::string Table::text() const {
    std::vector<std::size_t> widths;
    std::vector<std::string> titles;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        widths.push_back(width(i));
        titles.push_back(columns_[i].title);
    }
    std::string result = line(titles, widths);
    for (const Row& row : rows_)
        result += line(row.cells, widths) + row.below;
    return result;
}

} // namespace multihomed::runtime
