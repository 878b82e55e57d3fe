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
    bool moves = false;   ///< of a line that is not up: the traffic is elsewhere
    std::uint32_t preference = 0;
    auto operator<=>(const Rank&) const = default;
};

constexpr int kTierStandby = 3;
constexpr int kTierHold = 4;
constexpr int kTierDown = 5;

std::optional<int> tier_of(State state, bool standby) {
    switch (state) {
    case State::init:
    case State::up:
        return standby ? kTierStandby : 1;
    case State::degraded:
        return standby ? kTierStandby : 2;
    case State::hold:
        return kTierHold;
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

/// Who recovered together with the first is as good as the first. A line that has only just
/// recovered does not take the traffic from one that may be about to.
void rank_recovered(std::vector<Candidate>& candidates, const ChoicePolicy& policy) {
    const auto carries = [&](const Candidate& each) {
        return policy.carrying.contains(each.line->key());
    };
    const bool last_resort_carries = policy.last_resort == LastResort::keep &&
                                     std::ranges::any_of(candidates, [&](const Candidate& each) {
                                         return each.state == State::down && carries(each);
                                     });
    Time first = Time::max();
    for (const Candidate& each : candidates)
        if (each.state == State::hold)
            first = std::min(first, each.rank.recovered);
    for (Candidate& each : candidates) {
        each.rank.moves = each.rank.tier >= kTierHold && !carries(each);
        if (each.state != State::hold)
            continue;
        if (last_resort_carries && policy.now < each.rank.recovered + kTogether) {
            each.rank.tier = kTierDown;
            each.rank.recovered = {};
        } else if (each.rank.recovered < first + kTogether) {
            each.rank.recovered = first;
        }
    }
}

std::vector<Candidate> rank_lines(const std::vector<Line>& lines,
                                  const std::map<ProbeKey, Health>& health, Family family,
                                  const ChoicePolicy& policy) {
    std::vector<Candidate> candidates;
    for (const Line& line : lines) {
        if (line.family != family || line.blocked)
            continue;
        const Health& known = health.at(line.key());
        const Time recovered = known.state == State::hold ? known.since : Time{};
        if (const auto tier = tier_of(known.state, line.uplink->standby))
            candidates.push_back({{*tier, recovered, !policy.keep.contains(line.key()), false,
                                   preference_of(*line.uplink)},
                                  &line,
                                  known.state});
    }
    rank_recovered(candidates, policy);
    std::ranges::stable_sort(candidates, {}, &Candidate::rank);
    return candidates;
}

std::string describe(const Candidate& best, std::size_t sharing) {
    const std::string preference =
        "preference " + std::to_string(best.rank.preference) +
        (sharing > 1 ? ", shared by " + std::to_string(sharing) + " lines" : "");
    if (best.rank.tier == kTierStandby)
        return "no other line is up; the best of those that stand by, " + preference;
    if (!best.rank.newcomer)
        return "it carries, and nothing fails back before it fails, " + preference;
    switch (best.state) {
    case State::down:
        return "no line passes its probes; last resort keeps the default, " + preference;
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
    if (best.rank.tier == kTierDown && policy.last_resort == LastResort::withdraw) {
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
    choice.reason = describe(best, choice.carrying.size());
    return choice;
}

} // namespace multihomed::core
