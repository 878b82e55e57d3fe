// SPDX-License-Identifier: GPL-2.0-or-later
//
// `tunnel` under an uplink: what is taken, how it is printed, what is refused.
#include "core/builders.hpp"
#include "core/config_text.hpp"
#include "core/edit.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using core::Refusal;
using core::TunnelWords;

class EditTunnel : public testing::Test {
protected:
    EditTunnel() {
        config.enabled = true;
        EXPECT_EQ(core::edit_uplink(config, "six", true), std::nullopt);
    }
    Refusal type(const std::optional<TunnelWords>& words) {
        return core::edit_tunnel(config, "six", words);
    }
    std::string printed() const {
        return config.uplinks[0].tunnel ? core::to_text(*config.uplinks[0].tunnel) : "none";
    }
    core::Config config;
};

TEST_F(EditTunnel, IsPrintedAsItWasTyped) {
    EXPECT_EQ(type(TunnelWords{.kind = "6rd",
                               .carrier = "cable",
                               .prefix = "2001:db8::/32",
                               .ipv4_mask_length = 8,
                               .relay = "192.0.2.1",
                               .ttl = 10,
                               .mtu = 1400}),
              std::nullopt);
    EXPECT_EQ(printed(), "6rd prefix 2001:db8::/32 ipv4-mask-length 8 relay 192.0.2.1 "
                         "uplink cable ttl 10 mtu 1400");
    EXPECT_NE(core::to_text(config).find("\n  tunnel 6rd prefix "), std::string::npos);
    EXPECT_EQ(type(TunnelWords{.kind = "6to4", .carrier = "cable"}), std::nullopt);
    EXPECT_EQ(printed(), "6to4 uplink cable");
    EXPECT_EQ(type(TunnelWords{.kind = "6to4", .carrier = "cable", .relay = "192.0.2.1"}),
              std::nullopt);
    EXPECT_EQ(printed(), "6to4 relay 192.0.2.1 uplink cable");
    EXPECT_EQ(type(TunnelWords{.kind = "sit",
                               .carrier = "cable",
                               .relay = "192.0.2.1",
                               .address = "2001:db8:7::2/64"}),
              std::nullopt);
    EXPECT_EQ(printed(), "sit remote 192.0.2.1 uplink cable address 2001:db8:7::2/64");
    EXPECT_EQ(type(std::nullopt), std::nullopt);
    EXPECT_EQ(printed(), "none");
}

TEST_F(EditTunnel, WhatIsRefusedChangesNothing) {
    const TunnelWords good{
        .kind = "6rd", .carrier = "cable", .prefix = "2001:db8::/32", .relay = "192.0.2.1"};
    ASSERT_EQ(type(good), std::nullopt);
    const auto refused = [&](auto change) {
        TunnelWords words = good;
        change(words);
        const std::string before = printed();
        const Refusal refusal = type(words);
        EXPECT_EQ(printed(), before);
        return refusal.value_or("accepted");
    };
    EXPECT_EQ(refused([](auto& w) { w.carrier = "six"; }), "a tunnel cannot carry itself");
    EXPECT_NE(refused([](auto& w) { w.carrier = "a b"; }), "accepted");
    EXPECT_EQ(refused([](auto& w) { w.prefix = "2001:db8::/48"; }),
              "2001:db8::/48 and 32 bits of the IPv4 address leave no /64: 'ipv4-mask-length' says "
              "how many bits all customers share");
    EXPECT_EQ(refused([](auto& w) { w.prefix = "2001:db8::1/32"; }),
              "2001:db8::1/32 has host bits; the prefix is 2001:db8::/32");
    EXPECT_EQ(refused([](auto& w) { w.ipv4_mask_length = 33; }),
              "the length of an IPv4 mask is between 0 and 32");
    EXPECT_EQ(refused([](auto& w) { w.relay = "224.0.0.1"; }),
              "224.0.0.1 cannot be the other end of a tunnel");
    EXPECT_EQ(refused([](auto& w) { w.relay.reset(); }), "the other end of the tunnel is missing");
    EXPECT_EQ(refused([](auto& w) { w.mtu = 1279; }),
              "the MTU of a tunnel is between 1280 and 65515");
    EXPECT_EQ(refused([](auto& w) { w.ttl = 0; }), "the ttl is between 1 and 255");
    EXPECT_EQ(refused([](auto& w) { w.kind = "gre"; }), "'gre' is none of '6rd', '6to4' and 'sit'");
    EXPECT_EQ(refused([](auto& w) { w.kind = "6to4"; }), "6to4 does not take all of these words");
    EXPECT_EQ(refused([](auto& w) { w.address = "2001:db8::1/64"; }),
              "6rd does not take all of these words");
    EXPECT_EQ(core::edit_tunnel(config, "other", good), "there is no uplink 'other'");
}

TEST_F(EditTunnel, AddressesOfAPlainTunnel) {
    const auto with = [&](const char* address) {
        return type(
                   TunnelWords{
                       .kind = "sit", .carrier = "cable", .relay = "192.0.2.1", .address = address})
            .value_or("accepted");
    };
    EXPECT_EQ(with("2001:db8::1"),
              "'2001:db8::1' is not an IPv6 address with the length of its prefix");
    EXPECT_EQ(with("192.0.2.1/24"),
              "'192.0.2.1/24' is not an IPv6 address with the length of its prefix");
    EXPECT_EQ(with("fe80::1/64"), "fe80::1 cannot be the address of a tunnel");
    EXPECT_EQ(with("2001:db8::1/129"),
              "'2001:db8::1/129' is not an IPv6 address with the length of its prefix");
    EXPECT_EQ(with("2001:db8::1/128"), "accepted");
}

} // namespace
} // namespace multihomed::test
