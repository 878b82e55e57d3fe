// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/health.hpp"

#include <algorithm>
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

/// Enters `state`, or stays in it with a fresher reason.
Health enter(const std::optional<Health>& previous, State state, std::string reason, Fault fault,
             Time now) {
    Health next;
    if (previous)
        next = *previous;
    if (!previous || previous->state != state) {
        next.since = now;
        next.good_since.reset();
        next.hold_until.reset();
    }
    next.state = state;
    next.reason = std::move(reason);
    next.fault = fault;
    return next;
}

Health enter(const std::optional<Health>& previous, State state, const Verdict& verdict, Time now) {
    return enter(previous, state, verdict.reason, verdict.fault, now);
}

std::string time_text(Milliseconds time) {
    return std::to_string(time.count()) + " ms";
}

bool is_good(const Verdict& verdict) {
    return verdict.kind == Verdict::Kind::alive || verdict.kind == Verdict::Kind::degraded;
}

/// Has the line been good for long enough, and is its penalty low enough? Until then `next` says
/// for what it waits.
bool has_patience_ended(Health& next, const HealthInput& input, Time now) {
    const Milliseconds stable_for = input.probing.time(Knob::stable_for);
    next.good_since = next.good_since.value_or(now);
    next.hold_until = std::max(*next.good_since + stable_for,
                               reuse_at(next.penalty, input.probing).value_or(Time{}));
    if (now >= *next.hold_until)
        return true;
    next.reason += now < *next.good_since + stable_for
                       ? "; must be stable for " + time_text(stable_for)
                       : "; has come and gone too often";
    if (is_suppressed(next.penalty, input.probing, now))
        next.reason += ", " + penalty_text(next.penalty, input.probing, now);
    return false;
}

/// The state of a line that was not up, once nothing stands against it any more.
State good_state(const Verdict& verdict) {
    return verdict.kind == Verdict::Kind::degraded || verdict.narrow ? State::degraded : State::up;
}

Health hold(const std::optional<Health>& previous, const HealthInput& input, Time now) {
    if (!is_good(input.verdict)) {
        Health next =
            enter(previous, State::hold, "waits for probes to be answered", Fault::none, now);
        next.good_since.reset();
        next.hold_until.reset();
        return next;
    }
    Health next = enter(previous, State::hold, input.verdict, now);
    if (!has_patience_ended(next, input, now))
        return next;
    if (!input.gateway_resolved) {
        next.reason = "stable, but the gateway's link-layer address is not resolved yet";
        next.fault = Fault::gateway;
        return next;
    }
    return enter(previous, good_state(input.verdict),
                 input.verdict.reason + ", stable for " +
                     time_text(input.probing.time(Knob::stable_for)),
                 input.verdict.fault, now);
}

/// A line that works, but not well, has to work well for as long as one that was down.
Health degraded(const std::optional<Health>& previous, const HealthInput& input, Time now) {
    Health next = enter(previous, State::degraded, input.verdict, now);
    if (input.verdict.kind != Verdict::Kind::alive || input.verdict.narrow) {
        next.good_since.reset();
        next.hold_until.reset();
        if (input.verdict.kind == Verdict::Kind::unknown)
            next.reason = previous->reason;
        else if (input.verdict.kind == Verdict::Kind::alive)
            next.reason += "; not yet below half of the thresholds";
        return next;
    }
    if (!has_patience_ended(next, input, now))
        return next;
    return enter(previous, State::up, input.verdict, now);
}

Health up(const std::optional<Health>& previous, const HealthInput& input, Time now) {
    switch (input.verdict.kind) {
    case Verdict::Kind::degraded:
        return enter(previous, State::degraded, input.verdict, now);
    case Verdict::Kind::unknown:
        return enter(previous, State::up, previous->reason, previous->fault, now);
    default:
        return enter(previous, State::up, input.verdict, now);
    }
}

Health init(const std::optional<Health>& previous, const HealthInput& input, Time now) {
    if (is_good(input.verdict))
        return up(previous, input, now);
    return enter(previous, State::init, "assumed good until probes say otherwise", Fault::none,
                 now);
}

/// Where a line broke stays known until it is known better: knowledge of the gateway ages.
Health down(const std::optional<Health>& previous, const Verdict& verdict, Time now) {
    const bool was_located =
        previous && previous->state == State::down &&
        (previous->fault == Fault::gateway || previous->fault == Fault::beyond_gateway);
    if (was_located && verdict.fault == Fault::unknown)
        return enter(previous, State::down, previous->reason, previous->fault, now);
    return enter(previous, State::down, verdict, now);
}

/// From a state without nexthop, or from nowhere, to one with.
State first_usable_state(const HealthInput& input) {
    return input.other_proven ? State::hold : State::init;
}

Health next_state(const std::optional<Health>& previous, const HealthInput& input, Time now) {
    if (input.blocked)
        return enter(previous, input.blocked->state, input.blocked->reason, input.blocked->fault,
                     now);
    if (input.verdict.kind == Verdict::Kind::dead)
        return down(previous, input.verdict, now);
    switch (previous && has_nexthop(previous->state) ? previous->state
                                                     : first_usable_state(input)) {
    case State::up:
        return up(previous, input, now);
    case State::degraded:
        return degraded(previous, input, now);
    case State::down:
        return is_good(input.verdict)
                   ? hold(previous, input, now)
                   : enter(previous, State::down, previous->reason, previous->fault, now);
    case State::hold:
        return hold(previous, input, now);
    default:
        return init(previous, input, now);
    }
}

bool is_in_use(State state) {
    return state == State::up || state == State::degraded;
}

/// So long at most may a line that fails while it recovers be told as one that recovers.
constexpr Milliseconds kLongestDoubt{30'000};

void note_death(Health& next, const std::optional<Health>& previous, const HealthInput& input,
                Time now) {
    if (next.state != State::down)
        next.dead_at.reset();
    else if (!next.dead_at)
        next.dead_at = previous && previous->state == State::hold
                           ? now + std::min(input.probing.time(Knob::stable_for), kLongestDoubt)
                           : now;
    next.dead = next.dead_at && now >= *next.dead_at;
}

/// What a change of state costs. A line that the operator takes out has done nothing wrong.
double cost(State from, State to) {
    const bool got_worse = from == State::up || (from == State::degraded && !is_in_use(to));
    return got_worse && to != State::up && to != State::shutdown ? kPenalty : 0;
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
    Health next = next_state(previous, input, now);
    note_death(next, previous, input, now);
    const double more = previous ? cost(previous->state, next.state) : 0;
    if (more > 0)
        next.penalty = add_penalty(next.penalty, more, input.probing, now);
    return next;
}

} // namespace multihomed::core
