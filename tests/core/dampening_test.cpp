// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/builders.hpp"
#include "core/dampening.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;

class Dampening : public ::testing::Test {
protected:
    Probing probing = built_in("default");
    Penalty penalty;

    void set(Knob knob, std::uint32_t value) {
        probing.values[static_cast<std::size_t>(knob)] = value;
    }
    void fail(Time when) { penalty = add_penalty(penalty, kPenalty, probing, when); }
    std::optional<Time> end() const { return reuse_at(penalty, probing); }
    bool suppressed(Time when) const { return is_suppressed(penalty, probing, when); }
};

TEST_F(Dampening, HalvesInTheHalfLife) {
    fail(at(0ms));
    EXPECT_DOUBLE_EQ(penalty_at(penalty, probing, at(0ms)), 1000);
    EXPECT_NEAR(penalty_at(penalty, probing, at(900s)), 500, 0.001);
    EXPECT_NEAR(penalty_at(penalty, probing, at(1800s)), 250, 0.001);
}

TEST_F(Dampening, SuppressedFromTheThresholdUntilReuse) {
    fail(at(0s));
    EXPECT_FALSE(suppressed(at(0s)));
    fail(at(0s));
    EXPECT_TRUE(suppressed(at(0s)));
    ASSERT_TRUE(end());
    EXPECT_NEAR(std::chrono::duration<double>(*end() - at(0s)).count(), 900 * 1.415, 1);
    EXPECT_TRUE(suppressed(*end() - 1ms));
    EXPECT_FALSE(suppressed(*end()));
    EXPECT_NEAR(penalty_at(penalty, probing, *end()), 750, 1);
    EXPECT_EQ(penalty_text(penalty, probing, at(0s)),
              "penalty 2000, suppressed for another 22 min");
}

TEST_F(Dampening, OnceSuppressedEveryFailureProlongsIt) {
    fail(at(0s));
    fail(at(0s));
    const Time first = *end();
    fail(at(1'200s));
    EXPECT_LT(penalty.value, 2'000) << "below the threshold, but not reused yet";
    EXPECT_GT(*end(), first);
}

TEST_F(Dampening, EndsAtTheLatestAfterMaxSuppress) {
    set(Knob::max_suppress, 60);
    for (int i = 0; i < 100; ++i)
        fail(at(1s * i));
    EXPECT_EQ(end(), at(159s));
    EXPECT_LE(penalty.value, 20'000);
}

TEST_F(Dampening, AReuseAboveSuppressCountsAsThat) {
    set(Knob::reuse, 20'000);
    fail(at(0s));
    fail(at(0s));
    EXPECT_FALSE(end()) << "it is at the threshold";
    fail(at(0s));
    EXPECT_TRUE(end());
}

TEST_F(Dampening, AClockThatStandsOrGoesBackDoesNoHarm) {
    fail(at(100s));
    EXPECT_DOUBLE_EQ(penalty_at(penalty, probing, at(50s)), 1000);
    fail(at(50s));
    EXPECT_DOUBLE_EQ(penalty.value, 2000);
}

TEST_F(Dampening, NumbersThatAreChangedCountFromTheLastFailure) {
    for (int i = 0; i < 3; ++i)
        fail(at(0s));
    ASSERT_EQ(end(), at(1'800s));
    set(Knob::half_life, 60);
    EXPECT_EQ(end(), at(120s));
    set(Knob::max_suppress, 100);
    EXPECT_EQ(end(), at(100s));
    set(Knob::max_suppress, 3'600);
    set(Knob::reuse, 1'500);
    EXPECT_EQ(end(), at(60s));
    set(Knob::suppress, 3'001);
    EXPECT_EQ(end(), std::nullopt) << "it has never been so bad";
    set(Knob::suppress, 3'000);
    EXPECT_TRUE(suppressed(at(59s)));
    set(Knob::half_life, 0);
    EXPECT_EQ(end(), std::nullopt);
    EXPECT_EQ(penalty_text(penalty, probing, at(1s)), "penalty 0");
}

TEST_F(Dampening, WhatWasBadEnoughOnceStaysSuppressedThroughLesserFailures) {
    fail(at(0s));
    fail(at(0s));
    fail(at(1'200s));
    ASSERT_LT(penalty.value, 2'000);
    EXPECT_TRUE(suppressed(at(1'201s)));
    fail(*end());
    EXPECT_LT(penalty.value, 2'000);
    EXPECT_FALSE(suppressed(penalty.at)) << "a new account: it had been reused";
}

TEST_F(Dampening, NoHalfLifeNoPenalty) {
    set(Knob::half_life, 0);
    fail(at(0s));
    EXPECT_EQ(penalty, Penalty{});
}

} // namespace
} // namespace multihomed::test
