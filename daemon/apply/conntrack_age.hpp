// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which tracked flows were seen lately, as far as ctnetlink tells: it knows no time of the last
// packet, only what a flow has left to live, and each packet sets that to the timeout of the flow's
// state. So a flow that has lost no more than some seconds of a timeout that its state may have
// been given was seen within these seconds. TCP has several: what waits for an answer, as every
// sender does on a line that has just died, is given far less than an established connection.
// nf_conntrack_tcp_packet() of net/netfilter/nf_conntrack_proto_tcp.c.
//
// It is a guess and decides on an order only: timeouts changed since, or set for single flows by a
// rule, make it wrong for those flows.
#pragma once

#include "apply/conntrack_codec.hpp"

#include <array>
#include <chrono>
#include <cstdint>

namespace multihomed::apply {

/// The timeouts of a network namespace in seconds; the kernel's own values until read.
struct FlowTimeouts {
    /// By TCP_CONNTRACK_*, from SYN_SENT on.
    std::array<std::uint32_t, 10> tcp{0, 120, 60, 432'000, 120, 60, 30, 120, 10, 120};
    std::uint32_t tcp_retransmitting = 300;
    std::uint32_t tcp_unacknowledged = 300;
    std::uint32_t udp = 30;
    std::uint32_t udp_stream = 120;
    std::uint32_t icmp = 30;
    std::uint32_t icmpv6 = 30;
    std::uint32_t others = 600;
};

/// Those of this thread's network namespace; what cannot be read stays as above.
FlowTimeouts read_flow_timeouts();

/// How long ago is lately.
inline constexpr std::chrono::seconds kLately{10};

/// Was a packet of the flow seen lately, and is it not coming to its end? In doubt, yes.
bool is_lively(const TrackedFlow& flow, const FlowTimeouts& timeouts);

} // namespace multihomed::apply
