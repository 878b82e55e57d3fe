// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the commands do to a configuration, and what they answer when they refuse.
#include "core/builders.hpp"
#include "core/config_text.hpp"
#include "core/edit.hpp"
#include "core/utf8.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;

class Edit : public testing::Test {
protected:
    void SetUp() override {
        edit_router(config, true);
        for (const char* name : {"charter", "att"})
            ASSERT_EQ(edit_uplink(config, name, true), std::nullopt);
    }
    Uplink& charter() { return config.uplinks.front(); }

    /// Refuses with `reason` and changes nothing.
    void refused(const Refusal& refusal, const std::string& reason, const Config& before) {
        EXPECT_EQ(refusal.value_or("(taken)"), reason);
        EXPECT_EQ(config, before);
    }

    Config config;
};

TEST_F(Edit, TypingALineAgainChangesNothing) {
    const auto type = [&] {
        ASSERT_FALSE(edit_internal(config, "10.0.0.0/8", true));
        ASSERT_FALSE(edit_uplink(config, "charter", true));
        ASSERT_FALSE(edit_interface(config, "charter", "eth2.5"));
        ASSERT_FALSE(edit_gateway(config, "charter", Family::v4, GatewayWords{"192.0.2.49"}));
        ASSERT_FALSE(edit_source(config, "charter", Family::v4, "192.0.2.48/29", true));
        ASSERT_FALSE(edit_probe_target(config, "charter", {"icmp", "9.9.9.9"}, true));
        ASSERT_FALSE(edit_number(config, "charter", UplinkNumber::table, 2000));
    };
    type();
    const Config once = config;
    type();
    EXPECT_EQ(config, once);
}

TEST_F(Edit, NothingIsLeftOfWhatWasTakenBack) {
    const Config before = config;
    ASSERT_FALSE(edit_internal(config, "10.0.0.0/8", true));
    ASSERT_FALSE(edit_table_base(config, 5000));
    ASSERT_FALSE(edit_rule_base(config, 500));
    ASSERT_FALSE(edit_last_resort(config, "withdraw"));
    ASSERT_FALSE(edit_interface(config, "charter", "eth2.5"));
    ASSERT_FALSE(edit_description(config, "charter", "cable"));
    ASSERT_FALSE(edit_shutdown(config, "charter", true));
    ASSERT_FALSE(edit_gateway(config, "charter", Family::v6, GatewayWords{"fe80::1", true}));
    ASSERT_FALSE(edit_nat(config, "charter", Family::v4, NatWords{"source", "192.0.2.50", {}}));
    ASSERT_FALSE(edit_source(config, "charter", Family::v6, "2001:db8::/48", true));
    ASSERT_FALSE(edit_probe_target(config, "charter", {"icmp", "2620:fe::fe"}, true));
    ASSERT_FALSE(edit_number(config, "charter", UplinkNumber::preference, 7));

    ASSERT_FALSE(edit_internal(config, "10.0.0.0/8", false));
    ASSERT_FALSE(edit_table_base(config, std::nullopt));
    ASSERT_FALSE(edit_rule_base(config, std::nullopt));
    ASSERT_FALSE(edit_last_resort(config, std::nullopt));
    ASSERT_FALSE(edit_interface(config, "charter", std::nullopt));
    ASSERT_FALSE(edit_description(config, "charter", std::nullopt));
    ASSERT_FALSE(edit_shutdown(config, "charter", false));
    ASSERT_FALSE(edit_gateway(config, "charter", Family::v6, std::nullopt));
    ASSERT_FALSE(edit_nat(config, "charter", Family::v4, std::nullopt));
    ASSERT_FALSE(edit_source(config, "charter", Family::v6, "2001:db8::/48", false));
    ASSERT_FALSE(edit_probe_target(config, "charter", {"icmp", "2620:fe::fe"}, false));
    ASSERT_FALSE(edit_number(config, "charter", UplinkNumber::preference, std::nullopt));
    EXPECT_EQ(config, before);

    edit_router(config, false);
    EXPECT_EQ(config, Config{});
}

