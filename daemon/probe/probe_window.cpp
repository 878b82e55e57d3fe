// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/probe_window.hpp"

#include <algorithm>
#include <cmath>

namespace multihomed::probe {

namespace {

/// Bounds memory whatever interval and length are.
constexpr std::size_t kMaxProbes = 1024;
/// A reply that comes later than this is not believed to be one; bounds the sums.
constexpr Microseconds kMaxRtt = std::chrono::minutes(1);

std::uint64_t as_number(Microseconds rtt) {
    return static_cast<std::uint64_t>(rtt.count());
}

} // namespace

void ProbeWindow::drop_oldest() {
    if (const auto rtt = probes_.front().rtt) {
        --answered_;
        rtt_sum_us_ -= as_number(*rtt);
        rtt_square_sum_us2_ -= as_number(*rtt) * as_number(*rtt);
    }
    probes_.pop_front();
    ++dropped_;
}

void ProbeWindow::drop_old(Time now) {
    while (!probes_.empty() && now - probes_.front().sent > length_)
        drop_oldest();
}

void ProbeWindow::add(std::uint16_t sequence, Time at, bool failed) {
    drop_old(at);
    if (probes_.size() >= kMaxProbes)
        drop_oldest();
    probes_.push_back({.sent = at, .rtt = std::nullopt, .sequence = sequence, .failed = failed});
}

void ProbeWindow::sent(std::uint16_t sequence, Time at) {
    add(sequence, at, false);
}

void ProbeWindow::failed(std::uint16_t sequence, Time at) {
    add(sequence, at, true);
}

/// The newest one of this number: they wrap.
std::deque<ProbeWindow::Probe>::const_reverse_iterator
ProbeWindow::find(std::uint16_t sequence) const {
    return std::find_if(probes_.crbegin(), probes_.crend(),
                        [&](const Probe& probe) { return probe.sequence == sequence; });
}

bool ProbeWindow::awaits(std::uint16_t sequence) const {
    const auto found = find(sequence);
    return found != probes_.crend() && !found->rtt && !found->failed;
}

bool ProbeWindow::received(std::uint16_t sequence, Time at) {
    const auto found = find(sequence);
    if (found == probes_.crend() || found->rtt || found->failed)
        return false;
    const auto place = static_cast<std::size_t>(probes_.crend() - found - 1);
    Probe& probe = probes_[place];
    const auto rtt = std::clamp(std::chrono::duration_cast<Microseconds>(at - probe.sent),
                                Microseconds(0), kMaxRtt);
    probe.rtt = rtt;
    ++answered_;
    rtt_sum_us_ += as_number(rtt);
    rtt_square_sum_us2_ += as_number(rtt) * as_number(rtt);
    newest_answered_ = std::max(newest_answered_.value_or(0), dropped_ + place);
    ever_received_ = true;
    last_reply_ = std::max(last_reply_.value_or(at), at);
    return true;
}

std::uint32_t ProbeWindow::behind_newest_answer() const {
    std::uint64_t first = dropped_;
    if (newest_answered_)
        first = std::max(first, *newest_answered_ + 1);
    return static_cast<std::uint32_t>(dropped_ + probes_.size() - first);
}

ProbeWindow::Undecided ProbeWindow::undecided(Time now) const {
    Undecided found;
    const std::uint32_t behind = behind_newest_answer();
    std::uint32_t seen = 0;
    for (auto probe = probes_.crbegin(); probe != probes_.crend() && now - probe->sent < timeout_;
         ++probe, ++seen) {
        if (probe->rtt || probe->failed)
            continue;
        ++found.count;
        found.behind_newest_answer += seen < behind ? 1U : 0U;
        found.oldest = probe->sent;
    }
    return found;
}

std::uint32_t ProbeWindow::consecutive_lost(Time now) const {
    return behind_newest_answer() - undecided(now).behind_newest_answer;
}

core::TargetFigures ProbeWindow::figures(Time now) {
    drop_old(now);
    const Undecided open = undecided(now);
    core::TargetFigures figures;
    figures.sent = static_cast<std::uint32_t>(probes_.size());
    figures.received = answered_;
    figures.lost = figures.sent - answered_ - open.count;
    figures.consecutive_lost = behind_newest_answer() - open.behind_newest_answer;
    figures.ever_received = ever_received_;
    figures.last_reply = last_reply_;
    if (answered_ != 0) {
        const double average = static_cast<double>(rtt_sum_us_) / answered_;
        const double square = static_cast<double>(rtt_square_sum_us2_) / answered_;
        const double variance = std::max(0.0, square - average * average);
        figures.rtt_average = Microseconds(std::llround(average));
        figures.rtt_deviation = Microseconds(std::llround(std::sqrt(variance)));
    }
    return figures;
}

std::optional<Time> ProbeWindow::next_loss(Time now) const {
    const auto oldest = undecided(now).oldest;
    return oldest ? std::optional(*oldest + timeout_) : std::nullopt;
}

} // namespace multihomed::probe
