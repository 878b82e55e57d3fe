// SPDX-License-Identifier: GPL-2.0-or-later
//
// KernelReader answers "what is there now" by dumps and single look-ups, each as narrow as the
// kernel allows: a million routes or 30,000 neighbours that are not of interest are not copied, or
// only until the answer is complete. Keeps no state but its socket.
#pragma once

#include "core/privileges.hpp"
#include "core/result.hpp"
#include "observe/netlink_decode.hpp"
#include "observe/netlink_request.hpp"
#include "observe/netlink_socket.hpp"
#include "observe/route_table.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace multihomed::observe {

class KernelReader {
public:
    explicit KernelReader(core::Privileged privileged) : requests_(std::move(privileged)) {}

    struct InterfacesFound {
        std::vector<Link> links;
        std::vector<Addr> addresses;
    };
    core::Result<InterfacesFound> interfaces();
    core::Result<std::vector<core::KernelRule>> rules();
    /// Nothing when the kernel has no entry.
    core::Result<std::optional<Neighbour>> neighbour(const core::NeighbourKey& key);
    core::Result<void> push(const core::NeighbourKey& key, NeighbourPush push);
    /// The wanted routes of a scope, with next hops taken from nexthop objects where need be.
    core::Result<std::vector<RouteTable::Entry>>
    routes(const RouteScope& scope, const std::function<bool(const Route&)>& wanted);

    std::uint64_t reads() const { return reads_; }

private:
    core::Result<void> ask(const Request& request, const std::function<bool(Message)>& visit);
    core::Result<NexthopObject> object(std::uint32_t id);
    core::Result<void> resolve_objects(RouteTable::Entry& entry);

    RequestSocket requests_;
    std::uint64_t reads_ = 0;
};

} // namespace multihomed::observe
