// SPDX-License-Identifier: GPL-2.0-or-later
//
// libfrr's event loop for C++: each object owns one event, calls its function from the loop, and
// cancels the event when it goes. No exception leaves a callback: it is logged, the daemon goes on.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "probe/line_socket.hpp"

#include "frr_compat.h"

namespace multihomed::frr {

using Callback = std::function<void()>;

/// Calls back whenever the descriptor is readable.
class ReadWatch {
public:
    ReadWatch(mh_loop* loop, int fd, Callback callback);
    ~ReadWatch();
    ReadWatch(const ReadWatch&) = delete;
    ReadWatch& operator=(const ReadWatch&) = delete;

private:
    static void fired(mh_event* event);
    void arm();

    mh_loop* loop_;
    int fd_;
    Callback callback_;
    mh_event* event_ = nullptr;
};

/// One shot at a time; setting it again moves it. A timerfd: libfrr's own timers wait for whole
/// milliseconds and ask again and again, without a pause, during what is left of the last one.
class Timer {
public:
    /// Throws std::system_error.
    Timer(mh_loop* loop, Callback callback);
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Fires no earlier than `when`; at once if that has passed. Empty: cancels.
    void set(std::optional<std::chrono::steady_clock::time_point> when);
    void cancel() { set(std::nullopt); }

private:
    void fired();

    Callback callback_;
    probe::Descriptor fd_;
    ReadWatch watch_;
    std::optional<std::chrono::steady_clock::time_point> when_;
};

/// Once, in this turn of the loop, however often it was asked for.
class Soon {
public:
    Soon(mh_loop* loop, Callback callback) : loop_(loop), callback_(std::move(callback)) {}
    ~Soon() { mh_event_cancel(&event_); }
    Soon(const Soon&) = delete;
    Soon& operator=(const Soon&) = delete;

    void request();

private:
    static void fired(mh_event* event);

    mh_loop* loop_;
    Callback callback_;
    mh_event* event_ = nullptr;
};

/// Calls `callback` and lets nothing out of it.
void call_guarded(const Callback& callback) noexcept;

} // namespace multihomed::frr
