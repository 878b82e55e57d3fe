// SPDX-License-Identifier: GPL-2.0-or-later
//
// judge(): what the figures of all targets of a line say together, and where it broke.
#include "core/builders.hpp"
#include "core/verdict.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;
using Kind = Verdict::Kind;

/// Figures of a target that lost so many of a hundred, here and there.
TargetFigures lossy(std::string_view target, std::uint32_t lost) {
    auto figures = answering(target);
    figures.sent = 100;
    figures.received = 100 - lost;
    figures.lost = lost;
    return figures;
}

class Judge : public ::testing::Test {
protected:
    Probing probing = built_in("default");
    std::optional<NeighbourState> gateway;

    void set(Knob knob, std::uint32_t value) {
        probing.values[static_cast<std::size_t>(knob)] = value;
    }
    Verdict verdict(std::vector<TargetFigures> targets) const {
        return judge({.targets = std::move(targets),
                      .probing = probing,
                      .gateway = gateway,
                      .gateway_name = "192.0.2.254"});
    }
    Kind kind(std::vector<TargetFigures> targets) const { return verdict(std::move(targets)).kind; }
};

TEST_F(Judge, OneLivingTargetSuffices) {
    const auto found = verdict({silent("192.0.2.1", 50), answering("192.0.2.2")});
    EXPECT_EQ(found.kind, Kind::alive);
    EXPECT_EQ(found.reason, "192.0.2.2 answers in 12.3 ms; 192.0.2.1 lost 50 in a row");
    EXPECT_EQ(found.fault, Fault::target);
    EXPECT_EQ(verdict({answering("192.0.2.1"), answering("192.0.2.2")}).reason,
              "192.0.2.1 answers in 12.3 ms, 192.0.2.2 answers in 12.3 ms");
}

TEST_F(Judge, DeadWhenAllAreAndTheCountIsReached) {
    EXPECT_EQ(kind({silent("192.0.2.1", 2)}), Kind::alive);
    EXPECT_EQ(kind({silent("192.0.2.1", 3)}), Kind::dead);
    auto refused = silent("192.0.2.2", 4);
    refused.last_error = "Network is unreachable";
    EXPECT_EQ(verdict({silent("192.0.2.1", 3), refused}).reason,
              "192.0.2.1 lost 3 in a row, 192.0.2.2 lost 4 in a row (Network is unreachable)");
    set(Knob::fail_after, 1);
    EXPECT_EQ(kind({silent("192.0.2.1", 1)}), Kind::dead);
}

TEST_F(Judge, UnknownBeforeTheFirstAnswerOrLoss) {
    EXPECT_EQ(kind({}), Kind::unknown);
    EXPECT_EQ(kind({silent("192.0.2.1", 2, false)}), Kind::unknown);
    EXPECT_EQ(kind({silent("192.0.2.1", 3), silent("192.0.2.2", 2, false)}), Kind::unknown)
        << "one may still answer";
    EXPECT_FALSE(verdict({}).reason.empty());
}

TEST_F(Judge, ALateReplyTakesTheVerdictBack) {
    auto target = silent("192.0.2.1", 3);
    EXPECT_EQ(kind({target}), Kind::dead);
    target.consecutive_lost = 0;
    EXPECT_EQ(kind({target}), Kind::alive);
}

TEST_F(Judge, TheQuorumSaysHowManyHaveToAnswer) {
    const std::vector<TargetFigures> two_of_three{answering("192.0.2.1"), answering("192.0.2.2"),
                                                  silent("192.0.2.3", 3)};
    EXPECT_EQ(kind(two_of_three), Kind::alive);
    set(Knob::quorum, 2);
    EXPECT_EQ(kind(two_of_three), Kind::alive);
    set(Knob::quorum, 3);
    EXPECT_EQ(kind(two_of_three), Kind::dead);
    set(Knob::quorum, kQuorumAll);
    const auto all = verdict(two_of_three);
    EXPECT_EQ(all.kind, Kind::dead);
    EXPECT_EQ(all.fault, Fault::target) << "the line itself works";
    EXPECT_NE(all.reason.find("too few for the quorum"), std::string::npos) << all.reason;
    EXPECT_EQ(kind({answering("192.0.2.1"), silent("192.0.2.2", 1, false)}), Kind::unknown);
    set(Knob::quorum, 32);
    EXPECT_EQ(kind({answering("192.0.2.1")}), Kind::alive) << "no more than there are";
}

TEST_F(Judge, LossDegradesAndThenKills) {
    EXPECT_FALSE(verdict({lossy("192.0.2.1", 4)}).narrow);
    EXPECT_EQ(kind({lossy("192.0.2.1", 9)}), Kind::alive);
    EXPECT_TRUE(verdict({lossy("192.0.2.1", 5)}).narrow);
    const auto degraded = verdict({lossy("192.0.2.1", 10)});
    EXPECT_EQ(degraded.kind, Kind::degraded);
    EXPECT_EQ(degraded.fault, Fault::quality);
    EXPECT_EQ(degraded.reason,
              "loss 10 % over 15 s has reached 10 %; 192.0.2.1 answers in 12.3 ms");
    EXPECT_EQ(kind({lossy("192.0.2.1", 49)}), Kind::degraded);
    EXPECT_EQ(kind({lossy("192.0.2.1", 50)}), Kind::dead);
}

