// SPDX-License-Identifier: GPL-2.0-or-later
//
// The penalty of a line that comes and goes, after RFC 2439: every failure adds to it, time halves
// it. A line whose penalty has reached `suppress` is not taken back before it has decayed to
// `reuse`, or before `max_suppress` has passed without another failure. Pure; time is handed in.
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
    std::optional<Time> reuse_at = {}; ///< until then it is suppressed

    bool operator==(const Penalty&) const = default;
};

/// Its value now.
double penalty_at(const Penalty& penalty, const Probing& probing, Time now);
/// After a failure that costs `more`.
Penalty add_penalty(const Penalty& penalty, double more, const Probing& probing, Time now);
bool is_suppressed(const Penalty& penalty, Time now);
/// "penalty 2310, suppressed for another 24 min"
std::string penalty_text(const Penalty& penalty, const Probing& probing, Time now);

} // namespace multihomed::core
