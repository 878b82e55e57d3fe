// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which lines carry the traffic that no rule has bound to a line.
//
// The lines of a family that could carry packets are ranked first by how well they are, then by the
// operator's preference:
//   1. up, and init (nothing is known, assumed good)
//   2. degraded
//   3. any of these that the operator wants to stand by
//   4. hold (recovered, not yet trusted), the one that has lasted longest first: a line that comes
//      and goes must not take the traffic back from one that stays
//   5. down, only where the last resort is `keep` and nothing better is there
// Where nothing fails back, lines that carry come before their equals in health.
// The lines that share the first rank carry, by weight (main's default). Those that share the
// second stand by (table 253, which the kernel asks on its own when the first lose carrier).
#pragma once

#include "core/health.hpp"
#include "core/line.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace multihomed::core {

struct Choice {
    std::vector<const Line*> carrying;
    std::vector<const Line*> standby;
    std::string reason;
    /// None of the family's lines is used: another router's default is in main.
    bool elsewhere = false;
};

struct ChoicePolicy {
    LastResort last_resort = LastResort::keep;
    /// Lines that keep the traffic for as long as no other is healthier.
    std::set<ProbeKey> keep = {};
};

/// `health` holds every line's state. Lines of other families are passed over.
Choice choose(const std::vector<Line>& lines, const std::map<ProbeKey, Health>& health,
              Family family, const ChoicePolicy& policy);

/// Since when something that is not dead carries the family without a break; absent: nothing does.
/// `before` is the last answer.
std::optional<Time> carried_since(const Choice& choice, const std::map<ProbeKey, Health>& health,
                                  const std::optional<Time>& before, Time now);

/// From when on the flows of `line`, which does not carry, are better off elsewhere; absent: as
/// long as nothing but dead lines carries. A line that has just recovered may be the first of many:
/// whatever made all of them fail at once is over for `line` too, if it follows before its next
/// probe would have to be answered. out_since: since when the line can carry nothing; absent: it
/// can.
std::optional<Time> better_off_since(const Line& line, const std::optional<Time>& out_since,
                                     const std::optional<Time>& carried_since);

} // namespace multihomed::core
