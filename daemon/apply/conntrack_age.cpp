// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/conntrack_age.hpp"

#include <algorithm>
#include <fstream>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <span>
#include <string>
#include <vector>

namespace multihomed::apply {

namespace {

void read_timeout(const char* name, std::uint32_t& seconds) {
    std::ifstream file(std::string("/proc/sys/net/netfilter/nf_conntrack_") + name);
    std::uint32_t value = 0;
    if (file >> value)
        seconds = value;
}

/// One of these is what a packet has set the flow's timeout to.
std::vector<std::uint32_t> possible(const TrackedFlow& flow, const FlowTimeouts& timeouts) {
    switch (flow.protocol) {
    case IPPROTO_TCP:
        return {timeouts.tcp.at(flow.tcp_state.value_or(TCP_CONNTRACK_ESTABLISHED)),
                timeouts.tcp_retransmitting, timeouts.tcp_unacknowledged};
    case IPPROTO_UDP:
        return {timeouts.udp, timeouts.udp_stream};
    case IPPROTO_ICMP:
        return {timeouts.icmp};
    case IPPROTO_ICMPV6:
        return {timeouts.icmpv6};
    default:
        return {timeouts.others};
    }
}

bool is_ending(const TrackedFlow& flow) {
    return flow.tcp_state && *flow.tcp_state >= TCP_CONNTRACK_FIN_WAIT &&
           *flow.tcp_state <= TCP_CONNTRACK_CLOSE;
}

} // namespace

FlowTimeouts read_flow_timeouts() {
    FlowTimeouts timeouts;
    read_timeout("tcp_timeout_syn_sent", timeouts.tcp[TCP_CONNTRACK_SYN_SENT]);
    read_timeout("tcp_timeout_syn_recv", timeouts.tcp[TCP_CONNTRACK_SYN_RECV]);
    read_timeout("tcp_timeout_established", timeouts.tcp[TCP_CONNTRACK_ESTABLISHED]);
    read_timeout("tcp_timeout_max_retrans", timeouts.tcp_retransmitting);
    read_timeout("tcp_timeout_unacknowledged", timeouts.tcp_unacknowledged);
    read_timeout("udp_timeout", timeouts.udp);
    read_timeout("udp_timeout_stream", timeouts.udp_stream);
    read_timeout("icmp_timeout", timeouts.icmp);
    read_timeout("icmpv6_timeout", timeouts.icmpv6);
    read_timeout("generic_timeout", timeouts.others);
    return timeouts;
}

bool is_lively(const TrackedFlow& flow, const FlowTimeouts& timeouts) {
    if (is_ending(flow))
        return false;
    const std::uint32_t left = flow.timeout_seconds;
    if (left == 0 || (flow.tcp_state && *flow.tcp_state >= timeouts.tcp.size()))
        return true; // not told: its packets pass by the tracking; or a state we do not know
    const auto full = possible(flow, timeouts);
    return left > std::ranges::max(full) || std::ranges::any_of(full, [&](std::uint32_t seconds) {
               return left <= seconds && seconds - left <= kLately.count();
           });
}

} // namespace multihomed::apply
