// SPDX-License-Identifier: GPL-2.0-or-later
//
// plan_*(): exactly what the small office's configuration means for the kernel, and the edges.
#include "core/builders.hpp"
#include "core/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

std::string nat_text(const Nat& nat) {
    switch (nat.kind) {
    case Nat::Kind::masquerade:
        return "masquerade";
    case Nat::Kind::source:
        return "snat " + nat.first.to_string() + "-" + nat.last.to_string();
    default:
        return "none";
    }
}

Texts nat_texts(const NatPlan& plan) {
    Texts lines;
    for (const LineNat& line : plan.lines)
        for (const Family family : kFamilies) {
            std::string text = line.interface + " " + to_string(family) + " " +
                               nat_text(line.nat[family]) + " guard";
            for (const Prefix& source : line.sources[family])
                text += " " + source.to_string();
            lines.push_back(text);
        }
    return lines;
}

class Plan : public ::testing::Test {
protected:
    Router router = proven_office();

    const Desired& desired() { return router.decide().desired; }
    Texts table(std::uint32_t number) { return table_texts(desired().routes, number); }
    Texts rules() { return texts(desired().rules); }
    bool has_rule(const std::string& text) {
        const auto all = rules();
        return std::ranges::find(all, text) != all.end();
    }
    /// The routers of both lines become modems that hand out these addresses.
    void set_addresses(const char* charter, const char* att) {
        router.interface("eth2.5").addresses = {interface_address(charter)};
        router.interface("eth2.4").addresses = {interface_address(att)};
        for (Uplink& each : router.config.uplinks) {
            each.family[Family::v4].nat.reset();
            each.family[Family::v4].gateway.onlink = true;
        }
    }
};

TEST_F(Plan, TablesOfTheOffice) {
    EXPECT_EQ(table(1001), (Texts{
                               "v4 default via 198.51.100.49 dev eth2.5 table 1001",
                               "v4 unreachable default table 1001",
                               "v4 198.51.100.48/29 dev eth2.5 table 1001",
                               "v6 default via fe80::c dev eth2.5 table 1001",
                               "v6 unreachable default table 1001",
                               "v6 2001:db8:cc::/64 dev eth2.5 table 1001",
                           }));
    EXPECT_EQ(table(1002), (Texts{
                               "v4 default via 203.0.113.62 dev eth2.4 table 1002",
                               "v4 unreachable default table 1002",
                               "v4 203.0.113.56/29 dev eth2.4 table 1002",
                               "v6 default via fe80::a dev eth2.4 table 1002",
                               "v6 unreachable default table 1002",
                               "v6 2001:db8:aa::/64 dev eth2.4 table 1002",
                           }));
    EXPECT_EQ(table(kTableMain), (Texts{"v4 default via 198.51.100.49 dev eth2.5 table 254",
                                        "v6 default via fe80::c dev eth2.5 table 254"}));
    EXPECT_EQ(table(kTableDefault), (Texts{"v4 default via 203.0.113.62 dev eth2.4 table 253",
                                           "v6 default via fe80::a dev eth2.4 table 253"}));
    EXPECT_EQ(desired().routes.size(), 16U) << "and nothing else";
    for (const Route& route : desired().routes)
        EXPECT_EQ(route.distance, route.nexthops.empty() ? kDistanceUnreachable : kDistanceDefault);
}

