// SPDX-License-Identifier: GPL-2.0-or-later
//
// What hosts on the LAN of the small office are told while its lines come and go.
#include "core/advertise.hpp"

#include "core/builders.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace multihomed::core {
namespace {

using namespace multihomed::test;
using namespace std::chrono_literals;

const Prefix kOfCharter = net("2001:db8:c000:1::/64");
const Prefix kOfAtt = net("2001:db8:a000:1::/64");
const Prefix kUla = net("fd5a:1b2c:3d4e:1::/64");

class Advertised : public testing::Test {
protected:
    Advertised() : router(proven_office()) {
        advertise.interface = "eth1";
        router.interface("eth1").addresses.push_back(interface_address("fd5a:1b2c:3d4e:1::1/64"));
        put_in_force();
    }
    void put_in_force() {
        router.config.advertise = {advertise};
        router.decide();
    }
    const AdvertisePlan& plan() { return router.last.desired.advertise.at(0); }
    const AdvertiseReport& report() { return router.last.advertise.at(0); }
    const AdvertisedPrefix* find(const Prefix& prefix) {
        const auto& prefixes = plan().content.prefixes;
        const auto found = std::ranges::find(prefixes, prefix, &AdvertisedPrefix::prefix);
        return found == prefixes.end() ? nullptr : &*found;
    }
    /// "preferred/valid", "-" if it is not told.
    std::string lifetimes(const Prefix& prefix) {
        const AdvertisedPrefix* told = find(prefix);
        return told == nullptr
                   ? "-"
                   : std::to_string(told->preferred_s) + "/" + std::to_string(told->valid_s);
    }
    std::string reason(const Prefix& prefix) {
        const auto at = find(prefix) - plan().content.prefixes.data();
        return report().prefixes.at(static_cast<std::size_t>(at));
    }
    void lose_address(const char* address) {
        auto& addresses = router.interface("eth1").addresses;
        std::erase(addresses, interface_address(address));
    }

    Router router;
    Advertise advertise;
};

TEST_F(Advertised, PrefixesOfLivingLinesAndOfNoneArePreferred) {
    EXPECT_EQ(report().blocked, "");
    EXPECT_EQ(plan().source, ip("fe80::1"));
    EXPECT_EQ(plan().ifindex, 2U);
    EXPECT_EQ(plan().interval, 200s);
    for (const Prefix& prefix : {kOfCharter, kOfAtt, kUla})
        EXPECT_EQ(lifetimes(prefix), "2700/5400") << prefix.to_string();
    EXPECT_EQ(plan().content.prefixes.size(), 3U);
    EXPECT_EQ(plan().content.lifetime_s, 1800);
    EXPECT_EQ(reason(kOfCharter), "of uplink charter, which is up");
    EXPECT_EQ(reason(kUla), "of no uplink, for use inside");
}

/// Charter's prefix is delegated for so long.
class AdvertisedWhileDelegated : public Advertised {
protected:
    AdvertisedWhileDelegated() {
        UplinkFamily& v6 = router.uplink("charter").family[Family::v6];
        v6.sources.clear();
        v6.delegation = Delegation{.grace = 300};
        delegate(1000s, 2000s);
    }
    void delegate(std::chrono::seconds preferred, std::chrono::seconds valid) {
        router.seen.delegated["charter"] = {
            {net("2001:db8:c000::/36"), router.now + preferred, router.now + valid}};
        router.decide();
    }
    /// As they would be sent now.
    std::string sent() {
        const AdvertisedPrefix told = as_of(*find(kOfCharter), router.now);
        return std::to_string(told.preferred_s) + "/" + std::to_string(told.valid_s);
    }
};

TEST_F(AdvertisedWhileDelegated, LifetimesCountDownWithTheDelegation) {
    EXPECT_EQ(sent(), "1000/2000");
    const auto before = plan().content;
    router.decide_after(400s);
    EXPECT_EQ(sent(), "600/1600");
    EXPECT_EQ(plan().content, before) << "no news: time passes for hosts too";
    delegate(9000s, 9000s);
    EXPECT_EQ(sent(), "2700/5400") << "never longer than configured";
    EXPECT_EQ(reason(kOfCharter), "of uplink charter, which is up");
}

TEST_F(AdvertisedWhileDelegated, WhatIsNoLongerPreferredIsDeprecated) {
    router.decide_after(1000s);
    EXPECT_EQ(sent(), "0/1000");
    EXPECT_EQ(reason(kOfCharter),
              "the preferred lifetime of 2001:db8:c000::/36 of uplink charter is over");
    router.decide_after(1000s);
    EXPECT_EQ(sent(), "0/0");
    EXPECT_EQ(reason(kOfCharter), "2001:db8:c000::/36 is no longer delegated to uplink charter");
}

TEST_F(AdvertisedWhileDelegated, WhatAnotherLineIsGivenIsThatOnes) {
    UplinkFamily& att = router.uplink("att").family[Family::v6];
    att.delegation = Delegation{.grace = 3};
    router.seen.delegated = {{"att", {{net("2001:db8:c000::/36"), {}, {}}}}};
    router.decide_after(1s);
    EXPECT_EQ(sent(), "2700/5400") << "in charter's grace, but given to att";
    router.decide_after(400s);
    EXPECT_EQ(sent(), "2700/5400");
    EXPECT_EQ(reason(kOfCharter), "of uplink att, which is up");
}

TEST_F(AdvertisedWhileDelegated, WhatIsNoLongerDelegatedIsDeprecatedForItsGraceAndThenWithdrawn) {
    router.seen.delegated.clear();
    router.decide_after(1s);
    EXPECT_EQ(sent(), "0/300");
    EXPECT_EQ(reason(kOfCharter),
              "uplink charter has lost 2001:db8:c000::/36, which is in its grace");
    router.decide_after(100s);
    EXPECT_EQ(sent(), "0/200");
    router.decide_after(200s);
    EXPECT_EQ(sent(), "0/0");
}

TEST_F(Advertised, ADeadLinesPrefixIsDeprecatedAndStaysValid) {
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfCharter), "0/5400");
    EXPECT_EQ(lifetimes(kOfAtt), "2700/5400");
    EXPECT_EQ(lifetimes(kUla), "2700/5400");
    EXPECT_EQ(plan().content.lifetime_s, 1800);
    EXPECT_TRUE(reason(kOfCharter).starts_with("of uplink charter, which is down: "))
        << reason(kOfCharter);
}