TEST_F(Edit, NumbersHaveTheirRangesAndDefaults) {
    struct Case {
        UplinkNumber which;
        std::uint32_t least, most;
    };
    const Uplink defaults = charter();
    for (const Case& range :
         {Case{UplinkNumber::preference, 0, 65535}, Case{UplinkNumber::weight, 1, 255},
          Case{UplinkNumber::table, 1, 4294967295U}}) {
        EXPECT_FALSE(edit_number(config, "charter", range.which, range.least));
        EXPECT_FALSE(edit_number(config, "charter", range.which, range.most));
        EXPECT_NE(charter(), defaults);
        const Config before = config;
        if (range.least > 0) {
            EXPECT_TRUE(edit_number(config, "charter", range.which, range.least - 1));
        }
        if (range.most < 4294967295U) {
            EXPECT_TRUE(edit_number(config, "charter", range.which, range.most + 1));
        }
        EXPECT_EQ(config, before);
        EXPECT_FALSE(edit_number(config, "charter", range.which, std::nullopt));
        EXPECT_EQ(charter(), defaults);
    }
    refused(edit_number(config, "charter", UplinkNumber::weight, 256),
            "the weight is between 1 and 255", config);
}

TEST_F(Edit, HostBitsAreRefusedWithThePrefixThatWasMeant) {
    const Config before = config;
    refused(edit_source(config, "charter", Family::v4, "198.51.100.50/29", true),
            "198.51.100.50/29 has host bits; the prefix is 198.51.100.48/29", before);
    refused(edit_source(config, "charter", Family::v6, "2001:db8::1/64", true),
            "2001:db8::1/64 has host bits; the prefix is 2001:db8::/64", before);
    refused(edit_internal(config, "172.16.0.1/12", true),
            "172.16.0.1/12 has host bits; the prefix is 172.16.0.0/12", before);
}

TEST_F(Edit, WordsThatMeanNothingAreRefused) {
    const Config before = config;
    refused(edit_internal(config, "10.0.0.0/33", true),
            "'10.0.0.0/33' is not an IPv4 or IPv6 prefix", before);
    refused(edit_source(config, "charter", Family::v4, "2001:db8::/48", true),
            "'2001:db8::/48' is not an IPv4 prefix", before);
    refused(edit_source(config, "charter", Family::v6, "/48", true), "'/48' is not an IPv6 prefix",
            before);
    refused(edit_gateway(config, "charter", Family::v4, GatewayWords{"192.0.2.256"}),
            "'192.0.2.256' is not an IPv4 address", before);
    refused(edit_gateway(config, "charter", Family::v4, GatewayWords{"0.0.0.0"}),
            "0.0.0.0 cannot be a gateway", before);
    refused(edit_nat(config, "charter", Family::v4, NatWords{"what", "", {}}),
            "'what' is none of 'masquerade', 'none' and 'source'", before);
    refused(edit_nat(config, "charter", Family::v4, NatWords{"source", "192.0.2.9", "192.0.2.1"}),
            "the pool ends before it begins: 192.0.2.9 is above 192.0.2.1", before);
    refused(edit_probe_target(config, "charter", {"icmp", "quad9"}, true),
            "'quad9' is not an address", before);
    refused(edit_last_resort(config, "panic"), "'panic' is neither 'keep' nor 'withdraw'", before);
    refused(edit_table_base(config, 254), "the first table is between 256 and 4294966271", before);
}

TEST_F(Edit, WhatIsEchoedIsShortAndPrintable) {
    const auto refusal = edit_probe_target(config, "charter",
                                           {"icmp", std::string(300, 'x') + "\n\x1b[2J\xff"}, true);
    EXPECT_EQ(*refusal, "'" + std::string(60, 'x') + "...' is not an address");
    EXPECT_EQ(*edit_probe_target(config, "charter", {"icmp", "\x1b[2J\n\xff"}, true),
              "'?[2J?\xef\xbf\xbd' is not an address");
}

TEST_F(Edit, UplinkNames) {
    const Config before = config;
    EXPECT_TRUE(edit_uplink(config, std::string(300, 'a'), true));
    EXPECT_TRUE(edit_uplink(config, "caf\xc3\xa9", true));
    refused(edit_uplink(config, "bell", false), "there is no uplink 'bell'", before);
    refused(edit_interface(config, "bell", "eth0"), "there is no uplink 'bell'", before);
}

TEST_F(Edit, OnlyAsManyUplinksAsTheLimit) {
    for (std::size_t i = config.uplinks.size(); i < kMaxUplinks; ++i)
        ASSERT_FALSE(edit_uplink(config, "u" + std::to_string(i), true));
    refused(edit_uplink(config, "one-more", true), "there are 512 uplinks already, the limit",
            config);
    EXPECT_FALSE(edit_uplink(config, "u7", true)) << "one that is there can be entered";
}

