// SPDX-License-Identifier: GPL-2.0-or-later
//
// The prober asks more than its schedule says, or less: bursts, traffic instead of probes, and what
// is particular to the kinds of probes.
#include "probe/prober_fixture.hpp"

namespace multihomed::probe {
namespace {

// ---------------------------------------------------------------- bursts

class BurstTest : public ProberTest {
protected:
    BurstTest() {
        set({plan("charter", {"9.9.9.9", "1.1.1.1"}), plan("att", {"9.9.9.9"})});
        advance(30s);
        network_.sent.clear();
        begin_ = network_.now;
    }
    void burst(const char* uplink = "charter") {
        prober_.burst({uplink, Family::v4}, network_.now);
    }
    /// Times since `begin` at which a target of a line was asked.
    std::vector<std::chrono::milliseconds> asked(const char* target, const char* uplink = "charter",
                                                 std::chrono::milliseconds longer_than = 0ms) {
        std::vector<std::chrono::milliseconds> times;
        for (const auto& sent : network_.sent)
            if (sent.target == address(target) && sent.interface == std::string(uplink) + "0" &&
                sent.at >= begin_ + longer_than)
                times.push_back(
                    std::chrono::duration_cast<std::chrono::milliseconds>(sent.at - begin_));
        return times;
    }
    bool is_dead(std::uint32_t fail_after = 3) {
        return figures("charter", 0).consecutive_lost >= fail_after &&
               figures("charter", 1).consecutive_lost >= fail_after;
    }
    /// How long it takes until both targets of charter are dead.
    std::chrono::milliseconds time_to_death(std::chrono::milliseconds limit = 5s) {
        const auto since = network_.now;
        while (!is_dead() && network_.now < since + limit)
            network_.advance(prober_, std::max(network_.now + 1ms, *prober_.next_deadline()));
        return std::chrono::duration_cast<std::chrono::milliseconds>(network_.now - since);
    }

