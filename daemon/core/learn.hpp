// SPDX-License-Identifier: GPL-2.0-or-later
//
// Gateways that lines learn (`ip gateway auto`): from the default route that a DHCP client, pppd,
// systemd-networkd, NetworkManager or the kernel itself (router advertisements) has put in for the
// line's interface. The route is theirs and is only looked at. learn_gateways() is the centre.
#pragma once

#include "core/config.hpp"
#include "core/observation.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

namespace multihomed::core {

/// A client that renews its lease takes its old route away before it puts the new one in; for so
/// long what was learned holds without a route.
inline constexpr std::chrono::milliseconds kLearnedGrace{1000};

struct LearnedGateway {
    std::optional<Address> address; ///< absent: the route needs none, the interface has a peer
    std::uint32_t ifindex = 0;
    std::uint8_t protocol = 0; ///< RTPROT_* of the route: who put it in
    std::optional<Time> lost;  ///< since when the route is gone

    bool operator==(const LearnedGateway&) const = default;
};

using LearnedGateways = std::map<ProbeKey, LearnedGateway>;

/// Of every family of an uplink that is to learn its gateway and can. `previous` is what the last
/// call returned.
LearnedGateways learn_gateways(const Config& config, const Observation& seen,
                               const LearnedGateways& previous, Time now);

/// When the next of them will be forgotten if its route does not come back.
std::optional<Time> next_forgotten(const LearnedGateways& gateways);

/// "dhcp", "ra", ...: the name iproute2 gives to RTPROT_*, else the number.
std::string protocol_text(std::uint8_t protocol);

} // namespace multihomed::core
