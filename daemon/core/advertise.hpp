// SPDX-License-Identifier: GPL-2.0-or-later
//
// What hosts inside are told by router advertisements, so that they choose a source address that
// works (RFC 8028, RFC 8475): plan_advertisements() makes it of the prefixes that a LAN interface
// bears and of the lines to which they belong.
//
//   prefix of a line that can be used     preferred
//   prefix of one that cannot             deprecated (preferred lifetime 0), if another can; still
//                                         valid, so what is under way inside goes on
//   prefix that is delegated              as above, for as long as it is (RFC 9096, section 3.1);
//                                         deprecated and then withdrawn with its delegation
//   prefix of no line (ULA)               preferred
//   prefix that has left the interface    withdrawn (both lifetimes 0) for as long as hosts that
//                                         missed that may believe in it (RFC 9096)
//   default router                        while any IPv6 line can be used at all
//   ways to the other networks inside     always (RFC 4191): the LAN is whole without the Internet
//   a DNS server of a line that cannot    lifetime 0, if another line can be used (RFC 8106)
//
// A line can be used when it is up, new or degraded; in hold, or meant to stand by, only while it
// carries.
#pragma once

#include "core/advertisement.hpp"
#include "core/config.hpp"
#include "core/observation.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

struct LineReport;

/// Prefixes that hosts were told of, by interface; with the moment at which one that has left the
/// interface need not be withdrawn any more.
using AdvertisedPrefixes = std::map<std::string, std::map<Prefix, std::optional<Time>>>;

/// Prefixes that have left one interface and are remembered; those that go first are forgotten.
inline constexpr std::size_t kMaxWithdrawn = 16;
/// Prefixes, and ways to other networks, that fit into one advertisement on any link.
inline constexpr std::size_t kMaxAdvertisedPrefixes = 16;
inline constexpr std::size_t kMaxAdvertisedRoutes = 8;

/// Why one interface's plan is as it is.
struct AdvertiseReport {
    std::string blocked;               ///< why nothing is sent; empty: it is
    std::string lifetime;              ///< of the default router
    std::vector<std::string> prefixes; ///< as in the plan
    std::vector<std::string> resolvers;
    std::vector<std::string> remarks; ///< what the operator should know

    bool operator==(const AdvertiseReport&) const = default;
};

struct Advertising {
    std::vector<AdvertisePlan> plans;     ///< in the order of the configuration
    std::vector<AdvertiseReport> reports; ///< of each plan
    AdvertisedPrefixes told;
    std::optional<Time> next_deadline;
};

Advertising plan_advertisements(const Config& config, const Observation& seen,
                                const std::vector<LineReport>& lines,
                                const AdvertisedPrefixes& told, Time now);

} // namespace multihomed::core