TEST_F(Advertised, ALineThatCannotBeUsedIsAsGoodAsDead) {
    router.interface("eth2.5").carrier = false;
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfCharter), "0/5400");
    router.seen.interfaces.erase("eth2.5");
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfCharter), "0/5400");
    EXPECT_EQ(reason(kOfCharter),
              "of uplink charter, which is no-carrier: interface eth2.5 does not exist");
}

TEST_F(Advertised, ALineThatComesBackIsPreferredOnceItIsUsedAgain) {
    router.fall_silent("charter");
    router.decide_after(1s);
    router.answer("charter");
    router.decide_after(1s);
    ASSERT_EQ(router.state("charter", Family::v6), State::hold);
    EXPECT_EQ(lifetimes(kOfCharter), "0/5400");
    router.decide_after(10s);
    ASSERT_EQ(router.state("charter", Family::v6), State::up);
    EXPECT_EQ(lifetimes(kOfCharter), "2700/5400");
}

TEST_F(Advertised, WithEveryLineDeadThereIsNoDefaultRouterAndNothingIsDeprecated) {
    router.fall_silent("charter");
    router.fall_silent("att");
    router.decide_after(1s);
    EXPECT_EQ(plan().content.lifetime_s, 0);
    EXPECT_EQ(report().lifetime, "no IPv6 line can be used");
    for (const Prefix& prefix : {kOfCharter, kOfAtt, kUla})
        EXPECT_EQ(lifetimes(prefix), "2700/5400") << prefix.to_string();
    EXPECT_TRUE(reason(kOfAtt).ends_with("; no other line is better")) << reason(kOfAtt);
    // The first that answers is used at once, since nothing is better.
    router.answer("att");
    router.decide_after(1s);
    ASSERT_EQ(router.state("att", Family::v6), State::hold);
    EXPECT_EQ(plan().content.lifetime_s, 1800);
    EXPECT_EQ(lifetimes(kOfAtt), "2700/5400");
    EXPECT_EQ(lifetimes(kOfCharter), "0/5400");
}

TEST_F(Advertised, Ipv4AloneIsNoWayOut) {
    for (Uplink& uplink : router.config.uplinks)
        uplink.family[Family::v6] = {};
    router.decide_after(1s);
    EXPECT_EQ(plan().content.lifetime_s, 0);
    EXPECT_EQ(report().lifetime, "there is no IPv6 line");
    EXPECT_EQ(lifetimes(kUla), "2700/5400");
    EXPECT_EQ(reason(kOfCharter), "of no uplink: 'ipv6 source 2001:db8:c000:1::/64' under one "
                                  "would say where it leaves");
}

TEST_F(Advertised, AStandbyLineIsPreferredOnlyWhileItCarries) {
    router.uplink("att").standby = true;
    put_in_force();
    EXPECT_EQ(lifetimes(kOfAtt), "0/5400");
    EXPECT_EQ(reason(kOfAtt), "of uplink att, which stands by");
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfAtt), "2700/5400");
}

