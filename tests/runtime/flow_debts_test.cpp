// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flows that take long to be forgotten, in an engine on a kernel in memory: asked for once, settled
// by the completion, withdrawn when they are well again, and nobody waits for them.
#include "fakes/world.hpp"
#include "runtime/status.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace std::chrono_literals;
using core::Family;

class SlowKernel : public testing::Test {
protected:
    void SetUp() override {
        world.config.flow_affinity = false;
        world.config.uplinks.front().probing[core::Knob::stable_for] = 0;
        world.start();
        ASSERT_TRUE(world.reconciler().settled());
        world.news();
        world.flows.slow = true;
    }
    bool is_forgotten(const std::string& uplink) {
        return world.engine.last_forgotten().contains({uplink, Family::v4});
    }
    void complete() {
        world.flows.slow = false;
        world.turn();
    }

    World world;
};

TEST_F(SlowKernel, WhatIsUnderWayIsNotAskedForAgain) {
    world.fall_silent("charter");
    world.pass(60s);
    EXPECT_EQ(count(world.news(), "forget"), 1U);
    EXPECT_FALSE(world.reconciler().settled());
    EXPECT_TRUE(world.reconciler().problems().empty());
    EXPECT_NE(runtime::to_text(runtime::overview(world.engine, world.now))
                  .find("not settled: flows to be forgotten"),
              std::string::npos);
    EXPECT_FALSE(is_forgotten("charter"));
    complete();
    EXPECT_TRUE(is_forgotten("charter"));
    EXPECT_EQ(count(world.news(), "forget"), 0U);
    world.pass(10s);
    EXPECT_EQ(count(world.news(), "forget 198.51.100.50"), 1U) << "the second sweep";
    EXPECT_TRUE(world.reconciler().settled());
}

TEST_F(SlowKernel, RoutingWaitsForNoFlow) {
    world.fall_silent("charter");
    world.turn();
    EXPECT_TRUE(world.zebra.holds("v4 default via 203.0.113.62 dev eth2.4 table 254"));
    world.answer("charter");
    world.turn();
    EXPECT_TRUE(world.zebra.holds("v4 default via 198.51.100.49 dev eth2.5 table 254"));
}

TEST_F(SlowKernel, ALineThatComesBackKeepsItsNewFlows) {
    world.fall_silent("charter");
    world.turn();
    ASSERT_EQ(count(world.news(), "forget 198.51.100.50"), 1U);
    world.answer("charter");
    world.turn();
    EXPECT_EQ(count(world.news(), "cancel 198.51.100.50"), 1U);
    complete();
    world.pass(10s);
    EXPECT_EQ(count(world.news(), "forget 198.51.100.50"), 0U);
    EXPECT_FALSE(is_forgotten("charter"));
    EXPECT_TRUE(world.reconciler().settled());
}

/// zebra is late: the kernel sends new flows by the line before it is chosen again.
TEST_F(SlowKernel, WhatTheKernelUsesAgainIsWithdrawnAndForgottenLater) {
    world.fall_silent("charter");
    world.turn();
    ASSERT_EQ(count(world.news(), "forget 198.51.100.50"), 1U);
    auto& routes = world.seen().routes;
    const auto before = routes;
    const auto index = world.seen().interfaces.at("eth2.5").index;
    for (core::KernelRoute& route : routes)
        if (route.table == core::kTableMain && route.destination == core::Prefix::any(Family::v4))
            route.nexthops.front().ifindex = index;
    world.engine.update(world.now);
    EXPECT_EQ(count(world.news(), "cancel 198.51.100.50"), 1U);
    complete();
    EXPECT_EQ(count(world.news(), "forget 198.51.100.50"), 1U);
    EXPECT_TRUE(is_forgotten("charter"));
}

TEST_F(SlowKernel, TheSecondSweepIsWithdrawnToo) {
    world.flows.slow = false;
    world.fall_silent("charter");
    world.turn();
    world.flows.slow = true;
    world.news();
    world.pass(1s);
    ASSERT_EQ(count(world.news(), "forget 198.51.100.50"), 1U);
    world.answer("charter");
    world.turn();
    EXPECT_EQ(count(world.news(), "cancel 198.51.100.50"), 1U);
}

