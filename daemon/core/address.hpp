// SPDX-License-Identifier: GPL-2.0-or-later
//
// Addresses and prefixes that carry their family, so that IPv4 and IPv6 are one code path.
// The address type is Boost.Asio's; Prefix adds what the planner asks of prefixes.
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace multihomed::core {

using Address = boost::asio::ip::address;

enum class Family : std::uint8_t { v4 = 0, v6 = 1 };

inline constexpr std::array<Family, 2> kFamilies{Family::v4, Family::v6};

constexpr std::size_t index(Family family) {
    return static_cast<std::size_t>(family);
}
constexpr std::uint8_t address_bits(Family family) {
    return family == Family::v4 ? 32 : 128;
}
/// "ipv4" or "ipv6"
const char* to_string(Family family);

/// One T for each address family.
template <class T>
struct PerFamily {
    std::array<T, 2> values{};

    T& operator[](Family family) { return values[index(family)]; }
    const T& operator[](Family family) const { return values[index(family)]; }
    bool operator==(const PerFamily&) const = default;
};

Family family_of(const Address& address);
/// Strict textual form (inet_pton); a scope such as %eth0 is not accepted.
std::optional<Address> parse_address(std::string_view text);
/// Address from 4 or 16 bytes in network order.
Address address_from_bytes(Family family, const std::uint8_t* bytes);
/// The address's bytes in network order; an IPv4 address fills the first four.
std::array<std::uint8_t, 16> address_bytes(const Address& address);
/// fe80::/10 or 169.254.0.0/16
bool is_link_local(const Address& address);
/// The address that follows in numerical order, in the same family.
Address next_address(const Address& address);
Address previous_address(const Address& address);

/// A network prefix. Host bits are always zero.
class Prefix {
public:
    Prefix() = default;
    /// length is cut to the family's number of bits
    Prefix(const Address& address, std::uint8_t length);

    /// 192.0.2.0/24; a bare address is a host prefix. Host bits must be zero.
    static std::optional<Prefix> parse(std::string_view text);
    static Prefix host(const Address& address);
    static Prefix any(Family family);

    Family family() const { return family_of(address_); }
    const Address& address() const { return address_; }
    std::uint8_t length() const { return length_; }
    bool is_any() const { return length_ == 0; }
    bool contains(const Address& address) const;
    bool contains(const Prefix& other) const;
    bool overlaps(const Prefix& other) const;
    std::string to_string() const;

    bool operator==(const Prefix&) const = default;
    /// by family, then address, then length
    std::strong_ordering operator<=>(const Prefix& other) const;

private:
    Address address_;
    std::uint8_t length_ = 0;
};

/// Sorts, and drops prefixes that another one of the list contains.
void drop_covered(std::vector<Prefix>& prefixes);
/// Is it, or what contains it, in the list, which drop_covered() has left?
bool is_covered(const Prefix& prefix, const std::vector<Prefix>& disjoint);

} // namespace multihomed::core
