// SPDX-License-Identifier: GPL-2.0-or-later
//
// One session with zebra; see zebra_connection.hpp. ZAPI itself is documented by lib/zclient.h and
// zebra/zapi_msg.c of FRR only. libfrr's callbacks carry no argument of ours, so a callback finds
// its connection by the zclient.
#include "zebra_connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "event_loop.hpp"

namespace multihomed::frr {

namespace {

std::vector<ZebraConnection*>& connections() {
    static std::vector<ZebraConnection*> all;
    return all;
}

RouteNote to_note(enum zapi_route_notify_owner note) {
    switch (note) {
    case ZAPI_ROUTE_INSTALLED:
        return RouteNote::installed;
    case ZAPI_ROUTE_REMOVED:
        return RouteNote::removed;
    case ZAPI_ROUTE_BETTER_ADMIN_WON:
        return RouteNote::better_won;
    case ZAPI_ROUTE_REMOVE_FAIL:
        return RouteNote::remove_failed;
    case ZAPI_ROUTE_FAIL_INSTALL:
        break;
    }
    return RouteNote::failed;
}

RuleNote to_note(enum zapi_rule_notify_owner note) {
    switch (note) {
    case ZAPI_RULE_INSTALLED:
        return RuleNote::installed;
    case ZAPI_RULE_REMOVED:
        return RuleNote::removed;
    case ZAPI_RULE_FAIL_REMOVE:
        return RuleNote::remove_failed;
    case ZAPI_RULE_FAIL_INSTALL:
        break;
    }
    return RuleNote::failed;
}

} // namespace

struct prefix to_frr(const core::Prefix& prefix) {
    struct prefix out;
    std::memset(&out, 0, sizeof(out));
    out.family = prefix.family() == core::Family::v4 ? AF_INET : AF_INET6;
    out.prefixlen = prefix.length();
    const auto bytes = core::address_bytes(prefix.address());
    std::memcpy(&out.u.prefix, bytes.data(), core::address_bits(prefix.family()) / 8U);
    return out;
}

core::Prefix from_frr(const struct prefix& prefix) {
    const core::Family family = prefix.family == AF_INET6 ? core::Family::v6 : core::Family::v4;
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &prefix.u.prefix, core::address_bits(family) / 8U);
    return {core::address_from_bytes(family, bytes.data()),
            static_cast<std::uint8_t>(prefix.prefixlen)};
}

void nexthop_update(const struct prefix& router, const struct zapi_route& way);

MH_NEXTHOP_UPDATE(mh_nexthop_update) {
    nexthop_update(*match, *route);
}

/// What libfrr calls.
struct ZebraCallbacks {
    static ZebraConnection* find(const struct zclient* zclient) {
        const auto found =
            std::find_if(connections().begin(), connections().end(),
                         [&](const ZebraConnection* c) { return c->zclient_ == zclient; });
        return found == connections().end() ? nullptr : *found;
    }

    static void connected(struct zclient* zclient) {
        zebra_route_notify_send(ZEBRA_ROUTE_NOTIFY_REQUEST, zclient, true);
        if (auto* connection = find(zclient))
            call_guarded([&] { connection->listener_.on_connected(*connection); });
    }

    static int capabilities(ZAPI_CALLBACK_ARGS) {
        auto* connection = find(zclient);
        if (connection && connection->pinged_) {
            connection->pinged_ = false;
            call_guarded([&] { connection->listener_.on_pong(*connection); });
        }
        return 0;
    }

    static int route_note(ZAPI_CALLBACK_ARGS) {
        struct prefix prefix;
        enum zapi_route_notify_owner note;
        std::uint32_t table;
        std::memset(&prefix, 0, sizeof(prefix));
        if (!zapi_route_notify_decode(zclient->ibuf, &prefix, &table, &note, nullptr, nullptr))
            return -1;
        auto* connection = find(zclient);
        if (connection && (prefix.family == AF_INET || prefix.family == AF_INET6))
            call_guarded([&] {
                connection->listener_.on_route_note(table, from_frr(prefix), to_note(note));
            });
        return 0;
    }

