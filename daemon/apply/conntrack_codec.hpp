// SPDX-License-Identifier: GPL-2.0-or-later
//
// Messages of ctnetlink, bytes <-> values; linux/netfilter/nfnetlink_conntrack.h. Pure: no socket.
// decode_flow() is central; it takes any bytes and never reads beyond them.
#pragma once

#include "apply/netfilter_socket.hpp"
#include "core/address.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace multihomed::apply {

/// One direction of a flow. ICMP: source_port is the identifier, destination_port type << 8 | code.
struct FlowTuple {
    core::Address source;
    core::Address destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;

    bool operator==(const FlowTuple&) const = default;
};

struct TrackedFlow {
    core::Family family = core::Family::v4;
    std::uint8_t protocol = 0;
    FlowTuple original;
    FlowTuple reply;
    std::uint32_t status = 0;              ///< IPS_*
    std::uint32_t timeout_seconds = 0;     ///< 0 when not told
    std::optional<std::uint8_t> tcp_state; ///< TCP_CONNTRACK_*

    bool operator==(const TrackedFlow&) const = default;
};

/// An entry of a dump; nothing for what is none or lacks one of its tuples.
std::optional<TrackedFlow> decode_flow(const nlmsghdr& header);

/// Bits of a flow's status that must have these values.
struct StatusFilter {
    std::uint32_t value = 0;
    std::uint32_t mask = 0;
};

/// For NetfilterSocket::dump(). Older kernels ignore the filter and send every flow of the family.
NlMessage make_flow_dump(core::Family family, StatusFilter status);
/// Deletes what has this reply destination and this status; see conntrack_applier.cpp for kernels
/// that cannot.
NlMessage make_filtered_delete(core::Family family, const core::Address& reply_destination,
                               StatusFilter status);
/// Deletes what has this mark in the bits of the mask, in the family (a filter that every kernel
/// with conntrack marks knows; for the family Linux 5.3, older ones delete both families' flows).
NlMessage make_marked_delete(core::Family family, std::uint32_t mark, std::uint32_t mask);
/// Appends a request that deletes the very entry of a dump: its tuple, its zone and its id.
/// False, and nothing appended, when the entry has no tuple.
bool append_delete(std::vector<std::uint8_t>& messages, const nlmsghdr& entry,
                   std::uint32_t sequence);
/// Makes the last message of `messages`, which begins at `offset`, ask for an acknowledgement.
void ask_acknowledgement(std::vector<std::uint8_t>& messages, std::size_t offset);

} // namespace multihomed::apply
