// SPDX-License-Identifier: GPL-2.0-or-later
//
// What happened to the probes of one target in the last minute. Sender and receiver only fill a
// ring; loss, round-trip time and losses in a row are computed when asked, so a late reply corrects
// the figures. Asking costs no more than the few probes that are still undecided: what is behind
// them is kept as sums. Pure; time is handed in.
#pragma once

#include "core/observation.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace multihomed::probe {

using core::Microseconds;
using core::Time;

class ProbeWindow {
public:
    /// timeout: after which a probe without a reply is lost; length: of the window
    ProbeWindow(std::chrono::milliseconds timeout, std::chrono::milliseconds length)
        : timeout_(timeout), length_(length) {}

    void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }

    /// Probes are entered in the order of their times.
    void sent(std::uint16_t sequence, Time at);
    /// The probe could not be sent: lost at once.
    void failed(std::uint16_t sequence, Time at);
    /// False for a reply to nothing that is in the window, or a second one.
    bool received(std::uint16_t sequence, Time at);
    /// Is this probe in the window, sent, and without a reply so far?
    bool awaits(std::uint16_t sequence) const;

    /// All but target and last_error.
    core::TargetFigures figures(Time now);
    /// Probes lost in a row, newest first, up to the newest answered one.
    std::uint32_t consecutive_lost(Time now) const;
    /// When the oldest undecided probe will be lost.
    std::optional<Time> next_loss(Time now) const;

private:
    struct Probe {
        Time sent{};
        std::optional<Microseconds> rtt;
        std::uint16_t sequence = 0;
        bool failed = false;
    };
    /// Neither answered nor lost yet.
    struct Undecided {
        std::uint32_t count = 0;
        std::uint32_t behind_newest_answer = 0; ///< of these, sent after the newest answered one
        std::optional<Time> oldest;
    };
    void add(std::uint16_t sequence, Time at, bool failed);
    void drop_oldest();
    void drop_old(Time now);
    Undecided undecided(Time now) const;
    /// Probes sent after the newest answered one.
    std::uint32_t behind_newest_answer() const;
    std::deque<Probe>::const_reverse_iterator find(std::uint16_t sequence) const;

    std::chrono::milliseconds timeout_;
    std::chrono::milliseconds length_;
    std::deque<Probe> probes_;  ///< oldest first
    std::uint64_t dropped_ = 0; ///< probes that have left the window: number of the front one
    std::optional<std::uint64_t> newest_answered_; ///< number, counted from the very first probe
    // Over the answered probes in the window. 1024 squares of 60 s in microseconds fit.
    std::uint32_t answered_ = 0;
    std::uint64_t rtt_sum_us_ = 0;
    std::uint64_t rtt_square_sum_us2_ = 0;
    bool ever_received_ = false;
    std::optional<Time> last_reply_;
};

} // namespace multihomed::probe
