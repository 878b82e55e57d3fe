// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/nexthop_groups.hpp"

#include <gtest/gtest.h>
#include <set>

namespace multihomed::runtime {
namespace {

core::Route route_of(const std::vector<std::uint8_t>& weights, std::uint32_t table = 254) {
    core::Route route;
    route.destination = core::Prefix::any(core::Family::v4);
    route.table = table;
    for (const std::uint8_t weight : weights) {
        core::Nexthop nexthop;
        nexthop.ifindex = static_cast<std::uint32_t>(route.nexthops.size() + 1);
        nexthop.weight = weight;
        route.nexthops.push_back(nexthop);
    }
    return route;
}

TEST(NexthopGroups, SameSharesInOtherWeightsEachTime) {
    NexthopGroups groups;
    EXPECT_EQ(groups.next(route_of({2, 1})), route_of({2, 1}));
    EXPECT_EQ(groups.next(route_of({2, 1})), route_of({4, 2}));
    EXPECT_EQ(groups.next(route_of({1, 1, 1})), route_of({3, 3, 3})) << "the route's next one";
    EXPECT_EQ(groups.next(route_of({2, 1}, 253)), route_of({2, 1}, 253)) << "another route's first";
}

TEST(NexthopGroups, AreManyAndBeginAgain) {
    NexthopGroups groups;
    std::set<int> seen;
    for (int i = 0; i < 255; ++i)
        seen.insert(groups.next(route_of({7, 7})).nexthops.at(0).weight);
    EXPECT_EQ(seen.size(), 255U);
    EXPECT_EQ(*seen.begin(), 1);
    EXPECT_EQ(groups.next(route_of({7, 7})), route_of({1, 1}));
}

TEST(NexthopGroups, KeepToWhatFits) {
    NexthopGroups groups;
    for (int i = 0; i < 10; ++i) {
        const auto weights = groups.next(route_of({100, 60})).nexthops;
        EXPECT_EQ(weights.at(0).weight * 3, weights.at(1).weight * 5);
    }
    EXPECT_EQ(groups.next(route_of({255, 2}, 1)), route_of({255, 2}, 1));
    EXPECT_EQ(groups.next(route_of({255, 2}, 1)), route_of({255, 2}, 1));
}

TEST(NexthopGroups, OneNextHopIsAnotherObjectEachTime) {
    NexthopGroups groups;
    for (std::uint8_t weight = 1; weight <= 3; ++weight)
        EXPECT_EQ(groups.next(route_of({9})), route_of({weight}));
    EXPECT_EQ(groups.next(route_of({})), route_of({}));
}

} // namespace
} // namespace multihomed::runtime