    core::Time begin_;
};

TEST_F(BurstTest, DecidesLongBeforeTheRegularProbes) {
    silence();
    burst();
    EXPECT_EQ(prober_.next_deadline(), network_.now) << "the first goes out at once";
    EXPECT_LE(time_to_death(), 30ms + 50ms + 1ms);
    EXPECT_EQ(figures("att", 0).consecutive_lost, 0U);
    // 20 ms of round-trip time without any deviation: not before 50 ms.
    EXPECT_GE(network_.now - begin_, 30ms + 50ms);
}

TEST_F(BurstTest, AsksEveryTargetOfTheLineFailAfterTimes) {
    silence();
    burst();
    advance(100ms);
    for (const char* target : {"9.9.9.9", "1.1.1.1"}) {
        auto times = asked(target);
        // A regular probe may be among them.
        for (const auto step : {0ms, 15ms, 30ms})
            EXPECT_GE(std::ranges::count(times, step), 1) << target << " " << step.count();
        EXPECT_LE(times.size(), 4U);
    }
    EXPECT_LE(asked("9.9.9.9", "att").size(), 1U);
}

TEST_F(BurstTest, OtherLinesSendTheirNextProbeNow) {
    auto sparing = plan("lte", {"9.9.9.9"});
    sparing.spares_probes = true;
    set({plan("charter", {"9.9.9.9"}), plan("att", {"9.9.9.9"}), sparing});
    advance(30s);
    // Until the last answer is in and the next probe is not due.
    while (figures("att", 0).sent != figures("att", 0).received ||
           *prober_.next_deadline() < network_.now + 20ms)
        advance(1ms);
    network_.sent.clear();
    begin_ = network_.now;
    for (int i = 0; i < 10; ++i) {
        burst();
        advance(1ms);
    }
    EXPECT_EQ(asked("9.9.9.9", "att"), std::vector{0ms}) << "one is enough while it is under way";
    EXPECT_TRUE(asked("9.9.9.9", "lte").empty());
}

TEST_F(BurstTest, IsNotStartedAgainWhileItIsUnderWay) {
    silence();
    for (int i = 0; i < 75; ++i) {
        burst();
        advance(1ms);
    }
    EXPECT_LE(asked("9.9.9.9").size(), 4U);
    advance(5ms);
    burst();
    EXPECT_EQ(prober_.next_deadline(), network_.now);
    advance(40ms);
    EXPECT_GE(asked("9.9.9.9").size(), 6U);
}

TEST_F(BurstTest, AnAnswerEndsIt) {
    auto many = plan("charter", {"9.9.9.9"});
    many.fail_after = 10;
    set({many});
    burst();
    advance(150ms);
    EXPECT_LE(asked("9.9.9.9").size(), 3U) << "two of the burst and a regular one";
    EXPECT_EQ(figures().consecutive_lost, 0U);
}

TEST_F(BurstTest, AnAnswerToAnEarlierProbeDoesNot) {
    auto slow = plan("charter", {"9.9.9.9"});
    slow.interval = 100ms;
    slow.fail_after = 5;
    network_.fate = [this](const auto& line, const auto& target, const auto& request) {
        return Packets{network_.reply(line, target, request, 90ms)};
    };
    set({});
    set({slow});
    advance(10s);
    // The last answers are on their way.
    silence();
    network_.sent.clear();
    begin_ = network_.now;
    burst();
    advance(80ms);
    EXPECT_GE(asked("9.9.9.9").size(), 5U);
    EXPECT_GE(figures().rtt_average, 90ms);
}

TEST_F(BurstTest, HasAsMuchPatienceAsTheLineNeeds) {
    int count = 0;
    network_.fate = [this, &count](const auto& line, const auto& target, const auto& request) {
        return Packets{network_.reply(line, target, request, ++count % 2 == 0 ? 50ms : 70ms)};
    };
    set({});
    set({plan("charter", {"9.9.9.9"})});
    advance(20s);
    EXPECT_EQ(figures().rtt_average / 1ms, 60);
    silence();
    advance(1s); // lost probes do not count
    const auto lost = figures().consecutive_lost;
    burst();
    begin_ = network_.now;
    while (figures().consecutive_lost < lost + 3 + (asked("9.9.9.9").size() > 3 ? 1 : 0) &&
           network_.now < begin_ + 1s)
        advance(1ms);
    EXPECT_NEAR(static_cast<double>((network_.now - begin_) / 1ms), 30 + 2 * 60 + 4 * 10, 45);
}

TEST_F(BurstTest, QueuesThatHaveJustBecomeLongAreReckonedWith) {
    network_.fate = [this](const auto& line, const auto& target, const auto& request) {
        return Packets{network_.reply(line, target, request, 150ms)};
    };
    advance(800ms);
    EXPECT_LT(figures().rtt_average, 25ms);
    EXPECT_EQ(figures().rtt_newest, 150ms);
    burst();
    bool died = false;
    for (int i = 0; i < 300; ++i) {
        advance(1ms);
        died = died || is_dead();
    }
    EXPECT_FALSE(died);
}

TEST_F(BurstTest, WithoutAKnownRoundTripTimeTheTimeoutHolds) {
    set({});
    silence();
    set({plan("charter", {"9.9.9.9", "1.1.1.1"})});
    burst();
    EXPECT_GE(time_to_death(), 400ms);
}

TEST_F(BurstTest, NeverHasMorePatienceThanTheTimeout) {
    for (const auto timeout : {30ms, 70ms}) {
        auto hasty = plan("charter", {"9.9.9.9", "1.1.1.1"});
        hasty.timeout = timeout;
        set({});
        set({hasty});
        network_.fate = [this](const auto& line, const auto& target, const auto& request) {
            return Packets{network_.reply(line, target, request, 25ms)};
        };
        advance(5s);
        silence();
        burst();
        EXPECT_LE(time_to_death(), 30ms + std::min<std::chrono::milliseconds>(timeout, 50ms) + 1ms);
    }
}

TEST_F(BurstTest, LateAnswersCorrectIt) {
    network_.fate = [this](const auto& line, const auto& target, const auto& request) {
        return Packets{network_.reply(line, target, request, 150ms)};
    };
    burst();
    advance(100ms);
    EXPECT_TRUE(is_dead());
    EXPECT_TRUE(advance(60ms)) << "news";
    EXPECT_FALSE(is_dead());
    EXPECT_EQ(figures().lost, 2U) << "the other two are late as well";
    advance(40ms);
    EXPECT_EQ(figures().lost, 0U);
}

TEST_F(BurstTest, HasTenProbesAtMost) {
    auto patient = plan("charter", {"9.9.9.9"});
    patient.fail_after = 100;
    patient.interval = 60s;
    patient.timeout = 200ms;
    set({patient});
    advance(100s);
    silence();
    network_.sent.clear();
    begin_ = network_.now;
    burst();
    advance(1s);
    EXPECT_GE(asked("9.9.9.9").size(), 10U);
    EXPECT_LE(asked("9.9.9.9").size(), 11U);
}

TEST_F(BurstTest, TheScheduleGoesOn) {
    silence();
    burst();
    advance(2s);
    EXPECT_NEAR(static_cast<double>(asked("9.9.9.9").size()), 10 + 3, 1.01);
}

TEST_F(BurstTest, OfALineThatIsNotThereIsNothing) {
    prober_.burst({"dsl", Family::v4}, network_.now);
    prober_.burst({"charter", Family::v6}, network_.now);
    EXPECT_GT(*prober_.next_deadline(), network_.now);
}

TEST_F(BurstTest, StartsByItselfWhenProbesAreRare) {
    auto metered = plan("charter", {"9.9.9.9", "1.1.1.1"});
    metered.interval = 16s;
    metered.timeout = 1s;
    set({metered});
    advance(100s);
    network_.sent.clear();
    silence();
    while (network_.sent.empty())
        network_.advance(prober_, *prober_.next_deadline());
    begin_ = network_.now;
    EXPECT_LE(time_to_death(), 1s + 30ms + 250ms + 2ms);
    // Nothing more until the next regular ones.
    advance(1s);
    const auto sent = network_.sent.size();
    EXPECT_LE(sent, 2 * 3 + 2U);
    advance(12s);
    EXPECT_LE(network_.sent.size(), sent + 2);
}

TEST_F(BurstTest, DoesNotStartByItselfWhenProbesAreFrequent) {
    auto often = plan("charter", {"9.9.9.9"});
    often.interval = 500ms;
    set({often});
    silence();
    network_.sent.clear();
    advance(10s);
    EXPECT_LE(network_.sent.size(), 22U);
}

/// A second after its first probe was lost: the line's own route may not have been there.
TEST_F(BurstTest, ATargetThatNeverAnsweredIsMadeSureOfOnce) {
    silence();
    auto rare = plan("dsl", {"9.9.9.9"});
    rare.interval = 1s;
    set({rare});
    network_.sent.clear();
    advance(1300ms);
    EXPECT_LE(network_.sent.size(), 3U);
    advance(9s);
    EXPECT_GE(network_.sent.size(), 12U);
    EXPECT_LE(network_.sent.size(), 15U);
}

// ---------------------------------------------------------------- traffic instead of probes

class SparingTest : public ProberTest {
protected:
    SparingTest() {
        plan_ = plan("charter", {"9.9.9.9", "1.1.1.1"});
        plan_.interval = 16s;
        plan_.spares_probes = true;
        set({plan_});
        advance(40s);
        network_.sent.clear();
    }
    void with_traffic(std::chrono::seconds time) {
        for (auto i = 0s; i < time; i += 1s) {
            prober_.note_traffic({"charter", Family::v4}, network_.now);
            advance(1s);
        }
    }
    core::ProbePlan plan_;
};

TEST_F(SparingTest, TrafficThatComesBackStandsForProbes) {
    with_traffic(600s);
    EXPECT_EQ(network_.sent.size(), 0U);
    EXPECT_EQ(figures().consecutive_lost, 0U);
    advance(13s);
    EXPECT_EQ(network_.sent.size(), 0U);
    advance(5s);
    EXPECT_EQ(network_.sent.size(), 2U) << "one interval after the last of it";
}

TEST_F(SparingTest, OnlyWhereThePlanSaysSo) {
    plan_.spares_probes = false;
    set({plan_});
    with_traffic(160s);
    EXPECT_NEAR(static_cast<double>(network_.sent.size()), 20, 3);
    prober_.note_traffic({"dsl", Family::v4}, network_.now);
}

TEST_F(SparingTest, NotForATargetThatDoesNotAnswer) {
    const auto honest = network_.fate;
    network_.fate = [&](const auto& line, const auto& target, const auto& request) {
        return target == address("1.1.1.1") ? Packets{} : honest(line, target, request);
    };
    advance(20s);
    ASSERT_GT(figures("charter", 1).consecutive_lost, 0U);
    network_.sent.clear();
    with_traffic(160s);
    const auto asked = [&](const char* text) {
        return std::ranges::count(network_.sent, address(text),
                                  &testing::FakeNetwork::Sent::target);
    };
    EXPECT_NEAR(static_cast<double>(asked("1.1.1.1")), 10, 2);
    EXPECT_EQ(asked("9.9.9.9"), 0);
}

TEST_F(SparingTest, WhatOneFamilyLosesIsMadeSureOfInBoth) {
    auto other = plan("charter", {"2001:db8::9"}, Family::v6);
    other.interval = plan_.interval;
    set({plan_, other});
    advance(100s);
    silence();
    const auto lost = [&](Family family) { return figures("charter", 0, family).consecutive_lost; };
    const auto begin = network_.now;
    while (lost(Family::v4) + lost(Family::v6) == 0 && network_.now < begin + 20s)
        advance(10ms);
    advance(500ms);
    EXPECT_GE(lost(Family::v4), 3U);
    EXPECT_GE(lost(Family::v6), 3U);
}

TEST_F(SparingTest, ABurstIsAsEver) {
    with_traffic(10s);
    silence();
    prober_.burst({"charter", Family::v4}, network_.now);
    advance(100ms);
    EXPECT_EQ(figures("charter", 0).consecutive_lost, 3U);
    EXPECT_EQ(figures("charter", 1).consecutive_lost, 3U);
}

// ---------------------------------------------------------------- kinds

class KindsTest : public ProberTest {
protected:
    static core::ProbeTarget target(core::ProbeTarget::Kind kind,
                                    std::optional<core::Milliseconds> interval = {}) {
        return {.kind = kind, .address = address("9.9.9.9"), .interval = interval};
    }
    core::ProbePlan mixed(std::vector<core::ProbeTarget> targets) const {
        auto made = plan("charter", {});
        made.targets = std::move(targets);
        return made;
    }
    using Kind = core::ProbeTarget::Kind;
    using Outcomes = std::vector<Outcome>;

