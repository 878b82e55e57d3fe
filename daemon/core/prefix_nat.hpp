// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which prefix of a line each prefix inside bears outside (NPTv6, RFC 6296): what was typed,
// completed by what is known now. Of two prefixes that are not of one length, which only happens
// when they were not both typed, the longer one decides: of the other its first part of that length
// is taken (RFC 6296 3.1), so that the host part of an address stays what it is. A step of
// survey().
#pragma once

#include "core/line.hpp"

#include <optional>
#include <vector>

namespace multihomed::core {

/// Fills Line::prefix_nats, whatever else keeps the line from being used, and says in its remarks
/// what does not get as far as one might think. Returns why one that was typed cannot be in force.
std::optional<Blocked> resolve_prefix_nats(Line& line, const std::vector<Line>& lines,
                                           const Config& config, const Observation& seen);

} // namespace multihomed::core
