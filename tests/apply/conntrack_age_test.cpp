// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which flows count as seen lately, from what a dump tells of them.
#include "apply/conntrack_age.hpp"

#include "netns.hpp"

#include <gtest/gtest.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>

namespace multihomed::apply {
namespace {

TrackedFlow flow(std::uint8_t protocol, std::uint32_t left,
                 std::optional<std::uint8_t> tcp_state = std::nullopt) {
    TrackedFlow flow;
    flow.protocol = protocol;
    flow.timeout_seconds = left;
    flow.tcp_state = tcp_state;
    return flow;
}

bool tcp(std::uint8_t state, std::uint32_t left) {
    return is_lively(flow(IPPROTO_TCP, left, state), FlowTimeouts());
}

TEST(FlowAge, AConnectionIsLivelyWhileItsTimeoutIsFresh) {
    EXPECT_TRUE(tcp(TCP_CONNTRACK_ESTABLISHED, 432'000));
    EXPECT_TRUE(tcp(TCP_CONNTRACK_ESTABLISHED, 431'990));
    EXPECT_FALSE(tcp(TCP_CONNTRACK_ESTABLISHED, 431'989));
    EXPECT_FALSE(tcp(TCP_CONNTRACK_ESTABLISHED, 3600));
}

/// What they send on a line that has just died is not acknowledged, and they are given less.
TEST(FlowAge, AConnectionThatWaitsForAnAnswerIsLively) {
    EXPECT_TRUE(tcp(TCP_CONNTRACK_ESTABLISHED, 299));
    EXPECT_FALSE(tcp(TCP_CONNTRACK_ESTABLISHED, 280));
    EXPECT_TRUE(tcp(TCP_CONNTRACK_SYN_SENT, 118));
    EXPECT_FALSE(tcp(TCP_CONNTRACK_SYN_SENT, 60));
    EXPECT_TRUE(tcp(TCP_CONNTRACK_SYN_RECV, 60));
}

TEST(FlowAge, AConnectionThatEndsIsNot) {
    for (const int state : {TCP_CONNTRACK_FIN_WAIT, TCP_CONNTRACK_CLOSE_WAIT,
                            TCP_CONNTRACK_LAST_ACK, TCP_CONNTRACK_TIME_WAIT, TCP_CONNTRACK_CLOSE})
        EXPECT_FALSE(tcp(static_cast<std::uint8_t>(state),
                         FlowTimeouts().tcp.at(static_cast<std::size_t>(state))));
}

TEST(FlowAge, OtherProtocols) {
    const FlowTimeouts timeouts;
    EXPECT_TRUE(is_lively(flow(IPPROTO_UDP, 119), timeouts));
    EXPECT_FALSE(is_lively(flow(IPPROTO_UDP, 60), timeouts));
    EXPECT_TRUE(is_lively(flow(IPPROTO_UDP, 25), timeouts));
    EXPECT_FALSE(is_lively(flow(IPPROTO_UDP, 5), timeouts));
    EXPECT_TRUE(is_lively(flow(IPPROTO_ICMP, 30), timeouts));
    EXPECT_FALSE(is_lively(flow(IPPROTO_ICMPV6, 3), timeouts));
    EXPECT_TRUE(is_lively(flow(IPPROTO_GRE, 600), timeouts));
    EXPECT_FALSE(is_lively(flow(IPPROTO_GRE, 300), timeouts));
}

TEST(FlowAge, InDoubtAFlowIsLively) {
    EXPECT_TRUE(is_lively(flow(IPPROTO_UDP, 0), FlowTimeouts())) << "offloaded: no timeout is told";
    EXPECT_TRUE(is_lively(flow(IPPROTO_UDP, 3600), FlowTimeouts())) << "a timeout of its own";
    EXPECT_TRUE(tcp(77, 1)) << "a state that is not known";
    EXPECT_TRUE(is_lively(flow(IPPROTO_TCP, 432'000), FlowTimeouts())) << "no state told";
}

class FlowTimeoutsHere : public testing::InNamespace {};

TEST_F(FlowTimeoutsHere, AreThoseOfTheNamespace) {
    testing::run("sysctl -q -w net.netfilter.nf_conntrack_udp_timeout_stream=77 "
                 "net.netfilter.nf_conntrack_tcp_timeout_established=7777");
    const FlowTimeouts timeouts = read_flow_timeouts();
    EXPECT_EQ(timeouts.udp_stream, 77U);
    EXPECT_EQ(timeouts.tcp.at(TCP_CONNTRACK_ESTABLISHED), 7777U);
    EXPECT_GT(timeouts.tcp_unacknowledged, 0U);
}

} // namespace
} // namespace multihomed::apply
