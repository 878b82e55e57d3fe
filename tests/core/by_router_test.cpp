// SPDX-License-Identifier: GPL-2.0-or-later
//
// An uplink of another router inside: `ip gateway router`.
#include "core/builders.hpp"
#include "core/config_text.hpp"
#include "core/edit.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

const Address kRouter = ip("fd00::2");
constexpr const char* kTheirs = "2001:db8:b::/48";

/// The office, and beside it a router with a line of its own, whose prefix is also in the LAN.
class ByRouter : public ::testing::Test {
protected:
    Router router = proven_office();

    void SetUp() override {
        router.config.uplinks.push_back(uplink("beyond", ""));
        ASSERT_FALSE(edit_gateway_router(router.config, "beyond", Family::v6, "fd00::2"));
        ASSERT_FALSE(edit_source(router.config, "beyond", Family::v6, kTheirs, true));
        reach("eth1");
    }
    void reach(const char* interface, std::optional<Address> gateway = {}) {
        router.seen.routers[kRouter] = RouterNexthop{router.interface(interface).index, gateway};
        router.decide_after(1s);
    }
    const LineReport& report() const {
        return *std::ranges::find_if(router.last.lines, [](const LineReport& each) {
            return each.line.key() == ProbeKey{"beyond", Family::v6};
        });
    }
    Texts table() const { return table_texts(router.last.desired.routes, report().line.table); }
};

/// It is translated where it leaves.
TEST_F(ByRouter, NobodyTranslatesItHere) {
    Config& config = router.config;
    const NatWords masquerade{.kind = "masquerade"};
    const PrefixNatWords prefix{.outside = "2001:db8:b::/48", .inside = "fd00:b::/48"};
    const Refusal theirs = "uplink beyond is another router's line, which translates it";
    for (const Family family : kFamilies)
        EXPECT_EQ(edit_nat(config, "beyond", family, masquerade), theirs);
    EXPECT_EQ(edit_prefix_nat(config, "beyond", Family::v6, prefix, true), theirs);
    EXPECT_EQ(edit_nat(config, "beyond", Family::v4, NatWords{.kind = "none"}), std::nullopt);
    config.uplinks.push_back(uplink("mine", ""));
    ASSERT_EQ(edit_prefix_nat(config, "mine", Family::v6, prefix, true), std::nullopt);
    EXPECT_EQ(edit_gateway_router(config, "mine", Family::v4, "172.16.1.2"),
              "uplink mine is translated here: another router's line is not");
    ASSERT_EQ(edit_prefix_nat(config, "mine", Family::v6, prefix, false), std::nullopt);
    EXPECT_EQ(edit_gateway_router(config, "mine", Family::v4, "172.16.1.2"), std::nullopt);
}

TEST_F(ByRouter, WhatBearsItsAddressesIsCarriedThere) {
    EXPECT_EQ(router.last.desired.routers, std::vector{kRouter});
    EXPECT_EQ(report().health.state, State::up);
    EXPECT_NE(report().health.reason.find("by gateway fd00::2"), std::string::npos);
    EXPECT_EQ(table().front(),
              "v6 default via fd00::2 dev eth1 table " + std::to_string(report().line.table));
    EXPECT_TRUE(std::ranges::any_of(router.last.desired.rules, [&](const Rule& rule) {
        return rule.source == net(kTheirs) && rule.table == report().line.table;
    }));
}

TEST_F(ByRouter, TheInterfaceStaysInside) {
    EXPECT_FALSE(report().carries);
    EXPECT_FALSE(report().stands_by);
    EXPECT_EQ(router.carrying(Family::v6), Texts{"charter"});
    EXPECT_TRUE(std::ranges::none_of(router.last.desired.nat.lines, [](const LineNat& nat) {
        return nat.interface == "eth1" || nat.uplink == "beyond";
    })) << "neither translated nor guarded";
    EXPECT_TRUE(std::ranges::none_of(router.last.desired.sysctls, [](const Sysctl& sysctl) {
        return sysctl.interface == "eth1";
    }));
}

TEST_F(ByRouter, ItIsNeverUsedForWhatBearsNoAddressOfIts) {
    router.fall_silent("charter");
    router.fall_silent("att");
    router.decide_after(5s);
    for (const Family family : kFamilies)
        EXPECT_EQ(std::ranges::count(router.carrying(family), "beyond"), 0);
    EXPECT_TRUE(router.last.announced[Family::v6].withheld);
}

