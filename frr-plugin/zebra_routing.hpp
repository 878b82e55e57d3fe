// SPDX-License-Identifier: GPL-2.0-or-later
//
// What zebra tells of routing: routes of other protocols, as if we redistributed them (`learn`),
// and how other routers are reached (next hop tracking). It only listens; what it hears is put into
// the observation, once after a burst of news.
//
// While zebra is away, or has just come back and routing protocols have yet to tell it everything
// again, what was heard before holds: a network inside does not become a stranger because a daemon
// restarts.
#pragma once

#include "core/inside.hpp"
#include "core/observation.hpp"
#include "event_loop.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frr_compat.h"

namespace multihomed::frr {

class ZebraRouting {
public:
    /// changed: there is news in routes() or routers().
    ZebraRouting(mh_loop* loop, std::function<void()> changed);

    /// A session with zebra has begun.
    void connected(struct zclient* zclient);
    void ended() {
        zclient_ = nullptr;
        settled_.cancel();
    }

    /// Routes of these protocols and no others.
    void want_protocols(const std::vector<std::string>& protocols);
    void want_routers(const std::vector<core::Address>& routers);

    /// From the session's callbacks.
    void on_route(bool added, const struct zapi_route& route);
    void on_nexthop(const struct prefix& router, const struct zapi_route& way);

    std::vector<core::TaughtRoute> routes() const;
    const std::map<core::Address, std::optional<core::RouterNexthop>>& routers() const {
        return ways_;
    }

private:
    /// zebra tells of one route for each destination. When another protocol's takes its place, the
    /// new one is all that is said.
    struct Heard {
        std::string protocol;
        std::vector<std::uint32_t> interfaces;
        bool fresh = true; ///< in this session
    };

    void subscribe(const std::string& protocol, bool wanted);
    void track(const core::Address& router, bool wanted);
    void drop_stale();
    void tell();

    std::function<void()> changed_;
    struct zclient* zclient_ = nullptr;
    std::set<std::string> protocols_;
    std::set<core::Address> wanted_;
    std::map<core::Prefix, Heard> routes_;
    std::map<core::Address, std::optional<core::RouterNexthop>> ways_;
    Timer soon_;
    bool telling_ = false;
    Timer settled_;
};

} // namespace multihomed::frr
