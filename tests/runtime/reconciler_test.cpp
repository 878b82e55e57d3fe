// SPDX-License-Identifier: GPL-2.0-or-later
//
// Engine and reconciler on a kernel in memory: order of a change, flows, repair, faults, stop.
#include "fakes/office.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace multihomed::test {
namespace {

using namespace std::chrono_literals;
using core::Family;
using core::State;

const char* const kCharterRule = "v4 10100: from 198.51.100.48/29 lookup 1001";

TEST_F(Office, NatComesFirstThenRoutesThenRules) {
    EXPECT_EQ(count(start, "remove "), 0U);
    EXPECT_LT(place(start, "nat eth2.4 eth2.5"), place(start, "add "));
    const auto rule = [](const std::string& entry) {
        return entry.starts_with("add ") && entry.find(": from ") != std::string::npos;
    };
    const auto first_rule = std::ranges::find_if(start, rule);
    ASSERT_NE(first_rule, start.end());
    EXPECT_FALSE(std::any_of(first_rule, start.end(), [&](const std::string& entry) {
        return entry.starts_with("add ") && !rule(entry);
    })) << "a route after a rule";
    EXPECT_EQ(count(start, "rules complete"), 1U);
    expect_kernel_as_wanted();
}

TEST_F(Office, RestsOnceEverythingStands) {
    world.pass(60s);
    EXPECT_EQ(world.news(), Journal{});
}

TEST_F(Office, AFailoverReplacesTheDefaultAndForgetsThatLinesFlowsOnly) {
    world.set_carrier("eth2.5", false);
    world.turn();
    const Journal news = world.news();
    EXPECT_EQ(count(news, std::string("add ") + kAttDefault), 1U);
    EXPECT_EQ(count(news, "remove v4 default via 198.51.100.49 dev eth2.5 table 254"), 0U);
    EXPECT_EQ(count(news, "forget 198.51.100.50"), 1U);
    EXPECT_EQ(count(news, "forget 203.0.113.57"), 0U);
    EXPECT_EQ(count(news, "nat"), 1U) << "translation does not depend on a line's state";
    EXPECT_LT(place(news, "forget 198.51.100.50"), place(news, "nat")) << "the dead are told last";
    world.pass(10s);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
    expect_kernel_as_wanted();
}

TEST_F(Office, ThatALineIsDeadIsToldLast) {
    world.fall_silent("charter");
    world.turn();
    const Journal news = world.news();
    EXPECT_EQ(count(news, "nat eth2.4 eth2.5(dead v4)(dead v6)"), 1U);
    EXPECT_EQ(count(news, "nat"), 1U);
    EXPECT_LT(place(news, std::string("add ") + kAttDefault), place(news, "nat"));
    EXPECT_LT(place(news, "forget 198.51.100.50"), place(news, "nat"));
    EXPECT_EQ(count(news, "forget untranslated"), 0U);
    world.answer("charter");
    world.turn();
    EXPECT_EQ(count(world.news(), "nat eth2.4 eth2.5"), 1U);
    world.pass(10s);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, ATableThatIsRestoredTellsTheSame) {
    world.fall_silent("charter");
    world.pass(10s);
    const core::NatPlan before = *world.nat.held;
    world.nat.tampered = true;
    world.reconciler().suspect_nat();
    world.pass(1s);
    EXPECT_FALSE(world.nat.tampered);
    EXPECT_EQ(*world.nat.held, before);
}

TEST_F(Office, FlowsAreForgottenWhenTheKernelHasSwitchedAndNotBefore) {
    world.fall_silent("charter");
    world.update();
    EXPECT_EQ(count(world.news(), "forget"), 0U);
    world.turn();
    EXPECT_EQ(count(world.news(), "forget 198.51.100.50"), 1U);
}

TEST_F(Office, FlowsAreForgottenWithoutZebraWhenTheKernelHasSwitchedByItself) {
    world.seen().dataplane.connected = false;
    world.seen().dataplane.known = false;
    world.set_carrier("eth2.5", false);
    world.update();
    EXPECT_EQ(count(world.news(), "forget 198.51.100.50"), 1U);
}

TEST_F(Office, FlowsStayWhenNothingElseCanCarryThem) {
    world.set_carrier("eth2.4", false);
    world.pass(1s);
    world.news();
    world.set_carrier("eth2.5", false);
    world.pass(10s);
    EXPECT_EQ(count(world.news(), "forget"), 0U);
}

TEST_F(Office, FlowsAreSweptOnceMoreForPacketsThatWereUnderWay) {
    world.set_carrier("eth2.5", false);
    world.turn();
    world.news();
    world.pass(90ms);
    EXPECT_EQ(count(world.news(), "forget"), 0U);
    world.pass(60s);
    EXPECT_EQ(count(world.news(), "forget 198.51.100.50"), 1U);
}

TEST_F(Office, TheSecondSweepSparesALineThatCarriesAgain) {
    world.config.uplinks.front().probing[core::Knob::stable_for] = 0;
    world.configure();
    world.fall_silent("charter");
    world.turn();
    ASSERT_EQ(count(world.news(), "forget 198.51.100.50"), 1U);
    world.answer("charter");
    world.turn();
    ASSERT_TRUE(world.zebra.holds(kCharterDefault));
    world.news();
    world.pass(10s);
    EXPECT_EQ(count(world.news(), "forget 198.51.100.50"), 0U) << "its flows are healthy";
}

TEST_F(Office, ForgettingThatFailsIsTriedAgainAndShown) {
    world.flows.fault = "Operation not permitted";
    world.set_carrier("eth2.5", false);
    world.pass(2s);
    EXPECT_NE(problems().find("Operation not permitted"), std::string::npos);
    EXPECT_FALSE(world.reconciler().settled());
    world.flows.fault.clear();
    world.pass(2s);
    EXPECT_GE(count(world.news(), "forget 198.51.100.50"), 1U);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, AFailureToForgetIsNoProblemOnceNothingIsOwed) {
    world.config.uplinks.front().probing[core::Knob::stable_for] = 0;
    world.configure();
    world.flows.fault = "Operation not permitted";
    world.fall_silent("charter");
    world.turn();
    ASSERT_NE(problems(), "");
    world.answer("charter");
    world.pass(10s);
    ASSERT_EQ(world.state("charter"), State::up);
    world.fall_silent("att");
    world.flows.fault.clear();
    world.pass(10s);
    EXPECT_EQ(problems(), "");
    EXPECT_TRUE(world.reconciler().settled());
}

TEST_F(Office, WhatSomebodyDeletesIsBackAtOnce) {
    for (const char* text :
         {kCharterRule, kCharterDefault, "v4 default via 198.51.100.49 dev eth2.5 table 1001"}) {
        world.zebra.delete_by_hand(text);
        world.turn();
        world.pass(100ms);
        EXPECT_TRUE(world.zebra.holds(text)) << text;
    }
    EXPECT_EQ(count(world.news(), "remove "), 0U);
    EXPECT_TRUE(world.reconciler().settled());
}

TEST_F(Office, WhatTheKernelRefusesIsShownAndHoldsUpNothingElse) {
    world.zebra.refused = {"v4 10100: from 192.0.2.0/24 lookup 1001"};
    world.config.uplinks.front().family[Family::v4].sources = {net("192.0.2.0/24")};
    world.config.uplinks.back().family[Family::v4].sources = {net("192.0.3.0/24")};
    world.configure();
    const core::Rule rule{
        .family = Family::v4, .priority = 10100, .source = net("192.0.2.0/24"), .table = 1001};
    world.reconciler().note(rule, apply::Note::failed, "Invalid argument");
    world.pass(10s);
    EXPECT_EQ(problems(), "10100: from 192.0.2.0/24 lookup 1001: Invalid argument\n");
    EXPECT_FALSE(world.reconciler().settled());
    EXPECT_TRUE(world.zebra.holds("v4 10100: from 192.0.3.0/24 lookup 1002"));
    const std::size_t attempts = count(world.news(), "add v4 10100: from 192.0.2.0/24");
    EXPECT_GE(attempts, 3U);
    EXPECT_LE(attempts, 6U) << "the delay grows";
    world.pass(60s);
    EXPECT_LE(count(world.news(), "add v4 10100: from 192.0.2.0/24"), 5U);

    world.zebra.refused.clear();
    world.pass(20s);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, ARouteThatNeverAppearsKeepsItFromBeingSettled) {
    world.zebra.refused = {kAttDefault};
    world.set_carrier("eth2.5", false);
    world.pass(2s);
    EXPECT_EQ(problems(), "") << "not yet";
    world.pass(28s);
    EXPECT_FALSE(world.reconciler().settled());
    EXPECT_NE(problems().find("not in the kernel, although zebra was told"), std::string::npos)
        << problems();
    world.zebra.refused.clear();
    world.pass(20s);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
    EXPECT_EQ(problems(), "");
}

TEST_F(Office, APredecessorsDefaultInFrontOfTheUnreachableOneIsWithdrawnOnce) {
    const std::string behind = "v4 unreachable default table 1001";
    world.zebra.end_session();
    world.zebra.dead_in_front = {behind};
    world.reconciler().forget_sent();
    world.set_carrier("eth2.5", false);
    world.pass(5s);
    EXPECT_TRUE(world.zebra.holds(behind));
    EXPECT_EQ(count(world.news(), "remove v4 unreachable default table 1001"), 1U);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
    world.set_carrier("eth2.5", true);
    world.pass(20s);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, ARuleThatNeverAppearsKeepsItFromBeingSettled) {
    world.zebra.refused = {"v4 10100: from 192.0.2.0/24 lookup 1001"};
    world.config.uplinks.front().family[Family::v4].sources = {net("192.0.2.0/24")};
    world.configure();
    world.pass(30s);
    EXPECT_FALSE(world.reconciler().settled());
}

TEST_F(Office, OfEqualRulesOneStays) {
    world.pass(2s);
    const core::Rule twice = world.reconciler().wanted().lowered.rules.back();
    world.zebra.leave_behind(twice);
    world.zebra.leave_behind(twice);
    world.news();
    world.pass(5s);
    const std::string text =
        std::string(twice.family == Family::v4 ? "v4 " : "v6 ") + core::to_string(twice);
    EXPECT_EQ(std::ranges::count(world.zebra.held(), text), 1);
    const Journal news = world.news();
    EXPECT_EQ(count(news, "remove " + text), 3U);
    EXPECT_EQ(count(news, "add " + text), 1U);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, LeftoversOfAPredecessorGoAndOthersRulesStay) {
    const core::Rule leftover{
        .family = Family::v4, .priority = 10100, .source = net("192.0.2.0/24"), .table = 1009};
    const core::Rule theirs{
        .family = Family::v4, .priority = 10100, .source = net("192.0.7.0/24"), .table = 77};
    world.zebra.leave_behind(leftover);
    world.zebra.foreign_rules = {{theirs, 4, false}, {theirs, core::kRuleProtocol, true}};
    world.pass(5s);
    const Journal news = world.news();
    EXPECT_EQ(count(news, "remove v4 10100: from 192.0.2.0/24 lookup 1009"), 1U);
    EXPECT_EQ(count(news, "remove v4 10100: from 192.0.7.0/24"), 0U);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, NothingGoesBeforeItsSuccessorStands) {
    world.config.uplinks.front().table = 4000;
    world.configure();
    world.pass(5s);
    const Journal news = world.news();
    const std::size_t new_route =
        place(news, "add v4 default via 198.51.100.49 dev eth2.5 table 4000");
    const std::size_t new_rule = place(news, "add v4 10100: from 198.51.100.48/29 lookup 4000");
    const std::size_t old_rule = place(news, std::string("remove ") + kCharterRule);
    const std::size_t old_route =
        place(news, "remove v4 default via 198.51.100.49 dev eth2.5 table 1001");
    EXPECT_LT(new_route, new_rule);
    EXPECT_LT(new_rule, old_rule);
    EXPECT_LT(old_rule, old_route);
    EXPECT_LT(old_route, news.size());
    expect_kernel_as_wanted();
}

TEST_F(Office, AStopLeavesNothing) {
    world.engine.stop();
    world.pass(5s);
    EXPECT_TRUE(world.engine.stopped());
    EXPECT_EQ(world.zebra.held(), std::vector<std::string>{});
    EXPECT_FALSE(world.nat.held);
    EXPECT_TRUE(world.sysctls.held.empty());
    EXPECT_TRUE(world.names.held.empty());
    const Journal news = world.news();
    EXPECT_GT(place(news, "nat removed"), place(news, "remove v4 default via 198.51.100.49"))
        << "translation goes when no route leads to a line any more";
}

TEST_F(Office, AStopEndsAlthoughAConvenienceFailed) {
    world.names.fault = "Permission denied";
    world.engine.stop();
    world.pass(5s);
    EXPECT_TRUE(world.engine.stopped());
}

TEST_F(Office, AStopWithoutZebraWaitsForNobody) {
    world.seen().dataplane.connected = false;
    world.engine.stop();
    world.turn();
    EXPECT_TRUE(world.engine.stopped());
}

TEST_F(Office, EverythingIsSentAgainToAZebraThatLostIt) {
    const auto before = world.zebra.held();
    world.zebra.end_session();
    world.reconciler().forget_sent();
    world.turn();
    EXPECT_EQ(world.zebra.held(), before);
    EXPECT_EQ(count(world.news(), "rules complete"), 1U);
}

TEST_F(Office, TransitionsBearTheGenerationTheyLedTo) {
    world.set_carrier("eth2.5", false);
    world.turn();
    ASSERT_FALSE(world.engine.events().empty());
    EXPECT_EQ(world.engine.events().back().generation, world.reconciler().generation());
}

TEST_F(Office, ARestartedLineIsNewAsOfNow) {
    world.pass(10s);
    world.engine.restart_line("att");
    world.figures.clear();
    world.turn();
    for (const core::LineReport& report : world.engine.decision().lines)
        if (report.line.uplink->name == "att") {
            EXPECT_EQ(report.health.state, State::hold) << "beside charter, which is up";
            EXPECT_EQ(report.health.since, world.now);
        }
}

TEST(Reconciler, AConfigurationWithoutAnyLineTakesBackAPredecessorsTableAndNames) {
    World world;
    world.names.held = {{1001, "charter"}};
    world.config = core::Config{};
    world.configure();
    EXPECT_EQ(count(world.news(), "nat removed"), 1U);
    EXPECT_TRUE(world.names.held.empty());
}

/// Whatever happens, once the faults are gone everything comes right without help.
TEST(Reconciler, ComesRightAfterAnySequenceOfFaults) {
    for (unsigned seed = 0; seed < 150; ++seed) {
        std::mt19937 random(seed);
        World world;
        world.answer("charter");
        world.answer("att");
        world.configure();
        const auto one_of = [&](const std::vector<std::string>& list) {
            return list.empty() ? std::string() : list[random() % list.size()];
        };
        for (int i = 0; i < 30; ++i) {
            const std::string uplink = random() % 2 ? "charter" : "att";
            const std::string interface = uplink == "att" ? "eth2.4" : "eth2.5";
            switch (random() % 11) {
            case 0:
                world.set_carrier(interface, random() % 2);
                break;
            case 1:
                world.fall_silent(uplink);
                break;
            case 2:
                world.answer(uplink);
                break;
            case 3:
                world.zebra.delete_by_hand(one_of(world.zebra.held()));
                break;
            case 4:
                world.zebra.refused.insert(one_of(world.zebra.held()));
                break;
            case 5:
                world.flows.fault = random() % 2 ? "fault" : "";
                break;
            case 6:
                world.nat.fault = random() % 2 ? "fault" : "";
                break;
            case 7:
                world.nat.tampered = true;
                world.reconciler().suspect_nat();
                break;
            case 8:
                world.config.uplinks.front().shutdown = random() % 2;
                world.config.uplinks.front().table =
                    random() % 2 ? std::optional(3000U) : std::nullopt;
                world.engine.configure(world.config);
                break;
            case 9:
                world.flows.slow = random() % 2;
                break;
            default:
                world.zebra.end_session();
                world.reconciler().forget_sent();
                break;
            }
            if (random() % 2)
                world.update();
            else
                world.pass(std::chrono::milliseconds(random() % 3000));
        }
        world.zebra.refused.clear();
        world.flows.fault.clear();
        world.flows.slow = false;
        world.nat.fault.clear();
        world.pass(120s);
        EXPECT_TRUE(world.reconciler().settled()) << "seed " << seed;
        EXPECT_EQ(world.zebra.held(), wanted_in_kernel(world)) << "seed " << seed;
        EXPECT_EQ(*world.nat.held, world.reconciler().wanted().desired.nat) << "seed " << seed;
        EXPECT_FALSE(world.nat.tampered);
        EXPECT_EQ(count(world.news(), "it never comes to rest"), 0U);
        if (testing::Test::HasFailure())
            return;
    }
}

} // namespace
} // namespace multihomed::test
