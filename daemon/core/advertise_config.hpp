// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is typed under `ipv6 advertise IFNAME`: router advertisements on one interface inside. The
// numbers are one table, as those for probing (core/probing.hpp): words, ranges, built-in values.
#pragma once

#include "core/address.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

enum class AdvertiseNumber : std::uint8_t {
    interval,           ///< s, the longest time between two advertisements that nobody asked for
    lifetime,           ///< s, of the default router; 0: never one
    valid_lifetime,     ///< s, of a prefix that the interface has
    preferred_lifetime, ///< s, of a prefix that hosts shall use
    hop_limit,          ///< for what hosts send; 0: theirs
    reachable_time,     ///< ms, of neighbours; 0: theirs
    retrans_interval,   ///< ms, between solicitations; 0: theirs
    mtu,                ///< of the link; 0: not told
};
inline constexpr std::size_t kAdvertiseNumbers = 8;

struct AdvertiseRange {
    const char* words; ///< as typed
    const char* what;  ///< for messages
    std::uint32_t least;
    std::uint32_t most;
    std::uint32_t built_in;
};
const AdvertiseRange& range_of(AdvertiseNumber number);

/// RFC 4191
enum class RouterPreference : std::uint8_t { medium, high, low };
const char* to_string(RouterPreference preference);

enum class AdvertiseFlag : std::uint8_t {
    managed,         ///< hosts shall ask a DHCPv6 server for addresses
    other,           ///< ... for everything else
    prefer_carrying, ///< only prefixes of lines that carry are preferred
    shutdown,
};
inline constexpr std::size_t kAdvertiseFlags = 4;

inline constexpr std::size_t kMaxAdvertise = 256;       ///< interfaces
inline constexpr std::size_t kMaxResolvers = 8;         ///< of one interface
inline constexpr std::size_t kMaxSearchDomains = 4;     ///< of one interface
inline constexpr std::size_t kMaxSearchDomainText = 63; ///< characters, so that all fit any link

/// A recursive DNS server (RFC 8106).
struct Resolver {
    Address address;
    std::string uplink; ///< it is of use while this one lives; empty: always

    bool operator==(const Resolver&) const = default;
};

struct Advertise {
    std::string interface;
    std::array<std::optional<std::uint32_t>, kAdvertiseNumbers> numbers{}; ///< as typed
    std::array<bool, kAdvertiseFlags> flags{};
    RouterPreference preference = RouterPreference::medium;
    std::vector<Resolver> resolvers;  ///< in the order typed
    std::vector<std::string> domains; ///< in the order typed

    /// What is in force.
    std::uint32_t operator[](AdvertiseNumber number) const {
        return numbers[static_cast<std::size_t>(number)].value_or(range_of(number).built_in);
    }
    bool operator[](AdvertiseFlag flag) const { return flags[static_cast<std::size_t>(flag)]; }

    bool operator==(const Advertise&) const = default;
};

} // namespace multihomed::core
