// SPDX-License-Identifier: GPL-2.0-or-later
//
// What routing protocols can tell inside: main's default, and what becomes of it and of the flows
// when no line is good enough to be announced.
#include "core/builders.hpp"
#include "core/config_text.hpp"
#include "core/edit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

const char* const kByCharter = "v4 default via 198.51.100.49 dev eth2.5 table ";
const char* const kByAtt = "v4 default via 203.0.113.62 dev eth2.4 table ";

/// The office, both lines proven; only IPv4 is looked at.
class Announced : public ::testing::Test {
protected:
    Router router = proven_office();

    void decide() {
        router.decide();
        install(router.seen, router.last.desired.routes);
    }
    void fail_both() {
        router.fall_silent("charter");
        router.fall_silent("att");
        router.decide_after(5s);
        install(router.seen, router.last.desired.routes);
    }
    Texts defaults(std::uint32_t table) const {
        Texts found;
        for (const std::string& text : table_texts(router.last.desired.routes, table))
            if (text.starts_with("v4 default"))
                found.push_back(text);
        return found;
    }
    const Announcement& said() const { return router.last.announced[Family::v4]; }
    const Route& main_default() const {
        return *std::ranges::find_if(router.last.desired.routes, [](const Route& route) {
            return route.table == kTableMain && route.destination == Prefix::any(Family::v4);
        });
    }
    /// Another router's default, learned by a routing protocol on the LAN.
    void learn_another() {
        router.seen.routes.push_back({.destination = Prefix::any(Family::v4),
                                      .table = kTableMain,
                                      .metric = 20,
                                      .protocol = 188, // RTPROT_OSPF
                                      .type = 1,
                                      .nexthops = {{.ifindex = router.interface("eth1").index,
                                                    .gateway = ip("172.16.1.2")}}});
    }
};

TEST_F(Announced, WhileALineWorks) {
    decide();
    EXPECT_FALSE(said().withheld);
    EXPECT_EQ(said().reason, "the preferred line is up");
    EXPECT_EQ(defaults(kTableMain), Texts{kByCharter + std::string("254")});
    EXPECT_EQ(defaults(kTableDefault), Texts{kByAtt + std::string("253")});
    EXPECT_EQ(main_default().distance, kDistanceDefault);
}

TEST_F(Announced, NotWhenNoneDoesButTheRouterGoesOnTrying) {
    fail_both();
    EXPECT_TRUE(said().withheld);
    EXPECT_EQ(said().reason, "no line passes its probes");
    EXPECT_TRUE(defaults(kTableMain).empty());
    EXPECT_EQ(defaults(kTableDefault), Texts{kByCharter + std::string("253")});
    EXPECT_EQ(router.carrying(), Texts{"charter"});
    router.answer("charter");
    router.decide_after(5s);
    EXPECT_EQ(router.state("charter"), State::hold);
    EXPECT_FALSE(said().withheld);
}

/// All that is left is a line that answers now and then.
TEST_F(Announced, ALineThatFailsWhileItRecoversIsDeadOnlyAfterItsPatience) {
    fail_both();
    router.answer("charter");
    router.decide_after(1s);
    router.fall_silent("charter");
    router.decide_after(1s);
    ASSERT_EQ(router.state("charter"), State::down);
    EXPECT_FALSE(said().withheld);
    EXPECT_EQ(said().reason, "the best line is degraded, or has just recovered");
    const auto stable_for = router.last.lines.front().line.probing.time(Knob::stable_for);
    ASSERT_TRUE(router.last.next_deadline);
    EXPECT_LE(*router.last.next_deadline, router.now + stable_for);
    router.decide_after(stable_for - 1ms);
    EXPECT_FALSE(said().withheld);
    router.decide_after(1ms);
    EXPECT_TRUE(said().withheld);
}

TEST_F(Announced, ALastResortThatIsWithdrawnHasTheSamePatience) {
    router.config.last_resort = LastResort::withdraw;
    fail_both();
    EXPECT_TRUE(router.carrying().empty());
    router.answer("charter");
    router.decide_after(1s);
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Texts{"charter"});
    EXPECT_NE(router.last.choice_reason[Family::v4].find("this one did a moment ago"),
              std::string::npos);
    router.decide_after(router.last.lines.front().line.probing.time(Knob::stable_for));
    EXPECT_TRUE(router.carrying().empty());
}

TEST_F(Announced, WhateverItIsWhereThatIsWished) {
    ASSERT_FALSE(edit_announce_while(router.config, "any"));
    fail_both();
    EXPECT_FALSE(said().withheld);
    EXPECT_EQ(defaults(kTableMain), Texts{kByCharter + std::string("254")});
}

TEST_F(Announced, OnlyWhatIsUpWhereThatIsWished) {
    ASSERT_FALSE(edit_announce_while(router.config, "up"));
    fail_both();
    router.answer("att");
    router.decide_after(5s);
    ASSERT_EQ(router.state("att"), State::hold);
    EXPECT_TRUE(said().withheld);
    EXPECT_EQ(defaults(kTableDefault), Texts{kByAtt + std::string("253")}) << "we use it";
    router.decide_after(600s);
    ASSERT_EQ(router.state("att"), State::up);
    EXPECT_FALSE(said().withheld);
}

