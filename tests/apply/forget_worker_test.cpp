// SPDX-License-Identifier: GPL-2.0-or-later
//
// The thread that forgets flows, with an eraser that does what the test says when the test says:
// that the caller waits for nothing, the order, cancelling and the end. No test measures time.
#include "apply/forget_worker.hpp"

#include "netns.hpp"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <memory>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace multihomed::apply {
namespace {

using core::FlowSelector;
using Script = std::vector<std::string>;

/// Selectors by mark are quick, all others walks, told apart by `mark` all the same. A walk takes a
/// step when the test lets it, a quick one does not wait.
class ScriptedEraser final : public FlowEraser {
public:
    bool is_quick(const FlowSelector& selector) const override {
        return selector.kind == FlowSelector::Kind::marked;
    }
    core::Result<ForgetReport> erase(const FlowSelector& selector, const GoOn& go_on) override {
        const std::string name = std::to_string(selector.mark);
        note("begin " + name);
        if (selector.mark == kBroken)
            throw std::runtime_error("out of order");
        for (int step = 0; !is_quick(selector) && (endless || step < kSteps); ++step) {
            if (!endless)
                wait_for_step();
            if (!go_on()) {
                note("cut " + name);
                return core::Error{ECANCELED, "cut"};
            }
        }
        note("end " + name);
        return ForgetReport{.deleted = selector.mark};
    }

    void let(int steps) {
        const std::lock_guard lock(mutex_);
        steps_ += steps;
        changed_.notify_all();
    }
    void wait_until_begun(std::uint32_t name) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] {
            return std::ranges::count(script_, "begin " + std::to_string(name)) != 0;
        });
    }
    Script script() {
        const std::lock_guard lock(mutex_);
        return script_;
    }

    static constexpr std::uint32_t kBroken = 666;
    static constexpr int kSteps = 3;
    bool endless = false; ///< walks wait for nobody and come to no end by themselves

private:
    void note(const std::string& what) {
        const std::lock_guard lock(mutex_);
        script_.push_back(what);
        changed_.notify_all();
    }
    void wait_for_step() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return steps_ > 0; });
        --steps_;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    int steps_ = 0;
    Script script_;
};

FlowSelector walk(std::uint32_t name) {
    FlowSelector selector;
    selector.kind = FlowSelector::Kind::untranslated;
    selector.mark = name;
    return selector;
}

FlowSelector quick(std::uint32_t name) {
    FlowSelector selector;
    selector.kind = FlowSelector::Kind::marked;
    selector.mark = name;
    return selector;
}

class Worker : public ::testing::Test {
protected:
    bool is_readable(int patience_ms = 0) {
        pollfd ready{worker_->fd(), POLLIN, 0};
        return poll(&ready, 1, patience_ms) == 1;
    }
    /// The tickets of the next `count` completions.
    std::vector<Ticket> wait_for(std::size_t count) {
        constexpr int kPatienceMs = 60'000;
        std::vector<Ticket> tickets;
        while (tickets.size() < count && is_readable(kPatienceMs))
            for (const Completion& done : worker_->completed())
                tickets.push_back(done.ticket);
        return tickets;
    }
    void TearDown() override {
        if (worker_)
            eraser_->let(1000); // or it would not end after a failure
    }
    /// Of this name; what has been joined may still be seen for a moment.
    static std::size_t workers() {
        std::size_t count = 0;
        for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
            std::ifstream name(task.path() / "comm");
            std::string text;
            count += std::getline(name, text) && text == "mh-conntrack" ? 1U : 0U;
        }
        return count;
    }
    static void wait_for_none() {
        while (workers() != 0)
            std::this_thread::yield();
    }

    ScriptedEraser* eraser_ = new ScriptedEraser; // of the worker
    std::unique_ptr<ForgetWorker> worker_ =
        std::make_unique<ForgetWorker>(std::unique_ptr<FlowEraser>(eraser_));
};

