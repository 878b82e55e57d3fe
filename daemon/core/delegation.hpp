// SPDX-License-Identifier: GPL-2.0-or-later
//
// Prefixes that a provider delegates to an uplink (`ipv6 source auto`), over time:
//
//   current      delegated, and its preferred lifetime goes on: hosts may begin with it
//   deprecated   its preferred lifetime is over, or it is no longer delegated: it still belongs to
//                the line, for what began with it
//   gone         after its grace, or at the end of its valid lifetime: no packet with it may leave;
//                who still tries is told for a while (RFC 7084 L-14), and its flows are forgotten
//
// follow_delegations() is the centre; RFC 8415 is where the lifetimes come from.
#pragma once

#include "core/config.hpp"
#include "core/desired.hpp"
#include "core/observation.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

/// So long those who still use a prefix that is gone are told.
inline constexpr std::chrono::minutes kGoneTold{10};
inline constexpr std::size_t kMaxDelegated = 16; ///< of one uplink
/// What a provider delegates is a /64 or wider, and never the whole of a registry's allocation.
inline constexpr std::uint8_t kShortestDelegated = 16;
inline constexpr std::uint8_t kLongestDelegated = 64;

struct KnownPrefix {
    enum class Phase : std::uint8_t { current, deprecated, gone };

    Prefix prefix;
    Phase phase = Phase::current;
    Time since{}; ///< in this phase
    /// What is delegated now; absent: no longer.
    std::optional<DelegatedPrefix> delegated = {};
    /// Networks of it that interfaces inside bear, or bore last. A client may take
    /// them away with the prefix, but the hosts are still there, and what they are told goes there.
    std::map<Prefix, Nexthop> inside = {};

    /// On its way out: hosts inside may have it for longer than the router.
    bool ends() const { return !delegated || phase == Phase::gone; }
    bool operator==(const KnownPrefix&) const = default;
};

const char* to_string(KnownPrefix::Phase phase);

/// Of every uplink that follows delegations; those that are delegated first.
using KnownPrefixes = std::map<std::string, std::vector<KnownPrefix>>;

/// `previous` is what the last call returned. What clients told counts; besides it, if one uplink
/// only follows delegations, the unreachable routes that clients put in for what they are given.
KnownPrefixes follow_delegations(const Config& config, const Observation& seen,
                                 const KnownPrefixes& previous, Time now);

/// When the phase of any of them changes although nothing happens.
std::optional<Time> next_phase(const Config& config, const KnownPrefixes& known, Time now);

/// What a client of the provider's DHCPv6 server says. Lifetimes in seconds from now; absent, and
/// 4294967295, mean for ever. Refused, with the reason, is what cannot be one.
struct DelegationWords {
    std::string prefix;
    std::optional<std::uint32_t> preferred = {};
    std::optional<std::uint32_t> valid = {};
};
std::optional<std::string> add_delegated(Observation& seen, const Config& config,
                                         const std::string& uplink, const DelegationWords& words,
                                         Time now);
std::optional<std::string> remove_delegated(Observation& seen, const std::string& uplink,
                                            const std::string& prefix);

} // namespace multihomed::core
