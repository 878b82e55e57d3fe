// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which flows shall be forgotten, and when they may: only what cannot work any more, only once
// something else carries, and never a flow of a line that does.
#include "core/address_range.hpp"
#include "core/builders.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;

const Names kCharters{"charter 198.51.100.50-198.51.100.50"};
const Names kAtts{"att 203.0.113.57-203.0.113.57"};

/// Without affinity: every line that does not carry loses its flows.
class Flows : public ::testing::Test {
protected:
    Router router = proven_office(false);

    /// Those of the last decision that may go, given the kernel as it is.
    Names forgettable() const {
        Names found;
        for (const StaleFlows& stale : router.last.stale)
            if (may_forget(stale, router.seen))
                found.push_back(stale.line.uplink);
        return found;
    }
    void kernel_follows() { install(router.seen, router.last.desired.routes); }
    /// As the daemon does once the kernel has forgotten them.
    void forgotten() {
        for (auto& [key, line] : router.history.lines)
            line.owes_flows = false;
        router.history.vanished.clear();
    }
    UplinkFamily& charter4() { return router.uplink("charter").family[Family::v4]; }
    void use_masquerade() {
        for (Uplink& each : router.config.uplinks)
            each.family[Family::v4].nat = nat_masquerade();
        router.decide_after(1s);
    }
    InterfaceAddress& charters_address() { return router.interface("eth2.5").addresses[0]; }
};

TEST_F(Flows, NothingIsStaleWhileNothingHappens) {
    EXPECT_TRUE(router.last.stale.empty() || router.stale() == kAtts);
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
}

TEST_F(Flows, ALineThatStopsCarryingOwesItsFlowsOnceTheKernelHasMoved) {
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kCharters) << "IPv6 is not translated: nothing there";
    EXPECT_TRUE(forgettable().empty()) << "the kernel still sends by charter";
    kernel_follows();
    EXPECT_EQ(forgettable(), Names{"charter"});
    EXPECT_EQ(router.last.stale[0].reason, "uplink charter does not carry");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kCharters) << "owed until it is done";
    forgotten();
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
}

TEST_F(Flows, TheKernelsOwnFallThroughIsEnough) {
    router.interface("eth2.5").carrier = false;
    router.decide_after(1s);
    EXPECT_EQ(forgettable(), Names{"charter"})
        << "table 253 carries before any route of ours moved";
}

TEST_F(Flows, WithoutAnAlternativeNothingIsForgotten) {
    router.interface("eth2.5").carrier = false;
    router.interface("eth2.4").carrier = false;
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
    kernel_follows();
    router.interface("eth2.4").carrier = true;
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty()) << "charter may be back in a moment, too";
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kCharters);
    EXPECT_TRUE(forgettable().empty()) << "no default stands yet";
    kernel_follows();
    EXPECT_EQ(forgettable(), Names{"charter"});
}

TEST_F(Flows, ALastResortThatIsDownIsNoAlternative) {
    router.fall_silent("charter");
    router.decide_after(1s);
    kernel_follows();
    forgotten();
    router.fall_silent("att");
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"charter"}) << "kept as the last resort";
    EXPECT_TRUE(router.stale().empty()) << "att's flows would be lost for nothing";
    kernel_follows();
    router.answer("att");
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"att"});
    EXPECT_TRUE(router.stale().empty() || router.stale() == kCharters) << "they live on";
}

TEST_F(Flows, ALineThatCarriesAgainOwesNothing) {
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kCharters);
    router.answer("charter");
    router.decide_after(1s);
    router.decide_after(5s);
    EXPECT_EQ(router.carrying(), Names{"charter"});
    EXPECT_EQ(router.stale(), kAtts) << "what began on att in between has no way back to it";
}

TEST_F(Flows, OfLinesThatShareOnlyTheOneThatLeavesIsConcerned) {
    router.uplink("att").preference = 10;
    router.decide_after(1s);
    kernel_follows();
    EXPECT_TRUE(router.stale().empty());
    router.fall_silent("att");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kAtts);
    EXPECT_TRUE(forgettable().empty());
    kernel_follows();
    EXPECT_EQ(forgettable(), Names{"att"});
}

TEST_F(Flows, WithEmptyHistoryTheLinesThatDoNotCarryOweWhatAPredecessorLeft) {
    router.history = {};
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kAtts);
}

TEST_F(Flows, AnAddressThatVanishedIsForgottenAtOnce) {
    use_masquerade();
    router.seen.routes.clear(); // even with nothing to go by
    charters_address() = interface_address("198.51.100.51/29");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), Names{"charter 198.51.100.50-198.51.100.50!"});
    EXPECT_EQ(forgettable(), Names{"charter"});
    EXPECT_EQ(router.last.stale[0].reason, "uplink charter lost 198.51.100.50");
    router.decide_after(1s);
    EXPECT_EQ(router.stale().size(), 1U) << "owed until it is done, and once";
    forgotten();
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
}

