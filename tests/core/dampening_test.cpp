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
};

TEST_F(Dampening, HalvesInTheHalfLife) {
    fail(at(0ms));
    EXPECT_DOUBLE_EQ(penalty_at(penalty, probing, at(0ms)), 1000);
    EXPECT_NEAR(penalty_at(penalty, probing, at(900s)), 500, 0.001);
    EXPECT_NEAR(penalty_at(penalty, probing, at(1800s)), 250, 0.001);
}

TEST_F(Dampening, SuppressedFromTheThresholdUntilReuse) {
    fail(at(0s));
    EXPECT_FALSE(is_suppressed(penalty, at(0s)));
    fail(at(0s));
    EXPECT_TRUE(is_suppressed(penalty, at(0s)));
    ASSERT_TRUE(penalty.reuse_at);
    EXPECT_NEAR(std::chrono::duration<double>(*penalty.reuse_at - at(0s)).count(), 900 * 1.415, 1);
    EXPECT_TRUE(is_suppressed(penalty, *penalty.reuse_at - 1ms));
    EXPECT_FALSE(is_suppressed(penalty, *penalty.reuse_at));
    EXPECT_NEAR(penalty_at(penalty, probing, *penalty.reuse_at), 750, 1);
    EXPECT_EQ(penalty_text(penalty, probing, at(0s)),
              "penalty 2000, suppressed for another 22 min");
}

TEST_F(Dampening, OnceSuppressedEveryFailureProlongsIt) {
    fail(at(0s));
    fail(at(0s));
    const Time first = *penalty.reuse_at;
    fail(at(1'200s));
    EXPECT_LT(penalty.value, 2'000) << "below the threshold, but not reused yet";
    EXPECT_GT(*penalty.reuse_at, first);
}

TEST_F(Dampening, EndsAtTheLatestAfterMaxSuppress) {
    set(Knob::max_suppress, 60);
    for (int i = 0; i < 100; ++i)
        fail(at(1s * i));
    EXPECT_EQ(penalty.reuse_at, at(159s));
    EXPECT_LE(penalty.value, 20'000);
}

TEST_F(Dampening, AReuseAboveSuppressCountsAsThat) {
    set(Knob::reuse, 20'000);
    fail(at(0s));
    fail(at(0s));
    EXPECT_FALSE(penalty.reuse_at) << "it is at the threshold";
    fail(at(0s));
    EXPECT_TRUE(penalty.reuse_at);
}

TEST_F(Dampening, AClockThatStandsOrGoesBackDoesNoHarm) {
    fail(at(100s));
    EXPECT_DOUBLE_EQ(penalty_at(penalty, probing, at(50s)), 1000);
    fail(at(50s));
    EXPECT_DOUBLE_EQ(penalty.value, 2000);
}

TEST_F(Dampening, NoHalfLifeNoPenalty) {
    set(Knob::half_life, 0);
    fail(at(0s));
    EXPECT_EQ(penalty, Penalty{});
}

} // namespace
} // namespace multihomed::test
