// SPDX-License-Identifier: GPL-2.0-or-later
//
// A thread that forgets flows, so that the event loop does not wait for it. The loop puts requests
// into a queue and takes completions out of another; a descriptor is readable while there are any.
// run() is central.
//
// What the kernel does by itself in few messages goes before what takes a walk through the whole
// table, and even into the midst of a walk: nothing quick waits for anything slow. Otherwise in
// order of arrival.
//
// The thread is begun with the first request, never before: a daemon goes into the background by
// fork(2), which takes no thread along. It touches the queues under the lock, the eraser, and
// netlink sockets of the eraser's; no log, no libfrr. Signals are the main thread's, except those
// that a fault raises. Destruction waits until the eraser notices that it shall end: a message of
// netlink or a part of a dump.
#pragma once

#include "apply/flow_applier.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace multihomed::apply {

/// Called between the steps of an erasure. False: it shall end here, and not ask again.
using GoOn = std::function<bool()>;

/// What forgets flows and waits until it is done. Called by one thread, but again from within GoOn.
class FlowEraser {
public:
    virtual ~FlowEraser() = default;

    /// Does it take few messages only, as far as is known?
    virtual bool is_quick(const core::FlowSelector& selector) const = 0;
    /// Forgets the flows selected and no other, or those that come first until told to end.
    virtual core::Result<ForgetReport> erase(const core::FlowSelector& selector,
                                             const GoOn& go_on) = 0;
};

class ForgetWorker {
public:
    explicit ForgetWorker(std::unique_ptr<FlowEraser> eraser);
    ~ForgetWorker();
    ForgetWorker(const ForgetWorker&) = delete;
    ForgetWorker& operator=(const ForgetWorker&) = delete;

    /// All these return at once.
    Ticket submit(const core::FlowSelector& selector);
    void cancel(Ticket ticket);
    std::vector<Completion> completed();
    /// Readable while completed() has something to tell; -1 if there is none to be had.
    int fd();

private:
    struct Request {
        Ticket ticket = 0;
        core::FlowSelector selector;
    };
    using Lock = std::unique_lock<std::mutex>;

    bool begin();
    void run();
    std::deque<Request>::iterator next_quick();
    void perform(Request request, Lock& lock);
    bool interlude(const Request& request);
    void complete(Ticket ticket, core::Result<ForgetReport> result);

    std::unique_ptr<FlowEraser> eraser_; ///< the thread's while there is one
    std::thread thread_;
    int event_ = -1;
    Ticket last_ticket_ = 0;

    std::atomic<bool> heed_ = false; ///< look at the rest before the next step of a walk
    std::mutex mutex_;               ///< of all that follows
    std::condition_variable news_;
    std::deque<Request> queue_;
    std::vector<Ticket> running_; ///< the last one is at work, within those before it
    std::set<Ticket> cancelled_;  ///< of those that run
    std::vector<Completion> completed_;
    bool ending_ = false;
};

} // namespace multihomed::apply