TEST_F(Flows, AnAddressThatIsAwayForAMomentIsNotGone) {
    use_masquerade();
    router.interface("eth2.4").carrier = false;
    router.decide_after(1s);
    auto& addresses = router.interface("eth2.5").addresses;
    const auto before = addresses;
    addresses.clear();
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::no_address);
    EXPECT_TRUE(router.stale().empty()) << "no other line, and it may come back";
    addresses = before;
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
    addresses.clear();
    router.decide_after(1s);
    addresses = {interface_address("198.51.100.52/29")};
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), Names{"charter 198.51.100.50-198.51.100.50!"}) << "another came";
}

TEST_F(Flows, AnAddressThatIsBackBeforeItWasForgottenStays) {
    use_masquerade();
    const auto before = charters_address();
    charters_address() = interface_address("198.51.100.51/29");
    router.decide_after(1s);
    charters_address() = before;
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), Names{"charter 198.51.100.51-198.51.100.51!"});
}

TEST_F(Flows, AnAddressThatMovedToAnotherLineThatCarriesStays) {
    use_masquerade();
    router.uplink("att").preference = 10;
    router.decide_after(1s);
    forgotten();
    router.interface("eth2.4").addresses.push_back(charters_address());
    charters_address() = interface_address("198.51.100.51/29");
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
}

TEST_F(Flows, ThePoolGrowsAndNobodyNotices) {
    charter4().sources = {net("192.0.2.0/24")};
    charter4().nat = nat_source("192.0.2.10", "192.0.2.19");
    router.decide_after(1s);
    forgotten();
    charter4().nat = nat_source("192.0.2.10", "192.0.2.29");
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
}

// Flows keep the address they were given. As long as it is the line's, they work.
TEST_F(Flows, AnotherTranslationLeavesRunningFlowsAlone) {
    charter4().sources = {net("192.0.2.0/24")};
    charter4().nat = nat_source("192.0.2.10");
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty()) << "198.51.100.50 is still on the interface";
    charter4().nat = nat_none();
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), (Names{"charter 192.0.2.10-192.0.2.10", kCharters[0]}))
        << "and when the line fails, all of them are owed";
    kernel_follows();
    router.answer("charter");
    forgotten();
    router.decide_after(1s);
    charter4().sources.clear();
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), Names{"charter 192.0.2.10-192.0.2.10!"});
}

TEST_F(Flows, OfAPoolOnlyWhatIsLostIsForgotten) {
    charter4().sources = {net("192.0.2.0/28"), net("192.0.2.16/28")};
    charter4().nat = nat_source("192.0.2.2", "192.0.2.3");
    router.decide_after(1s);
    charter4().nat = nat_source("192.0.2.16", "192.0.2.31");
    router.decide_after(1s);
    forgotten();
    EXPECT_TRUE(router.stale().empty());
    charter4().sources = {net("192.0.2.16/28")};
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), Names{"charter 192.0.2.2-192.0.2.3!"});
}

TEST_F(Flows, ARemovedUplinksFlowsGoOnceOthersCarry) {
    router.config.uplinks.erase(router.config.uplinks.begin());
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kCharters);
    EXPECT_EQ(router.last.stale[0].reason, "uplink charter is gone");
    EXPECT_TRUE(forgettable().empty()) << "the kernel still sends by it";
    kernel_follows();
    EXPECT_EQ(forgettable(), Names{"charter"});
    forgotten();
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
}

// At `no router multihome`, or when the daemon is stopped: the flows may well live on with
// whatever default the owner has.
TEST_F(Flows, WhenAllIsRemovedNoFlowIsTouched) {
    router.config.uplinks.clear();
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
    kernel_follows();
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
}

TEST_F(Flows, AnUplinkThatIsThereAgainKeepsItsFlows) {
    const Config before = router.config;
    router.config.uplinks.erase(router.config.uplinks.begin());
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kCharters);
    router.config = before;
    charter4().nat = nat_none(); // its flows go on with the address they have
    router.history.lines.clear();
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"charter"});
    EXPECT_EQ(router.stale(), kAtts);
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), kCharters);
}

TEST_F(Flows, AnUplinkThatIsThereAgainWithoutItsPoolHasLostIt) {
    charter4().sources = {net("192.0.2.0/24")};
    charter4().nat = nat_source("192.0.2.10");
    router.decide_after(1s);
    const Config before = router.config;
    router.config.uplinks.erase(router.config.uplinks.begin());
    router.decide_after(1s);
    forgotten();
    router.history.vanished = router.last.history.vanished; // the kernel refused
    router.config = before;
    charter4() = office_config().uplinks[0].family[Family::v4];
    router.uplink("att").shutdown = true;
    router.decide_after(1s);
    ASSERT_EQ(router.carrying(), Names{"charter"});
    EXPECT_EQ(router.stale(), (Names{"charter 192.0.2.10-192.0.2.10!", kAtts[0]}));
}

