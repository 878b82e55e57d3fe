// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/builders.hpp"
#include "core/validate.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;

TEST(Validate, UplinkNames) {
    const Config config;
    for (const char* good : {"a", "charter", "att-2", "x.y_z", "4g", "A", "0b"})
        EXPECT_FALSE(refuse_uplink_name(config, good)) << good;
    EXPECT_FALSE(refuse_uplink_name(config, std::string(32, 'a')));
    for (const char* bad : {"", "-a", ".a", "_a", "a b", "a\tb", "a/b", "caf\xc3\xa9", "a\nb",
                            "a\"b", "main", "local", "default", "unspec"})
        EXPECT_TRUE(refuse_uplink_name(config, bad)) << bad;
    EXPECT_TRUE(refuse_uplink_name(config, std::string(33, 'a')));
    EXPECT_TRUE(refuse_uplink_name(config, std::string(300, 'a')));
    EXPECT_TRUE(refuse_uplink_name(config, std::string("a\0b", 3)));
}

// The name becomes a table's name in rt_tables.d, and iproute2 looks for names before numbers:
// "254 = table 1001" would turn everybody's `lookup 254` into ours.
TEST(Validate, AnUplinkIsNotNamedLikeATable) {
    const Config config;
    for (const char* bad : {"254", "0", "1001", "0xfe", "0XFE", "010", "all", "cache"})
        EXPECT_TRUE(refuse_uplink_name(config, bad)) << bad;
    for (const char* good : {"254a", "4g", "0x", "1.2", "all2", "0xg"})
        EXPECT_FALSE(refuse_uplink_name(config, good)) << good;
}

TEST(Validate, NoMoreThanTheLimitOfUplinks) {
    Config config;
    for (std::size_t i = 0; i < kMaxUplinks; ++i)
        config.uplinks.push_back(uplink("u" + std::to_string(i), ""));
    EXPECT_TRUE(refuse_uplink_name(config, "one-more"));
    EXPECT_FALSE(refuse_uplink_name(config, "u0")) << "an existing one can be entered again";
}

TEST(Validate, Interfaces) {
    const Config config = office_config();
    EXPECT_FALSE(refuse_interface(config, "charter", "eth2.5")) << "its own";
    EXPECT_TRUE(refuse_interface(config, "charter", "eth2.4")) << "another uplink's";
    EXPECT_FALSE(refuse_interface(config, "charter", "not-there-yet"));
    EXPECT_FALSE(refuse_interface(config, "charter", std::string(15, 'e')));
    EXPECT_TRUE(refuse_interface(config, "charter", std::string(16, 'e')));
    for (const char* bad : {"", ".", "..", "lo", "a/b", "a b", "a:1", "\xc3\xa9th0", "a\"", "\x7f"})
        EXPECT_TRUE(refuse_interface(config, "charter", bad)) << bad;
}

TEST(Validate, Tables) {
    Config config = office_config();
    config.uplinks[1].table = 200;
    for (const std::uint32_t bad : {0U, 252U, 253U, 254U, 255U, 200U})
        EXPECT_TRUE(refuse_table(config, "charter", bad)) << bad;
    for (const std::uint32_t good : {1U, 201U, 251U, 256U, 1001U, 0xffffffffU})
        EXPECT_FALSE(refuse_table(config, "charter", good)) << good;
    EXPECT_FALSE(refuse_table(config, "att", 200)) << "its own";
}

TEST(Validate, Bases) {
    EXPECT_TRUE(refuse_table_base(0));
    EXPECT_TRUE(refuse_table_base(255));
    EXPECT_FALSE(refuse_table_base(256));
    EXPECT_FALSE(refuse_table_base(4294966271U));
    EXPECT_TRUE(refuse_table_base(4294966272U));
    EXPECT_TRUE(refuse_rule_base(0));
    EXPECT_FALSE(refuse_rule_base(1));
    EXPECT_FALSE(refuse_rule_base(31766)) << "its last rule is 32765, before main's";
    EXPECT_TRUE(refuse_rule_base(31767));
}

