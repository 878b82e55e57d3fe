// SPDX-License-Identifier: GPL-2.0-or-later
//
// A target that fails on every line that asks it is a bad target, not as many dead lines. Lines and
// figures in, the targets in doubt out. Pure.
//
// Suspected is what is dead on all lines that probe it, two at least, when
//   - another target answers on one of these lines, or
//   - it is the only one that each of them has, and it fell silent on all of them at once.
// (A line that has been down for longer, whose only target now fails on the last good line as well,
// is no such case: that last line is dead too.)
//
// The lines do not notice at the same moment. While a target is dead on one line and another has
// just begun to lose probes to it, or waits for a reply that should have come and has had none
// since the first line missed its own, the first line's verdict waits: moving away from it could be
// wrong.
#pragma once

#include "core/line.hpp"
#include "core/observation.hpp"

#include <vector>

namespace multihomed::core {

struct TargetDoubt {
    ProbeTarget target;
    enum class Kind : std::uint8_t {
        suspected, ///< does not count
        waits,     ///< may turn out to be one in a moment
    };
    Kind kind = Kind::suspected;
};

/// Of all lines; those of the other family have other targets.
std::vector<TargetDoubt> doubt_targets(const std::vector<const Line*>& lines,
                                       const Observation& seen);

/// Null when the target is beyond doubt.
const TargetDoubt* find_doubt(const std::vector<TargetDoubt>& doubts, const ProbeTarget& target);

} // namespace multihomed::core
