// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the counters of forwarded traffic see, and what they do not, in a real kernel.
#include "apply/line_traffic.hpp"

#include "apply/nft_applier.hpp"
#include "office.hpp"
#include "plans.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <thread>

namespace multihomed::apply {
namespace {

using core::Family;
using core::LineTraffic;
using namespace multihomed::testing;

class LineTrafficOf : public InNamespace {
protected:
    void SetUp() override {
        InNamespace::SetUp();
        if (IsSkipped())
            return;
        office_.emplace();
        ASSERT_TRUE(applier_.apply(two_translating_lines()));
    }
    LineTraffic traffic(const std::string& uplink, Family family) {
        const auto lines = reader_.read();
        EXPECT_TRUE(lines) << lines.error().what;
        for (const LineTraffic& line : *lines)
            if (line.line == core::ProbeKey{uplink, family})
                return line;
        ADD_FAILURE() << "nothing of " << uplink;
        return {};
    }
    static LineTraffic figures(const std::string& uplink, Family family, std::uint64_t out,
                               std::uint64_t in) {
        return {{uplink, family}, out, in};
    }

    std::optional<Office> office_;
    NftablesNatApplier applier_{always()};
    NftLineTrafficReader reader_{always()};
};

class LineTraffic4Or6 : public LineTrafficOf,
                        public ::testing::WithParamInterface<const Names4Or6*> {
protected:
    Family family() const { return GetParam()->family; }
    Endpoint server(int type, std::uint16_t port) const {
        return {office_->internet, type, GetParam()->server, port};
    }
    Endpoint host(int type, const char* source) const { return {office_->inside, type, source, 0}; }
};

INSTANTIATE_TEST_SUITE_P(Families, LineTraffic4Or6, ::testing::Values(&kNames4, &kNames6),
                         [](const auto& names) {
                             return names.param->family == Family::v4 ? "ipv4" : "ipv6";
                         });

TEST_P(LineTraffic4Or6, CountsWhatGoesOutAndItsAnswersByLine) {
    const Endpoint echoing = server(SOCK_DGRAM, 9);
    const Endpoint translated = host(SOCK_DGRAM, GetParam()->inside);
    ASSERT_EQ(translated.connect(GetParam()->server, 9), 0);
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(translated.send('a'), 0);
        ASSERT_TRUE(echoing.echo());
        ASSERT_EQ(translated.receive(), 'a');
    }
    const Endpoint of_att = host(SOCK_DGRAM, GetParam()->att);
    ASSERT_EQ(of_att.connect(GetParam()->server, 9), 0);
    ASSERT_EQ(of_att.send('b'), 0);
    ASSERT_EQ(of_att.send('c'), 0);
    ASSERT_TRUE(echoing.echo());
    ASSERT_EQ(of_att.receive(), 'b');
    EXPECT_EQ(traffic("charter", family()), figures("charter", family(), 5, 5));
    EXPECT_EQ(traffic("att", family()), figures("att", family(), 2, 1));
    const Family other = family() == Family::v4 ? Family::v6 : Family::v4;
    EXPECT_EQ(traffic("charter", other), figures("charter", other, 0, 0));
}

TEST_P(LineTraffic4Or6, TheRoutersOwnPacketsAreNotForwarded) {
    const std::string ping =
        std::string("ping -n -c 3 -i 0.01 -W 3 -I eth2.5 ") + GetParam()->charter_gateway;
    run(ping + " > /dev/null");
    // a scan of the router itself, and broadcasts
    const Endpoint scanner = server(SOCK_DGRAM, 0);
    const char* own = family() == Family::v4 ? "192.0.2.50" : "2001:db8:c:ff::2";
    ASSERT_EQ(scanner.connect(own, 7), 0);
    ASSERT_EQ(scanner.send('x'), 0);
    EXPECT_EQ(scanner.receive(), -ECONNREFUSED) << "the router has answered";
    office_->internet.run_inside(
        "ping -n -c 3 -i 0.01 -W 1 -b 192.0.2.55 > /dev/null 2>&1 || true");
    EXPECT_EQ(traffic("charter", family()), figures("charter", family(), 0, 0));
}

TEST_P(LineTraffic4Or6, WhatTheGuardDropsIsCounted) {
    run("ip " + std::string(family() == Family::v4 ? "-4" : "-6") + " rule add pref 1 from " +
        GetParam()->att + " lookup main");
    const Endpoint of_att = host(SOCK_DGRAM, GetParam()->att);
    ASSERT_EQ(of_att.connect(GetParam()->server, 9), 0);
    ASSERT_EQ(of_att.send('a'), 0);
    ASSERT_EQ(of_att.send('b'), 0);
    while (traffic("charter", family()).packets_out < 2)
        std::this_thread::yield();
    EXPECT_EQ(traffic("charter", family()).packets_guarded, 2U);
    EXPECT_EQ(traffic("att", family()).packets_guarded, 0U);
}

TEST_P(LineTraffic4Or6, AScanOfAnInsideAddressIsNoAnswer) {
    const Endpoint open(office_->inside, SOCK_DGRAM, GetParam()->charter, 7777);
    const Endpoint scanner = server(SOCK_DGRAM, 0);
    ASSERT_EQ(scanner.connect(GetParam()->charter, 7777), 0);
    for (int i = 0; i < 4; ++i) {
        ASSERT_EQ(scanner.send('x'), 0);
        ASSERT_EQ(open.receive(), 'x');
    }
    EXPECT_EQ(traffic("charter", family()), figures("charter", family(), 0, 0));
    ASSERT_EQ(scanner.send('x'), 0);
    ASSERT_TRUE(open.echo());
    ASSERT_EQ(scanner.receive(), 'x');
    ASSERT_EQ(scanner.send('x'), 0);
    ASSERT_EQ(open.receive(), 'x');
    EXPECT_EQ(traffic("charter", family()), figures("charter", family(), 1, 1))
        << "what follows our answer is one";
}

TEST_P(LineTraffic4Or6, AnErrorOfTheProvidersIsNoAnswer) {
    const char* nobody = family() == Family::v4 ? "203.0.113.66" : "2001:db8:ffff::66";
    office_->internet.run_inside(std::string("ip route add unreachable ") + nobody);
    const Endpoint asking = host(SOCK_DGRAM, GetParam()->inside);
    ASSERT_EQ(asking.connect(nobody, 9), 0);
    asking.want_all_errors();
    ASSERT_EQ(asking.send('a'), 0);
    EXPECT_EQ(asking.told_error(), family() == Family::v4 ? EHOSTUNREACH : ENETUNREACH);
    EXPECT_EQ(traffic("charter", family()), figures("charter", family(), 1, 0));
}

TEST_P(LineTraffic4Or6, WhatAFilterDropsIsNoTraffic) {
    run("nft 'add table inet firewall; add chain inet firewall f { type filter hook forward "
        "priority 0; }; add rule inet firewall f oifname eth2.5 udp dport 9 counter drop'");
    const Endpoint asking = host(SOCK_DGRAM, GetParam()->inside);
    ASSERT_EQ(asking.connect(GetParam()->server, 9), 0);
    ASSERT_EQ(asking.send('a'), 0);
    const Endpoint heard = server(SOCK_DGRAM, 10);
    ASSERT_EQ(asking.connect(GetParam()->server, 10), 0);
    ASSERT_EQ(asking.send('b'), 0);
    ASSERT_EQ(heard.receive(), 'b');
    EXPECT_EQ(traffic("charter", family()), figures("charter", family(), 1, 0));
}

TEST_F(LineTrafficOf, CountersOfLinesThatStayGoOn) {
    const Endpoint heard(office_->internet, SOCK_DGRAM, kNames4.server, 9);
    const Endpoint asking(office_->inside, SOCK_DGRAM, kNames4.inside, 0);
    ASSERT_EQ(asking.connect(kNames4.server, 9), 0);
    const auto one_more = [&] {
        ASSERT_EQ(asking.send('a'), 0);
        ASSERT_EQ(heard.receive(), 'a');
    };
    one_more();
    core::NatPlan plan = two_translating_lines();
    plan.lines.push_back(line("third", "ppp0"));
    ASSERT_TRUE(applier_.apply(plan));
    one_more();
    EXPECT_EQ(traffic("charter", Family::v4).packets_out, 2U);
    EXPECT_EQ(traffic("third", Family::v4).packets_out, 0U);
    plan = two_translating_lines();
    plan.lines.erase(plan.lines.begin()); // att
    ASSERT_TRUE(applier_.apply(plan));
    one_more();
    EXPECT_EQ(traffic("charter", Family::v4).packets_out, 3U);
    const auto lines = reader_.read();
    ASSERT_TRUE(lines) << lines.error().what;
    EXPECT_EQ(lines->size(), 2U) << "lines that are gone have no counters";
    ASSERT_TRUE(applier_.remove());
    const auto none = reader_.read();
    ASSERT_TRUE(none) << none.error().what;
    EXPECT_TRUE(none->empty());
}

} // namespace
} // namespace multihomed::apply
