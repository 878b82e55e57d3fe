// SPDX-License-Identifier: GPL-2.0-or-later
//
// decode() on what real kernels said (tests/data/netlink-*.txt; the commands stand there).
#include "observe/netlink_decode.hpp"

#include "core/config.hpp"
#include "observe/recorded.hpp"

#include <gtest/gtest.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>

namespace multihomed::observe {
namespace {

using core::Family;
using core::NeighbourState;

core::Address address(const char* text) {
    return core::parse_address(text).value();
}
core::Prefix prefix(const char* text) {
    return core::Prefix::parse(text).value();
}
core::KernelNexthop via(std::uint32_t ifindex, const char* gateway, std::uint32_t weight = 1,
                        bool linkdown = false) {
    return {ifindex, address(gateway), weight, linkdown};
}

class Decode : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        recorded_ = testing::load_recorded(std::string(MULTIHOME_TEST_DATA) + "/" + GetParam());
        ASSERT_FALSE(recorded_.empty());
    }
    bool has(const char* name) const { return recorded_.contains(name); }
    Message message(const char* name) const { return decode(recorded_.at(name)); }
    /// The message must be a Kind.
    template <class Kind>
    Kind the(const char* name) const {
        const Message decoded = message(name);
        EXPECT_TRUE(std::holds_alternative<Kind>(decoded)) << name;
        return std::holds_alternative<Kind>(decoded) ? std::get<Kind>(decoded) : Kind{};
    }
    core::Interface link(const char* name) const { return the<Link>(name).interface; }
    core::KernelRule rule(const char* name) const { return the<Rule>(name).rule; }

    testing::Recorded recorded_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, Decode, ::testing::Values("netlink-6.18.txt", "netlink-6.1.txt"),
                         [](const auto& kernel) {
                             return std::string(kernel.param).find("6.18") != std::string::npos
                                        ? "Linux618"
                                        : "Linux61";
                         });

TEST_P(Decode, LinkStates) {
    const core::Interface up = link("link_up");
    EXPECT_EQ(up.index, 10U);
    EXPECT_EQ(up.name, "line0");
    EXPECT_TRUE(up.up);
    EXPECT_TRUE(up.carrier);
    EXPECT_FALSE(up.loopback);
    EXPECT_FALSE(up.point_to_point);
    EXPECT_EQ(up.mtu, 1500U);
    EXPECT_TRUE(up.addresses.empty());

    const core::Interface lower_down = link("link_lower_down");
    EXPECT_TRUE(lower_down.up);
    EXPECT_FALSE(lower_down.carrier);
    EXPECT_FALSE(link("link_half_up").carrier);
    EXPECT_FALSE(link("link_admin_down").up);
    EXPECT_FALSE(link("link_admin_down").carrier);
    EXPECT_EQ(link("link_renamed").name, "cable0");
    EXPECT_EQ(link("link_renamed").index, 50U);
    EXPECT_EQ(the<LinkGone>("link_gone").index, 50U);
    EXPECT_TRUE(link("link_loopback").loopback);
}

TEST_P(Decode, LinksWithoutNeighbours) {
    const core::Interface tun = link("link_tun");
    EXPECT_TRUE(tun.point_to_point);
    EXPECT_TRUE(tun.up);
    EXPECT_FALSE(tun.carrier) << "no program holds the tun device";
    if (has("link_sit")) {
        EXPECT_TRUE(link("link_sit").point_to_point);
        EXPECT_TRUE(link("link_sit").carrier);
    }
}

TEST_P(Decode, VlanFollowsItsLowerInterface) {
    if (!has("link_vlan_lower_down"))
        return; // the stock kernel's file has it
    EXPECT_EQ(link("link_vlan_lower_down").name, "line1.5");
    EXPECT_TRUE(link("link_vlan_lower_down").up);
    EXPECT_FALSE(link("link_vlan_lower_down").carrier);
}

TEST_P(Decode, PortThatLeavesABridgeIsNotGone) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(message("bridge_port_left")));
}