TEST_F(Plan, RulesOfTheOffice) {
    EXPECT_EQ(rules(), (Texts{
                           "v4 10000: from all to 198.51.100.48/29 lookup 254 "
                           "suppress_prefixlength 29",
                           "v4 10000: from all to 203.0.113.56/29 lookup 254 "
                           "suppress_prefixlength 29",
                           "v4 10001: from all to 198.51.100.48/29 goto 10100",
                           "v4 10001: from all to 203.0.113.56/29 goto 10100",
                           "v4 10010: from all lookup 254 suppress_prefixlength 0",
                           "v4 10100: from 198.51.100.48/29 lookup 1001",
                           "v4 10100: from 203.0.113.56/29 lookup 1002",
                           "v4 10600: from all fwmark 0x1000000/0x3f000000 lookup 1001",
                           "v4 10600: from all fwmark 0x2000000/0x3f000000 lookup 1002",
                           "v6 10000: from all to 2001:db8:aa::/64 lookup 254 "
                           "suppress_prefixlength 64",
                           "v6 10000: from all to 2001:db8:cc::/64 lookup 254 "
                           "suppress_prefixlength 64",
                           "v6 10001: from all to 2001:db8:aa::/64 goto 10100",
                           "v6 10001: from all to 2001:db8:cc::/64 goto 10100",
                           "v6 10010: from all lookup 254 suppress_prefixlength 0",
                           "v6 10100: from 2001:db8:aa::/64 lookup 1002",
                           "v6 10100: from 2001:db8:cc::/64 lookup 1001",
                           "v6 10100: from 2001:db8:a000::/36 lookup 1002",
                           "v6 10100: from 2001:db8:c000::/36 lookup 1001",
                           "v6 10600: from all fwmark 0x1000000/0x3f000000 lookup 1001",
                           "v6 10600: from all fwmark 0x2000000/0x3f000000 lookup 1002",
                           "v6 32767: from all lookup 253",
                       }));
}

TEST_F(Plan, ALineThatIsDownIsDeadWhileAnotherCarries) {
    const auto dead = [&](std::size_t line) { return desired().nat.lines.at(line).dead; };
    const PerFamily<bool> both{{true, true}};
    EXPECT_EQ(dead(0), PerFamily<bool>{});
    EXPECT_EQ(dead(1), PerFamily<bool>{});
    router.fall_silent("charter");
    EXPECT_EQ(dead(1), both) << "charter, on eth2.5";
    EXPECT_EQ(dead(0), PerFamily<bool>{});
    router.fall_silent("att");
    EXPECT_EQ(dead(1), PerFamily<bool>{}) << "nothing is better than it";
    EXPECT_EQ(dead(0), PerFamily<bool>{});
    router.answer("att");
    EXPECT_EQ(dead(1), PerFamily<bool>{}) << "it may merely be the first to answer";
    router.decide_after(1s);
    EXPECT_EQ(dead(1), both);
    router.answer("charter");
    EXPECT_EQ(dead(1), PerFamily<bool>{}) << "in hold, its flows live again";
    router.interface("eth2.5").carrier = false;
    EXPECT_EQ(dead(1), both) << "without carrier";
    router.interface("eth2.4").carrier = false;
    EXPECT_EQ(dead(1), PerFamily<bool>{});
}

TEST_F(Plan, ALineIsDeadInOneFamily) {
    router.set_probe("charter", Family::v6, {silent("2001:db8:ffff::9", 3)});
    const auto dead = desired().nat.lines.at(1).dead;
    EXPECT_FALSE(dead[Family::v4]);
    EXPECT_TRUE(dead[Family::v6]);
}

TEST_F(Plan, NatAndGuardOfTheOffice) {
    const NatPlan& nat = desired().nat;
    EXPECT_EQ(nat_texts(nat),
              (Texts{
                  "eth2.4 ipv4 snat 203.0.113.57-203.0.113.57 guard 203.0.113.56/29",
                  "eth2.4 ipv6 none guard 2001:db8:aa::/64 2001:db8:a000::/36",
                  "eth2.5 ipv4 snat 198.51.100.50-198.51.100.50 guard 198.51.100.48/29",
                  "eth2.5 ipv6 none guard 2001:db8:cc::/64 2001:db8:c000::/36",
              }));
    EXPECT_EQ(texts(nat.internal[Family::v4]),
              (Texts{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}));
    EXPECT_EQ(texts(nat.internal[Family::v6]), Texts{"fc00::/7"});
}

