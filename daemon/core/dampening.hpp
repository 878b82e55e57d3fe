// SPDX-License-Identifier: GPL-2.0-or-later
//
// The penalty of a line that comes and goes, after RFC 2439: every failure adds to it, time halves
// it. A line whose penalty has reached `suppress` is not taken back before it has decayed to
// `reuse`, or before `max_suppress` has passed without another failure. Everything is counted from
// the last failure with the numbers that are asked with, so it does not matter how often somebody
// asks, and numbers that the operator changes are in force at once. Pure; time is handed in.
#pragma once

#include "core/observation.hpp"
#include "core/probing.hpp"

#include <optional>
#include <string>

namespace multihomed::core {

/// For each time that a line in use became worse.
inline constexpr double kPenalty = 1000;

struct Penalty {
    double value = 0; ///< at the time `at`, when the line failed last
    Time at{};
    double peak = 0; ///< the highest value since it was suppressed: what `suppress` is held against

    bool operator==(const Penalty&) const = default;
};

/// Its value now.
double penalty_at(const Penalty& penalty, const Probing& probing, Time now);
/// After a failure that costs `more`.
Penalty add_penalty(const Penalty& penalty, double more, const Probing& probing, Time now);
/// Until when it is suppressed; absent: it is not, and has not been since its last failure.
std::optional<Time> reuse_at(const Penalty& penalty, const Probing& probing);
bool is_suppressed(const Penalty& penalty, const Probing& probing, Time now);
/// "penalty 2310, suppressed for another 24 min"
std::string penalty_text(const Penalty& penalty, const Probing& probing, Time now);

} // namespace multihomed::core
