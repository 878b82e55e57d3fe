// SPDX-License-Identifier: GPL-2.0-or-later
//
// The requests that the observer sends, each complete but for sequence number and port. The bytes
// are built by libnl. Dumps name what they want, so that a kernel asked for strict checking
// (NETLINK_GET_STRICT_CHK) leaves the rest out; the reader must still look, older ones send it all.
#pragma once

#include "core/observation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::observe {

struct Request {
    std::string what; ///< for error messages: "dump of ipv4 routes of table 1001"
    std::vector<std::uint8_t> bytes;
};

Request dump_links();
Request dump_addresses(core::Family family);
Request dump_rules(core::Family family);
/// protocol: only routes with this RTPROT_*
Request dump_routes(core::Family family, std::uint32_t table, std::optional<std::uint8_t> protocol);
Request get_neighbour(const core::NeighbourKey& key);
Request get_nexthop_object(std::uint32_t id);

/// How an entry of the neighbour table is pushed into (or out of) resolution.
enum class NeighbourPush : std::uint8_t {
    use,   ///< NTF_USE: creates the entry, resolves one that is new or failed
    probe, ///< NUD_PROBE: asks a neighbour whose address is known, at once
    stale, ///< NUD_STALE: so that a probe already running begins anew
    fail,  ///< NUD_FAILED: so that a resolution already running begins anew
};
/// What makes the kernel send a solicitation now, given the state (NUD_*) that the entry is in.
/// Nothing for entries that somebody else looks after.
std::vector<NeighbourPush> pushes_to_resolve(std::uint16_t nud);
Request push_neighbour(const core::NeighbourKey& key, NeighbourPush push);

} // namespace multihomed::observe
