// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is shown: the messages, their text within 80 columns, and JSON that is always valid.
#include "fakes/world.hpp"
#include "runtime/status.hpp"
#include "runtime/text_layout.hpp"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <sstream>

namespace multihomed::test {
namespace {

using namespace std::chrono_literals;
using core::Family;
using runtime::to_json;
using runtime::to_text;

class Shown : public testing::Test {
protected:
    void SetUp() override { world.start(); }
    status::Overview overview() { return runtime::overview(world.engine, world.now); }
    status::Uplink uplink(const std::string& name) {
        const auto all = runtime::uplinks(world.engine, name, guards, world.now);
        return all.uplinks_size() == 1 ? all.uplinks(0) : status::Uplink();
    }
    status::Line line(const std::string& name, const char* family) {
        const status::Overview seen = overview();
        for (const status::Line& each : seen.lines())
            if (each.uplink() == name && each.family() == family)
                return each;
        return {};
    }

    World world;
    runtime::GuardCounts guards;
};

void expect_narrow(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        EXPECT_LE(runtime::width_of(line), 80U) << line;
}

/// Valid JSON of this very message: it reads back to the same.
template <class Message>
void expect_reads_back(const Message& message) {
    Message copy;
    const std::string json = to_json(message);
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &copy).ok()) << json;
    EXPECT_EQ(copy.SerializeAsString(), message.SerializeAsString());
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(Shown, LinesWithStateFiguresAndWhoCarries) {
    const status::Line charter = line("charter", "ipv4");
    EXPECT_EQ(charter.interface(), "eth2.5");
    EXPECT_EQ(charter.state(), "up");
    EXPECT_EQ(charter.seconds(), 1.0);
    EXPECT_TRUE(charter.carries());
    EXPECT_FALSE(charter.stands_by());
    EXPECT_EQ(charter.loss_percent(), 0.0);
    EXPECT_GT(charter.rtt_ms(), 0.0);
    EXPECT_TRUE(line("att", "ipv6").stands_by());
    EXPECT_EQ(overview().lines_size(), 4);
}

TEST_F(Shown, TheBestTargetSpeaksForALine) {
    core::TargetFigures good = answering("192.0.2.9");
    good.received = 9;
    good.lost = 1;
    good.rtt_average = 12'340us;
    world.figures[{"charter", Family::v4}] = {silent("192.0.2.8", 20, false), good};
    EXPECT_EQ(line("charter", "ipv4").loss_percent(), 10.0);
    EXPECT_EQ(line("charter", "ipv4").rtt_ms(), 12.34);
}

TEST_F(Shown, FiguresAreThoseOfTheMoment) {
    world.figures[{"charter", Family::v4}] = {silent("192.0.2.8", 20, false)};
    EXPECT_EQ(line("charter", "ipv4").loss_percent(), 100.0);
    EXPECT_FALSE(line("charter", "ipv4").has_rtt_ms());
}

TEST_F(Shown, TrafficLeavesWhereTheKernelSendsIt) {
    world.set_carrier("eth2.5", false);
    world.update();
    const status::Way way = overview().ways(0);
    ASSERT_EQ(way.leaves_by_size(), 1);
    EXPECT_EQ(way.leaves_by(0).uplink(), "att") << "the kernel has switched, zebra has not";
    EXPECT_EQ(way.leaves_by(0).gateway(), "203.0.113.62");
    EXPECT_TRUE(
        has(to_text(overview()), "IPv4: Internet traffic leaves by att (eth2.4 via 203.0.113.62)"));
}

TEST_F(Shown, NothingLeavesWithoutAnyCarrier) {
    world.set_carrier("eth2.5", false);
    world.set_carrier("eth2.4", false);
    world.pass(5s);
    EXPECT_EQ(overview().ways(0).leaves_by_size(), 0);
    EXPECT_TRUE(has(to_text(overview()), "IPv4: no Internet traffic leaves"));
}

TEST_F(Shown, AForeignDefaultIsWarnedOf) {
    EXPECT_FALSE(overview().ways(0).has_foreign_default());
    core::KernelRoute theirs{.destination = core::Prefix::any(Family::v4),
                             .table = 254,
                             .metric = 0,
                             .protocol = 16,
                             .type = 1,
                             .nexthops = {{.ifindex = 2, .gateway = ip("172.16.0.9")}}};
    world.zebra.foreign_routes = {theirs};
    world.turn();
    EXPECT_EQ(overview().ways(0).foreign_default().interface(), "eth1");
    EXPECT_TRUE(has(to_text(overview()), "% another program's default in main comes before ours"));
    EXPECT_TRUE(has(to_text(overview()), "leaves by eth1 via 172.16.0.9 (no uplink)"));
}

TEST_F(Shown, SettledOrWhatIsMissing) {
    EXPECT_TRUE(overview().settlement().settled());
    EXPECT_TRUE(has(to_text(overview()), ", settled\n"));
    world.config.uplinks.front().table = 4000;
    world.engine.configure(world.config);
    world.update();
    const status::Settlement settlement = overview().settlement();
    EXPECT_FALSE(settlement.settled());
    EXPECT_EQ(settlement.generation(), world.reconciler().generation());
    EXPECT_GT(settlement.routes_missing(), 0U);
    EXPECT_GT(settlement.rules_missing(), 0U);
    EXPECT_GT(settlement.rules_leaving(), 0U);
    EXPECT_TRUE(has(to_text(overview()), "not settled: "));
}

TEST_F(Shown, Dataplanes) {
    EXPECT_EQ(overview().dataplane().kind(), "module");
    EXPECT_TRUE(has(to_text(overview()), "zebra with module multihome 0.1.0"));
    world.seen().dataplane.module = false;
    world.turn();
    EXPECT_EQ(overview().dataplane().kind(), "stock");
    EXPECT_TRUE(has(to_text(overview()), "\n% zebra runs without zebra_multihome"));
    expect_narrow(to_text(overview()));
    world.seen().dataplane = {};
    world.update();
    EXPECT_EQ(overview().dataplane().kind(), "unknown");
    EXPECT_TRUE(has(to_text(overview()), "zebra is not connected"));
}

TEST_F(Shown, ProblemsAreListed) {
    world.flows.fault = "Operation not permitted";
    world.set_carrier("eth2.5", false);
    world.pass(1s);
    ASSERT_GT(overview().problems_size(), 0);
    EXPECT_TRUE(has(to_text(overview()), "Problems"));
    EXPECT_TRUE(has(to_text(overview()), "Operation not permitted"));
}

TEST_F(Shown, OneScreenForTwoLines) {
    const std::string text = to_text(overview());
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 24) << text;
    expect_narrow(text);
}

