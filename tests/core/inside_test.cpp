// SPDX-License-Identifier: GPL-2.0-or-later
//
// Networks inside that routing protocols teach.
#include "core/builders.hpp"
#include "core/config_text.hpp"
#include "core/edit.hpp"
#include "core/inside.hpp"
#include "core/lower.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;
using Texts = std::vector<std::string>;

/// The office, which learns from all protocols.
class Taught : public ::testing::Test {
protected:
    Router router = proven_office();
    std::vector<TaughtRoute> routes;

    void SetUp() override {
        ASSERT_FALSE(edit_learn(router.config, std::nullopt, std::nullopt, true));
    }
    void teach(const char* prefix, const char* protocol = "ospf", const char* interface = "eth1") {
        routes.push_back({net(prefix), protocol, {router.interface(interface).index}});
    }
    const TaughtNetworks& see() {
        router.seen.taught = summarize(routes, router.config, router.seen);
        router.decide();
        return router.seen.taught;
    }
    Texts networks() { return texts(see().prefixes); }
    bool is_translated(const char* prefix) {
        const auto& internal = router.last.desired.nat.internal[Family::v4];
        return std::ranges::find(internal, net(prefix)) != internal.end();
    }
};

TEST_F(Taught, BelongsToThoseWhoAreTranslated) {
    teach("192.0.2.64/26");
    EXPECT_EQ(networks(), Texts{"192.0.2.64/26"});
    EXPECT_TRUE(is_translated("192.0.2.64/26"));
    routes.clear();
    EXPECT_TRUE(networks().empty());
    EXPECT_FALSE(is_translated("192.0.2.64/26"));
}

TEST_F(Taught, WhatIsInsideAnywayIsCountedOnly) {
    teach("10.1.2.0/24");
    teach("fd00:1::/64", "babel");
    teach("172.20.0.0/16", "rip");
    EXPECT_TRUE(networks().empty());
    EXPECT_EQ(see().routes, 3U);
}

TEST_F(Taught, HalvesAreJoinedAndPartsLeftOut) {
    for (const char* prefix : {"192.0.2.0/26", "192.0.2.64/26", "192.0.2.128/25", "192.0.2.200/32"})
        teach(prefix);
    EXPECT_EQ(networks(), Texts{"192.0.2.0/24"});
    EXPECT_EQ(see().routes, 4U);
    routes.erase(routes.begin());
    EXPECT_EQ(networks(), (Texts{"192.0.2.64/26", "192.0.2.128/25"}));
}

TEST_F(Taught, NeitherDefaultsNorHalvesOfTheInternet) {
    for (const char* prefix : {"0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"})
        teach(prefix, "bgp");
    EXPECT_TRUE(networks().empty());
}

TEST_F(Taught, NothingThatLeadsOutByALine) {
    teach("192.0.2.0/24", "static", "eth2.5");
    EXPECT_TRUE(networks().empty());
}

TEST_F(Taught, NothingOfWhichNobodySaysWhereItLeads) {
    routes.push_back({net("100.65.0.0/16"), "bgp", {0}});
    routes.push_back({net("100.68.0.0/16"), "static", {}});
    EXPECT_TRUE(networks().empty());
}

TEST_F(Taught, ALinesOwnAddressesAreNotTranslated) {
    teach("198.51.100.48/30"); // within charter's link subnet
    EXPECT_TRUE(networks().empty());
    EXPECT_FALSE(is_translated("198.51.100.48/30"));
    teach("198.51.100.0/25");
    teach("198.51.100.128/25");
    EXPECT_EQ(networks(), Texts{"198.51.100.128/25"}) << "not joined with what is the line's";
    EXPECT_TRUE(is_translated("198.51.100.128/25"));
}

TEST_F(Taught, OnlyByTheProtocolAndWithinThePrefixThatWereTyped) {
    router.config.learn.clear();
    ASSERT_FALSE(edit_learn(router.config, "ospf", "192.0.2.0/24", true));
    EXPECT_EQ(protocols_to_learn(router.config), Texts{"ospf"});
    teach("192.0.2.64/26", "ospf");
    teach("192.0.2.128/26", "rip");
    teach("203.0.113.128/25", "ospf");
    EXPECT_EQ(networks(), Texts{"192.0.2.64/26"});
}

TEST_F(Taught, ThereIsALimitInEachFamily) {
    for (unsigned i = 0; i < kMaxTaught + 5; ++i)
        teach(("100." + std::to_string(64 + i / 256) + "." + std::to_string(i % 256) + ".0/25")
                  .c_str());
    teach("2001:db8:77::/48");
    EXPECT_EQ(see().prefixes.size(), kMaxTaught + 1);
    EXPECT_EQ(see().prefixes.back(), net("2001:db8:77::/48"));
    EXPECT_EQ(see().left_out, 5U);
}

TEST_F(Taught, OnStockZebraTheFirstOnesAreExceptions) {
    for (unsigned i = 0; i < 70; ++i)
        teach(("100.64." + std::to_string(i) + ".0/25").c_str());
    see();
    router.seen.dataplane.module = false;
    const Lowered lowered =
        lower(router.last.desired.rules, internal_prefixes(router.config), router.seen);
    const auto to = [&](const char* prefix) {
        return std::ranges::count_if(lowered.rules, [&](const Rule& rule) {
            return rule.destination == net(prefix) && rule.table == kTableMain;
        });
    };
    EXPECT_EQ(to("100.64.0.0/25"), static_cast<long>(router.seen.interfaces.size()));
    EXPECT_EQ(to("100.64.69.0/25"), 0);
    EXPECT_TRUE(std::ranges::any_of(lowered.losses, [](const std::string& loss) {
        return loss.find("only 64 have rules") != std::string::npos;
    }));
}

TEST(EditLearn, IsTypedAndReadBack) {
    Config config = office_config();
    const std::string before = to_text(config);
    EXPECT_FALSE(edit_learn(config, "ospf6", "2001:db8::/32", true));
    EXPECT_FALSE(edit_learn(config, std::nullopt, std::nullopt, true));
    EXPECT_FALSE(edit_learn(config, std::nullopt, std::nullopt, true)) << "is there already";
    EXPECT_NE(to_text(config).find(" learn all\n learn ospf6 within 2001:db8::/32\n"),
              std::string::npos);
    EXPECT_TRUE(edit_learn(config, "kernel", std::nullopt, true));
    EXPECT_TRUE(edit_learn(config, "ospf", "nonsense", true));
    EXPECT_TRUE(edit_learn(config, "rip", std::nullopt, false)) << "is not there";
    EXPECT_FALSE(edit_learn(config, "ospf6", "2001:db8::/32", false));
    EXPECT_FALSE(edit_learn(config, std::nullopt, std::nullopt, false));
    EXPECT_EQ(to_text(config), before);
}

} // namespace
} // namespace multihomed::test
