// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/address.hpp"

#include <algorithm>
#include <charconv>

namespace multihomed::core {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

/// Zeroes every bit behind the first `length`.
void clear_host_bits(Bytes& bytes, std::uint8_t length) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t first_bit = i * 8;
        if (length <= first_bit)
            bytes[i] = 0;
        else if (length < first_bit + 8)
            bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> (length - first_bit)));
    }
}

} // namespace

const char* to_string(Family family) {
    return family == Family::v4 ? "ipv4" : "ipv6";
}

Family family_of(const Address& address) {
    return address.is_v4() ? Family::v4 : Family::v6;
}

std::optional<Address> parse_address(std::string_view text) {
    using namespace std::string_view_literals;
    if (text.find_first_of("%\0"sv) != std::string_view::npos || text.size() > 45)
        return std::nullopt;
    boost::system::error_code failed;
    const Address address = boost::asio::ip::make_address(std::string(text), failed);
    if (failed)
        return std::nullopt;
    return address;
}

Address address_from_bytes(Family family, const std::uint8_t* bytes) {
    if (family == Family::v4) {
        boost::asio::ip::address_v4::bytes_type raw;
        std::copy_n(bytes, raw.size(), raw.begin());
        return boost::asio::ip::address_v4(raw);
    }
    boost::asio::ip::address_v6::bytes_type raw;
    std::copy_n(bytes, raw.size(), raw.begin());
    return boost::asio::ip::address_v6(raw);
}

Bytes address_bytes(const Address& address) {
    Bytes bytes{};
    if (address.is_v4())
        std::ranges::copy(address.to_v4().to_bytes(), bytes.begin());
    else
        std::ranges::copy(address.to_v6().to_bytes(), bytes.begin());
    return bytes;
}

bool is_link_local(const Address& address) {
    if (address.is_v6())
        return address.to_v6().is_link_local();
    const auto bytes = address.to_v4().to_bytes();
    return bytes[0] == 169 && bytes[1] == 254;
}

Address next_address(const Address& address) {
    const Family family = family_of(address);
    Bytes bytes = address_bytes(address);
    for (std::size_t i = address_bits(family) / 8U; i-- > 0;) {
        bytes[i] = static_cast<std::uint8_t>(bytes[i] + 1);
        if (bytes[i] != 0)
            break;
    }
    return address_from_bytes(family, bytes.data());
}

Address previous_address(const Address& address) {
    const Family family = family_of(address);
    Bytes bytes = address_bytes(address);
    for (std::size_t i = address_bits(family) / 8U; i-- > 0;) {
        bytes[i] = static_cast<std::uint8_t>(bytes[i] - 1);
        if (bytes[i] != 0xff)
            break;
    }
    return address_from_bytes(family, bytes.data());
}

Prefix::Prefix(const Address& address, std::uint8_t length)
    : length_(std::min(length, address_bits(family_of(address)))) {
    Bytes bytes = address_bytes(address);
    clear_host_bits(bytes, length_);
    address_ = address_from_bytes(family_of(address), bytes.data());
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address)
        return std::nullopt;
    const std::uint8_t bits = address_bits(family_of(*address));
    if (slash == std::string_view::npos)
        return Prefix(*address, bits);
    const std::string_view digits = text.substr(slash + 1);
    std::uint8_t length = 0;
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (failed != std::errc() || end != digits.data() + digits.size() || length > bits)
        return std::nullopt;
    const Prefix prefix(*address, length);
    if (prefix.address() != *address)
        return std::nullopt;
    return prefix;
}

Prefix Prefix::host(const Address& address) {
    return {address, address_bits(family_of(address))};
}

Prefix Prefix::any(Family family) {
    const Bytes zero{};
    return {address_from_bytes(family, zero.data()), 0};
}

bool Prefix::contains(const Address& address) const {
    return family_of(address) == family() && Prefix(address, length_).address_ == address_;
}

bool Prefix::contains(const Prefix& other) const {
    return other.length_ >= length_ && contains(other.address_);
}

bool Prefix::overlaps(const Prefix& other) const {
    return contains(other) || other.contains(*this);
}

std::string Prefix::to_string() const {
    return address_.to_string() + "/" + std::to_string(length_);
}

std::strong_ordering Prefix::operator<=>(const Prefix& other) const {
    if (const auto order = family() <=> other.family(); order != 0)
        return order;
    if (const auto order = address_bytes(address_) <=> address_bytes(other.address_); order != 0)
        return order;
    return length_ <=> other.length_;
}

void drop_covered(std::vector<Prefix>& prefixes) {
    std::ranges::sort(prefixes);
    std::vector<Prefix> kept;
    for (const Prefix& prefix : prefixes)
        if (kept.empty() || !kept.back().contains(prefix))
            kept.push_back(prefix);
    prefixes = std::move(kept);
}

bool is_covered(const Prefix& prefix, const std::vector<Prefix>& disjoint) {
    const auto behind = std::ranges::upper_bound(disjoint, prefix);
    return behind != disjoint.begin() && std::prev(behind)->contains(prefix);
}

} // namespace multihomed::core
