// SPDX-License-Identifier: GPL-2.0-or-later
//
// The state of one line in one address family, and how it changes.
//
//   init       nothing is known yet and nothing better is proven: assumed good
//   up         the quorum of targets answers, and well
//   degraded   usable, behind its healthy equals: loss, latency or jitter
//   down       too few targets answer
//   hold       recovered, waits for `stable_for` of good probes, and for its penalty to decay,
//              before it is used again
//   no-carrier, no-address, no-gateway, shutdown
//              cannot be used at all; the reason says what is missing
//
// Failing is quick (one verdict), coming back is patient (hold; and from degraded to up the same
// patience). A line that could not be used at all and becomes usable while no other line of the
// family is proven goes to init instead of hold: somebody has to carry the traffic, and the
// preferred line should be the one.
//
// Those inside who are told of a line, by routing protocols and router advertisements, hear no more
// of it than they can follow: where it fails again while in hold, it is dead for them only once it
// has been down for `stable_for`, 30 s at most. A lossy line that is all there is would otherwise
// come and go inside with every other probe.
#pragma once

#include "core/dampening.hpp"
#include "core/observation.hpp"
#include "core/verdict.hpp"

#include <optional>
#include <string>

namespace multihomed::core {

enum class State : std::uint8_t {
    init,
    up,
    degraded,
    down,
    hold,
    no_carrier,
    no_address,
    no_gateway,
    shutdown,
};

const char* to_string(State state);
/// The inverse of to_string().
std::optional<State> parse_state(const std::string& text);
/// States in which a line has carrier, address and gateway.
bool has_nexthop(State state);

struct Health {
    State state = State::init;
    Time since{};
    std::string reason = {};
    /// hold, degraded: since when verdicts have been good enough for the next better state.
    std::optional<Time> good_since = {};
    /// hold, degraded: when that is reached, if nothing happens.
    std::optional<Time> hold_until = {};
    /// down: from when on it is dead for those inside who are told.
    std::optional<Time> dead_at = {};
    bool dead = false; ///< it is
    Fault fault = Fault::none;
    Penalty penalty = {};

    bool operator==(const Health&) const = default;
};

/// Why a line cannot be used at all.
struct Blocked {
    State state = State::no_carrier;
    std::string reason;
    Fault fault = Fault::none;
};

struct HealthInput {
    std::optional<Blocked> blocked;
    Verdict verdict;
    /// The gateway's neighbour entry stands, or none is needed.
    bool gateway_resolved = true;
    /// Another line of this family is up.
    bool other_proven = false;
    Probing probing;
};

/// The next state. `previous` is empty for a line that was not there before.
Health evaluate(const std::optional<Health>& previous, const HealthInput& input, Time now);

} // namespace multihomed::core