TEST_F(Shown, LongNamesStayWithinTheScreen) {
    world.config.uplinks.front().name = std::string(32, 'n');
    world.config.uplinks.front().interface = "abcdefghijklmno";
    world.config.uplinks.front().description = "caf\xc3\xa9 " + std::string(150, 'd');
    world.configure();
    EXPECT_TRUE(has(to_text(overview()), std::string(32, 'n') + "\n"));
    expect_narrow(to_text(overview()));
}

TEST_F(Shown, NotConfigured) {
    world.config = core::Config{};
    world.configure();
    EXPECT_FALSE(overview().configured());
    EXPECT_EQ(to_text(overview()), "Multihome is not configured: 'router multihome'\n");
}

TEST_F(Shown, PrefixesInsideAndWhatIsForTheRest) {
    core::UplinkFamily& six = world.config.uplinks.front().family[Family::v6];
    six.prefix_nats = {{net("2001:db8:c001::/64"), net("fd00:1::/64")},
                       {net("2001:db8:c002::/64"), net("fd00:2::/64")}};
    world.configure();
    const status::Nat shown = uplink("charter").lines(1).nat();
    EXPECT_EQ(shown.kind(), "none");
    ASSERT_EQ(shown.prefixes_size(), 2);
    EXPECT_EQ(shown.prefixes(1).inside(), "fd00:2::/64");
    EXPECT_EQ(shown.prefixes(1).outside(), "2001:db8:c002::/64");
    const auto text = [&] { return to_text(runtime::nat_table(world.engine, true, guards)); };
    EXPECT_TRUE(has(text(), "2001:db8:c001::/64 for"));
    EXPECT_FALSE(has(text(), "else")) << text();
    six.nat = nat_masquerade();
    world.configure();
    EXPECT_TRUE(has(text(), "else masquerade")) << text();
    EXPECT_TRUE(has(to_json(runtime::nat_table(world.engine, true, guards)),
                    "\"inside\": \"fd00:2::/64\""));
}

