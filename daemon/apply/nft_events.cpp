// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/nft_events.hpp"

#include <array>
#include <cstring>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

namespace multihomed::apply {

namespace {

/// In every message of the subsystem but NEWGEN the first attribute type is the table's name.
constexpr int kTableName = NFTA_TABLE_NAME;
static_assert(NFTA_CHAIN_TABLE == kTableName && NFTA_RULE_TABLE == kTableName &&
              NFTA_SET_TABLE == kTableName && NFTA_SET_ELEM_LIST_TABLE == kTableName &&
              NFTA_OBJ_TABLE == kTableName && NFTA_FLOWTABLE_TABLE == kTableName);

bool is_subsystem_message(const nlmsghdr& header) {
    return NFNL_SUBSYS_ID(header.nlmsg_type) == NFNL_SUBSYS_NFTABLES &&
           nlmsg_valid_hdr(&header, sizeof(nfgenmsg)) != 0;
}

const nlattr* find_attribute(const nlmsghdr& header, int type) {
    return nlmsg_find_attr(const_cast<nlmsghdr*>(&header), sizeof(nfgenmsg), type);
}

bool is_our_table(const nlmsghdr& header) {
    const auto& general = *static_cast<const nfgenmsg*>(nlmsg_data(&header));
    const nlattr* table = find_attribute(header, kTableName);
    return general.nfgen_family == NFPROTO_INET && table != nullptr &&
           nla_strcmp(table, kNatTable) == 0;
}

template <class Value>
Value unaligned(const nlattr* attribute) {
    Value value{};
    std::memcpy(&value, nla_data(attribute), sizeof value);
    return value;
}

std::uint32_t be32_or_zero(const nlattr* attribute) {
    const bool told = attribute != nullptr && nla_len(attribute) >= 4;
    return told ? be32toh(unaligned<std::uint32_t>(attribute)) : 0;
}

} // namespace

NftEvent decode_nft_event(const nlmsghdr& header) {
    if (!is_subsystem_message(header))
        return {};
    if (NFNL_MSG_TYPE(header.nlmsg_type) == NFT_MSG_NEWGEN)
        return {NftEvent::Kind::generation, be32_or_zero(find_attribute(header, NFTA_GEN_ID)),
                be32_or_zero(find_attribute(header, NFTA_GEN_PROC_PID))};
    return {is_our_table(header) ? NftEvent::Kind::our_table : NftEvent::Kind::other, 0, 0};
}

std::optional<CounterValue> decode_counter(const nlmsghdr& header) {
    if (!is_subsystem_message(header) || NFNL_MSG_TYPE(header.nlmsg_type) != NFT_MSG_NEWOBJ ||
        !is_our_table(header))
        return std::nullopt;
    const nlattr* name = find_attribute(header, NFTA_OBJ_NAME);
    const nlattr* type = find_attribute(header, NFTA_OBJ_TYPE);
    const nlattr* data = find_attribute(header, NFTA_OBJ_DATA);
    if (name == nullptr || type == nullptr || data == nullptr ||
        be32_or_zero(type) != NFT_OBJECT_COUNTER)
        return std::nullopt;
    std::array<nlattr*, NFTA_COUNTER_MAX + 1> values{};
    std::array<nla_policy, NFTA_COUNTER_MAX + 1> policy{};
    policy[NFTA_COUNTER_PACKETS].type = NLA_U64;
    policy[NFTA_COUNTER_BYTES].type = NLA_U64;
    if (nla_parse_nested(values.data(), NFTA_COUNTER_MAX, const_cast<nlattr*>(data),
                         policy.data()) < 0 ||
        values[NFTA_COUNTER_PACKETS] == nullptr || values[NFTA_COUNTER_BYTES] == nullptr)
        return std::nullopt;
    const auto* text = static_cast<const char*>(nla_data(name));
    return CounterValue{std::string(text, strnlen(text, static_cast<std::size_t>(nla_len(name)))),
                        be64toh(unaligned<std::uint64_t>(values[NFTA_COUNTER_PACKETS])),
                        be64toh(unaligned<std::uint64_t>(values[NFTA_COUNTER_BYTES]))};
}

} // namespace multihomed::apply
