// SPDX-License-Identifier: GPL-2.0-or-later
//
// `ipv6 nat prefix`: what is taken and what is refused at the prompt, which pairs of prefixes come
// of it, what a line waits for, and what it means for the kernel and for flows.
#include "core/builders.hpp"
#include "core/config_text.hpp"
#include "core/edit.hpp"
#include "core/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

class PrefixNatEdit : public ::testing::Test {
protected:
    Config config = office_config();

    /// The refusal; "" when it was taken.
    std::string type(const std::string& outside, const std::string& inside = "") {
        return edit(outside, inside, true);
    }
    std::string take_back(const std::string& outside, const std::string& inside = "") {
        return edit(outside, inside, false);
    }
    Texts typed() const {
        Texts lines;
        for (const PrefixNat& each : config.uplinks[0].family[Family::v6].prefix_nats)
            lines.push_back(to_text(each));
        return lines;
    }

private:
    std::string edit(const std::string& outside, const std::string& inside, bool present) {
        const Config before = config;
        const auto refusal = edit_prefix_nat(
            config, "charter", Family::v6,
            {outside, inside.empty() ? std::nullopt : std::optional(inside)}, present);
        if (refusal) {
            EXPECT_EQ(config, before);
        }
        return refusal.value_or("");
    }
};

TEST_F(PrefixNatEdit, SeveralInsidePrefixesEachHaveOneOutside) {
    EXPECT_EQ(type("2001:db8:c002::/64", "fd00:2::/64"), "");
    EXPECT_EQ(type("2001:db8:c001::/64", "fd00:1::/64"), "");
    EXPECT_EQ(typed(), (Texts{"prefix 2001:db8:c001::/64 inside fd00:1::/64",
                              "prefix 2001:db8:c002::/64 inside fd00:2::/64"}));
    const Config once = config;
    EXPECT_EQ(type("2001:db8:c002::/64", "fd00:2::/64"), "");
    EXPECT_EQ(config, once) << "typed again";
    EXPECT_EQ(type("2001:db8:c003::/64", "fd00:2::/64"), "");
    EXPECT_EQ(typed(), (Texts{"prefix 2001:db8:c001::/64 inside fd00:1::/64",
                              "prefix 2001:db8:c003::/64 inside fd00:2::/64"}))
        << "renumbered";
    EXPECT_NE(to_text(config).find("  ipv6 nat prefix 2001:db8:c001::/64 inside fd00:1::/64\n"
                                   "  ipv6 nat prefix 2001:db8:c003::/64 inside fd00:2::/64\n"
                                   "  ipv6 source "),
              std::string::npos)
        << to_text(config);
}

TEST_F(PrefixNatEdit, IsTakenBackByNameOrAltogether) {
    const Config before = config;
    ASSERT_EQ(type("2001:db8:c001::/64", "fd00:1::/64"), "");
    ASSERT_EQ(type("auto", "fd00:2::/64"), "");
    EXPECT_EQ(take_back("2001:db8:c009::/64"), "'prefix 2001:db8:c009::/64' is not configured");
    EXPECT_EQ(take_back("2001:db8:c001::/64", "fd00:2::/64"),
              "'prefix 2001:db8:c001::/64 inside fd00:2::/64' is not configured");
    EXPECT_EQ(take_back("2001:db8:c001::/64"), "");
    EXPECT_EQ(take_back("auto", "fd00:2::/64"), "");
    EXPECT_EQ(config, before);
    ASSERT_EQ(type("auto", "fd00:2::/64"), "");
    EXPECT_FALSE(clear_prefix_nats(config, "charter", Family::v6));
    EXPECT_EQ(config, before);
}

TEST_F(PrefixNatEdit, TheOnlyOneNeedNotSayWhatItStandsForAndMayChangeItsMind) {
    EXPECT_EQ(type("2001:db8:c001::/64"), "");
    EXPECT_EQ(typed(), Texts{"prefix 2001:db8:c001::/64"});
    EXPECT_EQ(type("2001:db8:c001::/64", "fd00:1::/64"), "");
    EXPECT_EQ(typed(), Texts{"prefix 2001:db8:c001::/64 inside fd00:1::/64"});
    EXPECT_EQ(type("2001:db8:c001::/64"), "");
    EXPECT_EQ(type("auto"), "");
    EXPECT_EQ(typed(), Texts{"prefix auto"});
    EXPECT_EQ(type("2001:db8:c002::/64", "fd00:2::/64"),
              "one of several prefixes has to say what it stands for: 'inside PREFIX'; there is "
              "'ipv6 nat prefix auto'");
}

