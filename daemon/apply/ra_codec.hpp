// SPDX-License-Identifier: GPL-2.0-or-later
//
// Router advertisements and solicitations: values to bytes and back (RFC 4861, sections 4.1, 4.2,
// 6.1; RFC 4191, section 2; RFC 8106, section 5). Pure; any bytes may come in. The kernel fills in
// and checks the checksum.
#pragma once

#include "core/advertisement.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace multihomed::apply {

using MacAddress = std::array<std::uint8_t, 6>;

/// An ICMPv6 message with what its header said.
struct IcmpMessage {
    core::Address source;
    int hop_limit = 0;
    std::span<const std::uint8_t> bytes;
};

std::vector<std::uint8_t> encode_advertisement(const core::RouterAdvertisement& content,
                                               const std::optional<MacAddress>& ours);

/// Is it a solicitation that has to be answered (section 6.1.1)?
bool is_solicitation(const IcmpMessage& message);

/// What matters of another router's advertisement.
struct HeardAdvertisement {
    std::uint16_t lifetime_s = 0;
    std::vector<core::AdvertisedPrefix> prefixes;
    std::size_t resolvers = 0;

    bool operator==(const HeardAdvertisement&) const = default;
};

/// Nothing if it is none, or must be discarded (section 6.1.2). An option that is damaged in itself
/// is passed over.
std::optional<HeardAdvertisement> decode_advertisement(const IcmpMessage& message);

} // namespace multihomed::apply
