// SPDX-License-Identifier: GPL-2.0-or-later
//
// Health and choice over generated histories of loss, delay, outages, late answers and a process
// that oversleeps: real prober, virtual time. MULTIHOME_SIM_SEED and MULTIHOME_SIM_HISTORIES as in
// simulation_test.cpp.
#include "sim/health_histories.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace multihomed::sim {
namespace {

using namespace core;
using namespace std::chrono_literals;

std::size_t from_environment(const char* name, std::size_t fallback) {
    const char* text = std::getenv(name);
    return text ? std::strtoul(text, nullptr, 10) : fallback;
}

/// A few where sanitizers watch, thousands where there is time.
#ifdef MULTIHOME_SIM_THOUSANDS
constexpr std::size_t kHistories = 1'000;
constexpr std::size_t kSeeds = 100;
#else
constexpr std::size_t kHistories = 20;
constexpr std::size_t kSeeds = 3;
#endif

Path any_path(Random& random) {
    Path path;
    switch (random.below(6)) {
    case 0:
        path.silent = true;
        break;
    case 1:
        path.loss = static_cast<unsigned>(random.below(70));
        break;
    case 2:
        path.delay = random.between(100, 1'200); // later than the timeout, too
        break;
    case 3:
        path.jitter = random.between(1, 800);
        break;
    default:
        break;
    }
    return path;
}

/// One history: what was found wrong, or nothing.
std::string run(std::uint64_t seed) {
    Random random(seed);
    const std::size_t lines = 2 + random.below(2);
    LossyOffice office(lines, random);
    if (random.percent(30))
        office.ask_shared_target();
    for (Uplink& uplink : office.config().uplinks) {
        if (random.percent(20))
            uplink.profile = "fast";
        if (random.percent(20))
            uplink.probing[Knob::latency_low] = 150;
        if (random.percent(10))
            uplink.probing[Knob::quorum] = kQuorumAll;
    }
    office.start();
    const auto steps = 5 + random.below(25);
    for (std::size_t i = 0; i < steps; ++i) {
        const auto line = random.below(lines);
        office.path(line) = any_path(random);
        office.share_target(random.percent(10));
        if (random.percent(10))
            office.oversleep(random.between(1, 5'000));
        office.pass(random.between(50, random.percent(50) ? 2'000 : 15'000));
    }
    if (office.wrong().empty() && office.willing_moves() > 4 * lines)
        return "it went back " + std::to_string(office.willing_moves()) + " times";
    for (std::size_t line = 0; line < lines; ++line)
        office.path(line) = {};
    office.share_target(false);
    office.pass(20s);
    office.wait_for_holds();
    if (office.wrong().empty() && office.carrier() != 0)
        return "in the end line " + std::to_string(office.carrier()) +
               " carries; line 0: " + to_string(office.state(0)) + ", " + office.reason(0);
    return office.wrong();
}

TEST(HealthHistories, PromisesHold) {
    const std::size_t first = from_environment("MULTIHOME_SIM_SEED", 0);
    const std::size_t count = std::getenv("MULTIHOME_SIM_SEED")
                                  ? 1
                                  : from_environment("MULTIHOME_SIM_HISTORIES", kHistories);
    for (std::size_t seed = first; seed < first + count; ++seed)
        ASSERT_EQ(run(seed), "") << "MULTIHOME_SIM_SEED=" << seed;
}

TEST(HealthHistories, RandomLossOfThirtyPercentMovesTheDefaultTwiceAtMost) {
    for (std::size_t seed = 0; seed < kSeeds; ++seed) {
        Random random(seed);
        LossyOffice office(2, random);
        office.start();
        office.pass(10s);
        office.path(0).loss = 30;
        office.pass(5min);
        EXPECT_EQ(office.carrier(), 1) << "seed " << seed << ": " << office.reason(0);
        EXPECT_EQ(office.moves(), 1U) << "seed " << seed;
        office.path(0).loss = 0;
        office.pass(60s);
        EXPECT_LE(office.moves(), 2U) << "seed " << seed;
    }
}

TEST(HealthHistories, AnAlternatingLineMovesTheDefaultThreeTimesAtMost) {
    for (const char* profile : {"default", "fast"})
        for (std::size_t seed = 0; seed < kSeeds; ++seed) {
            Random random(seed);
            LossyOffice office(2, random);
            office.config().uplinks[0].profile = profile;
            office.start();
            office.pass(10s + random.between(0, 1'000));
            for (int i = 0; i < 75; ++i) {
                office.path(0).silent = true;
                office.pass(2s);
                office.path(0).silent = false;
                office.pass(2s);
            }
            EXPECT_LE(office.moves(), 3U) << "seed " << seed << " " << profile;
        }
}

TEST(HealthHistories, NoiseMovesTheDefaultAHandfulOfTimesAnHour) {
    // in 400 such hours: 1 to 9 moves, 3.4 on average
    constexpr std::size_t kHours = kSeeds / 5 + 1;
    std::size_t moves = 0;
    for (std::size_t seed = 0; seed < kHours; ++seed) {
        Random random(seed);
        LossyOffice office(2, random);
        office.config().uplinks[0].probing[Knob::latency_low] = 60;
        office.start();
        office.pass(10s);
        const std::size_t before = office.moves();
        const Time end = office.now() + 1h;
        while (office.now() < end) {
            Path& path = office.path(0);
            path = {.loss = static_cast<unsigned>(random.below(15)),
                    .delay = random.between(10, 90),
                    .jitter = random.between(0, 60)};
            if (random.percent(5))
                path.silent = true;
            office.pass(path.silent ? random.between(200, 3'000) : random.between(1'000, 40'000));
        }
        EXPECT_LE(office.moves() - before, 9U) << "seed " << seed;
        moves += office.moves() - before;
    }
    EXPECT_LE(moves, 5 * kHours);
}

TEST(HealthHistories, OneSlowLineDelaysNobody) {
    Random random(1);
    LossyOffice office(3, random);
    office.start();
    office.pass(10s);
    office.path(2).delay = 350ms; // just in time, always
    office.pass(10s);
    const Time began = office.now();
    office.path(0).silent = true;
    while (office.carrier() == 0 && office.now() < began + 5s)
        office.pass(20ms);
    EXPECT_EQ(office.carrier(), 1);
    EXPECT_LE(office.now() - began, 1'100ms);
}

TEST(HealthHistories, ASharedTargetThatDiesMovesNothing) {
    for (std::size_t seed = 0; seed < kSeeds; ++seed) {
        Random random(seed);
        LossyOffice office(2, random);
        for (Uplink& uplink : office.config().uplinks)
            uplink.probes.clear();
        office.ask_shared_target();
        office.start();
        office.pass(10s + random.between(0, 1'000));
        office.share_target(true);
        office.pass(60s);
        EXPECT_EQ(office.carrier(), 0) << "seed " << seed << ": " << office.reason(0);
        EXPECT_EQ(office.moves(), 0U) << "seed " << seed;
        EXPECT_NE(office.reason(0).find("fails on every line"), std::string::npos)
            << office.reason(0);
    }
}

TEST(HealthHistories, NeverFailingBackIsTakenAtItsWord) {
    Random random(1);
    LossyOffice office(2, random);
    office.config().failback.policy = Failback::Policy::never;
    office.start();
    office.pass(10s);
    office.path(0).silent = true;
    office.pass(5s);
    ASSERT_EQ(office.carrier(), 1);
    office.path(0).silent = false;
    office.pass(60s);
    EXPECT_EQ(office.state(0), State::up);
    EXPECT_EQ(office.carrier(), 1);
    office.path(1).silent = true;
    office.pass(5s);
    EXPECT_EQ(office.carrier(), 0);
}

} // namespace
} // namespace multihomed::sim