// A short loss of carrier: the kernel sends by table 253 and is back before anything was decided.
TEST_F(Flows, WhatBeganOnALineThatOnlyStoodByIsOwedToo) {
    forgotten();
    std::erase_if(router.seen.routes, [](const KernelRoute& route) {
        return route.table == kTableMain; // as after the interface was down for a moment
    });
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"charter"});
    EXPECT_EQ(router.stale(), kAtts);
    EXPECT_TRUE(forgettable().empty());
    kernel_follows();
    EXPECT_EQ(forgettable(), Names{"att"});
}

TEST_F(Flows, ARenamedUplinkKeepsItsFlows) {
    router.uplink("charter").name = "cable";
    router.answer("cable");
    router.uplink("cable").shutdown = false;
    router.interface("eth2.4").carrier = false; // so that cable carries at once
    router.history.lines.erase({"att", Family::v4});
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"cable"});
    for (const std::string& stale : router.stale())
        EXPECT_EQ(stale, kAtts[0]);
}

TEST_F(Flows, TheSameAddressOnTwoLinesIsNeverForgottenWhileOneCarries) {
    router.interface("eth2.5").addresses = {interface_address("192.168.1.2/24")};
    router.interface("eth2.4").addresses = {interface_address("192.168.1.2/24")};
    for (Uplink& each : router.config.uplinks) {
        each.family[Family::v4].nat.reset();
        each.family[Family::v4].gateway = gateway("192.168.1.1");
    }
    router.history = {};
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_TRUE(router.stale().empty());
}

TEST_F(Flows, MayForgetAsksTheKernelOnly) {
    const StaleFlows charters{
        {"charter", Family::v4}, 5, {ip("198.51.100.50"), ip("198.51.100.50")}, false, ""};
    EXPECT_FALSE(may_forget(charters, router.seen));
    const StaleFlows atts{
        {"att", Family::v4}, 4, {ip("203.0.113.57"), ip("203.0.113.57")}, false, ""};
    EXPECT_TRUE(may_forget(atts, router.seen));
    Observation nothing;
    EXPECT_FALSE(may_forget(atts, nothing)) << "nothing would carry them";
    StaleFlows gone = atts;
    gone.address_gone = true;
    EXPECT_TRUE(may_forget(gone, nothing));
    StaleFlows six = atts;
    six.line.family = Family::v6;
    six.ifindex = 5;
    EXPECT_FALSE(may_forget(six, router.seen)) << "of its own family";
}

TEST_F(Flows, Selectors) {
    const FlowSelector selector =
        selector_of({{"a", Family::v6}, 1, {ip("2001:db8::1"), ip("2001:db8::9")}, false, ""});
    EXPECT_EQ(selector.kind, FlowSelector::Kind::translated_to);
    EXPECT_EQ(selector.family, Family::v6);
    EXPECT_EQ(selector.first, ip("2001:db8::1"));
    EXPECT_EQ(selector.last, ip("2001:db8::9"));

    const FlowSelector untranslated =
        untranslated_flows(router.last.desired.nat, router.last.lines, Family::v4);
    EXPECT_EQ(untranslated.kind, FlowSelector::Kind::untranslated);
    EXPECT_EQ(texts(untranslated.sources),
              (Names{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}));
    EXPECT_EQ(texts(untranslated.not_destinations),
              (Names{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.51.100.48/29",
                     "203.0.113.56/29"}));
}

TEST(AddressRanges, CutIntoPieces) {
    const auto range = [](const char* first, const char* last) {
        return AddressRange{ip(first), ip(last)};
    };
    using Ranges = std::vector<AddressRange>;
    const AddressRange whole = range("192.0.2.10", "192.0.2.20");
    EXPECT_EQ(without(whole, {}), Ranges{whole});
    EXPECT_EQ(without(whole, {range("192.0.2.21", "192.0.2.30")}), Ranges{whole});
    EXPECT_EQ(without(whole, {range("::", "ffff::")}), Ranges{whole});
    EXPECT_EQ(without(whole, {whole}), Ranges{});
    EXPECT_EQ(without(whole, {range("0.0.0.0", "255.255.255.255")}), Ranges{});
    EXPECT_EQ(
        without(whole, {range("192.0.2.12", "192.0.2.13"), range("192.0.2.20", "192.0.2.30")}),
        (Ranges{range("192.0.2.10", "192.0.2.11"), range("192.0.2.14", "192.0.2.19")}));
    EXPECT_EQ(without(range("2001:db8::ffff", "2001:db8::1:1"),
                      {range("2001:db8::1:0", "2001:db8::1:0")}),
              (Ranges{range("2001:db8::ffff", "2001:db8::ffff"),
                      range("2001:db8::1:1", "2001:db8::1:1")}));
    EXPECT_EQ(previous_address(ip("192.0.3.0")), ip("192.0.2.255"));
    EXPECT_EQ(previous_address(ip("0.0.0.0")), ip("255.255.255.255"));
    EXPECT_TRUE(contains(net("192.0.2.0/24"), whole));
    EXPECT_FALSE(contains(net("192.0.2.0/28"), whole));
}

} // namespace
} // namespace multihomed::test