TEST_F(Advertised, PreferCarryingLeavesOneLineToChoose) {
    advertise.flags[static_cast<std::size_t>(AdvertiseFlag::prefer_carrying)] = true;
    put_in_force();
    EXPECT_EQ(lifetimes(kOfCharter), "2700/5400");
    EXPECT_EQ(lifetimes(kOfAtt), "0/5400");
    EXPECT_EQ(reason(kOfAtt), "of uplink att, which does not carry");
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfCharter), "0/5400");
    EXPECT_EQ(lifetimes(kOfAtt), "2700/5400");
}

TEST_F(Advertised, APrefixThatVanishesIsWithdrawnForItsLifetime) {
    lose_address("2001:db8:c000:1::1/64");
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfCharter), "0/0");
    EXPECT_EQ(reason(kOfCharter), "it has left the interface");
    router.decide_after(5399s);
    EXPECT_EQ(lifetimes(kOfCharter), "0/0");
    ASSERT_TRUE(router.last.next_deadline);
    EXPECT_LE(*router.last.next_deadline, router.now + 1s);
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfCharter), "-");
}

TEST_F(Advertised, APrefixThatComesBackIsPreferredAgain) {
    lose_address("2001:db8:c000:1::1/64");
    router.decide_after(1s);
    router.interface("eth1").addresses.push_back(interface_address("2001:db8:c000:1::1/64"));
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfCharter), "2700/5400");
}

TEST_F(Advertised, OfManyThatVanishedTheLatestAreWithdrawn) {
    for (int i = 0; i < 40; ++i) {
        const std::string address = "2001:db8:c000:" + std::to_string(100 + i) + "::1/64";
        router.interface("eth1").addresses.push_back(interface_address(address));
        router.decide_after(1s);
        lose_address(address.c_str());
        router.decide_after(1s);
    }
    EXPECT_EQ(plan().content.prefixes.size(), kMaxAdvertisedPrefixes);
    EXPECT_EQ(lifetimes(kOfCharter), "2700/5400");
    EXPECT_EQ(router.history.advertised.at("eth1").size(), kMaxWithdrawn + 3);
    EXPECT_TRUE(router.history.advertised.at("eth1").contains(net("2001:db8:c000:139::/64")));
}

TEST_F(Advertised, WhatWasToldIsRememberedWhileNothingCanBeSaid) {
    router.interface("eth1").up = false;
    router.interface("eth1").addresses.clear();
    router.decide_after(1s);
    EXPECT_FALSE(plan().source);
    EXPECT_EQ(report().blocked, "interface eth1 is down");
    router.interface("eth1").up = true;
    router.interface("eth1").addresses = {interface_address("fe80::1/64"),
                                          interface_address("2001:db8:a000:1::1/64")};
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfAtt), "2700/5400");
    EXPECT_EQ(lifetimes(kOfCharter), "0/0");
}

TEST_F(Advertised, TakenOutOfTheConfigurationPrefixesAreRememberedForALifetime) {
    router.config.advertise.clear();
    router.decide_after(1s);
    EXPECT_TRUE(router.last.desired.advertise.empty());
    lose_address("2001:db8:c000:1::1/64");
    put_in_force();
    EXPECT_EQ(lifetimes(kOfCharter), "0/0");
    router.config.advertise.clear();
    router.decide_after(1s);
    router.decide_after(5401s);
    EXPECT_TRUE(router.history.advertised.empty());
}

TEST_F(Advertised, WhyNothingIsSent) {
    const auto blocked = [this] {
        router.decide_after(1s);
        EXPECT_EQ(report().blocked.empty(), plan().source.has_value());
        return report().blocked;
    };
    router.interface("eth1").carrier = false;
    EXPECT_EQ(blocked(), "no carrier on eth1");
    router.interface("eth1").carrier = true;
    lose_address("fe80::1/64");
    EXPECT_EQ(blocked(), "eth1 has no IPv6 link-local address to send from");
    InterfaceAddress tentative = interface_address("fe80::1/64");
    tentative.tentative = true;
    router.interface("eth1").addresses.push_back(tentative);
    EXPECT_EQ(blocked(), "eth1 has no IPv6 link-local address to send from");
    router.seen.interfaces.erase("eth1");
    EXPECT_EQ(blocked(), "interface eth1 does not exist");
    router.seen = office();
    EXPECT_EQ(blocked(), "");
    advertise.flags[static_cast<std::size_t>(AdvertiseFlag::shutdown)] = true;
    put_in_force();
    EXPECT_EQ(blocked(), "shut down by configuration");
}

TEST_F(Advertised, ItSpeaksFromOneAddressInWhateverOrderTheyAreListed) {
    router.interface("eth1").addresses.insert(router.interface("eth1").addresses.begin(),
                                              interface_address("fe80::4d48:ff:fe00:1/64"));
    router.decide_after(1s);
    EXPECT_EQ(plan().source, ip("fe80::1"));
}

