// SPDX-License-Identifier: GPL-2.0-or-later
//
// NatPlan -> nft text, without a kernel.
#include "apply/nft_render.hpp"

#include "plans.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace multihomed::apply {
namespace {

using core::Family;
using namespace multihomed::testing;

NatTableContent content_of(const core::NatPlan& plan) {
    const auto content = nat_table_content(plan);
    EXPECT_TRUE(content) << content.error().what;
    return content ? *content : NatTableContent();
}

using Elements = std::set<std::string>;

TEST(NftRender, PutsEveryKindOfTranslationIntoItsOwnMap) {
    const NatTableContent content = content_of(two_lines());
    const auto& elements = content.elements;
    EXPECT_EQ(elements.at("internal_v4"),
              (Elements{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}));
    EXPECT_EQ(elements.at("internal_v6"), Elements{"fc00::/7"});
    EXPECT_EQ(elements.at("snat_v4"), Elements{"\"eth2.5\" : 192.0.2.50"});
    EXPECT_EQ(elements.at("snat_pool_v4"), Elements{"\"eth2.4\" : 198.51.100.57-198.51.100.60"});
    EXPECT_EQ(elements.at("masquerade_v6"), Elements{"\"eth2.4\""});
    EXPECT_EQ(elements.at("masquerade_v4"), Elements{});
    EXPECT_EQ(elements.at("snat_v6"), Elements{});
    EXPECT_EQ(elements.at("snat_pool_v6"), Elements{});
    EXPECT_EQ(elements.at("lines"), (Elements{"\"eth2.4\"", "\"eth2.5\""}));
    EXPECT_EQ(elements.at("sources_v4"),
              (Elements{"\"eth2.4\" . 198.51.100.56/29", "\"eth2.5\" . 192.0.2.48/29"}));
    EXPECT_EQ(elements.at("guards_v6"),
              (Elements{"\"eth2.4\" : \"guard_att_v6\"", "\"eth2.5\" : \"guard_charter_v6\""}));
    EXPECT_EQ(elements.at("out_v4"),
              (Elements{"\"eth2.4\" : \"out_att_v4\"", "\"eth2.5\" : \"out_charter_v4\""}));
    EXPECT_EQ(elements.at("in_v6"),
              (Elements{"\"eth2.4\" : \"in_att_v6\"", "\"eth2.5\" : \"in_charter_v6\""}));
    EXPECT_EQ(content.counters,
              (Elements{"guard_att_v4", "guard_att_v6", "guard_charter_v4", "guard_charter_v6",
                        "in_att_v4", "in_att_v6", "in_charter_v4", "in_charter_v6", "out_att_v4",
                        "out_att_v6", "out_charter_v4", "out_charter_v6"}));
}

TEST(NftRender, OrderInThePlanDoesNotMatter) {
    core::NatPlan plan = two_lines();
    plan.lines[0].sources[Family::v4].push_back(prefix("203.0.113.0/24"));
    core::NatPlan turned = plan;
    std::ranges::reverse(turned.lines);
    std::ranges::reverse(turned.internal[Family::v4]);
    for (core::LineNat& each : turned.lines)
        std::ranges::reverse(each.sources[Family::v4]);
    EXPECT_EQ(content_of(plan), content_of(turned));
}

TEST(NftRender, LeavesOutPrefixesThatLieInOthers) {
    core::NatPlan plan = two_lines();
    plan.internal[Family::v4] = prefixes({"10.1.0.0/16", "10.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8"});
    plan.lines[1].sources[Family::v4] = prefixes({"192.0.2.50/32", "192.0.2.48/29"});
    const NatTableContent content = content_of(plan);
    EXPECT_EQ(content.elements.at("internal_v4"), (Elements{"10.0.0.0/8", "11.0.0.0/8"}));
    EXPECT_EQ(content.elements.at("sources_v4"),
              (Elements{"\"eth2.4\" . 198.51.100.56/29", "\"eth2.5\" . 192.0.2.48/29"}));
}

TEST(NftRender, GuardsALineThatHasNoPrefixOfAFamily) {
    core::NatPlan plan;
    plan.lines = {line("bare", "ppp0")};
    const NatTableContent content = content_of(plan);
    EXPECT_EQ(content.elements.at("sources_v6"), Elements{});
    EXPECT_EQ(content.elements.at("guards_v6"), Elements{"\"ppp0\" : \"guard_bare_v6\""});
}

TEST(NftRender, CreatesInOneTransactionWithCountersCarriedOver) {
    const std::string text =
        render_create(content_of(two_lines()), {{"guard_att_v4", 7, 420}, {"guard_gone_v4", 1, 1}});
    EXPECT_TRUE(text.starts_with("add table inet multihome\ndelete table inet multihome\n"
                                 "table inet multihome {\n"));
    EXPECT_NE(text.find("counter guard_att_v4 { packets 7 bytes 420 }"), std::string::npos);
    EXPECT_NE(text.find("counter guard_att_v6 { }"), std::string::npos);
    EXPECT_EQ(text.find("guard_gone"), std::string::npos);
    EXPECT_EQ(std::ranges::count(text, '{'), std::ranges::count(text, '}'));
}

TEST(NftRender, MarksAreSetsOfInterfacesByBit) {
    core::NatPlan plan = two_lines();
    plan.mark_mask = 0x3f000000;
    plan.lines[0].mark = 0x03000000;
    plan.lines[1].mark = 0x01000000;
    const NatTableContent content = content_of(plan);
    EXPECT_EQ(content.elements.at("mark_24"), (std::set<std::string>{"\"eth2.4\"", "\"eth2.5\""}));
    EXPECT_EQ(content.elements.at("mark_25"), std::set<std::string>{"\"eth2.4\""});
    EXPECT_TRUE(content.elements.at("mark_29").empty());
    EXPECT_FALSE(content.elements.contains("mark_30"));
    const std::string text = render_create(content, {});
    EXPECT_NE(text.find("oifname @mark_25 ct mark set ct mark | 0x02000000"), std::string::npos);
    EXPECT_NE(text.find("meta mark set meta mark & 0xc0ffffff"), std::string::npos);
    EXPECT_EQ(std::ranges::count(text, '{'), std::ranges::count(text, '}'));
}

TEST(NftRender, UpdateRefillsOnlyTheSetsThatDiffer) {
    core::NatPlan plan = two_lines();
    const NatTableContent before = content_of(plan);
    EXPECT_EQ(render_update(before, before), "");
    plan.lines[1].nat[Family::v4] = masquerade();
    EXPECT_EQ(render_update(before, content_of(plan)),
              "flush map inet multihome snat_v4\n"
              "flush set inet multihome masquerade_v4\n"
              "table inet multihome {\n"
              "  map snat_v4 { type ifname : ipv4_addr; }\n"
              "  set masquerade_v4 { type ifname; elements = { \"eth2.5\" } }\n"
              "}\n");
}

TEST(NftRender, PrefixesAreMappedBothWaysByLine) {
    core::NatPlan plan = two_lines();
    const NatTableContent before = content_of(plan);
    plan.lines[1].prefixes[Family::v6] = {{prefix("fd00:1::/64"), prefix("2001:db8:c:1::/64")},
                                          {prefix("fd00:2::/60"), prefix("2001:db8:c:20::/60")}};
    const NatTableContent content = content_of(plan);
    EXPECT_EQ(content.elements.at("prefix_out_v6"),
              (Elements{"\"eth2.5\" . fd00:1::/64 : 2001:db8:c:1::/64",
                        "\"eth2.5\" . fd00:2::/60 : 2001:db8:c:20::/60"}));
    EXPECT_EQ(content.elements.at("prefix_in_v6"),
              (Elements{"\"eth2.5\" . 2001:db8:c:1::/64 : fd00:1::/64",
                        "\"eth2.5\" . 2001:db8:c:20::/60 : fd00:2::/60"}));
    EXPECT_TRUE(content.elements.at("prefix_out_v4").empty());
    EXPECT_TRUE(content.elements.at("translating_v6").contains("\"eth2.5\""));
    const std::string text = render_update(before, content);
    EXPECT_NE(text.find("  map prefix_in_v6 { type ifname . ipv6_addr : interval ipv6_addr; flags "
                        "interval; elements = { "),
              std::string::npos)
        << text;
}

TEST(NftRender, RefusesPrefixesThatAreNotOneForOne) {
    const auto refused = [](const std::vector<core::PrefixPair>& pairs) {
        core::NatPlan plan = two_lines();
        plan.lines[1].prefixes[Family::v6] = pairs;
        return !nat_table_content(plan);
    };
    const core::PrefixPair good{prefix("fd00:1::/64"), prefix("2001:db8:c:1::/64")};
    EXPECT_FALSE(refused({good}));
    EXPECT_TRUE(refused({{good.inside, prefix("2001:db8:c::/48")}})) << "other lengths";
    EXPECT_TRUE(refused({{prefix("10.0.0.0/8"), prefix("11.0.0.0/8")}})) << "other family";
    EXPECT_TRUE(refused({good, {good.inside, prefix("2001:db8:c:2::/64")}})) << "inside twice";
    EXPECT_TRUE(refused({good, {prefix("fd00:2::/64"), good.outside}})) << "outside twice";
}

TEST(NftRender, ADeadLineIsOneElementMore) {
    core::NatPlan plan = two_lines();
    const NatTableContent before = content_of(plan);
    EXPECT_EQ(before.elements.at("translating_v4"), (Elements{"\"eth2.4\"", "\"eth2.5\""}));
    EXPECT_EQ(before.elements.at("translating_v6"), Elements{"\"eth2.4\""});
    plan.lines[0].dead[Family::v6] = true;
    EXPECT_EQ(render_update(before, content_of(plan)),
              "flush set inet multihome dead_v6\n"
              "flush set inet multihome lost_v6\n"
              "table inet multihome {\n"
              "  set dead_v6 { type ifname; elements = { \"eth2.4\" } }\n"
              "  set lost_v6 { type ipv6_addr; flags interval; elements = { 2001:db8:a::/48 } }\n"
              "}\n");
}

TEST(NftRender, SourcesOfDeadLinesMayOverlapAndAreNotEverything) {
    core::NatPlan plan = two_lines();
    plan.lines[0].sources[Family::v4] = prefixes({"192.168.1.0/24"});
    plan.lines[1].sources[Family::v4] = prefixes({"192.168.1.64/26", "203.0.113.0/24"});
    plan.lines[1].sources[Family::v6] = prefixes({"::/0"});
    plan.lines[0].dead = plan.lines[1].dead = {{true, true}};
    const auto elements = content_of(plan).elements;
    EXPECT_EQ(elements.at("lost_v4"), (Elements{"192.168.1.0/24", "203.0.113.0/24"}));
    EXPECT_EQ(elements.at("lost_v6"), Elements{"2001:db8:a::/48"});
}

TEST(NftRender, UpdateDeletesACounterAfterTheMapHasLetGoOfIt) {
    core::NatPlan plan = two_lines();
    const NatTableContent before = content_of(plan);
    plan.lines[1].uplink = "cable";
    const std::string text = render_update(before, content_of(plan));
    for (const std::string v : {"_v4", "_v6"})
        for (const auto& [map, prefix] :
             {std::pair{"guards", "guard_"}, std::pair{"out", "out_"}, std::pair{"in", "in_"}}) {
            const std::string counter = std::string(prefix) + "cable" + v;
            const auto flushed = text.find("flush map inet multihome " + (map + v) + "\n");
            const auto made = text.find("  counter " + counter + " { }\n");
            const auto refilled = text.find(
                "  map " + (map + v) + " { type ifname : counter; elements = { \"eth2.4\" : \"" +
                prefix + "att" + v + "\", \"eth2.5\" : \"" + counter + "\" } }\n");
            const auto deleted =
                text.find("delete counter inet multihome " + (prefix + ("charter" + v)) + "\n");
            EXPECT_LT(flushed, made) << text;
            EXPECT_LT(made, refilled) << text;
            EXPECT_LT(refilled, deleted) << text;
            EXPECT_NE(deleted, std::string::npos) << text;
        }
    EXPECT_EQ(text.find("delete counter inet multihome guard_att"), std::string::npos);
}

TEST(NftRender, RefusesInterfaceNamesThatNftCannotQuote) {
    for (const std::string name :
         {"", "a\"b", "eth*", "eth\\*", "a b", "a\nb", "a/b", "sixteen-letters-"}) {
        core::NatPlan plan;
        plan.lines = {line("x", name)};
        const auto content = nat_table_content(plan);
        ASSERT_FALSE(content) << name;
        EXPECT_NE(content.error().what.find("uplink x"), std::string::npos);
    }
}

TEST(NftRender, RefusesWhatContradictsItself) {
    const auto refused = [](core::NatPlan plan) { return !nat_table_content(plan); };
    core::NatPlan plan = two_lines();
    plan.lines[1].interface = plan.lines[0].interface;
    EXPECT_TRUE(refused(plan)) << "one interface, two lines";
    plan = two_lines();
    plan.lines[1].uplink = plan.lines[0].uplink;
    EXPECT_TRUE(refused(plan)) << "one uplink twice";
    plan = two_lines();
    plan.lines[1].uplink = "no space";
    EXPECT_TRUE(refused(plan)) << "uplink name";
    plan = two_lines();
    plan.lines[1].uplink = std::string(33, 'x');
    EXPECT_TRUE(refused(plan)) << "long uplink name";
    plan = two_lines();
    plan.lines[0].nat[Family::v4] = source_nat("192.0.2.9", "192.0.2.8");
    EXPECT_TRUE(refused(plan)) << "range backwards";
    plan = two_lines();
    plan.lines[0].nat[Family::v4] = source_nat("2001:db8::1", "2001:db8::1");
    EXPECT_TRUE(refused(plan)) << "address of the other family";
    plan = two_lines();
    plan.lines[0].sources[Family::v6] = prefixes({"192.0.2.0/24"});
    EXPECT_TRUE(refused(plan)) << "source of the other family";
    plan = two_lines();
    plan.internal[Family::v4] = prefixes({"fc00::/7"});
    EXPECT_TRUE(refused(plan)) << "internal prefix of the other family";
}

TEST(NftRender, CounterNamesAreUniqueAndReadBack) {
    std::set<std::string> names;
    for (const std::string uplink : {"a", "a_v4", "a_v6", "0", "-", ".", "guard_a"})
        for (const Family family : core::kFamilies) {
            const std::string name = guard_counter_name(uplink, family);
            EXPECT_TRUE(names.insert(name).second) << name;
            const auto parsed = parse_guard_counter_name(name);
            ASSERT_TRUE(parsed) << name;
            EXPECT_EQ(parsed->uplink, uplink);
            EXPECT_EQ(parsed->family, family);
        }
    for (const std::string name : {"", "guard_", "guard__v4", "guard_a", "other_a_v4"})
        EXPECT_FALSE(parse_guard_counter_name(name)) << name;
}

TEST(NftRender, TrafficCountersAreNoGuardsAndReadBack) {
    for (const std::string uplink : {"a", "in_a", "out_a", "guard_a_v6"})
        for (const Direction direction : {Direction::out, Direction::in})
            for (const Family family : core::kFamilies) {
                const std::string name = traffic_counter_name(direction, uplink, family);
                EXPECT_FALSE(parse_guard_counter_name(name)) << name;
                const auto parsed = parse_traffic_counter_name(name);
                ASSERT_TRUE(parsed) << name;
                EXPECT_EQ(parsed->direction, direction);
                EXPECT_EQ(parsed->uplink, uplink);
                EXPECT_EQ(parsed->family, family);
            }
    for (const std::string name : {"", "in_", "out__v4", "guard_a_v4", "outer_a_v4"})
        EXPECT_FALSE(parse_traffic_counter_name(name)) << name;
}

} // namespace
} // namespace multihomed::apply
