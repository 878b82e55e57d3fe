// SPDX-License-Identifier: GPL-2.0-or-later
//
// Packets out and none in, in virtual time: when it is called silence, how often, and what is not.
#include "core/silence.hpp"

#include <gtest/gtest.h>
#include <random>

namespace multihomed::core {
namespace {

using namespace std::chrono_literals;

const ProbeKey kLine{"charter", Family::v4};
constexpr auto kTick = 20ms;

/// One line, sampled every 20 ms; its probes say 10 ms, so an answer is given 60 ms.
class SilenceOfALine : public ::testing::Test {
protected:
    SilenceOfALine() { sample(0, 0); }

    /// The silences told when so many packets have gone out and come in since the last sample.
    std::vector<Silence> sample(std::uint64_t out, std::uint64_t in) {
        now_ += kTick;
        traffic_.packets_out += out;
        traffic_.packets_in += in;
        return watch_.take({traffic_}, round_trips_, now_);
    }
    /// The times, from now on, at which one was told.
    std::vector<std::chrono::milliseconds> told_in(std::chrono::milliseconds span,
                                                   std::uint64_t out, std::uint64_t in = 0) {
        std::vector<std::chrono::milliseconds> told;
        const Time begun = now_;
        while (now_ < begun + span)
            if (!sample(out, in).empty())
                told.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now_ - begun));
        return told;
    }

    SilenceWatch watch_;
    Time now_{1h};
    LineTraffic traffic_{kLine, 0, 0};
    std::map<ProbeKey, RoundTrip> round_trips_{{kLine, {10ms, 1ms}}};
};

using Times = std::vector<std::chrono::milliseconds>;

TEST_F(SilenceOfALine, IsToldOnceTheFirstPacketIsOlderThanAnAnswerTakes) {
    EXPECT_TRUE(sample(2, 0).empty());
    const Time since = now_;
    EXPECT_TRUE(sample(2, 0).empty());
    EXPECT_TRUE(sample(2, 0).empty());
    const auto told = sample(2, 0);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0], (Silence{kLine, 8, since}));
    EXPECT_EQ(describe(told[0], now_), "8 packets went out in 60 ms and none came in");
}

TEST_F(SilenceOfALine, TakesThreePackets) {
    sample(1, 0);
    sample(1, 0);
    EXPECT_EQ(told_in(400ms, 0), Times{});
    EXPECT_FALSE(sample(1, 0).empty());
}

TEST_F(SilenceOfALine, TakesTwoSamples) {
    sample(50, 0);
    EXPECT_EQ(told_in(400ms, 0), Times{});
    EXPECT_FALSE(sample(1, 0).empty());
}

TEST_F(SilenceOfALine, IsGivenTheTimeThatItsProbesTake) {
    round_trips_[kLine] = {70ms, 10ms};
    EXPECT_EQ(told_in(400ms, 1), Times{200ms}) << "180 ms after the first, at 20 ms";
}

TEST_F(SilenceOfALine, IsGivenTheLongestTimeWhenNothingIsMeasured) {
    round_trips_.clear();
    EXPECT_EQ(told_in(600ms, 1), Times{420ms});
}

TEST_F(SilenceOfALine, IsGivenNoMoreThanTheLongestTime) {
    round_trips_[kLine] = {2s, 1s};
    EXPECT_EQ(told_in(600ms, 1), Times{420ms});
}

TEST_F(SilenceOfALine, OnePacketInIsEnough) {
    // the third sample of every 60 ms brings one
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(told_in(40ms, 100), Times{}) << i;
        EXPECT_TRUE(sample(100, 1).empty()) << i;
    }
}

TEST_F(SilenceOfALine, IsToldAgainWithGrowingPauses) {
    EXPECT_EQ(told_in(130s, 1),
              (Times{80ms, 1080ms, 3080ms, 7080ms, 15080ms, 31080ms, 61080ms, 91080ms, 121080ms}));
}

TEST_F(SilenceOfALine, IsNotToldAgainWhileNothingGoesOut) {
    EXPECT_EQ(told_in(100ms, 1).size(), 1U);
    EXPECT_EQ(told_in(60s, 0), Times{});
}

TEST_F(SilenceOfALine, EndsWithAnAnswerAndBeginsAnew) {
    told_in(20s, 1);
    EXPECT_TRUE(sample(1, 1).empty());
    EXPECT_EQ(told_in(2500ms, 1), (Times{80ms, 1080ms})) << "not the 16 s of before";
}