TEST_F(PrefixNatEdit, LengthsThatDifferAreRefusedWithThePartThatFits) {
    EXPECT_EQ(type("2001:db8:c000::/56", "fd00:1::/48"),
              "fd00:1::/48 has more networks than 2001:db8:c000::/56: take a part of the same "
              "length, fd00:1::/56");
    EXPECT_EQ(type("2001:db8:c000::/56", "fd00:1::/64"),
              "2001:db8:c000::/56 has more networks than fd00:1::/64: take a part of the same "
              "length, 2001:db8:c000::/64");
    EXPECT_EQ(type("2001:db8:c000::/56", "fd00:1::/56"), "");
}

TEST_F(PrefixNatEdit, WhatCannotBeIsRefused) {
    ASSERT_EQ(type("2001:db8:c001::/64", "fd00:1::/64"), "");
    EXPECT_EQ(type("2001:db8:c001::/64", "fd00:2::/64"), "") << "the only one may be renamed";
    ASSERT_EQ(type("2001:db8:c003::/64", "fd00:3::/64"), "");
    EXPECT_EQ(type("2001:db8:c001::/64", "fd00:9::/64"),
              "2001:db8:c001::/64 stands for fd00:2::/64 already");
    EXPECT_EQ(type("2001:db8:c008::/48", "fd00:3::/48"),
              "fd00:3::/48 overlaps fd00:3::/64, which is translated to 2001:db8:c003::/64");
    EXPECT_EQ(type("2001:db8:c009::/64", "fe80::/64"), "fe80::/64 cannot be an internal prefix");
    EXPECT_EQ(type("2001:db8:c009::/64", "2001:db8:c009::/64"),
              "2001:db8:c009::/64 cannot stand for itself");
    EXPECT_EQ(type("2001:db8:c009::1/64", "fd00:9::/64"),
              "2001:db8:c009::1/64 has host bits; the prefix is 2001:db8:c009::/64");
    EXPECT_EQ(type("192.0.2.0/24", "fd00:9::/64"), "'192.0.2.0/24' is not an IPv6 prefix");
    EXPECT_EQ(type("outo", "fd00:9::/64"), "'outo' is not an IPv6 prefix");
    EXPECT_EQ(type("::/0", "fd00:9::/64"), "::/0 cannot be a prefix of a line");
    EXPECT_EQ(type("fe80::/64", "fd00:9::/64"), "fe80::/64 cannot be a prefix of a line");
}

TEST_F(PrefixNatEdit, ThereIsALimit) {
    std::size_t taken = 0;
    for (unsigned i = 0; i < 300; ++i) {
        const std::string net = std::to_string(i) + "::/64";
        taken += type("2001:db8:c000:" + net, "fd00:0:0:" + net).empty() ? 1 : 0;
    }
    EXPECT_EQ(taken, kMaxPrefixes);
}

/// charter has 2001:db8:c000::/36 routed to it, and 2001:db8:cc::/64 on its link.
class PrefixNat : public ::testing::Test {
protected:
    Router router = proven_office();

    UplinkFamily& charter6() { return router.uplink("charter").family[Family::v6]; }
    void translate(const char* outside, const char* inside = nullptr) {
        charter6().prefix_nats.push_back({outside ? std::optional(net(outside)) : std::nullopt,
                                          inside ? std::optional(net(inside)) : std::nullopt});
    }
    const Line& line() {
        for (const LineReport& report : router.decide().lines)
            if (report.line.uplink->name == "charter" && report.line.family == Family::v6)
                return report.line;
        throw std::runtime_error("charter has no IPv6 line");
    }
    /// "inside outside" of each pair in force; or why the line waits.
    Texts pairs() {
        const Line& seen = line();
        if (seen.blocked)
            return {std::string(to_string(seen.blocked->state)) + ": " + seen.blocked->reason};
        Texts found;
        for (const PrefixPair& pair : seen.prefix_nats)
            found.push_back(pair.inside.to_string() + " " + pair.outside.to_string());
        return found;
    }
    const LineNat& plan() {
        return *std::ranges::find(router.decide().desired.nat.lines, "charter", &LineNat::uplink);
    }
};

TEST_F(PrefixNat, IsInThePlanBesideWhatIsForTheRest) {
    translate("2001:db8:c002::/64", "fd00:2::/64");
    translate("2001:db8:c001::/64", "fd00:1::/64");
    EXPECT_EQ(pairs(), (Texts{"fd00:1::/64 2001:db8:c001::/64", "fd00:2::/64 2001:db8:c002::/64"}));
    EXPECT_EQ(plan().prefixes[Family::v6].size(), 2U);
    EXPECT_EQ(plan().nat[Family::v6].kind, Nat::Kind::none);
    EXPECT_TRUE(plan().translates(Family::v6));
    charter6().nat = nat_masquerade();
    EXPECT_EQ(plan().prefixes[Family::v6].size(), 2U);
    EXPECT_EQ(plan().nat[Family::v6].kind, Nat::Kind::masquerade);
    charter6().prefix_nats.clear();
    charter6().nat.reset();
    EXPECT_FALSE(plan().translates(Family::v6));
}

