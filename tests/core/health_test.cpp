// SPDX-License-Identifier: GPL-2.0-or-later
//
// evaluate(): every way from one state to another.
#include "core/builders.hpp"
#include "core/health.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;

constexpr State kAll[] = {State::init,       State::up,         State::degraded,
                          State::down,       State::hold,       State::no_carrier,
                          State::no_address, State::no_gateway, State::shutdown};

Health in(State state) {
    Health health{.state = state, .since = at(0ms), .reason = "before"};
    if (state == State::hold) {
        health.good_since = at(0ms);
        health.hold_until = at(5s);
    }
    return health;
}

HealthInput input(Verdict::Kind kind) {
    return {.blocked = {},
            .verdict = {kind, "verdict"},
            .gateway_resolved = true,
            .other_proven = false,
            .probing = built_in("default")};
}

HealthInput blocked(State state) {
    auto in = input(Verdict::Kind::unknown);
    in.blocked = Blocked{state, "missing"};
    return in;
}

State next(State from, const HealthInput& in_put, std::chrono::milliseconds when = 1s) {
    return evaluate(in(from), in_put, at(when)).state;
}

TEST(Health, NamesReadBack) {
    for (const State state : kAll)
        EXPECT_EQ(parse_state(to_string(state)), state);
    EXPECT_FALSE(parse_state("?"));
    EXPECT_FALSE(parse_state(""));
    EXPECT_EQ(std::string(to_string(State::no_carrier)), "no-carrier");
}

TEST(Health, WhatIsMissingWinsOverEverything) {
    for (const State from : kAll)
        for (const State to :
             {State::no_carrier, State::no_address, State::no_gateway, State::shutdown}) {
            auto in_put = blocked(to);
            in_put.verdict.kind = Verdict::Kind::alive;
            const Health after = evaluate(in(from), in_put, at(1s));
            EXPECT_EQ(after.state, to);
            EXPECT_EQ(after.reason, "missing");
            EXPECT_FALSE(after.hold_until);
            EXPECT_EQ(after.since, from == to ? at(0ms) : at(1s)) << to_string(from);
        }
}

TEST(Health, OneDeadVerdictIsEnough) {
    for (const State from : kAll) {
        const Health after = evaluate(in(from), input(Verdict::Kind::dead), at(1s));
        EXPECT_EQ(after.state, State::down) << to_string(from);
        EXPECT_EQ(after.reason, "verdict");
        EXPECT_EQ(after.since, from == State::down ? at(0ms) : at(1s));
    }
    EXPECT_EQ(evaluate({}, input(Verdict::Kind::dead), at(1s)).state, State::down);
}

TEST(Health, WithoutHistoryALineIsAssumedGood) {
    const Health fresh = evaluate({}, input(Verdict::Kind::unknown), at(1s));
    EXPECT_EQ(fresh.state, State::init);
    EXPECT_FALSE(fresh.reason.empty());
    EXPECT_EQ(evaluate({}, input(Verdict::Kind::alive), at(1s)).state, State::up);
    EXPECT_EQ(evaluate({}, blocked(State::no_carrier), at(1s)).state, State::no_carrier);
}

TEST(Health, InitBecomesUpWithTheFirstAnswer) {
    EXPECT_EQ(next(State::init, input(Verdict::Kind::unknown)), State::init);
    EXPECT_EQ(next(State::init, input(Verdict::Kind::alive)), State::up);
}

TEST(Health, UpStaysUpUntilProvenDead) {
    EXPECT_EQ(next(State::up, input(Verdict::Kind::alive)), State::up);
    const Health silent = evaluate(in(State::up), input(Verdict::Kind::unknown), at(1s));
    EXPECT_EQ(silent.state, State::up);
    EXPECT_EQ(silent.reason, "before");
    EXPECT_EQ(silent.since, at(0ms));
}

TEST(Health, DegradedAtOnceAndUpAgainWithPatience) {
    for (const State from : {State::init, State::up})
        EXPECT_EQ(next(from, input(Verdict::Kind::degraded)), State::degraded);
    const Health better = evaluate(in(State::degraded), input(Verdict::Kind::alive), at(1s));
    EXPECT_EQ(better.state, State::degraded);
    EXPECT_EQ(better.hold_until, at(6s));
    EXPECT_EQ(evaluate(better, input(Verdict::Kind::alive), at(6s)).state, State::up);
    const Health again = evaluate(better, input(Verdict::Kind::degraded), at(2s));
    EXPECT_FALSE(again.hold_until) << "the time begins anew";
    EXPECT_EQ(evaluate(again, input(Verdict::Kind::alive), at(3s)).hold_until, at(8s));
    EXPECT_EQ(next(State::degraded, input(Verdict::Kind::unknown)), State::degraded);
    EXPECT_EQ(next(State::degraded, input(Verdict::Kind::dead)), State::down);
}