TEST_F(Plan, TheRestOfTheOffice) {
    EXPECT_EQ(desired().table_names, (std::vector<TableName>{{1001, "charter"}, {1002, "att"}}));
    EXPECT_EQ(desired().gateways, (std::vector<NeighbourKey>{{4, ip("203.0.113.62")},
                                                             {4, ip("fe80::a")},
                                                             {5, ip("198.51.100.49")},
                                                             {5, ip("fe80::c")}}));
    ASSERT_EQ(desired().sysctls.size(), 4U);
    EXPECT_EQ(desired().sysctls.front(),
              (Sysctl{Family::v4, "eth2.4", "ignore_routes_with_linkdown", 1}));
    ASSERT_EQ(desired().probes.size(), 4U);
    const ProbePlan& probe = desired().probes.front();
    EXPECT_EQ(probe.key, (ProbeKey{"att", Family::v4}));
    EXPECT_EQ(probe.interface, "eth2.4");
    EXPECT_EQ(probe.ifindex, 4U);
    EXPECT_EQ(probe.source, ip("203.0.113.57"));
    EXPECT_EQ(probe.targets, (std::vector{ProbeTarget{.address = ip("192.0.2.9")}}));
}

TEST_F(Plan, TableNumbersAndRuleBaseAreTheOperatorsToChoose) {
    router.uplink("charter").table = 201;
    router.uplink("att").table = 200;
    router.config.rule_base = 500;
    EXPECT_TRUE(table(1001).empty());
    EXPECT_EQ(table(201).size(), 6U);
    EXPECT_TRUE(has_rule("v4 600: from 203.0.113.56/29 lookup 200"));
    EXPECT_TRUE(has_rule("v4 501: from all to 203.0.113.56/29 goto 600"));
    EXPECT_TRUE(has_rule("v6 32767: from all lookup 253"));
}

// The uplink's table holds its default while the line is down: recovery is discovered that way.
TEST_F(Plan, ADeadLineKeepsItsTable) {
    const auto before = table(1001);
    router.fall_silent("charter");
    EXPECT_EQ(table(1001), before);
    EXPECT_EQ(table(kTableMain).front(), "v4 default via 203.0.113.62 dev eth2.4 table 254");
    EXPECT_TRUE(table(kTableDefault).empty()) << "a dead line does not stand by";
}

TEST_F(Plan, ABlockedLineKeepsRulesAndAnUnreachableDefault) {
    const auto before = rules();
    router.interface("eth2.5").carrier = false;
    EXPECT_EQ(rules(), before) << "its addresses are still there";
    EXPECT_EQ(table(1001),
              (Texts{"v4 unreachable default table 1001", "v6 unreachable default table 1001"}));
}

TEST_F(Plan, AnInterfaceThatIsAwayLeavesWhatIsConfigured) {
    router.seen.interfaces.erase("eth2.5");
    EXPECT_EQ(table(1001),
              (Texts{"v4 unreachable default table 1001", "v6 unreachable default table 1001"}));
    EXPECT_TRUE(has_rule("v6 10100: from 2001:db8:c000::/36 lookup 1001"));
    EXPECT_FALSE(has_rule("v4 10100: from 198.51.100.48/29 lookup 1001"));
    EXPECT_EQ(desired().gateways.size(), 2U);
    EXPECT_EQ(desired().probes.size(), 2U);
    EXPECT_EQ(desired().sysctls.size(), 2U);
    EXPECT_EQ(nat_texts(desired().nat)[2], "eth2.5 ipv4 snat 198.51.100.50-198.51.100.50 guard");
}

TEST_F(Plan, TheKernelIsToldWhatLinesShareByWhileTheyDo) {
    const auto global = [&](Family family) {
        std::vector<Sysctl> found;
        for (const Sysctl& sysctl : desired().sysctls)
            if (sysctl.interface.empty() && sysctl.family == family)
                found.push_back(sysctl);
        return found;
    };
    EXPECT_TRUE(global(Family::v4).empty()) << "one line carries";
    router.uplink("att").preference = 10;
    for (const Family family : kFamilies) {
        router.config.load_sharing = LoadSharing::per_flow;
        EXPECT_EQ(global(family),
                  (std::vector<Sysctl>{{family, "", "fib_multipath_hash_policy", 1}}));
        router.config.load_sharing = LoadSharing::per_source;
        EXPECT_EQ(global(family),
                  (std::vector<Sysctl>{{family, "", "fib_multipath_hash_fields", 1},
                                       {family, "", "fib_multipath_hash_policy", 3}}));
    }
    router.set_probe("att", Family::v6, {silent("2001:db8:ffff::9", 3)});
    EXPECT_TRUE(global(Family::v6).empty()) << "one line carries IPv6";
    EXPECT_EQ(global(Family::v4).size(), 2U);
}

