// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop.hpp"

#include <exception>

namespace multihomed::frr {

void call_guarded(const Callback& callback) noexcept {
    try {
        callback();
    } catch (const std::exception& failure) {
        zlog_err("internal error: %s", failure.what());
    } catch (...) {
        zlog_err("internal error of unknown kind");
    }
}

ReadWatch::ReadWatch(mh_loop* loop, int fd, Callback callback)
    : loop_(loop), fd_(fd), callback_(std::move(callback)) {
    arm();
}

ReadWatch::~ReadWatch() {
    mh_event_cancel(&event_);
}

void ReadWatch::arm() {
    mh_event_add_read(loop_, fired, this, fd_, &event_);
}

void ReadWatch::fired(mh_event* event) {
    auto* watch = static_cast<ReadWatch*>(MH_EVENT_ARG(event));
    watch->arm();
    call_guarded(watch->callback_);
}

void Timer::set(std::optional<std::chrono::steady_clock::time_point> when) {
    if (when == when_ && (event_ || !when))
        return;
    cancel();
    when_ = when;
    if (!when)
        return;
    using namespace std::chrono;
    const auto left = ceil<milliseconds>(*when - steady_clock::now()).count();
    mh_event_add_timer_msec(loop_, fired, this, left > 0 ? static_cast<long>(left) : 0, &event_);
}

void Timer::cancel() {
    mh_event_cancel(&event_);
    when_.reset();
}

void Timer::fired(mh_event* event) {
    auto* timer = static_cast<Timer*>(MH_EVENT_ARG(event));
    timer->when_.reset();
    call_guarded(timer->callback_);
}

void Soon::request() {
    mh_event_add_event(loop_, fired, this, 0, &event_);
}

void Soon::fired(mh_event* event) {
    call_guarded(static_cast<Soon*>(MH_EVENT_ARG(event))->callback_);
}

} // namespace multihomed::frr
