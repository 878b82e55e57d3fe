// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/builders.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;

TEST(Address, IsReadStrictly) {
    for (const char* good : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1",
                             "::ffff:192.0.2.1", "fe80::1"})
        EXPECT_TRUE(parse_address(good)) << good;
    for (const char* bad : {"", " 192.0.2.1", "192.0.2.1 ", "192.0.2", "192.0.2.256", "192.0.02.1",
                            "0xc0.0.2.1", "fe80::1%eth0", "2001:db8:::1", "2001:db8::1/64",
                            "1:2:3:4:5:6:7:8:9", "example.org", "\xc3\xa9"})
        EXPECT_FALSE(parse_address(bad)) << bad;
    EXPECT_FALSE(parse_address(std::string(300, '1')));
}

TEST(Address, WithAZeroByteInItIsNone) {
    EXPECT_FALSE(parse_address(std::string_view("192.0.2.1\0junk", 14)));
    EXPECT_FALSE(Prefix::parse(std::string_view("192.0.2.0\0junk/24", 17)));
}

TEST(Address, SurvivesTheWayThroughBytes) {
    for (const char* text : {"192.0.2.1", "2001:db8::1", "::", "255.255.255.255"}) {
        const Address address = ip(text);
        EXPECT_EQ(address_from_bytes(family_of(address), address_bytes(address).data()), address);
    }
    EXPECT_EQ(family_of(ip("::ffff:192.0.2.1")), Family::v6);
}

TEST(Address, NextCarriesOverBytesAndStaysInItsFamily) {
    EXPECT_EQ(next_address(ip("192.0.2.255")), ip("192.0.3.0"));
    EXPECT_EQ(next_address(ip("2001:db8::ffff:ffff")), ip("2001:db8::1:0:0"));
    EXPECT_EQ(next_address(ip("255.255.255.255")), ip("0.0.0.0"));
    EXPECT_EQ(next_address(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), ip("::"));
}

TEST(Address, LinkLocal) {
    EXPECT_TRUE(is_link_local(ip("169.254.0.1")));
    EXPECT_FALSE(is_link_local(ip("169.253.255.255")));
    EXPECT_TRUE(is_link_local(ip("fe80::1")));
    EXPECT_TRUE(is_link_local(ip("febf::1")));
    EXPECT_FALSE(is_link_local(ip("fec0::1")));
}

TEST(Prefix, IsReadStrictly) {
    EXPECT_EQ(net("192.0.2.0/24").to_string(), "192.0.2.0/24");
    EXPECT_EQ(net("192.0.2.1").to_string(), "192.0.2.1/32");
    EXPECT_EQ(net("2001:db8::/32").to_string(), "2001:db8::/32");
    EXPECT_EQ(net("::1").length(), 128);
    EXPECT_EQ(net("0.0.0.0/0"), Prefix::any(Family::v4));
    EXPECT_EQ(net("::/0"), Prefix::any(Family::v6));
    for (const char* bad :
         {"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/256", "192.0.2.0/-1",
          "192.0.2.0/+24", "192.0.2.0/24 ", "192.0.2.0/ 24", "192.0.2.0/24/24", "192.0.2.1/24",
          "2001:db8::/129", "2001:db8::1/64", "192.0.2.0/0x18", "192.0.2.0/255.255.255.0"})
        EXPECT_FALSE(Prefix::parse(bad)) << bad;
}

TEST(Prefix, CutsHostBitsAndLength) {
    EXPECT_EQ(Prefix(ip("192.0.2.77"), 26), net("192.0.2.64/26"));
    EXPECT_EQ(Prefix(ip("192.0.2.77"), 200), net("192.0.2.77/32"));
    EXPECT_EQ(Prefix(ip("2001:db8:ffff::1"), 33), net("2001:db8:8000::/33"));
    EXPECT_EQ(Prefix(ip("192.0.2.77"), 0), Prefix::any(Family::v4));
}

TEST(Prefix, ContainsAndOverlaps) {
    const Prefix block = net("192.0.2.64/26");
    EXPECT_TRUE(block.contains(ip("192.0.2.64")));
    EXPECT_TRUE(block.contains(ip("192.0.2.127")));
    EXPECT_FALSE(block.contains(ip("192.0.2.128")));
    EXPECT_FALSE(block.contains(ip("192.0.2.63")));
    EXPECT_TRUE(block.contains(block));
    EXPECT_TRUE(block.contains(net("192.0.2.96/27")));
    EXPECT_FALSE(block.contains(net("192.0.2.0/24")));
    EXPECT_TRUE(block.overlaps(net("192.0.2.0/24")));
    EXPECT_FALSE(block.overlaps(net("192.0.2.128/26")));
}

TEST(Prefix, OfOtherFamiliesNeverMeet) {
    EXPECT_FALSE(Prefix::any(Family::v4).contains(ip("::")));
    EXPECT_FALSE(Prefix::any(Family::v6).contains(ip("0.0.0.0")));
    EXPECT_FALSE(Prefix::any(Family::v4).overlaps(Prefix::any(Family::v6)));
    EXPECT_FALSE(net("::ffff:0:0/96").contains(ip("192.0.2.1")));
}

TEST(Prefix, SortsByFamilyAddressLength) {
    std::vector<Prefix> prefixes{net("::/0"), net("192.0.2.0/25"), net("10.0.0.0/8"),
                                 net("192.0.2.0/24"), net("2001:db8::/32")};
    std::ranges::sort(prefixes);
    EXPECT_EQ(texts(prefixes), (std::vector<std::string>{"10.0.0.0/8", "192.0.2.0/24",
                                                         "192.0.2.0/25", "::/0", "2001:db8::/32"}));
}

} // namespace
} // namespace multihomed::test