TEST(Health, ANarrowVerdictKeepsADegradedLineWhereItIsAndCondemnsNobody) {
    auto in_put = input(Verdict::Kind::alive);
    in_put.verdict.narrow = true;
    EXPECT_EQ(next(State::up, in_put), State::up);
    EXPECT_EQ(next(State::init, in_put), State::up);
    const Health stays = evaluate(in(State::degraded), in_put, at(1s));
    EXPECT_EQ(stays.state, State::degraded);
    EXPECT_FALSE(stays.hold_until);
    EXPECT_EQ(next(State::hold, in_put, 5s), State::degraded);
}

TEST(Health, ALineThatRecoversBadlyIsDegradedNotUp) {
    EXPECT_EQ(next(State::down, input(Verdict::Kind::degraded)), State::hold);
    EXPECT_EQ(next(State::hold, input(Verdict::Kind::degraded), 5s), State::degraded);
}

TEST(Health, ALineThatComesAndGoesIsNotTakenBack) {
    auto health = in(State::up);
    std::chrono::milliseconds now = 0ms;
    int returns = 0;
    for (int i = 0; i < 20; ++i) {
        health = evaluate(health, input(Verdict::Kind::dead), at(now += 1s));
        health = evaluate(health, input(Verdict::Kind::alive), at(now += 1s));
        health = evaluate(health, input(Verdict::Kind::alive), at(now += 5s));
        returns += health.state == State::up;
    }
    EXPECT_EQ(returns, 2) << "the third failure within the half-life is one too many";
    EXPECT_EQ(health.state, State::hold);
    EXPECT_NE(health.reason.find("suppressed"), std::string::npos) << health.reason;
    ASSERT_TRUE(health.hold_until);
    EXPECT_GT(*health.hold_until, at(now + 15min));
    EXPECT_LE(*health.hold_until, at(now + 60min));
    health = evaluate(health, input(Verdict::Kind::alive), *health.hold_until);
    EXPECT_EQ(health.state, State::up) << "exactly when it said";
}

TEST(Health, DampeningThatIsSwitchedOffLetsASuppressedLineGo) {
    Health health = in(State::up);
    for (int i = 0; i < 3; ++i) {
        health = evaluate(health, input(Verdict::Kind::dead), at(1s));
        health.state = State::up;
    }
    health = evaluate(health, input(Verdict::Kind::dead), at(1s));
    auto good = input(Verdict::Kind::alive);
    health = evaluate(health, good, at(2s));
    health = evaluate(health, good, at(20s));
    ASSERT_EQ(health.state, State::hold);
    good.probing.values[static_cast<std::size_t>(Knob::half_life)] = 0;
    EXPECT_EQ(evaluate(health, good, at(20s)).state, State::up) << health.reason;
}

TEST(Health, TakingALineOutByHandCostsNothing) {
    Health health = in(State::up);
    for (int i = 0; i < 10; ++i) {
        health = evaluate(health, blocked(State::shutdown), at(1s));
        EXPECT_EQ(health.penalty.value, 0);
        health.state = State::up;
    }
    EXPECT_EQ(evaluate(health, blocked(State::no_carrier), at(1s)).penalty.value, kPenalty);
}

TEST(Health, WithoutDampeningNothingIsSuppressed) {
    auto in_put = input(Verdict::Kind::dead);
    in_put.probing.values[static_cast<std::size_t>(Knob::half_life)] = 0;
    auto good = in_put;
    good.verdict.kind = Verdict::Kind::alive;
    Health health = in(State::up);
    for (int i = 0; i < 20; ++i) {
        health = evaluate(health, in_put, at(1s));
        health = evaluate(health, good, at(2s));
        health = evaluate(health, good, at(7s));
        EXPECT_EQ(health.state, State::up);
    }
}

TEST(Health, DownLeavesOnlyByHold) {
    EXPECT_EQ(next(State::down, input(Verdict::Kind::unknown)), State::down);
    const Health after = evaluate(in(State::down), input(Verdict::Kind::alive), at(1s));
    EXPECT_EQ(after.state, State::hold);
    EXPECT_EQ(after.hold_until, at(6s)) << "counted from the first good verdict";
    EXPECT_EQ(after.since, at(1s));
    EXPECT_NE(after.reason.find("5000 ms"), std::string::npos) << after.reason;
}

