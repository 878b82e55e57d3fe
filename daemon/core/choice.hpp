// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which lines carry the traffic that no rule has bound to a line.
//
// The lines of a family that could carry packets are ranked first by how well they are, then by the
// operator's preference:
//   1. up, and init (nothing is known, assumed good)
//   2. degraded
//   3. hold (recovered, not yet trusted), the one that has lasted longest first: a line that comes
//      and goes must not take the traffic back from one that stays
//   4. down, only where the last resort is `keep` and nothing better is there
// The lines that share the first rank carry, by weight (main's default). Those that share the
// second stand by (table 253, which the kernel asks on its own when the first lose carrier).
#pragma once

#include "core/health.hpp"
#include "core/line.hpp"

#include <map>
#include <string>
#include <vector>

namespace multihomed::core {

struct Choice {
    std::vector<const Line*> carrying;
    std::vector<const Line*> standby;
    std::string reason;
};

/// `health` holds every line's state. Lines of other families are passed over.
Choice choose(const std::vector<Line>& lines, const std::map<ProbeKey, Health>& health,
              Family family, LastResort last_resort);

} // namespace multihomed::core
