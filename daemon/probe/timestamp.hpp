// SPDX-License-Identifier: GPL-2.0-or-later
//
// The kernel stamps packets with the wall clock; round-trip times are taken with the monotonic one.
// WallClock turns one into the other, and does not believe a stamp from before the wall clock was
// set.
#pragma once

#include "core/observation.hpp"

#include <chrono>
#include <optional>

namespace multihomed::probe {

class WallClock {
public:
    using Wall = std::chrono::nanoseconds; ///< CLOCK_REALTIME, since its epoch

    /// Both clocks, read at the same moment, before the stamps of a batch are converted.
    void read(Wall wall, core::Time monotonic) {
        const auto offset = wall - monotonic.time_since_epoch();
        was_set_ = offset_ && std::chrono::abs(offset - *offset_) > kStep;
        offset_ = offset;
        now_ = monotonic;
    }
    /// When a packet with this stamp arrived; "now" if that cannot be told.
    core::Time when(Wall stamp) const {
        if (!offset_)
            return now_;
        const core::Time at(std::chrono::duration_cast<core::Time::duration>(stamp - *offset_));
        return was_set_ || at > now_ || now_ - at > kOldest ? now_ : at;
    }

private:
    /// More than slewing (500 ppm) moves the clock between two looks at an ordinary rate.
    static constexpr std::chrono::milliseconds kStep{1};
    static constexpr std::chrono::seconds kOldest{10};

    std::optional<std::chrono::nanoseconds> offset_;
    core::Time now_{};
    bool was_set_ = false;
};

} // namespace multihomed::probe
