// SPDX-License-Identifier: GPL-2.0-or-later
//
// A target that fails on every line is a bad target; a line that fails is a bad line.
#include "core/builders.hpp"
#include "core/suspects.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;

constexpr const char* kShared = "192.0.2.9";

/// Both lines of the office ask kShared, IPv4 only.
class Suspects : public ::testing::Test {
protected:
    Router router = proven_office();

    Suspects() {
        for (const char* name : {"charter", "att"})
            router.uplink(name).probes = {{.address = ip(kShared)}};
        say("charter", {heard(kShared)});
        say("att", {heard(kShared)});
        router.decide_after(6s);
    }
    void say(const char* uplink, std::vector<TargetFigures> figures) {
        router.set_probe(uplink, Family::v4, std::move(figures));
    }
    /// Answered a moment ago.
    TargetFigures heard(const char* target) const {
        auto figures = answering(target);
        figures.last_reply = router.now;
        return figures;
    }
    TargetFigures lost(const char* target, std::uint32_t count, core::Time last) const {
        auto figures = silent(target, count);
        figures.last_reply = last;
        return figures;
    }
};

TEST_F(Suspects, ALineWhoseTargetAnswersElsewhereIsDead) {
    say("charter", {lost(kShared, 3, router.now)});
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::down);
    EXPECT_EQ(router.state("att"), State::up);
}

TEST_F(Suspects, ATargetThatFallsSilentOnAllLinesAtOnceDoesNotCount) {
    const auto last = router.now;
    say("charter", {lost(kShared, 3, last)});
    say("att", {lost(kShared, 2, last + 100ms)});
    router.decide_after(600ms);
    EXPECT_EQ(router.state("charter"), State::up) << "waits for what att finds";
    say("att", {lost(kShared, 3, last + 100ms)});
    router.decide_after(200ms);
    for (const char* name : {"charter", "att"}) {
        EXPECT_EQ(router.state(name), State::up) << router.reason(name);
        EXPECT_NE(router.reason(name).find("192.0.2.9 fails on every line"), std::string::npos)
            << router.reason(name);
    }
    EXPECT_EQ(router.carrying(), std::vector<std::string>{"charter"});
}

TEST_F(Suspects, ALineThatHasJustAskedIsWaitedForToo) {
    const auto last = router.now;
    auto asked = heard(kShared);
    ++asked.sent;
    asked.rtt_average = 20ms;
    say("charter", {lost(kShared, 3, last)});
    asked.last_reply = last + 150ms;
    say("att", {asked});
    router.decide_after(180ms);
    EXPECT_EQ(router.state("charter"), State::up)
        << "att's last reply came before charter's was due";
    EXPECT_LE(router.last.next_deadline, router.now + 20ms) << "att's answer will be no news";
    asked.last_reply = last + 250ms;
    say("att", {asked});
    router.decide_after(100ms);
    EXPECT_EQ(router.state("charter"), State::down) << "this one came after";
}

TEST_F(Suspects, ALineThatAlwaysHasAProbeUnderWayIsNotWaitedFor) {
    const auto last = router.now;
    auto asked = heard(kShared);
    ++asked.sent;
    asked.rtt_average = 250ms;
    asked.last_reply = last + 150ms;
    say("charter", {lost(kShared, 3, last)});
    say("att", {asked});
    router.decide_after(180ms);
    EXPECT_EQ(router.state("charter"), State::down) << "its answers take that long";
    EXPECT_EQ(router.state("att"), State::up);
}

TEST_F(Suspects, NobodyWaitsForAsLongAsALineIsSeldomAsked) {
    router.uplink("charter").profile = "metered";
    const auto last = router.now;
    auto asked = heard(kShared);
    ++asked.sent;
    asked.rtt_average = 20ms;
    asked.last_reply = last + 3s;
    say("charter", {lost(kShared, 3, last)});
    say("att", {asked});
    router.decide_after(3100ms);
    EXPECT_EQ(router.state("charter"), State::down);
}

TEST_F(Suspects, TheWaitEndsWhenTheTargetAnswersOnTheOtherLine) {
    const auto last = router.now;
    say("charter", {lost(kShared, 3, last)});
    say("att", {lost(kShared, 1, last)});
    router.decide_after(600ms);
    EXPECT_EQ(router.state("charter"), State::up);
    say("att", {heard(kShared)});
    router.decide_after(100ms);
    EXPECT_EQ(router.state("charter"), State::down);
}

TEST_F(Suspects, ASecondLineThatDiesLaterIsDeadToo) {
    say("charter", {lost(kShared, 3, router.now)});
    router.decide_after(1s);
    ASSERT_EQ(router.state("charter"), State::down);
    say("charter", {lost(kShared, 300, router.now)});
    router.now += 60s;
    say("att", {lost(kShared, 3, router.now)});
    router.decide_after(1s);
    EXPECT_EQ(router.state("att"), State::down) << router.reason("att");
    EXPECT_EQ(router.state("charter"), State::down) << router.reason("charter");
}

TEST_F(Suspects, AnotherTargetThatAnswersProvesTheLine) {
    for (const char* name : {"charter", "att"})
        router.uplink(name).probes = {{.address = ip(kShared)}, {.address = ip("192.0.2.10")}};
    router.uplink("charter").probing[Knob::quorum] = kQuorumAll;
    say("charter", {lost(kShared, 30, router.now - 1h), heard("192.0.2.10")});
    say("att", {lost(kShared, 3, router.now), heard("192.0.2.10")});
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::up)
        << "whenever it fell silent: " << router.reason("charter");
    say("att", {heard(kShared), heard("192.0.2.10")});
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::down) << "it answers elsewhere: now it counts";
}

TEST_F(Suspects, TwoTargetsThatFailEverywhereAreTwoDeadLines) {
    for (const char* name : {"charter", "att"}) {
        router.uplink(name).probes = {{.address = ip(kShared)}, {.address = ip("192.0.2.10")}};
        say(name, {lost(kShared, 3, router.now), lost("192.0.2.10", 3, router.now)});
    }
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::down);
    EXPECT_EQ(router.state("att"), State::down);
}

TEST_F(Suspects, WithItsOnlyTargetSuspectedTheGatewaySpeaksForALine) {
    for (const char* name : {"charter", "att"})
        say(name, {lost(kShared, 3, router.now)});
    for (auto& [key, state] : router.seen.neighbours)
        if (key.ifindex == router.interface("eth2.5").index)
            state = NeighbourState::failed;
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::down);
    EXPECT_EQ(router.state("att"), State::up);
}

} // namespace
} // namespace multihomed::test