TEST_F(Edit, WhatBelongsToAnotherUplinkIsRefused) {
    ASSERT_FALSE(edit_interface(config, "charter", "eth2.5"));
    ASSERT_FALSE(edit_number(config, "charter", UplinkNumber::table, 2000));
    ASSERT_FALSE(edit_source(config, "charter", Family::v4, "192.0.2.0/24", true));
    const Config before = config;
    refused(edit_interface(config, "att", "eth2.5"), "interface eth2.5 belongs to uplink charter",
            before);
    refused(edit_number(config, "att", UplinkNumber::table, 2000),
            "table 2000 belongs to uplink charter", before);
    refused(edit_source(config, "att", Family::v4, "192.0.2.128/25", true),
            "192.0.2.128/25 overlaps 192.0.2.0/24 of uplink charter", before);
    EXPECT_FALSE(edit_source(config, "charter", Family::v4, "192.0.2.128/25", true))
        << "within one line nothing is ambiguous";
}

TEST_F(Edit, TheFirstInternalPrefixReplacesTheDefaults) {
    EXPECT_EQ(internal_prefixes(config).size(), 4U);
    ASSERT_FALSE(edit_internal(config, "172.16.0.0/12", true));
    EXPECT_EQ(texts(internal_prefixes(config)), std::vector<std::string>{"172.16.0.0/12"});
    const Config before = config;
    refused(edit_internal(config, "10.0.0.0/8", false), "10.0.0.0/8 is not configured", before);
    ASSERT_FALSE(edit_internal(config, "172.16.0.0/12", false));
    EXPECT_EQ(internal_prefixes(config).size(), 4U);
    EXPECT_EQ(*edit_internal(config, "10.0.0.0/8", false),
              "10.0.0.0/8 is not configured; the default list is in force");
}

TEST_F(Edit, ListsAreTheSameInWhateverOrderTheyWereTyped) {
    Config other = config;
    for (const char* prefix : {"10.0.0.0/8", "fd00::/8", "192.168.0.0/16"})
        ASSERT_FALSE(edit_internal(config, prefix, true));
    for (const char* prefix : {"192.168.0.0/16", "10.0.0.0/8", "fd00::/8"})
        ASSERT_FALSE(edit_internal(other, prefix, true));
    EXPECT_EQ(config, other);
}

TEST_F(Edit, ListsHaveALimit) {
    std::size_t taken = 0;
    for (unsigned i = 0; i < 400; ++i)
        taken +=
            edit_source(config, "charter", Family::v4,
                        "10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24",
                        true)
                ? 0
                : 1;
    EXPECT_EQ(taken, kMaxPrefixes);
    taken = 0;
    for (unsigned i = 1; i < 100; ++i)
        taken +=
            edit_probe_target(config, "charter", {"icmp", "192.0.2." + std::to_string(i)}, true)
                ? 0
                : 1;
    EXPECT_EQ(taken, kMaxProbeTargets);
}

TEST_F(Edit, TargetsKeepTheirOrder) {
    for (const char* target : {"9.9.9.9", "2620:fe::fe", "1.1.1.1", "9.9.9.9"})
        ASSERT_FALSE(edit_probe_target(config, "charter", {"icmp", target}, true));
    ASSERT_EQ(charter().probes.size(), 3U);
    EXPECT_EQ(charter().probes[0].address, ip("9.9.9.9"));
    EXPECT_EQ(charter().probes[2].address, ip("1.1.1.1"));
    EXPECT_EQ(
        *edit_probe_target(config, "charter", {"icmp", "8.8.8.8"}, false),
        "'probe icmp 8.8.8.8' is not configured; take it back as 'show running-config' has it");
}

TEST_F(Edit, Descriptions) {
    EXPECT_FALSE(edit_description(config, "charter", "  cable,\t\tcaf\xc3\xa9 \"x\" \\ "));
    EXPECT_EQ(charter().description, "cable, caf\xc3\xa9 \"x\" \\");
    const Config before = config;
    refused(edit_description(config, "charter", "a\xff"),
            "a description is printable text in UTF-8", before);
    refused(edit_description(config, "charter", "a\x1b"),
            "a description is printable text in UTF-8", before);
    refused(edit_description(config, "charter", "cable | telco"),
            "a description cannot contain '|'", before);
    refused(edit_description(config, "charter", std::string(201, 'x')),
            "a description has at most 200 bytes", before);
}

