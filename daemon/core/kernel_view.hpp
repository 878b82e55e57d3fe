// SPDX-License-Identifier: GPL-2.0-or-later
//
// Questions about what the kernel really does, answered from the observation alone.
#pragma once

#include "core/desired.hpp"
#include "core/observation.hpp"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace multihomed::core {

/// RTPROT_* under which our rules are installed by zebra_multihome.
inline constexpr std::uint8_t kRuleProtocol = 97;
/// What zebra gives our routes: those of main and 253, and those of the lines' own tables
/// (RTPROT_OPENFABRIC and RTPROT_SHARP of zebra/rt_netlink.h).
inline constexpr std::uint8_t kDefaultRouteProtocol = 197;
inline constexpr std::uint8_t kLineRouteProtocol = 194;

constexpr bool is_our_protocol(std::uint8_t route_protocol) {
    return route_protocol == kDefaultRouteProtocol || route_protocol == kLineRouteProtocol;
}

std::uint8_t protocol_of(const Route& route);

/// The tables in which the kernel looks for a default for what no rule has bound, in that order:
/// main and 253, and what rules of ours put before them.
std::vector<std::uint32_t> default_tables(const Observation& seen, Family family);

/// The next hops by which the kernel sends what no rule has bound: those of the first default in
/// default_tables() that have carrier. Empty: nothing leaves.
std::vector<KernelNexthop> default_nexthops(const Observation& seen, Family family);

/// What the kernel holds, made searchable. Lives no longer than the observation it was made from.
class KernelIndex {
public:
    explicit KernelIndex(const Observation& seen);

    /// As wanted, next hops included.
    bool holds(const Route& route) const { return find(route, false); }
    /// The same, and it is not another program's.
    bool holds_ours(const Route& route) const { return find(route, true); }
    /// Another program's route to the same destination, in the same table.
    bool holds_anothers(const Route& route) const;
    bool holds(const Rule& rule, std::uint8_t protocol) const { return copies(rule, protocol) > 0; }
    /// The kernel takes a rule that it has already once more.
    std::size_t copies(const Rule& rule, std::uint8_t protocol) const;

private:
    bool find(const Route& route, bool only_ours) const;

    std::multimap<std::pair<std::uint32_t, Prefix>, const KernelRoute*> routes_;
    std::multiset<std::pair<std::uint8_t, Rule>> rules_;
};

/// Of routes to one destination in one table the kernel holds the one with the least distance: for
/// each of `routes`, which are sorted by key, whether it is that one.
std::vector<bool> expected_in_kernel(const std::vector<Route>& routes);

/// The best default in main that is not ours and has a next hop with carrier; null: there is none.
const KernelRoute* others_default(const Observation& seen, Family family);

/// Somebody else's default in main that comes before ours there, if there is one.
std::optional<KernelRoute> foreign_default(const Observation& seen, Family family,
                                           const std::vector<Route>& wanted);

} // namespace multihomed::core
