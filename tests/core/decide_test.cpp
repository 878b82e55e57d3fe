// SPDX-License-Identifier: GPL-2.0-or-later
//
// decide() as a whole: verdicts, states over time, what carries, transitions and deadlines.
// What it says about flows is in flows_test.cpp.
#include "core/builders.hpp"
#include "core/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;

Names texts(const std::vector<Transition>& transitions) {
    Names lines;
    for (const Transition& each : transitions)
        lines.push_back(each.line.uplink + " " + to_string(each.line.family) + " " +
                        (each.from ? to_string(*each.from) : "new") + ">" +
                        (each.to ? to_string(*each.to) : "gone"));
    return lines;
}

TEST(Decide, AtStartEverythingIsAssumedGood) {
    Router router;
    router.config = office_config();
    router.seen = office();
    router.decide();
    EXPECT_EQ(router.state("charter"), State::init);
    EXPECT_EQ(router.carrying(), Names{"charter"});
    EXPECT_EQ(router.standing_by(), Names{"att"});
    EXPECT_EQ(router.carrying(Family::v6), Names{"charter"});
    EXPECT_EQ(texts(router.last.transitions),
              (Names{"charter ipv4 new>init", "charter ipv6 new>init", "att ipv4 new>init",
                     "att ipv6 new>init"}));
    EXPECT_FALSE(router.last.next_deadline);
    EXPECT_EQ(router.last.choice_reason[Family::v4],
              "assumed good until probes say otherwise, preference 10");
}

// `clear multihome uplink`: a dead line must not get the traffic because somebody asked.
TEST(Decide, ALineThatIsJudgedAnewWaitsLikeANewOne) {
    Router router = proven_office();
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::down);
    router.history.lines.at({"charter", Family::v4}).restarted = true;
    router.seen.probes.erase({"charter", Family::v4});
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::hold);
    const LineHistory& charter = router.history.lines.at({"charter", Family::v4});
    EXPECT_EQ(charter.health.since, router.now);
    EXPECT_FALSE(charter.restarted);
    EXPECT_EQ(router.carrying(), Names{"att"});
    EXPECT_EQ(texts(router.last.transitions), Names{"charter ipv4 down>hold"});
}

TEST(Decide, WhereItBrokeIsToldOnceTheGatewayHasBeenAsked) {
    Router router = proven_office();
    const NeighbourKey gateway{router.interface("eth2.5").index, ip("198.51.100.49")};
    const auto fault = [&] {
        return std::ranges::find_if(router.last.lines,
                                    [](const LineReport& report) {
                                        return report.line.key() == ProbeKey{"charter", Family::v4};
                                    })
            ->health.fault;
    };
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(fault(), Fault::unknown) << "what was known of the gateway is from before";
    router.seen.neighbour_since[gateway] = router.now + 100ms;
    router.decide_after(200ms);
    EXPECT_EQ(fault(), Fault::beyond_gateway);
    EXPECT_EQ(router.reason("charter"),
              "beyond the gateway 198.51.100.49: 192.0.2.9 lost 3 in a row");
    router.seen.neighbours[gateway] = NeighbourState::stale;
    router.decide_after(60s);
    EXPECT_EQ(fault(), Fault::beyond_gateway) << "until it is known better";
    router.seen.neighbours[gateway] = NeighbourState::failed;
    router.decide_after(1s);
    EXPECT_EQ(fault(), Fault::gateway);
}

TEST(Decide, ASilentLineIsLeftAndComesBackPatiently) {
    Router router = proven_office();
    EXPECT_EQ(router.state("charter"), State::up);

    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::down);
    EXPECT_EQ(router.reason("charter"), "192.0.2.9 lost 3 in a row");
    EXPECT_EQ(router.carrying(), Names{"att"});
    EXPECT_EQ(router.carrying(Family::v6), Names{"att"});
    EXPECT_EQ(texts(router.last.transitions),
              (Names{"charter ipv4 up>down", "charter ipv6 up>down"}));

    router.answer("charter");
    router.decide_after(10s);
    EXPECT_EQ(router.state("charter"), State::hold);
    EXPECT_EQ(router.last.next_deadline, router.now + 5s);
    EXPECT_EQ(router.carrying(), Names{"att"});
    EXPECT_EQ(router.standing_by(), Names{"charter"});

    router.decide_after(4'999ms);
    EXPECT_EQ(router.carrying(), Names{"att"});
    router.decide_after(1ms);
    EXPECT_EQ(router.state("charter"), State::up);
    EXPECT_EQ(router.carrying(), Names{"charter"});
    EXPECT_FALSE(router.last.next_deadline);
}

