// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace multihomed::core {

namespace {

struct Character {
    std::size_t bytes = 0; ///< 0: no UTF-8 sequence stands here
    std::uint32_t code = 0;
};

/// Length, smallest code point of that length, and the first byte's share of the code point.
Character first_byte(std::uint8_t byte) {
    if (byte < 0x80)
        return {1, byte};
    if (byte >= 0xc2 && byte < 0xe0)
        return {2, byte & 0x1fU};
    if (byte >= 0xe0 && byte < 0xf0)
        return {3, byte & 0x0fU};
    if (byte >= 0xf0 && byte < 0xf5)
        return {4, byte & 0x07U};
    return {};
}

bool is_scalar(std::uint32_t code, std::size_t bytes) {
    constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    return code >= kSmallest[bytes] && code <= 0x10ffff && !surrogate;
}

Character next(std::string_view text) {
    Character character = first_byte(static_cast<std::uint8_t>(text.front()));
    if (character.bytes == 0 || character.bytes > text.size())
        return {};
    for (std::size_t i = 1; i < character.bytes; ++i) {
        const auto byte = static_cast<std::uint8_t>(text[i]);
        if ((byte & 0xc0) != 0x80)
            return {};
        character.code = character.code << 6 | (byte & 0x3fU);
    }
    return is_scalar(character.code, character.bytes) ? character : Character{};
}

bool is_control(const Character& character) {
    return character.code < 0x20 || (character.code >= 0x7f && character.code < 0xa0);
}

} // namespace

bool is_printable_utf8(std::string_view text) {
    while (!text.empty()) {
        const Character character = next(text);
        if (character.bytes == 0 || is_control(character))
            return false;
        text.remove_prefix(character.bytes);
    }
    return true;
}

std::string to_utf8(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::size_t bytes = next(text).bytes;
        if (bytes == 0)
            result += "\xef\xbf\xbd";
        else
            result += text.substr(0, bytes);
        text.remove_prefix(bytes == 0 ? 1 : bytes);
    }
    return result;
}

std::string quoted(std::string_view text) {
    constexpr std::size_t kLongest = 60;
    const std::string shown = to_utf8(text.substr(0, kLongest));
    std::string result = "'";
    for (std::string_view rest = shown; !rest.empty();) {
        const Character character = next(rest);
        result += is_control(character) ? "?" : rest.substr(0, character.bytes);
        rest.remove_prefix(character.bytes);
    }
    return result + (text.size() > kLongest ? "...'" : "'");
}

} // namespace multihomed::core
