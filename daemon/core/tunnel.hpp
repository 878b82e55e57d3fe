// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tunnels that carry the IPv6 of one uplink in IPv4 packets of another: 6rd (RFC 5969), 6to4
// (RFC 3056) and plain ones to a fixed other end (RFC 4213, which Linux calls sit). What the
// operator types, the interface that is wanted for it, and the arithmetic of prefixes. Pure.
#pragma once

#include "core/address.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace multihomed::core {

/// 192.88.99.1, the relay of RFC 3068; nobody has to answer there any more (RFC 7526).
extern const Address kAnycastRelay;
inline constexpr std::uint32_t kIpv4Header = 20;
inline constexpr std::uint32_t kLeastIpv6Mtu = 1280;
inline constexpr std::uint32_t kMostTunnelMtu = 65'535 - kIpv4Header;
inline constexpr std::uint8_t kDefaultTunnelTtl = 64;

/// An address with the length of its prefix; host bits are its own.
struct OwnAddress {
    Address address;
    std::uint8_t length = 0;

    std::string to_string() const;
    bool operator==(const OwnAddress&) const = default;
};

/// `tunnel ...` under an uplink, as typed.
struct Tunnel {
    enum class Kind : std::uint8_t { sixrd, six_to_four, sit };
    Kind kind = Kind::sixrd;
    Prefix prefix;                     ///< 6rd: of the provider
    std::uint8_t ipv4_mask_length = 0; ///< 6rd: leading bits that all customers' addresses share
    Address relay;                     ///< IPv4; sit: the other end
    std::string carrier;               ///< the uplink whose IPv4 carries it
    std::optional<OwnAddress> address; ///< sit: put on the interface
    std::optional<std::uint8_t> ttl;
    std::optional<std::uint32_t> mtu; ///< absent: that of the carrier, less the IPv4 header

    bool operator==(const Tunnel&) const = default;
};

/// Which IPv6 destinations name the IPv4 address that they are reached at.
struct SixRd {
    Prefix prefix;
    Prefix ipv4; ///< these leading bits are not in the destination; its length may be 0

    bool operator==(const SixRd&) const = default;
};

/// The interface that is wanted for a tunnel.
struct TunnelPlan {
    std::string uplink;
    std::string interface;
    Address local;
    std::optional<Address> remote; ///< absent: each destination, or next hop, names its own
    std::optional<SixRd> sixrd;
    std::uint8_t ttl = kDefaultTunnelTtl;
    std::uint32_t mtu = kLeastIpv6Mtu;
    std::optional<OwnAddress> address; ///< on the interface

    bool operator==(const TunnelPlan&) const = default;
};

/// The interface alias by which a tunnel of ours is known, also after a crash: "multihomed NAME".
std::string tunnel_alias(const std::string& uplink);
bool is_tunnel_alias(const std::string& alias);

/// Of the customer with this address: RFC 5969, section 4; RFC 3056, section 2.
Prefix delegated_prefix(const SixRd& domain, const Address& ipv4);
/// Where the domain of a 6rd or 6to4 tunnel reaches; nothing for a plain one.
std::optional<SixRd> domain_of(const Tunnel& tunnel, const Address& ipv4);
/// ::a.b.c.d, the next hop that stands for an IPv4 address on a tunnel interface.
Address compatible_address(const Address& ipv4);
/// In ::/96, but for :: and ::1: the kernel gives tunnel interfaces such addresses, which nobody
/// can reach.
bool is_compatible(const Address& address);
/// Cannot be seen from the Internet: RFC 1918, 6598, 3927.
bool is_private_ipv4(const Address& ipv4);

} // namespace multihomed::core
