// SPDX-License-Identifier: GPL-2.0-or-later
//
// ARP for IPv4 on Ethernet (RFC 826) and neighbour discovery for IPv6 (RFC 4861, sections 4.3, 4.4
// and 7.1.2): questions to bytes, answers back. Pure; any bytes may come in.
#pragma once

#include "core/address.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace multihomed::probe {

using MacAddress = std::array<std::uint8_t, 6>;

inline constexpr std::size_t kArpBytes = 28;
inline constexpr std::uint16_t kArpReply = 2;
inline constexpr std::size_t kArpOperationAt = 6; ///< for filters

/// Who has `target`? Tell `source`. What follows the Ethernet header.
std::array<std::uint8_t, kArpBytes> encode_arp_request(const MacAddress& ours,
                                                       const core::Address& source,
                                                       const core::Address& target);

struct ArpReply {
    core::Address sender; ///< whose link-layer address is told
    core::Address target; ///< to whom
};

/// From what follows the Ethernet header. Nothing if it is anything else than a reply.
std::optional<ArpReply> decode_arp_reply(std::span<const std::uint8_t> packet);

/// The ICMPv6 message; the kernel fills in the checksum. Without `ours` there is no option with
/// our link-layer address: on links that have none.
std::vector<std::uint8_t> encode_neighbour_solicitation(const core::Address& target,
                                                        const std::optional<MacAddress>& ours);
/// ff02::1:ff00:0/104 with the last 24 bits of the target (RFC 4291, section 2.7.1)
core::Address solicited_node(const core::Address& target);

struct NeighbourAdvertisement {
    core::Address target;
    bool solicited = false; ///< it answers somebody
};

/// From an ICMPv6 message, whose checksum the kernel has checked.
std::optional<NeighbourAdvertisement>
decode_neighbour_advertisement(std::span<const std::uint8_t> message);

} // namespace multihomed::probe