TEST_F(Plan, EqualsShareByWeight) {
    router.uplink("att").preference = 10;
    router.uplink("att").weight = 3;
    EXPECT_EQ(table(kTableMain).front(),
              "v4 default nexthop via 198.51.100.49 dev eth2.5 weight 1 nexthop via 203.0.113.62 "
              "dev eth2.4 weight 3 table 254");
    EXPECT_TRUE(table(kTableDefault).empty());
    EXPECT_EQ(table(1002).front(), "v4 default via 203.0.113.62 dev eth2.4 table 1002");
    for (const Route& route : desired().routes)
        if (route.nexthops.size() == 1) {
            EXPECT_EQ(route.nexthops.front().weight, 1) << "a weight alone means nothing";
        }
}

TEST_F(Plan, OneFamilyOnly) {
    for (Uplink& each : router.config.uplinks)
        each.family[Family::v6] = {};
    for (const Rule& rule : desired().rules)
        EXPECT_EQ(rule.family, Family::v4);
    for (const Route& route : desired().routes)
        EXPECT_EQ(route.destination.family(), Family::v4);
    EXPECT_EQ(nat_texts(desired().nat)[1], "eth2.4 ipv6 none guard ::/0")
        << "a family in which we do not steer is not ours to police";
}

TEST_F(Plan, NothingConfiguredNothingWanted) {
    router.config = {};
    const Desired& nothing = desired();
    EXPECT_TRUE(nothing.routes.empty());
    EXPECT_TRUE(nothing.rules.empty());
    EXPECT_TRUE(nothing.nat.lines.empty());
    EXPECT_TRUE(nothing.sysctls.empty());
    EXPECT_TRUE(nothing.table_names.empty());
    EXPECT_TRUE(nothing.probes.empty());
    EXPECT_TRUE(nothing.gateways.empty());
}

// main has a route to the peer, which a packet with another line's source must not take.
TEST_F(Plan, ThePeerOfAPointToPointLineIsKeptOffTheOtherLines) {
    router.config.uplinks[0] = uplink("dsl", "ppp0");
    add(router.seen, tunnel("ppp0", 9, {"100.64.3.7 peer 192.0.2.1/32"}));
    EXPECT_TRUE(has_rule("v4 10001: from all to 192.0.2.1/32 goto 10100"));
    EXPECT_TRUE(has_rule("v4 10100: from 100.64.3.7/32 lookup 1001"));
    EXPECT_FALSE(has_rule("v4 10100: from 192.0.2.1/32 lookup 1001"));
    EXPECT_EQ(table(1001),
              (Texts{"v4 default dev ppp0 table 1001", "v4 unreachable default table 1001",
                     "v4 192.0.2.1/32 dev ppp0 table 1001"}));
}

// Rules of one priority are asked in the order in which they were added, which is nobody's plan.
TEST_F(Plan, ASourceWithinAnotherLinesPrefixIsAskedFirst) {
    set_addresses("203.0.113.9/32", "203.0.113.57/24");
    EXPECT_TRUE(has_rule("v4 10100: from 203.0.113.9/32 lookup 1001"));
    EXPECT_TRUE(has_rule("v4 10101: from 203.0.113.0/24 lookup 1002"));
    EXPECT_TRUE(has_rule("v4 10001: from all to 203.0.113.0/24 goto 10100"));
}

// main's better route to a part of a link is an inside network, unless it is another line's link.
TEST_F(Plan, PartsOfALinkThatMainKnowsBetterAreInside) {
    set_addresses("203.0.113.9/29", "203.0.113.57/24");
    const Texts all = rules();
    EXPECT_EQ(Texts(all.begin(), all.begin() + 4),
              (Texts{"v4 10000: from all to 203.0.113.8/29 lookup 254 suppress_prefixlength 29",
                     "v4 10001: from all to 203.0.113.8/29 goto 10100",
                     "v4 10002: from all to 203.0.113.0/24 lookup 254 suppress_prefixlength 24",
                     "v4 10003: from all to 203.0.113.0/24 goto 10100"}));
}

