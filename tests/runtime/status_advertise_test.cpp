// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is shown and logged of router advertisements.
#include "runtime/status.hpp"

#include "fakes/world.hpp"
#include "runtime/advertise_news.hpp"

#include <gtest/gtest.h>
#include <sstream>

namespace multihomed::runtime {
namespace {

using namespace multihomed::test;
using namespace std::chrono_literals;

class ShownAdvertising : public testing::Test {
protected:
    ShownAdvertising() {
        core::Advertise advertise;
        advertise.interface = "eth1";
        advertise.resolvers = {{ip("2001:db8:c000::53"), "charter"}};
        advertise.domains = {"example.org"};
        world.config.advertise = {advertise};
        world.start();
    }
    status::Advertising all() { return advertising(world.engine, states, std::nullopt, world.now); }
    status::AdvertisedInterface shown() { return all().interfaces(0); }
    bool tells(const std::string& words) {
        const std::string text = to_text(all());
        return text.find(words) != std::string::npos || (ADD_FAILURE() << text, false);
    }

    World world;
    std::map<std::string, apply::AdvertiserState> states;
};

TEST_F(ShownAdvertising, WhatIsToldAndWhy) {
    world.fall_silent("charter");
    world.pass(1s);
    const status::AdvertisedInterface eth1 = shown();
    EXPECT_TRUE(eth1.advertising());
    EXPECT_EQ(eth1.source(), "fe80::1");
    EXPECT_EQ(eth1.router_lifetime_seconds(), 1800U);
    ASSERT_EQ(eth1.prefixes_size(), 2);
    EXPECT_EQ(eth1.prefixes(0).prefix(), "2001:db8:a000:1::/64");
    EXPECT_EQ(eth1.prefixes(0).state(), "preferred");
    EXPECT_EQ(eth1.prefixes(1).state(), "deprecated");
    EXPECT_EQ(eth1.resolvers(0).lifetime_seconds(), 0U);
    EXPECT_TRUE(tells("eth1: advertises from fe80::1, every 200 s or sooner\n"));
    EXPECT_TRUE(tells("  default router  1800 s, preference medium: an IPv6 line can be used\n"));
    EXPECT_TRUE(
        tells("  prefix          2001:db8:c000:1::/64 deprecated: of uplink charter, which"));
    EXPECT_TRUE(tells("  DNS server      2001:db8:c000::53 not used: of uplink charter, which is"));
    EXPECT_TRUE(tells("  search          example.org\n"));
}

TEST_F(ShownAdvertising, WhatWasSentAndHeard) {
    apply::AdvertiserState& eth1 = states["eth1"];
    eth1.multicasts = 12;
    eth1.unicasts = 3;
    eth1.solicitations = 4;
    eth1.last_multicast = world.now - 5s;
    eth1.next_multicast = world.now + 90s;
    eth1.error = "sending a router advertisement on eth1: No buffer space available";
    eth1.rivals = 7;
    eth1.last_rival = world.now - 61s;
    EXPECT_TRUE(tells("sent            12 to all (the last 00:00:05 ago), 3 to hosts that asked;"));
    EXPECT_TRUE(tells("heard           4 solicitations\n"));
    EXPECT_TRUE(tells("% sending a router advertisement on eth1: No buffer space available;"));
    EXPECT_TRUE(
        tells("% another program on this router advertises on eth1 too, last seen 00:01:01"));
    EXPECT_EQ(shown().rivals(), 7.0);
    EXPECT_EQ(shown().seconds_until_multicast(), 90.0);
}

TEST_F(ShownAdvertising, AnotherRouterThatDisagrees) {
    apply::HeardRouter& other = states["eth1"].others[ip("fe80::9")];
    other.at = world.now;
    other.prefixes = {{net("2001:db8:c000:1::/64"), 5400, 2700}};
    EXPECT_EQ(shown().others(0).prefixes(0), "2001:db8:c000:1::/64");
    EXPECT_EQ(shown().warnings_size(), 0) << "both prefer it";
    world.fall_silent("charter");
    world.pass(1s);
    ASSERT_EQ(shown().warnings_size(), 1);
    EXPECT_EQ(shown().warnings(0), "router fe80::9 on the link goes on preferring "
                                   "2001:db8:c000:1::/64: hosts believe whoever spoke last");
}

TEST_F(ShownAdvertising, WhyNothingIsSent) {
    world.seen().interfaces.erase("eth1");
    world.turn();
    EXPECT_FALSE(shown().advertising());
    EXPECT_EQ(shown().prefixes_size(), 0);
    EXPECT_TRUE(tells("eth1: nothing is advertised: interface eth1 does not exist\n"));
    EXPECT_EQ(to_text(status::Advertising()), "Nothing is advertised: 'ipv6 advertise IFNAME'\n");
}

TEST_F(ShownAdvertising, LinesOf80Columns) {
    world.fall_silent("charter");
    world.pass(1s);
    std::istringstream lines(to_text(all()));
    for (std::string line; std::getline(lines, line);)
        EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(ShownAdvertising, TheLogTellsWhatChangesForHosts) {
    EXPECT_EQ(count(world.log, "advertising on eth1: begins"), 1U);
    EXPECT_EQ(count(world.log, "advertising on eth1: default router: "), 1U);
    world.log.clear();
    world.fall_silent("charter");
    world.pass(1s);
    EXPECT_EQ(count(world.log, "advertising on eth1: 2001:db8:c000:1::/64 is deprecated: of uplink "
                               "charter, which is down"),
              1U);
    world.fall_silent("att");
    world.pass(1s);
    EXPECT_EQ(count(world.log, "advertising on eth1: no default router: no IPv6 line can be used"),
              1U);
    world.log.clear();
    world.config.advertise.clear();
    world.configure();
    EXPECT_EQ(count(world.log, "advertising on eth1: ends"), 1U);
}

TEST_F(ShownAdvertising, PrefixesToldOutliveTheDaemon) {
    const Snapshot saved = world.engine.snapshot();
    EXPECT_TRUE(saved.advertised.at("eth1").contains(net("2001:db8:c000:1::/64")));
    World next;
    next.config = world.config;
    next.engine.restore(saved, next.now);
    std::erase_if(next.seen().interfaces.at("eth1").addresses,
                  [](const auto& own) { return own.address == ip("2001:db8:c000:1::1"); });
    next.start();
    const auto told = advertising(next.engine, {}, "eth1", next.now).interfaces(0);
    ASSERT_EQ(told.prefixes_size(), 2);
    EXPECT_EQ(told.prefixes(1).prefix(), "2001:db8:c000:1::/64");
    EXPECT_EQ(told.prefixes(1).state(), "withdrawn");
}

} // namespace
} // namespace multihomed::runtime
