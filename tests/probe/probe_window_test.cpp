// SPDX-License-Identifier: GPL-2.0-or-later
//
// ProbeWindow in virtual time: single cases told one by one, then random histories against a model
// that computes everything from scratch.
#include "probe/probe_window.hpp"

#include "probe/timestamp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace multihomed::probe {
namespace {

using namespace std::chrono_literals;

const Time kStart = Time{} + 1h;

class Window : public ::testing::Test {
protected:
    static Time at(std::chrono::milliseconds offset) { return kStart + offset; }
    core::TargetFigures figures(std::chrono::milliseconds now) { return window_.figures(at(now)); }

    ProbeWindow window_{{.timeout = 400ms, .length = 60s, .fail_after = 3}};
};

TEST_F(Window, NothingIsKnownAtFirst) {
    EXPECT_EQ(figures(0ms), core::TargetFigures{});
    EXPECT_EQ(window_.next_loss(at(0ms)), std::nullopt);
}

TEST_F(Window, AProbeIsUndecidedUntilItsTimeIsOver) {
    window_.sent(1, at(0ms));
    EXPECT_EQ(window_.next_loss(at(0ms)), at(400ms));
    EXPECT_EQ(figures(399ms).sent, 1U);
    EXPECT_EQ(figures(399ms).lost, 0U);
    EXPECT_EQ(figures(400ms).lost, 1U);
    EXPECT_EQ(figures(400ms).consecutive_lost, 1U);
    EXPECT_EQ(window_.next_loss(at(400ms)), std::nullopt);
}

TEST_F(Window, ALateReplyCorrectsTheLoss) {
    window_.sent(1, at(0ms));
    EXPECT_EQ(figures(900ms).lost, 1U);
    EXPECT_TRUE(window_.received(1, at(1000ms)));
    const auto after = figures(1000ms);
    EXPECT_EQ(after.lost, 0U);
    EXPECT_EQ(after.received, 1U);
    EXPECT_EQ(after.consecutive_lost, 0U);
    EXPECT_EQ(after.rtt_average, 1000ms);
    EXPECT_EQ(after.last_reply, at(1000ms));
    EXPECT_TRUE(after.ever_received);
}

TEST_F(Window, WhatWasLostBeforeTheFirstAnswerIsForgotten) {
    window_.failed(1, at(0ms));
    window_.sent(2, at(200ms));
    window_.sent(3, at(700ms));
    window_.sent(4, at(900ms));
    EXPECT_EQ(figures(800ms).lost, 2U);
    EXPECT_TRUE(window_.received(4, at(910ms)));
    EXPECT_EQ(figures(910ms).lost, 0U);
    EXPECT_EQ(figures(910ms).sent, 2U) << "3 may yet be answered";
    EXPECT_TRUE(window_.received(3, at(1000ms)));
    window_.sent(5, at(1100ms));
    EXPECT_EQ(figures(2s).lost, 1U) << "from now on they count";
}

/// They may have waited for the gateway's address, and come back with all of that time.
TEST_F(Window, WhatIsSentIntoSilenceTellsNoRoundTripTime) {
    window_.sent(1, at(0ms));
    window_.received(1, at(10ms));
    for (std::uint16_t i = 2; i < 8; ++i)
        window_.sent(i, at(i * 100ms));
    for (std::uint16_t i = 4; i < 8; ++i) // 2 and 3 are lost
        window_.received(i, at(720ms));
    EXPECT_EQ(figures(720ms).rtt_newest, 220ms) << "5, which went out before 2 was lost";
    EXPECT_EQ(figures(720ms).received, 5U);
    window_.sent(8, at(800ms));
    window_.received(8, at(810ms));
    EXPECT_EQ(figures(810ms).rtt_newest, 10ms);
}

TEST_F(Window, RepliesThatOvertakeEachOther) {
    window_.sent(0, at(0ms));
    window_.received(0, at(0ms));
    window_.sent(1, at(0ms));
    window_.sent(2, at(200ms));
    window_.sent(3, at(400ms));
    EXPECT_TRUE(window_.received(3, at(410ms)));
    EXPECT_EQ(figures(410ms).consecutive_lost, 0U) << "1 is lost, but 3 has been answered since";
    EXPECT_EQ(figures(410ms).lost, 1U);
    EXPECT_TRUE(window_.received(2, at(500ms)));
    EXPECT_EQ(figures(500ms).consecutive_lost, 0U);
    EXPECT_EQ(figures(500ms).last_reply, at(500ms));
    window_.sent(4, at(600ms));
    window_.sent(5, at(800ms));
    EXPECT_EQ(figures(1100ms).consecutive_lost, 1U);
    EXPECT_TRUE(window_.received(2 + 2, at(1150ms)));
    EXPECT_EQ(figures(1250ms).consecutive_lost, 1U) << "4 came late, 5 is lost";
}

TEST_F(Window, DuplicatesAndStrangersCountNothing) {
    window_.sent(1, at(0ms));
    EXPECT_TRUE(window_.awaits(1));
    EXPECT_TRUE(window_.received(1, at(10ms)));
    EXPECT_FALSE(window_.awaits(1));
    EXPECT_FALSE(window_.received(1, at(20ms)));
    EXPECT_FALSE(window_.received(2, at(20ms)));
    EXPECT_EQ(figures(20ms).received, 1U);
    EXPECT_EQ(figures(20ms).last_reply, at(10ms));
    EXPECT_EQ(figures(20ms).rtt_average, 10ms);
}

TEST_F(Window, AProbeThatWasNotSentIsLostAtOnce) {
    window_.sent(1, at(0ms));
    window_.failed(2, at(200ms));
    EXPECT_EQ(figures(200ms).lost, 1U);
    EXPECT_EQ(figures(200ms).consecutive_lost, 1U)
        << "1 is undecided: it neither counts nor breaks";
    EXPECT_FALSE(window_.received(2, at(210ms)));
    EXPECT_TRUE(window_.received(1, at(210ms)));
    EXPECT_EQ(figures(210ms).consecutive_lost, 1U);
}

TEST_F(Window, AverageAndDeviation) {
    window_.sent(1, at(0ms));
    window_.received(1, at(10ms));
    window_.sent(2, at(200ms));
    window_.received(2, at(230ms));
    EXPECT_EQ(figures(300ms).rtt_average, 20ms);
    EXPECT_EQ(figures(300ms).rtt_deviation, 10ms);
}

TEST_F(Window, ForgetsAfterItsLength) {
    window_.sent(1, at(0ms));
    window_.received(1, at(10ms));
    EXPECT_EQ(figures(60s).received, 1U);
    EXPECT_EQ(figures(60s + 1ms).received, 0U);
    EXPECT_EQ(figures(60s + 1ms).sent, 0U);
    EXPECT_EQ(figures(60s + 1ms).rtt_average, 0ms);
    EXPECT_TRUE(figures(60s + 1ms).ever_received);
}

TEST_F(Window, TheNewestRoundTrip) {
    window_.sent(1, at(0ms));
    window_.sent(2, at(200ms));
    window_.received(2, at(230ms));
    EXPECT_EQ(figures(230ms).rtt_newest, 30ms);
    window_.received(1, at(250ms));
    EXPECT_EQ(figures(250ms).rtt_newest, 250ms);
    EXPECT_EQ(figures(61s).rtt_newest, 0ms);
}

TEST_F(Window, AnOutageIsARunOfLosses) {
    for (std::uint16_t i = 0; i < 9; ++i) {
        window_.sent(i, at(i * 200ms));
        if (i == 0 || i == 3) // 1, 2 are lost; 4 to 8 are
            window_.received(i, at(i * 200ms + 10ms));
    }
    EXPECT_EQ(figures(1300ms).outage_lost, 0U) << "4 is lost, 5 is not yet";
    EXPECT_EQ(figures(1400ms).lost, 4U);
    EXPECT_EQ(figures(1400ms).outage_lost, 0U) << "two lost, 6 to 8 undecided";
    EXPECT_EQ(figures(1600ms).outage_lost, 3U) << "still going on";
    EXPECT_EQ(figures(2s).outage_lost, 5U);
    EXPECT_EQ(figures(2s).lost, 7U);
    // A late reply cuts it into one of two and one of two.
    window_.received(6, at(2100ms));
    EXPECT_EQ(figures(2100ms).outage_lost, 0U);
    EXPECT_EQ(figures(2100ms).lost, 6U);
    EXPECT_EQ(figures(2100ms).consecutive_lost, 2U);
}

TEST_F(Window, TheRestOfAnOutageStaysOne) {
    window_.sent(9, at(0s));
    window_.received(9, at(0s));
    for (std::uint16_t i = 0; i < 5; ++i)
        window_.sent(i, at(i * 10s));
    window_.sent(5, at(50s));
    window_.received(5, at(50s + 10ms));
    EXPECT_EQ(figures(60s).outage_lost, 5U);
    EXPECT_EQ(figures(95s).lost, 1U);
    EXPECT_EQ(figures(95s).outage_lost, 1U) << "four of its five have left the window";
}

TEST_F(Window, LossesInARowAreCountedBeyondTheWindow) {
    window_.set_limits({.timeout = 400ms, .length = 10s, .fail_after = 3});
    for (std::uint16_t i = 0; i < 5; ++i)
        window_.sent(i, at(i * 8s));
    EXPECT_EQ(figures(33s).sent, 2U);
    EXPECT_EQ(figures(33s).consecutive_lost, 5U);
    EXPECT_EQ(figures(33s).outage_lost, 2U);
    EXPECT_EQ(figures(60s).sent, 0U);
    EXPECT_EQ(figures(60s).consecutive_lost, 5U);
    window_.sent(5, at(60s));
    EXPECT_EQ(figures(61s).consecutive_lost, 6U);
    EXPECT_EQ(figures(61s).outage_lost, 1U);
}

TEST_F(Window, AProbeMayHaveLessPatience) {
    window_.sent(1, at(0ms));
    window_.sent(2, at(10ms), 50ms);
    window_.sent(3, at(20ms), 10s); // never more than all have
    EXPECT_EQ(window_.next_loss(at(20ms)), at(60ms));
    EXPECT_EQ(figures(60ms).lost, 1U);
    EXPECT_EQ(figures(60ms).consecutive_lost, 1U) << "1 and 3 are undecided";
    EXPECT_EQ(window_.next_loss(at(60ms)), at(400ms));
    EXPECT_EQ(figures(420ms).consecutive_lost, 3U);
    window_.received(2, at(430ms));
    EXPECT_EQ(figures(430ms).consecutive_lost, 1U);
}

TEST_F(Window, ARefusalIsALossAtOnce) {
    window_.sent(1, at(0ms));
    window_.sent(2, at(10ms));
    EXPECT_TRUE(window_.refused(2));
    EXPECT_FALSE(window_.refused(2));
    EXPECT_FALSE(window_.refused(3));
    EXPECT_EQ(figures(20ms).consecutive_lost, 1U);
    EXPECT_FALSE(window_.received(2, at(30ms)));
    window_.received(1, at(30ms));
    EXPECT_EQ(figures(30ms).consecutive_lost, 1U);
    EXPECT_FALSE(window_.refused(1));
}

TEST_F(Window, OtherLimitsCountAtOnce) {
    for (std::uint16_t i = 0; i < 5; ++i)
        window_.sent(i, at(i * 100ms));
    window_.received(0, at(10ms));
    EXPECT_EQ(figures(500ms).lost, 1U);
    window_.set_limits({.timeout = 200ms, .length = 60s, .fail_after = 3});
    EXPECT_EQ(figures(500ms).lost, 3U);
    EXPECT_EQ(figures(500ms).outage_lost, 3U);
    window_.set_limits({.timeout = 200ms, .length = 60s, .fail_after = 4});
    EXPECT_EQ(figures(500ms).outage_lost, 0U);
    window_.set_limits({.timeout = 1s, .length = 60s, .fail_after = 4});
    EXPECT_EQ(figures(500ms).lost, 0U) << "not yet, then";
    window_.set_limits({.timeout = 100ms, .length = 250ms, .fail_after = 4});
    EXPECT_EQ(figures(500ms).sent, 2U);
    EXPECT_EQ(figures(500ms).outage_lost, 2U);
    window_.set_limits({.timeout = 1s, .length = 250ms, .fail_after = 4});
    EXPECT_EQ(window_.next_loss(at(500ms)), at(1300ms));
    EXPECT_EQ(figures(1300ms).sent, 2U) << "nothing undecided is forgotten";
}

TEST_F(Window, SequenceNumbersWrap) {
    std::uint16_t sequence = 0xfff0;
    for (int i = 0; i < 70'000; ++i, ++sequence) {
        window_.sent(sequence, at(i * 1ms));
        ASSERT_TRUE(window_.received(sequence, at(i * 1ms + 3ms)));
    }
    EXPECT_EQ(figures(70s).rtt_average, 3ms);
    EXPECT_EQ(figures(70s).lost, 0U);
    EXPECT_LE(figures(70s).sent, 1024U) << "memory is bounded";
}

/// Everything from the definition, by looking at all probes that ever were.
struct Model {
    struct Probe {
        std::uint16_t sequence;
        Time sent;
        Microseconds patience;
        bool failed;
        std::optional<Time> reply = {};
        bool timed = true;
        bool gone = false; ///< has left the window
    };
    WindowLimits limits;
    std::vector<Probe> probes;