    static int rule_note(ZAPI_CALLBACK_ARGS) {
        std::uint32_t seq, priority, unique;
        enum zapi_rule_notify_owner note;
        std::array<char, MH_ZAPI_IFNAMSIZ + 1> ifname{};
        if (!zapi_rule_notify_decode(zclient->ibuf, &seq, &priority, &unique, ifname.data(), &note))
            return -1;
        if (auto* connection = find(zclient))
            call_guarded(
                [&] { connection->listener_.on_rule_note(unique, to_note(note), ifname.data()); });
        return 0;
    }

    static int redistributed(ZAPI_CALLBACK_ARGS) {
        auto* connection = find(zclient);
        if (!connection)
            return 0;
        struct zapi_route& route = *connection->route_;
        if (zapi_route_decode(zclient->ibuf, &route) < 0)
            return -1;
        call_guarded([&] {
            connection->listener_.on_redistributed(cmd == ZEBRA_REDISTRIBUTE_ROUTE_ADD, route);
        });
        return 0;
    }

    /// zebra does not say whose; only the client of main's routes asks.
    static void nexthop(const struct prefix& router, const struct zapi_route& way) {
        if (!connections().empty())
            call_guarded([&] { connections().front()->listener_.on_nexthop(router, way); });
    }

    static zclient_handler* const* handlers() {
        static std::array<zclient_handler*, kHandlers> table = [] {
            std::array<zclient_handler*, kHandlers> made{};
            made[ZEBRA_CAPABILITIES] = capabilities;
            made[ZEBRA_ROUTE_NOTIFY_OWNER] = route_note;
            made[ZEBRA_RULE_NOTIFY_OWNER] = rule_note;
            made[ZEBRA_REDISTRIBUTE_ROUTE_ADD] = redistributed;
            made[ZEBRA_REDISTRIBUTE_ROUTE_DEL] = redistributed;
            MH_SET_NEXTHOP_UPDATE_HANDLER(made, mh_nexthop_update);
            return made;
        }();
        return table.data();
    }

    static constexpr std::size_t kHandlers = ZEBRA_ERROR + 1;
};

void nexthop_update(const struct prefix& router, const struct zapi_route& way) {
    ZebraCallbacks::nexthop(router, way);
}

ZebraConnection::ZebraConnection(mh_loop* loop, struct zebra_privs_t* privs, std::uint8_t type,
                                 Listener& listener)
    : listener_(listener), type_(type),
      zclient_(mh_zclient_new(loop, ZebraCallbacks::handlers(), ZebraCallbacks::kHandlers)),
      route_(std::make_unique<struct zapi_route>()) {
    MH_SET_NEXTHOP_UPDATE_CLIENT(zclient_, mh_nexthop_update);
    zclient_init(zclient_, type, 0, privs);
    mh_event_cancel(&zclient_->t_connect); // we say when
    zclient_->zebra_connected = ZebraCallbacks::connected;
    connections().push_back(this);
}

ZebraConnection::~ZebraConnection() {
    drop();
    std::erase(connections(), this);
    zclient_free(zclient_);
}

bool ZebraConnection::is_up() const {
    return zclient_->sock >= 0;
}

void ZebraConnection::poll() {
    if (is_up())
        return;
    pinged_ = false;
    mh_event_cancel(&zclient_->t_connect);
    zclient_start(zclient_);
    if (!is_up())
        mh_event_cancel(&zclient_->t_connect);
}

void ZebraConnection::drop() {
    pinged_ = false;
    zclient_stop(zclient_);
}