TEST_F(Announced, AnotherRoutersDefaultTakesTheFlowsOfDeadLines) {
    fail_both();
    EXPECT_TRUE(router.stale().empty()) << "nothing else could carry them";
    learn_another();
    router.decide_after(1s);
    EXPECT_TRUE(router.carrying().empty());
    EXPECT_NE(router.last.choice_reason[Family::v4].find("another router's default"),
              std::string::npos);
    const auto stale = [&](const char* uplink) {
        return std::ranges::any_of(router.last.stale, [&](const StaleFlows& flows) {
            return flows.line == ProbeKey{uplink, Family::v4} && may_forget(flows, router.seen);
        });
    };
    EXPECT_TRUE(stale("charter"));
    const auto& nats = router.last.desired.nat.lines;
    EXPECT_TRUE(std::ranges::all_of(nats, [](const LineNat& nat) { return nat.dead[Family::v4]; }));
    EXPECT_EQ(defaults(kTableDefault), Texts{kByCharter + std::string("253")})
        << "the kernel falls back to it by itself";
    router.answer("charter");
    router.decide_after(5s);
    EXPECT_EQ(router.carrying(), Texts{"charter"}) << "ours wins by distance";
}

TEST_F(Announced, ALineOfWhichNothingIsKnownDoesNotTakeAnotherRoutersPlace) {
    fail_both();
    learn_another();
    router.decide_after(1s);
    router.interface("eth2.5").carrier = false;
    router.decide_after(1s);
    router.interface("eth2.5").carrier = true;
    router.set_probe("charter", Family::v4, {});
    router.decide_after(1s);
    ASSERT_EQ(router.state("charter"), State::init);
    EXPECT_TRUE(said().withheld);
    EXPECT_TRUE(defaults(kTableMain).empty());
    router.answer("charter");
    router.decide_after(1s);
    EXPECT_FALSE(said().withheld);
}

TEST_F(Announced, ADefaultBySomethingElseThanALineIsNobodysFaultWhileLinesWork) {
    learn_another();
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Texts{"charter"});
    EXPECT_TRUE(router.stale().empty());
}

TEST_F(Announced, ByQualityTheMetricHasFourLevels) {
    using Numbers = std::pair<std::uint32_t, std::uint32_t>;
    const auto metric_and_tag = [&](auto happens) {
        happens();
        router.decide_after(5s);
        return Numbers(main_default().metric, main_default().tag);
    };
    ASSERT_FALSE(edit_announce_quality(router.config));
    ASSERT_FALSE(edit_announce_number(router.config, AnnounceNumber::tag, 100));
    ASSERT_FALSE(edit_announce_while(router.config, "any"));
    EXPECT_EQ(metric_and_tag([] {}), Numbers(10, 100));
    EXPECT_EQ(metric_and_tag([&] { router.fall_silent("charter"); }), Numbers(20, 101))
        << "att is not the preferred one";
    EXPECT_EQ(metric_and_tag([&] { router.fall_silent("att"); }), Numbers(80, 103));
    EXPECT_EQ(metric_and_tag([&] { router.answer("charter"); }), Numbers(40, 102)) << "in hold";
}

TEST_F(Announced, ALineThatStandsByOrIsShutDownIsNotThePreferredOne) {
    ASSERT_FALSE(edit_announce_quality(router.config));
    router.uplink("charter").shutdown = true;
    decide();
    EXPECT_EQ(main_default().metric, 10U) << "att is what the operator wishes for";
    router.uplink("att").standby = true;
    decide();
    EXPECT_EQ(main_default().metric, 20U);
}

TEST_F(Announced, NumbersAreTyped) {
    ASSERT_FALSE(edit_announce_number(router.config, AnnounceNumber::distance, 120));
    ASSERT_FALSE(edit_announce_number(router.config, AnnounceNumber::metric, 7));
    ASSERT_FALSE(edit_announce_number(router.config, AnnounceNumber::tag, 4294967292));
    decide();
    EXPECT_EQ(main_default().distance, 120);
    EXPECT_EQ(main_default().metric, 7U);
    EXPECT_EQ(main_default().tag, 4294967292U);
    EXPECT_EQ(table_texts(router.last.desired.routes, 253).size(), 2U) << "both families";
}

TEST(EditAnnounce, IsTypedAndReadBack) {
    Config config = office_config();
    const std::string before = to_text(config);
    EXPECT_FALSE(edit_announce_while(config, "up"));
    EXPECT_FALSE(edit_announce_number(config, AnnounceNumber::distance, 20));
    EXPECT_FALSE(edit_announce_number(config, AnnounceNumber::metric, 5));
    EXPECT_FALSE(edit_announce_number(config, AnnounceNumber::tag, 9));
    EXPECT_NE(to_text(config).find(" announce while up\n announce distance 20\n"
                                   " announce metric fixed 5\n announce tag 9\n"),
              std::string::npos);
    EXPECT_FALSE(edit_announce_quality(config));
    EXPECT_NE(to_text(config).find(" announce metric quality\n"), std::string::npos);
    EXPECT_FALSE(edit_announce_while(config, std::nullopt));
    for (const auto which : {AnnounceNumber::distance, AnnounceNumber::metric, AnnounceNumber::tag})
        EXPECT_FALSE(edit_announce_number(config, which, std::nullopt));
    EXPECT_EQ(to_text(config), before);
}

TEST(EditAnnounce, WhatIsOutOfRangeIsRefused) {
    Config config = office_config();
    const std::string before = to_text(config);
    EXPECT_TRUE(edit_announce_while(config, "down"));
    EXPECT_TRUE(edit_announce_number(config, AnnounceNumber::distance, 0));
    EXPECT_TRUE(edit_announce_number(config, AnnounceNumber::distance, 254));
    EXPECT_TRUE(edit_announce_number(config, AnnounceNumber::metric, 16'777'215));
    EXPECT_TRUE(edit_announce_number(config, AnnounceNumber::tag, 0));
    EXPECT_TRUE(edit_announce_number(config, AnnounceNumber::tag, 4'294'967'293));
    EXPECT_EQ(to_text(config), before);
}

} // namespace
} // namespace multihomed::test
