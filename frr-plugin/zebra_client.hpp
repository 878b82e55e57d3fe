// SPDX-License-Identifier: GPL-2.0-or-later
//
// The daemon's hand in zebra: routes and rules go in as values, what became of them comes out as
// events. Nothing blocks; messages are buffered by libfrr.
//
// Two sessions, because zebra files routes by the type of the client. Main's and table 253's are
// OPENFABRIC routes, which every protocol of FRR can redistribute; all other tables' are SHARP,
// with which nothing collides. Rules go by the second. Both announce graceful restart: when the
// daemon dies its routes stay for kStaleSeconds, and its rules if zebra has our module; after
// stop() nothing stays.
//
// A session begins with a handshake (rule_descriptor.h) that tells whether zebra has our module. On
// every new session, also when zebra was restarted, on_dataplane() reports connected = false and
// then the new one; zebra knows nothing of ours then, so everything has to be sent again, completed
// by rules_complete().
#pragma once

#include "apply/routing_applier.hpp"
#include "core/desired.hpp"
#include "core/observation.hpp"
#include "event_loop.hpp"
#include "route_ledger.hpp"
#include "zebra_connection.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "frr_compat.h"

namespace multihomed::frr {

class ZebraEvents {
public:
    virtual ~ZebraEvents() = default;

    /// A session has begun; of the client whose routes are in main.
    virtual void on_session(struct zclient* zclient) = 0;
    virtual void on_session_end() {}
    virtual void on_dataplane(const core::Dataplane& dataplane) = 0;
    /// A hint: zebra's answers name no distance (see RouteLedger), and a route that stays in
    /// another's shadow gets none. Only the kernel tells for certain what is in force.
    virtual void on_route(const core::Route::Key& route, apply::Note note,
                          const std::string& error) = 0;
    virtual void on_rule(const core::Rule& rule, apply::Note note, const std::string& error) = 0;
    /// What was asked for with the session's zclient; see zebra_routing.hpp.
    virtual void on_redistributed(bool, const struct zapi_route&) {}
    virtual void on_nexthop(const struct prefix&, const struct zapi_route&) {}
};

class ZebraClient final : public apply::RoutingApplier, private ZebraConnection::Listener {
public:
    /// How long zebra keeps what a vanished daemon has left.
    static constexpr std::uint32_t kStaleSeconds = 120;

    /// One per process.
    ZebraClient(mh_loop* loop, struct zebra_privs_t* privs, ZebraEvents& events);

    /// Connects, and connects again whenever zebra has gone.
    void start();
    /// Leaves for good: zebra removes all our routes and rules. Calls done() from the event loop
    /// once zebra has been told, or cannot be reached, within two seconds.
    void stop(std::function<void()> done);

    bool connected() const { return dataplane_.connected; }
    const core::Dataplane& dataplane() const { return dataplane_; }

    // Without a session these do nothing: the next one begins with nothing anyway. zebra installs
    // rules before routes that were sent earlier; to have a table filled before a rule points to
    // it, wait until its routes are in the kernel.

    /// Adding again puts back what others have deleted.
    void add(const core::Route& route) override;
    void remove(const core::Route& route) override;
    /// A rule that this dataplane cannot install is answered with Note::failed.
    void add(const core::Rule& rule) override;
    /// Also for rules that an earlier daemon has left.
    void remove(const core::Rule& rule) override;
    /// Every wanted route and rule has been sent in this session.
    void rules_complete() override;

private:
    struct SentRule {
        struct mh_zapi_rule message;
        bool wanted; ///< the last thing sent was an addition
    };
    struct Answer {
        core::Rule rule;
        int error;
    };

    void on_connected(ZebraConnection& connection) override;
    void on_pong(ZebraConnection& connection) override;
    void on_route_note(std::uint32_t table, const core::Prefix& destination,
                       RouteNote note) override;
    void on_rule_note(std::uint32_t unique, RuleNote note, std::string_view ifname) override;
    void on_redistributed(bool added, const struct zapi_route& route) override {
        events_.on_redistributed(added, route);
    }
    void on_nexthop(const struct prefix& router, const struct zapi_route& way) override {
        events_.on_nexthop(router, way);
    }

    void tick();
    void begin_session();
    void end_session();
    void say_hello();
    void on_hello(RuleNote note, std::string_view ifname);
    void publish(const core::Dataplane& dataplane);
    void check_stopped();

    ZebraConnection& connection_of(std::uint32_t table);
    int encode(const core::Rule& rule, struct mh_zapi_rule& message) const;
    int encode_module(const core::Rule& rule, struct mh_zapi_rule& message) const;
    void send_again(const core::Rule& rule, SentRule& sent, const struct mh_zapi_rule& message);
    void answer_refused();

    ZebraEvents& events_;
    ZebraConnection public_;
    ZebraConnection private_;
    core::Dataplane dataplane_;

    core::Time hello_sent_{};
    RouteLedger routes_;
    std::uint32_t next_unique_;
    std::map<core::Rule, SentRule> rules_;
    std::unordered_map<std::uint32_t, core::Rule> by_unique_;
    std::vector<Answer> refused_; ///< by ourselves; told from the loop, not from within add()

    std::optional<std::function<void()>> stopping_;
    core::Time stop_deadline_{};
    bool public_left_ = false;
    bool private_left_ = false;

    Timer tick_;
    Soon refuse_soon_;
};

} // namespace multihomed::frr
