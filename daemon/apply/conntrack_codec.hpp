// SPDX-License-Identifier: GPL-2.0-or-later
//
// Messages of ctnetlink, bytes <-> values; linux/netfilter/nfnetlink_conntrack.h. Pure: no socket.
// decode_flow() is central; it takes any bytes and never reads beyond them.
#pragma once

#include "apply/netfilter_socket.hpp"
#include "core/address.hpp"
#include "core/address_range.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <linux/netfilter/nf_conntrack_common.h>
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
    std::uint32_t status = 0;          ///< IPS_*
    std::uint32_t timeout_seconds = 0; ///< 0 when not told
    std::uint32_t mark = 0;
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

/// Source-translated flows.
inline constexpr StatusFilter kTranslated{IPS_SRC_NAT, IPS_SRC_NAT};

/// A mark in the bits of a mask.
struct MarkFilter {
    std::uint32_t value = 0;
    std::uint32_t mask = 0;
};

/// For NetfilterSocket::dump(): every flow of both families.
NlMessage make_whole_dump();
/// For NetfilterSocket::dump(). Older kernels ignore the filter and send every flow of the family.
NlMessage make_flow_dump(core::Family family, StatusFilter status);
/// Deletes what has this reply destination and this status; see conntrack_eraser.cpp for kernels
/// that cannot.
NlMessage make_filtered_delete(core::Family family, const core::Address& reply_destination,
                               StatusFilter status);
/// Deletes what has this mark in the bits of the mask, in the family (a filter that every kernel
/// with conntrack marks knows; for the family Linux 5.3, older ones delete both families' flows).
NlMessage make_marked_delete(core::Family family, MarkFilter mark);
/// Of these, what has the protocol and, unless it is 0, the destination port in the direction in
/// which the flow began; see conntrack_eraser.cpp for kernels that cannot. A port is for TCP and
/// UDP alone.
NlMessage make_narrowed_delete(core::Family family, MarkFilter mark, std::uint8_t protocol,
                               std::uint16_t destination_port);
/// Appends a request that deletes the very entry of a dump: its tuple, its zone and its id.
/// False, and nothing appended, when the entry has no tuple.
bool append_delete(std::vector<std::uint8_t>& messages, const nlmsghdr& entry,
                   std::uint32_t sequence = 0);
/// Appends a request once more, with another sequence number.
void append_request(std::vector<std::uint8_t>& messages, const nlmsghdr& request,
                    std::uint32_t sequence);
/// Makes the last message of `messages`, which begins at `offset`, ask for an acknowledgement.
void ask_acknowledgement(std::vector<std::uint8_t>& messages, std::size_t offset);

/// Error EINVAL unless the range is one of the family.
core::Result<void> check_range(const core::AddressRange& range, core::Family family);
/// Says that it happened here, and at which step.
core::Error in_conntrack(const char* step, const core::Error& error);

} // namespace multihomed::apply
