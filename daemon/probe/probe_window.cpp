// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/probe_window.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

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

void ProbeWindow::set_limits(const WindowLimits& limits) {
    limits_ = limits;
    sum_outages();
}

std::uint64_t ProbeWindow::in_window(const Run& run) const {
    return run.end - std::max(run.begin, dropped_);
}

/// How many of the run's probes in the window belong to an outage.
std::uint64_t ProbeWindow::outage_part(const Run& run, std::uint64_t undecided) const {
    return run.length() - undecided >= limits_.fail_after ? in_window(run) - undecided : 0;
}

void ProbeWindow::sum_outages() {
    outage_unanswered_ = 0;
    for (const Run& run : runs_)
        outage_unanswered_ += outage_part(run, 0);
}

void ProbeWindow::drop_oldest() {
    if (const auto rtt = probes_.front().rtt) {
        --answered_;
        if (probes_.front().timed) {
            --timed_;
            rtt_sum_us_ -= as_number(*rtt);
            rtt_square_sum_us2_ -= as_number(*rtt) * as_number(*rtt);
        }
        probes_.pop_front();
        ++dropped_;
        return;
    }
    const std::uint64_t end = end_number();
    const Run& run = runs_.front();
    outage_unanswered_ -= outage_part(run, 0);
    probes_.pop_front();
    ++dropped_;
    outage_unanswered_ += outage_part(run, 0);
    if (in_window(run) == 0 && run.end != end)
        runs_.pop_front();
}

void ProbeWindow::drop_old(Time now) {
    const auto length = std::max(limits_.length, limits_.timeout);
    while (!probes_.empty() && now - probes_.front().sent > length)
        drop_oldest();
}

void ProbeWindow::add(const Probe& probe) {
    drop_old(probe.sent);
    if (probes_.size() >= kMaxProbes)
        drop_oldest();
    const std::uint64_t number = end_number();
    if (runs_.empty() || runs_.back().end != number)
        runs_.push_back({number, number});
    Run& run = runs_.back();
    outage_unanswered_ -= outage_part(run, 0);
    probes_.push_back(probe);
    ++run.end;
    outage_unanswered_ += outage_part(run, 0);
}

void ProbeWindow::sent(std::uint16_t sequence, Time at, Microseconds patience) {
    const bool timed = consecutive_lost(at) == 0;
    add({.sent = at, .rtt = {}, .patience = patience, .sequence = sequence, .timed = timed});
}

