// SPDX-License-Identifier: GPL-2.0-or-later
//
// Puts entries into the connection tracking table of this network namespace, as if flows had
// passed.
#pragma once

#include "apply/netfilter_socket.hpp"
#include "core/address.hpp"

#include <arpa/inet.h>
#include <cstdint>
#include <cstring>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace multihomed::testing {

struct MadeFlow {
    std::string source;
    std::string destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 443;
    std::string translated_to = {}; ///< source translation; empty: none
    std::string redirected_to = {}; ///< destination translation; empty: none
    std::uint8_t protocol = IPPROTO_UDP;
    std::uint16_t zone = 0;
    std::uint32_t timeout_seconds = 3600;
    std::uint32_t status = IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED;
    std::uint32_t mark = 0;
};

/// One IPCTNL_MSG_CT_NEW; the caller owns header fields such as the sequence number.
class FlowMessage {
public:
    explicit FlowMessage(const MadeFlow& flow)
        : flow_(flow), family_(core::family_of(address(flow.source))),
          message_(apply::make_netfilter_message(
              NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL,
              family_ == core::Family::v4 ? AF_INET : AF_INET6)) {
        tuple(CTA_TUPLE_ORIG, flow.source, flow.destination, flow.source_port,
              flow.destination_port, 8, 128);
        tuple(CTA_TUPLE_REPLY, flow.destination, flow.source, flow.destination_port,
              flow.source_port, 0, 129);
        apply::put_be32(*message_, CTA_STATUS, flow.status);
        apply::put_be32(*message_, CTA_TIMEOUT, flow.timeout_seconds);
        if (flow.mark != 0)
            apply::put_be32(*message_, CTA_MARK, flow.mark);
        if (flow.zone != 0)
            be16(CTA_ZONE, flow.zone);
        if (flow.protocol == IPPROTO_TCP)
            nested(CTA_PROTOINFO, [&] {
                nested(CTA_PROTOINFO_TCP,
                       [&] { byte(CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_ESTABLISHED); });
            });
        translation(CTA_NAT_SRC, flow.translated_to);
        translation(CTA_NAT_DST, flow.redirected_to);
    }

    nl_msg& message() { return *message_; }

private:
    static core::Address address(const std::string& text) {
        return core::parse_address(text).value();
    }
    template <class Call>
    void nested(int type, Call call) {
        nlattr* nest = nla_nest_start(message_.get(), type);
        call();
        nla_nest_end(message_.get(), nest);
    }
    void byte(int type, std::uint8_t value) {
        apply::put_attribute(*message_, type, &value, sizeof value);
    }
    void be16(int type, std::uint16_t value) {
        value = htons(value);
        apply::put_attribute(*message_, type, &value, sizeof value);
    }
    void ip(int type, const std::string& text) {
        apply::put_attribute(*message_, type, core::address_bytes(address(text)).data(),
                             core::address_bits(family_) / 8U);
    }
    void tuple(int type, const std::string& source, const std::string& destination,
               std::uint16_t source_port, std::uint16_t destination_port, std::uint8_t icmp,
               std::uint8_t icmpv6) {
        const bool v4 = family_ == core::Family::v4;
        nested(type, [&] {
            nested(CTA_TUPLE_IP, [&] {
                ip(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source);
                ip(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, destination);
            });
            nested(CTA_TUPLE_PROTO, [&] {
                byte(CTA_PROTO_NUM, flow_.protocol);
                if (flow_.protocol == IPPROTO_ICMP || flow_.protocol == IPPROTO_ICMPV6) {
                    be16(v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, flow_.source_port);
                    byte(v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, v4 ? icmp : icmpv6);
                    byte(v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, 0);
                    return;
                }
                be16(CTA_PROTO_SRC_PORT, source_port);
                be16(CTA_PROTO_DST_PORT, destination_port);
            });
        });
    }
    void translation(int type, const std::string& to) {
        if (to.empty())
            return;
        const bool v4 = family_ == core::Family::v4;
        nested(type, [&] {
            ip(v4 ? CTA_NAT_V4_MINIP : CTA_NAT_V6_MINIP, to);
            ip(v4 ? CTA_NAT_V4_MAXIP : CTA_NAT_V6_MAXIP, to);
        });
    }

    const MadeFlow& flow_;
    core::Family family_;
    apply::NlMessage message_;
};

/// Makes flows, many with one call; throws what the kernel refuses.
class FlowMaker {
public:
    FlowMaker() {
        if (const auto opened = socket_.open(); !opened)
            throw std::runtime_error(opened.error().what);
    }
    void add(const MadeFlow& flow) {
        FlowMessage made(flow);
        nlmsghdr* header = nlmsg_hdr(&made.message());
        header->nlmsg_seq = socket_.next_sequence();
        if (++count_ == apply::NetfilterSocket::kMaxBatch)
            header->nlmsg_flags |= NLM_F_ACK;
        last_ = batch_.size();
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(header);
        batch_.insert(batch_.end(), bytes, bytes + header->nlmsg_len);
        batch_.resize(NLMSG_ALIGN(batch_.size()));
        if (count_ == apply::NetfilterSocket::kMaxBatch)
            flush();
    }
    void flush() {
        if (count_ == 0)
            return;
        reinterpret_cast<nlmsghdr*>(batch_.data() + last_)->nlmsg_flags |= NLM_F_ACK;
        const auto made = socket_.request_batch(batch_, count_);
        batch_.clear();
        count_ = 0;
        if (!made)
            throw std::runtime_error("making conntrack entries: " + made.error().what);
    }

private:
    apply::NetfilterSocket socket_;
    std::vector<std::uint8_t> batch_;
    std::size_t last_ = 0;
    std::size_t count_ = 0;
};

inline void make_flows(const std::vector<MadeFlow>& flows) {
    FlowMaker maker;
    for (const MadeFlow& flow : flows)
        maker.add(flow);
    maker.flush();
}

} // namespace multihomed::testing