void ZebraConnection::send_capability(enum zserv_client_capabilities capability, afi_t afi,
                                      std::uint32_t stale_seconds) {
    struct zapi_cap message;
    std::memset(&message, 0, sizeof(message));
    message.cap = capability;
    message.stale_removal_time = stale_seconds;
    message.afi = afi;
    message.safi = SAFI_UNICAST;
    message.vrf_id = VRF_DEFAULT;
    zclient_capabilities_send(ZEBRA_CLIENT_CAPABILITIES, zclient_, &message);
}

void ZebraConnection::announce_restart(std::uint32_t stale_seconds) {
    send_capability(ZEBRA_CLIENT_GR_CAPABILITIES, AFI_IP, stale_seconds);
}

void ZebraConnection::withdraw_restart() {
    send_capability(ZEBRA_CLIENT_GR_DISABLE, AFI_IP, 0);
}

void ZebraConnection::update_complete() {
    for (const afi_t afi : {AFI_IP, AFI_IP6})
        send_capability(ZEBRA_CLIENT_ROUTE_UPDATE_COMPLETE, afi, 0);
}

void ZebraConnection::ping() {
    // zebra answers every hello with its capabilities
    pinged_ = true;
    zclient_send_hello(zclient_);
}

void ZebraConnection::fill(const core::Route& route) {
    struct zapi_route& api = *route_;
    mh_zapi_route_init(&api);
    api.type = type_;
    api.vrf_id = VRF_DEFAULT;
    api.safi = SAFI_UNICAST;
    api.prefix = to_frr(route.destination);
    // routes of different distance stand side by side instead of replacing each other
    SET_FLAG(api.flags, ZEBRA_FLAG_RR_USE_DISTANCE);
    SET_FLAG(api.message, ZAPI_MESSAGE_DISTANCE);
    api.distance = route.distance;
    if (route.metric != 0) {
        SET_FLAG(api.message, ZAPI_MESSAGE_METRIC);
        api.metric = route.metric;
    }
    if (route.tag != 0) {
        SET_FLAG(api.message, ZAPI_MESSAGE_TAG);
        api.tag = route.tag;
    }
    if (route.table != core::kTableMain) {
        SET_FLAG(api.message, ZAPI_MESSAGE_TABLEID);
        api.tableid = route.table;
    }
    SET_FLAG(api.message, ZAPI_MESSAGE_NEXTHOP);
    if (route.nexthops.empty()) {
        zapi_route_set_blackhole(&api, BLACKHOLE_REJECT); // unreachable
        return;
    }
    for (const core::Nexthop& hop : route.nexthops) {
        if (api.nexthop_num == MULTIPATH_NUM)
            break;
        struct zapi_nexthop& out = api.nexthops[api.nexthop_num++];
        mh_zapi_nexthop_init(&out);
        out.vrf_id = VRF_DEFAULT;
        out.ifindex = static_cast<ifindex_t>(hop.ifindex);
        out.weight = hop.weight;
        SET_FLAG(out.flags, ZAPI_NEXTHOP_FLAG_WEIGHT);
        out.type = NEXTHOP_TYPE_IFINDEX;
        if (!hop.gateway)
            continue;
        // onlink: the line is given, zebra shall not resolve the gateway by other routes
        SET_FLAG(out.flags, ZAPI_NEXTHOP_FLAG_ONLINK);
        const bool is_v4 = hop.gateway->is_v4();
        out.type = is_v4 ? NEXTHOP_TYPE_IPV4_IFINDEX : NEXTHOP_TYPE_IPV6_IFINDEX;
        const auto bytes = core::address_bytes(*hop.gateway);
        std::memcpy(&out.gate, bytes.data(), is_v4 ? 4 : 16);
    }
}

void ZebraConnection::send_route(bool add, const core::Route& route) {
    fill(route);
    zclient_route_send(add ? ZEBRA_ROUTE_ADD : ZEBRA_ROUTE_DELETE, zclient_, route_.get());
}

void ZebraConnection::send_rule(bool add, const struct mh_zapi_rule& rule) {
    mh_zapi_rule_encode(zclient_, add, &rule);
    zclient_send_message(zclient_);
}

} // namespace multihomed::frr