TEST_F(Worker, TheCallerWaitsForNothing) {
    const Ticket ticket = worker_->submit(walk(1));
    eraser_->wait_until_begun(1);
    // It cannot be done yet: it waits for us. So does this thread for nothing in all that follows.
    EXPECT_FALSE(is_readable());
    EXPECT_TRUE(worker_->completed().empty());
    worker_->cancel(worker_->submit(walk(2)));
    worker_->cancel(ticket + 77);
    EXPECT_EQ(eraser_->script(), (Script{"begin 1"}));
    eraser_->let(ScriptedEraser::kSteps);
    EXPECT_EQ(wait_for(1), (std::vector<Ticket>{ticket}));
    EXPECT_FALSE(is_readable());
    EXPECT_TRUE(worker_->completed().empty());
}

TEST_F(Worker, CompletionsCarryTheReport) {
    worker_->submit(quick(7));
    ASSERT_TRUE(is_readable(60'000));
    const auto done = worker_->completed();
    ASSERT_EQ(done.size(), 1U);
    ASSERT_TRUE(done[0].result);
    EXPECT_EQ(done[0].result->deleted, 7U);
}

TEST_F(Worker, WhatIsQuickGoesFirstAndIntoTheMidstOfAWalk) {
    const Ticket first = worker_->submit(walk(1));
    eraser_->wait_until_begun(1);
    const Ticket second = worker_->submit(walk(2));
    const Ticket third = worker_->submit(quick(3));
    const Ticket fourth = worker_->submit(quick(4));
    eraser_->let(1);
    EXPECT_EQ(wait_for(2), (std::vector<Ticket>{third, fourth}));
    EXPECT_EQ(eraser_->script(), (Script{"begin 1", "begin 3", "end 3", "begin 4", "end 4"}));
    eraser_->let(2 * ScriptedEraser::kSteps - 1);
    EXPECT_EQ(wait_for(2), (std::vector<Ticket>{first, second}));
}

TEST_F(Worker, OfWhatWaitsTheQuickGoFirst) {
    worker_->submit(walk(1));
    eraser_->wait_until_begun(1);
    eraser_->let(ScriptedEraser::kSteps - 1);
    for (const FlowSelector& selector : {walk(2), walk(3), quick(4)})
        worker_->submit(selector);
    eraser_->let(1 + 2 * ScriptedEraser::kSteps);
    wait_for(4);
    const Script script = eraser_->script();
    const auto place = [&](const char* entry) { return std::ranges::find(script, entry); };
    EXPECT_LT(place("end 4"), place("begin 2"));
    EXPECT_LT(place("end 2"), place("begin 3"));
}

TEST_F(Worker, WhatIsCancelledInTheQueueNeverBegins) {
    worker_->submit(walk(1));
    eraser_->wait_until_begun(1);
    worker_->cancel(worker_->submit(quick(2)));
    const Ticket third = worker_->submit(walk(3));
    eraser_->let(2 * ScriptedEraser::kSteps);
    EXPECT_EQ(wait_for(2).back(), third);
    EXPECT_EQ(std::ranges::count(eraser_->script(), "begin 2"), 0);
}

TEST_F(Worker, AWalkThatIsCancelledEndsAtItsNextStepAndTellsNothing) {
    const Ticket first = worker_->submit(walk(1));
    eraser_->wait_until_begun(1);
    worker_->cancel(first);
    const Ticket second = worker_->submit(walk(2));
    eraser_->let(1 + ScriptedEraser::kSteps);
    EXPECT_EQ(wait_for(1), (std::vector<Ticket>{second}));
    EXPECT_EQ(eraser_->script(), (Script{"begin 1", "cut 1", "begin 2", "end 2"}));
}

TEST_F(Worker, WhatIsCancelledAfterItsEndIsNotTold) {
    const Ticket first = worker_->submit(quick(1));
    const Ticket second = worker_->submit(quick(2));
    ASSERT_TRUE(is_readable(60'000));
    eraser_->wait_until_begun(2);
    worker_->cancel(first);
    EXPECT_EQ(wait_for(1), (std::vector<Ticket>{second}));
}

TEST_F(Worker, AFaultOfTheEraserIsAFailureAndNotTheEnd) {
    worker_->submit(quick(ScriptedEraser::kBroken));
    ASSERT_TRUE(is_readable(60'000));
    const auto done = worker_->completed();
    ASSERT_EQ(done.size(), 1U);
    ASSERT_FALSE(done[0].result);
    EXPECT_NE(done[0].result.error().what.find("out of order"), std::string::npos);
    const Ticket next = worker_->submit(quick(1));
    EXPECT_EQ(wait_for(1), (std::vector<Ticket>{next}));
}

/// The eraser outlives the worker, to be asked what became of it.
class LentEraser final : public FlowEraser {
public:
    explicit LentEraser(ScriptedEraser& eraser) : eraser_(eraser) {}
    bool is_quick(const FlowSelector& selector) const override {
        return eraser_.is_quick(selector);
    }
    core::Result<ForgetReport> erase(const FlowSelector& selector, const GoOn& go_on) override {
        return eraser_.erase(selector, go_on);
    }

private:
    ScriptedEraser& eraser_;
};

TEST_F(Worker, TheEndCutsAWalkShortAndBeginsNothing) {
    ScriptedEraser eraser;
    eraser.endless = true;
    {
        ForgetWorker worker(std::make_unique<LentEraser>(eraser));
        worker.submit(walk(1));
        eraser.wait_until_begun(1);
        worker.submit(walk(2));
    }
    EXPECT_EQ(eraser.script(), (Script{"begin 1", "cut 1"}));
}

TEST_F(Worker, ThereIsNoThreadBeforeTheFirstRequest) {
    wait_for_none(); // of the tests before
    EXPECT_GE(worker_->fd(), 0);
    EXPECT_TRUE(worker_->completed().empty());
    EXPECT_EQ(workers(), 0U);
    worker_->submit(quick(1));
    wait_for(1);
    EXPECT_EQ(workers(), 1U);
    worker_.reset();
    wait_for_none();
}

/// A field of /proc/self/task/TID/status of the thread of that name, as a hexadecimal number.
std::uint64_t field_of_thread(const std::string& name, const std::string& field) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(task.path() / "status");
        bool found = false;
        for (std::string line; std::getline(status, line);) {
            found = found || line == "Name:\t" + name;
            if (found && line.starts_with(field + ":\t"))
                return std::stoull(line.substr(field.size() + 2), nullptr, 16);
        }
    }
    throw std::runtime_error("no thread " + name + " with " + field);
}

TEST_F(Worker, ItHearsNoSignalsButFaults) {
    sigset_t before;
    ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &before), 0);
    worker_->submit(walk(1));
    eraser_->wait_until_begun(1);
    const std::uint64_t blocked = field_of_thread("mh-conntrack", "SigBlk");
    const auto is_blocked = [&](int signal) { return (blocked >> (signal - 1) & 1) != 0; };
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM, SIGPIPE})
        EXPECT_TRUE(is_blocked(signal)) << signal;
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT})
        EXPECT_FALSE(is_blocked(signal)) << signal;
    sigset_t after;
    ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &after), 0);
    EXPECT_EQ(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
    eraser_->let(ScriptedEraser::kSteps);
}

TEST_F(Worker, ItHoldsOneCapabilityAndRaisesItItself) {
    if (geteuid() != 0)
        GTEST_SKIP() << "needs root for capabilities";
    constexpr std::uint32_t kNetAdmin = 1U << CAP_NET_ADMIN;
    multihomed::testing::with_capabilities(kNetAdmin | 1U << CAP_NET_RAW, [&] {
        worker_->submit(walk(1));
        eraser_->wait_until_begun(1);
        EXPECT_EQ(field_of_thread("mh-conntrack", "CapEff"), kNetAdmin);
        EXPECT_EQ(field_of_thread("mh-conntrack", "CapPrm"), kNetAdmin);
        std::ifstream own("/proc/thread-self/status");
        const std::string text{std::istreambuf_iterator<char>(own), {}};
        EXPECT_NE(text.find("CapEff:\t0000000000000000"), std::string::npos);
    });
    eraser_->let(ScriptedEraser::kSteps);
}

} // namespace
} // namespace multihomed::apply
