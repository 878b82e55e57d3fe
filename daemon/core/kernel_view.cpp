// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/kernel_view.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

bool has_carrier(const Observation& seen, std::uint32_t ifindex) {
    return std::ranges::any_of(seen.interfaces, [ifindex](const auto& entry) {
        const Interface& interface = entry.second;
        return interface.index == ifindex && interface.up && interface.carrier;
    });
}

/// RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT: the search for a route ends there.
bool rejects(const KernelRoute& route) {
    return route.type >= 6 && route.type <= 8;
}

/// RTN_THROW: the search goes on in the next table.
bool throws(const KernelRoute& route) {
    return route.type == 9;
}

/// Defaults of one table, best metric first.
std::vector<const KernelRoute*> defaults_in(const Observation& seen, Family family,
                                            std::uint32_t table) {
    std::vector<const KernelRoute*> found;
    for (const KernelRoute& route : seen.routes)
        if (route.table == table && route.destination == Prefix::any(family))
            found.push_back(&route);
    std::ranges::stable_sort(found, {}, &KernelRoute::metric);
    return found;
}

bool same_nexthops(const Route& wanted, const KernelRoute& found) {
    if (wanted.nexthops.size() != found.nexthops.size())
        return false;
    return std::ranges::all_of(wanted.nexthops, [&](const Nexthop& want) {
        return std::ranges::any_of(found.nexthops, [&](const KernelNexthop& have) {
            return have.ifindex == want.ifindex && have.gateway == want.gateway;
        });
    });
}

} // namespace

std::vector<std::uint32_t> default_tables(const Observation& seen, Family family) {
    std::map<std::uint32_t, std::uint32_t> before; // priority -> table
    for (const KernelRule& found : seen.rules) {
        const Rule& rule = found.rule;
        if (rule.family == family && found.protocol == kRuleProtocol && !found.exotic &&
            !rule.source && !rule.destination && rule.iif.empty() && rule.mask == 0 &&
            rule.table != 0 && !rule.suppress_prefix_length && rule.priority < kRulePriorityMain)
            before[rule.priority] = rule.table;
    }
    std::vector<std::uint32_t> tables;
    for (const auto& [priority, table] : before)
        tables.push_back(table);
    tables.insert(tables.end(), {kTableMain, kTableDefault});
    return tables;
}

std::vector<KernelNexthop> default_nexthops(const Observation& seen, Family family) {
    for (const std::uint32_t table : default_tables(seen, family)) {
        for (const KernelRoute* route : defaults_in(seen, family, table)) {
            if (rejects(*route))
                return {};
            if (throws(*route))
                break;
            std::vector<KernelNexthop> alive;
            for (const KernelNexthop& nexthop : route->nexthops)
                if (!nexthop.linkdown && has_carrier(seen, nexthop.ifindex))
                    alive.push_back(nexthop);
            if (!alive.empty())
                return alive;
        }
    }
    return {};
}

std::uint8_t protocol_of(const Route& route) {
    return holds_defaults(route.table) ? kDefaultRouteProtocol : kLineRouteProtocol;
}

KernelIndex::KernelIndex(const Observation& seen) {
    for (const KernelRoute& route : seen.routes)
        routes_.emplace(std::pair(route.table, route.destination), &route);
    for (const KernelRule& found : seen.rules)
        if (!found.exotic)
            rules_.emplace(found.protocol, found.rule);
}

bool KernelIndex::find(const Route& route, bool only_ours) const {
    const auto [first, last] = routes_.equal_range({route.table, route.destination});
    return std::any_of(first, last, [&](const auto& entry) {
        return same_nexthops(route, *entry.second) &&
               (!only_ours || entry.second->protocol == protocol_of(route));
    });
}

bool KernelIndex::holds_anothers(const Route& route) const {
    const auto [first, last] = routes_.equal_range({route.table, route.destination});
    return std::any_of(
        first, last, [](const auto& entry) { return !is_our_protocol(entry.second->protocol); });
}

std::size_t KernelIndex::copies(const Rule& rule, std::uint8_t protocol) const {
    return rules_.count({protocol, rule});
}

std::vector<bool> expected_in_kernel(const std::vector<Route>& routes) {
    std::vector<bool> expected;
    expected.reserve(routes.size());
    for (std::size_t i = 0; i < routes.size(); ++i)
        expected.push_back(i == 0 || routes[i - 1].table != routes[i].table ||
                           routes[i - 1].destination != routes[i].destination);
    return expected;
}

const KernelRoute* others_default(const Observation& seen, Family family) {
    for (const KernelRoute* route : defaults_in(seen, family, kTableMain))
        if (!is_our_protocol(route->protocol) && !rejects(*route) && !throws(*route) &&
            std::ranges::any_of(route->nexthops, [&](const KernelNexthop& nexthop) {
                return !nexthop.linkdown && has_carrier(seen, nexthop.ifindex);
            }))
            return route;
    return nullptr;
}

std::optional<KernelRoute> foreign_default(const Observation& seen, Family family,
                                           const std::vector<Route>& wanted) {
    const auto ours = std::ranges::find_if(wanted, [family](const Route& route) {
        return route.table == kTableMain && route.destination == Prefix::any(family);
    });
    if (ours == wanted.end())
        return std::nullopt;
    const auto found = defaults_in(seen, family, kTableMain);
    if (found.empty() || same_nexthops(*ours, *found.front()))
        return std::nullopt;
    return *found.front();
}

} // namespace multihomed::core
