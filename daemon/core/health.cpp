// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/health.hpp"

#include "core/config_text.hpp"

#include <array>
#include <utility>

namespace multihomed::core {

namespace {

constexpr std::array<std::pair<State, const char*>, 9> kNames{{
    {State::init, "init"},
    {State::up, "up"},
    {State::degraded, "degraded"},
    {State::down, "down"},
    {State::hold, "hold"},
    {State::no_carrier, "no-carrier"},
    {State::no_address, "no-address"},
    {State::no_gateway, "no-gateway"},
    {State::shutdown, "shutdown"},
}};

bool is_dead(const TargetFigures& target, std::uint32_t fail_after) {
    return target.consecutive_lost >= fail_after;
}

std::string milliseconds_text(Microseconds value) {
    const auto tenths = value.count() / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms";
}

/// An address alone is an echo's.
std::string name_of(const ProbeTarget& target) {
    return target.kind == ProbeTarget::Kind::icmp ? target.address.to_string() : to_text(target);
}

std::string alive_text(const TargetFigures& target) {
    return name_of(target.target) + " answers in " + milliseconds_text(target.rtt_average);
}

std::string dead_text(const std::vector<TargetFigures>& targets) {
    std::string text;
    for (const TargetFigures& target : targets) {
        if (!text.empty())
            text += ", ";
        text += name_of(target.target) + " lost " + std::to_string(target.consecutive_lost) +
                " in a row";
        if (!target.last_error.empty())
            text += " (" + target.last_error + ")";
    }
    return text;
}

/// Enters `state`, or stays in it with a fresher reason.
Health enter(const std::optional<Health>& previous, State state, std::string reason, Time now) {
    const bool stays = previous && previous->state == state;
    return {.state = state,
            .since = stays ? previous->since : now,
            .reason = std::move(reason),
            .hold_until = stays ? previous->hold_until : std::nullopt};
}

Health hold(const std::optional<Health>& previous, const HealthInput& input, Time now) {
    Health next = enter(previous, State::hold, "waits for probes to be answered", now);
    if (input.verdict.kind != Verdict::Kind::alive) {
        next.hold_until.reset();
        return next;
    }
    if (!next.hold_until)
        next.hold_until = now + input.stable_for;
    if (now < *next.hold_until) {
        next.reason = input.verdict.reason + "; must be stable for " +
                      std::to_string(input.stable_for.count()) + " ms";
        return next;
    }
    if (!input.gateway_resolved) {
        next.reason = "stable, but the gateway's link-layer address is not resolved yet";
        return next;
    }
    return enter(previous, State::up,
                 input.verdict.reason + ", stable for " + std::to_string(input.stable_for.count()) +
                     " ms",
                 now);
}

/// From a state without nexthop, or from nowhere, to one with.
State first_usable_state(const HealthInput& input) {
    return input.other_proven ? State::hold : State::init;
}

} // namespace

const char* to_string(State state) {
    for (const auto& [value, name] : kNames)
        if (value == state)
            return name;
    return "?";
}

std::optional<State> parse_state(const std::string& text) {
    for (const auto& [value, name] : kNames)
        if (text == name)
            return value;
    return std::nullopt;
}

bool has_nexthop(State state) {
    switch (state) {
    case State::init:
    case State::up:
    case State::degraded:
    case State::down:
    case State::hold:
        return true;
    default:
        return false;
    }
}

Health evaluate(const std::optional<Health>& previous, const HealthInput& input, Time now) {
    if (input.blocked)
        return enter(previous, input.blocked->state, input.blocked->reason, now);
    if (input.verdict.kind == Verdict::Kind::dead)
        return enter(previous, State::down, input.verdict.reason, now);

    const State state =
        previous && has_nexthop(previous->state) ? previous->state : first_usable_state(input);
    const bool alive = input.verdict.kind == Verdict::Kind::alive;
    switch (state) {
    case State::up:
    case State::degraded:
        return enter(previous, State::up, alive ? input.verdict.reason : previous->reason, now);
    case State::down:
        return alive ? hold(previous, input, now)
                     : enter(previous, State::down, previous->reason, now);
    case State::hold:
        return hold(previous, input, now);
    default:
        return alive ? enter(previous, State::up, input.verdict.reason, now)
                     : enter(previous, State::init, "assumed good until probes say otherwise", now);
    }
}

Verdict judge(const std::vector<TargetFigures>& targets, std::uint32_t fail_after) {
    std::string alive;
    bool unknown = targets.empty();
    for (const TargetFigures& target : targets) {
        if (is_dead(target, fail_after))
            continue;
        if (target.received == 0) {
            unknown = true;
            continue;
        }
        if (!alive.empty())
            alive += ", ";
        alive += alive_text(target);
    }
    if (!alive.empty())
        return {Verdict::Kind::alive, alive};
    if (unknown)
        return {Verdict::Kind::unknown, "no probe has been answered yet"};
    return {Verdict::Kind::dead, dead_text(targets)};
}

} // namespace multihomed::core
