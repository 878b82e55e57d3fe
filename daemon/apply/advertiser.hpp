// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whoever sends router advertisements and hears those of others: what `show` asks of it.
#pragma once

#include "core/advertisement.hpp"
#include "core/observation.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::apply {

using core::Time;

/// Another router on the link, as it was heard last.
struct HeardRouter {
    Time at{};
    std::uint64_t advertisements = 0;
    std::uint16_t lifetime_s = 0;
    std::vector<core::AdvertisedPrefix> prefixes;
    std::size_t resolvers = 0;
};

/// Of one interface.
struct AdvertiserState {
    std::uint64_t multicasts = 0; ///< sent to all hosts
    std::uint64_t unicasts = 0;   ///< sent to one that asked
    std::uint64_t solicitations = 0;
    std::uint64_t malformed = 0; ///< heard and not understood
    std::optional<Time> last_multicast;
    std::optional<Time> next_multicast;
    std::string error; ///< of the last attempt to send; empty: it went out
    /// Sent on this interface by another program of this router, as far as it can be known.
    std::uint64_t rivals = 0;
    std::optional<Time> last_rival;
    std::map<core::Address, HeardRouter> others;
};

class Advertiser {
public:
    virtual ~Advertiser() = default;
    virtual std::map<std::string, AdvertiserState> states() const = 0;
};

} // namespace multihomed::apply
