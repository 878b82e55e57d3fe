// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/builders.hpp"
#include "core/choice.hpp"

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using namespace core;
using Names = std::vector<std::string>;

/// Lines with given states and preferences; every one has what it takes to carry.
class ChoiceTest : public ::testing::Test {
protected:
    Config config;
    std::vector<Line> lines;
    std::map<ProbeKey, Health> health;

    ChoiceTest() { config.uplinks.reserve(16); }

    void add(const char* name, State state, std::uint32_t preference, Family family = Family::v4) {
        config.uplinks.push_back(uplink(name, name));
        config.uplinks.back().preference = preference;
        Line& line = lines.emplace_back();
        line.uplink = &config.uplinks.back();
        line.family = family;
        health[line.key()] = {.state = state, .dead = state == State::down};
    }
    Choice choose(LastResort last_resort = LastResort::keep, Family family = Family::v4) const {
        return core::choose(lines, health, family, {.last_resort = last_resort});
    }
    static Names names(const std::vector<const Line*>& chosen) {
        Names found;
        for (const Line* line : chosen)
            found.push_back(line->uplink->name);
        return found;
    }
};

TEST_F(ChoiceTest, ThePreferredOfThoseThatAreUp) {
    add("b", State::up, 20);
    add("a", State::up, 10);
    add("c", State::up, 30);
    const Choice choice = choose();
    EXPECT_EQ(names(choice.carrying), Names{"a"});
    EXPECT_EQ(names(choice.standby), Names{"b"});
    EXPECT_EQ(choice.reason, "the best line that is up, preference 10");
}

TEST_F(ChoiceTest, EqualsCarryTogetherAndStandByTogether) {
    for (const char* name : {"a", "b"})
        add(name, State::up, 10);
    for (const char* name : {"c", "d"})
        add(name, State::up, 20);
    add("e", State::up, 30);
    const Choice choice = choose();
    EXPECT_EQ(names(choice.carrying), (Names{"a", "b"}));
    EXPECT_EQ(names(choice.standby), (Names{"c", "d"}));
    EXPECT_EQ(choice.reason, "the best line that is up, preference 10, shared by 2 lines");
}

TEST_F(ChoiceTest, HealthComesBeforePreference) {
    add("down", State::down, 1);
    add("hold", State::hold, 2);
    add("degraded", State::degraded, 3);
    add("up", State::up, 4);
    EXPECT_EQ(names(choose().carrying), Names{"up"});
    EXPECT_EQ(names(choose().standby), Names{"degraded"});
    health[{"up", Family::v4}].state = State::down;
    EXPECT_EQ(names(choose().carrying), Names{"degraded"});
    EXPECT_EQ(names(choose().standby), Names{"hold"});
    health[{"degraded", Family::v4}].state = State::down;
    EXPECT_EQ(names(choose().carrying), Names{"hold"});
    EXPECT_TRUE(choose().standby.empty()) << "a dead line does not stand by";
}

TEST_F(ChoiceTest, InitCountsAsUp) {
    add("new", State::init, 10);
    add("proven", State::up, 20);
    EXPECT_EQ(names(choose().carrying), Names{"new"});
    EXPECT_EQ(choose().reason, "assumed good until probes say otherwise, preference 10");
}

TEST_F(ChoiceTest, TheLastResortKeepsTheBestOfTheDead) {
    add("a", State::down, 10);
    add("b", State::down, 20);
    EXPECT_EQ(names(choose().carrying), Names{"a"});
    EXPECT_TRUE(choose().standby.empty());
    EXPECT_EQ(choose().reason,
              "no line passes its probes; last resort keeps the default, preference 10");
}

TEST_F(ChoiceTest, TheLastResortWithdrawsWhenTold) {
    add("a", State::down, 10);
    add("b", State::hold, 20);
    EXPECT_EQ(names(choose(LastResort::withdraw).carrying), Names{"b"});
    health[{"b", Family::v4}].state = State::down;
    EXPECT_TRUE(choose(LastResort::withdraw).carrying.empty());
    EXPECT_TRUE(choose(LastResort::withdraw).standby.empty());
    EXPECT_EQ(choose(LastResort::withdraw).reason,
              "no line passes its probes; last resort withdraws the default");
}

