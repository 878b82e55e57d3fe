// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/inside.hpp"

#include <algorithm>
#include <set>

namespace multihomed::core {

namespace {

/// `disjoint` is sorted.
bool overlaps_one_of(const Prefix& prefix, const std::vector<Prefix>& disjoint) {
    const auto behind = std::ranges::upper_bound(disjoint, prefix);
    return (behind != disjoint.end() && behind->overlaps(prefix)) ||
           (behind != disjoint.begin() && std::prev(behind)->overlaps(prefix));
}

bool are_halves(const Prefix& one, const Prefix& other) {
    if (one.length() == 0 || one.length() != other.length())
        return false;
    const auto length = static_cast<std::uint8_t>(one.length() - 1);
    return Prefix(one.address(), length) == Prefix(other.address(), length);
}

/// Joins the halves of a network, and the halves that these make, and so on.
std::vector<Prefix> join(std::vector<Prefix> prefixes) {
    drop_covered(prefixes);
    std::vector<Prefix> joined;
    for (const Prefix& prefix : prefixes) {
        joined.push_back(prefix);
        while (joined.size() > 1 && are_halves(joined[joined.size() - 2], joined.back())) {
            const Prefix second = joined.back();
            joined.pop_back();
            joined.back() =
                Prefix(second.address(), static_cast<std::uint8_t>(second.length() - 1));
        }
    }
    return joined;
}

bool is_wanted(const TaughtRoute& route, const Config& config) {
    return std::ranges::any_of(config.learn, [&](const Learn& learn) {
        return (learn.protocol.empty() || learn.protocol == route.protocol) &&
               (!learn.within || learn.within->contains(route.destination));
    });
}

std::set<std::uint32_t> ways_out(const Config& config, const Observation& seen) {
    std::set<std::uint32_t> interfaces;
    for (const Uplink& uplink : config.uplinks)
        if (const auto found = seen.interfaces.find(uplink.interface);
            found != seen.interfaces.end())
            interfaces.insert(found->second.index);
    return interfaces;
}

/// What is known to be lines' own without asking for more than the configuration and interfaces.
std::vector<Prefix> of_lines(const Config& config, const Observation& seen) {
    std::vector<Prefix> own;
    for (const Uplink& uplink : config.uplinks) {
        for (const UplinkFamily& family : uplink.family.values)
            own.insert(own.end(), family.sources.begin(), family.sources.end());
        if (const auto found = seen.interfaces.find(uplink.interface);
            found != seen.interfaces.end())
            for (const InterfaceAddress& address : found->second.addresses)
                if (const auto connected = connected_prefix(address))
                    own.push_back(*connected);
        if (const auto told = seen.delegated.find(uplink.name); told != seen.delegated.end())
            for (const DelegatedPrefix& each : told->second)
                own.push_back(each.prefix);
    }
    drop_covered(own);
    return own;
}

std::vector<Prefix> configured(const Config& config) {
    std::vector<Prefix> prefixes = internal_prefixes(config);
    drop_covered(prefixes);
    return prefixes;
}

} // namespace

std::vector<std::string> protocols_to_learn(const Config& config) {
    std::set<std::string> names;
    for (const Learn& learn : config.learn)
        if (learn.protocol.empty())
            names.insert(kLearnable.begin(), kLearnable.end());
        else
            names.insert(learn.protocol);
    return {names.begin(), names.end()};
}

TaughtNetworks summarize(const std::vector<TaughtRoute>& routes, const Config& config,
                         const Observation& seen) {
    TaughtNetworks taught;
    const auto inside = configured(config);
    const auto own = of_lines(config, seen);
    // zebra does not say where a recursive next hop ends, nor is a blackhole a network inside.
    auto out = ways_out(config, seen);
    out.insert(0);
    for (const TaughtRoute& route : routes) {
        const bool leads_out = std::ranges::any_of(
            route.interfaces, [&](std::uint32_t ifindex) { return out.contains(ifindex); });
        if (leads_out || route.interfaces.empty() || !is_wanted(route, config) ||
            route.destination.length() < kShortestTaught[route.destination.family()])
            continue;
        ++taught.routes;
        if (!is_covered(route.destination, inside) && !overlaps_one_of(route.destination, own))
            taught.prefixes.push_back(route.destination);
    }
    taught.prefixes = join(std::move(taught.prefixes));
    PerFamily<std::size_t> known{};
    taught.left_out = std::erase_if(taught.prefixes, [&](const Prefix& prefix) {
        return ++known[prefix.family()] > kMaxTaught;
    });
    return taught;
}

std::vector<Prefix> inside_of(const Config& config, const Observation& seen,
                              const std::vector<const Line*>& lines) {
    std::vector<Prefix> inside = configured(config);
    std::vector<Prefix> own;
    for (const Line* line : lines)
        own.insert(own.end(), line->sources.begin(), line->sources.end());
    drop_covered(own);
    for (const Prefix& prefix : seen.taught.prefixes)
        if (!overlaps_one_of(prefix, own))
            inside.push_back(prefix);
    drop_covered(inside);
    return inside;
}

} // namespace multihomed::core
