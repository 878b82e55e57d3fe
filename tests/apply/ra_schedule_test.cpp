// SPDX-License-Identifier: GPL-2.0-or-later
//
// Advertisements in virtual time.
#include "apply/ra_schedule.hpp"

#include <gtest/gtest.h>
#include <random>
#include <set>

namespace multihomed::apply {
namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

core::Address host(int number) {
    return core::parse_address("fe80::" + std::to_string(number)).value();
}
const core::Address kNobody = core::parse_address("::").value();

class Schedule : public testing::Test {
protected:
    /// From deadline to deadline; returns when all were told.
    std::vector<Milliseconds> pass(Milliseconds time) {
        std::vector<Milliseconds> told;
        const Time end = now + time;
        while (schedule.next() && *schedule.next() <= end) {
            now = std::max(now, *schedule.next());
            const auto due = schedule.take(now);
            EXPECT_TRUE(due.to_all || !due.to.empty());
            if (due.to_all)
                told.push_back(std::chrono::duration_cast<Milliseconds>(now - start));
            for (const core::Address& to : due.to)
                answered.emplace_back(to, std::chrono::duration_cast<Milliseconds>(now - start));
        }
        now = end;
        return told;
    }
    void begin() {
        schedule.set_interval(200s);
        schedule.change(now);
    }

    double chance = 0.5;
    RaSchedule schedule{[this] { return chance; }};
    const Time start{1'000'000s};
    Time now = start;
    std::vector<std::pair<core::Address, Milliseconds>> answered;
};

TEST_F(Schedule, NothingIsDueBeforeSomethingIsToBeTold) {
    EXPECT_FALSE(schedule.next());
    schedule.solicit(kNobody, now);
    schedule.solicit(host(1), now);
    EXPECT_FALSE(schedule.next());
}

TEST_F(Schedule, ThreeInARowAndThenAtTheInterval) {
    begin();
    EXPECT_EQ(pass(450s),
              (std::vector<Milliseconds>{0ms, 3500ms, 7000ms, 140333ms, 273666ms, 406999ms}));
}

TEST_F(Schedule, PausesAreBetweenAThirdOfTheIntervalAndAllOfIt) {
    std::mt19937 engine(1);
    RaSchedule random([&] { return std::uniform_real_distribution<double>(0, 1)(engine); });
    for (const auto longest : {4s, 10s, 200s, 1800s}) {
        random.set_interval(longest);
        random.change(now);
        for (int i = 0; i < 3; ++i)
            random.take(now = std::max(now, *random.next()));
        std::set<Time::duration> pauses;
        for (int i = 0; i < 200; ++i) {
            const auto pause = *random.next() - now;
            EXPECT_GE(pause, std::max<Milliseconds>(3s, Milliseconds(longest) / 3));
            EXPECT_LE(pause, longest);
            pauses.insert(pause);
            random.take(now = *random.next());
        }
        EXPECT_GT(pauses.size(), 50U);
    }
}

TEST_F(Schedule, AChangeIsToldAtOnceThoughOneHasJustBeenSent) {
    begin();
    pass(100s);
    const Milliseconds sent = pass(100s).back();
    now = start + sent + 10ms;
    schedule.change(now);
    EXPECT_EQ(*schedule.next(), now);
    EXPECT_EQ(pass(8s), (std::vector<Milliseconds>{sent + 10ms, sent + 3510ms, sent + 7010ms}));
}

TEST_F(Schedule, ALineThatFlapsSpendsWhatSilenceHasSavedAndNoMore) {
    begin();
    pass(100s);
    // A change every 100 ms for five minutes.
    std::vector<Milliseconds> told;
    for (int i = 0; i < 3000; ++i) {
        schedule.change(now);
        for (const Milliseconds when : pass(100ms))
            told.push_back(when);
    }
    EXPECT_LE(told.size(), 300U / 3 + RaSchedule::kSaved + 1);
    EXPECT_GE(told.size(), 300U / 3 - 5) << "but the truth is told as often as allowed";
    EXPECT_LT(told[3] - told[0], 1s) << "the first ones at once";
    for (std::size_t i = RaSchedule::kSaved + 1; i < told.size(); ++i)
        EXPECT_GE(told[i] - told[i - 1], 2900ms) << i;
    // Silence saves up again.
    pass(100s);
    schedule.change(now);
    EXPECT_EQ(*schedule.next(), now);
}

TEST_F(Schedule, WhoAsksIsAnsweredAloneWithinHalfASecond) {
    begin();
    pass(20s);
    const auto asked = std::chrono::duration_cast<Milliseconds>(now - start);
    schedule.solicit(host(1), now);
    chance = 0.9;
    schedule.solicit(host(2), now);
    schedule.solicit(host(1), now); // asks again before it was answered
    EXPECT_TRUE(pass(10s).empty());
    ASSERT_EQ(answered.size(), 2U);
    EXPECT_EQ(answered[0], std::pair(host(1), asked + 250ms));
    EXPECT_EQ(answered[1], std::pair(host(2), asked + 450ms));
}

TEST_F(Schedule, WhoHasNoAddressIsToldWithAllTheOthersNotTooOften) {
    begin();
    pass(7500ms); // the third went at 7000
    schedule.solicit(kNobody, now);
    EXPECT_EQ(pass(10s), std::vector<Milliseconds>{10250ms}) << "3 s after the last, and a bit";
    pass(10s);
    const auto asked = std::chrono::duration_cast<Milliseconds>(now - start);
    schedule.solicit(kNobody, now);
    schedule.solicit(host(1), now);
    EXPECT_EQ(pass(10s), std::vector<Milliseconds>{asked + 250ms});
    EXPECT_TRUE(answered.empty()) << "the one to all has answered everybody";
}

TEST_F(Schedule, OneThatIsDueAnywayAnswers) {
    begin();
    pass(3400ms); // the second goes at 3500
    schedule.solicit(host(1), now);
    EXPECT_EQ(pass(1s), std::vector<Milliseconds>{3500ms});
    EXPECT_TRUE(answered.empty());
}

TEST_F(Schedule, AFloodOfQuestionsIsAnsweredToAll) {
    begin();
    pass(20s);
    for (int round = 0; round < 100; ++round)
        for (int i = 1; i <= 50; ++i) {
            schedule.solicit(host(1000 + 50 * round + i), now);
            now += 1ms;
        }
    const auto told = pass(1s);
    EXPECT_LE(told.size(), 3U);
    EXPECT_LE(answered.size(), RaSchedule::kMaxAsking);
}

TEST_F(Schedule, WhatCouldNotBeSentIsTriedAgainAndRepeated) {
    begin();
    schedule.take(now);
    schedule.failed(now);
    EXPECT_FALSE(schedule.told());
    EXPECT_EQ(pass(10s), (std::vector<Milliseconds>{1000ms, 4500ms, 8000ms}));
    EXPECT_TRUE(schedule.told());
}

TEST_F(Schedule, AFarewellWaitsForNothing) {
    begin();
    pass(1ms);
    for (int i = 0; i < 10; ++i) {
        schedule.change(now);
        pass(1ms);
    }
    EXPECT_GT(*schedule.next(), now + 1s) << "all has been spent";
    schedule.farewell(now);
    EXPECT_TRUE(schedule.take(now).to_all);
}

TEST_F(Schedule, AfterTheEndNothingIsDue) {
    begin();
    pass(20s);
    schedule.solicit(host(1), now);
    schedule.end();
    EXPECT_FALSE(schedule.next());
}

} // namespace
} // namespace multihomed::apply