TEST_P(Decode, Addresses) {
    const Addr v4 = the<Addr>("addr_v4");
    EXPECT_EQ(v4.ifindex, 10U);
    EXPECT_EQ(v4.address, (core::InterfaceAddress{address("203.0.113.5"), 29, {}, false, false}));
    EXPECT_EQ(the<AddrGone>("addr_v4_gone").addr.address, v4.address);
    EXPECT_EQ(the<Addr>("addr_v4_peer").address,
              (core::InterfaceAddress{address("203.0.113.9"), 32, address("203.0.113.10")}));
    EXPECT_EQ(the<Addr>("addr_v6_peer").address,
              (core::InterfaceAddress{address("2001:db8:2::1"), 128, address("2001:db8:2::2")}));
    EXPECT_EQ(the<Addr>("addr_v6_tentative").address,
              (core::InterfaceAddress{address("2001:db8:3::1"), 64, {}, true, false}));
    EXPECT_EQ(the<Addr>("addr_v6_deprecated").address,
              (core::InterfaceAddress{address("2001:db8:4::1"), 64, {}, false, true}));
    EXPECT_EQ(the<AddrGone>("addr_v6_gone").addr.address.address, address("2001:db8:4::1"));
}

TEST_P(Decode, Neighbours) {
    const auto expect = [&](const char* name, const char* ip, NeighbourState state,
                            bool hands_off) {
        const Neighbour found = the<Neighbour>(name);
        EXPECT_EQ(found.key, (core::NeighbourKey{10, address(ip)})) << name;
        EXPECT_EQ(found.state, state) << name;
        EXPECT_EQ(found.hands_off, hands_off) << name;
    };
    expect("neighbour_stale", "192.0.2.2", NeighbourState::stale, false);
    expect("neighbour_reachable", "192.0.2.2", NeighbourState::reachable, false);
    expect("neighbour_permanent", "192.0.2.2", NeighbourState::reachable, true);
    expect("neighbour_v6_probe", "2001:db8::2", NeighbourState::stale, false);
    expect("neighbour_learned", "192.0.2.3", NeighbourState::stale, true);
    EXPECT_TRUE(the<Neighbour>("neighbour_managed").hands_off);
    EXPECT_EQ(the<NeighbourGone>("neighbour_gone").key,
              (core::NeighbourKey{10, address("192.0.2.2")}));
    EXPECT_TRUE(std::holds_alternative<std::monostate>(message("neighbour_proxy")));
}

TEST(NeighbourStates, AreToldApart) {
    EXPECT_EQ(neighbour_state(0x00), NeighbourState::none);
    EXPECT_EQ(neighbour_state(0x01), NeighbourState::incomplete);
    EXPECT_EQ(neighbour_state(0x02), NeighbourState::reachable);
    EXPECT_EQ(neighbour_state(0x04), NeighbourState::stale);
    EXPECT_EQ(neighbour_state(0x08), NeighbourState::stale); // delay
    EXPECT_EQ(neighbour_state(0x10), NeighbourState::stale); // probe
    EXPECT_EQ(neighbour_state(0x20), NeighbourState::failed);
    EXPECT_EQ(neighbour_state(0x40), NeighbourState::reachable); // no ARP
    EXPECT_EQ(neighbour_state(0x80), NeighbourState::reachable); // permanent
}

