// SPDX-License-Identifier: GPL-2.0-or-later
//
// The commands about tunnels.
#include "core/edit.hpp"
#include "core/edit_parts.hpp"
#include "core/result.hpp"

#include <charconv>

namespace multihomed::core {

namespace {

/// What every /64 leaves of an IPv6 address; a domain that left less would be of no use.
constexpr unsigned kLongestDelegated = 64;
constexpr std::uint32_t kIpv4Bits = 32;

std::optional<OwnAddress> parse_own_address(const std::string& text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address || address->is_v4() || slash == std::string::npos)
        return std::nullopt;
    OwnAddress own{*address, 0};
    const char* end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data() + slash + 1, end, own.length);
    if (failed != std::errc() || rest != end || own.length > address_bits(Family::v6))
        return std::nullopt;
    return own;
}

Refusal set_domain(Tunnel& tunnel, const TunnelWords& words) {
    const auto prefix = typed_prefix(words.prefix.value_or(""), Family::v6);
    if (!prefix)
        return prefix.error().what;
    const std::uint32_t mask = words.ipv4_mask_length.value_or(0);
    if (const auto refusal = refuse_number("the length of an IPv4 mask", mask, 0, kIpv4Bits))
        return refusal;
    if (prefix->length() + (kIpv4Bits - mask) > kLongestDelegated)
        return prefix->to_string() + " and " + std::to_string(kIpv4Bits - mask) +
               " bits of the IPv4 address leave no /64: 'ipv4-mask-length' says how many bits all "
               "customers share";
    tunnel.prefix = *prefix;
    tunnel.ipv4_mask_length = static_cast<std::uint8_t>(mask);
    return std::nullopt;
}

Refusal set_relay(Tunnel& tunnel, const TunnelWords& words) {
    if (!words.relay && tunnel.kind != Tunnel::Kind::six_to_four)
        return std::string("the other end of the tunnel is missing");
    tunnel.relay = kAnycastRelay;
    if (!words.relay)
        return std::nullopt;
    const auto relay = typed_address(*words.relay, Family::v4);
    if (!relay)
        return relay.error().what;
    if (refuse_probe_target(*relay))
        return words.relay.value() + " cannot be the other end of a tunnel";
    tunnel.relay = *relay;
    return std::nullopt;
}

Refusal set_numbers(Tunnel& tunnel, const TunnelWords& words) {
    if (words.ttl) {
        if (const auto refusal = refuse_number("the ttl", *words.ttl, 1, 255))
            return refusal;
        tunnel.ttl = static_cast<std::uint8_t>(*words.ttl);
    }
    if (words.mtu)
        if (const auto refusal =
                refuse_number("the MTU of a tunnel", *words.mtu, kLeastIpv6Mtu, kMostTunnelMtu))
            return refusal;
    tunnel.mtu = words.mtu;
    return std::nullopt;
}

Refusal set_address(Tunnel& tunnel, const TunnelWords& words) {
    if (!words.address)
        return std::nullopt;
    tunnel.address = parse_own_address(*words.address);
    if (!tunnel.address)
        return quoted(*words.address) + " is not an IPv6 address with the length of its prefix";
    if (refuse_probe_target(tunnel.address->address) || is_link_local(tunnel.address->address))
        return tunnel.address->address.to_string() + " cannot be the address of a tunnel";
    return std::nullopt;
}

Refusal set_kind(Tunnel& tunnel, const TunnelWords& words) {
    if (words.kind != "6rd" && words.kind != "6to4" && words.kind != "sit")
        return quoted(words.kind) + " is none of '6rd', '6to4' and 'sit'";
    tunnel.kind = words.kind == "6rd"    ? Tunnel::Kind::sixrd
                  : words.kind == "6to4" ? Tunnel::Kind::six_to_four
                                         : Tunnel::Kind::sit;
    if ((tunnel.kind != Tunnel::Kind::sixrd && (words.prefix || words.ipv4_mask_length)) ||
        (tunnel.kind != Tunnel::Kind::sit && words.address))
        return words.kind + " does not take all of these words";
    return tunnel.kind == Tunnel::Kind::sixrd ? set_domain(tunnel, words) : std::nullopt;
}

} // namespace

Refusal edit_tunnel(Config& config, const std::string& uplink,
                    const std::optional<TunnelWords>& words) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        if (!words) {
            found.tunnel.reset();
            return std::nullopt;
        }
        if (has_router(found))
            return "uplink " + uplink + " is another router's, and has no interface here";
        if (words->carrier == uplink)
            return std::string("a tunnel cannot carry itself");
        // The uplink may be typed later.
        if (const auto refusal = refuse_uplink_name({}, words->carrier))
            return refusal;
        Tunnel tunnel;
        tunnel.carrier = words->carrier;
        for (const auto set : {set_kind, set_relay, set_numbers, set_address})
            if (const auto refusal = set(tunnel, *words))
                return refusal;
        found.tunnel = tunnel;
        return std::nullopt;
    });
}

} // namespace multihomed::core
