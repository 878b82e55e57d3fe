// SPDX-License-Identifier: GPL-2.0-or-later
//
// survey() and assign_tables(): what a line could do, why not, and what is its own.
#include "core/builders.hpp"
#include "core/line.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {
namespace {

using namespace core;
using Texts = std::vector<std::string>;

class Survey : public ::testing::Test {
protected:
    Config config = office_config();
    Observation seen = office();

    Uplink& charter() { return config.uplinks[0]; }
    Uplink& att() { return config.uplinks[1]; }
    UplinkFamily& charter4() { return charter().family[Family::v4]; }
    core::Interface& interface(const char* name) { return seen.interfaces.at(name); }

    const std::vector<Line>& look() {
        lines_ = survey(config, assign_tables(config, {}), {}, seen);
        return lines_;
    }
    const Line* find(const char* name, Family family = Family::v4) {
        look();
        const auto found = std::ranges::find_if(lines_, [&](const Line& line) {
            return line.uplink->name == name && line.family == family;
        });
        return found == lines_.end() ? nullptr : &*found;
    }
    const Line& line(const char* name, Family family = Family::v4) {
        const Line* found = find(name, family);
        if (!found)
            throw std::runtime_error(std::string("no line of ") + name);
        return *found;
    }
    /// "state: reason", or "" for a line that could carry.
    std::string blocked(const char* name, Family family = Family::v4) {
        const Line& found = line(name, family);
        if (!found.blocked)
            return "";
        return std::string(to_string(found.blocked->state)) + ": " + found.blocked->reason;
    }

private:
    std::vector<Line> lines_;
};

TEST_F(Survey, AProfileThatIsNotThereIsRemarked) {
    charter().profile = "fast";
    EXPECT_TRUE(line("charter").remarks.empty());
    charter().profile = "fats";
    EXPECT_EQ(line("charter").remarks,
              Texts{"there is no 'probe profile fats': the numbers of 'default' hold"});
    config.profiles.push_back({"fats", {}});
    EXPECT_TRUE(line("charter").remarks.empty());
}

TEST_F(Survey, AnUplinkWithoutAMarkIsRemarked) {
    const auto lines = survey(config, assign_tables(config, {}), {{"charter", 1}}, seen);
    for (const Line& each : lines)
        EXPECT_EQ(each.remarks.empty(), each.uplink->name == "charter") << each.uplink->name;
}

TEST_F(Survey, TheOfficeHasFourLinesAndNothingIsMissing) {
    const auto& lines = look();
    ASSERT_EQ(lines.size(), 4U);
    for (const Line& each : lines) {
        EXPECT_FALSE(each.blocked) << each.blocked->reason;
        EXPECT_TRUE(each.remarks.empty()) << each.remarks.front();
        EXPECT_TRUE(each.carrier);
        EXPECT_TRUE(each.resolves_gateway);
    }
    const Line& four = lines[0];
    EXPECT_EQ(four.table, 1001U);
    EXPECT_EQ(four.ifindex, 5U);
    EXPECT_EQ(four.gateway, ip("198.51.100.49"));
    EXPECT_EQ(four.addresses, std::vector{ip("198.51.100.50")});
    EXPECT_EQ(texts(four.subnets), Texts{"198.51.100.48/29"});
    EXPECT_EQ(texts(four.sources), Texts{"198.51.100.48/29"}) << "the host lies in its subnet";
    EXPECT_EQ(four.probe_source, ip("198.51.100.50"));
    const Line& six = lines[1];
    EXPECT_EQ(six.family, Family::v6);
    EXPECT_EQ(six.table, 1001U) << "one table for both families";
    EXPECT_EQ(texts(six.sources), (Texts{"2001:db8:cc::/64", "2001:db8:c000::/36"}));
    EXPECT_EQ(six.nexthop().gateway, ip("fe80::c"));
}

TEST_F(Survey, EveryReasonAboutTheInterface) {
    charter().shutdown = true;
    EXPECT_EQ(blocked("charter"), "shutdown: shut down by configuration");
    charter().shutdown = false;
    interface("eth2.5").carrier = false;
    EXPECT_EQ(blocked("charter"), "no-carrier: no carrier on eth2.5");
    EXPECT_FALSE(line("charter").carrier);
    interface("eth2.5").up = false;
    EXPECT_EQ(blocked("charter"), "no-carrier: interface eth2.5 is down");
    charter().interface = "ppp0";
    EXPECT_EQ(blocked("charter"), "no-carrier: interface ppp0 does not exist");
    EXPECT_EQ(line("charter").ifindex, 0U);
    charter().interface.clear();
    EXPECT_EQ(blocked("charter"), "no-carrier: no interface configured: 'interface IFNAME'");
}

TEST_F(Survey, AnUplinkThatIsOnlyNamedWaitsForItsInterface) {
    config.uplinks = {uplink("new", "")};
    EXPECT_EQ(look().size(), 1U) << "IPv4 only: nothing was said of IPv6";
    EXPECT_EQ(blocked("new"), "no-carrier: no interface configured: 'interface IFNAME'");
    config.uplinks[0].interface = "eth1";
    EXPECT_EQ(
        blocked("new"),
        "no-gateway: 'ip gateway A.B.C.D' or 'auto' is missing: eth1 is a broadcast interface");
}

TEST_F(Survey, AGatewayMayBeMissingOnPointToPointInterfacesOnly) {
    charter().family[Family::v6].gateway = {};
    EXPECT_EQ(blocked("charter", Family::v6), "no-gateway: 'ipv6 gateway X:X::X:X' or 'auto' is "
                                              "missing: eth2.5 is a broadcast interface");
    interface("eth2.5").point_to_point = true;
    EXPECT_EQ(blocked("charter", Family::v6), "");
    EXPECT_FALSE(line("charter", Family::v6).gateway);
    EXPECT_FALSE(line("charter", Family::v6).resolves_gateway);
}

TEST_F(Survey, OurOwnAddressIsNoGateway) {
    charter4().gateway = gateway("198.51.100.50");
    EXPECT_EQ(blocked("charter"),
              "no-gateway: gateway 198.51.100.50 is this router's own address on eth2.5");
    charter4().gateway = gateway("172.16.0.1", true);
    EXPECT_EQ(blocked("charter"),
              "no-gateway: gateway 172.16.0.1 is this router's own address on eth1");
    charter4().gateway = gateway("127.0.0.1");
    EXPECT_NE(blocked("charter"), "");
}

TEST_F(Survey, AGatewayOutsideEveryPrefixNeedsOnlink) {
    charter4().gateway = gateway("192.0.2.1");
    EXPECT_EQ(blocked("charter"),
              "no-gateway: gateway 192.0.2.1 is in no connected prefix of eth2.5 "
              "(198.51.100.48/29); add 'onlink' if it is reachable all the same");
    charter4().gateway.onlink = true;
    EXPECT_EQ(blocked("charter"), "");
    charter4().gateway.onlink = false;
    interface("eth2.5").point_to_point = true;
    EXPECT_EQ(blocked("charter"), "") << "there is nobody else at the other end";
}

TEST_F(Survey, TheGatewayOfTheOtherLineIsNoGateway) {
    charter4().gateway = gateway("203.0.113.62");
    EXPECT_NE(blocked("charter"), "");
}

// fe80::1 is what every second ISP's router calls itself, and what many call their own LAN side.
TEST_F(Survey, ALinkLocalGatewayIsOursOnlyOnItsOwnLink) {
    charter().family[Family::v6].gateway = gateway("fe80::1");
    EXPECT_EQ(blocked("charter", Family::v6), "") << "fe80::1 is ours on eth1, not on eth2.5";
    charter().family[Family::v6].gateway = gateway("fe80::5");
    EXPECT_EQ(blocked("charter", Family::v6),
              "no-gateway: gateway fe80::5 is this router's own address on eth2.5");
}

// Unlike IPv6's, an IPv4 link-local gateway is reachable only where 169.254.0.0/16 is connected.
TEST_F(Survey, AnIPv4LinkLocalGatewayNeedsItsPrefix) {
    charter4().gateway = gateway("169.254.1.1");
    EXPECT_NE(blocked("charter"), "");
    interface("eth2.5").addresses.push_back(interface_address("169.254.7.7/16"));
    EXPECT_EQ(blocked("charter"), "");
    EXPECT_EQ(line("charter").addresses, std::vector{ip("198.51.100.50")});
}

TEST_F(Survey, AnAddressIsNeeded) {
    interface("eth2.5").addresses.clear();
    EXPECT_EQ(blocked("charter"), "no-address: eth2.5 has no usable IPv4 address");
    interface("eth2.5").addresses = {interface_address("169.254.1.2/16")};
    EXPECT_EQ(blocked("charter"), "no-address: eth2.5 has no usable IPv4 address");
}

TEST_F(Survey, ATentativeAddressIsNotUsedAndSaysSo) {
    for (InterfaceAddress& own : interface("eth2.5").addresses)
        own.tentative = own.address.is_v6();
    seen.interfaces.erase("eth1"); // no other address in the line's prefixes
    EXPECT_EQ(blocked("charter", Family::v6),
              "no-address: eth2.5 has no usable IPv6 address (2001:db8:cc::50 is tentative: "
              "duplicate address detection)");
    EXPECT_EQ(blocked("charter", Family::v4), "");
    EXPECT_EQ(texts(line("charter", Family::v6).sources), Texts{"2001:db8:c000::/36"});
}

TEST_F(Survey, MasqueradeNeedsAnAddressOnTheInterfaceItself) {
    charter4().nat = nat_masquerade();
    charter4().sources = {net("192.0.2.0/28")};
    interface("eth2.5").addresses.clear();
    interface("eth1").addresses.push_back(interface_address("192.0.2.1/28"));
    EXPECT_EQ(blocked("charter"), "no-address: masquerade needs an IPv4 address on eth2.5");
    charter4().nat = nat_none();
    charter4().gateway = gateway("198.51.100.49", true);
    EXPECT_EQ(blocked("charter"), "");
}

TEST_F(Survey, TheNatSourceMustBeTheLines) {
    charter4().nat = nat_source("192.0.2.7");
    EXPECT_EQ(blocked("charter"), "no-address: NAT source 192.0.2.7 lies in no prefix of this "
                                  "line; 'ip source PREFIX' would add one");
    charter4().sources = {net("192.0.2.0/28")};
    EXPECT_EQ(blocked("charter"), "");
    charter4().nat = nat_source("192.0.2.7", "192.0.2.20");
    EXPECT_EQ(blocked("charter"), "no-address: NAT source 192.0.2.7-192.0.2.20 lies in no prefix "
                                  "of this line; 'ip source PREFIX' would add one")
        << "the end of the pool counts too";
    charter4().nat = nat_source("203.0.113.57");
    EXPECT_NE(blocked("charter"), "") << "the other line's address";
}

TEST_F(Survey, ADelegatedPrefixWithItsAddressOnTheLanInterface) {
    interface("eth2.5").addresses = {interface_address("fe80::5/64")};
    EXPECT_EQ(blocked("charter", Family::v6), "");
    const Line& six = line("charter", Family::v6);
    EXPECT_TRUE(six.addresses.empty());
    EXPECT_EQ(six.probe_source, ip("2001:db8:c000:1::1")) << "not att's, on the same interface";
    EXPECT_EQ(texts(six.sources), Texts{"2001:db8:c000::/36"});
    interface("eth1").addresses.clear();
    EXPECT_EQ(blocked("charter", Family::v6), "no-address: eth2.5 has no usable IPv6 address");
}

TEST_F(Survey, ADeprecatedAddressIsProbedFromOnlyWhenThereIsNoOther) {
    auto& addresses = interface("eth2.5").addresses;
    addresses.insert(addresses.begin(), interface_address("2001:db8:dd::50/64"));
    addresses.front().deprecated = true;
    EXPECT_EQ(line("charter", Family::v6).probe_source, ip("2001:db8:cc::50"));
    for (InterfaceAddress& own : addresses)
        own.deprecated = true;
    EXPECT_EQ(line("charter", Family::v6).probe_source, ip("2001:db8:dd::50"));
    EXPECT_EQ(texts(line("charter", Family::v6).sources),
              (Texts{"2001:db8:cc::/64", "2001:db8:dd::/64", "2001:db8:c000::/36"}))
        << "a deprecated address is the line's all the same";
}

TEST_F(Survey, TwoModemsWithTheSameSubnet) {
    interface("eth2.5").addresses = {interface_address("192.168.1.2/24")};
    interface("eth2.4").addresses = {interface_address("192.168.1.3/24")};
    charter4() = {.gateway = gateway("192.168.1.1"), .nat = {}, .sources = {}};
    att().family[Family::v4] = {.gateway = gateway("192.168.1.254"), .nat = {}, .sources = {}};
    EXPECT_EQ(blocked("charter"), "");
    EXPECT_EQ(blocked("att"), "");
    EXPECT_EQ(texts(line("charter").sources), Texts{"192.168.1.2/32"});
    EXPECT_EQ(texts(line("att").sources), Texts{"192.168.1.3/32"});
    EXPECT_EQ(texts(line("charter").subnets), Texts{"192.168.1.0/24"});
    EXPECT_EQ(line("charter").remarks, Texts{"192.168.1.0/24 is also a prefix of uplink att: only "
                                             "this line's own addresses mark its packets"});
    charter4().gateway = gateway("192.168.1.3");
    EXPECT_EQ(blocked("charter"),
              "no-gateway: gateway 192.168.1.3 is this router's own address on eth2.4");
}

TEST_F(Survey, TwoModemsWithTheSameGatewayToo) {
    interface("eth2.5").addresses = {interface_address("192.168.1.2/24")};
    interface("eth2.4").addresses = {interface_address("192.168.1.3/24")};
    charter4() = {.gateway = gateway("192.168.1.1"), .nat = {}, .sources = {}};
    att().family[Family::v4] = charter4();
    EXPECT_EQ(blocked("charter"), "");
    EXPECT_EQ(blocked("att"), "");
    EXPECT_EQ(line("att").nexthop().ifindex, 4U);
}

// Two modems that hand out the very same address: its packets can be bound to one line only, and
// that is one which can be used.
TEST_F(Survey, AnAddressThatTwoLinesHaveIsBoundToOne) {
    interface("eth2.5").addresses = {interface_address("192.168.1.2/24")};
    interface("eth2.4").addresses = {interface_address("192.168.1.2/24")};
    charter4() = {.gateway = gateway("192.168.1.1"), .nat = {}, .sources = {}};
    att().family[Family::v4] = charter4();
    EXPECT_EQ(blocked("charter") + blocked("att"), "");
    EXPECT_EQ(texts(line("charter").bound), Texts{"192.168.1.2/32"});
    EXPECT_TRUE(line("att").bound.empty());
    EXPECT_EQ(texts(line("att").sources), Texts{"192.168.1.2/32"}) << "the guard lets it pass";
    EXPECT_EQ(line("att").remarks.back(), "192.168.1.2/32 is a source of uplink charter too, which "
                                          "gets the packets that bear it");
    interface("eth2.5").carrier = false;
    EXPECT_TRUE(line("charter").bound.empty());
    EXPECT_EQ(texts(line("att").bound), Texts{"192.168.1.2/32"});
}

TEST_F(Survey, AnAddressBelongsRatherToItsInterfaceThanToWhomItWasTypedFor) {
    charter4().sources = {net("203.0.113.57/32")};
    interface("eth2.4").addresses = {interface_address("203.0.113.57/32")};
    att().family[Family::v4].gateway.onlink = true;
    EXPECT_EQ(texts(line("att").bound), Texts{"203.0.113.57/32"});
    EXPECT_EQ(texts(line("charter").bound), Texts{"198.51.100.48/29"});
}

TEST_F(Survey, AConfiguredPrefixBeatsASharedSubnet) {
    att().family[Family::v4].sources = {net("198.51.100.0/24")};
    EXPECT_EQ(texts(line("charter").sources), Texts{"198.51.100.50/32"});
    EXPECT_FALSE(line("charter").remarks.empty());
    EXPECT_EQ(texts(line("att").sources), (Texts{"198.51.100.0/24", "203.0.113.56/29"}));
}

TEST_F(Survey, PointToPointWithoutConfiguration) {
    config.uplinks = {uplink("dsl", "ppp0")};
    add(seen, tunnel("ppp0", 9, {"100.64.3.7 peer 192.0.2.1/32"}));
    EXPECT_EQ(look().size(), 1U);
    EXPECT_EQ(blocked("dsl"), "");
    EXPECT_EQ(texts(line("dsl").sources), Texts{"100.64.3.7/32"});
    EXPECT_FALSE(line("dsl").nexthop().gateway);
    interface("ppp0").addresses.push_back(interface_address("2001:db8:77::1/64"));
    EXPECT_EQ(look().size(), 2U) << "an IPv6 address came: a line of its own";
    EXPECT_EQ(blocked("dsl", Family::v6), "");
}

// main holds a route to the peer, so the peer is a subnet of the line like any other; the packets
// it sends us are no packets of ours.
TEST_F(Survey, ThePeerOfAPointToPointInterfaceIsConnectedButNoSource) {
    config.uplinks = {uplink("dsl", "ppp0")};
    add(seen, tunnel("ppp0", 9, {"100.64.3.7 peer 192.0.2.1/32"}));
    EXPECT_EQ(texts(line("dsl").subnets), Texts{"192.0.2.1/32"});
    EXPECT_EQ(texts(line("dsl").sources), Texts{"100.64.3.7/32"});
    EXPECT_TRUE(line("dsl").remarks.empty());
}

TEST_F(Survey, AnAddressWithoutPeerOrSubnetIsOnlyAHost) {
    interface("eth2.5").addresses = {interface_address("198.51.100.50/32")};
    charter4().gateway = gateway("198.51.100.49", true);
    EXPECT_EQ(blocked("charter"), "");
    EXPECT_TRUE(line("charter").subnets.empty());
    EXPECT_EQ(texts(line("charter").sources), Texts{"198.51.100.50/32"});
}

// Otherwise the whole Internet were connected, and resolved on the link address by address.
TEST_F(Survey, APrefixLengthOfZeroConnectsNothing) {
    interface("eth2.5").addresses = {interface_address("198.51.100.50/0")};
    EXPECT_TRUE(line("charter").subnets.empty());
    EXPECT_EQ(texts(line("charter").sources), Texts{"198.51.100.50/32"});
    EXPECT_NE(blocked("charter").find("no-gateway"), std::string::npos) << blocked("charter");
}

TEST_F(Survey, AnIPv6OnlyTunnelHasNoIPv4Line) {
    config.uplinks = {uplink("sixxs0", "sixxs0")};
    add(seen, tunnel("sixxs0", 9, {"2001:db8:6::2/64"}));
    EXPECT_FALSE(find("sixxs0", Family::v4));
    EXPECT_EQ(blocked("sixxs0", Family::v6), "");
    config.uplinks[0].family[Family::v6].gateway = gateway("2001:db8:6::1");
    seen.interfaces.erase("sixxs0");
    EXPECT_FALSE(find("sixxs0", Family::v4)) << "also while the tunnel is away";
    EXPECT_TRUE(find("sixxs0", Family::v6));
}

TEST_F(Survey, NamesAndSourcesOfOtherFamiliesDoNotMix) {
    charter4().sources = {net("192.0.2.0/24")};
    for (const Prefix& source : line("charter", Family::v6).sources)
        EXPECT_EQ(source.family(), Family::v6);
    for (const Prefix& source : line("charter", Family::v4).sources)
        EXPECT_EQ(source.family(), Family::v4);
}

TEST(AssignTables, TypedOnesStandTheOthersFillUpFromTheBase) {
    Config config;
    config.uplinks = {uplink("a", ""), uplink("b", ""), uplink("c", "")};
    config.uplinks[1].table = 1001;
    EXPECT_EQ(assign_tables(config, {}), (Tables{{"a", 1002}, {"b", 1001}, {"c", 1003}}));
    config.table_base = 5000;
    EXPECT_EQ(assign_tables(config, {}), (Tables{{"a", 5000}, {"b", 1001}, {"c", 5001}}));
}

TEST(AssignTables, ALineKeepsItsTableWhateverComesAndGoes) {
    Config config;
    config.uplinks = {uplink("a", ""), uplink("b", ""), uplink("c", "")};
    const Tables first = assign_tables(config, {});
    config.uplinks.erase(config.uplinks.begin());
    const Tables second = assign_tables(config, first);
    EXPECT_EQ(second, (Tables{{"b", 1002}, {"c", 1003}}));
    config.uplinks.insert(config.uplinks.begin(), uplink("d", ""));
    EXPECT_EQ(assign_tables(config, second), (Tables{{"b", 1002}, {"c", 1003}, {"d", 1001}}));
}

TEST(AssignTables, AnotherBaseMovesOnlyWhatLiesBelowIt) {
    Config config;
    config.uplinks = {uplink("a", ""), uplink("b", "")};
    config.table_base = 1002;
    EXPECT_EQ(assign_tables(config, {{"a", 1001}, {"b", 1002}}),
              (Tables{{"a", 1003}, {"b", 1002}}));
}

TEST(AssignTables, ATypedTableDrivesOutTheOneThatHadIt) {
    Config config;
    config.uplinks = {uplink("a", ""), uplink("b", "")};
    config.uplinks[1].table = 1001;
    EXPECT_EQ(assign_tables(config, {{"a", 1001}, {"b", 1002}}),
              (Tables{{"a", 1002}, {"b", 1001}}));
}

TEST(AssignTables, TheKernelsOwnAreNeverGivenOut) {
    Config config;
    config.table_base = 250; // the prompt refuses it; a snapshot may hold anything
    for (int i = 0; i < 8; ++i)
        config.uplinks.push_back(uplink("u" + std::to_string(i), ""));
    for (const auto& [name, table] : assign_tables(config, {{"u0", 254}}))
        EXPECT_TRUE(table < 252 || table > 255) << name << " " << table;
}

} // namespace
} // namespace multihomed::test
