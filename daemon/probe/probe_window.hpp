// SPDX-License-Identifier: GPL-2.0-or-later
//
// What happened to the probes of one target in the last minute, or as long as the plan says. Sender
// and receiver only fill a ring; loss, round-trip time, losses in a row and outages are computed
// when asked, so a late reply corrects the figures. Asking costs no more than the few probes that
// are still undecided: what is behind them is kept as sums, and as the runs of unanswered probes,
// each of which knows how long it was even when its beginning has left the window. Pure; time is
// handed in.
#pragma once

#include "core/observation.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace multihomed::probe {

using core::Microseconds;
using core::Time;

struct WindowLimits {
    std::chrono::milliseconds timeout{400}; ///< after which a probe without a reply is lost
    /// Of the window; at least the timeout is kept.
    std::chrono::milliseconds length{60'000};
    std::uint32_t fail_after = 3; ///< so many lost in a row are an outage
};

class ProbeWindow {
public:
    explicit ProbeWindow(const WindowLimits& limits) : limits_(limits) {}

    /// In force at once, also for the probes that are in the window.
    void set_limits(const WindowLimits& limits);

    /// Probes are entered in the order of their times. `patience` is this probe's own timeout, if
    /// shorter than that of all.
    void sent(std::uint16_t sequence, Time at, Microseconds patience = Microseconds::max());
    /// The probe could not be sent: lost at once.
    void failed(std::uint16_t sequence, Time at);
    /// The probe was answered by a refusal: lost at once. False like received().
    bool refused(std::uint16_t sequence);
    /// False for a reply to nothing that is in the window, or a second one. The first of all makes
    /// what was lost before it forgotten: a line's own route and its gateway's address may be
    /// younger than the first probes. A probe that went out while nothing came back says nothing
    /// about the round-trip time, since it may have waited in the kernel for the gateway's address.
    bool received(std::uint16_t sequence, Time at);
    /// Gives the undecided probes no more time than this after they went out.
    void hasten(Time now, Microseconds patience);
    /// Is this probe in the window, sent, and without a reply so far?
    bool awaits(std::uint16_t sequence) const;

    /// All but target and last_error.
    core::TargetFigures figures(Time now);
    /// Probes lost in a row, newest first, up to the newest answered one.
    std::uint32_t consecutive_lost(Time now) const;
    /// When the next of the undecided probes will be lost.
    std::optional<Time> next_loss(Time now) const;
    bool ever_received() const { return ever_received_; }

    struct RoundTrip {
        Microseconds average{0};
        Microseconds deviation{0};
        Microseconds newest{0};
    };
    /// Of the answered and timed probes in the window, as far as they have not been found too old.
    std::optional<RoundTrip> round_trip() const;

private:
    struct Probe {
        Time sent{};
        std::optional<Microseconds> rtt;
        Microseconds patience{};
        std::uint16_t sequence = 0;
        bool failed = false;
        bool timed = false; ///< when it is answered, its time counts
    };
    /// Probes without an answer between two that have one: [begin, end) of their numbers.
    struct Run {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        std::uint64_t length() const { return end - begin; }
    };
    /// Neither answered nor lost yet.
    struct Undecided {
        std::uint32_t count = 0;
        std::uint32_t in_last_run = 0;
        std::uint64_t in_outages = 0; ///< of the sum outage_unanswered_, what is no loss
        std::optional<Time> next_loss;
    };
    void add(const Probe& probe);
    void drop_oldest();
    void drop_old(Time now);
    Undecided undecided(Time now) const;
    std::uint64_t end_number() const { return dropped_ + probes_.size(); }
    std::uint64_t unanswered_at_end() const;
    std::uint64_t in_window(const Run& run) const;
    std::uint64_t outage_part(const Run& run, std::uint64_t undecided) const;
    void take_out_of_run(std::uint64_t number);
    void sum_outages();
    Microseconds patience_of(const Probe& probe) const;
    bool is_lost(const Probe& probe, Time now) const;
    std::deque<Probe>::const_reverse_iterator find(std::uint16_t sequence) const;

    WindowLimits limits_;
    std::deque<Probe> probes_;  ///< oldest first
    std::uint64_t dropped_ = 0; ///< probes that have left the window: number of the front one
    /// In order. That which reaches to the newest probe stays when all of it has left the window.
    std::deque<Run> runs_;
    std::uint64_t outage_unanswered_ = 0; ///< probes in the window, in runs of fail_after or more
    // Over the answered probes in the window. 1024 squares of 60 s in microseconds fit.
    std::uint32_t answered_ = 0;
    std::uint32_t timed_ = 0;
    std::uint64_t rtt_sum_us_ = 0;
    std::uint64_t rtt_square_sum_us2_ = 0;
    bool ever_received_ = false;
    std::optional<Time> last_reply_;
    Microseconds rtt_newest_{0};
};

} // namespace multihomed::probe
