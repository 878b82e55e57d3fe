// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whose a source address is when several lines could say it is theirs. An assigned prefix is its
// line's, and so is an address of the interface; a connected subnet is, unless another line has one
// that overlaps it; and what two lines have all the same is bound to one of them. Steps of
// survey().
#pragma once

#include "core/line.hpp"

#include <vector>

namespace multihomed::core {

/// Adds assigned prefixes and unshared subnets to the sources of every line, which so far hold
/// the interface's own addresses.
void add_shared_sources(std::vector<Line>& lines);
/// Fills Line::bound, once it is known which lines are blocked.
void bind_sources(std::vector<Line>& lines);

} // namespace multihomed::core