TEST_F(Judge, AnOutageThatIsOverIsNoLoss) {
    auto figures = lossy("192.0.2.1", 80);
    figures.outage_lost = 78;
    EXPECT_EQ(kind({figures}), Kind::alive) << "2 of 22";
    figures.outage_lost = 76;
    EXPECT_EQ(kind({figures}), Kind::degraded) << "4 of 24";
}

TEST_F(Judge, AFewProbesSayNothingAboutLoss) {
    auto figures = answering("192.0.2.1");
    figures.sent = 9;
    figures.received = 5;
    figures.lost = 4;
    EXPECT_EQ(kind({figures}), Kind::alive);
}

TEST_F(Judge, AFewLostProbesAreChance) {
    auto figures = answering("192.0.2.1");
    figures.received = 9;
    for (const std::uint32_t lost : {1U, 2U}) {
        figures.lost = lost;
        EXPECT_EQ(kind({figures}), Kind::alive) << lost;
        EXPECT_FALSE(verdict({figures}).narrow) << lost;
    }
    figures.lost = 3;
    EXPECT_EQ(kind({figures}), Kind::degraded) << "3 of 12";
}

TEST_F(Judge, TheWorstTargetThatTheQuorumNeedsSpeaksForTheLine) {
    EXPECT_EQ(kind({lossy("192.0.2.1", 40), lossy("192.0.2.2", 1)}), Kind::alive);
    set(Knob::quorum, 2);
    EXPECT_EQ(kind({lossy("192.0.2.1", 40), lossy("192.0.2.2", 1)}), Kind::degraded);
}

TEST_F(Judge, LatencyAndJitterOnlyWhereAsked) {
    auto slow = answering("192.0.2.1");
    slow.rtt_average = 300ms;
    slow.rtt_deviation = 80ms;
    EXPECT_EQ(kind({slow}), Kind::alive);
    set(Knob::latency_low, 200);
    EXPECT_EQ(verdict({slow}).reason.substr(0, 48),
              "latency 300.0 ms over 15 s has reached 200 ms; 1");
    EXPECT_EQ(kind({slow}), Kind::degraded);
    set(Knob::latency_high, 300);
    EXPECT_EQ(kind({slow}), Kind::dead);
    set(Knob::latency_low, 0);
    set(Knob::latency_high, 0);
    set(Knob::jitter_high, 80);
    EXPECT_EQ(kind({slow}), Kind::degraded) << "jitter alone never takes a line down";
}

TEST_F(Judge, TheFaultIsAtTheGatewayOrBeyond) {
    const std::vector<TargetFigures> dead{silent("192.0.2.1", 3)};
    EXPECT_EQ(verdict(dead).fault, Fault::unknown);
    gateway = NeighbourState::reachable;
    EXPECT_EQ(verdict(dead).fault, Fault::beyond_gateway);
    EXPECT_EQ(verdict(dead).reason, "beyond the gateway 192.0.2.254: 192.0.2.1 lost 3 in a row");
    gateway = NeighbourState::failed;
    EXPECT_EQ(verdict(dead).fault, Fault::gateway);
    EXPECT_EQ(verdict(dead).reason,
              "gateway 192.0.2.254 does not answer on the link: 192.0.2.1 lost 3 in a row");
    gateway = NeighbourState::stale;
    EXPECT_EQ(verdict(dead).fault, Fault::unknown) << "old knowledge";
}

TEST_F(Judge, ResolversThatAreSilentWhileOthersAnswer) {
    auto resolver = silent("192.0.2.53", 3);
    resolver.target.kind = ProbeTarget::Kind::dns;
    resolver.target.port = kDnsPort;
    const auto found = verdict({resolver, answering("192.0.2.1")});
    EXPECT_EQ(found.kind, Kind::alive);
    EXPECT_EQ(found.fault, Fault::dns);
    EXPECT_EQ(found.reason, "192.0.2.1 answers in 12.3 ms; dns 192.0.2.53 lost 3 in a row");
    set(Knob::quorum, kQuorumAll);
    EXPECT_EQ(verdict({resolver, answering("192.0.2.1")}).fault, Fault::dns);
}

// The gateway's own answers tell where it broke, not that something beyond it answers.
TEST_F(Judge, TheGatewaysOwnAnswersComeFromNowhereBeyond) {
    auto arp = answering("192.0.2.254");
    arp.target.kind = ProbeTarget::Kind::neighbour;
    set(Knob::quorum, kQuorumAll);
    const auto found = verdict({silent("192.0.2.1", 3), arp});
    EXPECT_EQ(found.kind, Kind::dead);
    EXPECT_EQ(found.fault, Fault::beyond_gateway);
    EXPECT_EQ(found.reason, "beyond the gateway 192.0.2.254: 192.0.2.1 lost 3 in a row");
    EXPECT_EQ(verdict({silent("192.0.2.1", 3), arp, answering("192.0.2.2")}).fault, Fault::target);
}

} // namespace
} // namespace multihomed::test
