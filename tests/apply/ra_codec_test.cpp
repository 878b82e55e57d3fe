// SPDX-License-Identifier: GPL-2.0-or-later
//
// The codec against messages written by hand from RFC 4861, RFC 4191 and RFC 8106.
#include "apply/ra_codec.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace multihomed::apply {
namespace {

using Packet = std::vector<std::uint8_t>;

core::Address address(const char* text) {
    return core::parse_address(text).value();
}
core::Prefix prefix(const char* text) {
    return core::Prefix::parse(text).value();
}

const core::Address kRouter = address("fe80::2");

void append(Packet& packet, const Packet& more) {
    packet.insert(packet.end(), more.begin(), more.end());
}

const Packet kPrefixOption{3,    4,    64,   0xc0, 0, 0, 0x15, 0x18, 0, 0, 0, 0, 0, 0, 0, 0,
                           0x20, 0x01, 0x0d, 0xb8, 0, 1, 0,    2,    0, 0, 0, 0, 0, 0, 0, 0};

Packet advertisement() {
    Packet packet{134, 0, 0xab, 0xcd, 64, 0x08, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0};
    append(packet, {1, 1, 2, 0, 0, 0, 0, 0x22});
    append(packet, kPrefixOption);
    append(packet, {25, 3, 0, 0, 0, 0, 7, 8, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53});
    return packet;
}

std::optional<HeardAdvertisement> decoded(const Packet& packet, int hop_limit = 255,
                                          const core::Address& source = kRouter) {
    return decode_advertisement({source, hop_limit, packet});
}

TEST(RaCodec, EverythingThatCanBeTold) {
    core::RouterAdvertisement content;
    content.hop_limit = 64;
    content.managed = true;
    content.other = true;
    content.preference = core::RouterPreference::low;
    content.lifetime_s = 1800;
    content.reachable_ms = 0x01020304;
    content.retrans_ms = 0x05060708;
    content.mtu = 1480;
    content.prefixes = {{prefix("2001:db8:1:2::/64"), 5400, 0}, {prefix("fd00:1::/48"), 1, 2}};
    content.routes = {{prefix("fd00::/8"), 1800}, {prefix("fd00:1::/128"), 9}};
    content.resolvers = {{address("fd00::53"), 1800}};
    content.domains = {"a.org", "bc"};
    content.domains_s = 7;
    Packet expected{134, 0, 0, 0, 64, 0xd8, 0x07, 0x08, 1, 2, 3, 4, 5, 6, 7, 8};
    append(expected, {1, 1, 2, 0, 0, 0, 0, 0x11});
    append(expected, {5, 1, 0, 0, 0, 0, 0x05, 0xc8});
    append(expected, kPrefixOption);
    append(expected, {3,    4, 48, 0x80, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0,
                      0xfd, 0, 0,  1,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    append(expected, {24, 2, 8, 0, 0, 0, 7, 8, 0xfd, 0, 0, 0, 0, 0, 0, 0});
    append(expected,
           {24, 3, 128, 0, 0, 0, 0, 9, 0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    append(expected,
           {25, 3, 0, 0, 0, 0, 7, 8, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53});
    append(expected,
           {31, 3, 0, 0, 0, 0, 0, 7, 1, 'a', 3, 'o', 'r', 'g', 0, 2, 'b', 'c', 0, 0, 0, 0, 0, 0});
    EXPECT_EQ(encode_advertisement(content, MacAddress{2, 0, 0, 0, 0, 0x11}), expected);
}

TEST(RaCodec, LittleIsToldWithoutOptions) {
    core::RouterAdvertisement content;
    content.preference = core::RouterPreference::high;
    EXPECT_EQ(encode_advertisement(content, std::nullopt),
              (Packet{134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
        << "without a lifetime there is no preference";
    content.lifetime_s = 1;
    EXPECT_EQ(encode_advertisement(content, std::nullopt)[5], 0x08);
}

TEST(RaCodec, TheLargestFitsTheSmallestLink) {
    core::RouterAdvertisement content;
    content.mtu = 1280;
    content.prefixes.assign(16, {prefix("2001:db8:1:2::/64"), 1, 1});
    content.routes.assign(8, {prefix("fd00:1::/128"), 9});
    content.resolvers.assign(core::kMaxResolvers, {address("fd00::53"), 1});
    content.domains.assign(core::kMaxSearchDomains, std::string(core::kMaxSearchDomainText, 'a'));
    EXPECT_LE(encode_advertisement(content, MacAddress{}).size() + 40, 1280U);
}

TEST(RaCodec, WhatIsSentIsUnderstood) {
    core::RouterAdvertisement content;
    content.lifetime_s = 0x0708;
    content.prefixes = {{prefix("2001:db8:1:2::/64"), 5400, 2700}, {prefix("fd00:1::/48"), 0, 0}};
    content.resolvers = {{address("fd00::53"), 1}, {address("fd00::54"), 0}};
    const auto heard = decoded(encode_advertisement(content, MacAddress{}));
    ASSERT_TRUE(heard);
    EXPECT_EQ(*heard, (HeardAdvertisement{0x0708, content.prefixes, 2}));
}

TEST(RaCodec, WhatAnotherRouterSays) {
    const auto heard = decoded(advertisement());
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->lifetime_s, 1800);
    EXPECT_EQ(heard->prefixes,
              (std::vector<core::AdvertisedPrefix>{{prefix("2001:db8:1:2::/64"), 5400, 0}}));
    EXPECT_EQ(heard->resolvers, 1U);
}

TEST(RaCodec, WhatIsNoAdvertisement) {
    const Packet good = advertisement();
    EXPECT_FALSE(decoded(good, 254)) << "from another link";
    EXPECT_FALSE(decoded(good, -1));
    EXPECT_FALSE(decoded(good, 255, address("2001:db8::2"))) << "not from a link-local address";
    EXPECT_FALSE(decoded(good, 255, address("192.0.2.1")));
    const auto altered = [&](std::size_t at, std::uint8_t value) {
        Packet changed = good;
        changed[at] = value;
        return decoded(changed);
    };
    EXPECT_FALSE(altered(0, 133));
    EXPECT_FALSE(altered(1, 1)) << "another code";
    EXPECT_FALSE(altered(17, 0)) << "an option without length";
    EXPECT_FALSE(altered(17, 200)) << "longer than the message";
    const std::vector<std::size_t> whole{16, 24, 56, 80};
    for (std::size_t size = 0; size <= good.size(); ++size)
        EXPECT_EQ(decoded(Packet(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)))
                      .has_value(),
                  std::ranges::find(whole, size) != whole.end())
            << size;
}

TEST(RaCodec, ADamagedPrefixIsPassedOver) {
    Packet packet = advertisement();
    packet[26] = 129;
    ASSERT_TRUE(decoded(packet));
    EXPECT_TRUE(decoded(packet)->prefixes.empty());
    Packet shorter{134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 64, 0xc0, 0, 0, 0, 0};
    ASSERT_TRUE(decoded(shorter));
    EXPECT_TRUE(decoded(shorter)->prefixes.empty());
}

TEST(RaCodec, Solicitations) {
    const Packet bare{133, 0, 0xab, 0xcd, 0, 0, 0, 0};
    Packet full = bare;
    append(full, {1, 1, 2, 0, 0, 0, 0, 0x22});
    const core::Address host = address("fe80::3");
    const core::Address none = address("::");
    const auto good = [](const Packet& packet, const core::Address& source, int hop_limit = 255) {
        return is_solicitation({source, hop_limit, packet});
    };
    EXPECT_TRUE(good(bare, host));
    EXPECT_TRUE(good(bare, none));
    EXPECT_TRUE(good(full, host));
    EXPECT_FALSE(good(full, none)) << "who has no address has told none";
    EXPECT_FALSE(good(full, host, 64));
    EXPECT_FALSE(good(advertisement(), host));
    full[9] = 0;
    EXPECT_FALSE(good(full, host));
    EXPECT_FALSE(good({133, 0, 0, 0, 0, 0, 0}, host));
    EXPECT_FALSE(good({133, 1, 0, 0, 0, 0, 0, 0}, host));
    EXPECT_FALSE(good({}, host));
}

} // namespace
} // namespace multihomed::apply