TEST(ConfigText, PrintsWhatWasTyped) {
    Config config = office_config();
    config.enabled = true;
    config.internal = {net("172.16.0.0/12")};
    config.last_resort = LastResort::withdraw;
    config.table_base = 5000;
    config.rule_base = 500;
    Uplink& line = config.uplinks.front();
    line = uplink("charter", "eth2.5");
    line.description = "cable";
    line.preference = 10;
    line.weight = 3;
    line.table = 201;
    line.shutdown = true;
    line.family[Family::v4].gateway = gateway("192.0.2.49", true);
    line.family[Family::v4].nat = nat_source("192.0.2.50", "192.0.2.52");
    line.family[Family::v4].sources = {net("192.0.2.48/29")};
    line.family[Family::v6].gateway = gateway("fe80::1");
    line.family[Family::v6].nat = nat_none();
    line.family[Family::v6].sources = {net("2001:db8:10::/48")};
    line.probes = {{.address = ip("9.9.9.9")}, {.address = ip("2620:fe::fe")}};
    line.probing[Knob::interval] = 100;
    line.probing[Knob::timeout] = 300;
    line.probing[Knob::fail_after] = 5;
    line.probing[Knob::stable_for] = 0;
    config.uplinks.resize(1);
    EXPECT_EQ(to_text(config), "router multihome\n"
                               " internal 172.16.0.0/12\n"
                               " table-base 5000\n"
                               " rule-priority 500\n"
                               " last-resort withdraw\n"
                               " uplink charter\n"
                               "  description cable\n"
                               "  interface eth2.5\n"
                               "  preference 10\n"
                               "  weight 3\n"
                               "  table 201\n"
                               "  ip gateway 192.0.2.49 onlink\n"
                               "  ip nat source 192.0.2.50 192.0.2.52\n"
                               "  ip source 192.0.2.48/29\n"
                               "  ipv6 gateway fe80::1\n"
                               "  ipv6 nat none\n"
                               "  ipv6 source 2001:db8:10::/48\n"
                               "  probe icmp 9.9.9.9\n"
                               "  probe icmp 2620:fe::fe\n"
                               "  probe interval 100\n"
                               "  probe timeout 300\n"
                               "  probe fail-after 5\n"
                               "  probe stable-for 0\n"
                               "  shutdown\n"
                               " exit\n"
                               "exit\n"
                               "!\n");
}

TEST_F(Edit, KnobsOfUplinksAndProfilesHaveTheirRanges) {
    ASSERT_FALSE(edit_profile(config, "slow", true));
    for (const auto& owner : {KnobOwner{KnobOwner::Kind::uplink, "charter"},
                              KnobOwner{KnobOwner::Kind::profile, "slow"}})
        for (std::size_t i = 0; i < kKnobs; ++i) {
            const auto knob = static_cast<Knob>(i);
            const KnobRange& range = range_of(knob);
            const Config before = config;
            EXPECT_TRUE(edit_knob(config, owner, knob, range.most + 1)) << range.words;
            if (range.least > 0) {
                EXPECT_TRUE(edit_knob(config, owner, knob, range.least - 1)) << range.words;
            }
            EXPECT_EQ(config, before);
            EXPECT_FALSE(edit_knob(config, owner, knob, range.most));
            EXPECT_NE(config, before);
            EXPECT_FALSE(edit_knob(config, owner, knob, std::nullopt));
            EXPECT_EQ(config, before);
        }
    EXPECT_EQ(*edit_knob(config, {KnobOwner::Kind::uplink, "charter"}, Knob::interval, 9),
              "the probe interval in milliseconds is between 10 and 60000");
    EXPECT_EQ(*edit_knob(config, {KnobOwner::Kind::profile, "fats"}, Knob::interval, 10),
              "there is no profile 'fats'");
}