    void forget(Time now) {
        for (Probe& probe : probes)
            probe.gone |= now - probe.sent > std::max(limits.length, limits.timeout);
    }
    bool is_lost(const Probe& probe, Time now) const {
        const auto patience = std::min<Microseconds>(probe.patience, limits.timeout);
        return !probe.reply && (probe.failed || probe.gone || now - probe.sent >= patience);
    }
    /// Up to the first that is not lost yet.
    void forget_lost(Time now) {
        for (Probe& probe : probes) {
            if (!is_lost(probe, now))
                return;
            probe.gone = true;
        }
    }
    core::TargetFigures figures(Time now) const {
        core::TargetFigures result;
        double timed = 0;
        double sum = 0;
        double squares = 0;
        std::uint32_t row = 0;           // lost since the last answer
        std::uint32_t row_in_window = 0; // of these
        const auto end_of_row = [&] {
            result.outage_lost += row >= limits.fail_after ? row_in_window : 0;
            row = row_in_window = 0;
        };
        for (const Probe& probe : probes) {
            const std::uint32_t counts = probe.gone ? 0 : 1;
            const bool lost = is_lost(probe, now);
            result.sent += counts;
            result.lost += lost ? counts : 0U;
            row += lost ? 1U : 0U;
            row_in_window += lost ? counts : 0U;
            if (!probe.reply)
                continue;
            end_of_row();
            if (probe.gone)
                continue;
            ++result.received;
            if (!probe.timed)
                continue;
            ++timed;
            const auto rtt = static_cast<double>((*probe.reply - probe.sent) / 1us);
            sum += rtt;
            squares += rtt * rtt;
        }
        result.consecutive_lost = row;
        end_of_row();
        if (timed != 0) {
            const double mean = sum / timed;
            result.rtt_average = Microseconds(std::llround(mean));
            result.rtt_deviation =
                Microseconds(std::llround(std::sqrt(std::max(0.0, squares / timed - mean * mean))));
        }
        return result;
    }
    std::optional<Time> next_loss(Time now) const {
        std::optional<Time> next;
        for (const Probe& probe : probes) {
            if (probe.gone || probe.failed || probe.reply || is_lost(probe, now))
                continue;
            const Time loss = probe.sent + std::min<Microseconds>(probe.patience, limits.timeout);
            next = std::min(next.value_or(loss), loss);
        }
        return next;
    }
};

class RandomHistories : public ::testing::TestWithParam<unsigned> {
protected:
    bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
    /// The same to both.
    void send_a_probe() {
        const bool failed = chance(5);
        const auto patience = chance(20) ? Microseconds(random_() % 500'000) : Microseconds::max();
        const bool timed = model_.figures(now_).consecutive_lost == 0;
        model_.probes.push_back({sequence_, now_, patience, failed, {}, timed});
        failed ? window_.failed(sequence_, now_) : window_.sent(sequence_, now_, patience);
        ++sequence_;
        const auto delay =
            std::chrono::microseconds(random_() % (chance(10) ? 2'000'000U : 300'000U));
        for (int copies = chance(3) ? 2 : 1; copies > 0; --copies)
            if (!chance(loss_) && !failed)
                on_the_way_.emplace_back(now_ + delay * copies, model_.probes.size() - 1);
        // Losses come in rows, too.
        if (chance(3))
            loss_ = chance(50) ? 100 : static_cast<int>(random_() % 101);
    }
    void deliver() {
        std::erase_if(on_the_way_, [&](const auto& reply) {
            if (reply.first > now_)
                return false;
            auto& probe = model_.probes[reply.second];
            const bool counts = !probe.reply && !probe.failed && !probe.gone;
            EXPECT_EQ(window_.awaits(probe.sequence), counts);
            if (chance(5)) {
                EXPECT_EQ(window_.refused(probe.sequence), counts);
                probe.failed |= counts;
                return true;
            }
            EXPECT_EQ(window_.received(probe.sequence, reply.first), counts);
            if (!counts)
                return true;
            const bool first = std::ranges::none_of(
                model_.probes, [](const auto& other) { return other.reply.has_value(); });
            probe.reply = reply.first;
            if (first)
                model_.forget_lost(reply.first);
            return true;
        });
    }
    void change_limits() {
        static constexpr std::chrono::milliseconds kLengths[] = {300ms, 2s, 10s, 60s};
        model_.limits = {.timeout = std::chrono::milliseconds(10 + random_() % 800),
                         .length = kLengths[random_() % 4],
                         .fail_after = 1 + static_cast<std::uint32_t>(random_() % 6)};
        window_.set_limits(model_.limits);
    }
    void compare() {
        auto figures = window_.figures(now_);
        EXPECT_EQ(window_.consecutive_lost(now_), figures.consecutive_lost);
        EXPECT_EQ(window_.next_loss(now_), model_.next_loss(now_));
        const auto expected = model_.figures(now_);
        EXPECT_NEAR(static_cast<double>(figures.rtt_deviation.count()),
                    static_cast<double>(expected.rtt_deviation.count()), 1.0);
        figures.rtt_deviation = expected.rtt_deviation;
        figures.rtt_newest = expected.rtt_newest;
        figures.ever_received = false;
        figures.last_reply.reset();
        ASSERT_EQ(figures.sent, expected.sent);
        ASSERT_EQ(figures.received, expected.received);
        ASSERT_EQ(figures.lost, expected.lost);
        ASSERT_EQ(figures.outage_lost, expected.outage_lost);
        ASSERT_EQ(figures.consecutive_lost, expected.consecutive_lost);
        ASSERT_EQ(figures, expected);
    }

    std::mt19937 random_{GetParam()};
    Model model_;
    ProbeWindow window_{model_.limits};
    std::vector<std::pair<Time, std::size_t>> on_the_way_; // arrival, probe
    int loss_ = static_cast<int>(random_() % 101);
    std::uint16_t sequence_ = 0xff00;
    Time now_ = kStart;
};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistories, ::testing::Range(0U, 24U));

TEST_P(RandomHistories, AgreeWithTheDefinition) {
    for (int step = 0; step < 1000; ++step) {
        SCOPED_TRACE(step);
        now_ += std::chrono::microseconds(random_() % 100'000);
        deliver();
        if (chance(60)) {
            model_.forget(now_);
            send_a_probe();
        }
        if (GetParam() >= 8 && chance(2))
            change_limits();
        model_.forget(now_);
        compare();
        if (HasFatalFailure())
            return;
    }
}

TEST(WallClock, TellsWhenAPacketArrived) {
    WallClock clock;
    EXPECT_EQ(clock.when(5s), Time{}) << "nothing is known yet";
    clock.read(1'000'000s, kStart);
    EXPECT_EQ(clock.when(1'000'000s - 300ms), kStart - 300ms);
    EXPECT_EQ(clock.when(1'000'000s + 300ms), kStart) << "from the future";
    EXPECT_EQ(clock.when(999'000s), kStart) << "too old to be believed";
}

TEST(WallClock, DoesNotBelieveStampsFromBeforeItWasSet) {
    WallClock clock;
    clock.read(1'000'000s, kStart);
    clock.read(1'000'001s, kStart + 1s);
    EXPECT_EQ(clock.when(1'000'001s - 3ms), kStart + 997ms);
    // Set back by two seconds, then forward by two: packets stamped before are dated "now".
    clock.read(1'000'000s, kStart + 2s);
    EXPECT_EQ(clock.when(1'000'000s - 3ms), kStart + 2s);
    clock.read(1'000'001s, kStart + 3s);
    EXPECT_EQ(clock.when(1'000'001s - 3ms), kStart + 3s - 3ms) << "believed again";
    clock.read(1'000'004s, kStart + 4s);
    EXPECT_EQ(clock.when(1'000'002s - 3ms), kStart + 4s);
}

} // namespace
} // namespace multihomed::probe