// Both were dead; the less preferred line answers first. One move to it, one back when the
// preferred one is trusted, and none between.
TEST(Decide, AfterATotalFailureTheDefaultMovesNoMoreThanItMust) {
    Router router = proven_office();
    router.fall_silent("charter");
    router.fall_silent("att");
    router.decide_after(1s);
    router.answer("att");
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"att"});
    router.answer("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"att"});
    router.decide_after(4s);
    EXPECT_EQ(router.state("att"), State::up);
    EXPECT_EQ(router.carrying(), Names{"att"});
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"charter"});
}

TEST(Decide, FamiliesFailForThemselves) {
    Router router = proven_office();
    router.set_probe("charter", Family::v6, {silent("2001:db8:9::9", 3)});
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(Family::v4), Names{"charter"});
    EXPECT_EQ(router.carrying(Family::v6), Names{"att"});
}

TEST(Decide, ALostCarrierIsLeftAtOnceAndItsReturnWaits) {
    Router router = proven_office();
    router.interface("eth2.5").carrier = false;
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"att"});
    EXPECT_EQ(router.reason("charter"), "no carrier on eth2.5");
    router.interface("eth2.5").carrier = true;
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::hold) << "att is proven, charter is not";
    EXPECT_EQ(router.carrying(), Names{"att"});
    router.decide_after(5s);
    EXPECT_EQ(router.carrying(), Names{"charter"});
}

TEST(Decide, AReturningLineIsUsedAtOnceWhenNothingElseIsProven) {
    Router router = proven_office();
    router.fall_silent("att");
    router.decide_after(1s);
    router.interface("eth2.5").carrier = false;
    router.decide_after(1s);
    EXPECT_EQ(router.carrying(), Names{"att"}) << "the last resort";
    router.interface("eth2.5").carrier = true;
    router.seen.probes.erase({"charter", Family::v4});
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::init);
    EXPECT_EQ(router.carrying(), Names{"charter"});
}

TEST(Decide, AnUplinkAddedBesideAProvenOneWaitsItsTurn) {
    Router router = proven_office();
    Uplink third = uplink("third", "eth3");
    third.preference = 1;
    third.family[Family::v4].gateway = gateway("192.0.2.1");
    router.config.uplinks.push_back(third);
    add(router.seen, ethernet("eth3", 7, {"192.0.2.2/24"}));
    router.decide_after(1s);
    EXPECT_EQ(router.state("third"), State::hold);
    EXPECT_EQ(router.carrying(), Names{"charter"});
    router.set_probe("third", Family::v4, {answering("192.0.2.1")});
    router.seen.neighbours[{7, ip("192.0.2.1")}] = NeighbourState::reachable;
    router.decide_after(1s);
    router.decide_after(5s);
    EXPECT_EQ(router.carrying(), Names{"third"});
}

TEST(Decide, ShutdownAndBack) {
    Router router = proven_office();
    router.uplink("charter").shutdown = true;
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::shutdown);
    EXPECT_EQ(router.carrying(), Names{"att"});
    router.uplink("charter").shutdown = false;
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::hold);
}

// A deadline that has passed would call again at once, and again.
TEST(Decide, AHoldThatWaitsForTheGatewayHasNoDeadline) {
    Router router = proven_office();
    router.fall_silent("charter");
    router.decide_after(1s);
    router.answer("charter");
    for (const char* address : {"198.51.100.49", "fe80::c"})
        router.seen.neighbours[{5, ip(address)}] = NeighbourState::failed;
    router.decide_after(1s);
    EXPECT_EQ(router.last.next_deadline, router.now + 5s);
    router.decide_after(5s);
    EXPECT_EQ(router.state("charter"), State::hold);
    EXPECT_FALSE(router.last.next_deadline);
    for (const char* address : {"198.51.100.49", "fe80::c"})
        router.seen.neighbours[{5, ip(address)}] = NeighbourState::stale;
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::up);
}

TEST(Decide, TheNextDeadlineIsTheEarliest) {
    Router router = proven_office();
    router.fall_silent("charter");
    router.decide_after(1s);
    router.set_probe("charter", Family::v6, {answering("2001:db8:9::9")});
    router.decide_after(1s);
    const Time first = router.now + 5s;
    router.set_probe("charter", Family::v4, {answering("192.0.2.9")});
    router.decide_after(1s);
    EXPECT_EQ(router.last.next_deadline, first);
    router.decide_after(4s);
    EXPECT_EQ(router.state("charter", Family::v6), State::up);
    EXPECT_EQ(router.last.next_deadline, first + 1s);
}

