// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/choice.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

namespace multihomed::core {

namespace {

struct Rank {
    int tier = 0;
    Time recovered{};     ///< of a line in hold
    bool newcomer = true; ///< not one that keeps the traffic
    std::uint32_t preference = 0;
    auto operator<=>(const Rank&) const = default;
};

constexpr int kTierStandby = 3;
constexpr int kTierDown = 5;

std::optional<int> tier_of(State state, bool standby) {
    switch (state) {
    case State::init:
    case State::up:
        return standby ? kTierStandby : 1;
    case State::degraded:
        return standby ? kTierStandby : 2;
    case State::hold:
        return 4;
    case State::down:
        return kTierDown;
    default:
        return std::nullopt;
    }
}

struct Candidate {
    Rank rank;
    const Line* line = nullptr;
    State state = State::init;
};

std::vector<Candidate> rank_lines(const std::vector<Line>& lines,
                                  const std::map<ProbeKey, Health>& health, Family family,
                                  const ChoicePolicy& policy) {
    std::vector<Candidate> candidates;
    for (const Line& line : lines) {
        if (line.family != family || line.blocked || line.by_router())
            continue;
        const Health& known = health.at(line.key());
        const Time recovered = known.state == State::hold ? known.since : Time{};
        if (const auto tier = tier_of(known.state, line.uplink->standby))
            candidates.push_back(
                {{*tier, recovered, !policy.keep.contains(line.key()), preference_of(*line.uplink)},
                 &line,
                 known.state});
    }
    std::ranges::stable_sort(candidates, {}, &Candidate::rank);
    return candidates;
}

std::string describe(const Candidate& best, std::size_t sharing, LastResort last_resort) {
    const std::string kept = last_resort == LastResort::keep
                                 ? "last resort keeps the default"
                                 : "this one did a moment ago and keeps the default for now";
    const std::string preference =
        "preference " + std::to_string(best.rank.preference) +
        (sharing > 1 ? ", shared by " + std::to_string(sharing) + " lines" : "");
    if (best.rank.tier == kTierStandby)
        return "no other line is up; the best of those that stand by, " + preference;
    if (!best.rank.newcomer)
        return "it carries, and nothing fails back before it fails, " + preference;
    switch (best.state) {
    case State::down:
        return "no line passes its probes; " + kept + ", " + preference;
    case State::hold:
        return "no line is up; the best of those that recovered, " + preference;
    case State::degraded:
        return "no line is up without loss; the best of the degraded, " + preference;
    case State::init:
        return "assumed good until probes say otherwise, " + preference;
    default:
        return "the best line that is up, " + preference;
    }
}

/// So long may a line take to show that it has recovered too: by a probe, or by its carrier.
Milliseconds time_to_answer(const Line& line) {
    constexpr Milliseconds kLongest{3000};
    return std::min(2 * line.probing.time(Knob::interval), kLongest);
}

} // namespace

Choice choose(const std::vector<Line>& lines, const std::map<ProbeKey, Health>& health,
              Family family, const ChoicePolicy& policy) {
    Choice choice;
    const auto candidates = rank_lines(lines, health, family, policy);
    if (candidates.empty()) {
        choice.reason = "no line has carrier, address and gateway";
        return choice;
    }
    const Candidate& best = candidates.front();
    if (policy.last_resort == LastResort::withdraw && health.at(best.line->key()).dead) {
        choice.reason = "no line passes its probes; last resort withdraws the default";
        return choice;
    }
    std::optional<Rank> second;
    for (const Candidate& candidate : candidates) {
        if (candidate.rank == best.rank) {
            choice.carrying.push_back(candidate.line);
        } else if (candidate.rank.tier < kTierDown &&
                   candidate.rank == second.value_or(candidate.rank)) {
            second = candidate.rank;
            choice.standby.push_back(candidate.line);
        }
    }
    choice.reason = describe(best, choice.carrying.size(), policy.last_resort);
    return choice;
}

std::optional<Time> carried_since(const Choice& choice, const std::map<ProbeKey, Health>& health,
                                  const std::optional<Time>& before, Time now) {
    const bool carries = std::ranges::any_of(choice.carrying, [&](const Line* line) {
        return health.at(line->key()).state != State::down;
    });
    if (choice.elsewhere)
        return Time{};
    return carries ? before.value_or(now) : std::optional<Time>();
}

std::optional<Time> better_off_since(const Line& line, const std::optional<Time>& out_since,
                                     const std::optional<Time>& carried_since) {
    if (!carried_since || !out_since || *out_since > *carried_since)
        return carried_since;
    return *carried_since + time_to_answer(line);
}

} // namespace multihomed::core
