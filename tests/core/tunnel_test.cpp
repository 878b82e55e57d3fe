// SPDX-License-Identifier: GPL-2.0-or-later
//
// Prefixes of 6rd and 6to4, and what becomes of an uplink's tunnel in the world as it is.
#include "core/builders.hpp"
#include "core/tunnel_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace std::chrono_literals;
using core::Family;
using core::State;

std::string delegated(const char* prefix, const char* ipv4, std::uint8_t shared = 0) {
    const core::Address own = ip(ipv4);
    return core::delegated_prefix({net(prefix), core::Prefix(own, shared)}, own).to_string();
}

TEST(Tunnel, DelegatedPrefixOf6rd) {
    // the example of RFC 5969: prefix 2001:db8::/32, IPv4MaskLen 8
    EXPECT_EQ(delegated("2001:db8::/32", "10.100.100.1", 8), "2001:db8:6464:100::/56");
    EXPECT_EQ(delegated("2001:db8::/32", "192.0.2.50"), "2001:db8:c000:232::/64");
    // lengths that are no multiple of four or eight
    EXPECT_EQ(delegated("2a01:79c::/30", "81.167.4.214"), "2a01:79d:469c:1358::/62");
    EXPECT_EQ(delegated("2001:db8:8000::/33", "203.0.113.255", 25), "2001:db8:ff00::/40");
    EXPECT_EQ(delegated("2001:db8::/48", "192.0.2.255", 32), "2001:db8::/48");
}

core::Tunnel tunnel_of(core::Tunnel::Kind kind, const char* relay) {
    core::Tunnel typed;
    typed.kind = kind;
    typed.relay = ip(relay);
    typed.carrier = "charter";
    return typed;
}

TEST(Tunnel, DelegatedPrefixOf6to4) {
    const auto typed = tunnel_of(core::Tunnel::Kind::six_to_four, "192.88.99.1");
    const auto domain = core::domain_of(typed, ip("192.0.2.4"));
    ASSERT_TRUE(domain);
    EXPECT_EQ(core::delegated_prefix(*domain, ip("192.0.2.4")).to_string(), "2002:c000:204::/48");
}

