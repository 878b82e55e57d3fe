// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/ra_schedule.hpp"

#include <algorithm>

namespace multihomed::apply {

namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

/// RFC 4861, section 6.2.1: MinRtrAdvInterval
Milliseconds shortest_of(Milliseconds longest) {
    return longest >= 9s ? longest / 3 : longest * 3 / 4;
}

} // namespace

Time RaSchedule::earliest_change(Time now) const {
    if (!last_to_all_)
        return now;
    const Time saved = paid_until_ - (kSaved - 1) * kMinDelay;
    return std::max(now, std::min(saved, *last_to_all_ + kMinDelay));
}

void RaSchedule::change(Time now) {
    repeats_ = kRepeats;
    to_all_ = earliest_change(now);
}

void RaSchedule::farewell(Time now) {
    repeats_ = kRepeats;
    to_all_ = now;
}

void RaSchedule::solicit(const core::Address& host, Time now) {
    if (!to_all_)
        return; // we do not advertise
    const Milliseconds delay = some_of(kMaxAnswerDelay);
    if (*to_all_ <= now + delay)
        return; // which answers it
    const bool all =
        host.is_unspecified() || (asking_.size() >= kMaxAsking && !asking_.contains(host));
    if (!all) {
        asking_.try_emplace(host, now + delay);
        return;
    }
    const Time from = last_to_all_ ? std::max(now, *last_to_all_ + kMinDelay) : now;
    to_all_ = std::min(*to_all_, from + delay);
}

void RaSchedule::end() {
    to_all_.reset();
    asking_.clear();
    repeats_ = 0;
}

Milliseconds RaSchedule::pause() {
    if (repeats_ > 0)
        return kMinDelay + some_of(1s);
    const Milliseconds shortest = std::max(shortest_of(longest_), kMinDelay);
    return shortest + some_of(longest_ - shortest);
}

RaSchedule::Due RaSchedule::take(Time now) {
    Due due;
    if (to_all_ && *to_all_ <= now) {
        due.to_all = true;
        asking_.clear();
        repeats_ = std::max(0, repeats_ - 1);
        last_to_all_ = now;
        paid_until_ = std::max(paid_until_, now) + kMinDelay;
        to_all_ = now + pause();
        return due;
    }
    for (const auto& [host, when] : asking_)
        if (when <= now)
            due.to.push_back(host);
    for (const core::Address& host : due.to)
        asking_.erase(host);
    return due;
}

void RaSchedule::failed(Time now) {
    repeats_ = kRepeats;
    to_all_ = now + kTryAgain;
}

std::optional<Time> RaSchedule::next() const {
    std::optional<Time> next = to_all_;
    for (const auto& [host, when] : asking_)
        next = std::min(next.value_or(when), when);
    return next;
}

} // namespace multihomed::apply
