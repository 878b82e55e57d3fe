// SPDX-License-Identifier: GPL-2.0-or-later
//
// Text that comes from outside (typed, or named by another program) may be any bytes; text that
// goes into JSON has to be UTF-8. RFC 3629.
#pragma once

#include <string>
#include <string_view>

namespace multihomed::core {

/// UTF-8 without control characters (C0, DEL, C1).
bool is_printable_utf8(std::string_view text);
/// The text with U+FFFD for every byte that does not belong to a UTF-8 sequence.
std::string to_utf8(std::string_view text);
/// In quotation marks, for a message: never longer than a line, never with control characters.
std::string quoted(std::string_view text);

} // namespace multihomed::core
