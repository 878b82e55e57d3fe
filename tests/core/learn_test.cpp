// SPDX-License-Identifier: GPL-2.0-or-later
//
// `ip gateway auto`: gateways from other programs' defaults, and whose default comes first then.
#include "core/builders.hpp"
#include "core/kernel_view.hpp"
#include "core/learn.hpp"
#include "core/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

constexpr std::uint8_t kDhcp = 16;
constexpr std::uint8_t kRouterAdvertisement = 9;

KernelRoute default_route(std::uint32_t ifindex, const char* gateway, std::uint8_t protocol,
                          std::uint32_t metric = 100, std::uint32_t table = kTableMain) {
    KernelRoute route;
    route.nexthops = {{.ifindex = ifindex, .gateway = {}}};
    route.destination = Prefix::any(Family::v4);
    if (gateway) {
        route.nexthops.front().gateway = ip(gateway);
        route.destination = Prefix::any(family_of(ip(gateway)));
    }
    route.table = table;
    route.metric = metric;
    route.protocol = protocol;
    route.type = 1; // RTN_UNICAST
    return route;
}

/// The office with both lines' IPv4 gateways and charter's IPv6 gateway to be learned.
class Learning : public ::testing::Test {
protected:
    Router router;
    std::uint32_t charter = 0;
    std::uint32_t att = 0;

    void SetUp() override {
        router.config = office_config();
        router.seen = office();
        router.seen.dataplane.module = true;
        gateway_of("charter") = {.kind = Gateway::Kind::learned};
        gateway_of("charter", Family::v6) = {.kind = Gateway::Kind::learned};
        gateway_of("att") = {.kind = Gateway::Kind::learned};
        charter = router.interface("eth2.5").index;
        att = router.interface("eth2.4").index;
    }
    Gateway& gateway_of(const char* uplink, Family family = Family::v4) {
        return router.uplink(uplink).family[family].gateway;
    }
    void put(const KernelRoute& route) { router.seen.routes.push_back(route); }
    void take_away() { router.seen.routes.clear(); }
    const Line& line(const char* uplink, Family family = Family::v4) const {
        const auto found = std::ranges::find_if(router.last.lines, [&](const LineReport& report) {
            return report.line.key() == ProbeKey{uplink, family};
        });
        return found->line;
    }
    std::string learned(const char* uplink, Family family = Family::v4) const {
        const Line& found = line(uplink, family);
        if (found.blocked)
            return found.blocked->reason;
        return (found.gateway ? found.gateway->to_string() : "none") +
               (found.learned_from ? " from " + protocol_text(*found.learned_from) : "");
    }
    Texts own_rules() const {
        Texts found;
        for (const std::string& text : texts(router.last.desired.rules))
            if (text.find(" 10900:") != std::string::npos ||
                text.find(" 10901:") != std::string::npos)
                found.push_back(text);
        return found;
    }
};

TEST_F(Learning, WithoutADefaultThereIsNoGateway) {
    router.decide();
    EXPECT_EQ(router.state("charter"), State::no_gateway);
    EXPECT_EQ(router.reason("charter"), "no gateway learned: no default route by eth2.5 in main");
}

TEST_F(Learning, TheClientsDefaultTellsTheGateway) {
    put(default_route(charter, "198.51.100.54", kDhcp));
    put(default_route(charter, "fe80::53", kRouterAdvertisement));
    put(default_route(att, "203.0.113.61", 3));
    router.decide();
    EXPECT_EQ(learned("charter"), "198.51.100.54 from dhcp");
    EXPECT_EQ(learned("charter", Family::v6), "fe80::53 from ra");
    EXPECT_EQ(learned("att"), "203.0.113.61 from boot");
    EXPECT_EQ(router.carrying(), Texts{"charter"});
    EXPECT_EQ(table_texts(router.last.desired.routes, kTableMain).front(),
              "v4 default via 198.51.100.54 dev eth2.5 table 254");
}

TEST_F(Learning, OfSeveralDefaultsTheBestCounts) {
    put(default_route(charter, "198.51.100.54", kDhcp, 1024));
    put(default_route(charter, "198.51.100.53", kDhcp, 100));
    put(default_route(charter, "198.51.100.52", kDhcp, 200));
    router.decide();
    EXPECT_EQ(learned("charter"), "198.51.100.53 from dhcp");
}

TEST_F(Learning, WhatIsOursTeachesNothing) {
    put(default_route(charter, "198.51.100.54", kDefaultRouteProtocol, 20));
    put(default_route(charter, "198.51.100.54", kLineRouteProtocol, 20));
    router.decide();
    EXPECT_EQ(router.state("charter"), State::no_gateway);
}

TEST_F(Learning, AnotherTableCanBeNamed) {
    gateway_of("charter").table = 200;
    put(default_route(charter, "198.51.100.54", kDhcp));
    router.decide();
    EXPECT_EQ(learned("charter"), "no gateway learned: no default route by eth2.5 in table 200");
    put(default_route(charter, "198.51.100.53", kDhcp, 100, 200));
    router.decide();
    EXPECT_EQ(learned("charter"), "198.51.100.53 from dhcp");
}

TEST_F(Learning, ANewGatewayIsFollowedAtOnce) {
    put(default_route(charter, "198.51.100.54", kDhcp));
    router.decide();
    take_away();
    put(default_route(charter, "198.51.100.53", kDhcp));
    router.decide_after(1ms);
    EXPECT_EQ(learned("charter"), "198.51.100.53 from dhcp");
}