TEST_F(Shown, EverythingAboutOneUplink) {
    world.config.uplinks.front().description = "cable";
    world.configure();
    guards = {{"charter", Family::v4, 7, 700}, {"att", Family::v4, 9, 900}};
    world.set_carrier("eth2.5", false);
    world.pass(1s);
    const status::Uplink charter = uplink("charter");
    EXPECT_EQ(charter.description(), "cable");
    EXPECT_EQ(charter.table(), 1001U);
    EXPECT_EQ(charter.preference(), 10U);
    ASSERT_EQ(charter.lines_size(), 2);
    const status::LineDetail& v4 = charter.lines(0);
    EXPECT_EQ(v4.line().state(), "no-carrier");
    EXPECT_EQ(v4.addresses(0), "198.51.100.50");
    EXPECT_EQ(v4.sources(0), "198.51.100.48/29");
    EXPECT_EQ(v4.gateway(), "198.51.100.49");
    EXPECT_EQ(v4.neighbour(), "reachable");
    EXPECT_EQ(v4.nat().kind(), "source");
    EXPECT_EQ(v4.guard().packets(), 7.0);
    EXPECT_EQ(v4.last_forgotten().flows(), 3.0);
    EXPECT_EQ(v4.last_forgotten().took_ms(), 1.5);
    EXPECT_EQ(v4.targets(0).address(), "192.0.2.9");
    EXPECT_EQ(v4.targets(0).probe(), "icmp 192.0.2.9");
    EXPECT_FALSE(charter.lines(1).has_guard());
    ASSERT_GE(charter.transitions_size(), 2);
    EXPECT_EQ(charter.transitions(0).from(), "up");
    EXPECT_EQ(charter.transitions(0).to(), "no-carrier");
    EXPECT_EQ(charter.transitions(0).seconds_ago(), 1.0);
    const auto all = runtime::uplinks(world.engine, std::nullopt, guards, world.now);
    EXPECT_EQ(all.uplinks_size(), 2);
    expect_narrow(to_text(all));
    EXPECT_TRUE(has(to_text(all), "Uplink charter: cable\n"));
    EXPECT_TRUE(has(to_text(all), "up -> no-carrier"));
}

TEST_F(Shown, TheNumbersInForceWhereverTheyWereTyped) {
    world.config.profiles = {{"brisk", {}}};
    world.config.profiles.front().settings[core::Knob::quorum] = 2;
    core::Uplink& front = world.config.uplinks.front();
    front.profile = "brisk";
    front.probing[core::Knob::interval] = 500;
    world.configure();
    const auto charter = uplink("charter");
    const std::vector<std::string> shown(charter.probing().begin(), charter.probing().end());
    for (const char* wanted : {"interval 500", "timeout 400", "quorum 2"})
        EXPECT_EQ(std::ranges::count(shown, wanted), 1) << wanted;
    for (const std::string& each : shown)
        EXPECT_EQ(each.find("spare"), std::string::npos) << "switched off";
    EXPECT_EQ(charter.lines(0).remarks(0),
              "probe quorum 2 is more than there are targets (1): all of them have to answer");
    const std::string text = to_text(runtime::uplinks(world.engine, "charter", guards, world.now));
    EXPECT_TRUE(has(text, "  probing: interval 500, timeout 400, fail-after 3")) << text;
}

TEST_F(Shown, ALineInHoldSaysWhenItIsUsedAgain) {
    world.fall_silent("charter");
    world.turn();
    world.answer("charter");
    world.turn();
    world.pass(2s);
    const auto line = uplink("charter").lines(0);
    EXPECT_EQ(line.line().state(), "hold");
    EXPECT_EQ(line.hold_seconds_left(), 3.0);
}

TEST_F(Shown, Rules) {
    const status::Rules all = runtime::rules(world.engine);
    EXPECT_EQ(all.dataplane(), "module");
    for (const status::Rule& rule : all.rules())
        EXPECT_EQ(rule.state(), "installed") << rule.text();
    world.zebra.refused = {"v4 10100: from 192.0.2.0/24 lookup 1001"};
    world.config.uplinks.front().family[Family::v4].sources = {net("192.0.2.0/24")};
    world.configure();
    world.reconciler().note(
        core::Rule{
            .family = Family::v4, .priority = 10100, .source = net("192.0.2.0/24"), .table = 1001},
        apply::Note::failed, "Invalid argument");
    world.pass(5s);
    const std::string text = to_text(runtime::rules(world.engine));
    EXPECT_TRUE(has(text, "missing    v4  10100: from 192.0.2.0/24 lookup 1001")) << text;
    EXPECT_TRUE(has(text, "% Invalid argument; sent ")) << text;
    expect_narrow(text);
}