TEST_F(SilenceOfALine, OldPacketsAreNoEvidenceForNewOnes) {
    sample(1, 0);
    sample(1, 0);
    told_in(2s, 0);
    EXPECT_TRUE(sample(1, 0).empty()) << "its answer may be on its way";
    EXPECT_EQ(told_in(200ms, 1), Times{60ms});
}

TEST_F(SilenceOfALine, LearnsWhatAnAnswerTakes) {
    // far servers: an answer after 160 ms, while the probes' target is near
    EXPECT_EQ(told_in(180ms, 1), Times{80ms});
    sample(1, 1);
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(told_in(160ms, 1), Times{}) << i;
        sample(1, 1);
    }
    EXPECT_EQ(told_in(300ms, 1), Times{200ms}) << "the line has died";
    told_in(10s, 1);
    sample(1, 1);
    told_in(61s, 1, 1);
    EXPECT_EQ(told_in(300ms, 1), Times{80ms}) << "forgotten after a minute";
}

TEST_F(SilenceOfALine, IsNotToldTwiceWithinASecond) {
    round_trips_[kLine] = {500ms, 0ms};
    Times told;
    for (int i = 0; i < 20; ++i) { // an answer every 460 ms is slower than the longest limit
        const auto more = told_in(460ms, 1);
        told.insert(told.end(), more.begin(), more.end());
        sample(1, 1);
    }
    EXPECT_LE(told.size(), 10U);
    EXPECT_GE(told.size(), 5U);
}

TEST_F(SilenceOfALine, CountersThatGoBackwardsBeginAnew) {
    sample(2, 5);
    sample(2, 0);
    sample(2, 0);
    traffic_ = {kLine, 0, 0};
    EXPECT_EQ(told_in(60ms, 1), Times{}) << "the first of these is no sample";
    EXPECT_EQ(told_in(60ms, 1), Times{40ms});
}

TEST_F(SilenceOfALine, ALineThatWasNotThereIsNew) {
    sample(2, 0);
    sample(2, 0);
    now_ += kTick;
    EXPECT_TRUE(watch_.take({}, round_trips_, now_).empty());
    EXPECT_EQ(told_in(60ms, 1), Times{});
}

TEST_F(SilenceOfALine, SaysNothingOfOthers) {
    LineTraffic other{{"charter", Family::v6}, 0, 0};
    for (int i = 0; i < 200; ++i) {
        now_ += kTick;
        traffic_.packets_out += 3;
        other.packets_out += 1;
        other.packets_in += 1;
        for (const Silence& silence : watch_.take({traffic_, other}, round_trips_, now_))
            EXPECT_EQ(silence.line, kLine);
    }
}

/// Whatever the traffic and however uneven the samples: no silence without its evidence, and none
/// soon after another.
TEST(Silence, HoldsItsPromisesInRandomHistories) {
    std::mt19937 random(7); // NOLINT: the same histories every time
    for (int history = 0; history < 500; ++history) {
        SilenceWatch watch;
        LineTraffic traffic{kLine, 0, 0};
        Time now{1h};
        Time last_in = now;
        Time last_told{};
        std::uint64_t out_since_in = 0;
        const auto answers = random() % 20; // in so many per cent of the samples
        for (int i = 0; i < 300; ++i) {
            now += std::chrono::milliseconds(1 + random() % 80);
            const std::uint64_t out = random() % 4;
            const bool in = random() % 100 < answers;
            traffic.packets_out += out;
            traffic.packets_in += in ? 1 : 0;
            out_since_in = in ? 0 : out_since_in + out;
            last_in = in ? now : last_in;
            for (const Silence& silence : watch.take({traffic}, {}, now)) {
                EXPECT_GE(now - last_in, 400ms);
                EXPECT_GT(silence.since, last_in);
                EXPECT_GE(silence.packets_out, 3U);
                EXPECT_LE(silence.packets_out, out_since_in);
                EXPECT_GE(now - last_told, 1s);
                last_told = now;
            }
        }
    }
}

TEST(Silence, TheQuickestTargetSaysWhatAnAnswerTakes) {
    Observation seen;
    TargetFigures quick;
    quick.rtt_average = 8ms;
    quick.rtt_deviation = 2ms;
    TargetFigures slow;
    slow.rtt_average = 80ms;
    seen.probes[kLine] = {slow, quick, TargetFigures{}};
    seen.probes[{"att", Family::v4}] = {TargetFigures{}};
    const auto measured = round_trips(seen);
    ASSERT_EQ(measured.size(), 1U);
    EXPECT_EQ(measured.at(kLine).average, 8ms);
    EXPECT_EQ(measured.at(kLine).deviation, 2ms);
}

} // namespace
} // namespace multihomed::core