TEST_F(ChoiceTest, ALineThatCannotCarryIsNoResort) {
    add("a", State::no_carrier, 1);
    add("b", State::no_address, 1);
    add("c", State::no_gateway, 1);
    add("d", State::shutdown, 1);
    EXPECT_TRUE(choose().carrying.empty());
    EXPECT_TRUE(choose().standby.empty());
    EXPECT_EQ(choose().reason, "no line has carrier, address and gateway");
    add("e", State::down, 9);
    EXPECT_EQ(names(choose().carrying), Names{"e"});
    EXPECT_TRUE(choose().standby.empty());
}

TEST_F(ChoiceTest, ABlockedLineIsPassedOverWhateverItsState) {
    add("a", State::up, 1);
    lines[0].blocked = Blocked{State::no_carrier, "no carrier"};
    add("b", State::down, 2);
    EXPECT_EQ(names(choose().carrying), Names{"b"});
}

// A preferred line that comes and goes must not take the traffic back from one that stays.
TEST_F(ChoiceTest, OfThoseOnHoldTheOneThatHasLastedLongest) {
    add("preferred", State::hold, 10);
    add("steady", State::hold, 20);
    health[{"preferred", Family::v4}].since = at(std::chrono::seconds(9));
    health[{"steady", Family::v4}].since = at(std::chrono::seconds(8));
    EXPECT_EQ(names(choose().carrying), Names{"steady"});
    EXPECT_EQ(names(choose().standby), Names{"preferred"});
    health[{"preferred", Family::v4}].since = at(std::chrono::seconds(8));
    EXPECT_EQ(names(choose().carrying), Names{"preferred"}) << "preference decides between equals";
}

TEST_F(ChoiceTest, HowLongALineHasBeenUpCountsForNothing) {
    add("old", State::up, 20);
    add("new", State::up, 10);
    health[{"new", Family::v4}].since = at(std::chrono::seconds(9));
    EXPECT_EQ(names(choose().carrying), Names{"new"});
}

TEST_F(ChoiceTest, FlowsWaitForTheirLineIfAnotherOneIsMerelyTheFirst) {
    using namespace std::chrono_literals;
    const Time back{10s};
    add("a", State::down, 10);
    Line& line = lines[0];
    line.probing.values[static_cast<std::size_t>(Knob::interval)] = 200;
    EXPECT_EQ(better_off_since(line, back - 5s, back), back + 400ms) << "two of its own probes";
    EXPECT_EQ(better_off_since(line, back, back), back + 400ms);
    EXPECT_EQ(better_off_since(line, back + 1ms, back), back)
        << "another one was there when it failed";
    EXPECT_EQ(better_off_since(line, std::nullopt, back), back);
    EXPECT_EQ(better_off_since(line, back, std::nullopt), std::nullopt);
    line.probing.values[static_cast<std::size_t>(Knob::interval)] = 60'000;
    EXPECT_EQ(better_off_since(line, back - 5s, back), back + 3s) << "never for long";
}

TEST_F(ChoiceTest, AFamilyIsCarriedFromWhenALineThatIsNotDeadIs) {
    using namespace std::chrono_literals;
    const Time then{10s};
    const auto since = [&](const std::optional<Time>& before) {
        return carried_since(choose(), health, before, then);
    };
    EXPECT_EQ(since(Time{}), std::nullopt);
    add("a", State::down, 10);
    EXPECT_EQ(since(Time{}), std::nullopt) << "the last resort";
    add("b", State::hold, 20);
    EXPECT_EQ(since(std::nullopt), then);
    EXPECT_EQ(since(then - 1s), then - 1s);
    Choice elsewhere;
    elsewhere.elsewhere = true;
    EXPECT_EQ(carried_since(elsewhere, health, std::nullopt, then), Time{});
}

TEST_F(ChoiceTest, FamiliesChooseForThemselves) {
    add("a", State::down, 1, Family::v4);
    add("b", State::up, 2, Family::v4);
    add("c", State::up, 1, Family::v6);
    EXPECT_EQ(names(choose().carrying), Names{"b"});
    EXPECT_EQ(names(choose(LastResort::keep, Family::v6).carrying), Names{"c"});
    EXPECT_TRUE(choose(LastResort::keep, Family::v6).standby.empty());
}

TEST_F(ChoiceTest, NobodyIsThere) {
    EXPECT_TRUE(choose().carrying.empty());
    EXPECT_FALSE(choose().reason.empty());
}

} // namespace
} // namespace multihomed::test
