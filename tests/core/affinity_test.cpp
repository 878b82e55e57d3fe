// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which marks the uplinks get, and which flows are owed with and without them.
#include "core/affinity.hpp"
#include "core/builders.hpp"
#include "core/lower.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace multihomed::test {
namespace {

using namespace core;
using namespace std::chrono_literals;

Config uplinks(unsigned count) {
    Config config;
    for (unsigned i = 0; i < count; ++i)
        config.uplinks.push_back(uplink(("u" + std::to_string(i)).c_str(), "eth0"));
    return config;
}

TEST(Marks, EveryNumberIsAnotherMarkWithinTheMask) {
    for (const std::uint32_t mask : {0x3f000000U, 0x80000001U, 0xffU, 0x00050a00U}) {
        std::set<std::uint32_t> seen;
        for (std::uint32_t number = 1; number <= mark_capacity(mask); ++number) {
            const std::uint32_t mark = mark_of(number, mask);
            EXPECT_EQ(mark & ~mask, 0U);
            EXPECT_NE(mark, 0U);
            seen.insert(mark);
        }
        EXPECT_EQ(seen.size(), mark_capacity(mask));
    }
    EXPECT_EQ(mark_capacity(0xffffffff), 0xffffffffU);
    EXPECT_EQ(mark_of(5, kDefaultMarkMask), 0x05000000U);
}

TEST(Marks, NumbersStayAndFreeOnesAreGivenAgain) {
    Config config = uplinks(3);
    auto numbers = assign_marks(config, {});
    EXPECT_EQ(numbers, (MarkNumbers{{"u0", 1}, {"u1", 2}, {"u2", 3}}));
    numbers.erase("u1");
    config.uplinks[1].name = "other";
    EXPECT_EQ(assign_marks(config, numbers), (MarkNumbers{{"u0", 1}, {"other", 2}, {"u2", 3}}));
    config.flow_affinity = false;
    EXPECT_TRUE(assign_marks(config, numbers).empty());
}

TEST(Marks, WhenTheMaskIsFullTheRestGetNone) {
    Config config = uplinks(5);
    config.mark_mask = 0x3;
    const auto numbers = assign_marks(config, {{"u4", 3}, {"u3", 77}});
    EXPECT_EQ(numbers, (MarkNumbers{{"u0", 1}, {"u1", 2}, {"u4", 3}}));
}

class Affinity : public ::testing::Test {
protected:
    Router router = proven_office();

    std::set<std::uint32_t> stale_marks() const {
        std::set<std::uint32_t> marks;
        for (const StaleFlows& stale : router.last.stale)
            marks.insert(stale.mark);
        return marks;
    }
};

TEST_F(Affinity, OnlyADeadLineOwesItsFlows) {
    router.fall_silent("charter");
    router.decide_after(1s);
    EXPECT_EQ(stale_marks(), std::set<std::uint32_t>{0x01000000});
    for (auto& [key, line] : router.history.lines)
        line.owes_flows = false;
    router.answer("charter");
    router.decide_after(1s);
    router.decide_after(6s);
    EXPECT_EQ(router.carrying(), std::vector<std::string>{"charter"});
    EXPECT_TRUE(router.last.stale.empty()) << "what began on att stays there";
    router.fall_silent("att");
    router.decide_after(1s);
    EXPECT_EQ(stale_marks(), std::set<std::uint32_t>{0x02000000})
        << "although att has carried nothing new for long";
}

TEST_F(Affinity, ALineThatRecoversBeforeItsFlowsAreForgottenKeepsThem) {
    router.fall_silent("charter");
    router.decide_after(1s);
    router.answer("charter");
    router.decide_after(1s);
    EXPECT_EQ(router.state("charter"), State::hold);
    EXPECT_TRUE(router.last.stale.empty());
}

// Without the mark they would be taken for the carrying line's, which they cannot leave by.
TEST_F(Affinity, WithAnotherMaskFlowsOnOtherLinesBeginAnew) {
    router.config.mark_mask = 0xfc00;
    router.decide_after(1s);
    ASSERT_EQ(router.history.vanished.size(), 2U) << "att's, of both families";
    for (const StaleFlows& stale : router.history.vanished) {
        EXPECT_EQ(stale.line.uplink, "att");
        EXPECT_EQ(stale.mark, 0x02000000U);
        EXPECT_EQ(stale.mask, kDefaultMarkMask);
    }
    EXPECT_EQ(stale_marks(), std::set<std::uint32_t>{0x02000000});
    router.history.vanished.clear(); // forgotten
    router.decide_after(1s);
    EXPECT_TRUE(stale_marks().empty()) << "once";
}

TEST_F(Affinity, ShutdownMovesTheFlows) {
    router.uplink("charter").shutdown = true;
    router.decide_after(1s);
    EXPECT_EQ(stale_marks(), std::set<std::uint32_t>{0x01000000});
}

TEST_F(Affinity, StockZebraComparesTheWholeMark) {
    router.seen.dataplane.module = false;
    const Lowered lowered =
        lower(router.last.desired.rules, internal_prefixes(router.config), router.seen);
    std::size_t marked = 0;
    for (const Rule& rule : lowered.rules) {
        marked += rule.mark != 0;
        EXPECT_TRUE(rule.mark == 0 || rule.mask == UINT32_MAX);
    }
    EXPECT_GT(marked, 0U);
    EXPECT_EQ(lowered.losses.size(), 2U);
}

} // namespace
} // namespace multihomed::test
