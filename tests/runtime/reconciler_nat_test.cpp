// SPDX-License-Identifier: GPL-2.0-or-later
//
// Engine and reconciler on a kernel in memory: translation and guard, which outlive what is
// configured for as long as packets may leave there.
#include "fakes/office.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace std::chrono_literals;
using core::Family;

TEST_F(Office, TranslationLingersUntilNoRouteLeadsThere) {
    world.config.uplinks.erase(world.config.uplinks.begin());
    world.engine.configure(world.config);
    world.update();
    EXPECT_EQ(world.nat.held->lines.size(), 2U) << "packets still leave by eth2.5";
    world.pass(5s);
    ASSERT_EQ(world.nat.held->lines.size(), 1U);
    EXPECT_EQ(world.nat.held->lines.front().interface, "eth2.4");
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, TranslationLingersWhileADefaultIsOnItsWayToTheKernel) {
    world.set_carrier("eth2.5", false);
    world.pass(10s);
    world.set_carrier("eth2.5", true);
    world.news();
    world.update();
    ASSERT_EQ(count(world.news(), "add v4 default via 198.51.100.49 dev eth2.5 table 253"), 1U);
    world.config.uplinks.erase(world.config.uplinks.begin());
    world.engine.configure(world.config);
    world.update();
    world.update();
    EXPECT_EQ(world.nat.held->lines.size(), 2U) << "zebra may have yet to install it";
    EXPECT_FALSE(world.reconciler().settled());
    world.pass(5s);
    EXPECT_EQ(world.nat.held->lines.size(), 1U);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, TheGuardOfAFamilyLingersUntilNoRouteLeadsThere) {
    const std::vector unguarded{core::Prefix::any(Family::v6)};
    const auto guarded = [&] {
        return std::ranges::find(world.nat.held->lines, "eth2.5", &core::LineNat::interface)
            ->sources[Family::v6];
    };
    const auto before = guarded();
    ASSERT_NE(before, unguarded);
    world.config.uplinks.front().family[Family::v6] = {};
    world.engine.configure(world.config);
    world.update();
    EXPECT_EQ(guarded(), before) << "packets still leave by eth2.5";
    world.pass(5s);
    EXPECT_EQ(guarded(), unguarded);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
}

TEST_F(Office, PrefixesInsideAreTranslatedUntilNoRouteLeadsThere) {
    core::UplinkFamily& six = world.config.uplinks.front().family[Family::v6];
    six.prefix_nats = {{net("2001:db8:c001::/64"), net("fd00:1::/64")}};
    world.engine.configure(world.config);
    world.update();
    const auto prefixes = [&] {
        return std::ranges::find(world.nat.held->lines, "eth2.5", &core::LineNat::interface)
            ->prefixes[Family::v6];
    };
    EXPECT_EQ(prefixes(),
              (std::vector<core::PrefixPair>{{net("fd00:1::/64"), net("2001:db8:c001::/64")}}));
    six = {};
    world.engine.configure(world.config);
    world.update();
    EXPECT_EQ(prefixes().size(), 1U) << "packets still leave by eth2.5";
    world.pass(5s);
    EXPECT_TRUE(prefixes().empty());
}

TEST_F(Office, FlowsThatBeganBeforePrefixesStoodAreForgotten) {
    world.news();
    world.config.uplinks.front().family[Family::v6].prefix_nats = {
        {net("2001:db8:c001::/64"), net("fd00:1::/64")}};
    world.engine.configure(world.config);
    world.update();
    EXPECT_EQ(count(world.news(), "forget untranslated ipv6"), 1U);
}

TEST_F(Office, AnothersDefaultByALineKeepsNothingOfOurs) {
    const core::Interface& line = world.seen().interfaces.at("eth2.5");
    world.zebra.foreign_routes = {{.destination = core::Prefix::any(Family::v4),
                                   .table = core::kTableMain,
                                   .metric = 500,
                                   .protocol = 3,
                                   .type = 1,
                                   .nexthops = {{.ifindex = line.index,
                                                 .gateway = ip("198.51.100.49"),
                                                 .weight = 1,
                                                 .linkdown = false}}}};
    world.pass(5s);
    world.engine.stop();
    world.pass(5s);
    EXPECT_TRUE(world.engine.stopped());
    EXPECT_FALSE(world.nat.held);
}

TEST_F(Office, ATableThatSomebodyChangedIsRestored) {
    world.nat.tampered = true;
    world.reconciler().suspect_nat();
    world.turn();
    EXPECT_FALSE(world.nat.tampered);
    EXPECT_EQ(count(world.news(), "nat eth2.4 eth2.5"), 1U);
}

TEST_F(Office, ATableThatCannotBeLookedAtIsLookedAtAgain) {
    world.nat.tampered = true;
    world.nat.fault = "Resource temporarily unavailable";
    world.reconciler().suspect_nat();
    world.turn();
    world.nat.fault.clear();
    world.pass(5s);
    EXPECT_FALSE(world.nat.tampered);
}

TEST_F(Office, TranslationThatFailsHoldsUpAFailoverNotAtAll) {
    world.nat.fault = "No buffer space available";
    world.config.uplinks.front().family[Family::v4].nat = nat_masquerade();
    world.configure();
    world.pass(2s);
    world.set_carrier("eth2.5", false);
    world.pass(500ms);
    EXPECT_TRUE(world.zebra.holds(kAttDefault));
    EXPECT_NE(problems().find("No buffer space available"), std::string::npos);
    EXPECT_FALSE(world.reconciler().settled());
    world.nat.fault.clear();
    world.pass(20s);
    EXPECT_TRUE(world.reconciler().settled()) << problems();
    EXPECT_EQ(world.nat.held->lines.back().nat[Family::v4].kind, core::Nat::Kind::masquerade);
}

TEST_F(Office, UntranslatedFlowsGoWhenTranslationBeginsAndNoOtherTime) {
    EXPECT_EQ(count(start, "forget untranslated ipv4"), 1U);
    EXPECT_EQ(count(start, "forget untranslated ipv6"), 0U) << "nothing is translated there";
    world.set_carrier("eth2.5", false);
    world.pass(10s);
    EXPECT_EQ(count(world.news(), "forget untranslated"), 0U);
}

TEST_F(Office, WhatBeganByAnotherRouterIsForgottenWhenALineTakesOver) {
    world.zebra.foreign_routes = {
        {.destination = core::Prefix::any(Family::v4),
         .table = core::kTableMain,
         .metric = 1,
         .protocol = 188, // RTPROT_OSPF
         .type = 1,
         .nexthops = {{.ifindex = world.seen().interfaces.at("eth1").index,
                       .gateway = ip("172.16.1.2"),
                       .weight = 1,
                       .linkdown = false}}}};
    world.pass(1s);
    EXPECT_EQ(count(world.news(), "forget untranslated"), 0U);
    world.zebra.foreign_routes.clear();
    world.pass(1s);
    EXPECT_EQ(count(world.news(), "forget untranslated ipv4"), 1U);
    world.pass(10s);
    EXPECT_EQ(count(world.news(), "forget untranslated"), 0U) << "once";
}

TEST_F(Office, UntranslatedFlowsThatCannotBeForgottenAreTriedAgain) {
    world.flows.fault = "Operation not permitted";
    world.config.internal = {net("172.16.0.0/16")};
    world.configure();
    EXPECT_EQ(count(world.news(), "forget untranslated"), 0U);
    world.flows.fault.clear();
    world.pass(5s);
    EXPECT_EQ(count(world.news(), "forget untranslated ipv4"), 1U);
}

} // namespace
} // namespace multihomed::test
