// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/builders.hpp"
#include "core/kernel_view.hpp"
#include "core/text.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;

class KernelView : public ::testing::Test {
protected:
    Router router = proven_office();
    Observation& seen = router.seen;

    std::vector<std::uint32_t> out(Family family = Family::v4) const {
        std::vector<std::uint32_t> indexes;
        for (const KernelNexthop& nexthop : default_nexthops(seen, family))
            indexes.push_back(nexthop.ifindex);
        return indexes;
    }
    KernelRoute& route(std::uint32_t table, Family family = Family::v4) {
        for (KernelRoute& each : seen.routes)
            if (each.table == table && each.destination == Prefix::any(family))
                return each;
        throw std::runtime_error("no default in table " + std::to_string(table));
    }
    const Route& wanted(std::uint32_t table, Family family = Family::v4) const {
        for (const Route& each : router.last.desired.routes)
            if (each.table == table && each.destination == Prefix::any(family))
                return each;
        throw std::runtime_error("no default wanted in table " + std::to_string(table));
    }
    bool holds(const Route& each) const { return KernelIndex(seen).holds(each); }
    void add_default(std::uint32_t ifindex, std::uint32_t metric, std::uint8_t type = 1) {
        KernelRoute added{.destination = Prefix::any(Family::v4),
                          .table = kTableMain,
                          .metric = metric,
                          .protocol = 3,
                          .type = type,
                          .nexthops = {}};
        if (type == 1)
            added.nexthops = {{.ifindex = ifindex, .gateway = ip("192.0.2.77")}};
        seen.routes.push_back(added);
    }
};

using Indexes = std::vector<std::uint32_t>;

TEST_F(KernelView, MainsDefaultThenTable253) {
    EXPECT_EQ(out(), Indexes{5});
    router.interface("eth2.5").carrier = false;
    EXPECT_EQ(out(), Indexes{4}) << "the kernel passes over the route by itself";
    router.interface("eth2.5").carrier = true;
    route(kTableMain).nexthops[0].linkdown = true;
    EXPECT_EQ(out(), Indexes{4});
    EXPECT_EQ(out(Family::v6), Indexes{5}) << "its own";
    router.interface("eth2.4").up = false;
    EXPECT_TRUE(out().empty());
}

TEST_F(KernelView, OfSeveralNexthopsThoseWithCarrier) {
    route(kTableMain).nexthops.push_back({.ifindex = 4, .gateway = ip("203.0.113.62")});
    EXPECT_EQ(out(), (Indexes{5, 4}));
    router.interface("eth2.5").carrier = false;
    EXPECT_EQ(out(), Indexes{4});
}

TEST_F(KernelView, TheBestMetricWins) {
    add_default(2, 10);
    EXPECT_EQ(out(), Indexes{2}) << "somebody else's";
    router.interface("eth1").carrier = false;
    EXPECT_EQ(out(), Indexes{5});
}

TEST_F(KernelView, ANexthopOfAnInterfaceThatIsGoneLeadsNowhere) {
    seen.interfaces.erase("eth2.5");
    EXPECT_EQ(out(), Indexes{4});
}

// unreachable, blackhole and prohibit end the search; throw sends it on to the next table.
TEST_F(KernelView, ARejectingDefaultLetsNothingPast) {
    add_default(0, 10, 7);
    EXPECT_TRUE(out().empty());
    EXPECT_FALSE(may_forget(
        {{"att", Family::v4}, 4, {ip("203.0.113.57"), ip("203.0.113.57")}, false, ""}, seen));
    seen.routes.back().metric = 100;
    EXPECT_EQ(out(), Indexes{5}) << "ours comes first";
    seen.routes.back().metric = 10;
    seen.routes.back().type = 9;
    EXPECT_EQ(out(), Indexes{4});
}

TEST_F(KernelView, HoldsRoutesAsWanted) {
    EXPECT_TRUE(holds(wanted(kTableMain)));
    EXPECT_TRUE(holds(wanted(1001)));
    route(1001).nexthops[0].gateway = ip("198.51.100.51");
    EXPECT_FALSE(holds(wanted(1001))) << "another gateway";
    route(kTableMain).nexthops[0].ifindex = 77;
    EXPECT_FALSE(holds(wanted(kTableMain))) << "another interface";
    route(kTableMain).nexthops.clear();
    EXPECT_FALSE(holds(wanted(kTableMain)));
    route(kTableMain, Family::v6).table = 1003;
    EXPECT_FALSE(holds(wanted(kTableMain, Family::v6))) << "another table";
}

TEST_F(KernelView, HoldsTheUnreachableDefaultOfABlockedLine) {
    router.interface("eth2.5").carrier = false;
    router.decide();
    EXPECT_TRUE(wanted(1001).nexthops.empty());
    EXPECT_FALSE(holds(wanted(1001)));
    install(seen, router.last.desired.routes);
    EXPECT_TRUE(holds(wanted(1001)));
}

TEST_F(KernelView, HoldsRulesOfOurProtocolOnly) {
    const Rule rule = router.last.desired.rules.front();
    seen.rules = {{.rule = rule, .protocol = kRuleProtocol, .exotic = false}};
    EXPECT_TRUE(KernelIndex(seen).holds(rule, kRuleProtocol));
    EXPECT_FALSE(KernelIndex(seen).holds(rule, 11));
    seen.rules[0].exotic = true;
    EXPECT_FALSE(KernelIndex(seen).holds(rule, kRuleProtocol));
    seen.rules[0].exotic = false;
    seen.rules[0].rule.priority += 1;
    EXPECT_FALSE(KernelIndex(seen).holds(rule, kRuleProtocol));
}

TEST_F(KernelView, OfTwoDistancesTheKernelHoldsTheLesser) {
    const auto& routes = router.last.desired.routes;
    const auto expected = expected_in_kernel(routes);
    ASSERT_EQ(expected.size(), routes.size());
    for (std::size_t i = 0; i < routes.size(); ++i)
        EXPECT_EQ(expected[i], !routes[i].nexthops.empty()) << to_string(routes[i]);
    EXPECT_TRUE(expected_in_kernel({}).empty());
    std::vector<Route> alone{routes[0]};
    alone[0].distance = 254;
    EXPECT_EQ(expected_in_kernel(alone), std::vector{true});
}

TEST_F(KernelView, ForeignDefaultsAreNoticed) {
    const auto& routes = router.last.desired.routes;
    EXPECT_FALSE(foreign_default(seen, Family::v4, routes));
    add_default(2, 100);
    EXPECT_FALSE(foreign_default(seen, Family::v4, routes)) << "it comes after ours";
    seen.routes.back().metric = 0;
    const auto foreign = foreign_default(seen, Family::v4, routes);
    ASSERT_TRUE(foreign);
    EXPECT_EQ(foreign->nexthops[0].ifindex, 2U);
    EXPECT_FALSE(foreign_default(seen, Family::v6, routes));
    EXPECT_FALSE(foreign_default(seen, Family::v4, {})) << "we want none";
}

} // namespace
} // namespace multihomed::test
