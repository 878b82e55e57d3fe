// SPDX-License-Identifier: GPL-2.0-or-later
//
// What happened to the probes of one target in the last minute. Sender and receiver only fill a
// ring; loss, round-trip time and losses in a row are computed when asked, so a late reply corrects
// the figures. Pure; time is handed in.
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

    void sent(std::uint16_t sequence, Time at);
    /// The probe could not be sent: lost at once.
    void failed(std::uint16_t sequence, Time at);
    /// False for a reply to nothing that is in the window, or a second one.
    bool received(std::uint16_t sequence, Time at);

    /// All but target and last_error.
    core::TargetFigures figures(Time now) const;
    /// Probes lost in a row, newest first, up to the newest answered one.
    std::uint32_t consecutive_lost(Time now) const;
    /// When the oldest undecided probe will be lost.
    std::optional<Time> next_loss(Time now) const;

private:
    struct Probe {
        std::uint16_t sequence = 0;
        Time sent{};
        bool failed = false;
        std::optional<Microseconds> rtt;
    };
    bool is_lost(const Probe& probe, Time now) const;

    std::chrono::milliseconds timeout_;
    std::chrono::milliseconds length_;
    std::deque<Probe> probes_; ///< oldest first
    bool ever_received_ = false;
    std::optional<Time> last_reply_;
};

} // namespace multihomed::probe
