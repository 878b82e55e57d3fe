// SPDX-License-Identifier: GPL-2.0-or-later
#include "event_loop.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <sys/timerfd.h>
#include <system_error>
#include <unistd.h>

namespace multihomed::frr {

using namespace std::chrono_literals;

namespace {

/// steady_clock is this clock.
int open_timer() {
    const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        throw std::system_error(errno, std::generic_category(), "timerfd_create");
    return fd;
}

} // namespace

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

Timer::Timer(mh_loop* loop, Callback callback)
    : callback_(std::move(callback)), fd_(open_timer()),
      watch_(loop, fd_.get(), [this] { fired(); }) {}

void Timer::set(std::optional<std::chrono::steady_clock::time_point> when) {
    if (when == when_)
        return;
    when_ = when;
    using namespace std::chrono;
    itimerspec expiry{}; // all zero: never
    if (when) {
        const auto since_boot = std::max(duration_cast<nanoseconds>(when->time_since_epoch()), 1ns);
        expiry.it_value.tv_sec = duration_cast<seconds>(since_boot).count();
        expiry.it_value.tv_nsec = (since_boot % 1s).count();
    }
    timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &expiry, nullptr);
}

/// Nothing is to be read if it was set again in the meantime.
void Timer::fired() {
    std::uint64_t times = 0;
    if (read(fd_.get(), &times, sizeof times) != sizeof times)
        return;
    when_.reset();
    callback_();
}

void Soon::request() {
    mh_event_add_event(loop_, fired, this, 0, &event_);
}

void Soon::fired(mh_event* event) {
    call_guarded(static_cast<Soon*>(MH_EVENT_ARG(event))->callback_);
}

} // namespace multihomed::frr
