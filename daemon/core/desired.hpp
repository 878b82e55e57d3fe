// SPDX-License-Identifier: GPL-2.0-or-later
//
// The wanted world, complete: what the kernel, zebra and the probers should hold for a
// configuration and an observation. decide() makes it, diff() compares two of them, the appliers
// realise it.
#pragma once

#include "core/address.hpp"
#include "core/advertisement.hpp"
#include "core/config.hpp"
#include "core/observation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

struct Nexthop {
    std::uint32_t ifindex = 0;
    std::string interface; ///< for display
    std::optional<Address> gateway = {};
    std::uint8_t weight = 1;

    bool operator==(const Nexthop&) const = default;
};

/// A route for zebra. Its identity is (destination, table, distance): see key().
struct Route {
    Prefix destination;
    std::uint32_t table = 0;
    std::uint8_t distance = 0;
    std::vector<Nexthop> nexthops; ///< empty: unreachable
    /// For routing protocols; the kernel is not told of them.
    std::uint32_t metric = 0;
    std::uint32_t tag = 0; ///< 0: none

    struct Key {
        std::uint32_t table;
        Prefix destination;
        std::uint8_t distance;
        auto operator<=>(const Key&) const = default;
    };
    Key key() const { return {table, destination, distance}; }
    bool operator==(const Route&) const = default;
};

/// Two prefixes of equal length that stand for each other, host by host.
struct PrefixPair {
    Prefix inside;
    Prefix outside;

    auto operator<=>(const PrefixPair&) const = default;
};

/// One line's part of the nftables table: how it translates and what may leave it.
struct LineNat {
    std::string uplink;
    std::string interface;
    std::uint32_t mark = 0; ///< of the flows that leave or come in by it, within NatPlan::mark_mask
    PerFamily<std::vector<PrefixPair>> prefixes = {}; ///< come before `nat`; sorted, disjoint
    PerFamily<Nat> nat = {};
    PerFamily<std::vector<Prefix>> sources =
        {}; ///< what the egress guard lets pass; sorted, unique
    /// Prefixes that were the line's and are nobody's: who still sends with them is told.
    PerFamily<std::vector<Prefix>> gone = {};
    /// Judged dead while another line of the family carries: what would be forwarded out of it
    /// untranslated, and so can go nowhere else, is answered with an error.
    PerFamily<bool> dead = {};

    bool translates(Family family) const {
        return nat[family].kind != Nat::Kind::none || !prefixes[family].empty();
    }
    bool operator==(const LineNat&) const = default;
};

struct NatPlan {
    PerFamily<std::vector<Prefix>> internal; ///< whose packets are translated
    std::vector<LineNat> lines;              ///< sorted by interface, one each
    std::uint32_t mark_mask = 0;             ///< 0: no marks are written or read

    bool operator==(const NatPlan&) const = default;
};

/// Tracked flows that can no longer work as they are and shall be forgotten.
struct FlowSelector {
    Family family = Family::v4;
    enum class Kind : std::uint8_t {
        /// Source-translated to an address in first..last (reply destination).
        translated_to,
        /// Not source-translated, from `sources` to anywhere but `not_destinations`: begun before
        /// NAT stood, it would stay untranslated for as long as it lives. With this mark in the
        /// bits of `mask`, which may be 0.
        untranslated,
        /// With the conntrack mark `mark` in the bits of `mask`.
        marked,
        /// Not translated, and one of both ends has an address in `sources`.
        bound,
    };
    Kind kind = Kind::translated_to;
    Address first;
    Address last;
    std::vector<Prefix> sources;          ///< sorted, disjoint
    std::vector<Prefix> not_destinations; ///< sorted, disjoint
    /// Of `untranslated`: also what began with a packet that came from there to `sources`.
    bool either_way = false;
    std::uint32_t mark = 0;
    std::uint32_t mask = 0;
    /// These narrow `marked`: source-translated flows only, which another line can carry on; an
    /// IPPROTO_*, 0 for any; and the destination port of the packet with which the flow began, 0
    /// for any. A port excludes protocols that have none.
    bool translated_only = false;
    std::uint8_t protocol = 0;
    std::uint16_t destination_port = 0;

    bool operator==(const FlowSelector&) const = default;
};

/// net.{ipv4,ipv6}.conf.<interface>.<name>, or net.{ipv4,ipv6}.<name>
struct Sysctl {
    Family family = Family::v4;
    std::string interface; ///< empty: of the network namespace
    std::string name;
    int value = 0;

    auto operator<=>(const Sysctl&) const = default;
};

struct TableName {
    std::uint32_t table = 0;
    std::string name;

    auto operator<=>(const TableName&) const = default;
};

/// What the prober of one uplink and family does.
struct ProbePlan {
    ProbeKey key;
    std::string interface;
    std::uint32_t ifindex = 0;
    Address source;
    std::vector<ProbeTarget> targets; ///< those without an interval of their own have the line's
    Milliseconds interval{0};
    Milliseconds timeout{0};
    Milliseconds window{60'000};  ///< over which loss and round-trip times are computed
    std::uint32_t fail_after = 3; ///< so many lost in a row are an outage
    bool spares_probes = false;   ///< while traffic comes back, no probe is due

    bool operator==(const ProbePlan&) const = default;
};

/// A BFD session with the gateway of a line.
struct BfdPlan {
    ProbeKey key;
    std::string interface;
    Address source;
    Address gateway;
    std::string profile; ///< of bfdd; empty: its defaults

    bool operator==(const BfdPlan&) const = default;
};

struct Desired {
    std::vector<Route> routes; ///< sorted by key, unique
    std::vector<Rule> rules;   ///< sorted, unique; in full generality, see lower()
    NatPlan nat;
    std::vector<Sysctl> sysctls;               ///< sorted, unique
    std::vector<TableName> table_names;        ///< sorted by table
    std::vector<ProbePlan> probes;             ///< sorted by key
    std::vector<BfdPlan> bfd = {};             ///< sorted by key
    std::vector<NeighbourKey> gateways;        ///< sorted; whose neighbour entries are followed
    std::vector<Address> routers = {};         ///< sorted; how they are reached is followed
    std::vector<TunnelPlan> tunnels = {};      ///< sorted by interface
    std::vector<AdvertisePlan> advertise = {}; ///< in the order of the configuration

    bool operator==(const Desired&) const = default;
};

} // namespace multihomed::core
