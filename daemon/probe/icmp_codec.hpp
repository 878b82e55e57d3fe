// SPDX-License-Identifier: GPL-2.0-or-later
//
// ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443, section 4): values to bytes and back. A cookie in
// the payload, chosen at random once a process, tells our replies from those to others and from
// forged ones. Pure; any bytes may come in.
#pragma once

#include "core/address.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace multihomed::probe {

using Cookie = std::array<std::uint8_t, 8>;

/// What all probes of a process have in common.
struct EchoIdentity {
    std::uint16_t identifier = 0;
    Cookie cookie{};

    bool operator==(const EchoIdentity&) const = default;
};

struct Echo {
    EchoIdentity identity;
    std::uint16_t sequence = 0;

    bool operator==(const Echo&) const = default;
};

inline constexpr std::size_t kEchoBytes = 16;

/// The request as a raw socket of the family takes it. For ICMPv6 the kernel fills in the checksum.
std::array<std::uint8_t, kEchoBytes> encode_echo_request(core::Family family, const Echo& echo);

/// The echo reply in what a raw socket of the family delivers: with IP header for IPv4, without for
/// IPv6. Nothing if it is anything else, is cut short, or has a wrong checksum (IPv4).
std::optional<Echo> decode_echo_reply(core::Family family, std::span<const std::uint8_t> packet);

/// A router's or host's complaint about an echo request: it could not be delivered.
struct EchoError {
    std::uint16_t identifier = 0;
    std::uint16_t sequence = 0;
    core::Address target;
    std::string text; ///< "host unreachable"

    bool operator==(const EchoError&) const = default;
};

/// From the same packets as decode_echo_reply(). Only as much of the request as every router must
/// return is looked at; the cookie is not among it.
std::optional<EchoError> decode_echo_error(core::Family family,
                                           std::span<const std::uint8_t> packet);

} // namespace multihomed::probe
