// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is known of the world at one moment: interfaces, neighbours, probe results, the kernel's
// rules and routes, and what zebra can do. Values only; the observers fill it, decide() reads it.
#pragma once

#include "core/address.hpp"
#include "core/config.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace multihomed::core {

/// Monotonic time. The core never reads it, it is handed in.
using Time = std::chrono::steady_clock::time_point;
using Microseconds = std::chrono::microseconds;

struct InterfaceAddress {
    Address address;
    std::uint8_t prefix_length = 0;
    std::optional<Address> peer; ///< point-to-point: the other end
    bool tentative = false;      ///< IPv6 duplicate address detection not finished, or failed
    bool deprecated = false;     ///< IPv6 preferred lifetime is over

    bool operator==(const InterfaceAddress&) const = default;
};

struct Interface {
    std::uint32_t index = 0;
    std::string name;
    bool up = false;      ///< IFF_UP
    bool carrier = false; ///< IFF_LOWER_UP, operational
    bool loopback = false;
    bool point_to_point = false; ///< IFF_POINTOPOINT, or IFF_NOARP: no neighbour to resolve
    std::uint32_t mtu = 0;
    std::string alias = {}; ///< a text that anybody may give it
    std::vector<InterfaceAddress> addresses;

    bool operator==(const Interface&) const = default;
};

/// NUD_* of linux/neighbour.h, as far as we tell them apart.
enum class NeighbourState : std::uint8_t { none, incomplete, failed, stale, reachable };

struct NeighbourKey {
    std::uint32_t ifindex = 0;
    Address address;

    auto operator<=>(const NeighbourKey& other) const {
        return std::tie(ifindex, address) < std::tie(other.ifindex, other.address)
                   ? std::strong_ordering::less
               : ifindex == other.ifindex && address == other.address
                   ? std::strong_ordering::equal
                   : std::strong_ordering::greater;
    }
    bool operator==(const NeighbourKey&) const = default;
};

/// Figures of one probe target over its window, computed at the moment of the observation.
struct TargetFigures {
    ProbeTarget target;
    std::uint32_t sent = 0;             ///< in the window, decided or not
    std::uint32_t received = 0;         ///< in the window
    std::uint32_t lost = 0;             ///< in the window: timed out without a reply
    std::uint32_t outage_lost = 0;      ///< of `lost`: in runs of at least fail_after in a row
    std::uint32_t consecutive_lost = 0; ///< newest probes lost in a row, in the window or before
    bool ever_received = false;         ///< since probing of this target began
    std::optional<Time> last_reply;
    Microseconds rtt_average{0}; ///< of the window; 0 without a reply
    Microseconds rtt_deviation{0};
    Microseconds rtt_newest{0}; ///< of the reply that came last; 0 without one in the window
    std::string last_error;     ///< of sending, or what came back lately instead of an answer

    bool operator==(const TargetFigures&) const = default;
};

struct ProbeKey {
    std::string uplink;
    Family family = Family::v4;

    auto operator<=>(const ProbeKey&) const = default;
};

struct KernelNexthop {
    std::uint32_t ifindex = 0;
    std::optional<Address> gateway;
    std::uint32_t weight = 1;
    bool linkdown = false; ///< RTNH_F_LINKDOWN

    bool operator==(const KernelNexthop&) const = default;
};

/// A route as the kernel reports it. nexthops is empty for unreachable and the like.
struct KernelRoute {
    Prefix destination;
    std::uint32_t table = 0;
    std::uint32_t metric = 0;
    std::uint8_t protocol = 0; ///< RTPROT_*
    std::uint8_t type = 0;     ///< RTN_*
    std::vector<KernelNexthop> nexthops;

    bool operator==(const KernelRoute&) const = default;
};