TEST(Health, HoldEndsExactlyWhenItsTimeIsOver) {
    EXPECT_EQ(next(State::hold, input(Verdict::Kind::alive), 4'999ms), State::hold);
    EXPECT_EQ(next(State::hold, input(Verdict::Kind::alive), 5'000ms), State::up);
    const Health up = evaluate(in(State::hold), input(Verdict::Kind::alive), at(5s));
    EXPECT_FALSE(up.hold_until);
    EXPECT_EQ(up.since, at(5s));
}

TEST(Health, HoldKeepsItsEndWhileAnswersComeAndLosesItWithout) {
    EXPECT_EQ(evaluate(in(State::hold), input(Verdict::Kind::alive), at(2s)).hold_until, at(5s));
    const Health unsure = evaluate(in(State::hold), input(Verdict::Kind::unknown), at(2s));
    EXPECT_EQ(unsure.state, State::hold);
    EXPECT_FALSE(unsure.hold_until);
    EXPECT_EQ(evaluate(unsure, input(Verdict::Kind::alive), at(3s)).hold_until, at(8s));
    const Health dead = evaluate(in(State::hold), input(Verdict::Kind::dead), at(2s));
    EXPECT_EQ(dead.state, State::down);
    EXPECT_FALSE(dead.hold_until);
    EXPECT_EQ(evaluate(dead, input(Verdict::Kind::alive), at(3s)).hold_until, at(8s));
}

TEST(Health, HoldWaitsForTheGatewaysLinkLayerAddress) {
    auto in_put = input(Verdict::Kind::alive);
    in_put.gateway_resolved = false;
    const Health waiting = evaluate(in(State::hold), in_put, at(9s));
    EXPECT_EQ(waiting.state, State::hold);
    EXPECT_NE(waiting.reason.find("not resolved"), std::string::npos) << waiting.reason;
    in_put.gateway_resolved = true;
    EXPECT_EQ(evaluate(waiting, in_put, at(10s)).state, State::up);
}

TEST(Health, WithoutStabilityTimeALineIsBackAtOnce) {
    auto in_put = input(Verdict::Kind::alive);
    in_put.probing.values[static_cast<std::size_t>(Knob::stable_for)] = 0;
    EXPECT_EQ(next(State::down, in_put), State::up);
}

TEST(Health, AUsableLineAgainGoesToInitOrBehindWhatIsProven) {
    for (const State from :
         {State::no_carrier, State::no_address, State::no_gateway, State::shutdown}) {
        auto in_put = input(Verdict::Kind::unknown);
        EXPECT_EQ(next(from, in_put), State::init);
        in_put.other_proven = true;
        const Health waits = evaluate(in(from), in_put, at(1s));
        EXPECT_EQ(waits.state, State::hold);
        EXPECT_FALSE(waits.hold_until);
        in_put.verdict.kind = Verdict::Kind::alive;
        EXPECT_EQ(evaluate(waits, in_put, at(2s)).hold_until, at(7s));
        in_put.other_proven = false;
        EXPECT_EQ(next(from, in_put), State::up) << "an answer was there at once";
    }
    auto in_put = input(Verdict::Kind::alive);
    in_put.other_proven = true;
    EXPECT_EQ(evaluate({}, in_put, at(1s)).state, State::hold) << "a line that was just added";
}

TEST(Health, WhoHasANexthop) {
    for (const State state : {State::init, State::up, State::degraded, State::down, State::hold})
        EXPECT_TRUE(has_nexthop(state));
    for (const State state :
         {State::no_carrier, State::no_address, State::no_gateway, State::shutdown})
        EXPECT_FALSE(has_nexthop(state));
}

/// Whatever comes, whatever was: there is a reason, and evaluating again changes nothing.
TEST(Health, EveryStepHasAReasonAndSettles) {
    for (const State from : kAll)
        for (const auto kind : {Verdict::Kind::unknown, Verdict::Kind::alive,
                                Verdict::Kind::degraded, Verdict::Kind::dead})
            for (const bool proven : {false, true})
                for (const bool resolved : {false, true}) {
                    auto in_put = input(kind);
                    in_put.other_proven = proven;
                    in_put.gateway_resolved = resolved;
                    const Health once = evaluate(in(from), in_put, at(7s));
                    EXPECT_FALSE(once.reason.empty());
                    const Health twice = evaluate(once, in_put, at(7s));
                    EXPECT_EQ(twice.state, once.state) << to_string(from);
                    EXPECT_EQ(twice.since, once.since) << to_string(from);
                    EXPECT_EQ(twice.hold_until, once.hold_until) << to_string(from);
                }
}

} // namespace
} // namespace multihomed::test
