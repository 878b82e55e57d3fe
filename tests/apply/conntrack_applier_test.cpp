// SPDX-License-Identifier: GPL-2.0-or-later
//
// Forgetting flows in a real kernel's table, in a network namespace of the test's own. Every test
// that can runs both ways: as this kernel lets us, and by dumping and deleting.
#include "apply/conntrack_applier.hpp"

#include "apply/conntrack_codec.hpp"
#include "conntrack_maker.hpp"
#include "forgetting.hpp"
#include "netns.hpp"
#include "plans.hpp"

#include <algorithm>
#include <cstdio>
#include <gtest/gtest.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netlink/msg.h>
#include <string>
#include <sys/utsname.h>
#include <unistd.h>
#include <vector>

namespace multihomed::apply {
namespace {

using core::Family;
using core::FlowSelector;
using namespace multihomed::testing;
using Mode = ConntrackFlowApplier::Mode;
using Method = ForgetReport::Method;

FlowSelector translated_to(const std::string& first, const std::string& last) {
    FlowSelector selector;
    selector.family = core::family_of(address(first));
    selector.first = address(first);
    selector.last = address(last);
    return selector;
}

FlowSelector untranslated(const std::vector<std::string>& sources,
                          const std::vector<std::string>& not_destinations) {
    FlowSelector selector;
    selector.kind = FlowSelector::Kind::untranslated;
    selector.sources = prefixes(sources);
    selector.not_destinations = prefixes(not_destinations);
    core::drop_covered(selector.sources);
    core::drop_covered(selector.not_destinations);
    selector.family = selector.sources.at(0).family();
    return selector;
}

/// "source port > destination", sorted: who is still in the table.
std::vector<std::string> tracked(Family family) {
    NetfilterSocket socket;
    EXPECT_TRUE(socket.open());
    std::vector<std::string> found;
    const NlMessage dump = make_flow_dump(family, {IPS_CONFIRMED, IPS_CONFIRMED});
    const auto dumped = socket.dump(*dump, [&](const nlmsghdr& entry) {
        const auto flow = decode_flow(entry);
        EXPECT_TRUE(flow);
        found.push_back(flow->original.source.to_string() + " " +
                        std::to_string(flow->original.source_port) + " > " +
                        flow->original.destination.to_string());
        return true;
    });
    EXPECT_TRUE(dumped) << dumped.error().what;
    std::ranges::sort(found);
    return found;
}

class Conntrack : public InNamespace, public ::testing::WithParamInterface<Mode> {
protected:
    ForgetReport forget(const FlowSelector& selector) {
        const auto report = forget_and_wait(applier_, selector);
        EXPECT_TRUE(report) << report.error().what;
        return report ? *report : ForgetReport();
    }
    /// Where the number is told at all, it must be right.
    static void expect_deleted(const ForgetReport& report, std::uint64_t flows) {
        if (report.method == Method::dump_and_delete) {
            EXPECT_EQ(report.deleted, flows);
        } else {
            EXPECT_EQ(report.deleted, std::nullopt);
        }
    }