TEST_F(Shown, RulesToBeRemoved) {
    world.config.uplinks.front().family[Family::v4].sources = {net("192.0.2.0/24")};
    world.configure();
    world.pass(1s);
    world.config.uplinks.front().family[Family::v4].sources.clear();
    world.engine.configure(world.config);
    world.update();
    EXPECT_TRUE(has(to_text(runtime::rules(world.engine)),
                    "removing   v4  10100: from 192.0.2.0/24 lookup 1001"));
}

TEST_F(Shown, Routes) {
    const status::Routes all = runtime::routes(world.engine);
    int behind = 0;
    for (const status::Route& route : all.routes()) {
        EXPECT_TRUE(route.state() == "installed" || route.state() == "behind") << route.text();
        behind += route.state() == "behind" ? 1 : 0;
        EXPECT_EQ(route.table() == 1001, route.table_name() == "charter") << route.text();
    }
    EXPECT_EQ(behind, 4) << "the unreachable defaults of two tables and families";
    expect_narrow(to_text(all));
    world.config.uplinks.pop_back();
    world.engine.configure(world.config);
    world.update();
    EXPECT_TRUE(has(to_text(runtime::routes(world.engine)), "removing   v4  "));
}

TEST_F(Shown, RoutesThatZebraOutranks) {
    world.zebra.refused = {"v4 default via 203.0.113.62 dev eth2.4 table 254"};
    world.set_carrier("eth2.5", false);
    world.turn();
    world.reconciler().note(core::Route::Key{254, core::Prefix::any(Family::v4), 5},
                            apply::Note::outranked, "");
    EXPECT_TRUE(has(to_text(runtime::routes(world.engine)), "outranked  v4  default via"));
}

/// Of a route that never was the best one zebra says nothing.
TEST_F(Shown, WhereAnothersDefaultIsInOursPlaceNothingIsMissing) {
    world.config.announce.distance = 200;
    world.zebra.refused = {"v4 default via 198.51.100.49 dev eth2.5 table 254"};
    world.zebra.foreign_routes = {
        {.destination = core::Prefix::any(Family::v4),
         .table = 254,
         .metric = 20,
         .protocol = 188, // RTPROT_OSPF
         .type = 1,
         .nexthops = {{.ifindex = 2, .gateway = ip("172.16.0.9")}}}};
    world.configure();
    world.pass(60s);
    EXPECT_TRUE(overview().settlement().settled()) << to_text(overview());
    EXPECT_TRUE(has(to_text(runtime::routes(world.engine)), "outranked  v4  default via"));
    world.zebra.foreign_routes.clear();
    world.pass(60s);
    EXPECT_TRUE(has(to_text(overview()), "not settled: 1 route missing")) << to_text(overview());
    world.zebra.refused.clear();
    world.pass(60s);
    EXPECT_TRUE(overview().settlement().settled());
}

TEST_F(Shown, Nat) {
    guards = {{"charter", Family::v4, 7, 700}};
    status::NatTable nat = runtime::nat_table(world.engine, true, guards);
    EXPECT_EQ(nat.state(), "installed");
    ASSERT_EQ(nat.lines_size(), 4);
    const std::string text = to_text(nat);
    EXPECT_TRUE(has(text, "charter (eth2.5, ipv4): translation source 198.51.100.50")) << text;
    EXPECT_TRUE(has(text, "dropped   7 packets, 700 bytes")) << text;
    expect_narrow(text);
    EXPECT_EQ(runtime::nat_table(world.engine, false, guards).state(), "changed");
    nat = runtime::nat_table(world.engine, core::Error{1, "Operation not permitted"}, guards);
    EXPECT_EQ(nat.state(), "unknown");
    EXPECT_TRUE(has(to_text(nat), "% Operation not permitted"));
    world.nat.fault = "fault";
    world.config.uplinks.pop_back();
    world.configure();
    EXPECT_EQ(runtime::nat_table(world.engine, true, guards).state(), "pending");
}

