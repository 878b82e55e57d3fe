// SPDX-License-Identifier: GPL-2.0-or-later
//
// A line: one uplink in one address family, seen against the interfaces that exist now. survey()
// finds out for every uplink whether the line could carry packets, what is missing if not, which
// addresses and prefixes are its own, and who its next hop is. Everything after it works on Lines.
#pragma once

#include "core/affinity.hpp"
#include "core/delegation.hpp"
#include "core/desired.hpp"
#include "core/health.hpp"
#include "core/learn.hpp"

#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

struct Line {
    const Uplink* uplink = nullptr;
    Family family = Family::v4;
    std::uint32_t table = 0;
    Probing probing = {};   ///< how it is judged
    std::uint32_t mark = 0; ///< of its flows, within Config::mark_mask; 0: they bear none

    std::optional<Blocked> blocked;
    std::string interface;     ///< the uplink's; by way of another router: whereto it is reached
    std::uint32_t ifindex = 0; ///< 0: no such interface
    bool carrier = false;
    std::optional<Address> gateway;           ///< empty on point-to-point interfaces
    bool resolves_gateway = false;            ///< the gateway has a link-layer address to be found
    std::optional<std::uint8_t> learned_from; ///< the gateway is learned: RTPROT_* of the route
    /// The interface's own, usable ones; deprecated ones come last.
    std::vector<Address> addresses;
    /// What the interface connects: subnets, and the peers of point-to-point addresses.
    std::vector<Prefix> subnets;
    /// What is its own without being connected: configured prefixes, delegated ones, and that of a
    /// tunnel.
    std::vector<Prefix> assigned;
    std::vector<KnownPrefix> delegated; ///< with those that are gone
    /// Every source that belongs to this line: connected and assigned; sorted, unique.
    std::vector<Prefix> sources;
    /// Those of `sources` whose packets the rules send to this line: what two lines have leads to
    /// one of them only.
    std::vector<Prefix> bound;
    /// What is inside and the prefixes of this line that it bears outside; sorted, disjoint.
    std::vector<PrefixPair> prefix_nats;
    std::optional<Address> probe_source;
    /// What the operator should know although the line works.
    std::vector<std::string> remarks;

    ProbeKey key() const { return {uplink->name, family}; }
    /// Out of this site by another router of it: nothing leaves here but what bears this line's
    /// addresses, and it is that router's matter to translate and to guard.
    bool by_router() const { return uplink->family[family].gateway.kind == Gateway::Kind::router; }
    Nexthop nexthop() const;
};

/// The prefix that an address makes reachable on its interface, if that is more than itself. A
/// length of 0 would connect the whole Internet, to be resolved on the link address by address.
std::optional<Prefix> connected_prefix(const InterfaceAddress& own);

/// May it be used as a source towards the Internet?
bool is_usable(const InterfaceAddress& own);

/// Does this next hop leave the site?
bool leads_out(const std::vector<Line>& lines, const KernelNexthop& nexthop);
std::vector<const Line*> pointers_to(const std::vector<Line>& lines);

/// Table of each uplink, by name.
using Tables = std::map<std::string, std::uint32_t>;

/// kTableOwn, by its name, if any gateway or prefix is learned. Explicit tables as typed; the
/// others keep what `previous` gave them, or get the lowest free number from Config::table_base
/// upwards.
Tables assign_tables(const Config& config, const Tables& previous);

/// All lines, in the order of Config::uplinks, IPv4 before IPv6. A family in which an uplink has
/// neither configuration nor address has no line. Lines point into `config`.
std::vector<Line> survey(const Config& config, const Tables& tables, const MarkNumbers& marks,
                         const Observation& seen, const LearnedGateways& gateways = {},
                         const KnownPrefixes& prefixes = {});

} // namespace multihomed::core
