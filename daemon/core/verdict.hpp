// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the probes of one line and family say together. judge() is the central function: figures of
// targets in, a verdict with its reason and the place of the fault out. Pure.
//
//   dead       fewer targets than the quorum answer, or loss or latency have reached `high`
//   degraded   the quorum answers, but loss, latency or jitter have reached their threshold
//   alive      the quorum answers, and well
//              (alive and narrow: one of them is above half of its lower threshold)
//   unknown    too little has been heard to say any of these
//
// A target is dead after `fail_after` probes lost in a row. The line's loss, latency and jitter are
// those of the worst target that the quorum needs: with `any` the best one speaks for the line.
#pragma once

#include "core/observation.hpp"

#include <string>
#include <vector>

namespace multihomed::core {

/// Where a line broke, as far as can be told.
enum class Fault : std::uint8_t {
    none,
    carrier,        ///< interface or its carrier is gone
    address,        ///< no usable address
    gateway,        ///< the gateway is missing or does not answer on the link
    beyond_gateway, ///< the gateway answers on the link, nothing behind it does
    target,         ///< some targets do not answer, others do
    dns,            ///< resolvers do not answer, other targets do
    quality,        ///< loss, latency or jitter
    unknown,
};
const char* to_string(Fault fault);

struct Verdict {
    enum class Kind : std::uint8_t { unknown, alive, degraded, dead };
    Kind kind = Kind::unknown;
    std::string reason = {}; ///< with the numbers
    Fault fault = Fault::none;
    /// alive, but not well below the thresholds: reason enough to stay degraded, not to become so.
    bool narrow = false;
    /// unknown for a moment: another line's next answer decides, and is no news in itself.
    bool waits = false;
};

struct Judged {
    std::vector<TargetFigures> targets; ///< those that count
    Probing probing;
    /// Of the gateway, for the place of a fault; absent: nothing is to be resolved on the link.
    std::optional<NeighbourState> gateway = {};
    std::string gateway_name = {}; ///< for the reason
};

Verdict judge(const Judged& judged);

/// Lost `fail_after` probes in a row.
bool is_dead(const TargetFigures& target, const Probing& probing);
/// For reasons: "9.9.9.9", "tcp 9.9.9.9 port 443"
std::string name_of(const ProbeTarget& target);

} // namespace multihomed::core