    ConntrackFlowApplier applier_{always(), GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Modes, Conntrack,
                         ::testing::Values(Mode::automatic, Mode::dump_and_delete),
                         [](const auto& mode) {
                             return mode.param == Mode::automatic ? "AsTheKernelCan"
                                                                  : "DumpAndDelete";
                         });

TEST_P(Conntrack, ForgetsWhatIsTranslatedToTheAddressAndNothingElse) {
    make_flows({{"10.0.0.1", "203.0.113.1", 1001, 443, "192.0.2.50"},
                {"10.0.0.2", "203.0.113.1", 1002, 443, "192.0.2.50", "", IPPROTO_TCP},
                {"10.0.0.3", "203.0.113.1", 1003, 443, "192.0.2.50", "", IPPROTO_ICMP},
                {"10.0.0.4", "203.0.113.1", 1004, 443, "192.0.2.51"},
                {"192.0.2.50", "203.0.113.1", 1005}, // the router's own
                {"203.0.113.7", "192.0.2.50", 1006, 22, "", "10.0.0.9"},
                {"10.0.0.7", "192.0.2.50", 1007, 443, "198.51.100.57"}});
    const ForgetReport report = forget(translated_to("192.0.2.50", "192.0.2.50"));
    expect_deleted(report, 3);
    EXPECT_GT(report.took.count(), 0);
    EXPECT_EQ(tracked(Family::v4),
              (std::vector<std::string>{"10.0.0.4 1004 > 203.0.113.1", "10.0.0.7 1007 > 192.0.2.50",
                                        "192.0.2.50 1005 > 203.0.113.1",
                                        "203.0.113.7 1006 > 192.0.2.50"}));
}

/// The kernel's own filter has IPv6 addresses the wrong way round and would delete the others.
TEST_P(Conntrack, ForgetsIpv6FlowsOfTheAddressAndNothingElse) {
    make_flows({{"fd00::1", "2001:db8:f::1", 1001, 443, "2001:db8:a::1"},
                {"fd00::2", "2001:db8:f::1", 1002, 443, "2001:db8:a::1", "", IPPROTO_TCP},
                {"fd00::3", "2001:db8:f::1", 1003, 443, "2001:db8:a::1", "", IPPROTO_ICMPV6},
                {"fd00::4", "2001:db8:f::1", 1004, 443, "2001:db8:c::1"},
                {"2001:db8:a::1", "2001:db8:f::1", 1005},
                {"10.0.0.1", "203.0.113.1", 1006, 443, "192.0.2.50"}});
    expect_deleted(forget(translated_to("2001:db8:a::1", "2001:db8:a::1")), 3);
    EXPECT_EQ(tracked(Family::v6), (std::vector<std::string>{"2001:db8:a::1 1005 > 2001:db8:f::1",
                                                             "fd00::4 1004 > 2001:db8:f::1"}));
    EXPECT_EQ(tracked(Family::v4).size(), 1U);
}

TEST_P(Conntrack, ForgetsPoolsLargeAndSmall) {
    std::vector<MadeFlow> flows;
    for (int i = 1; i <= 60; ++i)
        flows.push_back({"10.0.0.1", "203.0.113.1", static_cast<std::uint16_t>(1000 + i), 443,
                         "192.0.2." + std::to_string(i)});
    make_flows(flows);
    expect_deleted(forget(translated_to("192.0.2.1", "192.0.2.16")), 16);
    EXPECT_EQ(tracked(Family::v4).size(), 44U);
    const ForgetReport large = forget(translated_to("192.0.2.20", "192.0.2.59"));
    EXPECT_EQ(large.method, Method::dump_and_delete);
    EXPECT_EQ(large.deleted, 40U);
    EXPECT_EQ(
        tracked(Family::v4),
        (std::vector<std::string>{"10.0.0.1 1017 > 203.0.113.1", "10.0.0.1 1018 > 203.0.113.1",
                                  "10.0.0.1 1019 > 203.0.113.1", "10.0.0.1 1060 > 203.0.113.1"}));
}

TEST_P(Conntrack, ForgetsFlowsThatBeganBeforeTranslationStood) {
    make_flows({{"10.0.0.1", "203.0.113.1", 1001},
                {"10.0.0.2", "10.9.0.1", 1002},                            // stays inside
                {"10.0.0.3", "203.0.113.1", 1003, 443, "192.0.2.50"},      // is translated
                {"192.0.2.50", "203.0.113.1", 1004},                       // the router's own
                {"10.0.0.5", "192.0.2.50", 1005, 80, "", "10.9.0.2"},      // comes back inside
                {"203.0.113.7", "192.0.2.50", 1006, 22, "", "10.0.0.9"}}); // inbound
    const ForgetReport report =
        forget(untranslated({"10.0.0.0/8", "172.16.0.0/12"}, {"10.0.0.0/8"}));
    EXPECT_EQ(report.method, Method::dump_and_delete);
    EXPECT_EQ(report.deleted, 1U);
    const auto left = tracked(Family::v4);
    EXPECT_EQ(left.size(), 5U);
    EXPECT_EQ(std::ranges::count(left, "10.0.0.1 1001 > 203.0.113.1"), 0);
}

TEST_P(Conntrack, UntranslatedKnowsIpv6AndNothingIsSelectedByNoSource) {
    make_flows({{"fd00::1", "2001:db8:f::1", 1001},
                {"fd00::2", "fd00:1::1", 1002},
                {"fd00::3", "2001:db8:f::1", 1003, 443, "2001:db8:a::1"}});
    FlowSelector nobody = untranslated({"fc00::/7"}, {});
    nobody.sources.clear();
    EXPECT_EQ(forget(nobody).deleted, 0U);
    EXPECT_EQ(forget(untranslated({"fc00::/7"}, {"fc00::/7"})).deleted, 1U);
    EXPECT_EQ(tracked(Family::v6), (std::vector<std::string>{"fd00::2 1002 > fd00:1::1",
                                                             "fd00::3 1003 > 2001:db8:f::1"}));
}

/// What a router sees whose neighbour carried the questions.
TEST_P(Conntrack, ForgetsFlowsThatBeganWithAnAnswer) {
    constexpr std::uint32_t kLine = 0x1000000;
    make_flows({{.source = "203.0.113.1", .destination = "10.0.0.1", .mark = kLine},
                {.source = "203.0.113.1", .destination = "10.0.0.2", .mark = 2 * kLine},
                {.source = "10.0.0.3", .destination = "203.0.113.1", .mark = kLine | 1},
                {.source = "10.9.0.1", .destination = "10.0.0.4", .mark = kLine},
                {.source = "203.0.113.7",
                 .destination = "192.0.2.50",
                 .destination_port = 22,
                 .redirected_to = "10.0.0.5",
                 .mark = kLine}});
    FlowSelector selector = untranslated({"10.0.0.0/8"}, {"10.0.0.0/8", "192.0.2.50/32"});
    selector.mark = kLine;
    selector.mask = 0x3f000000;
    EXPECT_EQ(forget(selector).deleted, 1U) << "those of 10.0.0.3";
    selector.either_way = true;
    EXPECT_EQ(forget(selector).deleted, 1U) << "those of 10.0.0.1";
    EXPECT_EQ(tracked(Family::v4),
              (std::vector<std::string>{"10.9.0.1 0 > 10.0.0.4", "203.0.113.1 0 > 10.0.0.2",
                                        "203.0.113.7 0 > 192.0.2.50"}));
}

TEST_P(Conntrack, NoSuchFlowIsFine) {
    expect_deleted(forget(translated_to("192.0.2.50", "192.0.2.50")), 0);
    make_flows({{"10.0.0.4", "203.0.113.1", 1004, 443, "192.0.2.51"}});
    expect_deleted(forget(translated_to("192.0.2.50", "192.0.2.50")), 0);
    EXPECT_EQ(tracked(Family::v4).size(), 1U);
}

TEST_P(Conntrack, ManyFlowsTakeManyMessages) {
    FlowMaker maker;
    constexpr int kFlows = 5000;
    for (int i = 0; i < kFlows; ++i)
        maker.add({"10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1),
                   "203.0.113.1", static_cast<std::uint16_t>(1000 + i), 443,
                   i % 2 == 0 ? "192.0.2.50" : "192.0.2.51"});
    maker.flush();
    expect_deleted(forget(translated_to("192.0.2.50", "192.0.2.50")), kFlows / 2);
    const auto count = applier_.count({{address("192.0.2.50"), address("192.0.2.50")},
                                       {address("192.0.2.51"), address("192.0.2.51")}});
    ASSERT_TRUE(count) << count.error().what;
    EXPECT_EQ((*count)[0].flows, 0U);
    EXPECT_EQ((*count)[1].flows, static_cast<std::uint64_t>(kFlows / 2));
}

TEST_P(Conntrack, FlowsOfEveryZoneAreForgotten) {
    make_flows({{"10.0.0.1", "203.0.113.1", 1001, 443, "192.0.2.50", "", IPPROTO_UDP, 7},
                {"10.0.0.1", "203.0.113.1", 1001, 443, "192.0.2.50", "", IPPROTO_UDP, 0}});
    expect_deleted(forget(translated_to("192.0.2.50", "192.0.2.50")), 2);
    EXPECT_TRUE(tracked(Family::v4).empty());
}

TEST_P(Conntrack, OtherNamespacesAreNotOurs) {
    const MadeFlow flow{"10.0.0.1", "203.0.113.1", 1001, 443, "192.0.2.50"};
    make_flows({flow});
    {
        const NetworkNamespace another;
        ASSERT_TRUE(another.entered());
        make_flows({flow});
        expect_deleted(forget(translated_to("192.0.2.50", "192.0.2.50")), 1);
        EXPECT_TRUE(tracked(Family::v4).empty());
    }
    EXPECT_EQ(tracked(Family::v4).size(), 1U);
}

TEST_P(Conntrack, RefusesRangesThatAreNone) {
    FlowSelector backwards = translated_to("192.0.2.50", "192.0.2.49");
    EXPECT_FALSE(forget_and_wait(applier_, backwards));
    FlowSelector mixed = translated_to("192.0.2.50", "192.0.2.50");
    mixed.family = Family::v6;
    EXPECT_FALSE(forget_and_wait(applier_, mixed));
    EXPECT_FALSE(applier_.count({{address("192.0.2.50"), address("2001:db8::1")}}));
    EXPECT_FALSE(applier_.list({address("192.0.2.50"), address("192.0.2.1")}, 1));
}

/// What was refused is told with the kernel's words, and is no obstacle to anybody else.
TEST_P(Conntrack, ErrorsCarryTheKernelsWords) {
    with_capabilities(0, [] {
        ConntrackFlowApplier powerless(always(), GetParam());
        const auto refused = forget_and_wait(powerless, translated_to("192.0.2.50", "192.0.2.50"));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, EPERM);
        EXPECT_NE(refused.error().what.find("conntrack"), std::string::npos);
        EXPECT_NE(refused.error().what.find("Operation not permitted"), std::string::npos);
        EXPECT_FALSE(powerless.count({{address("192.0.2.50"), address("192.0.2.50")}}));
    });
    EXPECT_TRUE(forget_and_wait(applier_, translated_to("192.0.2.50", "192.0.2.50")));
}

/// As a daemon of libfrr's runs: allowed to raise it, but not raised.
TEST_P(Conntrack, NeedsNoPrivilegesOfTheCaller) {
    make_flows({{"10.0.0.1", "203.0.113.1", 1001, 443, "192.0.2.50"}});
    with_capabilities(1U << CAP_NET_ADMIN, [] {
        ConntrackFlowApplier applier(always(), GetParam());
        const auto selector = translated_to("192.0.2.50", "192.0.2.50");
        const auto done = forget_and_wait(applier, selector);
        EXPECT_TRUE(done) << done.error().what;
        EXPECT_FALSE(applier.count({{selector.first, selector.last}})) << "the caller has none";
    });
    EXPECT_TRUE(tracked(Family::v4).empty());
}

class ConntrackOnce : public InNamespace {
protected:
    ConntrackFlowApplier applier_{always()};
};

TEST_F(ConntrackOnce, KernelsThatCanSelectAreAskedTo) {
    utsname system{};
    ASSERT_EQ(uname(&system), 0);
    int major = 0;
    int minor = 0;
    ASSERT_EQ(std::sscanf(system.release, "%d.%d", &major, &minor), 2); // NOLINT
    const auto report = forget_and_wait(applier_, translated_to("192.0.2.50", "192.0.2.50"));
    ASSERT_TRUE(report);
    const bool can = major > 6 || (major == 6 && minor >= 10);
    EXPECT_EQ(report->method, can ? Method::one_message : Method::dump_and_delete);
    const auto six = forget_and_wait(applier_, translated_to("2001:db8::1", "2001:db8::1"));
    ASSERT_TRUE(six);
    EXPECT_EQ(six->method, Method::dump_and_delete);
}

/// 300 flows of which every third was seen lately, translated to the address.
void make_lively_and_idle() {
    FlowMaker maker;
    for (int i = 0; i < 300; ++i) {
        MadeFlow flow{"10.0.1." + std::to_string(i % 250 + 1), "203.0.113.1",
                      static_cast<std::uint16_t>(1000 + i), 443, "192.0.2.50"};
        flow.timeout_seconds = i % 3 == 0 ? 119 : 60; // of 120 seconds, as the kernel has it
        maker.add(flow);
    }
    maker.flush();
}

TEST_F(ConntrackOnce, FlowsSeenLatelyGoFirst) {
    make_lively_and_idle();
    ConntrackEraser eraser(Mode::dump_and_delete);
    int calls = 0;
    const auto cut = eraser.erase(translated_to("192.0.2.50", "192.0.2.50"),
                                  [&] { return ++calls < 4; }); // after 256 of the dump
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, ECANCELED);
    const auto list = applier_.list({address("192.0.2.50"), address("192.0.2.50")}, 1000);
    ASSERT_TRUE(list);
    EXPECT_EQ(std::ranges::count_if(list->flows,
                                    [](const Flow& flow) { return flow.timeout.count() <= 60; }),
              200);
    EXPECT_LE(list->total, 300U - 64U) << "a batch of the others is gone";
}

TEST_F(ConntrackOnce, IdleFlowsGoHoweverManyCanBeRemembered) {
    for (const std::size_t bytes : {0UL, 5000UL, 1'000'000UL}) {
        make_lively_and_idle();
        make_flows({{"10.0.0.3", "203.0.113.1", 1003, 443, "192.0.2.51"}});
        ConntrackEraser eraser(Mode::dump_and_delete, bytes);
        const auto report =
            eraser.erase(translated_to("192.0.2.50", "192.0.2.50"), [] { return true; });
        ASSERT_TRUE(report) << report.error().what;
        EXPECT_EQ(report->deleted, 300U);
        EXPECT_EQ(tracked(Family::v4), (std::vector<std::string>{"10.0.0.3 1003 > 203.0.113.1"}));
        eraser.erase(translated_to("192.0.2.51", "192.0.2.51"), [] { return true; }).value();
    }
}

TEST_F(ConntrackOnce, WhatIsAMessageIsQuickUntilTheKernelRefuses) {
    const ConntrackEraser able(Mode::automatic);
    const ConntrackEraser unable(Mode::dump_and_delete);
    FlowSelector marked;
    marked.kind = FlowSelector::Kind::marked;
    marked.mark = marked.mask = 1;
    EXPECT_TRUE(able.is_quick(marked));
    EXPECT_TRUE(unable.is_quick(marked));
    marked.protocol = IPPROTO_UDP;
    marked.destination_port = 5060;
    EXPECT_TRUE(able.is_quick(marked));
    EXPECT_FALSE(unable.is_quick(marked));
    EXPECT_TRUE(able.is_quick(translated_to("192.0.2.50", "192.0.2.51")));
    EXPECT_FALSE(unable.is_quick(translated_to("192.0.2.50", "192.0.2.51")));
    EXPECT_FALSE(able.is_quick(translated_to("192.0.2.1", "192.0.2.100")));
    EXPECT_FALSE(able.is_quick(translated_to("2001:db8::1", "2001:db8::1")));
    EXPECT_FALSE(able.is_quick(untranslated({"10.0.0.0/8"}, {})));
}

/// A kernel that does not know CTA_FILTER in a deletion sees the message without it.
TEST_F(ConntrackOnce, WithoutTheFilterOurMessageDeletesNothing) {
    make_flows(
        {{"10.0.0.1", "203.0.113.1", 1001, 443, "192.0.2.50"}, {"10.0.0.2", "203.0.113.1", 1002}});
    refuse_without_filter(
        make_filtered_delete(Family::v4, address("192.0.2.50"), {IPS_SRC_NAT, IPS_SRC_NAT}));
    EXPECT_EQ(tracked(Family::v4).size(), 2U);
}

TEST_F(ConntrackOnce, DeletingTwiceIsToldApart) {
    make_flows({{"10.0.0.1", "203.0.113.1", 1001, 443, "192.0.2.50"},
                {"10.0.0.2", "203.0.113.1", 1002, 443, "192.0.2.50"}});
    NetfilterSocket socket;
    ASSERT_TRUE(socket.open());
    std::vector<std::uint8_t> bytes;
    std::size_t count = 0;
    std::size_t last = 0;
    NetfilterSocket dump;
    ASSERT_TRUE(dump.open());
    ASSERT_TRUE(dump.dump(*make_flow_dump(Family::v4, {0, IPS_DYING}), [&](const nlmsghdr& entry) {
        for (int twice = 0; twice < 2; ++twice, ++count) {
            last = bytes.size();
            EXPECT_TRUE(append_delete(bytes, entry, socket.next_sequence()));
        }
        return true;
    }));
    ASSERT_EQ(count, 4U);
    ask_acknowledgement(bytes, last);
    const auto absent = socket.request_batch(bytes, count);
    ASSERT_TRUE(absent) << absent.error().what;
    EXPECT_EQ(*absent, 2U);
    EXPECT_TRUE(tracked(Family::v4).empty());
}

TEST_F(ConntrackOnce, CountsEveryRangeInOneGo) {
    make_flows({{"10.0.0.1", "203.0.113.1", 1001, 443, "192.0.2.50"},
                {"10.0.0.2", "203.0.113.1", 1002, 443, "192.0.2.50"},
                {"10.0.0.3", "203.0.113.1", 1003, 443, "192.0.2.52"},
                {"192.0.2.50", "203.0.113.1", 1004},
                {"fd00::1", "2001:db8:f::1", 1005, 443, "2001:db8:a::1"}});
    const auto range = [](const char* first, const char* last) {
        return AddressRange{address(first), address(last)};
    };
    const std::vector<AddressRange> ranges{
        range("192.0.2.50", "192.0.2.50"), range("192.0.2.48", "192.0.2.55"),
        range("2001:db8:a::1", "2001:db8:a::ffff"), range("198.51.100.57", "198.51.100.60")};
    const auto counts = applier_.count(ranges);
    ASSERT_TRUE(counts) << counts.error().what;
    EXPECT_EQ(*counts, (std::vector<FlowCount>{
                           {ranges[0], 2}, {ranges[1], 3}, {ranges[2], 1}, {ranges[3], 0}}));
    const auto none = applier_.count({});
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
}

TEST_F(ConntrackOnce, ListsFlowsAsTheirOwnersSeeThem) {
    make_flows(
        {{"10.0.0.1", "203.0.113.1", 40001, 443, "192.0.2.50", "", IPPROTO_TCP},
         {"10.0.0.2", "203.0.113.2", 77, 0, "192.0.2.50", "", IPPROTO_ICMP, 0, 30, IPS_CONFIRMED},
         {"10.0.0.3", "203.0.113.1", 1003, 443, "192.0.2.51"}});
    const AddressRange here{address("192.0.2.50"), address("192.0.2.50")};
    auto list = applier_.list(here, 10);
    ASSERT_TRUE(list) << list.error().what;
    EXPECT_EQ(list->total, 2U);
    ASSERT_EQ(list->flows.size(), 2U);
    std::ranges::sort(list.value().flows, {}, &Flow::source);
    const Flow& tcp = list->flows[0];
    EXPECT_EQ(tcp.protocol, IPPROTO_TCP);
    EXPECT_EQ(tcp.source.to_string(), "10.0.0.1");
    EXPECT_EQ(tcp.source_port, 40001);
    EXPECT_EQ(tcp.destination.to_string(), "203.0.113.1");
    EXPECT_EQ(tcp.destination_port, 443);
    EXPECT_EQ(tcp.translated_to.to_string(), "192.0.2.50");
    EXPECT_EQ(tcp.tcp_state, "ESTABLISHED");
    EXPECT_TRUE(tcp.answered);
    EXPECT_GT(tcp.timeout.count(), 3500);
    EXPECT_LE(tcp.timeout.count(), 3600);
    const Flow& ping = list->flows[1];
    EXPECT_EQ(ping.protocol, IPPROTO_ICMP);
    EXPECT_EQ(ping.source_port, 77);
    EXPECT_EQ(ping.destination_port, 8 << 8);
    EXPECT_EQ(ping.tcp_state, "");
    EXPECT_FALSE(ping.answered);
    const auto one = applier_.list(here, 1);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->total, 2U);
    EXPECT_EQ(one->flows.size(), 1U);
}

} // namespace
} // namespace multihomed::apply
