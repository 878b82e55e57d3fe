// SPDX-License-Identifier: GPL-2.0-or-later
//
// ctnetlink's messages as real kernels have sent them (tests/data/ctnetlink-*.txt), and mangled.
#include "apply/conntrack_codec.hpp"

#include "../observe/recorded.hpp"
#include "plans.hpp"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <memory>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <random>
#include <span>

namespace multihomed::apply {
namespace {

using core::Family;
using namespace multihomed::testing;

using Bytes = std::vector<std::uint8_t>;

/// What the code behind the socket does with bytes, in a buffer that ends where they end.
std::vector<TrackedFlow> decode_all(const Bytes& bytes) {
    const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
    std::ranges::copy(bytes, exact.get());
    std::vector<TrackedFlow> flows;
    for_each_message(std::span<const std::uint8_t>(exact.get(), bytes.size()),
                     [&](const nlmsghdr& header) {
                         if (auto flow = decode_flow(header))
                             flows.push_back(*flow);
                         Bytes deletion;
                         append_delete(deletion, header, 1);
                         return true;
                     });
    return flows;
}

class ConntrackCodec : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        recorded_ =
            load_recorded(std::string(MULTIHOME_TEST_DATA "/ctnetlink-") + GetParam() + ".txt");
        ASSERT_EQ(recorded_.size(), 4U);
    }
    TrackedFlow decode(int protocol) {
        const auto flows = decode_all(recorded_["protocol_" + std::to_string(protocol)]);
        EXPECT_EQ(flows.size(), 1U);
        return flows.empty() ? TrackedFlow() : flows[0];
    }

    Recorded recorded_;
};

INSTANTIATE_TEST_SUITE_P(Linux, ConntrackCodec, ::testing::Values("6.1", "6.18"),
                         [](const auto& kernel) {
                             std::string name = kernel.param;
                             name.replace(name.find('.'), 1, "_");
                             return name;
                         });

constexpr std::uint32_t kSeen = IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED;

TEST_P(ConntrackCodec, DecodesTcp) {
    const TrackedFlow flow = decode(IPPROTO_TCP);
    EXPECT_EQ(flow.family, Family::v4);
    EXPECT_EQ(flow.protocol, IPPROTO_TCP);
    EXPECT_EQ(flow.original, (FlowTuple{address("10.0.0.1"), address("203.0.113.1"), 40001, 443}));
    EXPECT_EQ(flow.reply, (FlowTuple{address("203.0.113.1"), address("192.0.2.50"), 443, 40001}));
    EXPECT_EQ(flow.status & (kSeen | IPS_NAT_MASK), kSeen | IPS_SRC_NAT);
    EXPECT_EQ(flow.tcp_state, TCP_CONNTRACK_ESTABLISHED);
    EXPECT_GT(flow.timeout_seconds, 3500U);
    EXPECT_LE(flow.timeout_seconds, 3600U);
}

TEST_P(ConntrackCodec, DecodesIcmp) {
    const TrackedFlow flow = decode(IPPROTO_ICMP);
    EXPECT_EQ(flow.original, (FlowTuple{address("10.0.0.2"), address("203.0.113.2"), 77, 8 << 8}));
    EXPECT_EQ(flow.reply, (FlowTuple{address("203.0.113.2"), address("192.0.2.50"), 77, 0}));
    EXPECT_EQ(flow.tcp_state, std::nullopt);
}

TEST_P(ConntrackCodec, DecodesIpv6) {
    const TrackedFlow udp = decode(IPPROTO_UDP);
    EXPECT_EQ(udp.family, Family::v6);
    EXPECT_EQ(udp.original, (FlowTuple{address("fd00::3"), address("2001:db8:f::1"), 1003, 53}));
    EXPECT_EQ(udp.reply, (FlowTuple{address("2001:db8:f::1"), address("2001:db8:a::1"), 53, 1003}));
    const TrackedFlow ping = decode(IPPROTO_ICMPV6);
    EXPECT_EQ(ping.original,
              (FlowTuple{address("fd00::4"), address("2001:db8:f::1"), 78, 128 << 8}));
    EXPECT_EQ(ping.status & IPS_NAT_MASK, 0U);
}

TEST_P(ConntrackCodec, DeletionNamesTupleZoneAndId) {
    Bytes entry = recorded_["protocol_" + std::to_string(IPPROTO_UDP)];
    auto* header = reinterpret_cast<nlmsghdr*>(entry.data());
    Bytes deletion{1, 2, 3, 4};
    ASSERT_TRUE(append_delete(deletion, *header, 4711));
    ask_acknowledgement(deletion, 4);
    auto* made = reinterpret_cast<nlmsghdr*>(deletion.data() + 4);
    EXPECT_EQ(made->nlmsg_len, deletion.size() - 4);
    EXPECT_EQ(made->nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE);
    EXPECT_EQ(made->nlmsg_seq, 4711U);
    EXPECT_EQ(made->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
    for (const int kept : {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID}) {
        const nlattr* from = nlmsg_find_attr(header, sizeof(nfgenmsg), kept);
        const nlattr* to = nlmsg_find_attr(made, sizeof(nfgenmsg), kept);
        ASSERT_NE(from, nullptr);
        ASSERT_NE(to, nullptr);
        ASSERT_EQ(from->nla_len, to->nla_len);
        EXPECT_EQ(std::memcmp(from, to, from->nla_len), 0);
    }
    EXPECT_EQ(nlmsg_find_attr(made, sizeof(nfgenmsg), CTA_TUPLE_REPLY), nullptr);
}

TEST_P(ConntrackCodec, CutMessagesAreNothing) {
    for (const auto& [name, whole] : recorded_) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            EXPECT_TRUE(decode_all(cut).empty()) << name << " cut at " << size;
            // The same with a header that says so: attributes end early instead.
            if (size >= sizeof(nlmsghdr)) {
                const auto length = static_cast<std::uint32_t>(size);
                std::memcpy(cut.data(), &length, sizeof length);
                decode_all(cut);
            }
        }
    }
}

TEST_P(ConntrackCodec, MangledMessagesNeverReadBeyondTheirEnd) {
    std::mt19937 random(1); // NOLINT: the same mangling every time
    Bytes all;
    for (const auto& [name, whole] : recorded_) {
        all.insert(all.end(), whole.begin(), whole.end());
        all.resize(NLMSG_ALIGN(all.size()));
    }
    for (int round = 0; round < 20000; ++round) {
        Bytes mangled = all;
        for (auto hits = 1 + random() % 8; hits > 0; --hits)
            mangled[random() % mangled.size()] =
                random() % 2 == 0 ? static_cast<std::uint8_t>(random())
                                  : static_cast<std::uint8_t>(1U << (random() % 8));
        decode_all(mangled);
    }
}

TEST(ConntrackRequests, FilteredDeletionAlwaysBearsTheTuple) {
    const NlMessage message =
        make_filtered_delete(Family::v4, address("192.0.2.50"), {IPS_SRC_NAT, IPS_SRC_NAT});
    nlmsghdr* header = nlmsg_hdr(message.get());
    for (const int attribute : {CTA_TUPLE_REPLY, CTA_FILTER, CTA_STATUS, CTA_STATUS_MASK})
        EXPECT_NE(nlmsg_find_attr(header, sizeof(nfgenmsg), attribute), nullptr) << attribute;
    EXPECT_EQ(nlmsg_find_attr(header, sizeof(nfgenmsg), CTA_TUPLE_ORIG), nullptr);
}

} // namespace
} // namespace multihomed::apply
