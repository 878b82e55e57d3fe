// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/netlink_decode.hpp"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace multihomed::observe {

namespace {

std::optional<core::Family> family_from(int af) {
    if (af == AF_INET)
        return core::Family::v4;
    if (af == AF_INET6)
        return core::Family::v6;
    return std::nullopt;
}

/// The Gone form of a value, or the value itself.
template <class Gone, class Value>
Message either(bool gone, const Value& value) {
    if (gone)
        return Gone{value};
    return value;
}

Message decode_link(Bytes payload, bool gone) {
    const auto header = read_struct<ifinfomsg>(payload);
    // AF_BRIDGE speaks of ports: a port that leaves its bridge is not an interface that is gone.
    if (!header || header->ifi_family != AF_UNSPEC || header->ifi_index <= 0)
        return {};
    const auto index = static_cast<std::uint32_t>(header->ifi_index);
    if (gone)
        return LinkGone{index};
    const Attributes attributes(behind(payload, sizeof *header));
    Link link;
    link.interface.index = index;
    link.interface.name = attributes.text(IFLA_IFNAME);
    if (link.interface.name.empty())
        return {};
    const unsigned flags = header->ifi_flags;
    // IFF_LOWER_UP alone is also set while a VLAN's or a veth's lower side is down, or while 802.1X
    // has not let us in (dormant); IFF_RUNNING is the operational state of RFC 2863.
    link.interface.carrier = (flags & IFF_LOWER_UP) != 0 && (flags & IFF_RUNNING) != 0;
    link.interface.up = (flags & IFF_UP) != 0;
    link.interface.loopback = (flags & IFF_LOOPBACK) != 0;
    link.interface.point_to_point = (flags & (IFF_POINTOPOINT | IFF_NOARP)) != 0;
    link.interface.mtu = attributes.u32(IFLA_MTU).value_or(0);
    link.interface.alias = attributes.text(IFLA_IFALIAS);
    return link;
}

Message decode_addr(Bytes payload, bool gone) {
    const auto header = read_struct<ifaddrmsg>(payload);
    const auto family = header ? family_from(header->ifa_family) : std::nullopt;
    if (!family)
        return {};
    const Attributes attributes(behind(payload, sizeof *header));
    const auto address = attributes.address(IFA_ADDRESS, *family);
    const auto local = attributes.address(IFA_LOCAL, *family);
    if (!address && !local)
        return {};
    Addr addr;
    addr.ifindex = header->ifa_index;
    addr.address.address = local ? *local : *address;
    // With both, IFA_LOCAL is ours; IFA_ADDRESS is the other end, or ours again on broadcast links.
    if (local && address && *local != *address)
        addr.address.peer = *address;
    addr.address.prefix_length = std::min(header->ifa_prefixlen, core::address_bits(*family));
    const unsigned flags = attributes.u32(IFA_FLAGS).value_or(header->ifa_flags);
    // An optimistic address (RFC 4429) may be used while its detection still runs.
    addr.address.tentative = (flags & IFA_F_DADFAILED) != 0 ||
                             (flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) == IFA_F_TENTATIVE;
    addr.address.deprecated = (flags & IFA_F_DEPRECATED) != 0;
    return either<AddrGone>(gone, addr);
}

Message decode_neighbour(Bytes payload, bool gone) {
    const auto header = read_struct<ndmsg>(payload);
    const auto family = header ? family_from(header->ndm_family) : std::nullopt;
    // A proxy entry is an address we answer for, not a neighbour.
    if (!family || header->ndm_ifindex <= 0 || (header->ndm_flags & NTF_PROXY) != 0)
        return {};
    const Attributes attributes(behind(payload, sizeof *header));
    const auto address = attributes.address(NDA_DST, *family);
    if (!address)
        return {};
    const core::NeighbourKey key{static_cast<std::uint32_t>(header->ndm_ifindex), *address};
    if (gone)
        return NeighbourGone{key};
    const bool managed = (attributes.u32(NDA_FLAGS_EXT).value_or(0) & NTF_EXT_MANAGED) != 0;
    const bool hands_off = managed || (header->ndm_flags & NTF_EXT_LEARNED) != 0 ||
                           (header->ndm_state & (NUD_PERMANENT | NUD_NOARP)) != 0;
    return Neighbour{key, neighbour_state(header->ndm_state), header->ndm_state, hands_off};
}

/// How the kernel reports a suppressor that is not set: -1.
constexpr std::uint32_t kNotSuppressed = 0xffffffffU;

bool read_suppression(core::Rule& rule, std::uint32_t length) {
    if (length == kNotSuppressed)
        return true;
    // The kernel takes lengths that no prefix has.
    if (length > core::address_bits(rule.family))
        return false;
    rule.suppress_prefix_length = static_cast<std::uint8_t>(length);
    return true;
}

/// What one attribute of a rule adds. False: core::Rule cannot say it.
bool add_rule_attribute(core::KernelRule& into, int type, const Attributes& all) {
    core::Rule& rule = into.rule;
    switch (type) {
    case FRA_SRC:
    case FRA_DST:
    case FRA_PAD:
    case FRA_UNSPEC:
        return true;
    case FRA_IIFNAME:
        rule.iif = all.text(type);
        return true;
    case FRA_GOTO:
        rule.goto_priority = all.u32(type).value_or(0);
        return true;
    case FRA_PRIORITY:
        rule.priority = all.u32(type).value_or(0);
        return true;
    case FRA_FWMARK:
        rule.mark = all.u32(type).value_or(0);
        return true;
    case FRA_FWMASK:
        rule.mask = all.u32(type).value_or(0);
        return true;
    case FRA_TABLE:
        rule.table = all.u32(type).value_or(0);
        return true;
    case FRA_PROTOCOL:
        into.protocol = all.u8(type).value_or(0);
        return true;
    case FRA_SUPPRESS_PREFIXLEN:
        return read_suppression(rule, all.u32(type).value_or(kNotSuppressed));
    case FRA_SUPPRESS_IFGROUP:
        return all.u32(type) == kNotSuppressed;
    default:
        return false;
    }
}

Message decode_rule(Bytes payload, bool gone) {
    const auto header = read_struct<fib_rule_hdr>(payload);
    const auto family = header ? family_from(header->family) : std::nullopt;
    if (!family)
        return {};
    const Attributes attributes(behind(payload, sizeof *header));
    core::KernelRule found;
    found.rule.family = *family;
    found.rule.table = header->table;
    attributes.for_each([&](int type, Bytes) {
        if (!add_rule_attribute(found, type, attributes))
            found.exotic = true;
    });
    if (header->src_len > 0)
        if (const auto source = attributes.address(FRA_SRC, *family))
            found.rule.source = core::Prefix(*source, header->src_len);
    if (header->dst_len > 0)
        if (const auto destination = attributes.address(FRA_DST, *family))
            found.rule.destination = core::Prefix(*destination, header->dst_len);
    if (header->action == FR_ACT_GOTO)
        found.rule.table = 0;
    else if (header->action != FR_ACT_TO_TBL)
        found.exotic = true;
    if (header->tos != 0 || (header->flags & FIB_RULE_INVERT) != 0)
        found.exotic = true;
    return either<RuleGone>(gone, Rule{found});
}

/// The gateway of a route or of one of its next hops: RTA_GATEWAY, or RTA_VIA (RFC 5549).
std::optional<core::Address> gateway_of(const Attributes& attributes, core::Family family) {
    if (const auto gateway = attributes.address(RTA_GATEWAY, family))
        return gateway;
    const auto via = attributes.find(RTA_VIA);
    const auto af = via ? read_struct<std::uint16_t>(*via) : std::nullopt;
    const auto via_family = af ? family_from(*af) : std::nullopt;
    if (!via_family)
        return std::nullopt;
    const Bytes address = via->subspan(sizeof(std::uint16_t));
    if (address.size() < core::address_bits(*via_family) / 8U)
        return std::nullopt;
    return core::address_from_bytes(*via_family, address.data());
}

void add_nexthop(Route& route, const core::KernelNexthop& nexthop, unsigned flags) {
    route.has_nexthops = true;
    route.interfaces.push_back(nexthop.ifindex);
    if ((flags & RTNH_F_DEAD) == 0)
        route.route.nexthops.push_back(nexthop);
}

void add_multipath(Route& route, Bytes nexthops, core::Family family) {
    while (const auto header = read_struct<rtnexthop>(nexthops)) {
        if (header->rtnh_len < sizeof(rtnexthop) || header->rtnh_len > nexthops.size())
            return;
        const Attributes attributes(
            nexthops.subspan(sizeof(rtnexthop), header->rtnh_len - sizeof(rtnexthop)));
        core::KernelNexthop nexthop;
        nexthop.ifindex = static_cast<std::uint32_t>(header->rtnh_ifindex);
        nexthop.gateway = gateway_of(attributes, family);
        nexthop.weight = header->rtnh_hops + 1U;
        nexthop.linkdown = (header->rtnh_flags & RTNH_F_LINKDOWN) != 0;
        add_nexthop(route, nexthop, header->rtnh_flags);
        nexthops = behind(nexthops, header->rtnh_len);
    }
}

bool leads_somewhere(std::uint8_t type) {
    return type != RTN_BLACKHOLE && type != RTN_UNREACHABLE && type != RTN_PROHIBIT &&
           type != RTN_THROW;
}

/// Next hops of a route whose type has them; IPv6 reports "dev lo" for an unreachable one.
void add_nexthops(Route& route, const rtmsg& header, const Attributes& attributes,
                  core::Family family) {
    if (!leads_somewhere(header.rtm_type))
        return;
    if (const auto multipath = attributes.find(RTA_MULTIPATH)) {
        add_multipath(route, *multipath, family);
        return;
    }
    core::KernelNexthop nexthop;
    nexthop.ifindex = attributes.u32(RTA_OIF).value_or(0);
    nexthop.gateway = gateway_of(attributes, family);
    nexthop.linkdown = (header.rtm_flags & RTNH_F_LINKDOWN) != 0;
    if (nexthop.ifindex != 0 || nexthop.gateway)
        add_nexthop(route, nexthop, header.rtm_flags);
}

Message decode_route(Bytes payload, bool gone) {
    const auto header = read_struct<rtmsg>(payload);
    const auto family = header ? family_from(header->rtm_family) : std::nullopt;
    if (!family || (header->rtm_flags & RTM_F_CLONED) != 0)
        return {};
    const Attributes attributes(behind(payload, sizeof *header));
    Route found;
    found.route.destination = core::Prefix::any(*family);
    if (header->rtm_dst_len > 0) {
        const auto destination = attributes.address(RTA_DST, *family);
        if (!destination)
            return {};
        found.route.destination = core::Prefix(*destination, header->rtm_dst_len);
    }
    found.route.table = attributes.u32(RTA_TABLE).value_or(header->rtm_table);
    found.route.metric = attributes.u32(RTA_PRIORITY).value_or(0);
    found.route.protocol = header->rtm_protocol;
    found.route.type = header->rtm_type;
    found.conditional = header->rtm_src_len != 0 || header->rtm_tos != 0;
    found.nexthop_id = attributes.u32(RTA_NH_ID).value_or(0);
    found.preferred_source = attributes.address(RTA_PREFSRC, *family);
    add_nexthops(found, *header, attributes, *family);
    return either<RouteGone>(gone, found);
}

/// linux/nexthop.h: nexthop_grp. Weights are sent less one; kernels since 6.12 use a reserved byte
/// as their high one, and Debian's headers of one release call it by the old name or the new one.
struct GroupMember {
    std::uint32_t id;
    std::uint8_t weight;
    std::uint8_t weight_high;
    std::uint16_t reserved;
};
static_assert(sizeof(GroupMember) == sizeof(nexthop_grp));

void read_group(NexthopObject& object, Bytes members) {
    while (const auto member = read_struct<GroupMember>(members)) {
        const std::uint32_t weight =
            member->weight + (std::uint32_t{member->weight_high} << 8U) + 1U;
        object.group.push_back({member->id, weight});
        members = members.subspan(sizeof(GroupMember));
    }
}

Message decode_nexthop(Bytes payload, bool gone) {
    const auto header = read_struct<nhmsg>(payload);
    if (!header)
        return {};
    const Attributes attributes(behind(payload, sizeof *header));
    NexthopObject object;
    object.id = attributes.u32(NHA_ID).value_or(0);
    if (object.id == 0)
        return {};
    if (gone)
        return NexthopObjectGone{object.id};
    if (const auto members = attributes.find(NHA_GROUP))
        read_group(object, *members);
    object.blackhole = attributes.find(NHA_BLACKHOLE).has_value();
    object.dead = (header->nh_flags & RTNH_F_DEAD) != 0;
    object.nexthop.linkdown = (header->nh_flags & RTNH_F_LINKDOWN) != 0;
    object.nexthop.ifindex = attributes.u32(NHA_OIF).value_or(0);
    if (const auto family = family_from(header->nh_family))
        object.nexthop.gateway = attributes.address(NHA_GATEWAY, *family);
    return object;
}

/// NLMSG_ERROR carries a negative errno, the request it is about (only its header when capped) and
/// attributes; NLMSG_DONE of a dump a negative errno or zero.
Message decode_end(Bytes payload, const nlmsghdr& header) {
    const auto code = read_struct<std::int32_t>(payload);
    if (!code || *code > 0 || *code < -4095)
        return {};
    Ended ended{-*code, {}};
    if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0)
        return ended;
    std::size_t before = sizeof(std::int32_t);
    if (header.nlmsg_type == NLMSG_ERROR) {
        const auto request = read_struct<nlmsghdr>(payload.subspan(before));
        const bool capped = (header.nlmsg_flags & NLM_F_CAPPED) != 0;
        before += capped || !request ? sizeof(nlmsghdr) : request->nlmsg_len;
    }
    ended.text = Attributes(behind(payload, before)).text(NLMSGERR_ATTR_MSG);
    return ended;
}

