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

    ProbeWindow window_{400ms, 60s};
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

TEST_F(Window, RepliesThatOvertakeEachOther) {
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

/// Everything from the definition, by looking at all probes.
struct Model {
    struct Probe {
        std::uint16_t sequence;
        Time sent;
        bool failed;
        std::optional<Time> reply;
    };
    std::vector<Probe> probes;

    core::TargetFigures figures(Time now, std::chrono::milliseconds timeout) const {
        core::TargetFigures result;
        double sum = 0;
        double squares = 0;
        bool in_a_row = true;
        for (auto probe = probes.rbegin(); probe != probes.rend(); ++probe) {
            if (now - probe->sent > 60s)
                break;
            ++result.sent;
            const bool lost = !probe->reply && (probe->failed || now - probe->sent >= timeout);
            result.lost += lost ? 1U : 0U;
            in_a_row = in_a_row && !probe->reply;
            result.consecutive_lost += lost && in_a_row ? 1U : 0U;
            if (!probe->reply)
                continue;
            ++result.received;
            const auto rtt = static_cast<double>((*probe->reply - probe->sent) / 1us);
            sum += rtt;
            squares += rtt * rtt;
        }
        if (result.received != 0) {
            const double mean = sum / result.received;
            result.rtt_average = Microseconds(std::llround(mean));
            result.rtt_deviation = Microseconds(
                std::llround(std::sqrt(std::max(0.0, squares / result.received - mean * mean))));
        }
        return result;
    }
};

class RandomHistories : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistories, ::testing::Range(0U, 20U));

TEST_P(RandomHistories, AgreeWithTheDefinition) {
    std::mt19937 random(GetParam());
    const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
    const int loss = static_cast<int>(random() % 101);
    ProbeWindow window(400ms, 60s);
    Model model;
    std::vector<std::pair<Time, std::size_t>> on_the_way; // arrival, probe
    std::uint16_t sequence = 0xff00;
    Time now = kStart;
    for (int step = 0; step < 1500; ++step) {
        now += std::chrono::microseconds(random() % 100'000);
        std::erase_if(on_the_way, [&](const auto& reply) {
            if (reply.first > now)
                return false;
            auto& probe = model.probes[reply.second];
            const bool counts = !probe.reply && !probe.failed && now - probe.sent <= 60s;
            EXPECT_EQ(window.received(probe.sequence, reply.first), counts);
            if (counts)
                probe.reply = reply.first;
            return true;
        });
        if (chance(60)) {
            const bool failed = chance(5);
            model.probes.push_back({sequence, now, failed, std::nullopt});
            failed ? window.failed(sequence, now) : window.sent(sequence, now);
            ++sequence;
            const auto delay =
                std::chrono::microseconds(random() % (chance(10) ? 2'000'000U : 300'000U));
            for (int copies = chance(3) ? 2 : 1; copies > 0; --copies)
                if (!chance(loss) && !failed)
                    on_the_way.emplace_back(now + delay * copies, model.probes.size() - 1);
        }
        auto figures = window.figures(now);
        EXPECT_EQ(window.consecutive_lost(now), figures.consecutive_lost);
        figures.ever_received = false;
        figures.last_reply.reset();
        auto expected = model.figures(now, 400ms);
        EXPECT_NEAR(static_cast<double>(figures.rtt_deviation.count()),
                    static_cast<double>(expected.rtt_deviation.count()), 1.0);
        figures.rtt_deviation = expected.rtt_deviation;
        ASSERT_EQ(figures.sent, expected.sent) << step;
        ASSERT_EQ(figures.received, expected.received) << step;
        ASSERT_EQ(figures.lost, expected.lost) << step;
        ASSERT_EQ(figures.consecutive_lost, expected.consecutive_lost) << step;
        ASSERT_EQ(figures.rtt_average, expected.rtt_average) << step;
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