TEST_F(Edit, SparingIsSwitchedOffWhereTheProfileHasIt) {
    const KnobOwner here{KnobOwner::Kind::uplink, "charter"};
    const auto spares = [&] { return probing_of(config, charter())[Knob::spare_probes]; };
    ASSERT_FALSE(edit_knob(config, here, Knob::spare_probes, 1));
    ASSERT_FALSE(edit_knob(config, here, Knob::spare_probes, 0));
    EXPECT_EQ(charter().probing[Knob::spare_probes], std::nullopt) << "as if it was never typed";
    ASSERT_FALSE(edit_probe_profile(config, "charter", "metered"));
    EXPECT_EQ(spares(), 1U);
    ASSERT_FALSE(edit_knob(config, here, Knob::spare_probes, 0));
    EXPECT_EQ(spares(), 0U);
    EXPECT_NE(to_text(config).find("\n  no probe spare-probes\n"), std::string::npos);
    ASSERT_FALSE(edit_knob(config, here, Knob::spare_probes, 1));
    ASSERT_FALSE(edit_knob(config, here, Knob::spare_probes, 0));
    EXPECT_EQ(spares(), 0U) << "the profile has it still";
    ASSERT_FALSE(edit_profile(config, "metered", true));
    const KnobOwner profile{KnobOwner::Kind::profile, "metered"};
    ASSERT_FALSE(edit_knob(config, profile, Knob::spare_probes, 0));
    EXPECT_NE(to_text(config).find("\n  no spare-probes\n"), std::string::npos);
    ASSERT_FALSE(edit_profile(config, "own", true));
    const KnobOwner own{KnobOwner::Kind::profile, "own"};
    for (int i = 0; i < 2; ++i)
        ASSERT_FALSE(edit_knob(config, own, Knob::spare_probes, 0));
    EXPECT_EQ(config.profiles.back().settings[Knob::spare_probes], std::nullopt)
        << "it never did: nothing to say";
}

