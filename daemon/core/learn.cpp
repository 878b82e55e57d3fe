// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/learn.hpp"

#include "core/kernel_view.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace multihomed::core {

namespace {

/// The best of other programs' defaults in this table that lead out of this interface.
std::optional<LearnedGateway> find_default(const Observation& seen, std::uint32_t table,
                                           Family family, std::uint32_t ifindex) {
    const KernelRoute* best = nullptr;
    std::optional<LearnedGateway> learned;
    for (const KernelRoute& route : seen.routes) {
        if (route.table != table || route.destination != Prefix::any(family) ||
            is_our_protocol(route.protocol) || (best && best->metric <= route.metric))
            continue;
        const auto nexthop = std::ranges::find(route.nexthops, ifindex, &KernelNexthop::ifindex);
        if (nexthop == route.nexthops.end())
            continue;
        best = &route;
        learned = {.address = nexthop->gateway,
                   .ifindex = ifindex,
                   .protocol = route.protocol,
                   .lost = std::nullopt};
    }
    return learned;
}

/// What was learned before holds for a while, on the same interface.
std::optional<LearnedGateway> still_known(const LearnedGateways& previous, const ProbeKey& key,
                                          std::uint32_t ifindex, Time now) {
    const auto before = previous.find(key);
    if (before == previous.end() || before->second.ifindex != ifindex)
        return std::nullopt;
    LearnedGateway known = before->second;
    known.lost = known.lost.value_or(now);
    return now < *known.lost + kLearnedGrace ? std::optional(known) : std::nullopt;
}

} // namespace

LearnedGateways learn_gateways(const Config& config, const Observation& seen,
                               const LearnedGateways& previous, Time now) {
    LearnedGateways gateways;
    for (const Uplink& uplink : config.uplinks)
        for (const Family family : kFamilies) {
            const Gateway& typed = uplink.family[family].gateway;
            const auto interface = seen.interfaces.find(uplink.interface);
            if (typed.kind != Gateway::Kind::learned || interface == seen.interfaces.end())
                continue;
            const ProbeKey key{uplink.name, family};
            const std::uint32_t ifindex = interface->second.index;
            auto learned = find_default(seen, typed.table, family, ifindex);
            if (!learned)
                learned = still_known(previous, key, ifindex, now);
            if (learned)
                gateways[key] = *learned;
        }
    return gateways;
}

std::optional<Time> next_forgotten(const LearnedGateways& gateways) {
    std::optional<Time> next;
    for (const auto& [key, gateway] : gateways)
        if (gateway.lost && (!next || *gateway.lost + kLearnedGrace < *next))
            next = *gateway.lost + kLearnedGrace;
    return next;
}

std::string protocol_text(std::uint8_t protocol) {
    // include/uapi/linux/rtnetlink.h; 196 is FRR's staticd
    constexpr std::array<std::pair<std::uint8_t, const char*>, 10> kNames{{{1, "redirect"},
                                                                           {2, "kernel"},
                                                                           {3, "boot"},
                                                                           {4, "static"},
                                                                           {9, "ra"},
                                                                           {11, "zebra"},
                                                                           {12, "bird"},
                                                                           {15, "ntk"},
                                                                           {16, "dhcp"},
                                                                           {196, "zstatic"}}};
    const auto found =
        std::ranges::find(kNames, protocol, &std::pair<std::uint8_t, const char*>::first);
    return found == kNames.end() ? std::to_string(protocol) : found->second;
}

} // namespace multihomed::core
