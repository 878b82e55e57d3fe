// SPDX-License-Identifier: GPL-2.0-or-later
//
// Prefixes inside that stand outside as prefixes of a line, in a real kernel with real packets,
// whose checksums are looked at: host for host, both ways, and nobody else.
#include "apply/nft_applier.hpp"
#include "office.hpp"
#include "plans.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <optional>
#include <sys/ioctl.h>

namespace multihomed::apply {
namespace {

using core::Family;
using namespace multihomed::testing;

const char* const kServer = "2001:db8:ffff::9";
constexpr std::uint16_t kPort = 7000;

/// A veth end leaves checksums to a network card that is not there, and its peer takes them as
/// good. Without that they are computed, and verified.
void compute_checksums(const std::vector<const char*>& interfaces) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (const char* name : interfaces) {
        ethtool_value off{.cmd = ETHTOOL_STXCSUM, .data = 0};
        ifreq request{};
        strncpy(request.ifr_name, name, IFNAMSIZ - 1);
        request.ifr_data = reinterpret_cast<char*>(&off);
        EXPECT_EQ(ioctl(fd, SIOCETHTOOL, &request), 0) << name << ": " << strerror(errno);
    }
    close(fd);
}

std::string host_of(const std::string& name) {
    return name.substr(0, name.find(' '));
}
std::string port_of(const std::string& name) {
    return name.substr(name.find(' ') + 1);
}

/// Both lines translate fd00::/64, each to a prefix of its own; charter has the default.
class PrefixNatPackets : public InNamespace {
protected:
    void SetUp() override {
        InNamespace::SetUp();
        if (IsSkipped())
            return;
        office_.emplace();
        office_->inside.run_inside("ip addr add fd00::4/64 dev eth0;"
                                   "ip addr add fd00:0:0:9::3/128 dev eth0");
        run("ip route add fd00:0:0:9::/64 via fd00::3");
        compute_checksums({"eth1", "eth2.5", "eth2.4"});
        office_->inside.within([] { compute_checksums({"eth0"}); });
        office_->internet.within([] { compute_checksums({"charter", "att"}); });
        plan_.lines[0].nat[Family::v6] = {};
        plan_.lines[0].prefixes[Family::v6] = {{prefix("fd00::/64"), prefix("2001:db8:a:40::/64")}};
        plan_.lines[1].prefixes[Family::v6] = {{prefix("fd00::/64"), prefix("2001:db8:c:40::/64")}};
        mark_flows();
        apply();
    }
    /// Flows stay on their line, as the daemon's rules have it.
    void mark_flows() {
        plan_.mark_mask = 0x3f000000;
        plan_.lines[0].mark = 0x02000000;
        plan_.lines[1].mark = 0x01000000;
        run("ip -6 rule add priority 200 fwmark 0x1000000/0x3f000000 lookup 1010;"
            "ip -6 rule add priority 200 fwmark 0x2000000/0x3f000000 lookup 1020");
    }
    void apply() {
        const auto applied = applier_.apply(plan_);
        ASSERT_TRUE(applied) << applied.error().what;
        const auto intact = applier_.verify();
        EXPECT_TRUE(intact && *intact);
    }
    Endpoint inside(const char* own, int type = SOCK_DGRAM, std::uint16_t port = 0) const {
        return {office_->inside, type, own, port};
    }
    Endpoint outside(int type = SOCK_DGRAM, std::uint16_t port = kPort) const {
        return {office_->internet, type, kServer, port};
    }
    /// What a host inside looks like to the server.
    std::string seen_of(const Endpoint& host) const {
        const Endpoint server = outside();
        EXPECT_EQ(host.connect(kServer, kPort), 0);
        EXPECT_EQ(host.send('a'), 0);
        return server.hear_from();
    }
    std::uint64_t dropped(const std::string& uplink) {
        const auto counts = applier_.counters();
        for (const GuardCount& count : *counts)
            if (count.uplink == uplink && count.family == Family::v6)
                return count.packets;
        return 0;
    }