TEST_F(Edit, WhatIsNotTypedComesFromTheProfile) {
    const auto interval = [&] { return probing_of(config, charter())[Knob::interval]; };
    EXPECT_EQ(interval(), 200U);
    ASSERT_FALSE(edit_probe_profile(config, "charter", "metered"));
    EXPECT_EQ(interval(), 16'000U) << "built in";
    ASSERT_FALSE(edit_profile(config, "metered", true));
    ASSERT_FALSE(edit_knob(config, {KnobOwner::Kind::profile, "metered"}, Knob::interval, 9'000));
    EXPECT_EQ(interval(), 9'000U) << "a built-in profile can be changed";
    EXPECT_EQ(probing_of(config, charter())[Knob::spare_probes], 1U) << "the rest of it stays";
    ASSERT_FALSE(edit_knob(config, {KnobOwner::Kind::uplink, "charter"}, Knob::interval, 50));
    EXPECT_EQ(interval(), 50U) << "the uplink's own comes first";
    ASSERT_FALSE(edit_knob(config, {KnobOwner::Kind::uplink, "charter"}, Knob::interval, {}));
    ASSERT_FALSE(edit_probe_profile(config, "charter", "yet-to-come"));
    EXPECT_EQ(interval(), 200U);
    ASSERT_FALSE(edit_profile(config, "default", true));
    ASSERT_FALSE(edit_knob(config, {KnobOwner::Kind::profile, "default"}, Knob::interval, 333));
    EXPECT_EQ(interval(), 333U) << "profiles of one's own begin with `default`";
    ASSERT_FALSE(edit_probe_profile(config, "charter", "fast"));
    EXPECT_EQ(interval(), 20U) << "the built-in ones do not";
}

TEST_F(Edit, TargetsOfEveryKind) {
    const auto typed = [&](const TargetWords& words) {
        EXPECT_FALSE(edit_probe_target(config, "charter", words, true));
        return charter().probes.empty() ? "" : to_text(charter().probes.back());
    };
    EXPECT_EQ(typed({.kind = "tcp", .address = "9.9.9.9", .port = 443}), "tcp 9.9.9.9 port 443");
    EXPECT_EQ(typed({.kind = "dns", .address = "2620:fe::fe"}), "dns 2620:fe::fe");
    EXPECT_EQ(typed({.kind = "dns", .address = "9.9.9.9", .port = 5353, .name = "example.org"}),
              "dns 9.9.9.9 port 5353 name example.org");
    EXPECT_EQ(typed({.kind = "https",
                     .address = "192.0.2.1",
                     .name = "www.example.org",
                     .path = "/health?x=1",
                     .status = 204}),
              "https 192.0.2.1 host www.example.org path /health?x=1 status 204");
    EXPECT_EQ(typed({.kind = "http", .address = "192.0.2.1", .port = 8080}),
              "http 192.0.2.1 port 8080");
    EXPECT_EQ(typed({.kind = "arp"}), "arp");
    EXPECT_EQ(typed({.kind = "nd", .interval = 1'000}), "nd");
    const auto count = charter().probes.size();
    EXPECT_EQ(typed({.kind = "nd", .interval = 2'000}), "nd");
    EXPECT_EQ(charter().probes.size(), count) << "the same target with another interval";
    EXPECT_EQ(charter().probes.back().interval, Milliseconds(2'000));
    EXPECT_FALSE(edit_probe_target(config, "charter", {.kind = "nd"}, false));
    EXPECT_EQ(charter().probes.size(), count - 1);

    const Config before = config;
    const auto wrong = [&](const TargetWords& words, const std::string& why) {
        refused(edit_probe_target(config, "charter", words, true), why, before);
    };
    wrong({.kind = "tcp", .address = "9.9.9.9"}, "tcp needs a port");
    wrong({.kind = "tcp", .address = "9.9.9.9", .port = 65'536}, "a port is between 1 and 65535");
    wrong({.kind = "icmp", .address = "9.9.9.9", .port = 1},
          "icmp does not take all of these words");
    wrong({.kind = "arp", .name = "x"}, "arp does not take all of these words");
    wrong({.kind = "gopher", .address = "9.9.9.9"}, "'gopher' is no kind of probe");
    wrong({.kind = "dns", .address = "9.9.9.9", .name = "a..b"},
          "'a..b' is not the name of a host");
    wrong({.kind = "http", .address = "9.9.9.9", .status = 99},
          "a status of HTTP is between 100 and 599");
    wrong({.kind = "icmp", .address = "9.9.9.9", .interval = 9},
          "the probe interval in milliseconds is between 10 and 60000");
    EXPECT_TRUE(edit_probe_target(
        config, "charter", {.kind = "http", .address = "9.9.9.9", .path = "no-slash"}, true));
    EXPECT_TRUE(edit_probe_target(config, "charter",
                                  {.kind = "http", .address = "9.9.9.9", .path = "/a|b"}, true));
    EXPECT_TRUE(edit_probe_target(config, "charter",
                                  {.kind = "http", .address = "9.9.9.9", .path = "/a#b"}, true));
}

TEST_F(Edit, Failback) {
    ASSERT_FALSE(edit_failback(config, "drain", 600));
    ASSERT_FALSE(edit_failback_class(config, "udp", 5060, true));
    ASSERT_FALSE(edit_failback_class(config, "50", std::nullopt, true));
    ASSERT_FALSE(edit_failback_class(config, "esp", std::nullopt, true));
    EXPECT_EQ(to_text(config), "router multihome\n"
                               " failback drain deadline 600\n"
                               " failback now match udp port 5060\n"
                               " failback now match esp\n"
                               " uplink charter\n exit\n uplink att\n exit\nexit\n!\n");
    const Config before = config;
    refused(edit_failback(config, "now", 600), "only draining has a deadline", before);
    refused(edit_failback(config, "soon", {}), "'soon' is none of 'drain', 'never' and 'now'",
            before);
    refused(edit_failback_class(config, "icmp", 80, true), "icmp has no ports", before);
    refused(edit_failback_class(config, "what", {}, true), "'what' is no protocol", before);
    refused(edit_failback_class(config, "tcp", 22, false), "tcp port 22 is not configured", before);
    ASSERT_FALSE(edit_failback_class(config, "udp", 5060, false));
    ASSERT_FALSE(edit_failback_class(config, "esp", {}, false));
    ASSERT_FALSE(edit_failback(config, "never", {}));
    EXPECT_NE(to_text(config).find(" failback never\n"), std::string::npos);
    ASSERT_FALSE(edit_failback(config, {}, {}));
    EXPECT_EQ(config.failback, Failback{});
}

TEST(ConfigText, DefaultsAreNotPrinted) {
    Config config;
    EXPECT_EQ(to_text(config), "");
    edit_router(config, true);
    ASSERT_FALSE(edit_uplink(config, "charter", true));
    EXPECT_EQ(to_text(config), "router multihome\n uplink charter\n exit\nexit\n!\n");
}

TEST(Utf8, TellsTextFromBytes) {
    for (const char* good : {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
        EXPECT_TRUE(is_printable_utf8(good)) << good;
    for (const char* bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
                            "\xc3", "a\x80", "\x7f", "\n", "\xc2\x85"})
        EXPECT_FALSE(is_printable_utf8(bad)) << bad;
}

TEST(Utf8, MendsEveryByteString) {
    EXPECT_EQ(to_utf8("a\xff\xc3\xa9\xe2\x82"), "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
    for (unsigned first = 0; first < 256; ++first)
        for (unsigned second = 0; second < 256; ++second) {
            const std::string bytes{static_cast<char>(first), static_cast<char>(second)};
            const std::string mended = to_utf8(bytes);
            EXPECT_EQ(to_utf8(mended), mended);
        }
}

} // namespace
} // namespace multihomed::test
