// SPDX-License-Identifier: GPL-2.0-or-later
//
// What libnl makes of a tunnel: the attributes that the kernel gets. The kernel itself is asked in
// topotests/kernel_s1.
#include "apply/tunnel_link.hpp"
#include "core/builders.hpp"
#include "observe/attributes.hpp"

#include <netlink/msg.h>
#include <netlink/route/link.h>

#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>

#include <gtest/gtest.h>

namespace multihomed::test {
namespace {

using observe::Attributes;
using observe::Bytes;

core::TunnelPlan plan_6rd() {
    return {.uplink = "charter6",
            .interface = "charter6rd",
            .local = ip("192.0.2.50"),
            .remote = {},
            .sixrd = core::SixRd{net("2001:db8:100::/40"), net("192.0.2.0/24")},
            .ttl = 64,
            .mtu = 1480,
            .address = core::OwnAddress{ip("2001:db8:132::1"), 128}};
}

core::TunnelPlan plan_sit() {
    core::TunnelPlan plan = plan_6rd();
    plan.sixrd.reset();
    plan.remote = ip("203.0.113.10");
    plan.ttl = 32;
    return plan;
}

/// The request that would make the interface, and what is in it.
class Request {
public:
    explicit Request(const core::TunnelPlan& plan) {
        const auto link = apply::make_tunnel_link(plan, "unfinished");
        EXPECT_EQ(rtnl_link_build_add_request(link.get(), NLM_F_CREATE | NLM_F_EXCL, &message_), 0);
    }
    ~Request() { nlmsg_free(message_); }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    Attributes link() const {
        const nlmsghdr* header = nlmsg_hdr(message_);
        const Bytes all(reinterpret_cast<const std::uint8_t*>(header), header->nlmsg_len);
        return Attributes(observe::behind(all, sizeof(nlmsghdr) + sizeof(ifinfomsg)));
    }
    Attributes info() const { return Attributes(*link().find(IFLA_LINKINFO)); }
    Attributes data() const { return Attributes(*info().find(IFLA_INFO_DATA)); }

private:
    nl_msg* message_ = nullptr;
};

std::string ipv4(const Attributes& data, int type) {
    const auto found = data.address(type, core::Family::v4);
    return found ? found->to_string() : "none";
}

std::uint16_t u16(const Attributes& data, int type) {
    return observe::read_struct<std::uint16_t>(*data.find(type)).value();
}

TEST(TunnelLink, AttributesOf6rd) {
    const Request request(plan_6rd());
    EXPECT_EQ(request.link().text(IFLA_IFNAME), "unfinished");
    EXPECT_EQ(request.link().u32(IFLA_MTU), 1480U);
    EXPECT_EQ(request.info().text(IFLA_INFO_KIND), "sit");
    const Attributes data = request.data();
    EXPECT_EQ(ipv4(data, IFLA_IPTUN_LOCAL), "192.0.2.50");
    EXPECT_FALSE(data.find(IFLA_IPTUN_REMOTE));
    EXPECT_EQ(data.u8(IFLA_IPTUN_TTL), 64);
    EXPECT_EQ(data.address(IFLA_IPTUN_6RD_PREFIX, core::Family::v6), ip("2001:db8:100::"));
    EXPECT_EQ(u16(data, IFLA_IPTUN_6RD_PREFIXLEN), 40);
    EXPECT_EQ(ipv4(data, IFLA_IPTUN_6RD_RELAY_PREFIX), "192.0.2.0");
    EXPECT_EQ(u16(data, IFLA_IPTUN_6RD_RELAY_PREFIXLEN), 24);
}

TEST(TunnelLink, AttributesOfAPlainTunnel) {
    const Request request(plan_sit());
    const Attributes data = request.data();
    EXPECT_EQ(ipv4(data, IFLA_IPTUN_REMOTE), "203.0.113.10");
    EXPECT_EQ(data.u8(IFLA_IPTUN_TTL), 32);
    EXPECT_FALSE(data.find(IFLA_IPTUN_6RD_PREFIX));
}

TEST(TunnelLink, OursIsWhatBearsOurAlias) {
    const auto link = apply::make_tunnel_link(plan_6rd(), "charter6rd");
    EXPECT_FALSE(apply::is_ours(*link));
    EXPECT_FALSE(apply::is_tunnel_of(*link, plan_6rd()));
    rtnl_link_set_ifalias(link.get(), "somebody's");
    EXPECT_FALSE(apply::is_ours(*link));
    rtnl_link_set_ifalias(link.get(), "multihomed charter6");
    EXPECT_TRUE(apply::is_ours(*link));
    EXPECT_TRUE(apply::is_tunnel_of(*link, plan_6rd()));
}

TEST(TunnelLink, EveryDifferenceButTheMtuIsAnotherTunnel) {
    const auto link = apply::make_tunnel_link(plan_6rd(), "charter6rd");
    rtnl_link_set_ifalias(link.get(), "multihomed charter6");
    const auto differs = [&](auto change) {
        core::TunnelPlan plan = plan_6rd();
        change(plan);
        return !apply::is_tunnel_of(*link, plan);
    };
    EXPECT_TRUE(differs([](auto& plan) { plan.uplink = "other"; }));
    EXPECT_TRUE(differs([](auto& plan) { plan.local = ip("192.0.2.51"); }));
    EXPECT_TRUE(differs([](auto& plan) { plan.remote = ip("192.0.2.1"); }));
    EXPECT_TRUE(differs([](auto& plan) { plan.ttl = 1; }));
    EXPECT_TRUE(differs([](auto& plan) { plan.sixrd->prefix = net("2001:db8::/40"); }));
    EXPECT_TRUE(differs([](auto& plan) { plan.sixrd->ipv4 = net("192.0.0.0/16"); }));
    EXPECT_FALSE(differs([](auto& plan) { plan.mtu = 1300; }));
}

} // namespace
} // namespace multihomed::test