    std::optional<Office> office_;
    core::NatPlan plan_ = two_lines();
    NftablesNatApplier applier_{always()};
};

TEST_F(PrefixNatPackets, HostAndPortStayWhatTheyAre) {
    const Endpoint one = inside("fd00::3");
    EXPECT_EQ(seen_of(one), "2001:db8:c:40::3 " + port_of(one.own()));
    const Endpoint two = inside("fd00::4", SOCK_DGRAM, 7777);
    EXPECT_EQ(seen_of(two), "2001:db8:c:40::4 7777");
    const Endpoint three = inside("fd00::3", SOCK_DGRAM, 7777);
    EXPECT_EQ(seen_of(three), "2001:db8:c:40::3 7777") << "two hosts never collide";
    EXPECT_EQ(dropped("charter"), 0U);
}

TEST_F(PrefixNatPackets, AnswersComeBack) {
    const Endpoint server = outside();
    const Endpoint host = inside("fd00::3");
    ASSERT_EQ(host.connect(kServer, kPort), 0);
    ASSERT_EQ(host.send('a'), 0);
    ASSERT_TRUE(server.echo());
    EXPECT_EQ(host.receive(), 'a');
}

TEST_F(PrefixNatPackets, AHostIsReachedByEveryLineAndAnswersByTheSame) {
    const Endpoint serving = inside("fd00::3", SOCK_STREAM, 80);
    serving.listen();
    for (const char* line : {"2001:db8:c:40::3", "2001:db8:a:40::3"}) {
        const Endpoint client = outside(SOCK_STREAM, 0);
        ASSERT_EQ(client.connect(line, 80), 0) << line;
        const Endpoint accepted = serving.accept();
        EXPECT_EQ(accepted.peer(), client.own()) << "who asks is not hidden";
        ASSERT_EQ(accepted.send('a'), 0);
        EXPECT_EQ(client.receive(), 'a');
    }
    EXPECT_EQ(dropped("charter"), 0U);
    EXPECT_EQ(dropped("att"), 0U);
}

TEST_F(PrefixNatPackets, WhatTheRouterHasItKeeps) {
    run("ip addr add 2001:db8:c:40::7/128 dev lo");
    const Endpoint serving(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto own = probe::to_socket_address(address("2001:db8:c:40::7"), 80, 0);
    ASSERT_EQ(bind(serving.fd(), own.get(), own.length), 0) << strerror(errno);
    serving.listen();
    EXPECT_EQ(outside(SOCK_STREAM, 0).connect("2001:db8:c:40::7", 80), 0);
}

TEST_F(PrefixNatPackets, TheOperatorsOwnForwardDecidesFirst) {
    run("nft add table ip6 own; nft 'add chain ip6 own in "
        "{ type nat hook prerouting priority dstnat; }'; "
        "nft add rule ip6 own in ip6 daddr 2001:db8:c:40::99 dnat to fd00::4");
    const Endpoint serving = inside("fd00::4", SOCK_STREAM, 80);
    serving.listen();
    EXPECT_EQ(outside(SOCK_STREAM, 0).connect("2001:db8:c:40::99", 80), 0);
}

TEST_F(PrefixNatPackets, WhatFitsNoPrefixIsTranslatedOnlyWhereTold) {
    const Endpoint server = outside();
    const Endpoint other = inside("fd00:0:0:9::3");
    ASSERT_EQ(other.connect(kServer, kPort), 0);
    ASSERT_EQ(other.send('a'), 0);
    EXPECT_EQ(server.receive(100), -ETIMEDOUT);
    EXPECT_EQ(dropped("charter"), 1U);
    plan_.lines[1].nat[Family::v6] = masquerade();
    apply();
    run("conntrack -F 2>&1");
    ASSERT_EQ(other.send('a'), 0);
    EXPECT_EQ(host_of(server.hear_from()), "2001:db8:c:ff::2");
    const Endpoint one = inside("fd00::3");
    ASSERT_EQ(one.connect(kServer, kPort), 0);
    ASSERT_EQ(one.send('a'), 0);
    EXPECT_EQ(host_of(server.hear_from()), "2001:db8:c:40::3") << "the prefix comes first";
}

TEST_F(PrefixNatPackets, ErrorsFindTheirWayBack) {
    const Endpoint refused = inside("fd00::3");
    ASSERT_EQ(refused.connect(kServer, 9), 0);
    ASSERT_EQ(refused.send('a'), 0);
    EXPECT_EQ(refused.told_error(), ECONNREFUSED) << "port unreachable";

    const Endpoint expiring = inside("fd00::3");
    const int hops = 2;
    expiring.want_all_errors();
    ASSERT_EQ(setsockopt(expiring.fd(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops), 0);
    office_->internet.run_inside("ip -6 route add 2001:db8:dead::/64 dev charter");
    ASSERT_EQ(expiring.connect("2001:db8:dead::1", 9), 0);
    ASSERT_EQ(expiring.send('a'), 0);
    EXPECT_EQ(expiring.told_error(), EHOSTUNREACH) << "time exceeded";

    office_->internet.run_inside("ip link add narrow mtu 1280 type veth peer name far;"
                                 "ip link set narrow up; ip link set far up;"
                                 "ip -6 route add 2001:db8:beef::/64 dev narrow");
    const Endpoint large = inside("fd00::3");
    large.want_all_errors();
    ASSERT_EQ(large.connect("2001:db8:beef::1", 9), 0);
    const std::string kilobytes(1400, 'x');
    ASSERT_EQ(::send(large.fd(), kilobytes.data(), kilobytes.size(), 0), 1400);
    EXPECT_EQ(large.told_error(), EMSGSIZE) << "packet too big";
}

TEST_F(PrefixNatPackets, RenumberingIsForNewFlowsAndTouchesNoOther) {
    const Endpoint old = inside("fd00::3");
    EXPECT_EQ(host_of(seen_of(old)), "2001:db8:c:40::3");
    plan_.lines[1].prefixes[Family::v6] = {{prefix("fd00::/64"), prefix("2001:db8:c:50::/64")}};
    apply();
    EXPECT_EQ(host_of(seen_of(old)), "2001:db8:c:40::3") << "its address is still the line's";
    EXPECT_EQ(host_of(seen_of(inside("fd00::3"))), "2001:db8:c:50::3");
}

TEST_F(PrefixNatPackets, AnInsidePrefixOfAnyLengthKeepsTheRestOfTheAddress) {
    plan_.lines[1].prefixes[Family::v6] = {
        {prefix("fd00::/126"), prefix("2001:db8:c:40::fffc/126")},
        {prefix("fd00::4/128"), prefix("2001:db8:c:40::beef/128")},
        {prefix("fd00:0:0:8::/63"), prefix("2001:db8:c:70::/63")}};
    apply();
    EXPECT_EQ(host_of(seen_of(inside("fd00::3"))), "2001:db8:c:40::ffff");
    EXPECT_EQ(host_of(seen_of(inside("fd00::4"))), "2001:db8:c:40::beef");
    EXPECT_EQ(host_of(seen_of(inside("fd00:0:0:9::3"))), "2001:db8:c:71::3");
}

} // namespace
} // namespace multihomed::apply
