// SPDX-License-Identifier: GPL-2.0-or-later
//
// Prober in virtual time, on a network that does what the test tells it.
#include "probe/prober.hpp"

#include "probe/fake_network.hpp"

#include <gtest/gtest.h>

#include <set>

namespace multihomed::probe {
namespace {

using namespace std::chrono_literals;
using core::Family;
using Request = std::vector<std::uint8_t>;
using Packets = std::vector<testing::FakeNetwork::Packet>;

core::Address address(const std::string& text) {
    return core::parse_address(text).value();
}

core::ProbePlan plan(const std::string& uplink, std::vector<std::string> targets,
                     Family family = Family::v4) {
    core::ProbePlan made;
    made.key = {uplink, family};
    made.interface = uplink + "0";
    made.ifindex = 10;
    made.source = address(family == Family::v4 ? "192.0.2.1" : "2001:db8::1");
    for (const std::string& target : targets)
        made.targets.push_back({.address = address(target)});
    made.interval = 200ms;
    made.timeout = 400ms;
    return made;
}

class ProberTest : public ::testing::Test {
protected:
    core::TargetFigures figures(const char* uplink = "charter", std::size_t target = 0,
                                Family family = Family::v4) {
        return prober_.figures(network_.now).at({uplink, family}).at(target);
    }
    void set(const std::vector<core::ProbePlan>& plans) { prober_.set_plan(plans, network_.now); }
    bool advance(std::chrono::milliseconds time) { return network_.advance(prober_, time); }
    /// From now on nothing comes back.
    void silence() {
        network_.fate = [](const auto&, const auto&, const auto&) { return Packets{}; };
    }
    /// From now on every reply is altered like this.
    void forge(const std::function<void(testing::FakeNetwork::Packet&)>& alter) {
        network_.fate = [this, alter](const auto& line, const auto& target, const auto& request) {
            auto packet = network_.reply(line, target, request, 20ms);
            alter(packet);
            return Packets{packet};
        };
    }

