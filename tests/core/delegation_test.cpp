// SPDX-License-Identifier: GPL-2.0-or-later
//
// `ipv6 source auto`: delegated prefixes from the first word of them until nobody may use them.
#include "core/builders.hpp"
#include "core/config_text.hpp"
#include "core/delegation.hpp"
#include "core/edit.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

constexpr const char* kFirst = "2001:db8:100:20::/59";
constexpr const char* kSecond = "2001:db8:100:40::/59";

/// The office whose charter follows what it is delegated, with a grace of a minute.
class Delegated : public ::testing::Test {
protected:
    Router router;

    void SetUp() override {
        router = proven_office();
        follow("charter");
        router.decide();
    }
    void follow(const char* uplink, std::uint32_t grace = 60) {
        router.uplink(uplink).family[Family::v6].sources.clear();
        router.uplink(uplink).family[Family::v6].delegation = Delegation{.grace = grace};
    }
    std::string add(const DelegationWords& words, const char* uplink = "charter") {
        return add_delegated(router.seen, router.config, uplink, words, router.now).value_or("");
    }
    std::string take(const char* prefix, const char* uplink = "charter") {
        return remove_delegated(router.seen, uplink, prefix).value_or("");
    }
    const Line& line(const char* uplink = "charter") const {
        return std::ranges::find_if(router.last.lines,
                                    [&](const LineReport& report) {
                                        return report.line.key() == ProbeKey{uplink, Family::v6};
                                    })
            ->line;
    }
    Texts phases(const char* uplink = "charter") const {
        Texts found;
        for (const KnownPrefix& each : line(uplink).delegated)
            found.push_back(each.prefix.to_string() + " " + to_string(each.phase));
        return found;
    }
    bool owns(const char* prefix) const {
        return std::ranges::find(line().sources, net(prefix)) != line().sources.end();
    }
    bool is_ruled(const char* prefix) const {
        return std::ranges::any_of(router.last.desired.rules,
                                   [&](const Rule& rule) { return rule.source == net(prefix); });
    }
    Texts told() const {
        Texts found;
        for (const LineNat& nat : router.last.desired.nat.lines)
            for (const Prefix& prefix : nat.gone[Family::v6])
                found.push_back(prefix.to_string());
        return found;
    }
    Texts cut() const {
        Texts found;
        for (const StaleFlows& stale : router.last.stale)
            if (stale.bound_to)
                found.push_back(stale.bound_to->to_string());
        return found;
    }
    void show_by_route(const char* prefix) {
        KernelRoute route;
        route.destination = net(prefix);
        route.table = kTableMain;
        route.protocol = 16; // RTPROT_DHCP
        route.type = 7;      // RTN_UNREACHABLE
        router.seen.routes.push_back(route);
    }
};

TEST_F(Delegated, IsASourceOfTheLine) {
    EXPECT_EQ(add({kFirst}), "");
    router.decide();
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " current"});
    EXPECT_TRUE(owns(kFirst));
    EXPECT_TRUE(is_ruled(kFirst));
    EXPECT_TRUE(told().empty());
}

TEST_F(Delegated, StaysForItsGraceAndIsToldWhenItIsGone) {
    add({kFirst});
    router.decide();
    EXPECT_EQ(take(kFirst), "");
    router.decide_after(1s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " deprecated"});
    EXPECT_TRUE(is_ruled(kFirst));
    EXPECT_TRUE(cut().empty());
    ASSERT_TRUE(router.last.next_deadline);
    EXPECT_EQ(*router.last.next_deadline, router.now + 60s);
    router.decide_after(60s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " gone"});
    EXPECT_FALSE(owns(kFirst));
    EXPECT_FALSE(is_ruled(kFirst));
    EXPECT_EQ(told(), Texts{kFirst});
    EXPECT_EQ(cut(), Texts{kFirst});
    router.decide_after(kGoneTold);
    EXPECT_TRUE(phases().empty());
    EXPECT_TRUE(told().empty());
    EXPECT_TRUE(cut().empty());
}

TEST_F(Delegated, WhatComesBackIsCurrentAgain) {
    add({kFirst});
    router.decide();
    take(kFirst);
    router.decide_after(61s);
    router.decide_after(61s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " gone"});
    add({kFirst});
    router.decide_after(1s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " current"});
    EXPECT_TRUE(told().empty());
    EXPECT_TRUE(cut().empty());
}

TEST_F(Delegated, LifetimesEndByThemselves) {
    add({.prefix = kFirst, .preferred = 10, .valid = 20});
    router.decide();
    EXPECT_EQ(*router.last.next_deadline, router.now + 10s);
    router.decide_after(10s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " deprecated"});
    EXPECT_TRUE(owns(kFirst));
    router.decide_after(10s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " gone"}) << "RFC 4862 5.5.4: invalid";
    EXPECT_FALSE(owns(kFirst));
    add({.prefix = kFirst, .preferred = 10, .valid = 20});
    router.decide();
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " current"}) << "renewed";
}

TEST_F(Delegated, OneThatTakesItsPlaceInAnotherLengthEndsTheOld) {
    add({kFirst});
    router.decide();
    take(kFirst);
    add({"2001:db8:100:20::/60"});
    router.decide_after(1s);
    EXPECT_EQ(phases(), Texts{"2001:db8:100:20::/60 current"});
}