Message decode_payload(const nlmsghdr& header, Bytes payload) {
    const std::uint16_t type = header.nlmsg_type;
    switch (type) {
    case NLMSG_ERROR:
    case NLMSG_DONE:
        return decode_end(payload, header);
    case RTM_NEWLINK:
    case RTM_DELLINK:
        return decode_link(payload, type == RTM_DELLINK);
    case RTM_NEWADDR:
    case RTM_DELADDR:
        return decode_addr(payload, type == RTM_DELADDR);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
        return decode_neighbour(payload, type == RTM_DELNEIGH);
    case RTM_NEWRULE:
    case RTM_DELRULE:
        return decode_rule(payload, type == RTM_DELRULE);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        return decode_route(payload, type == RTM_DELROUTE);
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
        return decode_nexthop(payload, type == RTM_DELNEXTHOP);
    default:
        return {};
    }
}

/// The length of the message at the front, header included; 0 when there is none that is whole.
std::size_t whole_message(Bytes bytes) {
    const auto header = read_struct<nlmsghdr>(bytes);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > bytes.size())
        return 0;
    return header->nlmsg_len;
}

} // namespace

Message decode(Bytes bytes) {
    const std::size_t length = whole_message(bytes);
    if (length == 0)
        return {};
    return decode_payload(*read_struct<nlmsghdr>(bytes),
                          behind(bytes.first(length), sizeof(nlmsghdr)));
}

void for_each_message(Bytes datagram, const std::function<bool(Bytes)>& visit) {
    while (const std::size_t length = whole_message(datagram)) {
        if (!visit(datagram.first(length)))
            return;
        datagram = behind(datagram, length);
    }
}

core::NeighbourState neighbour_state(std::uint16_t nud) {
    using core::NeighbourState;
    if ((nud & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP)) != 0)
        return NeighbourState::reachable;
    if ((nud & (NUD_STALE | NUD_DELAY | NUD_PROBE)) != 0)
        return NeighbourState::stale;
    if ((nud & NUD_FAILED) != 0)
        return NeighbourState::failed;
    if ((nud & NUD_INCOMPLETE) != 0)
        return NeighbourState::incomplete;
    return NeighbourState::none;
}

} // namespace multihomed::observe
