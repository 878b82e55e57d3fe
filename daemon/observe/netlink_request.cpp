// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/netlink_request.hpp"

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <memory>
#include <new>

namespace multihomed::observe {

namespace {

class Builder {
public:
    template <class Header>
    Builder(int type, int flags, Header header)
        : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags), &nlmsg_free) {
        check(message_ ? nlmsg_append(message_.get(), &header, sizeof header, NLMSG_ALIGNTO) : -1);
    }
    Builder& u32(int type, std::uint32_t value) {
        check(nla_put_u32(message_.get(), type, value));
        return *this;
    }
    Builder& address(int type, const core::Address& address) {
        const auto bytes = core::address_bytes(address);
        const int size = core::address_bits(core::family_of(address)) / 8;
        check(nla_put(message_.get(), type, size, bytes.data()));
        return *this;
    }
    Request named(std::string what) const {
        const nlmsghdr* header = nlmsg_hdr(message_.get());
        const auto* begin = reinterpret_cast<const std::uint8_t*>(header);
        return {std::move(what), {begin, begin + header->nlmsg_len}};
    }

private:
    /// Requests are small; they fail to fit only when memory has run out.
    static void check(int outcome) {
        if (outcome < 0)
            throw std::bad_alloc();
    }
    std::unique_ptr<nl_msg, void (*)(nl_msg*)> message_;
};

std::uint8_t af_of(core::Family family) {
    return family == core::Family::v4 ? AF_INET : AF_INET6;
}

std::string describe(const core::NeighbourKey& key) {
    return "neighbour " + key.address.to_string() + " on interface " + std::to_string(key.ifindex);
}

ndmsg neighbour_header(const core::NeighbourKey& key) {
    ndmsg header{};
    header.ndm_family = af_of(core::family_of(key.address));
    header.ndm_ifindex = static_cast<int>(key.ifindex);
    return header;
}

} // namespace

Request dump_links() {
    ifinfomsg header{};
    header.ifi_family = AF_UNSPEC;
    return Builder(RTM_GETLINK, NLM_F_DUMP, header)
        .u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
        .named("dump of interfaces");
}

Request dump_addresses(core::Family family) {
    ifaddrmsg header{};
    header.ifa_family = af_of(family);
    return Builder(RTM_GETADDR, NLM_F_DUMP, header)
        .named(std::string("dump of ") + to_string(family) + " addresses");
}

Request dump_rules(core::Family family) {
    fib_rule_hdr header{};
    header.family = af_of(family);
    return Builder(RTM_GETRULE, NLM_F_DUMP, header)
        .named(std::string("dump of ") + to_string(family) + " rules");
}

Request dump_routes(core::Family family, std::uint32_t table,
                    std::optional<std::uint8_t> protocol) {
    rtmsg header{};
    header.rtm_family = af_of(family);
    header.rtm_protocol = protocol.value_or(0);
    return Builder(RTM_GETROUTE, NLM_F_DUMP, header)
        .u32(RTA_TABLE, table)
        .named(std::string("dump of ") + to_string(family) + " routes of table " +
               std::to_string(table));
}

Request get_neighbour(const core::NeighbourKey& key) {
    return Builder(RTM_GETNEIGH, NLM_F_ACK, neighbour_header(key))
        .address(NDA_DST, key.address)
        .named("look at " + describe(key));
}

Request get_nexthop_object(std::uint32_t id) {
    return Builder(RTM_GETNEXTHOP, NLM_F_ACK, nhmsg{})
        .u32(NHA_ID, id)
        .named("look at nexthop object " + std::to_string(id));
}

std::vector<NeighbourPush> pushes_to_resolve(std::uint16_t nud) {
    using enum NeighbourPush;
    // NTF_USE on a permanent entry would make it an ordinary one.
    if ((nud & (NUD_PERMANENT | NUD_NOARP)) != 0)
        return {};
    if ((nud & (NUD_REACHABLE | NUD_STALE | NUD_DELAY)) != 0)
        return {probe};
    if ((nud & NUD_PROBE) != 0)
        return {stale, probe};
    if ((nud & NUD_INCOMPLETE) != 0)
        return {fail, use};
    return {use};
}

Request push_neighbour(const core::NeighbourKey& key, NeighbourPush push) {
    ndmsg header = neighbour_header(key);
    int flags = NLM_F_ACK;
    switch (push) {
    case NeighbourPush::use:
        header.ndm_flags = NTF_USE;
        flags |= NLM_F_CREATE;
        break;
    case NeighbourPush::probe:
        header.ndm_state = NUD_PROBE;
        break;
    case NeighbourPush::stale:
        header.ndm_state = NUD_STALE;
        break;
    case NeighbourPush::fail:
        header.ndm_state = NUD_FAILED;
        break;
    }
    return Builder(RTM_NEWNEIGH, flags, header)
        .address(NDA_DST, key.address)
        .named("resolution of " + describe(key));
}

} // namespace multihomed::observe