TEST(Validate, GatewaysAndTargets) {
    for (const char* bad : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.1.2.3",
                            "::", "::1", "ff02::1", "::ffff:192.0.2.1"}) {
        EXPECT_TRUE(refuse_gateway(ip(bad))) << bad;
        EXPECT_TRUE(refuse_probe_target(ip(bad))) << bad;
    }
    for (const char* good : {"192.0.2.1", "10.0.0.1", "169.254.1.1", "fe80::1", "2001:db8::1"}) {
        EXPECT_FALSE(refuse_gateway(ip(good))) << good;
        EXPECT_FALSE(refuse_probe_target(ip(good))) << good;
    }
}

TEST(Validate, Sources) {
    const Config config = office_config();
    for (const char* bad : {"0.0.0.0/0", "::/0", "169.254.0.0/16", "169.254.3.0/24", "fe80::/64",
                            "224.0.0.0/4", "ff00::/8"})
        EXPECT_TRUE(refuse_source(config, "charter", net(bad))) << bad;
    EXPECT_TRUE(refuse_source(config, "charter", net("2001:db8:a000::/40"))) << "inside att's";
    EXPECT_TRUE(refuse_source(config, "charter", net("2001:db8::/32"))) << "around att's";
    EXPECT_FALSE(refuse_source(config, "att", net("2001:db8:a000::/40"))) << "its own";
    EXPECT_FALSE(refuse_source(config, "charter", net("203.0.113.0/24")));
}

// A prefix that begins below the range and covers it takes in what it may not just as well.
TEST(Validate, SourcesThatCoverWhatCannotBeASource) {
    const Config config;
    for (const char* bad : {"fe00::/8", "128.0.0.0/1", "8000::/1", "168.0.0.0/6", "127.0.0.0/8",
                            "127.0.0.1/32", "::1/128", "::/1", "0.0.0.0/1"})
        EXPECT_TRUE(refuse_source(config, "charter", net(bad))) << bad;
}

TEST(Validate, NatRanges) {
    EXPECT_FALSE(refuse_nat_range(ip("192.0.2.1"), ip("192.0.2.1")));
    EXPECT_FALSE(refuse_nat_range(ip("192.0.2.1"), ip("192.0.2.9")));
    EXPECT_TRUE(refuse_nat_range(ip("192.0.2.9"), ip("192.0.2.1")));
    EXPECT_TRUE(refuse_nat_range(ip("192.0.2.1"), ip("2001:db8::1")));
    for (const char* bad : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1",
                            "::", "::1", "fe80::1"})
        EXPECT_TRUE(refuse_nat_range(ip(bad), ip(bad))) << bad;
}

TEST(Validate, Internal) {
    for (const char* bad : {"0.0.0.0/0", "::/0", "224.0.0.0/4", "fe80::/10", "169.254.0.0/16"})
        EXPECT_TRUE(refuse_internal(net(bad))) << bad;
    for (const char* good : {"172.16.0.0/12", "fc00::/7", "203.0.113.0/24"})
        EXPECT_FALSE(refuse_internal(net(good))) << good;
}

// Every reason names what was typed, so that the operator sees which word was wrong.
TEST(Validate, ReasonsNameTheCulprit) {
    const Config config = office_config();
    EXPECT_NE(refuse_interface(config, "charter", "eth2.4")->find("att"), std::string::npos);
    EXPECT_NE(refuse_source(config, "charter", net("2001:db8:a000::/40"))->find("att"),
              std::string::npos);
    const auto range = refuse_nat_range(ip("192.0.2.1"), ip("255.255.255.255"));
    ASSERT_TRUE(range);
    EXPECT_NE(range->find("255.255.255.255"), std::string::npos) << *range;
}

TEST(Config, Defaults) {
    Config config;
    EXPECT_EQ(
        texts(internal_prefixes(config)),
        (std::vector<std::string>{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}));
    config.internal = {net("172.16.0.0/12")};
    EXPECT_EQ(texts(internal_prefixes(config)), (std::vector<std::string>{"172.16.0.0/12"}));
    const Uplink plain = uplink("a", "eth0");
    EXPECT_EQ(nat_of(plain, Family::v4).kind, Nat::Kind::masquerade);
    EXPECT_EQ(nat_of(plain, Family::v6).kind, Nat::Kind::none);
    EXPECT_EQ(preference_of(plain), kDefaultPreference);
    config.uplinks = {plain};
    EXPECT_EQ(find_uplink(config, "a"), &config.uplinks.front());
    EXPECT_EQ(find_uplink(config, "b"), nullptr);
}

} // namespace
} // namespace multihomed::test
