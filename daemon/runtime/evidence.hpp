// SPDX-License-Identifier: GPL-2.0-or-later
//
// Users' traffic as evidence: looks at the counters of all lines many times a second. A line out of
// which packets go while none come in is probed at once; by one that brings packets in, probes may
// be spared; where the guard drops packets, flows may have begun untranslated. Decides nothing
// itself: the probes do. One thread.
#pragma once

#include "apply/line_traffic.hpp"
#include "core/silence.hpp"
#include "runtime/log.hpp"

#include <chrono>
#include <functional>
#include <map>

namespace multihomed::runtime {

/// Between two looks. A silence is noticed some three looks after it has begun. Looking costs about
/// 3 us a line, so many lines are looked at less often.
constexpr std::chrono::milliseconds look_at_traffic_every(std::size_t lines) {
    constexpr std::chrono::milliseconds kLook{20};
    constexpr std::size_t kMany = 32;
    return kLook * static_cast<int>(1 + lines / kMany);
}

class Evidence {
public:
    using Tell = std::function<void(const core::ProbeKey&, core::Time)>;

    struct Tells {
        Tell silent;   ///< probe the line now
        Tell answered; ///< packets came in by it
        Tell guarded;  ///< its guard dropped packets
    };

    Evidence(apply::LineTrafficReader& reader, Tells tells, Log log)
        : reader_(reader), tells_(std::move(tells)), log_(std::move(log)) {}

    /// seen: for the round-trip times of the probes.
    void look(const core::Observation& seen, core::Time now);

private:
    apply::LineTrafficReader& reader_;
    Tells tells_;
    Log log_;
    core::SilenceWatch watch_;
    std::map<core::ProbeKey, core::LineTraffic> last_;
    bool failing_ = false; ///< the last look failed, which was logged
};

} // namespace multihomed::runtime
