// SPDX-License-Identifier: GPL-2.0-or-later
#include "zebra_routing.hpp"

#include "zebra_connection.hpp"

#include <algorithm>

namespace multihomed::frr {

namespace {

using namespace std::chrono_literals;

/// News that come together are told together.
constexpr auto kGather = 50ms;
/// After so long in a session what protocols have not told again is no more.
constexpr auto kRelearn = 60s;

/// As zebra numbers it; ZEBRA_ROUTE_MAX: this FRR does not know it.
int type_of(const std::string& protocol) {
    for (int type = 0; type < ZEBRA_ROUTE_MAX; ++type)
        if (protocol == zebra_route_string(static_cast<unsigned>(type)))
            return type;
    return ZEBRA_ROUTE_MAX;
}

std::optional<core::Prefix> destination_of(const struct zapi_route& route) {
    if (CHECK_FLAG(route.message, ZAPI_MESSAGE_SRCPFX) ||
        (route.prefix.family != AF_INET && route.prefix.family != AF_INET6))
        return std::nullopt;
    return from_frr(route.prefix);
}

const struct zapi_nexthop* usable_nexthop(const struct zapi_route& way) {
    for (int i = 0; i < way.nexthop_num; ++i)
        if (way.nexthops[i].ifindex != 0 && way.nexthops[i].type != NEXTHOP_TYPE_BLACKHOLE)
            return &way.nexthops[i];
    return nullptr;
}

std::optional<core::Address> gateway_of(const struct zapi_nexthop& hop) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&hop.gate);
    switch (hop.type) {
    case NEXTHOP_TYPE_IPV4:
    case NEXTHOP_TYPE_IPV4_IFINDEX:
        return core::address_from_bytes(core::Family::v4, bytes);
    case NEXTHOP_TYPE_IPV6:
    case NEXTHOP_TYPE_IPV6_IFINDEX:
        return core::address_from_bytes(core::Family::v6, bytes);
    default:
        return std::nullopt;
    }
}

} // namespace

ZebraRouting::ZebraRouting(mh_loop* loop, std::function<void()> changed)
    : changed_(std::move(changed)), soon_(loop,
                                          [this] {
                                              telling_ = false;
                                              changed_();
                                          }),
      settled_(loop, [this] { drop_stale(); }) {}

void ZebraRouting::tell() {
    if (!std::exchange(telling_, true))
        soon_.set(std::chrono::steady_clock::now() + kGather);
}

void ZebraRouting::connected(struct zclient* zclient) {
    zclient_ = zclient;
    for (auto& [destination, heard] : routes_)
        heard.fresh = false;
    for (const std::string& protocol : protocols_)
        subscribe(protocol, true);
    for (const core::Address& router : wanted_)
        track(router, true);
    settled_.set(std::chrono::steady_clock::now() + kRelearn);
}

void ZebraRouting::drop_stale() {
    if (std::erase_if(routes_, [](const auto& entry) { return !entry.second.fresh; }) > 0)
        tell();
}

void ZebraRouting::subscribe(const std::string& protocol, bool wanted) {
    const int type = type_of(protocol);
    if (!zclient_ || type == ZEBRA_ROUTE_MAX)
        return;
    for (const afi_t afi : {AFI_IP, AFI_IP6})
        zebra_redistribute_send(wanted ? ZEBRA_REDISTRIBUTE_ADD : ZEBRA_REDISTRIBUTE_DELETE,
                                zclient_, afi, type, 0, VRF_DEFAULT);
}

void ZebraRouting::want_protocols(const std::vector<std::string>& protocols) {
    const std::set<std::string> wanted(protocols.begin(), protocols.end());
    for (const std::string& protocol : protocols_)
        if (!wanted.contains(protocol))
            subscribe(protocol, false);
    for (const std::string& protocol : wanted)
        if (!protocols_.contains(protocol))
            subscribe(protocol, true);
    protocols_ = wanted;
    if (std::erase_if(routes_, [&](const auto& entry) {
            return !protocols_.contains(entry.second.protocol);
        }) > 0)
        tell();
}

void ZebraRouting::track(const core::Address& router, bool wanted) {
    if (!zclient_)
        return;
    const struct prefix host = to_frr(core::Prefix::host(router));
    // not by a default: that leads out
    zclient_send_rnh(zclient_, wanted ? ZEBRA_NEXTHOP_REGISTER : ZEBRA_NEXTHOP_UNREGISTER, &host,
                     SAFI_UNICAST, false, false, VRF_DEFAULT);
}

void ZebraRouting::want_routers(const std::vector<core::Address>& routers) {
    const std::set<core::Address> wanted(routers.begin(), routers.end());
    for (const core::Address& router : wanted_)
        if (!wanted.contains(router)) {
            track(router, false);
            ways_.erase(router);
        }
    for (const core::Address& router : wanted)
        if (!wanted_.contains(router))
            track(router, true);
    wanted_ = wanted;
    tell();
}

void ZebraRouting::on_route(bool added, const struct zapi_route& route) {
    const auto destination = destination_of(route);
    if (!destination)
        return;
    Heard heard{.protocol = zebra_route_string(route.type), .interfaces = {}};
    if (!added) {
        const auto known = routes_.find(*destination);
        if (known != routes_.end() && known->second.protocol == heard.protocol) {
            routes_.erase(known);
            tell();
        }
        return;
    }
    if (!protocols_.contains(heard.protocol))
        return; // was under way when we gave it up
    for (int i = 0; i < route.nexthop_num; ++i)
        heard.interfaces.push_back(static_cast<std::uint32_t>(route.nexthops[i].ifindex));
    routes_[*destination] = std::move(heard);
    tell();
}

void ZebraRouting::on_nexthop(const struct prefix& router, const struct zapi_route& way) {
    if (router.family != AF_INET && router.family != AF_INET6)
        return;
    const core::Address address = from_frr(router).address();
    if (!wanted_.contains(address))
        return;
    auto& known = ways_[address];
    known.reset();
    if (const auto* hop = usable_nexthop(way))
        known = core::RouterNexthop{static_cast<std::uint32_t>(hop->ifindex), gateway_of(*hop)};
    tell();
}

std::vector<core::TaughtRoute> ZebraRouting::routes() const {
    std::vector<core::TaughtRoute> all;
    all.reserve(routes_.size());
    for (const auto& [destination, heard] : routes_)
        all.push_back({destination, heard.protocol, heard.interfaces});
    return all;
}

} // namespace multihomed::frr