/// Does it say that a DHCPv6 client was given this prefix? RTN_UNREACHABLE, RTPROT_DHCP.
inline bool shows_delegation(const KernelRoute& route) {
    constexpr std::uint8_t kUnreachable = 7;
    constexpr std::uint8_t kDhcp = 16;
    return route.table == kTableMain && route.type == kUnreachable && route.protocol == kDhcp &&
           route.destination.family() == Family::v6 && !route.destination.is_any();
}

/// One policy rule, as wanted or as found: both sides of the comparison speak this type.
struct Rule {
    Family family = Family::v4;
    std::uint32_t priority = 0;
    std::optional<Prefix> source = {};      ///< absent: any
    std::optional<Prefix> destination = {}; ///< absent: any
    std::string iif = {};                   ///< ingress interface; empty: any
    std::uint32_t mark = 0;
    std::uint32_t mask = 0;          ///< 0: no mark is looked at
    std::uint32_t table = 0;         ///< 0 when goto_priority is set
    std::uint32_t goto_priority = 0; ///< FR_ACT_GOTO
    std::optional<std::uint8_t> suppress_prefix_length = {};

    bool operator==(const Rule&) const = default;
    auto operator<=>(const Rule&) const = default;
};

struct KernelRule {
    Rule rule;
    std::uint8_t protocol = 0;
    bool exotic = false; ///< has selectors that Rule cannot express; never one of ours

    bool operator==(const KernelRule&) const = default;
};

/// What this zebra can install.
struct Dataplane {
    bool connected = false;
    bool known = false;  ///< the handshake has been answered
    bool module = false; ///< zebra_multihome answered; else stock zebra
    std::string module_version;

    bool operator==(const Dataplane&) const = default;
};

/// Of a BFD session with a line's gateway.
enum class BfdState : std::uint8_t {
    pending, ///< has not been up yet: the gateway may not speak BFD at all
    up,
    down, ///< was up
};

constexpr const char* to_string(BfdState state) {
    return state == BfdState::up ? "up" : state == BfdState::down ? "down" : "pending";
}

/// A prefix that a client of the provider's DHCPv6 server was given for an uplink.
struct DelegatedPrefix {
    Prefix prefix;
    std::optional<Time> preferred_until = {}; ///< absent: for ever
    std::optional<Time> valid_until = {};     ///< absent: for ever

    bool operator==(const DelegatedPrefix&) const = default;
};

/// How routing reaches another router.
struct RouterNexthop {
    std::uint32_t ifindex = 0;
    std::optional<Address> gateway; ///< absent: it is on the link

    bool operator==(const RouterNexthop&) const = default;
};

/// Networks inside that routing protocols teach, beyond those of `internal`.
struct TaughtNetworks {
    std::vector<Prefix> prefixes; ///< sorted, disjoint
    std::size_t routes = 0;       ///< that were taught
    std::size_t left_out = 0;     ///< prefixes beyond the limit

    bool operator==(const TaughtNetworks&) const = default;
};

struct Observation {
    std::map<std::string, Interface> interfaces; ///< by name
    std::map<NeighbourKey, NeighbourState> neighbours;
    /// Since when each of them is in its state; not of those that were so from the beginning.
    std::map<NeighbourKey, Time> neighbour_since;
    std::map<ProbeKey, std::vector<TargetFigures>> probes;
    std::map<ProbeKey, BfdState> bfd; ///< of lines that have a session
    bool lacks_bfdd = false;          ///< sessions are wanted, and FRR's bfdd does not run
    std::map<std::string, std::vector<DelegatedPrefix>> delegated; ///< by uplink
    /// Defaults of main and 253, all of our own tables, and what shows_delegation().
    std::vector<KernelRoute> routes;
    std::vector<KernelRule> rules; ///< every rule of both families
    TaughtNetworks taught;
    /// Of routers that zebra has been asked for; absent value: no route leads there.
    std::map<Address, std::optional<RouterNexthop>> routers;
    Dataplane dataplane;
};

} // namespace multihomed::core