TEST_F(SlowKernel, AFailureIsShownAndTriedAgain) {
    world.flows.fault = "No buffer space available";
    world.fall_silent("charter");
    world.turn();
    EXPECT_TRUE(world.reconciler().problems().empty()) << "it is not known yet";
    complete();
    ASSERT_EQ(world.reconciler().problems().size(), 1U);
    EXPECT_EQ(world.reconciler().problems()[0].reason, "No buffer space available");
    world.flows.fault.clear();
    world.pass(2s);
    EXPECT_TRUE(is_forgotten("charter"));
    EXPECT_TRUE(world.reconciler().problems().empty());
    EXPECT_TRUE(world.reconciler().settled());
}

/// The line has two addresses, and had flows translated to either.
TEST_F(SlowKernel, OneFailureDoesNotRepeatWhatWasDone) {
    core::Uplink& charter = world.config.uplinks.front();
    charter.family[Family::v4].nat = nat_source("198.51.100.51");
    world.flows.slow = false;
    world.configure();
    world.pass(10s);
    world.news();
    world.flows.refused = {"198.51.100.50"};
    world.fall_silent("charter");
    world.pass(5s);
    const Journal news = world.news();
    EXPECT_EQ(count(news, "forget 198.51.100.51"), 2U) << "and once more, swept";
    EXPECT_EQ(count(news, "forget 198.51.100.50"), 0U);
    world.flows.refused.clear();
    world.pass(5s);
    EXPECT_EQ(count(world.news(), "forget 198.51.100.51"), 0U);
    EXPECT_TRUE(world.reconciler().settled());
}

TEST_F(SlowKernel, AStopWaitsForNoFlow) {
    world.fall_silent("charter");
    world.turn();
    world.engine.stop();
    world.pass(5s);
    EXPECT_TRUE(world.engine.stopped());
    EXPECT_EQ(count(world.news(), "cancel 198.51.100.50"), 1U);
}

TEST_F(SlowKernel, AStopWaitsForNoUntranslatedFlow) {
    world.config.internal = {net("172.16.0.0/16")};
    world.configure();
    ASSERT_EQ(count(world.news(), "forget untranslated ipv4"), 1U);
    EXPECT_FALSE(world.reconciler().settled());
    world.engine.stop();
    world.pass(5s);
    EXPECT_TRUE(world.engine.stopped());
    EXPECT_EQ(count(world.news(), "cancel untranslated ipv4"), 1U);
}

TEST_F(SlowKernel, AnotherTranslationSupersedesTheUntranslatedFlowsUnderWay) {
    for (const char* internal : {"172.16.0.0/16", "172.17.0.0/16"}) {
        world.config.internal = {net(internal)};
        world.configure();
    }
    Journal news = world.news();
    EXPECT_EQ(count(news, "forget untranslated ipv4"), 2U);
    EXPECT_EQ(count(news, "cancel untranslated ipv4"), 1U);
    complete();
    world.pass(5s);
    EXPECT_EQ(count(world.news(), "forget untranslated"), 0U);
    EXPECT_TRUE(world.reconciler().settled());
}

class Guarded : public SlowKernel {
protected:
    static constexpr const char* kSearch = "forget untranslated ipv4";

    void SetUp() override {
        SlowKernel::SetUp();
        world.flows.slow = false;
        world.flows.deleted = 0;
    }
    bool drops(const std::string& uplink = "charter", Family family = Family::v4) {
        const bool new_to_us = world.reconciler().met_guard({uplink, family}, world.now);
        if (new_to_us)
            world.turn();
        return new_to_us;
    }
    /// How often there is a search while its guard drops packets for so long.
    std::size_t searches(std::chrono::seconds time) {
        for (const auto end = world.now + time; world.now < end; world.pass(20ms))
            drops();
        return count(world.news(), kSearch);
    }
};

