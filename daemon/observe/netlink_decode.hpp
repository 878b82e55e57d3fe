// SPDX-License-Identifier: GPL-2.0-or-later
//
// rtnetlink (RFC 3549; the kernel's include/uapi/linux/rtnetlink.h and friends): the bytes of one
// message become one value. No socket, no state; any bytes may come in, what makes no sense yields
// std::monostate. decode() is the centre. What an attribute means is decided here, what a message
// means for the picture of the world by KernelObserver.
#pragma once

#include "core/observation.hpp"
#include "observe/attributes.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace multihomed::observe {

struct Link {
    core::Interface interface; ///< without addresses
};
struct LinkGone {
    std::uint32_t index = 0;
};

struct Addr {
    std::uint32_t ifindex = 0;
    core::InterfaceAddress address;
};
struct AddrGone {
    Addr addr;
};

struct Neighbour {
    core::NeighbourKey key;
    core::NeighbourState state = core::NeighbourState::none;
    std::uint16_t nud = 0; ///< NUD_* as the kernel gave it
    /// Somebody else looks after it: permanent, no ARP, externally learned, managed.
    bool hands_off = false;
};
struct NeighbourGone {
    core::NeighbourKey key;
};

struct Rule {
    core::KernelRule rule;
};
struct RuleGone {
    Rule rule;
};

struct Route {
    core::KernelRoute route;               ///< next hops on interfaces that are down are left out
    std::vector<std::uint32_t> interfaces; ///< of all next hops, also of those left out
    std::uint32_t nexthop_id = 0;          ///< nexthop object, 0: none
    /// The next hops stand in the message; else only the nexthop object knows them.
    bool has_nexthops = false;
    /// Only for some packets (IPv6 source prefix, IPv4 TOS), which KernelRoute cannot say.
    bool conditional = false;
    std::optional<core::Address> preferred_source;
};
struct RouteGone {
    Route route;
};

struct NexthopObject {
    struct Member {
        std::uint32_t id = 0;
        std::uint32_t weight = 1;
        bool operator==(const Member&) const = default;
    };
    std::uint32_t id = 0;
    core::KernelNexthop nexthop; ///< not of a group, not of a blackhole
    bool blackhole = false;
    bool dead = false;
    std::vector<Member> group;
};
struct NexthopObjectGone {
    std::uint32_t id = 0;
};

/// NLMSG_ERROR or NLMSG_DONE: a request has ended.
struct Ended {
    int error = 0;    ///< a positive errno; 0: done as asked
    std::string text; ///< the kernel's extended message, often empty
};

using Message =
    std::variant<std::monostate, Link, LinkGone, Addr, AddrGone, Neighbour, NeighbourGone, Rule,
                 RuleGone, Route, RouteGone, NexthopObject, NexthopObjectGone, Ended>;

/// The message that begins with the netlink header at bytes.front().
Message decode(Bytes bytes);

/// Calls `visit` with each message of a datagram, header included, until it returns false.
void for_each_message(Bytes datagram, const std::function<bool(Bytes)>& visit);

/// NUD_* bits to what the core tells apart. DELAY and PROBE are stale: known, being verified.
core::NeighbourState neighbour_state(std::uint16_t nud);

} // namespace multihomed::observe
