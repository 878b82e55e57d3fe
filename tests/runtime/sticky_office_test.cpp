// SPDX-License-Identifier: GPL-2.0-or-later
//
// Engine and reconciler on a kernel in memory, with flow affinity: whose flows are forgotten when,
// and what of that outlives a crash of the daemon.
#include "fakes/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace std::chrono_literals;
using core::Family;
using core::State;

/// The office with flow affinity, both lines proven.
class StickyOffice : public testing::Test {
protected:
    void SetUp() override {
        world.start();
        start = world.news();
    }

    World world;
    Journal start;
};

TEST_F(StickyOffice, ADeadLinesFlowsAreForgottenByTheirMark) {
    world.set_carrier("eth2.5", false);
    world.turn();
    const Journal news = world.news();
    EXPECT_EQ(count(news, "forget mark 1 ipv4"), 1U);
    EXPECT_EQ(count(news, "forget mark 1 ipv6"), 1U);
    EXPECT_EQ(count(news, "forget mark 2"), 0U);
    EXPECT_EQ(count(news, "forget"), 2U);
}

TEST_F(StickyOffice, OfLinesThatAllWereOutTheSecondToReturnKeepsItsFlowsToo) {
    for (const char* interface : {"eth2.4", "eth2.5"})
        world.set_carrier(interface, false);
    world.pass(10s);
    for (const char* interface : {"eth2.5", "eth2.4"}) {
        world.set_carrier(interface, true);
        world.pass(300ms);
    }
    world.pass(60s);
    EXPECT_EQ(count(world.news(), "forget"), 0U);
}

TEST_F(StickyOffice, AReturnForgetsNothing) {
    world.config.uplinks.front().probing[core::Knob::stable_for] = 0;
    world.configure();
    world.fall_silent("charter");
    world.pass(10s);
    ASSERT_TRUE(world.zebra.holds(kAttDefault));
    world.news();
    world.answer("charter");
    world.pass(10s);
    EXPECT_TRUE(world.zebra.holds(kCharterDefault));
    EXPECT_EQ(count(world.news(), "forget"), 0U) << "what began on att goes on there";
}

/// An office in which charter has failed and is back: att's flows go on there.
class CrashedOffice : public testing::Test {
protected:
    void SetUp() override { world.config.uplinks.front().probing[core::Knob::stable_for] = 0; }
    void return_charter() {
        world.start();
        world.fall_silent("charter");
        world.pass(10s);
        world.answer("charter");
        world.pass(1s);
        ASSERT_TRUE(world.zebra.holds(kCharterDefault));
        world.news();
    }
    /// A successor that has what was saved, a second later.
    void crash() {
        successor.config = world.config;
        successor.now = world.now + 1s;
        successor.engine.restore(world.engine.snapshot(), successor.now);
        successor.answer("charter");
        successor.answer("att");
        successor.configure();
    }

    World world;
    World successor;
};

TEST_F(CrashedOffice, ThePenaltyOutlivesTheDaemon) {
    return_charter();
    crash();
    const core::LineReport& before = world.engine.decision().lines.front();
    const core::LineReport& after = successor.engine.decision().lines.front();
    ASSERT_EQ(before.line.uplink->name, "charter");
    EXPECT_GE(before.health.penalty.value, core::kPenalty);
    EXPECT_EQ(after.health.penalty, before.health.penalty);
}

TEST_F(CrashedOffice, TheDeadlineOfDrainingOutlivesTheDaemon) {
    world.config.failback.deadline = 20;
    return_charter();
    const core::ProbeKey att{"att", Family::v4};
    const auto since = world.engine.drains_since(att);
    ASSERT_TRUE(since);
    crash();
    EXPECT_EQ(successor.engine.drains_since(att), since);
    successor.pass(std::chrono::ceil<core::Milliseconds>(*since + 15s - successor.now));
    EXPECT_EQ(count(successor.news(), "forget mark 2"), 0U);
    successor.pass(10s);
    EXPECT_GE(count(successor.news(), "forget mark 2 ipv4"), 1U);
    EXPECT_FALSE(successor.engine.drains_since(att)) << "it is over";
}

TEST_F(CrashedOffice, WhatWasToMoveAtOnceMovesAfterTheCrash) {
    world.config.failback.at_once = {{17, 5060}};
    world.flows.fault = "Operation not permitted";
    return_charter();
    crash();
    EXPECT_EQ(count(successor.news(), "forget mark 2 ipv4"), 1U);
    World third;
    third.config = successor.config;
    third.engine.restore(successor.engine.snapshot(), third.now = successor.now + 10s);
    third.answer("charter");
    third.answer("att");
    third.configure();
    EXPECT_EQ(count(third.news(), "forget mark 2"), 0U) << "it has moved, once";
}

TEST_F(StickyOffice, AMarkIsNotGivenToAnotherUplinkWhileFlowsBearIt) {
    world.flows.fault = "Operation not permitted";
    core::Uplink& first = world.config.uplinks.front();
    first = core::Uplink{};
    first.name = "cable";
    first.interface = "eth9";
    world.configure();
    EXPECT_EQ(world.engine.snapshot().marks.at("cable"), 3U);
    world.flows.fault.clear();
    world.pass(10s);
    EXPECT_EQ(count(world.news(), "forget mark 1 ipv4"), 2U) << "and swept once more";
    EXPECT_FALSE(world.engine.snapshot().marks.contains("charter"));
    EXPECT_EQ(world.engine.snapshot().marks.at("cable"), 3U) << "and keeps what it has";
}

} // namespace
} // namespace multihomed::test