TEST_F(Guarded, WhatTheGuardMetIsLookedForAtOnce) {
    EXPECT_TRUE(drops());
    EXPECT_EQ(count(world.news(), kSearch), 1U);
    const core::FlowSelector& asked = world.flows.last;
    EXPECT_TRUE(asked.either_way);
    EXPECT_EQ(asked.sources, world.reconciler().wanted().untranslated.at(0).sources);
}

TEST_F(Guarded, OnlyFlowsWithTheLinesMarkAreMeant) {
    world.config.flow_affinity = true;
    world.configure();
    drops("att");
    const auto& lines = world.reconciler().applied_nat()->lines;
    const auto att = std::ranges::find(lines, "att", &core::LineNat::uplink);
    EXPECT_NE(att->mark, 0U);
    EXPECT_EQ(world.flows.last.mark, att->mark);
    EXPECT_EQ(world.flows.last.mask, world.config.mark_mask);
}

TEST_F(Guarded, WhereNothingIsFoundItIsLookedForLessOften) {
    EXPECT_EQ(searches(60s), 7U) << "at 0, 1, 3, 7, 15, 31 and 47 s";
    world.pass(60s);
    EXPECT_EQ(count(world.news(), kSearch), 1U) << "what was dropped since the last one";
    EXPECT_EQ(searches(2s), 2U) << "as at the beginning";
}

TEST_F(Guarded, WhereSomethingIsFoundItIsLookedForEverySecond) {
    world.flows.deleted = 1;
    EXPECT_EQ(searches(10s), 11U);
}

TEST_F(Guarded, WhatCannotBeForgottenIsShownAndTriedAgain) {
    world.flows.fault = "No buffer space available";
    drops();
    EXPECT_EQ(world.reconciler().problems().at(0).reason, "No buffer space available");
    world.flows.fault.clear();
    world.pass(2s);
    EXPECT_EQ(count(world.news(), kSearch), 1U);
    EXPECT_TRUE(world.reconciler().problems().empty());
}

TEST_F(Guarded, WhereNothingIsTranslatedNothingIsLookedFor) {
    EXPECT_FALSE(drops("charter", Family::v6));
    EXPECT_FALSE(drops("nobody"));
    EXPECT_EQ(count(world.news(), "forget"), 0U);
}

TEST_F(SlowKernel, WhatIsOrderedSettlesNoDebt) {
    const core::ProbeKey line{"charter", Family::v4};
    world.flows.slow = false;
    world.flows.fault = "no";
    world.fall_silent("charter");
    world.turn();
    world.flows.fault.clear();
    world.reconciler().order_forgetting(line, {ip("198.51.100.50"), ip("198.51.100.50")});
    world.turn();
    EXPECT_EQ(world.engine.last_forgotten().at(line).stale.reason, "by command");
    EXPECT_EQ(world.reconciler().problems().size(), 1U);
    world.pass(2s);
    EXPECT_EQ(world.engine.last_forgotten().at(line).stale.reason, "uplink charter does not carry");
    EXPECT_TRUE(world.reconciler().problems().empty());
}

/// With flow affinity, a number that is free is given to the next uplink at once.
TEST(SlowMarks, ASweepSparesTheUplinkThatHasTheMarkByNow) {
    World world;
    world.start();
    const core::Uplink charter = world.config.uplinks.front();
    world.config.uplinks.erase(world.config.uplinks.begin());
    world.configure();
    ASSERT_EQ(count(world.news(), "forget mark 1 ipv4"), 1U);
    world.update();
    core::Uplink cable = charter;
    cable.name = "cable";
    world.config.uplinks.insert(world.config.uplinks.begin(), cable);
    world.configure();
    ASSERT_EQ(world.engine.snapshot().marks.at("cable"), 1U);
    world.pass(10s);
    EXPECT_EQ(count(world.news(), "forget mark 1"), 0U);
}

} // namespace
} // namespace multihomed::test
