// SPDX-License-Identifier: GPL-2.0-or-later
//
// The tunnel of an uplink against the world as it is: which interface is wanted, what the line gets
// from it, and why there is none. A tunnel lives on the first usable IPv4 address of its carrier:
// another address is another tunnel, with another prefix; no address, no tunnel. view_tunnel() is
// central.
//
// An interface of ours bears an alias (tunnel_alias()); one of the same name without it is somebody
// else's, and the line waits. A line says what keeps it from working in the words of its carrier
// while that one cannot carry anything, or is down.
#pragma once

#include "core/line.hpp"
#include "core/tunnel.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

/// What an uplink's tunnel gives its line.
struct TunnelView {
    std::optional<TunnelPlan> wanted;
    std::string reason;              ///< why nothing is wanted
    std::optional<Prefix> delegated; ///< belongs to the line
    std::optional<Address> gateway;  ///< next hop on the interface
};

/// Of an uplink that has a tunnel.
TunnelView view_tunnel(const Config& config, const Uplink& uplink, const Observation& seen);
/// All that are wanted, by interface.
std::vector<TunnelPlan> plan_tunnels(const Config& config, const Observation& seen);

/// What keeps the line of a tunnel from being used that its interface alone does not show; `lines`
/// have been judged but for those of tunnels.
std::optional<Blocked> check_tunnel(const Config& config, const Line& line,
                                    const std::vector<Line>& lines, const Observation& seen);
/// Nothing gets through a tunnel while its carrier is down, whatever its own probes say.
Verdict with_carrier(const Line& line, const Verdict& own,
                     const std::map<ProbeKey, Health>& health);

} // namespace multihomed::core
