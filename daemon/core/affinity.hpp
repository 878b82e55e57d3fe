// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flow affinity: every tracked flow bears, in some bits of its conntrack mark, the number of the
// uplink by which it left or came in; its later packets bear the same bits in their packet mark,
// and a rule for each mark leads to that uplink's table. So a flow stays on its line, and the
// answer to a connection from outside leaves by the line on which it came, whatever is preferred
// now. Numbers outlive restarts (runtime/snapshot.hpp), as marks of flows do. nft_render.cpp writes
// and reads the marks.
#pragma once

#include "core/config.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace multihomed::core {

/// Number of each uplink's mark, by name; 1 and up.
using MarkNumbers = std::map<std::string, std::uint32_t>;

/// What `previous` gave stays, to uplinks that are gone too; the others get the lowest free number.
/// When the mask has no number left, the uplinks typed last get none. Empty without affinity.
MarkNumbers assign_marks(const Config& config, const MarkNumbers& previous);

/// How many uplinks a mask can tell apart: all values of its bits but 0.
std::uint32_t mark_capacity(std::uint32_t mask);
/// The bits of `number`, lowest first, put where the mask has its bits.
std::uint32_t mark_of(std::uint32_t number, std::uint32_t mask);

} // namespace multihomed::core