void ProbeWindow::failed(std::uint16_t sequence, Time at) {
    add({.sent = at, .rtt = {}, .patience = {}, .sequence = sequence, .failed = true});
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

bool ProbeWindow::refused(std::uint16_t sequence) {
    const auto found = find(sequence);
    if (found == probes_.crend() || found->rtt || found->failed)
        return false;
    probes_[static_cast<std::size_t>(probes_.crend() - found - 1)].failed = true;
    return true;
}

void ProbeWindow::hasten(Time now, Microseconds patience) {
    for (auto probe = probes_.rbegin(); probe != probes_.rend(); ++probe) {
        if (now - probe->sent >= limits_.timeout)
            break;
        probe->patience = std::min(probe->patience, patience);
    }
}

/// It has been answered: what was one run are two, or a shorter one, or none.
void ProbeWindow::take_out_of_run(std::uint64_t number) {
    // Replies are to new probes: the run is one of the last.
    const auto newest =
        std::find_if(runs_.rbegin(), runs_.rend(), [&](const Run& r) { return r.begin <= number; });
    const auto run = std::prev(newest.base());
    outage_unanswered_ -= outage_part(*run, 0);
    const Run before{run->begin, number};
    const Run after{number + 1, run->end};
    auto place = runs_.erase(run);
    for (const Run& rest : {after, before})
        if (rest.end > std::max(rest.begin, dropped_)) {
            place = runs_.insert(place, rest);
            outage_unanswered_ += outage_part(rest, 0);
        }
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
    if (probe.timed) {
        ++timed_;
        rtt_sum_us_ += as_number(rtt);
        rtt_square_sum_us2_ += as_number(rtt) * as_number(rtt);
        if (!last_reply_ || at >= *last_reply_)
            rtt_newest_ = rtt;
    }
    last_reply_ = std::max(last_reply_.value_or(at), at);
    take_out_of_run(dropped_ + place);
    if (!std::exchange(ever_received_, true))
        while (is_lost(probes_.front(), at))
            drop_oldest();
    return true;
}

std::uint64_t ProbeWindow::unanswered_at_end() const {
    return !runs_.empty() && runs_.back().end == end_number() ? runs_.back().length() : 0;
}

Microseconds ProbeWindow::patience_of(const Probe& probe) const {
    return std::min<Microseconds>(probe.patience, limits_.timeout);
}

bool ProbeWindow::is_lost(const Probe& probe, Time now) const {
    return !probe.rtt && (probe.failed || now - probe.sent >= patience_of(probe));
}

ProbeWindow::Undecided ProbeWindow::undecided(Time now) const {
    Undecided found;
    auto run = runs_.crbegin();
    std::uint64_t in_run = 0;
    const auto leave_run = [&] {
        if (in_run != 0)
            found.in_outages += outage_part(*run, 0) - outage_part(*run, in_run);
        in_run = 0;
    };
    std::uint64_t number = end_number();
    for (auto probe = probes_.crbegin();
         probe != probes_.crend() && now - probe->sent < limits_.timeout; ++probe) {
        --number;
        if (probe->rtt || is_lost(*probe, now))
            continue;
        for (; number < run->begin; ++run)
            leave_run();
        ++in_run;
        ++found.count;
        found.in_last_run += run == runs_.crbegin() ? 1U : 0U;
        const Time loss = probe->sent + patience_of(*probe);
        found.next_loss = std::min(found.next_loss.value_or(loss), loss);
    }
    leave_run();
    return found;
}

std::uint32_t ProbeWindow::consecutive_lost(Time now) const {
    const std::uint64_t unanswered = unanswered_at_end();
    return unanswered == 0 ? 0
                           : static_cast<std::uint32_t>(unanswered - undecided(now).in_last_run);
}

std::optional<ProbeWindow::RoundTrip> ProbeWindow::round_trip() const {
    if (timed_ == 0)
        return std::nullopt;
    const double average = static_cast<double>(rtt_sum_us_) / timed_;
    const double square = static_cast<double>(rtt_square_sum_us2_) / timed_;
    const double variance = std::max(0.0, square - average * average);
    return RoundTrip{Microseconds(std::llround(average)),
                     Microseconds(std::llround(std::sqrt(variance))), rtt_newest_};
}

core::TargetFigures ProbeWindow::figures(Time now) {
    drop_old(now);
    const Undecided open = undecided(now);
    const std::uint64_t unanswered = unanswered_at_end();
    core::TargetFigures figures;
    figures.sent = static_cast<std::uint32_t>(probes_.size());
    figures.received = answered_;
    figures.lost = figures.sent - answered_ - open.count;
    figures.outage_lost = static_cast<std::uint32_t>(outage_unanswered_ - open.in_outages);
    figures.consecutive_lost =
        unanswered == 0 ? 0 : static_cast<std::uint32_t>(unanswered - open.in_last_run);
    figures.ever_received = ever_received_;
    figures.last_reply = last_reply_;
    if (const auto rtt = round_trip()) {
        figures.rtt_average = rtt->average;
        figures.rtt_deviation = rtt->deviation;
        figures.rtt_newest = rtt->newest;
    }
    return figures;
}

std::optional<Time> ProbeWindow::next_loss(Time now) const {
    return undecided(now).next_loss;
}

} // namespace multihomed::probe