    testing::FakeNetwork network_;
    Prober prober_{network_.factory()};
};

TEST_F(ProberTest, HasNothingToDoWithoutAPlan) {
    EXPECT_EQ(prober_.next_deadline(), std::nullopt);
    EXPECT_TRUE(prober_.figures(network_.now).empty());
}

TEST_F(ProberTest, ProbesEveryTargetAtItsRate) {
    set({plan("charter", {"9.9.9.9", "1.1.1.1"}), plan("att", {"2620:fe::fe"}, Family::v6)});
    advance(60s);
    for (const auto& [uplink, target, family] : {std::tuple{"charter", 0, Family::v4},
                                                 {"charter", 1, Family::v4},
                                                 {"att", 0, Family::v6}}) {
        const auto found = figures(uplink, static_cast<std::size_t>(target), family);
        EXPECT_NEAR(found.sent, 300, 6);
        EXPECT_EQ(found.lost, 0U);
        EXPECT_GE(found.received + 1, found.sent);
        EXPECT_EQ(found.rtt_average, 20ms);
        EXPECT_EQ(found.rtt_deviation, 0ms);
        EXPECT_EQ(found.last_error, "");
    }
}

TEST_F(ProberTest, TargetsDoNotFallIntoStep) {
    set({plan("charter", {"9.9.9.9", "1.1.1.1", "8.8.8.8", "4.2.2.1"})});
    advance(60s);
    std::map<core::Address, std::vector<core::Time>> times;
    for (const auto& sent : network_.sent)
        times[sent.target].push_back(sent.at);
    EXPECT_GT(times[address("1.1.1.1")].at(0), times[address("9.9.9.9")].at(0));
    std::set<core::Time::duration> gaps;
    const auto& first = times[address("9.9.9.9")];
    for (std::size_t i = 1; i < first.size(); ++i) {
        gaps.insert(first[i] - first[i - 1]);
        EXPECT_GE(first[i] - first[i - 1], 170ms);
        EXPECT_LE(first[i] - first[i - 1], 230ms);
    }
    EXPECT_GT(gaps.size(), 20U) << "jittered";
}

TEST_F(ProberTest, SteadyAnswersAreNoNews) {
    set({plan("charter", {"9.9.9.9"})});
    EXPECT_TRUE(advance(100ms)) << "the first answer";
    EXPECT_FALSE(advance(60s));
}

TEST_F(ProberTest, NoticesSilenceInTime) {
    set({plan("charter", {"9.9.9.9"})});
    advance(30s);
    silence();
    const core::Time begin = network_.now;
    while (figures().consecutive_lost < 3 && network_.now < begin + 5s)
        network_.advance(prober_, std::max(network_.now + 1ms, *prober_.next_deadline()));
    EXPECT_LE(network_.now - begin, 3 * 220ms + 400ms + 20ms);
    EXPECT_TRUE(advance(300ms)) << "each further loss is news";
}

TEST_F(ProberTest, RecoveryIsNews) {
    set({plan("charter", {"9.9.9.9"})});
    const auto honest = network_.fate;
    advance(1s);
    silence();
    EXPECT_TRUE(advance(10s));
    EXPECT_GT(figures().consecutive_lost, 40U);
    network_.fate = honest;
    EXPECT_TRUE(advance(300ms));
    EXPECT_EQ(figures().consecutive_lost, 0U);
    advance(500ms);
    EXPECT_FALSE(advance(10s));
}

TEST_F(ProberTest, LateRepliesCorrectTheFigures) {
    network_.fate = [this](const auto& line, const auto& target, const auto& request) {
        return Packets{network_.reply(line, target, request, 700ms)};
    };
    set({plan("charter", {"9.9.9.9"})});
    advance(30s);
    EXPECT_LE(figures().lost, 3U) << "those whose replies are still on the way";
    EXPECT_EQ(figures().rtt_average, 700ms);
}

TEST_F(ProberTest, DuplicatesCountOnce) {
    network_.fate = [this](const auto& line, const auto& target, const auto& request) {
        return Packets{network_.reply(line, target, request, 20ms),
                       network_.reply(line, target, request, 90ms)};
    };
    set({plan("charter", {"9.9.9.9"})});
    advance(10s);
    EXPECT_LE(figures().received, figures().sent);
    EXPECT_EQ(figures().rtt_average, 20ms);
}

TEST_F(ProberTest, TakesOnlyOurReplies) {
    const auto header = 20U;
    const auto resealed = [](auto& packet) {
        packet.bytes = testing::FakeNetwork::behind_ipv4_header(
            testing::FakeNetwork::with_checksum({packet.bytes.begin() + 20, packet.bytes.end()}));
    };
    const std::pair<const char*, std::function<void(testing::FakeNetwork::Packet&)>> forgeries[] = {
        {"another cookie", [&](auto& p) { p.bytes[header + 15] ^= 1, resealed(p); }},
        {"another identifier", [&](auto& p) { p.bytes[header + 4] ^= 1, resealed(p); }},
        {"a sequence number never sent",
         [&](auto& p) { p.bytes[header + 6] ^= 0x40, resealed(p); }},
        {"another sender", [](auto& p) { p.from = address("203.0.113.66"); }},
        {"our own request", [&](auto& p) { p.bytes[header] = 8, resealed(p); }},
        {"a wrong checksum", [](auto& p) { p.bytes[header + 2] ^= 1; }},
        {"an empty packet", [](auto& p) { p.bytes.clear(); }},
    };
    for (const auto& [what, alter] : forgeries) {
        set({});
        forge(alter);
        set({plan("charter", {"9.9.9.9"})});
        advance(3s);
        EXPECT_GT(figures().lost, 10U) << what;
        EXPECT_EQ(figures().received, 0U) << what;
        EXPECT_FALSE(figures().ever_received) << what;
    }
}

TEST_F(ProberTest, LossIsCounted) {
    unsigned sent = 0;
    network_.fate = [&](const auto& line, const auto& target, const auto& request) {
        return ++sent % 4 == 0 ? Packets{} : Packets{network_.reply(line, target, request, 20ms)};
    };
    set({plan("charter", {"9.9.9.9"})});
    advance(60s);
    EXPECT_NEAR(figures().lost, figures().sent / 4.0, 2.0);
    EXPECT_LE(figures().consecutive_lost, 1U);
}

TEST_F(ProberTest, AnOwnerThatWasBusySeesNoLossesOfItsOwnMaking) {
    set({plan("charter", {"9.9.9.9"})});
    advance(10s);
    const auto sent = network_.sent.size();
    advance(
        *prober_.next_deadline() - network_.now >= 1ms
            ? std::chrono::ceil<std::chrono::milliseconds>(*prober_.next_deadline() - network_.now)
            : 1ms);
    ASSERT_GT(network_.sent.size(), sent);
    network_.oversleep(900ms); // the reply came after 20 ms and waits
    prober_.on_time(network_.now);
    EXPECT_EQ(figures().lost, 0U);
    EXPECT_EQ(figures().rtt_average, 20ms);
    EXPECT_EQ(figures().rtt_deviation, 0ms);
}

TEST_F(ProberTest, FiguresLookAtWhatWaitsUnread) {
    set({plan("charter", {"9.9.9.9"})});
    advance(1ms);
    network_.oversleep(900ms);
    EXPECT_EQ(figures().lost, 0U);
    EXPECT_EQ(figures().received, 1U);
    EXPECT_TRUE(prober_.on_time(network_.now)) << "the first answer is still news to be told";
}

TEST_F(ProberTest, NoBurstsAfterSleep) {
    set({plan("charter", {"9.9.9.9"})});
    advance(5s);
    const auto sent = network_.sent.size();
    network_.oversleep(10s);
    advance(1ms);
    EXPECT_LE(network_.sent.size(), sent + 1);
    advance(1s);
    EXPECT_LE(network_.sent.size(), sent + 7);
}

TEST_F(ProberTest, ManyTargetsDoNotMeanManyWakeups) {
    std::vector<core::ProbePlan> plans;
    for (int line = 0; line < 64; ++line) {
        auto made = plan("line" + std::to_string(line), {});
        for (int target = 1; target <= 8; ++target)
            made.targets.push_back({.address = address("203.0.113." + std::to_string(target))});
        plans.push_back(made);
    }
    silence();
    set(plans);
    advance(1s);
    network_.wakeups = 0;
    network_.sent.clear();
    advance(2s);
    EXPECT_NEAR(static_cast<double>(network_.sent.size()), 64 * 8 * 5 * 2, 64 * 8);
    EXPECT_LT(network_.wakeups, 2U * 1000U);
}

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
            EXPECT_EQ(std::ranges::count(times, step), 1) << target << " " << step.count();
        EXPECT_LE(times.size(), 4U);
    }
    EXPECT_LE(asked("9.9.9.9", "att").size(), 1U);
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
    EXPECT_LE(time_to_death(), 1s + 30ms + 50ms + 2ms);
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

TEST_F(BurstTest, ATargetThatNeverAnsweredStartsNone) {
    silence();
    auto rare = plan("dsl", {"9.9.9.9"});
    rare.interval = 1s;
    set({rare});
    network_.sent.clear();
    advance(10s);
    EXPECT_LE(network_.sent.size(), 12U);
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
    advance(14s);
    EXPECT_EQ(network_.sent.size(), 0U);
    advance(4s);
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

TEST_F(KindsTest, WhatIsLostIsLetGo) {
    network_.other_fate = [](const auto&, auto) { return Outcomes{}; };
    auto rare = mixed({target(Kind::tcp)});
    rare.interval = 60s;
    set({rare});
    advance(399ms);
    EXPECT_EQ(network_.pending.size(), 1U);
    advance(1ms);
    EXPECT_EQ(network_.pending.size(), 0U) << "without waiting for the next probe";
    prober_.burst({"charter", Family::v4}, network_.now);
    advance(40ms);
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
    auto web = mixed({target(Kind::http)});
    web.interval = 10s;
    web.timeout = 2s;
    set({web});
    advance(60s);
    network_.other_fate = [](const auto&, auto) { return Outcomes{}; };
    network_.sent.clear();
    while (network_.sent.empty())
        network_.advance(prober_, *prober_.next_deadline());
    const auto begin = network_.now;
    while (figures().consecutive_lost < 3 && network_.now < begin + 10s)
        advance(1ms);
    EXPECT_LE(network_.now - begin, 2s + 2 * 50ms + 4ms);
    EXPECT_GE(network_.now - begin, 2s + 2 * 50ms);
}

TEST_F(KindsTest, ABurstDoesNotWaitForTheHeavyProbeUnderWay) {
    auto web = mixed({target(Kind::http)});
    web.interval = 10s;
    web.timeout = 2s;
    set({web});
    advance(60s);
    network_.other_fate = [](const auto&, auto) { return Outcomes{}; };
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
    auto web = mixed({target(Kind::http)});
    web.interval = 10s;
    web.timeout = 2s;
    set({web});
    advance(60s);
    network_.other_fate = [](const auto&, auto) { return Outcomes{}; };
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

// ---------------------------------------------------------------- trouble with sockets

TEST_F(ProberTest, ASocketThatCannotBeOpenedLosesEveryProbe) {
    network_.open_error = "binding to the source address: Cannot assign requested address";
    set({plan("charter", {"9.9.9.9"})});
    advance(1s);
    EXPECT_GE(figures().consecutive_lost, 4U);
    EXPECT_EQ(figures().last_error, network_.open_error);
    network_.open_error.clear();
    EXPECT_TRUE(advance(1s)) << "tried again with each probe";
    EXPECT_EQ(figures().consecutive_lost, 0U);
    EXPECT_EQ(figures().last_error, "");
}

TEST_F(ProberTest, AProbeThatCannotBeSentIsLost) {
    set({plan("charter", {"9.9.9.9"})});
    advance(1s);
    network_.send_error = "Network is unreachable";
    EXPECT_TRUE(advance(650ms));
    EXPECT_GE(figures().consecutive_lost, 2U) << "without waiting for the timeout";
    EXPECT_EQ(figures().last_error, "Network is unreachable");
    network_.send_error.clear();
    advance(300ms);
    EXPECT_EQ(figures().last_error, "");
}

TEST_F(ProberTest, ComplaintsOfRoutersAreShown) {
    const auto honest = network_.fate;
    network_.fate = [this](const auto& line, const auto& target, const Request& request) {
        Request error{3, 1, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0};
        for (const auto& end : {line.source, target}) {
            const auto bytes = core::address_bytes(end);
            error.insert(error.end(), bytes.begin(), bytes.begin() + 4);
        }
        error.insert(error.end(), request.begin(), request.end());
        return Packets{{network_.now + 10ms, address("203.0.113.1"),
                        testing::FakeNetwork::behind_ipv4_header(error)}};
    };
    set({plan("charter", {"9.9.9.9"})});
    advance(2s);
    EXPECT_EQ(figures().last_error, "host unreachable, says 203.0.113.1");
    EXPECT_GT(figures().consecutive_lost, 4U);
    network_.fate = honest;
    advance(300ms);
    EXPECT_EQ(figures().last_error, "");
}

// ---------------------------------------------------------------- changes of the plan

TEST_F(ProberTest, WhatStaysKeepsSocketAndWindow) {
    set({plan("charter", {"9.9.9.9"}), plan("att", {"9.9.9.9"})});
    advance(10s);
    const auto before = figures().sent;
    auto changed = plan("charter", {"1.1.1.1", "9.9.9.9"});
    changed.timeout = 300ms;
    set({changed});
    EXPECT_EQ(network_.opened, 2);
    EXPECT_EQ(network_.open_now, 1) << "att's is closed";
    EXPECT_EQ(figures("charter", 0).sent, 0U);
    EXPECT_EQ(figures("charter", 1).sent, before);
    EXPECT_EQ(prober_.figures(network_.now).size(), 1U);
}

TEST_F(ProberTest, AnotherPathBeginsAnew) {
    set({plan("charter", {"9.9.9.9"})});
    silence();
    advance(10s);
    for (const bool source : {true, false}) {
        auto changed = plan("charter", {"9.9.9.9"});
        if (source)
            changed.source = address("192.0.2.77");
        else
            changed.ifindex = 77;
        set({changed});
        EXPECT_EQ(figures().consecutive_lost, 0U);
        EXPECT_EQ(figures().sent, 0U);
        EXPECT_EQ(network_.open_now, 1);
        advance(10s);
    }
    EXPECT_EQ(network_.opened, 3);
}

TEST_F(ProberTest, AShorterIntervalCountsAtOnce) {
    auto slow = plan("charter", {"9.9.9.9"});
    slow.interval = 60s;
    set({slow});
    advance(1s);
    EXPECT_EQ(network_.sent.size(), 1U);
    set({plan("charter", {"9.9.9.9"})});
    advance(2s);
    EXPECT_GE(network_.sent.size(), 9U);
}

} // namespace
} // namespace multihomed::probe
