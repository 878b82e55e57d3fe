// SPDX-License-Identifier: GPL-2.0-or-later
//
// Text for a terminal of 80 columns: tables, wrapped paragraphs, durations. Widths count
// characters, not bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace multihomed::runtime {

inline constexpr std::size_t kColumns = 80;

/// Characters of UTF-8 text.
std::size_t width_of(std::string_view text);

/// `first` followed by the words of `text`, broken between words; further lines begin with `indent`
/// blanks. A word that is wider than the line is not broken.
std::string wrap(const std::string& first, std::string_view text, std::size_t indent);

/// 00:12:44, 3d04h12m or 2w3d04h, as other daemons of FRR show it.
std::string duration_text(double seconds);

/// The number with one decimal.
std::string tenths_text(double value);

/// A whole number.
std::string count_text(double value);

/// Columns as wide as their widest cell, two blanks apart.
class Table {
public:
    enum class Align { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
        /// A wider cell stands on a line of its own, and the row goes on below it; 0: as wide as
        /// it takes.
        std::size_t widest = 0;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<std::string> cells) { rows_.push_back({std::move(cells), {}}); }
    /// Lines below the last row, complete with their line feeds.
    void add_below(const std::string& lines) { rows_.back().below += lines; }
    std::string text() const;

private:
    struct Row {
        std::vector<std::string> cells;
        std::string below;
    };
    std::size_t width(std::size_t column) const;
    std::string line(const std::vector<std::string>& cells,
                     const std::vector<std::size_t>& widths) const;

    std::vector<Column> columns_;
    std::vector<Row> rows_;
};

} // namespace multihomed::runtime
