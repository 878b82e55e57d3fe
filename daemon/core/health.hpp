// SPDX-License-Identifier: GPL-2.0-or-later
//
// The state of one line in one address family, and how it changes.
//
//   init       nothing is known yet and nothing better is proven: assumed good
//   up         probes are answered
//   degraded   usable, behind its healthy equals
//   down       every target failed `fail_after` times in a row
//   hold       recovered, waits for `stable_for` of good probes before it is used again
//   no-carrier, no-address, no-gateway, shutdown
//              cannot be used at all; the reason says what is missing
//
// Failing is quick (one verdict), coming back is patient (hold). A line that could not be used at
// all and becomes usable while no other line of the family is proven goes to init instead of hold:
// somebody has to carry the traffic, and the preferred line should be the one.
#pragma once

#include "core/observation.hpp"

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
    std::string reason;
    /// hold: when the line is used again, once a good verdict has set it.
    std::optional<Time> hold_until;

    bool operator==(const Health&) const = default;
};

/// What the probes of one line and family say together.
struct Verdict {
    enum class Kind : std::uint8_t { unknown, alive, dead };
    Kind kind = Kind::unknown;
    std::string reason; ///< with the numbers
};

/// Why a line cannot be used at all.
struct Blocked {
    State state = State::no_carrier;
    std::string reason;
};

struct HealthInput {
    std::optional<Blocked> blocked;
    Verdict verdict;
    /// The gateway's neighbour entry stands, or none is needed.
    bool gateway_resolved = true;
    /// Another line of this family is up.
    bool other_proven = false;
    std::chrono::milliseconds stable_for{0};
};

/// The next state. `previous` is empty for a line that was not there before.
Health evaluate(const std::optional<Health>& previous, const HealthInput& input, Time now);

/// Which verdict the figures of all targets give: one living target suffices; dead only when all
/// are.
Verdict judge(const std::vector<TargetFigures>& targets, std::uint32_t fail_after);

} // namespace multihomed::core
