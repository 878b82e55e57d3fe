// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tunnels in the order of a change: made before routes lead there, removed after; what fails is
// kept, shown and tried again.
#include "fakes/world.hpp"
#include "runtime/status.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace std::chrono_literals;
using core::Family;

const char* const kMade = "tunnel charter6rd local 198.51.100.50 address 2001:db8:c633:6432::1/128";

class TunnelWorld : public testing::Test {
protected:
    void SetUp() override {
        core::Uplink& added = world.config.uplinks.emplace_back(uplink("charter6", "charter6rd"));
        added.preference = 30;
        core::Tunnel& typed = added.tunnel.emplace();
        typed.prefix = net("2001:db8::/32");
        typed.relay = ip("192.0.2.200");
        typed.carrier = "charter";
    }
    std::vector<std::string> problems() {
        std::vector<std::string> texts;
        for (const runtime::Problem& problem : world.reconciler().problems())
            texts.push_back(problem.object + ": " + problem.reason);
        return texts;
    }
    World world;
};

TEST_F(TunnelWorld, IsMadeBeforeAnythingLeadsThere) {
    world.start();
    const Journal news = world.news();
    EXPECT_LT(place(news, kMade), place(news, "nat "));
    const std::string way = "add v6 default via ::192.0.2.200 dev charter6rd";
    EXPECT_LT(place(news, kMade), place(news, way));
    EXPECT_LT(place(news, way), news.size());
    EXPECT_TRUE(world.reconciler().settled()) << testing::PrintToString(problems());
}

TEST_F(TunnelWorld, IsShown) {
    world.start();
    const auto shown = runtime::uplinks(world.engine, "charter6", {}, world.now);
    ASSERT_EQ(shown.uplinks_size(), 1);
    const auto& told = shown.uplinks(0).tunnel();
    EXPECT_EQ(told.configured(), "6rd prefix 2001:db8::/32 relay 192.0.2.200 uplink charter");
    EXPECT_EQ(told.prefix(), "2001:db8:c633:6432::/64");
    EXPECT_EQ(told.reason(), "");
    const std::string text = runtime::to_text(shown);
    EXPECT_NE(text.find("  tunnel 198.51.100.50 to 192.0.2.200 over charter, mtu 1480"),
              std::string::npos)
        << text;
    world.seen().interfaces.at("eth2.5").addresses.clear();
    world.pass(1s);
    const auto gone = runtime::uplinks(world.engine, "charter6", {}, world.now);
    EXPECT_EQ(gone.uplinks(0).tunnel().reason(),
              "uplink charter, which carries the tunnel, has no IPv4 address");
    EXPECT_EQ(gone.uplinks(0).tunnel().local(), "");
}

TEST_F(TunnelWorld, ItsOwnNewsDoNotKeepItBusy) {
    world.start();
    world.pass(10s);
    world.news();
    world.reconciler().suspect_tunnels();
    world.pass(60s);
    EXPECT_EQ(world.news(), Journal{});
}

TEST_F(TunnelWorld, AnotherAddressOfTheCarrierMakesAnotherTunnel) {
    world.start();
    world.news();
    world.seen().interfaces.at("eth2.5").addresses = {interface_address("198.51.100.51/29")};
    world.pass(1s);
    EXPECT_EQ(count(world.news(), "tunnel charter6rd local 198.51.100.51"), 1U);
}

TEST_F(TunnelWorld, GoesLastWhenNobodyWantsIt) {
    world.start();
    world.news();
    world.config.uplinks.pop_back();
    world.configure();
    world.pass(2s);
    const Journal news = world.news();
    const std::size_t removed = place(news, "remove tunnel charter6rd");
    ASSERT_LT(removed, news.size());
    EXPECT_GT(removed, place(news, "remove v6 default via ::192.0.2.200"));
    EXPECT_TRUE(world.reconciler().settled()) << testing::PrintToString(problems());
}

TEST_F(TunnelWorld, GoesAtAStopWithZebraAndWithoutIt) {
    for (const bool connected : {true, false}) {
        World fresh;
        fresh.config = world.config;
        fresh.start();
        fresh.seen().dataplane.connected = connected;
        fresh.engine.stop();
        fresh.pass(3s);
        EXPECT_TRUE(fresh.tunnels.held.empty()) << connected;
        EXPECT_TRUE(fresh.engine.stopped()) << connected;
    }
}

TEST_F(TunnelWorld, WhatAPredecessorLeftAndNobodyWantsGoes) {
    core::Interface left = tunnel("old6rd", 99);
    left.alias = core::tunnel_alias("old");
    world.tunnels.interfaces["old6rd"] = left;
    world.tunnels.interfaces["theirs"] = tunnel("theirs", 98);
    world.tunnels.interfaces["theirs"].alias = "somebody's";
    world.start();
    EXPECT_EQ(count(world.news(), "remove tunnel"), 1U);
    EXPECT_TRUE(world.tunnels.interfaces.contains("theirs"));
}

TEST_F(TunnelWorld, AFailureIsShownAndTriedAgainAndHoldsUpNothing) {
    world.tunnels.fault = "no such module";
    world.start();
    EXPECT_EQ(problems(), std::vector<std::string>{"tunnel charter6rd: no such module"});
    EXPECT_FALSE(world.reconciler().settled());
    EXPECT_TRUE(world.zebra.holds("v4 default via 198.51.100.49 dev eth2.5 table 254"));
    world.tunnels.fault.clear();
    world.pass(2s);
    EXPECT_EQ(problems(), std::vector<std::string>{});
    EXPECT_EQ(count(world.news(), kMade), 1U);
}

TEST_F(TunnelWorld, AFailureEndsWithTheWish) {
    world.tunnels.fault = "no such module";
    world.start();
    world.config.uplinks.back().tunnel.reset();
    world.configure();
    world.pass(2s);
    EXPECT_EQ(problems(), std::vector<std::string>{});
    EXPECT_TRUE(world.reconciler().settled());
}

} // namespace
} // namespace multihomed::test
