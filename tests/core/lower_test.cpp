// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/builders.hpp"
#include "core/lower.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;
using Texts = std::vector<std::string>;

class Lower : public ::testing::Test {
protected:
    Router router = proven_office();

    Lowered lower(bool module) {
        router.seen.dataplane.module = module;
        return core::lower(router.last.desired.rules, internal_prefixes(router.config),
                           router.seen);
    }
};

TEST_F(Lower, TheModuleTakesEveryRuleAsItIs) {
    const Lowered lowered = lower(true);
    EXPECT_EQ(lowered.rules, router.last.desired.rules);
    EXPECT_EQ(lowered.protocol, 97);
    EXPECT_TRUE(lowered.losses.empty());
}

TEST_F(Lower, StockZebraGetsOneRuleAnIngressInterface) {
    for (const char* name : {"eth2.4", "eth2.5"})
        router.seen.interfaces.erase(name); // fewer lines to compare: eth1 and lo remain
    const Lowered lowered = lower(false);
    EXPECT_EQ(lowered.protocol, 11);
    EXPECT_EQ(texts(lowered.rules),
              (Texts{
                  "v4 10010: from all to 10.0.0.0/8 iif eth1 lookup 254",
                  "v4 10010: from all to 10.0.0.0/8 iif lo lookup 254",
                  "v4 10010: from all to 172.16.0.0/12 iif eth1 lookup 254",
                  "v4 10010: from all to 172.16.0.0/12 iif lo lookup 254",
                  "v4 10010: from all to 192.168.0.0/16 iif eth1 lookup 254",
                  "v4 10010: from all to 192.168.0.0/16 iif lo lookup 254",
                  "v4 10100: from 198.51.100.48/29 iif eth1 lookup 1001",
                  "v4 10100: from 198.51.100.48/29 iif lo lookup 1001",
                  "v4 10100: from 203.0.113.56/29 iif eth1 lookup 1002",
                  "v4 10100: from 203.0.113.56/29 iif lo lookup 1002",
                  "v4 10600: from all iif eth1 fwmark 0x1000000/0xffffffff lookup 1001",
                  "v4 10600: from all iif eth1 fwmark 0x2000000/0xffffffff lookup 1002",
                  "v4 10600: from all iif lo fwmark 0x1000000/0xffffffff lookup 1001",
                  "v4 10600: from all iif lo fwmark 0x2000000/0xffffffff lookup 1002",
                  "v6 10010: from all to fc00::/7 iif eth1 lookup 254",
                  "v6 10010: from all to fc00::/7 iif lo lookup 254",
                  "v6 10100: from 2001:db8:aa::/64 iif eth1 lookup 1002",
                  "v6 10100: from 2001:db8:aa::/64 iif lo lookup 1002",
                  "v6 10100: from 2001:db8:cc::/64 iif eth1 lookup 1001",
                  "v6 10100: from 2001:db8:cc::/64 iif lo lookup 1001",
                  "v6 10100: from 2001:db8:a000::/36 iif eth1 lookup 1002",
                  "v6 10100: from 2001:db8:a000::/36 iif lo lookup 1002",
                  "v6 10100: from 2001:db8:c000::/36 iif eth1 lookup 1001",
                  "v6 10100: from 2001:db8:c000::/36 iif lo lookup 1001",
                  "v6 10600: from all iif eth1 fwmark 0x1000000/0xffffffff lookup 1001",
                  "v6 10600: from all iif eth1 fwmark 0x2000000/0xffffffff lookup 1002",
                  "v6 10600: from all iif lo fwmark 0x1000000/0xffffffff lookup 1001",
                  "v6 10600: from all iif lo fwmark 0x2000000/0xffffffff lookup 1002",
                  "v6 32767: from all iif eth1 lookup 253",
                  "v6 32767: from all iif lo lookup 253",
              }));
    EXPECT_FALSE(lowered.losses.empty());
}

TEST_F(Lower, StockHasNothingThatZebraCannotSay) {
    const Lowered lowered = lower(false);
    for (const Rule& rule : lowered.rules) {
        EXPECT_FALSE(rule.iif.empty()) << "would never match";
        EXPECT_EQ(rule.goto_priority, 0U);
        EXPECT_FALSE(rule.suppress_prefix_length);
        EXPECT_NE(rule.table, 0U);
    }
    EXPECT_TRUE(std::ranges::is_sorted(lowered.rules));
    EXPECT_EQ(std::ranges::adjacent_find(lowered.rules), lowered.rules.end());
}

TEST_F(Lower, ARuleOfOneIngressInterfaceStaysOne) {
    Rule rule{.family = Family::v4, .priority = 7, .iif = "eth1", .table = 99};
    router.seen.dataplane.module = false;
    EXPECT_EQ(core::lower({rule}, {}, router.seen).rules, std::vector{rule});
}

TEST_F(Lower, WithoutRulesNothing) {
    router.seen.dataplane.module = false;
    EXPECT_TRUE(core::lower({}, internal_prefixes(router.config), router.seen).rules.empty());
}

} // namespace
} // namespace multihomed::test