TEST_F(ByRouter, ADefaultByTheSameInterfaceIsAnothersAndNotALines) {
    router.seen.routes.push_back(
        {.destination = Prefix::any(Family::v6),
         .table = kTableMain,
         .metric = 20,
         .protocol = 188,
         .type = 1,
         .nexthops = {{.ifindex = router.interface("eth1").index, .gateway = ip("fe80::2")}}});
    router.fall_silent("charter");
    router.fall_silent("att");
    router.decide_after(5s);
    EXPECT_NE(router.last.choice_reason[Family::v6].find("another router's default"),
              std::string::npos)
        << router.last.choice_reason[Family::v6];
}

TEST_F(ByRouter, FollowsTheWay) {
    router.seen.routers[kRouter] = std::nullopt;
    router.decide_after(1s);
    EXPECT_EQ(report().health.state, State::no_gateway);
    EXPECT_NE(report().health.reason.find("no route but a default leads to router fd00::2"),
              std::string::npos);
    EXPECT_EQ(table().size(), 1U) << "unreachable: nothing of it may leave by another line";
    add(router.seen, ethernet("eth3", 9));
    reach("eth3");
    EXPECT_NE(table().front().find("via fd00::2 dev eth3"), std::string::npos);
}

TEST_F(ByRouter, WhoWouldHaveToPassItOnMaySendItBack) {
    reach("eth1", ip("fe80::3"));
    EXPECT_EQ(report().health.state, State::no_gateway);
    EXPECT_NE(report().health.reason.find("leads there by fe80::3 on eth1"), std::string::npos);
    EXPECT_EQ(table().size(), 1U);
}

TEST_F(ByRouter, ARouterThatIsReachedByALineIsNotInside) {
    reach("eth2.5");
    EXPECT_EQ(report().health.state, State::no_gateway);
    EXPECT_NE(report().health.reason.find("which is uplink charter"), std::string::npos);
}

TEST_F(ByRouter, IsItselfWhenItsAddressIsHere) {
    router.interface("eth1").addresses.push_back(interface_address("fd00::2/64"));
    router.decide_after(1s);
    EXPECT_NE(report().health.reason.find("is this router itself"), std::string::npos);
}

TEST_F(ByRouter, IsProbedFromAnAddressOfItsPrefix) {
    ASSERT_FALSE(edit_probe_target(router.config, "beyond",
                                   {.kind = "icmp", .address = "2620:fe::fe"}, true));
    router.decide_after(1s);
    const auto plan = [&] {
        return std::ranges::find(router.last.desired.probes, ProbeKey{"beyond", Family::v6},
                                 &ProbePlan::key);
    };
    EXPECT_EQ(plan(), router.last.desired.probes.end());
    EXPECT_NE(report().health.reason.find("to probe from"), std::string::npos);
    router.interface("eth1").addresses.push_back(interface_address("2001:db8:b:1::1/64"));
    router.decide_after(1s);
    ASSERT_NE(plan(), router.last.desired.probes.end());
    EXPECT_EQ(plan()->interface, "eth1");
    EXPECT_EQ(plan()->source, ip("2001:db8:b:1::1"));
    router.set_probe("beyond", Family::v6, {silent("2620:fe::fe", 10)});
    router.decide_after(1s);
    EXPECT_EQ(report().health.state, State::down);
    EXPECT_EQ(table().front(),
              "v6 default via fd00::2 dev eth1 table " + std::to_string(report().line.table))
        << "there is nowhere else to go";
    EXPECT_TRUE(std::ranges::none_of(router.last.stale, [](const StaleFlows& flows) {
        return flows.line.uplink == "beyond";
    })) << "its flows bear no mark";
}

TEST(EditGatewayRouter, IsTypedAndReadBack) {
    Config config = office_config();
    config.uplinks.push_back(uplink("beyond", ""));
    const std::string before = to_text(config);
    EXPECT_FALSE(edit_gateway_router(config, "beyond", Family::v4, "10.0.0.2"));
    EXPECT_NE(to_text(config).find("  ip gateway router 10.0.0.2\n"), std::string::npos);
    EXPECT_TRUE(edit_interface(config, "beyond", "eth7")) << "it has none here";
    EXPECT_TRUE(edit_gateway_router(config, "charter", Family::v4, "10.0.0.2"))
        << "it has one here";
    EXPECT_TRUE(edit_gateway_router(config, "beyond", Family::v6, "fe80::2"));
    EXPECT_TRUE(edit_gateway_router(config, "beyond", Family::v6, "10.0.0.2"));
    EXPECT_FALSE(edit_gateway(config, "beyond", Family::v4, std::nullopt));
    EXPECT_EQ(to_text(config), before);
}

} // namespace
} // namespace multihomed::test
