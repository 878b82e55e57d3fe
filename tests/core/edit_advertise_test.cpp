// SPDX-License-Identifier: GPL-2.0-or-later
//
// `ipv6 advertise IFNAME`: what is taken, what is refused, and what is printed of it.
#include "core/config_text.hpp"
#include "core/edit.hpp"

#include <gtest/gtest.h>

namespace multihomed::core {
namespace {

class EditAdvertise : public testing::Test {
protected:
    EditAdvertise() {
        edit_router(config, true);
        taken(edit_advertise(config, "eth1", true));
    }
    static void taken(const Refusal& refusal) { EXPECT_EQ(refusal, std::nullopt); }
    void refused(const Refusal& refusal, const std::string& reason) {
        EXPECT_EQ(refusal, reason);
        EXPECT_EQ(config, before);
    }
    void remember() { before = config; }

    Config config;
    Config before;
};

TEST_F(EditAdvertise, EverythingThatCanBeTypedIsPrinted) {
    for (const auto& [number, value] : std::vector<std::pair<AdvertiseNumber, std::uint32_t>>{
             {AdvertiseNumber::interval, 30},
             {AdvertiseNumber::lifetime, 0},
             {AdvertiseNumber::valid_lifetime, 3600},
             {AdvertiseNumber::preferred_lifetime, 1800},
             {AdvertiseNumber::hop_limit, 64},
             {AdvertiseNumber::reachable_time, 30000},
             {AdvertiseNumber::retrans_interval, 4294967295U},
             {AdvertiseNumber::mtu, 1480}})
        taken(edit_advertise_number(config, "eth1", number, value));
    for (const AdvertiseFlag flag : {AdvertiseFlag::managed, AdvertiseFlag::other,
                                     AdvertiseFlag::prefer_carrying, AdvertiseFlag::shutdown})
        taken(edit_advertise_flag(config, "eth1", flag, true));
    taken(edit_router_preference(config, "eth1", "high"));
    taken(edit_rdnss(config, "eth1", "2001:db8::53", "charter", true));
    taken(edit_rdnss(config, "eth1", "fd00::53", std::nullopt, true));
    taken(edit_dnssl(config, "eth1", "example.org", true));
    EXPECT_EQ(to_text(config), "router multihome\n"
                               " ipv6 advertise eth1\n"
                               "  ra-interval 30\n"
                               "  ra-lifetime 0\n"
                               "  valid-lifetime 3600\n"
                               "  preferred-lifetime 1800\n"
                               "  ra-hop-limit 64\n"
                               "  reachable-time 30000\n"
                               "  ra-retrans-interval 4294967295\n"
                               "  mtu 1480\n"
                               "  router-preference high\n"
                               "  rdnss 2001:db8::53 uplink charter\n"
                               "  rdnss fd00::53\n"
                               "  dnssl example.org\n"
                               "  managed-config-flag\n"
                               "  other-config-flag\n"
                               "  prefer-carrying\n"
                               "  shutdown\n"
                               " exit\n"
                               "exit\n!\n");
}

TEST_F(EditAdvertise, TakenBackNothingIsLeft) {
    remember();
    taken(edit_advertise_number(config, "eth1", AdvertiseNumber::interval, 30));
    taken(edit_advertise_number(config, "eth1", AdvertiseNumber::interval, std::nullopt));
    taken(edit_advertise_flag(config, "eth1", AdvertiseFlag::managed, true));
    taken(edit_advertise_flag(config, "eth1", AdvertiseFlag::managed, false));
    taken(edit_router_preference(config, "eth1", "low"));
    taken(edit_router_preference(config, "eth1", std::nullopt));
    taken(edit_rdnss(config, "eth1", "fd00::53", "charter", true));
    taken(edit_rdnss(config, "eth1", "fd00::53", std::nullopt, false));
    taken(edit_dnssl(config, "eth1", "example.org", true));
    taken(edit_dnssl(config, "eth1", "example.org", false));
    EXPECT_EQ(config, before);
    taken(edit_advertise(config, "eth1", false));
    EXPECT_TRUE(config.advertise.empty());
}

TEST_F(EditAdvertise, TypedAgainNothingChanges) {
    taken(edit_rdnss(config, "eth1", "fd00::53", std::nullopt, true));
    taken(edit_dnssl(config, "eth1", "example.org", true));
    remember();
    taken(edit_advertise(config, "eth1", true));
    taken(edit_rdnss(config, "eth1", "fd00::53", std::nullopt, true));
    taken(edit_dnssl(config, "eth1", "example.org", true));
    EXPECT_EQ(config, before);
    taken(edit_rdnss(config, "eth1", "fd00::53", "att", true));
    EXPECT_EQ(config.advertise[0].resolvers,
              (std::vector<Resolver>{{*parse_address("fd00::53"), "att"}}));
}

TEST_F(EditAdvertise, ALineIsNotInside) {
    taken(edit_uplink(config, "charter", true));
    taken(edit_interface(config, "charter", "eth2"));
    remember();
    refused(edit_advertise(config, "eth2", true),
            "interface eth2 belongs to uplink charter: nothing is advertised to a provider");
    refused(edit_interface(config, "charter", "eth1"),
            "eth1 is inside: 'ipv6 advertise eth1' is configured");
    taken(edit_advertise(config, "eth1", false));
    taken(edit_interface(config, "charter", "eth1"));
}

TEST_F(EditAdvertise, WhatIsRefused) {
    remember();
    refused(edit_advertise(config, "lo", true),
            "the loopback interface has no hosts to advertise to");
    refused(edit_advertise(config, "a/b", true),
            "'a/b' cannot be the name of an interface (1 to 15 characters)");
    refused(edit_advertise(config, "eth9", false), "there is no 'ipv6 advertise eth9'");
    refused(edit_advertise_flag(config, "eth9", AdvertiseFlag::managed, true),
            "there is no 'ipv6 advertise eth9'");
    refused(edit_advertise_flag(config, "", AdvertiseFlag::managed, true),
            "the interface was refused");
    refused(edit_advertise_number(config, "eth1", AdvertiseNumber::interval, 3),
            "the interval is between 4 and 1800");
    refused(edit_advertise_number(config, "eth1", AdvertiseNumber::mtu, 1279),
            "the MTU is between 1280 and 65535");
    refused(edit_router_preference(config, "eth1", "best"),
            "'best' is none of 'high', 'low' and 'medium'");
    refused(edit_rdnss(config, "eth1", "192.0.2.1", std::nullopt, true),
            "'192.0.2.1' is not an IPv6 address");
    refused(edit_rdnss(config, "eth1", "ff02::fb", std::nullopt, true),
            "ff02::fb cannot be a DNS server");
    refused(edit_rdnss(config, "eth1", "fd00::53", "a b", true),
            "'a b' cannot be the name of an uplink");
    refused(edit_rdnss(config, "eth1", "fd00::53", std::nullopt, false),
            "fd00::53 is not configured");
    refused(edit_dnssl(config, "eth1", "a..b", true), "'a..b' is not the name of a host");
    refused(edit_dnssl(config, "eth1", std::string(40, 'a') + "." + std::string(40, 'b'), true),
            "a search domain has at most 63 characters");
    refused(edit_dnssl(config, "eth1", "example.org", false), "'example.org' is not configured");
}

TEST_F(EditAdvertise, ThereIsAnEnd) {
    for (std::size_t i = 0; i < kMaxResolvers; ++i)
        taken(edit_rdnss(config, "eth1", "fd00::" + std::to_string(i + 1), std::nullopt, true));
    for (std::size_t i = 0; i < kMaxSearchDomains; ++i)
        taken(edit_dnssl(config, "eth1", "d" + std::to_string(i), true));
    for (std::size_t i = 1; i < kMaxAdvertise; ++i)
        taken(edit_advertise(config, "lan" + std::to_string(i), true));
    remember();
    refused(edit_rdnss(config, "eth1", "fd00::99", std::nullopt, true),
            "there are 8 already, the limit");
    refused(edit_dnssl(config, "eth1", "more", true), "there are 4 already, the limit");
    refused(edit_advertise(config, "more", true), "there are 256 interfaces already, the limit");
}

} // namespace
} // namespace multihomed::core
