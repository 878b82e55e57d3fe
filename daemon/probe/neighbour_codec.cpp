// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/neighbour_codec.hpp"

#include <algorithm>

namespace multihomed::probe {

namespace {

using Bytes = std::span<const std::uint8_t>;
using core::Family;

/// Ethernet, IPv4, six and four bytes of address; the operation follows.
constexpr std::array<std::uint8_t, kArpOperationAt> kEthernetAndIpv4{0, 1, 8, 0, 6, 4};
constexpr std::uint8_t kArpRequest = 1;
constexpr std::size_t kSenderMacAt = 8;
constexpr std::size_t kSenderAt = 14;
constexpr std::size_t kTargetAt = 24;

constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;
constexpr std::size_t kIcmpBytes = 24; ///< with the target
constexpr std::size_t kIcmpTargetAt = 8;
constexpr std::uint8_t kSolicitedFlag = 0x40;
constexpr std::uint8_t kSourceLinkLayerAddress = 1;

/// Each has a length, in units of eight bytes, and together they fill the message.
bool are_options(Bytes options) {
    while (!options.empty()) {
        if (options.size() < 2 || options[1] == 0 || options[1] * 8U > options.size())
            return false;
        options = options.subspan(options[1] * 8U);
    }
    return true;
}

} // namespace

std::array<std::uint8_t, kArpBytes> encode_arp_request(const MacAddress& ours,
                                                       const core::Address& source,
                                                       const core::Address& target) {
    std::array<std::uint8_t, kArpBytes> bytes{};
    std::ranges::copy(kEthernetAndIpv4, bytes.begin());
    bytes[kArpOperationAt + 1] = kArpRequest;
    std::ranges::copy(ours, bytes.begin() + kSenderMacAt);
    std::copy_n(core::address_bytes(source).begin(), 4, bytes.begin() + kSenderAt);
    std::copy_n(core::address_bytes(target).begin(), 4, bytes.begin() + kTargetAt);
    return bytes;
}

std::optional<ArpReply> decode_arp_reply(Bytes packet) {
    if (packet.size() < kArpBytes ||
        !std::ranges::equal(packet.first(kArpOperationAt), kEthernetAndIpv4) ||
        packet[kArpOperationAt] != 0 || packet[kArpOperationAt + 1] != kArpReply)
        return std::nullopt;
    return ArpReply{core::address_from_bytes(Family::v4, packet.data() + kSenderAt),
                    core::address_from_bytes(Family::v4, packet.data() + kTargetAt)};
}

std::vector<std::uint8_t> encode_neighbour_solicitation(const core::Address& target,
                                                        const std::optional<MacAddress>& ours) {
    std::vector<std::uint8_t> bytes(kIcmpBytes);
    bytes[0] = kSolicitation;
    std::ranges::copy(core::address_bytes(target), bytes.begin() + kIcmpTargetAt);
    if (ours) {
        bytes.push_back(kSourceLinkLayerAddress);
        bytes.push_back(1); // eight bytes
        bytes.insert(bytes.end(), ours->begin(), ours->end());
    }
    return bytes;
}

core::Address solicited_node(const core::Address& target) {
    std::array<std::uint8_t, 16> bytes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    const auto of_target = core::address_bytes(target);
    std::copy(of_target.end() - 3, of_target.end(), bytes.end() - 3);
    return core::address_from_bytes(Family::v6, bytes.data());
}

std::optional<NeighbourAdvertisement> decode_neighbour_advertisement(Bytes message) {
    if (message.size() < kIcmpBytes || message[0] != kAdvertisement || message[1] != 0 ||
        !are_options(message.subspan(kIcmpBytes)))
        return std::nullopt;
    const auto target = core::address_from_bytes(Family::v6, message.data() + kIcmpTargetAt);
    if (target.is_multicast())
        return std::nullopt;
    return NeighbourAdvertisement{target, (message[4] & kSolicitedFlag) != 0};
}

} // namespace multihomed::probe