TEST_P(Decode, Rules) {
    core::KernelRule source;
    source.rule.priority = 10100;
    source.rule.source = prefix("203.0.113.0/29");
    source.rule.table = 1001;
    source.protocol = 97;
    EXPECT_EQ(rule("rule_source"), source);
    EXPECT_EQ(the<RuleGone>("rule_source_gone").rule.rule, source);

    core::KernelRule v6 = source;
    v6.rule.family = Family::v6;
    v6.rule.source = prefix("2001:db8:4430::/59");
    EXPECT_EQ(rule("rule_source_v6"), v6);

    const core::KernelRule go = rule("rule_goto");
    EXPECT_EQ(go.rule.destination, prefix("192.0.2.0/24"));
    EXPECT_EQ(go.rule.goto_priority, 32766U);
    EXPECT_EQ(go.rule.table, 0U);
    EXPECT_FALSE(go.exotic);

    const core::KernelRule suppress = rule("rule_suppress");
    EXPECT_EQ(suppress.rule.suppress_prefix_length, std::uint8_t{0});
    EXPECT_EQ(suppress.rule.table, core::kTableMain);
    EXPECT_FALSE(suppress.exotic);

    const core::KernelRule mark = rule("rule_mark");
    EXPECT_EQ(mark.rule.mark, 0x100U);
    EXPECT_EQ(mark.rule.mask, 0xff00U);
    EXPECT_EQ(mark.rule.iif, "line0");
    EXPECT_EQ(mark.rule.table, 1002U);
    EXPECT_FALSE(mark.exotic);
    EXPECT_EQ(rule("rule_mark_whole").rule.mask, 0xffffffffU);
}

TEST_P(Decode, RulesThatCannotBeExpressedAreExotic) {
    int seen = 0;
    for (const auto& [name, bytes] : recorded_) {
        if (!name.starts_with("exotic_"))
            continue;
        ++seen;
        EXPECT_TRUE(rule(name.c_str()).exotic) << name;
    }
    EXPECT_EQ(seen, 14);
}

TEST_P(Decode, Routes) {
    const Route dhcp = the<Route>("route_default");
    EXPECT_EQ(dhcp.route.destination, prefix("0.0.0.0/0"));
    EXPECT_EQ(dhcp.route.table, core::kTableMain);
    EXPECT_EQ(dhcp.route.metric, 20U);
    EXPECT_EQ(dhcp.route.protocol, RTPROT_DHCP);
    EXPECT_EQ(dhcp.route.type, RTN_UNICAST);
    EXPECT_EQ(dhcp.route.nexthops, std::vector{via(10, "192.0.2.2")});
    EXPECT_EQ(dhcp.preferred_source, address("192.0.2.1"));
    EXPECT_FALSE(dhcp.conditional);
    EXPECT_EQ(the<RouteGone>("route_default_gone").route.route, dhcp.route);

    EXPECT_EQ(the<Route>("route_table").route.table, 1001U);
    EXPECT_EQ(the<Route>("route_table").route.destination, prefix("10.16.0.0/12"));
    EXPECT_EQ(the<Route>("route_multipath").route.nexthops,
              (std::vector{via(10, "192.0.2.2", 1), via(30, "198.51.100.2", 30)}));
    EXPECT_EQ(the<Route>("route_via_v6").route.nexthops, std::vector{via(10, "fe80::1")});
    EXPECT_TRUE(the<Route>("route_tos").conditional);
}

TEST_P(Decode, RoutesToNowhereHaveNoNexthop) {
    for (const char* name : {"route_unreachable", "route_v6_unreachable"}) {
        EXPECT_EQ(the<Route>(name).route.type, RTN_UNREACHABLE);
        EXPECT_EQ(the<Route>(name).route.metric, 4278198272U);
        EXPECT_TRUE(the<Route>(name).route.nexthops.empty()) << name;
    }
    EXPECT_EQ(the<Route>("route_throw").route.type, RTN_THROW);
    EXPECT_TRUE(the<Route>("route_throw").route.nexthops.empty());
}

TEST_P(Decode, RoutesOfIpv6) {
    const Route v6 = the<Route>("route_v6_default");
    EXPECT_EQ(v6.route.destination, prefix("::/0"));
    EXPECT_EQ(v6.route.metric, 1024U);
    EXPECT_EQ(v6.route.nexthops, std::vector{via(10, "fe80::1")});
    EXPECT_TRUE(the<Route>("route_v6_source").conditional);
    EXPECT_EQ(the<Route>("route_v6_multipath").route.nexthops,
              (std::vector{via(10, "2001:db8::2", 2), via(30, "2001:db8:1::2", 3)}));
}

