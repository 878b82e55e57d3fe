// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/tunnel.hpp"

#include <algorithm>
#include <array>

namespace multihomed::core {

const Address kAnycastRelay = *parse_address("192.88.99.1");

namespace {

const std::string kAliasBegin = "multihomed ";

bool bit_of(const std::array<std::uint8_t, 16>& bytes, unsigned place) {
    return (bytes[place / 8] & (0x80U >> (place % 8))) != 0;
}

void set_bit(std::array<std::uint8_t, 16>& bytes, unsigned place) {
    bytes[place / 8] = static_cast<std::uint8_t>(bytes[place / 8] | (0x80U >> (place % 8)));
}

} // namespace

std::string OwnAddress::to_string() const {
    return address.to_string() + "/" + std::to_string(length);
}

std::string tunnel_alias(const std::string& uplink) {
    return kAliasBegin + uplink;
}

bool is_tunnel_alias(const std::string& alias) {
    return alias.starts_with(kAliasBegin);
}

Prefix delegated_prefix(const SixRd& domain, const Address& ipv4) {
    auto bytes = address_bytes(domain.prefix.address());
    const auto customer = address_bytes(ipv4);
    unsigned place = domain.prefix.length();
    for (unsigned bit = domain.ipv4.length(); bit < address_bits(Family::v4); ++bit, ++place)
        if (bit_of(customer, bit))
            set_bit(bytes, place);
    return {address_from_bytes(Family::v6, bytes.data()), static_cast<std::uint8_t>(place)};
}

std::optional<SixRd> domain_of(const Tunnel& tunnel, const Address& ipv4) {
    if (tunnel.kind == Tunnel::Kind::sit)
        return std::nullopt;
    if (tunnel.kind == Tunnel::Kind::six_to_four)
        return SixRd{*Prefix::parse("2002::/16"), Prefix::any(Family::v4)};
    return SixRd{tunnel.prefix, Prefix(ipv4, tunnel.ipv4_mask_length)};
}

Address compatible_address(const Address& ipv4) {
    constexpr std::size_t kPlace = 12;
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(address_bytes(ipv4).begin(), 4, bytes.begin() + kPlace);
    return address_from_bytes(Family::v6, bytes.data());
}

bool is_compatible(const Address& address) {
    return address.is_v6() && !address.is_unspecified() && !address.is_loopback() &&
           Prefix::parse("::/96")->contains(address);
}

bool is_private_ipv4(const Address& ipv4) {
    constexpr std::array kPrivate{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                                  "169.254.0.0/16"};
    return std::ranges::any_of(
        kPrivate, [&](const char* text) { return Prefix::parse(text)->contains(ipv4); });
}

} // namespace multihomed::core