TEST(Tunnel, CompatibleAddresses) {
    EXPECT_EQ(core::compatible_address(ip("192.88.99.1")), ip("::192.88.99.1"));
    EXPECT_TRUE(core::is_compatible(ip("::192.0.2.1")));
    for (const char* other : {"::", "::1", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1"})
        EXPECT_FALSE(core::is_compatible(ip(other))) << other;
}

/// The office whose cable line carries a 6rd tunnel, charter6 on charter6rd, preferred for IPv6.
class OfficeTunnel : public testing::Test {
protected:
    OfficeTunnel() {
        for (core::Uplink& each : router.config.uplinks)
            each.family[Family::v6] = {};
        core::Uplink& added = router.config.uplinks.emplace_back(uplink("charter6", "charter6rd"));
        added.preference = 5;
        added.tunnel = tunnel_of(core::Tunnel::Kind::sixrd, "192.0.2.200");
        added.tunnel->prefix = net("2001:db8::/32");
        router.answer("charter");
        router.answer("att");
    }
    core::Tunnel& typed() { return *router.uplink("charter6").tunnel; }
    const std::vector<core::TunnelPlan>& wanted() { return router.decide().desired.tunnels; }
    const std::string& why() {
        router.decide();
        return router.reason("charter6", Family::v6);
    }
    /// What the applier would make of what is wanted.
    void make() {
        for (const core::TunnelPlan& plan : wanted()) {
            core::Interface made = tunnel(plan.interface, 77);
            made.alias = core::tunnel_alias(plan.uplink);
            made.addresses = {{.address = plan.address->address,
                               .prefix_length = plan.address->length,
                               .peer = {}},
                              interface_address("::198.51.100.50/96")};
            add(router.seen, made);
        }
        router.decide();
    }
    core::Line line() {
        for (const core::LineReport& report : router.last.lines)
            if (report.line.uplink->name == "charter6")
                return report.line;
        return {};
    }

    Router router = proven_office();
};

TEST_F(OfficeTunnel, IsWantedOnTheAddressOfItsCarrier) {
    ASSERT_EQ(wanted().size(), 1U);
    const core::TunnelPlan& plan = wanted().front();
    EXPECT_EQ(plan.interface, "charter6rd");
    EXPECT_EQ(plan.local, ip("198.51.100.50"));
    EXPECT_FALSE(plan.remote);
    EXPECT_EQ(plan.sixrd->prefix, net("2001:db8::/32"));
    EXPECT_EQ(plan.sixrd->ipv4, net("0.0.0.0/0"));
    EXPECT_EQ(plan.address->to_string(), "2001:db8:c633:6432::1/128");
    EXPECT_EQ(plan.ttl, 64);
}

TEST_F(OfficeTunnel, TakesTheMtuOfItsCarrierLessAHeader) {
    router.interface("eth2.5").mtu = 1500;
    EXPECT_EQ(wanted().front().mtu, 1480U);
    router.interface("eth2.5").mtu = 1290;
    EXPECT_EQ(wanted().front().mtu, 1280U);
    typed().mtu = 1400;
    EXPECT_EQ(wanted().front().mtu, 1400U);
}

TEST_F(OfficeTunnel, ALineOfIpv6OnlyWhosePrefixIsItsSource) {
    make();
    EXPECT_EQ(texts(line().sources), std::vector<std::string>{"2001:db8:c633:6432::/64"});
    EXPECT_EQ(line().gateway, ip("::192.0.2.200"));
    EXPECT_EQ(line().probe_source, ip("2001:db8:c633:6432::1"));
    EXPECT_FALSE(line().resolves_gateway);
    EXPECT_EQ(router.state("charter6", Family::v6), State::up); // nothing to probe
    EXPECT_EQ(
        table_texts(router.last.desired.routes, line().table),
        (std::vector<std::string>{"v6 default via ::192.0.2.200 dev charter6rd table " +
                                      std::to_string(line().table),
                                  "v6 unreachable default table " + std::to_string(line().table)}));
    EXPECT_TRUE(std::ranges::none_of(router.last.lines, [](const core::LineReport& report) {
        return report.line.uplink->name == "charter6" && report.line.family == Family::v4;
    }));
}

TEST_F(OfficeTunnel, TheRelaysStandInIsNotProbed) {
    make();
    EXPECT_TRUE(std::ranges::none_of(router.last.desired.probes, [](const core::ProbePlan& plan) {
        return plan.key.uplink == "charter6";
    }));
}

TEST_F(OfficeTunnel, AnotherAddressIsAnotherTunnel) {
    make();
    router.interface("eth2.5").addresses = {interface_address("198.51.100.51/29")};
    EXPECT_EQ(wanted().front().local, ip("198.51.100.51"));
    EXPECT_EQ(wanted().front().address->to_string(), "2001:db8:c633:6433::1/128");
}

TEST_F(OfficeTunnel, NoAddressNoTunnel) {
    router.interface("eth2.5").addresses.clear();
    EXPECT_TRUE(wanted().empty());
    EXPECT_EQ(why(), "uplink charter, which carries the tunnel, has no IPv4 address");
    EXPECT_EQ(router.state("charter6", Family::v6), State::no_carrier);
}

TEST_F(OfficeTunnel, SaysWhatItsCarrierLacks) {
    make();
    router.interface("eth2.5").carrier = false;
    EXPECT_EQ(wanted().size(), 1U); // it may be back at once
    EXPECT_EQ(why(), "uplink charter, which carries the tunnel: no carrier on eth2.5");
}

TEST_F(OfficeTunnel, IsDownWhileItsCarrierIsAndComesBackWithPatience) {
    make();
    ASSERT_TRUE(core::has_nexthop(router.state("charter6", Family::v6)));
    router.fall_silent("charter");
    router.decide_after(1ms);
    EXPECT_EQ(router.state("charter6", Family::v6), State::down);
    EXPECT_TRUE(why().starts_with("uplink charter, which carries the tunnel, is down: ")) << why();
    router.answer("charter");
    router.decide_after(1ms);
    router.decide_after(1ms);
    EXPECT_NE(router.state("charter6", Family::v6), State::down);
}

TEST_F(OfficeTunnel, AnInterfaceOfSomebodyElseIsNotUsed) {
    make();
    router.interface("charter6rd").alias = "";
    EXPECT_EQ(why(),
              "there is an interface charter6rd that this tunnel did not make; it is left alone");
    router.interface("charter6rd").alias = "multihomed other";
    EXPECT_TRUE(why().ends_with("it is left alone"));
}

TEST_F(OfficeTunnel, CarriersThatCannotCarry) {
    typed().carrier = "nobody";
    EXPECT_EQ(why(), "there is no uplink nobody to carry the tunnel");
    typed().carrier = "charter6";
    EXPECT_EQ(why(), "uplink charter6, which shall carry the tunnel, is a tunnel itself");
    typed().carrier = "charter";
    router.uplink("charter").interface.clear();
    EXPECT_EQ(why(), "uplink charter, which carries the tunnel, has no interface");
}

TEST_F(OfficeTunnel, SixToFourNeedsAPublicAddress) {
    typed() = tunnel_of(core::Tunnel::Kind::six_to_four, "192.88.99.1");
    EXPECT_EQ(wanted().front().address->to_string(), "2002:c633:6432::1/128");
    router.interface("eth2.5").addresses = {interface_address("192.168.1.2/24")};
    EXPECT_TRUE(wanted().empty());
    EXPECT_EQ(why(), "6to4 needs a public IPv4 address, and uplink charter has 192.168.1.2");
}

TEST_F(OfficeTunnel, APlainTunnelHasAnotherEndAndNoPrefix) {
    typed() = tunnel_of(core::Tunnel::Kind::sit, "192.0.2.200");
    typed().address = core::OwnAddress{ip("2001:db8:7::2"), 64};
    typed().ttl = 32;
    ASSERT_EQ(wanted().size(), 1U);
    EXPECT_EQ(wanted().front().remote, ip("192.0.2.200"));
    EXPECT_FALSE(wanted().front().sixrd);
    EXPECT_EQ(wanted().front().ttl, 32);
    make();
    EXPECT_FALSE(line().gateway);
    EXPECT_EQ(texts(line().sources), std::vector<std::string>{"2001:db8:7::/64"});
}

} // namespace
} // namespace multihomed::test