TEST_F(Advertised, OtherNetworksInsideAreReachedWithoutADefaultRouter) {
    add(router.seen, ethernet("eth3", 7, {"fe80::7/64", "fd5a:1b2c:3d4e:2::1/64", "10.2.0.1/24"}));
    router.config.internal = {net("10.0.0.0/8"), net("fd99::/48")};
    router.fall_silent("charter");
    router.fall_silent("att");
    router.decide_after(1s);
    EXPECT_EQ(plan().content.lifetime_s, 0);
    EXPECT_EQ(plan().content.routes,
              (std::vector<AdvertisedRoute>{{net("fd5a:1b2c:3d4e:2::/64"), 1800},
                                            {net("fd99::/48"), 1800}}));
}

TEST_F(Advertised, ResolversFollowTheirLine) {
    advertise.resolvers = {{ip("2001:db8:c000::53"), "charter"},
                           {ip("fd5a:1b2c:3d4e:1::1"), ""},
                           {ip("2001:db8:99::53"), "nobody"}};
    advertise.domains = {"example.org"};
    put_in_force();
    const auto lifetime = [this](std::size_t i) {
        return plan().content.resolvers.at(i).lifetime_s;
    };
    EXPECT_EQ(lifetime(0), 1800U);
    EXPECT_EQ(plan().content.domains_s, 1800U);
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(lifetime(0), 0U);
    EXPECT_TRUE(report().resolvers.at(0).starts_with("of uplink charter, which is down"));
    EXPECT_EQ(lifetime(1), 1800U);
    EXPECT_EQ(lifetime(2), 1800U);
    EXPECT_EQ(report().resolvers.at(2), "uplink nobody has no IPv6 line to follow");
    router.fall_silent("att");
    router.decide_after(1s);
    EXPECT_EQ(lifetime(0), 1800U) << "no other line is better";
}

TEST_F(Advertised, NumbersAreThoseTyped) {
    const auto type = [this](AdvertiseNumber number, std::uint32_t value) {
        advertise.numbers[static_cast<std::size_t>(number)] = value;
    };
    type(AdvertiseNumber::interval, 1800);
    type(AdvertiseNumber::lifetime, 600);
    type(AdvertiseNumber::valid_lifetime, 1000);
    type(AdvertiseNumber::mtu, 9000);
    type(AdvertiseNumber::hop_limit, 32);
    router.interface("eth1").mtu = 1500;
    advertise.preference = RouterPreference::high;
    advertise.resolvers = {{ip("fd5a:1b2c:3d4e:1::1"), ""}};
    put_in_force();
    EXPECT_EQ(plan().content.lifetime_s, 1800) << "RFC 4861, section 6.2.1: at least the interval";
    EXPECT_EQ(lifetimes(kUla), "1000/1000") << "not preferred for longer than valid";
    EXPECT_EQ(plan().content.resolvers.at(0).lifetime_s, 5400U);
    EXPECT_EQ(plan().content.hop_limit, 32);
    EXPECT_EQ(plan().content.preference, RouterPreference::high);
    EXPECT_EQ(report().remarks, std::vector<std::string>{"mtu 9000 is more than the 1500 of eth1"});
    type(AdvertiseNumber::lifetime, 0);
    put_in_force();
    EXPECT_EQ(plan().content.lifetime_s, 0);
    EXPECT_EQ(report().lifetime, "'ra-lifetime 0' is configured");
}

TEST_F(Advertised, WhatIsNoSlash64IsOnLinkOnlyAndSaid) {
    router.interface("eth1").addresses.push_back(interface_address("2001:db8:c000:8::1/62"));
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(net("2001:db8:c000:8::/62")), "2700/5400");
    EXPECT_EQ(report().remarks, std::vector<std::string>{"2001:db8:c000:8::/62 is no /64: hosts "
                                                         "make no addresses of it"});
}

TEST_F(Advertised, ADeprecatedAddressOfTheInterfaceIsToldAsSuch) {
    for (InterfaceAddress& own : router.interface("eth1").addresses)
        own.deprecated = own.address == ip("2001:db8:a000:1::1");
    router.decide_after(1s);
    EXPECT_EQ(lifetimes(kOfAtt), "0/5400");
    EXPECT_EQ(lifetimes(kOfCharter), "2700/5400");
}

TEST_F(Advertised, TheReasonsWordsAreNoChange) {
    router.fall_silent("charter");
    router.decide_after(1s);
    const auto before = router.last.desired.advertise;
    const std::string words = reason(kOfCharter);
    router.set_probe("charter", Family::v6, {silent("2001:db8:9::9", 17)});
    router.decide_after(1s);
    EXPECT_NE(reason(kOfCharter), words);
    EXPECT_EQ(router.last.desired.advertise, before);
}

} // namespace
} // namespace multihomed::core