    /// Every 10 s, with two seconds for an answer; from the minute's end on there is none.
    void ask_a_web_server_that_dies() {
        auto web = mixed({target(Kind::http)});
        web.interval = 10s;
        web.timeout = 2s;
        set({web});
        advance(60s);
        network_.other_fate = [](const auto&, auto) { return Outcomes{}; };
    }
};

TEST_F(KindsTest, OfOneAddressAreKeptApart) {
    network_.other_fate = [&](const core::ProbeTarget& asked, std::uint16_t sequence) {
        const auto delay = asked.kind == Kind::tcp ? 40ms : 60ms;
        return Outcomes{
            {.sequence = sequence, .target = asked.address, .at = network_.now + delay}};
    };
    set({mixed({target(Kind::icmp), target(Kind::tcp), target(Kind::dns)})});
    advance(10s);
    EXPECT_EQ(figures("charter", 0).rtt_average, 20ms);
    EXPECT_EQ(figures("charter", 1).rtt_average, 40ms);
    EXPECT_EQ(figures("charter", 2).rtt_average, 60ms);
    for (const std::size_t i : {0U, 1U, 2U})
        EXPECT_NEAR(figures("charter", i).received, 50, 3);
}

TEST_F(KindsTest, HaveIntervalsOfTheirOwn) {
    set({mixed({target(Kind::icmp), target(Kind::tcp, 1s)})});
    advance(30s);
    EXPECT_NEAR(figures("charter", 0).sent, 150, 5);
    EXPECT_NEAR(figures("charter", 1).sent, 30, 2);
    // Another interval is no other target.
    set({mixed({target(Kind::icmp), target(Kind::tcp, 100ms)})});
    EXPECT_NEAR(figures("charter", 1).sent, 30, 2);
    advance(1s);
    EXPECT_NEAR(figures("charter", 1).sent, 40, 3);
    EXPECT_EQ(figures("charter", 1).target.interval, 100ms);
}

TEST_F(KindsTest, ARefusalIsALossAtOnce) {
    network_.other_fate = [&](const core::ProbeTarget& asked, std::uint16_t sequence) {
        return Outcomes{{.kind = Outcome::Kind::refused,
                         .sequence = sequence,
                         .target = asked.address,
                         .at = network_.now + 20ms,
                         .text = "connection refused"}};
    };
    set({mixed({target(Kind::tcp)})});
    EXPECT_TRUE(advance(30ms));
    EXPECT_EQ(figures().consecutive_lost, 1U);
    EXPECT_EQ(figures().last_error, "connection refused");
}

TEST_F(KindsTest, AComplaintDoesNotExplainSilenceForEver) {
    network_.other_fate = [&](const core::ProbeTarget& asked, std::uint16_t sequence) {
        return Outcomes{{.kind = Outcome::Kind::refused,
                         .sequence = sequence,
                         .target = asked.address,
                         .at = network_.now + 20ms,
                         .text = "connection refused"}};
    };
    set({mixed({target(Kind::tcp)})});
    advance(1s);
    network_.other_fate = [](const auto&, auto) { return Outcomes{}; };
    advance(2s);
    EXPECT_EQ(figures().last_error, "connection refused");
    advance(2s);
    EXPECT_EQ(figures().last_error, "");
    EXPECT_GT(figures().consecutive_lost, 15U);
}

TEST_F(KindsTest, WhatIsLostIsLetGo) {
    network_.other_fate = [](const auto&, auto) { return Outcomes{}; };
    auto rare = mixed({target(Kind::tcp)});
    rare.interval = 60s;
    set({rare});
    advance(399ms);
    EXPECT_EQ(network_.pending.size(), 1U);
    advance(1ms);
    EXPECT_EQ(network_.pending.size(), 0U) << "without waiting for the next probe";
    advance(1040ms); // it is made sure of
    EXPECT_EQ(network_.pending.size(), 3U);
    advance(400ms);
    EXPECT_EQ(network_.pending.size(), 0U);
}

TEST_F(KindsTest, AHeavyProbeIsAloneOnItsWay) {
    core::Time allowed{};
    bool alone = true;
    network_.other_fate = [&](const core::ProbeTarget& asked, std::uint16_t sequence) {
        alone = alone && network_.now >= allowed;
        allowed = network_.now + 350ms; // the answer comes, or the probe is lost
        return Outcomes{
            {.sequence = sequence, .target = asked.address, .at = network_.now + 350ms}};
    };
    set({mixed({target(Kind::https)})});
    advance(10s);
    EXPECT_TRUE(alone);
    EXPECT_NEAR(figures().received, 25, 3) << "every second is left out";
    network_.other_fate = [&](const auto&, auto) {
        alone = alone && network_.now >= allowed;
        allowed = network_.now + 400ms;
        return Outcomes{};
    };
    advance(1s);
    prober_.burst({"charter", Family::v4}, network_.now);
    advance(3s);
    EXPECT_TRUE(alone);
    EXPECT_GT(figures().consecutive_lost, 5U);
}

TEST_F(KindsTest, ABurstOfHeavyProbesIsOneAfterTheOther) {
    ask_a_web_server_that_dies();
    network_.sent.clear();
    while (network_.sent.empty())
        network_.advance(prober_, *prober_.next_deadline());
    const auto begin = network_.now;
    while (figures().consecutive_lost < 3 && network_.now < begin + 10s)
        advance(1ms);
    EXPECT_LE(network_.now - begin, 2s + 2 * 250ms + 4ms);
    EXPECT_GE(network_.now - begin, 2s + 2 * 250ms);
}

TEST_F(KindsTest, ABurstDoesNotWaitForTheHeavyProbeUnderWay) {
    ask_a_web_server_that_dies();
    network_.sent.clear();
    while (network_.sent.empty())
        network_.advance(prober_, *prober_.next_deadline());
    advance(20ms);
    prober_.burst({"charter", Family::v4}, network_.now);
    const auto begin = network_.now;
    while (figures().consecutive_lost < 3 && network_.now < begin + 10s)
        advance(1ms);
    EXPECT_LE(network_.now - begin, 30ms + 2 * 50ms + 4ms);
    EXPECT_GE(network_.now - begin, 30ms + 2 * 50ms - 1ms);
}

TEST_F(KindsTest, ABurstOfHeavyProbesDoesNotWaitForARegularOneEither) {
    ask_a_web_server_that_dies();
    // The regular one falls due just then.
    const auto due = *prober_.next_deadline();
    network_.now = due;
    prober_.burst({"charter", Family::v4}, due);
    while (figures().consecutive_lost < 3 && network_.now < due + 10s)
        advance(1ms);
    EXPECT_LE(network_.now - due, 3 * 50ms + 4ms);
}

TEST_F(KindsTest, SocketsOfKindsThatAreNoLongerAskedAreClosed) {
    set({mixed({target(Kind::icmp), target(Kind::tcp)})});
    EXPECT_EQ(network_.open_now, 2);
    set({mixed({target(Kind::icmp)})});
    EXPECT_EQ(network_.open_now, 1);
    set({mixed({target(Kind::dns)})});
    EXPECT_EQ(network_.open_now, 1);
    advance(1s);
    EXPECT_GT(figures().received, 3U);
}

} // namespace
} // namespace multihomed::probe
