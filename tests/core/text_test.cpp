// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/text.hpp"
#include "core/builders.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;

TEST(Text, Rules) {
    EXPECT_EQ(
        to_string(Rule{
            .family = Family::v4, .priority = 10100, .source = net("192.0.2.0/24"), .table = 1001}),
        "10100: from 192.0.2.0/24 lookup 1001");
    EXPECT_EQ(to_string(Rule{.priority = 5,
                             .destination = net("2001:db8::/32"),
                             .iif = "eth1",
                             .mark = 0x1f,
                             .mask = 0xff00,
                             .goto_priority = 7}),
              "5: from all to 2001:db8::/32 iif eth1 fwmark 0x1f/0xff00 goto 7");
    EXPECT_EQ(to_string(Rule{.priority = 1, .table = 254, .suppress_prefix_length = 0}),
              "1: from all lookup 254 suppress_prefixlength 0");
}

TEST(Text, Routes) {
    Route route{.destination = Prefix::any(Family::v6), .table = 9, .distance = 1, .nexthops = {}};
    EXPECT_EQ(to_string(route), "unreachable default table 9");
    route.nexthops = {{.ifindex = 1, .interface = "ppp0", .gateway = {}}};
    EXPECT_EQ(to_string(route), "default dev ppp0 table 9");
    route.nexthops.push_back(
        {.ifindex = 2, .interface = "eth1", .gateway = ip("fe80::1"), .weight = 3});
    EXPECT_EQ(to_string(route), "default nexthop dev ppp0 weight 1 nexthop via fe80::1 dev eth1 "
                                "weight 3 table 9");
    route.destination = net("192.0.2.0/24");
    route.nexthops.resize(1);
    EXPECT_EQ(to_string(route), "192.0.2.0/24 dev ppp0 table 9");
}

} // namespace
} // namespace multihomed::test
