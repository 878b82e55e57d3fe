// SPDX-License-Identifier: GPL-2.0-or-later
//
// A router advertisement as a value (RFC 4861, section 4.2): what hosts on a link are told. Two
// that are equal say the same; reasons are kept elsewhere (core/advertise.hpp).
#pragma once

#include "core/advertise_config.hpp"
#include "core/observation.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

/// On-link, and one from which hosts make addresses if it has 64 bits.
struct AdvertisedPrefix {
    Prefix prefix;
    std::uint32_t valid_s = 0;
    std::uint32_t preferred_s = 0; ///< 0: deprecated; hosts choose another source if they can
    /// Never beyond these moments, which both lifetimes count down to; absent: they do not.
    std::optional<Time> valid_until = {};
    std::optional<Time> preferred_until = {};

    bool operator==(const AdvertisedPrefix&) const = default;
};

/// The way to a prefix, whether or not this is a default router (RFC 4191).
struct AdvertisedRoute {
    Prefix prefix;
    std::uint32_t lifetime_s = 0;

    bool operator==(const AdvertisedRoute&) const = default;
};

struct AdvertisedResolver {
    Address address;
    std::uint32_t lifetime_s = 0; ///< 0: not to be used any more

    bool operator==(const AdvertisedResolver&) const = default;
};

struct RouterAdvertisement {
    std::uint8_t hop_limit = 0;
    bool managed = false;
    bool other = false;
    RouterPreference preference = RouterPreference::medium;
    std::uint16_t lifetime_s = 0; ///< 0: no default router
    std::uint32_t reachable_ms = 0;
    std::uint32_t retrans_ms = 0;
    std::uint32_t mtu = 0; ///< 0: not told
    std::vector<AdvertisedPrefix> prefixes;
    std::vector<AdvertisedRoute> routes;
    std::vector<AdvertisedResolver> resolvers;
    std::vector<std::string> domains;
    std::uint32_t domains_s = 0; ///< lifetime of `domains`

    bool operator==(const RouterAdvertisement&) const = default;
};

/// As it is to be sent at `now`.
AdvertisedPrefix as_of(const AdvertisedPrefix& told, Time now);

/// One interface on which we advertise, or would.
struct AdvertisePlan {
    std::string interface;
    std::uint32_t ifindex = 0;
    std::optional<Address> source; ///< its link-local address; absent: it cannot be used now
    std::chrono::seconds interval{0};
    RouterAdvertisement content;

    bool operator==(const AdvertisePlan&) const = default;
};

} // namespace multihomed::core
