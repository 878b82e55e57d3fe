// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/probe_window.hpp"

#include <algorithm>
#include <cmath>

namespace multihomed::probe {

namespace {

/// Bounds memory whatever interval and length are.
constexpr std::size_t kMaxProbes = 1024;

} // namespace

bool ProbeWindow::is_lost(const Probe& probe, Time now) const {
    return !probe.rtt && (probe.failed || now - probe.sent >= timeout_);
}

void ProbeWindow::sent(std::uint16_t sequence, Time at) {
    while (!probes_.empty() &&
           (probes_.size() >= kMaxProbes || at - probes_.front().sent > length_))
        probes_.pop_front();
    probes_.push_back({sequence, at, false, std::nullopt});
}

void ProbeWindow::failed(std::uint16_t sequence, Time at) {
    sent(sequence, at);
    probes_.back().failed = true;
}

bool ProbeWindow::received(std::uint16_t sequence, Time at) {
    const auto found = std::find_if(probes_.rbegin(), probes_.rend(),
                                    [&](const Probe& probe) { return probe.sequence == sequence; });
    if (found == probes_.rend() || found->rtt || found->failed)
        return false;
    const auto rtt = std::chrono::duration_cast<Microseconds>(at - found->sent);
    found->rtt = std::max(rtt, Microseconds(0));
    ever_received_ = true;
    last_reply_ = std::max(last_reply_.value_or(at), at);
    return true;
}

std::uint32_t ProbeWindow::consecutive_lost(Time now) const {
    std::uint32_t lost = 0;
    for (auto probe = probes_.rbegin(); probe != probes_.rend() && !probe->rtt; ++probe)
        if (is_lost(*probe, now))
            ++lost;
    return lost;
}

core::TargetFigures ProbeWindow::figures(Time now) const {
    core::TargetFigures figures;
    figures.ever_received = ever_received_;
    figures.last_reply = last_reply_;
    figures.consecutive_lost = consecutive_lost(now);
    double sum = 0;
    double squares = 0;
    for (const Probe& probe : probes_) {
        if (now - probe.sent > length_)
            continue;
        ++figures.sent;
        if (is_lost(probe, now))
            ++figures.lost;
        if (!probe.rtt)
            continue;
        ++figures.received;
        const auto rtt = static_cast<double>(probe.rtt->count());
        sum += rtt;
        squares += rtt * rtt;
    }
    if (figures.received != 0) {
        const double average = sum / figures.received;
        const double variance = std::max(0.0, squares / figures.received - average * average);
        figures.rtt_average = Microseconds(std::llround(average));
        figures.rtt_deviation = Microseconds(std::llround(std::sqrt(variance)));
    }
    return figures;
}

std::optional<Time> ProbeWindow::next_loss(Time now) const {
    for (const Probe& probe : probes_)
        if (!probe.rtt && !probe.failed && now - probe.sent < timeout_)
            return probe.sent + timeout_;
    return std::nullopt;
}

} // namespace multihomed::probe
