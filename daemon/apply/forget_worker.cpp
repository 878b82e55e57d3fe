// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/forget_worker.hpp"

#include "apply/thread_privileges.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <pthread.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace multihomed::apply {

namespace {

using core::Error;
using core::FlowSelector;
using core::Result;

/// While it lives, threads are born deaf to all signals but those of their own faults.
class DeafBirth {
public:
    DeafBirth() {
        sigset_t deaf;
        sigfillset(&deaf);
        for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
            sigdelset(&deaf, fault);
        pthread_sigmask(SIG_BLOCK, &deaf, &before_);
    }
    ~DeafBirth() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    DeafBirth(const DeafBirth&) = delete;
    DeafBirth& operator=(const DeafBirth&) = delete;

private:
    sigset_t before_{};
};

Result<ForgetReport> erase_guarded(FlowEraser& eraser, const FlowSelector& selector,
                                   const GoOn& go_on) {
    try {
        return eraser.erase(selector, go_on);
    } catch (const std::exception& failure) {
        return Error{ENOMEM, std::string("forgetting flows: ") + failure.what()};
    }
}

} // namespace

ForgetWorker::ForgetWorker(std::unique_ptr<FlowEraser> eraser) : eraser_(std::move(eraser)) {}

ForgetWorker::~ForgetWorker() {
    {
        const Lock lock(mutex_);
        ending_ = true;
        heed_ = true;
    }
    news_.notify_one();
    if (thread_.joinable())
        thread_.join();
    if (event_ >= 0)
        ::close(event_);
}

int ForgetWorker::fd() {
    if (event_ < 0 && !thread_.joinable()) // which reads it
        event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event_;
}

Ticket ForgetWorker::submit(const FlowSelector& selector) {
    (void)fd();
    const Ticket ticket = ++last_ticket_;
    const bool begun = begin();
    {
        const Lock lock(mutex_);
        if (begun)
            queue_.push_back({ticket, selector});
        else
            complete(ticket, Error{EAGAIN, "forgetting flows: no thread could be begun"});
        heed_ = true;
    }
    news_.notify_one();
    return ticket;
}

bool ForgetWorker::begin() {
    if (thread_.joinable())
        return true;
    try {
        const DeafBirth deaf;
        thread_ = std::thread([this] { run(); });
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

void ForgetWorker::cancel(Ticket ticket) {
    const Lock lock(mutex_);
    const auto is_it = [&](const auto& entry) { return entry.ticket == ticket; };
    std::erase_if(queue_, is_it);
    std::erase_if(completed_, is_it);
    if (std::ranges::count(running_, ticket) != 0)
        cancelled_.insert(ticket);
    heed_ = true;
}

std::vector<Completion> ForgetWorker::completed() {
    std::uint64_t times = 0;
    if (event_ >= 0 && ::read(event_, &times, sizeof times) < 0 && errno != EAGAIN)
        return {}; // it stays readable
    const Lock lock(mutex_);
    return std::exchange(completed_, {});
}

void ForgetWorker::run() {
    keep_only_net_admin();
    pthread_setname_np(pthread_self(), "mh-conntrack");
    Lock lock(mutex_);
    while (true) {
        news_.wait(lock, [this] { return ending_ || !queue_.empty(); });
        if (ending_)
            return;
        auto next = next_quick();
        if (next == queue_.end())
            next = queue_.begin();
        Request request = std::move(*next);
        queue_.erase(next);
        perform(std::move(request), lock);
    }
}

std::deque<ForgetWorker::Request>::iterator ForgetWorker::next_quick() {
    return std::ranges::find_if(
        queue_, [this](const Request& request) { return eraser_->is_quick(request.selector); });
}

void ForgetWorker::perform(Request request, Lock& lock) {
    running_.push_back(request.ticket);
    lock.unlock();
    auto result = erase_guarded(*eraser_, request.selector, [&] { return interlude(request); });
    lock.lock();
    running_.pop_back();
    if (cancelled_.erase(request.ticket) == 0)
        complete(request.ticket, std::move(result));
}

bool ForgetWorker::interlude(const Request& request) {
    if (!heed_)
        return true;
    Lock lock(mutex_);
    heed_ = false;
    // One level deep: what is within a walk has no walk of its own, or is its first attempt.
    while (!ending_ && running_.size() == 1 && !eraser_->is_quick(request.selector)) {
        const auto quick = next_quick();
        if (quick == queue_.end())
            break;
        Request urgent = std::move(*quick);
        queue_.erase(quick);
        perform(std::move(urgent), lock);
    }
    return !ending_ && !cancelled_.contains(request.ticket);
}

void ForgetWorker::complete(Ticket ticket, Result<ForgetReport> result) {
    completed_.push_back({ticket, std::move(result)});
    const std::uint64_t one = 1;
    if (event_ >= 0)
        (void)!::write(event_, &one, sizeof one); // fails only if it is readable anyway
}

} // namespace multihomed::apply