TEST_F(Shown, Conntrack) {
    const auto ranges = runtime::flow_ranges(world.engine, std::nullopt);
    ASSERT_EQ(ranges.size(), 2U) << "IPv6 is not translated in the office";
    apply::Flow flow{.family = Family::v4,
                     .protocol = 6,
                     .source = ip("10.0.0.7"),
                     .destination = ip("192.0.2.80"),
                     .source_port = 40000,
                     .destination_port = 443,
                     .translated_to = ip("198.51.100.50"),
                     .tcp_state = "ESTABLISHED",
                     .answered = true,
                     .timeout = 431999s};
    world.flows.flows = {flow, flow, flow};
    const core::AddressRange charter{ip("198.51.100.50"), ip("198.51.100.50")};
    const auto counts = world.flows.count({charter});
    const auto list = world.flows.list(charter, 2);
    const auto shown =
        runtime::conntrack(runtime::flow_ranges(world.engine, "charter"), counts, {*list});
    ASSERT_EQ(shown.lines_size(), 1);
    EXPECT_EQ(shown.lines(0).flows(), 3.0);
    EXPECT_EQ(shown.flows_left_out(), 1.0);
    const std::string text = to_text(shown);
    EXPECT_TRUE(has(text, "tcp 10.0.0.7:40000 -> 192.0.2.80:443 as 198.51.100.50, ESTABLISHED"))
        << text;
    EXPECT_TRUE(has(text, "and 1 more")) << text;
    expect_narrow(text);
    EXPECT_EQ(runtime::conntrack(ranges, core::Error{1, "no"}, {}).error(), "no");
}

TEST(GuardCounters, CountFromWhenTheyWereCleared) {
    const runtime::GuardCounts then = {{"a", Family::v4, 5, 50}, {"b", Family::v4, 9, 90}};
    const runtime::GuardCounts now = {
        {"a", Family::v4, 8, 80}, {"a", Family::v6, 2, 20}, {"b", Family::v4, 1, 10}};
    const auto since = runtime::since_cleared(now, then);
    EXPECT_EQ(since[0], (apply::GuardCount{"a", Family::v4, 3, 30}));
    EXPECT_EQ(since[1], now[1]);
    EXPECT_EQ(since[2], now[2]) << "made anew since";
}

TEST_F(Shown, EveryMessageIsJsonThatReadsBack) {
    expect_reads_back(overview());
    expect_reads_back(runtime::uplinks(world.engine, std::nullopt, guards, world.now));
    expect_reads_back(runtime::rules(world.engine));
    expect_reads_back(runtime::routes(world.engine));
    expect_reads_back(runtime::nat_table(world.engine, true, guards));
    expect_reads_back(runtime::conntrack({}, std::vector<apply::FlowCount>{}, {}));
}

TEST_F(Shown, JsonHasTheNamesOfTheSchemaDefaultsAndNumbers) {
    const std::string json = to_json(overview());
    EXPECT_TRUE(has(json, "\"stands_by\": false"));
    EXPECT_TRUE(has(json, "\"routes_missing\": 0"));
    EXPECT_TRUE(has(json, "\"problems\": []"));
    guards = {{"charter", Family::v4, 5'000'000'000, 1'000'000'000'000}};
    EXPECT_TRUE(has(to_json(runtime::nat_table(world.engine, true, guards)), "\"packets\": 5"))
        << "a number, not a string";
}

TEST(Json, IsValidWithAnyBytes) {
    status::Refusal refusal;
    status::Overview overview;
    for (const std::string& odd :
         {std::string("\"\\\n\t\x01\x7f"), std::string("\xff\xc0\x80\xed\xa0\x80"),
          std::string("a\0b", 3), std::string("</script>"), std::string("\xe2\x80\xa8")}) {
        refusal.set_error(odd);
        status::Refusal back;
        ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(to_json(refusal), &back).ok());
        status::Line& line = *overview.add_lines();
        line.set_uplink(odd);
        overview.mutable_dataplane()->add_losses(odd);
    }
    status::Overview back;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(to_json(overview), &back).ok());
    EXPECT_EQ(back.lines_size(), 5);
}

TEST(Layout, Durations) {
    EXPECT_EQ(runtime::duration_text(-1), "00:00:00");
    EXPECT_EQ(runtime::duration_text(59.9), "00:00:59");
    EXPECT_EQ(runtime::duration_text(86399), "23:59:59");
    EXPECT_EQ(runtime::duration_text(86400 * 3 + 3600 * 4 + 60 * 12), "3d04h12m");
    EXPECT_EQ(runtime::duration_text(86400 * 17 + 3600 * 4), "2w3d04h");
}

TEST(Layout, WrapsBetweenWords) {
    const std::string words(200, 'x');
    EXPECT_EQ(runtime::wrap("a: ", "b c", 3), "a: b c\n");
    EXPECT_EQ(runtime::wrap("a: ", "b " + words + " c", 3), "a: b\n   " + words + "\n   c\n");
}

} // namespace
} // namespace multihomed::test
