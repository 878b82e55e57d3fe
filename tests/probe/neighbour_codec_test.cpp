// SPDX-License-Identifier: GPL-2.0-or-later
//
// The codec against packets written by hand from RFC 826 and RFC 4861, section 4.
#include "probe/neighbour_codec.hpp"

#include <gtest/gtest.h>

namespace multihomed::probe {
namespace {

using Packet = std::vector<std::uint8_t>;

const MacAddress kOurs{2, 0, 0, 0, 0, 0x11};

core::Address address(const char* text) {
    return core::parse_address(text).value();
}

const Packet kRequest{0,   1, 8, 0, 6, 4, 0, 1, 2, 0, 0,   0, 0, 0x11,
                      192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2};
const Packet kReply{0,   1, 8, 0, 6, 4, 0, 2, 2, 0,    0,   0, 0, 0x22,
                    192, 0, 2, 2, 2, 0, 0, 0, 0, 0x11, 192, 0, 2, 1};

/// A solicited advertisement of fe80::2 with its link-layer address.
const Packet kAdvertisement{136, 0, 0xab, 0xcd, 0xe0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                            0,   0, 0,    0,    0,    0, 0, 2, 2,    1,    2, 0, 0, 0, 0, 0x22};

TEST(ArpCodec, Request) {
    const auto bytes = encode_arp_request(kOurs, address("192.0.2.1"), address("192.0.2.2"));
    EXPECT_EQ(Packet(bytes.begin(), bytes.end()), kRequest);
}

TEST(ArpCodec, Reply) {
    Packet padded = kReply;
    padded.resize(46); // the shortest Ethernet frame
    for (const Packet& packet : {kReply, padded}) {
        const auto reply = decode_arp_reply(packet);
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->sender, address("192.0.2.2"));
        EXPECT_EQ(reply->target, address("192.0.2.1"));
    }
}

TEST(ArpCodec, WhatIsNoReply) {
    EXPECT_FALSE(decode_arp_reply(kRequest));
    for (std::size_t at = 0; at < 8; ++at) {
        Packet other = kReply;
        other[at] ^= 0x10;
        EXPECT_FALSE(decode_arp_reply(other)) << at;
    }
    for (std::size_t size = 0; size < kReply.size(); ++size)
        EXPECT_FALSE(decode_arp_reply(std::span(kReply).first(size))) << size;
}

TEST(NeighbourCodec, Solicitation) {
    Packet expected{135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    EXPECT_EQ(encode_neighbour_solicitation(address("fe80::2"), std::nullopt), expected);
    expected.insert(expected.end(), {1, 1, 2, 0, 0, 0, 0, 0x11});
    EXPECT_EQ(encode_neighbour_solicitation(address("fe80::2"), kOurs), expected);
    EXPECT_EQ(solicited_node(address("2001:db8::1:abcd:ef12")), address("ff02::1:ffcd:ef12"));
}

TEST(NeighbourCodec, Advertisement) {
    const auto told = decode_neighbour_advertisement(kAdvertisement);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->target, address("fe80::2"));
    EXPECT_TRUE(told->solicited);
    Packet unasked = kAdvertisement;
    unasked[4] = 0x20;
    EXPECT_FALSE(decode_neighbour_advertisement(unasked)->solicited);
    EXPECT_TRUE(decode_neighbour_advertisement(std::span(kAdvertisement).first(24)))
        << "without options";
}

TEST(NeighbourCodec, WhatIsNoAdvertisement) {
    const auto altered = [](std::size_t at, std::uint8_t value) {
        Packet changed = kAdvertisement;
        changed[at] = value;
        return decode_neighbour_advertisement(changed);
    };
    EXPECT_FALSE(altered(0, 135)) << "a solicitation";
    EXPECT_FALSE(altered(1, 1)) << "another code";
    EXPECT_FALSE(altered(8, 0xff)) << "of a multicast address";
    EXPECT_FALSE(altered(25, 0)) << "an option without length";
    EXPECT_FALSE(altered(25, 2)) << "an option that is longer than the message";
    for (std::size_t size = 0; size < kAdvertisement.size(); ++size)
        if (size != 24) {
            EXPECT_FALSE(decode_neighbour_advertisement(std::span(kAdvertisement).first(size)))
                << size;
        }
}

} // namespace
} // namespace multihomed::probe