TEST_P(Decode, NexthopsThatAreDown) {
    EXPECT_EQ(the<Route>("route_linkdown").route.nexthops,
              (std::vector{via(10, "192.0.2.2", 1, true), via(30, "198.51.100.2", 30)}));
    EXPECT_EQ(the<Route>("route_linkdown_v6").route.nexthops,
              (std::vector{via(10, "2001:db8::2", 2, true), via(30, "2001:db8:1::2", 3)}));
    const Route dead = the<Route>("route_dead");
    EXPECT_EQ(dead.route.nexthops, std::vector{via(30, "198.51.100.2", 30)});
    EXPECT_EQ(dead.interfaces, (std::vector<std::uint32_t>{10, 30}));
}

TEST_P(Decode, NexthopObjects) {
    const NexthopObject v4 = the<NexthopObject>("nexthop_v4");
    EXPECT_EQ(v4.id, 7U);
    EXPECT_EQ(v4.nexthop, via(10, "192.0.2.2"));
    EXPECT_EQ(the<NexthopObject>("nexthop_replaced").nexthop, via(10, "192.0.2.3"));
    EXPECT_EQ(the<NexthopObject>("nexthop_v6").nexthop, via(30, "fe80::1"));
    EXPECT_EQ(the<NexthopObject>("nexthop_device").nexthop,
              (core::KernelNexthop{30, {}, 1, false}));
    EXPECT_TRUE(the<NexthopObject>("nexthop_blackhole").blackhole);
    const std::vector<NexthopObject::Member> members{{7, 1}, {9, 20}};
    EXPECT_EQ(the<NexthopObject>("nexthop_group").group, members);
    EXPECT_EQ(the<NexthopObjectGone>("nexthop_gone").id, 10U);
}

TEST_P(Decode, RoutesWithNexthopObjects) {
    const Route one = the<Route>("route_object");
    EXPECT_EQ(one.nexthop_id, 7U);
    EXPECT_TRUE(one.has_nexthops);
    EXPECT_EQ(one.route.nexthops, std::vector{via(10, "192.0.2.3")});
    EXPECT_EQ(the<Route>("route_object_v6").route.nexthops, std::vector{via(30, "fe80::1")});
    EXPECT_EQ(the<Route>("route_object_group").nexthop_id, 11U);
    EXPECT_EQ(the<Route>("route_object_group").route.nexthops.size(), 2U);
    for (const char* name : {"route_object_only", "route_object_only_v6"}) {
        EXPECT_NE(the<Route>(name).nexthop_id, 0U);
        EXPECT_FALSE(the<Route>(name).has_nexthops) << name;
    }
}

TEST_P(Decode, EndsOfRequests) {
    EXPECT_EQ(the<Ended>("done").error, 0);
    EXPECT_EQ(the<Ended>("error_no_entry").error, ENOENT);
    EXPECT_EQ(the<Ended>("error_with_text").error, EINVAL);
    EXPECT_EQ(the<Ended>("done_no_table").error, ENOENT);
    EXPECT_EQ(the<Ended>("done_no_table").text, "ipv4: FIB table does not exist");
}

TEST_P(Decode, CutMessagesAreRefused) {
    for (const auto& [name, bytes] : recorded_)
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_TRUE(std::holds_alternative<std::monostate>(decode(Bytes(bytes.data(), size))))
                << name << " cut to " << size;
}

TEST_P(Decode, DatagramsAreTakenApart) {
    std::vector<std::uint8_t> datagram;
    for (const auto& [name, bytes] : recorded_) {
        datagram.insert(datagram.end(), bytes.begin(), bytes.end());
        datagram.resize((datagram.size() + 3) / 4 * 4);
    }
    std::size_t count = 0;
    for_each_message(datagram, [&](Bytes) {
        ++count;
        return true;
    });
    EXPECT_EQ(count, recorded_.size());
    for_each_message(datagram, [&](Bytes) {
        ++count;
        return false;
    });
    EXPECT_EQ(count, recorded_.size() + 1);
}

} // namespace
} // namespace multihomed::observe