TEST_F(Learning, ARouteThatIsReplacedInTwoStepsIsNoLoss) {
    put(default_route(charter, "198.51.100.54", kDhcp));
    router.decide();
    take_away();
    router.decide_after(1ms);
    EXPECT_EQ(learned("charter"), "198.51.100.54 from dhcp");
    ASSERT_TRUE(router.last.next_deadline);
    EXPECT_EQ(*router.last.next_deadline, router.now + kLearnedGrace);
    router.decide_after(kLearnedGrace - 1ms);
    EXPECT_EQ(learned("charter"), "198.51.100.54 from dhcp");
    router.decide_after(1ms);
    EXPECT_EQ(router.state("charter"), State::no_gateway) << "it did not come back";
}

TEST_F(Learning, AnotherInterfaceOfThatNameKnowsNothing) {
    put(default_route(charter, "198.51.100.54", kDhcp));
    router.decide();
    take_away();
    router.interface("eth2.5").index = 99;
    router.decide_after(1ms);
    EXPECT_EQ(router.state("charter"), State::no_gateway);
}

TEST_F(Learning, ALinkToAPeerNeedsNone) {
    router.seen.interfaces.erase("eth2.5");
    router.uplink("charter").family[Family::v4].nat = nat_masquerade();
    add(router.seen, tunnel("eth2.5", 9, {"192.0.2.9 peer 192.0.2.1/32"}));
    router.decide();
    EXPECT_EQ(learned("charter"), "none");
    put(default_route(9, nullptr, 3));
    router.decide();
    EXPECT_EQ(learned("charter"), "none from boot");
}

TEST_F(Learning, AnOwnAddressIsNoGateway) {
    put(default_route(charter, "203.0.113.57", kDhcp));
    router.decide();
    EXPECT_NE(learned("charter").find("own address"), std::string::npos) << learned("charter");
}

// Cloud and some access providers: a /32, and a gateway elsewhere, which the client marks onlink.
TEST_F(Learning, TheKernelHasCheckedThatItIsReachable) {
    put(default_route(charter, "10.255.255.1", kDhcp));
    router.decide();
    EXPECT_EQ(learned("charter"), "10.255.255.1 from dhcp");
}

TEST_F(Learning, OurDefaultComesBeforeTheClients) {
    put(default_route(charter, "198.51.100.54", kDhcp));
    put(default_route(att, "203.0.113.61", kDhcp));
    router.decide();
    EXPECT_EQ(own_rules(),
              (Texts{"v4 10900: from all lookup 1000", "v4 10901: from all lookup 253",
                     "v6 10900: from all lookup 1000", "v6 10901: from all lookup 253"}));
    EXPECT_EQ(table_texts(router.last.desired.routes, kTableOwn).front(),
              "v4 default via 198.51.100.54 dev eth2.5 table 1000");
    EXPECT_EQ(router.history.tables.at(kTableOwnName), kTableOwn);
}

TEST_F(Learning, AStrangersDefaultStaysInForce) {
    put(default_route(charter, "198.51.100.54", kDhcp));
    put(default_route(router.interface("eth1").index, "172.16.1.254", 4, 0));
    router.decide();
    EXPECT_EQ(own_rules(),
              (Texts{"v6 10900: from all lookup 1000", "v6 10901: from all lookup 253"}));
}

TEST_F(Learning, WithTypedGatewaysMainsDefaultIsAllThereIs) {
    router.config = office_config();
    put(default_route(charter, "198.51.100.54", kDhcp));
    router.decide();
    EXPECT_TRUE(own_rules().empty());
    EXPECT_TRUE(table_texts(router.last.desired.routes, kTableOwn).empty());
    EXPECT_FALSE(router.history.tables.contains(kTableOwnName));
}

TEST_F(Learning, StockZebraCannotPutItFirst) {
    router.seen.dataplane.module = false;
    put(default_route(charter, "198.51.100.54", kDhcp));
    router.decide();
    EXPECT_TRUE(own_rules().empty());
}

TEST_F(Learning, WhenNothingCarriesTheClientsDefaultIsNotTakenInstead) {
    router.config.last_resort = LastResort::withdraw;
    put(default_route(charter, "198.51.100.54", kDhcp));
    router.decide();
    router.fall_silent("charter");
    router.fall_silent("att");
    router.decide_after(1s);
    EXPECT_TRUE(router.carrying().empty());
    EXPECT_EQ(table_texts(router.last.desired.routes, kTableOwn).front(),
              "v4 unreachable default table 1000");
}

TEST_F(Learning, TheKernelIsAskedInTheOrderOfItsRules) {
    put(default_route(charter, "198.51.100.54", kDhcp));
    put(default_route(att, "203.0.113.61", kDefaultRouteProtocol, 20, kTableOwn));
    EXPECT_EQ(default_nexthops(router.seen, Family::v4).front().ifindex, charter);
    const Rule own{.family = Family::v4, .priority = 10900, .table = kTableOwn};
    router.seen.rules.push_back({own, kRuleProtocol, false});
    EXPECT_EQ(default_tables(router.seen, Family::v4),
              (std::vector<std::uint32_t>{kTableOwn, kTableMain, kTableDefault}));
    EXPECT_EQ(default_nexthops(router.seen, Family::v4).front().ifindex, att);
    EXPECT_EQ(default_tables(router.seen, Family::v6).front(), kTableMain);
}

TEST(ProtocolText, NamesAreIproute2s) {
    EXPECT_EQ(protocol_text(16), "dhcp");
    EXPECT_EQ(protocol_text(9), "ra");
    EXPECT_EQ(protocol_text(77), "77");
}

} // namespace
} // namespace multihomed::test
