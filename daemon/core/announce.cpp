// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/announce.hpp"

#include <algorithm>
#include <array>

namespace multihomed::core {

namespace {

enum Level : std::uint8_t { kBest, kOther, kImpaired, kDead };

constexpr std::array<std::uint32_t, 4> kMetrics{10, 20, 40, 80};
constexpr std::array<const char*, 4> kReasons{
    "the preferred line is up", "a line that is not the preferred one is up",
    "the best line is degraded, or has just recovered", "no line passes its probes"};

/// Could the operator have wished for a better one than this?
bool is_preferred(const Line& line, const std::vector<Line>& lines) {
    return !line.uplink->standby && std::ranges::none_of(lines, [&](const Line& other) {
        return other.family == line.family && !other.by_router() && !other.uplink->standby &&
               !other.uplink->shutdown &&
               preference_of(*other.uplink) < preference_of(*line.uplink);
    });
}

Level level_of(const Line& line, const std::vector<Line>& lines, const Health& health) {
    switch (health.state) {
    case State::up:
    case State::init:
        return is_preferred(line, lines) ? kBest : kOther;
    case State::degraded:
    case State::hold:
        return kImpaired;
    default:
        return health.dead ? kDead : kImpaired;
    }
}

Level worst_of(Announce::Least least) {
    return least == Announce::Least::up       ? kOther
           : least == Announce::Least::usable ? kImpaired
                                              : kDead;
}

} // namespace

Announcement announce(const Announce& typed, const std::vector<Line>& lines, const Choice& choice,
                      const std::map<ProbeKey, Health>& health) {
    Announcement said{.distance = typed.distance, .metric = typed.metric, .tag = typed.tag};
    if (choice.carrying.empty()) {
        said.withheld = true;
        said.reason = choice.reason;
        return said;
    }
    const Line& line = *choice.carrying.front(); // those that share are of one rank
    const Level level = level_of(line, lines, health.at(line.key()));
    said.withheld = level > worst_of(typed.least);
    said.reason = kReasons.at(level);
    if (typed.by_quality) {
        said.metric = kMetrics.at(level);
        said.tag = typed.tag == 0 ? 0 : typed.tag + level;
    }
    return said;
}

} // namespace multihomed::core
