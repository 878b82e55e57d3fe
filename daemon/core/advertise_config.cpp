// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/advertise_config.hpp"

namespace multihomed::core {

namespace {

/// Intervals and the router's lifetime are bounded by RFC 4861, section 6.2.1; lifetimes of
/// prefixes are RFC 9096's, so that a prefix which vanished unheard is not used for a month.
constexpr std::array<AdvertiseRange, kAdvertiseNumbers> kNumbers{{
    {"ra-interval", "the interval", 4, 1'800, 200},
    {"ra-lifetime", "the lifetime", 0, 9'000, 1'800},
    {"valid-lifetime", "the valid lifetime", 60, 2'592'000, 5'400},
    {"preferred-lifetime", "the preferred lifetime", 60, 2'592'000, 2'700},
    {"ra-hop-limit", "the hop limit", 0, 255, 64},
    {"reachable-time", "the reachable time", 0, 3'600'000, 0},
    {"ra-retrans-interval", "the retransmission interval", 0, 4'294'967'295U, 0},
    {"mtu", "the MTU", 1'280, 65'535, 0},
}};

} // namespace

const AdvertiseRange& range_of(AdvertiseNumber number) {
    return kNumbers[static_cast<std::size_t>(number)];
}

const char* to_string(RouterPreference preference) {
    switch (preference) {
    case RouterPreference::high:
        return "high";
    case RouterPreference::low:
        return "low";
    case RouterPreference::medium:
        break;
    }
    return "medium";
}

} // namespace multihomed::core
