// SPDX-License-Identifier: GPL-2.0-or-later
//
// What routing protocols can tell inside: they redistribute main's default, so that is there
// exactly while a line of the wanted quality is behind it. Without it this router itself still uses
// what the last resort leaves, by table 253, unless another router's default has come into main:
// that one is better than lines that do not work.
//
// A line of which nothing is known yet does not take the place of another router's default.
//
// The metric by quality has four levels, so that protocols are told of a line that got worse and
// not of every loss; how long a line takes to get from one to the next is a matter of its health,
// which is damped.
//
//   10  the best of the lines that the operator prefers is up
//   20  another one is up
//   40  none is: the best is degraded, or has just recovered (see core/health.hpp)
//   80  none passes its probes
//
// The tag, where one was typed, counts the levels too (tag, tag + 1, tag + 2, tag + 3): route-maps
// of most protocols can match a tag and not a metric.
#pragma once

#include "core/choice.hpp"

#include <map>
#include <string>
#include <vector>

namespace multihomed::core {

/// Of main's default in one family.
struct Announcement {
    bool withheld = false;
    std::uint8_t distance = kDistanceDefault;
    std::uint32_t metric = 0;
    std::uint32_t tag = 0; ///< 0: none
    std::string reason = {};
};

/// `choice` is that of the family.
Announcement announce(const Announce& typed, const std::vector<Line>& lines, const Choice& choice,
                      const std::map<ProbeKey, Health>& health);

} // namespace multihomed::core