TEST_F(Delegated, HostsInsideAreReachedUntilTheyHaveBeenTold) {
    const auto ways = [&] { return table_texts(router.last.desired.routes, kTableOwn); };
    const auto rules = [&] {
        return std::ranges::count_if(router.last.desired.rules, [](const Rule& rule) {
            return rule.destination == net("2001:db8:100:21::/64") && rule.table == kTableOwn;
        });
    };
    const auto own = interface_address("2001:db8:100:21::1/64");
    router.interface("eth1").addresses.push_back(own);
    add({kFirst});
    router.decide();
    EXPECT_TRUE(ways().empty()) << "main has it";
    EXPECT_EQ(rules(), 0);
    std::erase(router.interface("eth1").addresses, own);
    router.decide_after(1s);
    take(kFirst);
    router.decide_after(1s);
    const Texts expected{"v6 2001:db8:100:21::/64 dev eth1 table 1000"};
    EXPECT_EQ(ways(), expected) << "for its grace";
    EXPECT_EQ(rules(), 1);
    router.decide_after(60s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " gone"});
    EXPECT_EQ(ways(), expected) << "for what they are told";
    router.seen.interfaces.erase("eth1");
    router.decide_after(1s);
    EXPECT_TRUE(ways().empty()) << "nothing leads there any more";
    router.decide_after(kGoneTold);
    EXPECT_EQ(rules(), 0);
}

TEST_F(Delegated, ANetworkOnALinesInterfaceIsNotInside) {
    router.interface("eth2.4").addresses.push_back(interface_address("2001:db8:100:21::1/64"));
    add({kFirst});
    router.decide();
    take(kFirst);
    router.decide_after(61s);
    EXPECT_TRUE(table_texts(router.last.desired.routes, kTableOwn).empty());
}

TEST_F(Delegated, WithoutTheCommandNothingIsFollowed) {
    add({kSecond}, "att");
    router.decide();
    EXPECT_TRUE(phases("att").empty());
    EXPECT_FALSE(is_ruled(kSecond));
    follow("att");
    router.decide();
    EXPECT_EQ(phases("att"), Texts{std::string(kSecond) + " current"}) << "told before";
}

TEST_F(Delegated, NobodyIsToldOfWhatAnotherLineHasByNow) {
    follow("att");
    add({kFirst});
    router.decide();
    take(kFirst);
    add({kFirst}, "att");
    router.decide_after(1s);
    router.decide_after(61s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " gone"});
    EXPECT_TRUE(told().empty());
}

TEST_F(Delegated, RoutesShowItWhereOneLineOnlyFollows) {
    show_by_route(kFirst);
    router.decide();
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " current"});
    router.seen.routes.pop_back();
    router.decide_after(1s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " deprecated"});
    follow("att");
    show_by_route(kSecond);
    router.decide_after(1s);
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " deprecated"}) << "whose could it be?";
    EXPECT_TRUE(phases("att").empty());
}

TEST_F(Delegated, WhatAClientToldComesBeforeWhatRoutesShow) {
    add({.prefix = kFirst, .preferred = 10, .valid = 20});
    show_by_route(kFirst);
    router.decide();
    EXPECT_EQ(phases(), Texts{std::string(kFirst) + " current"});
    EXPECT_TRUE(line().delegated.front().delegated->valid_until);
}

TEST_F(Delegated, WhatCannotBeOneIsRefused) {
    EXPECT_NE(add({"2001:db8::/80"}).find("lengths are 16 to 64"), std::string::npos);
    EXPECT_NE(add({"2000::/3"}).find("lengths are 16 to 64"), std::string::npos);
    EXPECT_NE(add({"192.0.2.0/24"}).find("not an IPv6 prefix"), std::string::npos);
    EXPECT_NE(add({"fe80::/64"}).find("cannot be a source prefix"), std::string::npos);
    EXPECT_NE(add({"2001:db8::1/64"}).find("not an IPv6 prefix"), std::string::npos);
    EXPECT_NE(add({.prefix = kFirst, .preferred = 9, .valid = 8}).find("longer than the valid"),
              std::string::npos);
    EXPECT_NE(add({kFirst}, "a b").find("an uplink's name"), std::string::npos);
    EXPECT_EQ(add({kFirst}), "");
    EXPECT_NE(add({"2001:db8:100:28::/61"}, "att").find("delegated to uplink charter"),
              std::string::npos);
    EXPECT_NE(take(kSecond).find("is not delegated"), std::string::npos);
    EXPECT_EQ(router.seen.delegated.size(), 1U);
}

TEST_F(Delegated, ValidForNoTimeTakesItBack) {
    add({kFirst});
    EXPECT_EQ(add({.prefix = kFirst, .preferred = 0, .valid = 0}), "");
    EXPECT_TRUE(router.seen.delegated.empty());
}

TEST_F(Delegated, ThereIsALimit) {
    for (std::size_t i = 0; i < kMaxDelegated; ++i)
        EXPECT_EQ(add({"2001:db8:" + std::to_string(1000 + i) + "::/48"}), "");
    EXPECT_NE(add({kFirst}).find("the limit"), std::string::npos);
    EXPECT_EQ(add({"2001:db8:1003::/48"}), "") << "renewed";
}

TEST(EditDelegation, IsTypedAndReadBack) {
    Config config = office_config();
    EXPECT_FALSE(edit_delegation(config, "charter", true, std::nullopt));
    EXPECT_NE(to_text(config).find("  ipv6 source auto\n"), std::string::npos);
    EXPECT_FALSE(edit_delegation(config, "charter", true, 5));
    EXPECT_NE(to_text(config).find("  ipv6 source auto grace 5\n"), std::string::npos);
    EXPECT_TRUE(edit_delegation(config, "charter", true, kMaxDelegationGrace + 1));
    EXPECT_TRUE(edit_delegation(config, "nobody", true, 5));
    EXPECT_FALSE(edit_delegation(config, "charter", false, std::nullopt));
    EXPECT_EQ(to_text(config), to_text(office_config()));
}

} // namespace
} // namespace multihomed::test