TEST_F(PrefixNat, StaysInThePlanWhateverBecomesOfTheLine) {
    translate("2001:db8:c001::/64", "fd00:1::/64");
    const NatPlan before = router.decide().desired.nat;
    router.interface("eth2.5").carrier = false;
    NatPlan after = router.decide().desired.nat;
    for (LineNat& each : after.lines)
        each.dead = {};
    EXPECT_EQ(after, before);
}

TEST_F(PrefixNat, MakesAFamilyOfItsOwn) {
    Uplink bare = uplink("bare", "eth9");
    bare.family[Family::v6].prefix_nats = {{net("2001:db8:b::/64"), net("fd00:1::/64")}};
    router.config.uplinks = {bare};
    router.history = {};
    ASSERT_EQ(router.decide().lines.size(), 1U);
    EXPECT_EQ(router.last.lines[0].line.family, Family::v6);
}

TEST_F(PrefixNat, WithoutInsideItIsTheOnlyInternalNetwork) {
    const std::string missing = "no-address: what does 2001:db8:c001::/56 stand for? There is not "
                                "exactly one 'internal' network of IPv6; 'inside PREFIX' would say";
    translate("2001:db8:c001::/56");
    EXPECT_EQ(pairs(), Texts{missing}) << "the default list names no network";
    router.config.internal = {net("10.0.0.0/8"), net("fd00:1::/56")};
    EXPECT_EQ(pairs(), Texts{"fd00:1::/56 2001:db8:c001::/56"});
    router.config.internal = {net("fd00:1::/56"), net("fd00:2::/56")};
    EXPECT_EQ(pairs(), Texts{missing});
    router.config.internal = {net("fd00::/8")};
    EXPECT_EQ(pairs(), Texts{missing}) << "nobody has a network as wide";
}

TEST_F(PrefixNat, OfTheShorterPrefixTheFirstPartIsTaken) {
    translate("2001:db8:c001::/56");
    router.config.internal = {net("fd00:1::/48")};
    EXPECT_EQ(pairs(), Texts{"fd00:1::/56 2001:db8:c001::/56"});
    EXPECT_EQ(line().remarks, Texts{"of fd00:1::/48 only fd00:1::/56 is translated by prefix: "
                                    "2001:db8:c001::/56 has no more networks"});
    router.config.internal = {net("fd00:1:0:1::/64")};
    EXPECT_EQ(pairs(), Texts{"fd00:1:0:1::/64 2001:db8:c001::/64"});
    EXPECT_EQ(line().remarks, Texts{}) << "nothing is left out";
}

TEST_F(PrefixNat, AutoIsTheFirstPrefixOfTheLine) {
    translate(nullptr, "fd00:1::/64");
    EXPECT_EQ(pairs(), Texts{"fd00:1::/64 2001:db8:c000::/64"});
    charter6().sources.clear();
    EXPECT_EQ(pairs(), Texts{"no-address: 'ipv6 nat prefix auto' finds no prefix of this line; "
                             "'ipv6 source PREFIX' would add one"});
}

TEST_F(PrefixNat, AutoIsNoDeprecatedPrefixIfThereIsAnother) {
    using namespace std::chrono_literals;
    charter6().sources.clear();
    charter6().delegation = Delegation{.grace = 300};
    translate(nullptr, "fd00:1::/64");
    const DelegatedPrefix first{net("2001:db8:e::/56"), router.now + 100s, router.now + 900s};
    const DelegatedPrefix second{net("2001:db8:f::/56"), router.now + 500s, router.now + 900s};
    router.seen.delegated["charter"] = {first, second};
    EXPECT_EQ(pairs(), Texts{"fd00:1::/64 2001:db8:e::/64"});
    router.now += 100s;
    EXPECT_EQ(pairs(), Texts{"fd00:1::/64 2001:db8:f::/64"});
    router.now += 400s;
    EXPECT_EQ(pairs(), Texts{"fd00:1::/64 2001:db8:e::/64"}) << "none is better";
}