TEST_F(Plan, LinksOfAnyDepthStayBeforeTheOtherRules) {
    router.config.internal.clear();
    std::vector<InterfaceAddress> addresses;
    for (int length = 8; length < 31; ++length)
        addresses.push_back(interface_address(("10.0.0.1/" + std::to_string(length)).c_str()));
    router.interface("eth2.5").addresses = addresses;
    for (const Rule& rule : desired().rules)
        EXPECT_TRUE(rule.goto_priority == 0 || rule.priority < 10000 + kRuleInternal);
}

TEST_F(Plan, NoSourceLeadsToTwoTables) {
    set_addresses("192.168.1.2/24", "192.168.1.2/24");
    EXPECT_TRUE(has_rule("v4 10100: from 192.168.1.2/32 lookup 1001"));
    EXPECT_FALSE(has_rule("v4 10100: from 192.168.1.2/32 lookup 1002"));
    router.interface("eth2.5").carrier = false;
    EXPECT_FALSE(has_rule("v4 10100: from 192.168.1.2/32 lookup 1001"));
    EXPECT_TRUE(has_rule("v4 10100: from 192.168.1.2/32 lookup 1002"));
    EXPECT_EQ(nat_texts(desired().nat)[0], "eth2.4 ipv4 masquerade guard 192.168.1.2/32");
}

// nftables refuses a set of intervals that overlap, and with it the whole table.
TEST_F(Plan, OverlappingInternalPrefixesAreMerged) {
    router.config.internal = {net("172.16.5.0/24"), net("172.16.0.0/12"), net("172.16.0.0/12"),
                              net("fd00::/8"), net("fd00:1::/32")};
    EXPECT_EQ(texts(desired().nat.internal[Family::v4]), Texts{"172.16.0.0/12"});
    EXPECT_EQ(texts(desired().nat.internal[Family::v6]), Texts{"fd00::/8"});
}

TEST_F(Plan, WithoutTargetsTheGatewayIsProbed) {
    router.uplink("charter").probes.clear();
    const auto& probes = desired().probes;
    const auto found = std::ranges::find(probes, ProbeKey{"charter", Family::v4}, &ProbePlan::key);
    ASSERT_NE(found, probes.end());
    EXPECT_EQ(found->targets, (std::vector{ProbeTarget{.address = ip("198.51.100.49")}}));
    router.uplink("charter").probes = {{ProbeTarget::Kind::icmp, ip("2001:db8:9::9")}};
    const auto& again = desired().probes;
    const auto four = std::ranges::find(again, ProbeKey{"charter", Family::v4}, &ProbePlan::key);
    ASSERT_NE(four, again.end()) << "a target of one family leaves the other its gateway";
    EXPECT_EQ(four->targets, (std::vector{ProbeTarget{.address = ip("198.51.100.49")}}));
}

TEST_F(Plan, EverythingIsSortedAndUnique) {
    for (int i = 0; i < 40; ++i) {
        const std::string n = std::to_string(i);
        Uplink more = uplink("u" + n, "veth" + n);
        more.family[Family::v4].gateway = gateway("10.9." + n + ".1");
        router.config.uplinks.push_back(more);
        add(router.seen, ethernet("veth" + n, static_cast<std::uint32_t>(100 + i),
                                  {("10.9." + n + ".2/24").c_str()}));
    }
    const Desired& all = desired();
    const auto strictly = [](const auto& values, auto projection) {
        return std::ranges::adjacent_find(values, std::ranges::greater_equal{}, projection) ==
               values.end();
    };
    EXPECT_TRUE(strictly(all.routes, &Route::key));
    EXPECT_TRUE(strictly(all.rules, std::identity{}));
    EXPECT_TRUE(strictly(all.nat.lines, &LineNat::interface));
    EXPECT_TRUE(strictly(all.sysctls, std::identity{}));
    EXPECT_TRUE(strictly(all.table_names, std::identity{}));
    EXPECT_TRUE(strictly(all.probes, &ProbePlan::key));
    EXPECT_TRUE(strictly(all.gateways, std::identity{}));
}

} // namespace
} // namespace multihomed::test
