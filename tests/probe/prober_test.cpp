// SPDX-License-Identifier: GPL-2.0-or-later
//
// Prober in virtual time: schedule, losses, trouble with sockets, changes of the plan.
#include "probe/prober_fixture.hpp"

#include <set>

namespace multihomed::probe {
namespace {

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

TEST_F(ProberTest, AnswersThatComeThickAreTakenInTogether) {
    std::minstd_rand random(1);
    network_.fate = [&](const auto& line, const auto& target, const auto& request) {
        return Packets{network_.reply(line, target, request, 10ms + 1ms * (random() % 20))};
    };
    std::vector<core::ProbePlan> plans;
    for (int i = 0; i < 64; ++i)
        plans.push_back(plan("line" + std::to_string(i), {"9.9.9.9", "1.1.1.1"}));
    set(plans);
    advance(5s);
    network_.readings = 0;
    advance(10s);
    EXPECT_LT(network_.readings, 10s / 5ms) << "of 6400 answers";
    for (const core::ProbePlan& each : plans) {
        const auto seen = figures(each.key.uplink.c_str());
        EXPECT_EQ(seen.lost, 0U);
        EXPECT_GE(seen.rtt_average, 15ms);
        EXPECT_LE(seen.rtt_average, 25ms) << "the time of arrival counts, not of reading";
    }
    set({plans.front()});
    network_.readings = 0;
    advance(10s);
    EXPECT_GT(network_.readings, 50U) << "a few are taken in as they come";
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
