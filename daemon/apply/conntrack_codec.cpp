// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/conntrack_codec.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <endian.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <new>
#include <string>
#include <sys/socket.h>

namespace multihomed::apply {

namespace {

using core::Address;
using core::Family;

/// Not in the kernel's public headers: bits of CTA_FILTER_*_FLAGS for a tuple's destination
/// address, protocol and destination port (CTA_FILTER_F_CTA_IP_DST, _PROTO_NUM and _PROTO_DST_PORT
/// of net/netfilter/nf_internals.h, fixed since they are what programs send).
constexpr std::uint32_t kFilterDestination = 1U << 1;
constexpr std::uint32_t kFilterProtocol = 1U << 3;
constexpr std::uint32_t kFilterDestinationPort = 1U << 5;

constexpr int kNew = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
constexpr int kGet = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
constexpr int kDelete = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;

std::uint8_t address_family(Family family) {
    return family == Family::v4 ? AF_INET : AF_INET6;
}
int source_attribute(Family family) {
    return family == Family::v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
}
int destination_attribute(Family family) {
    return family == Family::v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST;
}

template <int Max>
using Attributes = std::array<nlattr*, Max + 1>;
template <int Max>
using Policy = std::array<nla_policy, Max + 1>;

/// Every attribute named in `policy` is at least as long as its type.
template <int Max>
bool parse_nested(Attributes<Max>& out, nlattr* nest, const Policy<Max>& policy) {
    return nest != nullptr &&
           nla_parse_nested(out.data(), Max, nest, const_cast<nla_policy*>(policy.data())) >= 0;
}

template <class Value>
Value value_of(const nlattr* attribute) {
    Value value{};
    std::memcpy(&value, nla_data(attribute), sizeof value);
    return value;
}
std::uint16_t be16_or_zero(const nlattr* attribute) {
    return attribute == nullptr ? std::uint16_t{0} : be16toh(value_of<std::uint16_t>(attribute));
}
std::uint32_t be32_or_zero(const nlattr* attribute) {
    return attribute == nullptr ? 0 : be32toh(value_of<std::uint32_t>(attribute));
}

std::optional<Address> address_of(const nlattr* attribute, Family family) {
    if (attribute == nullptr || nla_len(attribute) != core::address_bits(family) / 8)
        return std::nullopt;
    return core::address_from_bytes(family, static_cast<const std::uint8_t*>(nla_data(attribute)));
}

Policy<CTA_PROTO_MAX> protocol_policy() {
    Policy<CTA_PROTO_MAX> policy{};
    for (const int byte : {CTA_PROTO_NUM, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE,
                           CTA_PROTO_ICMPV6_TYPE, CTA_PROTO_ICMPV6_CODE})
        policy[static_cast<std::size_t>(byte)].type = NLA_U8;
    for (const int word :
         {CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT, CTA_PROTO_ICMP_ID, CTA_PROTO_ICMPV6_ID})
        policy[static_cast<std::size_t>(word)].type = NLA_U16;
    return policy;
}

std::uint16_t icmp_kind(const nlattr* type, const nlattr* code) {
    const unsigned int high = type == nullptr ? 0 : value_of<std::uint8_t>(type);
    const unsigned int low = code == nullptr ? 0 : value_of<std::uint8_t>(code);
    return static_cast<std::uint16_t>(high << 8U | low);
}

void decode_ports(const Attributes<CTA_PROTO_MAX>& proto, FlowTuple& tuple) {
    if (proto[CTA_PROTO_ICMP_ID] != nullptr) {
        tuple.source_port = be16_or_zero(proto[CTA_PROTO_ICMP_ID]);
        tuple.destination_port = icmp_kind(proto[CTA_PROTO_ICMP_TYPE], proto[CTA_PROTO_ICMP_CODE]);
    } else if (proto[CTA_PROTO_ICMPV6_ID] != nullptr) {
        tuple.source_port = be16_or_zero(proto[CTA_PROTO_ICMPV6_ID]);
        tuple.destination_port =
            icmp_kind(proto[CTA_PROTO_ICMPV6_TYPE], proto[CTA_PROTO_ICMPV6_CODE]);
    } else {
        tuple.source_port = be16_or_zero(proto[CTA_PROTO_SRC_PORT]);
        tuple.destination_port = be16_or_zero(proto[CTA_PROTO_DST_PORT]);
    }
}

std::optional<FlowTuple> decode_tuple(nlattr* nest, Family family, std::uint8_t& protocol) {
    static const Policy<CTA_PROTO_MAX> kProtocolPolicy = protocol_policy();
    Attributes<CTA_TUPLE_MAX> tuple{};
    Attributes<CTA_IP_MAX> ip{};
    Attributes<CTA_PROTO_MAX> proto{};
    if (!parse_nested<CTA_TUPLE_MAX>(tuple, nest, {}) ||
        !parse_nested<CTA_IP_MAX>(ip, tuple[CTA_TUPLE_IP], {}) ||
        !parse_nested<CTA_PROTO_MAX>(proto, tuple[CTA_TUPLE_PROTO], kProtocolPolicy))
        return std::nullopt;
    const auto source = address_of(ip[static_cast<std::size_t>(source_attribute(family))], family);
    const auto destination =
        address_of(ip[static_cast<std::size_t>(destination_attribute(family))], family);
    if (!source || !destination || proto[CTA_PROTO_NUM] == nullptr)
        return std::nullopt;
    protocol = value_of<std::uint8_t>(proto[CTA_PROTO_NUM]);
    FlowTuple decoded{*source, *destination, 0, 0};
    decode_ports(proto, decoded);
    return decoded;
}

std::optional<std::uint8_t> decode_tcp_state(nlattr* protocol_info) {
    Attributes<CTA_PROTOINFO_MAX> info{};
    Attributes<CTA_PROTOINFO_TCP_MAX> tcp{};
    Policy<CTA_PROTOINFO_TCP_MAX> policy{};
    policy[CTA_PROTOINFO_TCP_STATE].type = NLA_U8;
    if (!parse_nested<CTA_PROTOINFO_MAX>(info, protocol_info, {}) ||
        !parse_nested<CTA_PROTOINFO_TCP_MAX>(tcp, info[CTA_PROTOINFO_TCP], policy) ||
        tcp[CTA_PROTOINFO_TCP_STATE] == nullptr)
        return std::nullopt;
    return value_of<std::uint8_t>(tcp[CTA_PROTOINFO_TCP_STATE]);
}

bool parse_entry(const nlmsghdr& header, Attributes<CTA_MAX>& out) {
    Policy<CTA_MAX> policy{};
    policy[CTA_STATUS].type = NLA_U32;
    policy[CTA_TIMEOUT].type = NLA_U32;
    policy[CTA_MARK].type = NLA_U32;
    return header.nlmsg_type == kNew && nlmsg_valid_hdr(&header, sizeof(nfgenmsg)) != 0 &&
           nlmsg_parse(const_cast<nlmsghdr*>(&header), sizeof(nfgenmsg), out.data(), CTA_MAX,
                       policy.data()) >= 0;
}

void put_status(nl_msg& message, StatusFilter status) {
    put_be32(message, CTA_STATUS, status.value);
    put_be32(message, CTA_STATUS_MASK, status.mask);
}

void put_mark(nl_msg& message, MarkFilter mark) {
    put_be32(message, CTA_MARK, mark.value);
    put_be32(message, CTA_MARK_MASK, mark.mask);
}

/// A nest of the message, closed when it goes out of scope.
class Nest {
public:
    Nest(nl_msg& message, int type) : message_(message), start_(nla_nest_start(&message, type)) {
        if (start_ == nullptr)
            throw std::bad_alloc();
    }
    ~Nest() { nla_nest_end(&message_, start_); }
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;

private:
    nl_msg& message_;
    nlattr* start_;
};

void append_raw(std::vector<std::uint8_t>& to, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    to.insert(to.end(), bytes, bytes + size);
    to.resize(NLMSG_ALIGN(to.size()));
}

} // namespace

std::optional<TrackedFlow> decode_flow(const nlmsghdr& header) {
    Attributes<CTA_MAX> entry{};
    if (!parse_entry(header, entry))
        return std::nullopt;
    const auto& general = *static_cast<const nfgenmsg*>(nlmsg_data(&header));
    if (general.nfgen_family != AF_INET && general.nfgen_family != AF_INET6)
        return std::nullopt;
    TrackedFlow flow;
    flow.family = general.nfgen_family == AF_INET ? Family::v4 : Family::v6;
    const auto original = decode_tuple(entry[CTA_TUPLE_ORIG], flow.family, flow.protocol);
    const auto reply = decode_tuple(entry[CTA_TUPLE_REPLY], flow.family, flow.protocol);
    if (!original || !reply)
        return std::nullopt;
    flow.original = *original;
    flow.reply = *reply;
    flow.status = be32_or_zero(entry[CTA_STATUS]);
    flow.timeout_seconds = be32_or_zero(entry[CTA_TIMEOUT]);
    flow.mark = be32_or_zero(entry[CTA_MARK]);
    if (entry[CTA_PROTOINFO] != nullptr)
        flow.tcp_state = decode_tcp_state(entry[CTA_PROTOINFO]);
    return flow;
}

NlMessage make_whole_dump() {
    return make_netfilter_message(kGet, 0, AF_UNSPEC);
}

NlMessage make_flow_dump(Family family, StatusFilter status) {
    NlMessage message = make_netfilter_message(kGet, 0, address_family(family));
    put_status(*message, status);
    return message;
}

NlMessage make_filtered_delete(Family family, const Address& reply_destination,
                               StatusFilter status) {
    NlMessage message = make_netfilter_message(kDelete, 0, address_family(family));
    {
        const Nest reply(*message, CTA_TUPLE_REPLY);
        const Nest ip(*message, CTA_TUPLE_IP);
        put_attribute(*message, destination_attribute(family),
                      core::address_bytes(reply_destination).data(),
                      core::address_bits(family) / 8U);
    }
    put_status(*message, status);
    const Nest filter(*message, CTA_FILTER);
    // Host byte order, unlike all the rest.
    put_attribute(*message, CTA_FILTER_REPLY_FLAGS, &kFilterDestination, sizeof kFilterDestination);
    return message;
}

NlMessage make_marked_delete(Family family, MarkFilter mark) {
    NlMessage message = make_netfilter_message(kDelete, 0, address_family(family));
    // Only then does the kernel look at the family of a request that names no tuple.
    static_cast<nfgenmsg*>(nlmsg_data(nlmsg_hdr(message.get())))->version = 1;
    put_mark(*message, mark);
    return message;
}

NlMessage make_narrowed_delete(Family family, MarkFilter mark, std::uint8_t protocol,
                               std::uint16_t destination_port) {
    NlMessage message = make_netfilter_message(kDelete, 0, address_family(family));
    std::uint32_t flags = kFilterProtocol;
    {
        const Nest original(*message, CTA_TUPLE_ORIG);
        const Nest proto(*message, CTA_TUPLE_PROTO);
        put_attribute(*message, CTA_PROTO_NUM, &protocol, sizeof protocol);
        if (destination_port != 0) {
            const std::uint16_t port = htobe16(destination_port);
            put_attribute(*message, CTA_PROTO_DST_PORT, &port, sizeof port);
            flags |= kFilterDestinationPort;
        }
    }
    put_mark(*message, mark);
    const Nest filter(*message, CTA_FILTER);
    put_attribute(*message, CTA_FILTER_ORIG_FLAGS, &flags, sizeof flags);
    return message;
}

bool append_delete(std::vector<std::uint8_t>& messages, const nlmsghdr& entry,
                   std::uint32_t sequence) {
    Attributes<CTA_MAX> attributes{};
    if (!parse_entry(entry, attributes) || attributes[CTA_TUPLE_ORIG] == nullptr)
        return false;
    const std::size_t offset = messages.size();
    nlmsghdr header{};
    header.nlmsg_type = kDelete;
    header.nlmsg_flags = NLM_F_REQUEST;
    header.nlmsg_seq = sequence;
    append_raw(messages, &header, sizeof header);
    append_raw(messages, nlmsg_data(&entry), sizeof(nfgenmsg));
    for (const int kept : {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID})
        if (const nlattr* attribute = attributes[static_cast<std::size_t>(kept)])
            append_raw(messages, attribute, attribute->nla_len);
    header.nlmsg_len = static_cast<std::uint32_t>(messages.size() - offset);
    std::memcpy(messages.data() + offset, &header, sizeof header);
    return true;
}

void append_request(std::vector<std::uint8_t>& messages, const nlmsghdr& request,
                    std::uint32_t sequence) {
    const std::size_t offset = messages.size();
    append_raw(messages, &request, request.nlmsg_len);
    std::memcpy(messages.data() + offset + offsetof(nlmsghdr, nlmsg_seq), &sequence,
                sizeof sequence);
}

void ask_acknowledgement(std::vector<std::uint8_t>& messages, std::size_t offset) {
    nlmsghdr header{};
    std::memcpy(&header, messages.data() + offset, sizeof header);
    header.nlmsg_flags |= NLM_F_ACK;
    std::memcpy(messages.data() + offset, &header, sizeof header);
}

core::Result<void> check_range(const core::AddressRange& range, Family family) {
    if (core::family_of(range.first) != family || core::family_of(range.last) != family ||
        range.last < range.first)
        return core::Error{EINVAL, "conntrack: " + range.first.to_string() + " to " +
                                       range.last.to_string() + " is no " +
                                       core::to_string(family) + " range"};
    return {};
}

core::Error in_conntrack(const char* step, const core::Error& error) {
    return core::Error{error.code, std::string("conntrack ") + step + ": " + error.what};
}

} // namespace multihomed::apply