TEST_F(PrefixNat, TheLineWaitsForWhatIsMissing) {
    translate("2001:db8:b::/64", "fd00:1::/64");
    EXPECT_EQ(pairs(), Texts{"no-address: NAT prefix 2001:db8:b::/64 lies in no prefix of this "
                             "line; 'ipv6 source PREFIX' would add one"});
    EXPECT_TRUE(plan().prefixes[Family::v6].empty()) << "nor is it translated to";
    charter6().sources.push_back(net("2001:db8:b::/48"));
    EXPECT_EQ(pairs(), Texts{"fd00:1::/64 2001:db8:b::/64"});
    router.config.internal = {net("10.0.0.0/8")};
    EXPECT_EQ(pairs(), Texts{"no-address: fd00:1::/64, which NAT prefix 2001:db8:b::/64 stands "
                             "for, is not internal; 'internal PREFIX' would make it so"});
}

TEST_F(PrefixNat, WhatIsALinesOwnCannotBeTranslatedToAnothers) {
    router.config.internal = {net("2001:db8:a000::/48")};
    translate("2001:db8:c000::/48", "2001:db8:a000::/48");
    EXPECT_EQ(pairs(), Texts{"no-address: 2001:db8:a000::/48, which NAT prefix 2001:db8:c000::/48 "
                             "stands for, overlaps 2001:db8:a000::/36 of uplink att: its packets "
                             "leave by that line only"});
}

TEST_F(PrefixNat, PairsThatTurnOutToOverlapAreNotInForceTogether) {
    translate(nullptr, "fd00:1::/64");
    translate("2001:db8:c000::/64", "fd00:2::/64");
    EXPECT_EQ(pairs(), Texts{"no-address: NAT prefix 2001:db8:c000::/64 for fd00:2::/64 overlaps "
                             "2001:db8:c000::/64 for fd00:1::/64"});
    EXPECT_EQ(plan().prefixes[Family::v6].size(), 1U);
}

TEST_F(PrefixNat, PrefixesThatAreInUseAreRemarked) {
    translate("2001:db8:c000:1::/64", "fd00:1::/64");
    EXPECT_EQ(line().remarks,
              Texts{"2001:db8:c000:1::/64 on eth1 overlaps NAT prefix 2001:db8:c000:1::/64: hosts "
                    "there are not reached by this line, fd00:1::/64 is"});
    router.interface("eth1").addresses.back() = interface_address("2001:db8:c000:1::9/128");
    router.interface("eth1").addresses[2] = interface_address("2001:db8:c000:2::1/64");
    EXPECT_EQ(line().remarks, Texts{}) << "the router's own address is not translated";
    charter6().prefix_nats.clear();
    translate("2001:db8:cc::/64", "fd00:1::/64");
    EXPECT_EQ(line().remarks,
              Texts{"NAT prefix 2001:db8:cc::/64 is on the link: the provider has to route it to "
                    "this router, or nobody answers for its addresses"});
}

TEST_F(PrefixNat, ItsFlowsAreThoseTranslatedToThePrefix) {
    router = proven_office(false);
    translate("2001:db8:c001::/64", "fd00:1::/64");
    router.decide_after(1s);
    install(router.seen, router.last.desired.routes);
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(),
              (Texts{"charter 198.51.100.50-198.51.100.50",
                     "charter 2001:db8:c001::-2001:db8:c001:0:ffff:ffff:ffff:ffff"}));
}

TEST_F(PrefixNat, RenumberedFlowsGoOnWhileTheOldPrefixIsTheLines) {
    translate("2001:db8:c001::/64", "fd00:1::/64");
    router.decide_after(1s);
    charter6().prefix_nats.clear();
    translate("2001:db8:c002::/64", "fd00:1::/64");
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), Texts{});
    charter6().sources = {net("2001:db8:c002::/48")};
    router.decide_after(1s);
    EXPECT_EQ(router.stale(), Texts{"charter 2001:db8:c001::-2001:db8:c001:0:ffff:ffff:ffff:ffff!"})
        << "the address is gone: at once";
}

TEST(RangeOf, IsEveryAddressOfThePrefix) {
    const auto text = [](const char* prefix) {
        const AddressRange range = range_of(net(prefix));
        return range.first.to_string() + "-" + range.last.to_string();
    };
    EXPECT_EQ(text("2001:db8:100:20::/59"),
              "2001:db8:100:20::-2001:db8:100:3f:ffff:ffff:ffff:ffff");
    EXPECT_EQ(text("192.0.2.48/29"), "192.0.2.48-192.0.2.55");
    EXPECT_EQ(text("192.0.2.1/32"), "192.0.2.1-192.0.2.1");
    EXPECT_EQ(text("::/0"), "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

} // namespace
} // namespace multihomed::test