TEST(Decide, AGatewayThatAnswersNoEchoIsJudgedByItsNeighbourEntry) {
    Router router = proven_office();
    router.uplink("charter").probes.clear();
    router.set_probe("charter", Family::v4, {silent("198.51.100.49", 90, false)});
    auto& neighbour = router.seen.neighbours[{5, ip("198.51.100.49")}];
    for (const auto state : {NeighbourState::reachable, NeighbourState::stale}) {
        neighbour = state;
        router.decide_after(1s);
        EXPECT_EQ(router.state("charter"), State::up);
        EXPECT_EQ(router.reason("charter"), "gateway 198.51.100.49 resolves (it answers no echo)");
    }
    neighbour = NeighbourState::failed;
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::down);
    EXPECT_EQ(router.reason("charter"), "gateway 198.51.100.49 has no link-layer address");
}

TEST(Decide, AGatewayThatOnceAnsweredMustGoOnAnswering) {
    Router router = proven_office();
    router.uplink("charter").probes.clear();
    router.set_probe("charter", Family::v4, {silent("198.51.100.49", 3, true)});
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::down) << "its neighbour entry is no excuse";
}

TEST(Decide, WithNothingToProbeALineIsUp) {
    Router router;
    router.config.uplinks = {uplink("dsl", "ppp0")};
    add(router.seen, tunnel("ppp0", 9, {"100.64.3.7 peer 192.0.2.1/32"}));
    router.decide();
    EXPECT_EQ(router.state("dsl"), State::up);
    EXPECT_EQ(router.reason("dsl"), "nothing to probe");
    EXPECT_EQ(router.carrying(), Names{"dsl"});
}

TEST(Decide, ARecreatedInterfaceIsFollowedByItsNewIndex) {
    Router router = proven_office();
    router.interface("eth2.5").index = 55;
    for (const char* address : {"198.51.100.49", "fe80::c"})
        router.seen.neighbours[{55, ip(address)}] = NeighbourState::reachable;
    router.decide_after(1s);
    for (const Route& route : router.last.desired.routes)
        for (const Nexthop& nexthop : route.nexthops)
            EXPECT_NE(nexthop.ifindex, 5U) << to_string(route);
    EXPECT_TRUE(router.last.transitions.empty());
    EXPECT_EQ(router.history.lines.at({"charter", Family::v4}).ifindex, 55U);
}

TEST(Decide, TablesStayWithTheirUplinks) {
    Router router = proven_office();
    router.config.uplinks.erase(router.config.uplinks.begin());
    router.decide_after(1s);
    EXPECT_EQ(router.history.tables, (Tables{{"att", 1002}}));
}

TEST(Decide, EveryTransitionSaysWhy) {
    Router router = proven_office();
    router.config.uplinks.erase(router.config.uplinks.begin());
    router.decide_after(1s);
    ASSERT_EQ(texts(router.last.transitions),
              (Names{"charter ipv4 up>gone", "charter ipv6 up>gone"}));
    for (const Transition& each : router.last.transitions) {
        EXPECT_EQ(each.reason, "removed from the configuration");
        EXPECT_EQ(each.at, router.now);
    }
}

// A tunnel that comes and goes brings its IPv6 line with it; nobody has touched the configuration.
TEST(Decide, ALineThatWentWithItsAddressDoesNotBlameTheConfiguration) {
    Router router;
    router.config.uplinks = {uplink("sixxs0", "sixxs0")};
    add(router.seen, tunnel("sixxs0", 9, {"2001:db8:6::2/64"}));
    router.decide();
    router.seen.interfaces.erase("sixxs0");
    router.decide_after(1s);
    ASSERT_EQ(texts(router.last.transitions),
              (Names{"sixxs0 ipv4 new>no-carrier", "sixxs0 ipv6 up>gone"}));
    EXPECT_EQ(router.last.transitions[1].reason, "neither configured nor addressed any more");
}

TEST(Decide, AnEmptyConfigurationRemovesEverything) {
    Router router = proven_office();
    router.config = {};
    router.decide_after(1s);
    EXPECT_EQ(router.last.desired,
              (Desired{.routes = {},
                       .rules = {},
                       .nat = {.internal = router.last.desired.nat.internal, .lines = {}},
                       .sysctls = {},
                       .table_names = {},
                       .probes = {},
                       .gateways = {}}));
    EXPECT_TRUE(router.history.lines.empty());
    EXPECT_TRUE(router.history.tables.empty());
}

TEST(Decide, AskedAgainItSaysTheSame) {
    Router router = proven_office();
    router.fall_silent("charter");
    router.interface("eth2.4").addresses.clear();
    router.decide_after(1s);
    const Decision once = router.last;
    router.decide();
    EXPECT_EQ(router.last.desired, once.desired);
    EXPECT_TRUE(router.last.transitions.empty());
    EXPECT_EQ(router.last.stale, once.stale);
    EXPECT_EQ(router.last.next_deadline, once.next_deadline);
}

} // namespace
} // namespace multihomed::test
