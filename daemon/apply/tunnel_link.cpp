// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/tunnel_link.hpp"

#include <netlink/route/link.h>
#include <netlink/route/link/sit.h>
#include <netinet/in.h>

#include <cstring>
#include <new>

namespace multihomed::apply {

namespace {

/// In network order, as the kernel and libnl's calls for these attributes take it.
std::uint32_t network_order(const core::Address& ipv4) {
    std::uint32_t value = 0;
    std::memcpy(&value, core::address_bytes(ipv4).data(), sizeof value);
    return value;
}

in6_addr in6_of(const core::Address& ipv6) {
    in6_addr value{};
    std::memcpy(&value, core::address_bytes(ipv6).data(), sizeof value);
    return value;
}

std::string alias_of(rtnl_link& link) {
    const char* alias = rtnl_link_get_ifalias(&link);
    return alias ? alias : "";
}

/// They fail for objects of another kind only.
void set_domain(rtnl_link* link, const core::SixRd& domain) {
    const in6_addr prefix = in6_of(domain.prefix.address());
    (void)rtnl_link_sit_set_ip6rd_prefix(link, &prefix);
    (void)rtnl_link_sit_set_ip6rd_prefixlen(link, domain.prefix.length());
    (void)rtnl_link_sit_set_ip6rd_relay_prefix(link, network_order(domain.ipv4.address()));
    (void)rtnl_link_sit_set_ip6rd_relay_prefixlen(link, domain.ipv4.length());
}

bool is_domain_of(rtnl_link& link, const core::SixRd& domain) {
    in6_addr prefix{};
    std::uint16_t length = 0;
    std::uint32_t ipv4 = 0;
    std::uint16_t ipv4_length = 0;
    const in6_addr wanted = in6_of(domain.prefix.address());
    return rtnl_link_sit_get_ip6rd_prefix(&link, &prefix) == 0 &&
           rtnl_link_sit_get_ip6rd_prefixlen(&link, &length) == 0 &&
           rtnl_link_sit_get_ip6rd_relay_prefix(&link, &ipv4) == 0 &&
           rtnl_link_sit_get_ip6rd_relay_prefixlen(&link, &ipv4_length) == 0 &&
           std::memcmp(&prefix, &wanted, sizeof wanted) == 0 && length == domain.prefix.length() &&
           ipv4 == network_order(domain.ipv4.address()) && ipv4_length == domain.ipv4.length();
}

} // namespace

void LinkFree::operator()(rtnl_link* link) const {
    rtnl_link_put(link);
}

LinkObject make_tunnel_link(const core::TunnelPlan& plan, const std::string& name) {
    LinkObject link(rtnl_link_sit_alloc());
    if (!link)
        throw std::bad_alloc();
    rtnl_link_set_name(link.get(), name.c_str());
    rtnl_link_set_mtu(link.get(), plan.mtu);
    (void)rtnl_link_sit_set_local(link.get(), network_order(plan.local));
    if (plan.remote)
        (void)rtnl_link_sit_set_remote(link.get(), network_order(*plan.remote));
    (void)rtnl_link_sit_set_ttl(link.get(), plan.ttl);
    (void)rtnl_link_sit_set_pmtudisc(link.get(), 1); // a fixed ttl needs it
    if (plan.sixrd)
        set_domain(link.get(), *plan.sixrd);
    return link;
}

bool is_tunnel_of(rtnl_link& link, const core::TunnelPlan& plan) {
    return rtnl_link_is_sit(&link) && alias_of(link) == core::tunnel_alias(plan.uplink) &&
           rtnl_link_sit_get_local(&link) == network_order(plan.local) &&
           rtnl_link_sit_get_remote(&link) == (plan.remote ? network_order(*plan.remote) : 0) &&
           rtnl_link_sit_get_ttl(&link) == plan.ttl &&
           (!plan.sixrd || is_domain_of(link, *plan.sixrd));
}

bool is_ours(rtnl_link& link) {
    return rtnl_link_is_sit(&link) && core::is_tunnel_alias(alias_of(link));
}

} // namespace multihomed::apply
