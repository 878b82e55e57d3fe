// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/probing.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

constexpr std::uint32_t kHour = 3'600'000; // ms
constexpr std::uint32_t kDay = 86'400;     // s

constexpr std::array<KnobRange, kKnobs> kRanges{{
    {"interval", "the probe interval in milliseconds", 10, 60'000},
    {"timeout", "the probe timeout in milliseconds", 10, 60'000},
    {"fail-after", "the number of lost probes", 1, 100},
    {"stable-for", "the stable time in milliseconds", 0, kHour},
    {"window", "the window in milliseconds", 1'000, kHour},
    {"loss low", "the loss in percent", 1, 100},
    {"loss high", "the loss in percent", 1, 100},
    {"latency low", "the latency in milliseconds", 0, 60'000},
    {"latency high", "the latency in milliseconds", 0, 60'000},
    {"jitter high", "the jitter in milliseconds", 0, 60'000},
    {"quorum", "the number of targets", 1, kQuorumAll},
    {"dampening half-life", "the half-life in seconds", 0, kDay},
    {"dampening suppress", "the penalty", 1, 20'000},
    {"dampening reuse", "the penalty", 1, 20'000},
    {"dampening max-suppress", "the longest suppression in seconds", 1, kDay},
    {"spare-probes", "the flag", 0, 1},
}};

constexpr Probing kDefault{
    {200, 400, 3, 5'000, 15'000, 10, 50, 0, 0, 0, 1, 900, 2'000, 750, 3'600, 0}};

constexpr Probing changed(Probing from, std::initializer_list<std::pair<Knob, std::uint32_t>> to) {
    for (const auto& [knob, value] : to)
        from.values[static_cast<std::size_t>(knob)] = value;
    return from;
}

/// Three losses in a row fall within some 110 ms; the price is fifty small packets a second.
constexpr Probing kFast =
    changed(kDefault, {{Knob::interval, 20}, {Knob::timeout, 60}, {Knob::window, 10'000}});

/// 5,400 echoes a day, for IPv4 and IPv6 together less than a megabyte in both directions; fewer
/// while traffic shows that the line works. The first loss is made sure of at once.
constexpr Probing kMetered = changed(kDefault, {{Knob::interval, 16'000},
                                                {Knob::timeout, 1'000},
                                                {Knob::stable_for, 30'000},
                                                {Knob::window, 600'000},
                                                {Knob::spare_probes, 1}});

/// In the order of kBuiltInProfiles.
constexpr std::array<Probing, kBuiltInProfiles.size()> kBuiltIn{kDefault, kFast, kMetered};

} // namespace

const KnobRange& range_of(Knob knob) {
    return kRanges[static_cast<std::size_t>(knob)];
}

Probing Probing::with(const ProbeSettings& settings) const {
    Probing result = *this;
    for (std::size_t i = 0; i < kKnobs; ++i)
        result.values[i] = settings.typed[i].value_or(values[i]);
    return result;
}

Probing built_in(std::string_view profile) {
    const auto found = std::ranges::find(kBuiltInProfiles, profile);
    return found == kBuiltInProfiles.end() ? kDefault : kBuiltIn[found - kBuiltInProfiles.begin()];
}

bool is_built_in(std::string_view profile) {
    return std::ranges::find(kBuiltInProfiles, profile) != kBuiltInProfiles.end();
}

std::string to_text(Knob knob, std::uint32_t value) {
    const std::string words = range_of(knob).words;
    if (knob == Knob::spare_probes)
        return (value == 0 ? "no " : "") + words;
    if (knob == Knob::quorum && (value == 1 || value == kQuorumAll))
        return words + (value == 1 ? " any" : " all");
    return words + " " + std::to_string(value);
}

} // namespace multihomed::core
