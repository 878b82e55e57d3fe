// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/dampening.hpp"

#include <algorithm>
#include <cmath>

namespace multihomed::core {

namespace {

using Seconds = std::chrono::duration<double>;

/// Whatever a line does, it has not more than this.
constexpr double kMost = 20'000;

/// A `reuse` above `suppress` counts as that.
double reuse_below(const Probing& probing) {
    return std::min(probing[Knob::reuse], probing[Knob::suppress]);
}

} // namespace

double penalty_at(const Penalty& penalty, const Probing& probing, Time now) {
    if (probing[Knob::half_life] == 0)
        return 0;
    const double elapsed = std::max(0.0, Seconds(now - penalty.at).count());
    return penalty.value * std::exp2(-elapsed / probing[Knob::half_life]);
}

Penalty add_penalty(const Penalty& penalty, double more, const Probing& probing, Time now) {
    if (probing[Knob::half_life] == 0)
        return {};
    Penalty next{.value = std::min(penalty_at(penalty, probing, now) + more, kMost), .at = now};
    next.peak = next.value;
    if (is_suppressed(penalty, probing, now))
        next.peak = std::max(next.peak, penalty.peak);
    return next;
}

std::optional<Time> reuse_at(const Penalty& penalty, const Probing& probing) {
    const double reuse = reuse_below(probing);
    if (probing[Knob::half_life] == 0 || penalty.value <= reuse ||
        penalty.peak < probing[Knob::suppress])
        return std::nullopt;
    const Seconds decay(std::log2(penalty.value / reuse) * probing[Knob::half_life]);
    return penalty.at + std::min(std::chrono::ceil<Milliseconds>(decay),
                                 Milliseconds(std::chrono::seconds(probing[Knob::max_suppress])));
}

bool is_suppressed(const Penalty& penalty, const Probing& probing, Time now) {
    const auto end = reuse_at(penalty, probing);
    return end && now < *end;
}

std::string penalty_text(const Penalty& penalty, const Probing& probing, Time now) {
    std::string text = "penalty " + std::to_string(std::lround(penalty_at(penalty, probing, now)));
    const auto end = reuse_at(penalty, probing);
    if (!end || now >= *end)
        return text;
    const auto left = std::chrono::ceil<std::chrono::seconds>(*end - now).count();
    return text + ", suppressed for another " +
           (left < 120 ? std::to_string(left) + " s" : std::to_string((left + 59) / 60) + " min");
}

} // namespace multihomed::core
