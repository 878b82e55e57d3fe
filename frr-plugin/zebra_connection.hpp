// SPDX-License-Identifier: GPL-2.0-or-later
//
// One session with zebra under one route type: connects, notices the end of a session, encodes what
// we say and decodes what zebra answers. It remembers nothing of routes and rules; ZebraClient
// does.
//
// libfrr's own client tries again after 10 and later 60 seconds, so reconnecting is driven from
// outside: call poll() a few times a second.
#pragma once

#include "core/desired.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

#include "frr_compat.h"

namespace multihomed::frr {

/// What zebra says became of a route.
enum class RouteNote : std::uint8_t {
    installed,
    removed,
    failed,     ///< the kernel refused it, or none of its next hops can be used now
    better_won, ///< another program's route of lower distance has taken its place
    remove_failed,
};

/// What became of a rule.
enum class RuleNote : std::uint8_t { installed, removed, failed, remove_failed };

class ZebraConnection {
public:
    class Listener {
    public:
        virtual void on_connected(ZebraConnection& connection) = 0;
        /// The answer to ping(): zebra has acted upon everything that was sent before.
        virtual void on_pong(ZebraConnection& connection) = 0;
        virtual void on_route_note(std::uint32_t table, const core::Prefix& destination,
                                   RouteNote note) = 0;
        /// ifname: the interface name of the answer, up to its end
        virtual void on_rule_note(std::uint32_t unique, RuleNote note, std::string_view ifname) = 0;
        /// Of another protocol, as it is redistributed.
        virtual void on_redistributed(bool, const struct zapi_route&) {}
        /// How a router is reached that is tracked.
        virtual void on_nexthop(const struct prefix&, const struct zapi_route&) {}

    protected:
        ~Listener() = default;
    };

    /// type: ZEBRA_ROUTE_*; a second client of the same type would steal this one's routes.
    ZebraConnection(mh_loop* loop, struct zebra_privs_t* privs, std::uint8_t type,
                    Listener& listener);
    ~ZebraConnection();
    ZebraConnection(const ZebraConnection&) = delete;
    ZebraConnection& operator=(const ZebraConnection&) = delete;

    bool is_up() const;
    /// For libraries of libfrr's that want one.
    struct zclient* zclient() const {
        return zclient_;
    }
    /// Tries to connect if there is no session; on_connected() comes from within.
    void poll();
    /// Ends the session. What was sent last may be lost, unless a ping has been answered.
    void drop();

    /// Graceful restart: our routes outlive the session by so long. zebra aborts when two clients
    /// of one type that have both announced it vanish, so only one multihomed may run per zebra.
    void announce_restart(std::uint32_t stale_seconds);
    /// Takes that back: with the session everything of ours goes.
    void withdraw_restart();
    /// Every route has been sent: what is left from an earlier session may go. zebra looks into the
    /// main table only.
    void update_complete();
    void ping();

    void send_route(bool add, const core::Route& route);
    void send_rule(bool add, const struct mh_zapi_rule& rule);

private:
    friend struct ZebraCallbacks;

    void send_capability(enum zserv_client_capabilities capability, afi_t afi,
                         std::uint32_t stale_seconds);
    void fill(const core::Route& route);

    Listener& listener_;
    std::uint8_t type_;
    bool pinged_ = false;
    struct zclient* zclient_;
    std::unique_ptr<struct zapi_route> route_; ///< scratch: too big for the stack
};

/// As zebra and libfrr know it, and back; of a family that is IPv4 or IPv6.
struct prefix to_frr(const core::Prefix& prefix);
core::Prefix from_frr(const struct prefix& prefix);

} // namespace multihomed::frr
