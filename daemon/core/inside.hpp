// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who is inside: the networks of `internal`, and what routing protocols teach where `learn` says
// so. Their packets are translated when they leave by a line; on stock zebra no line is used for
// packets to them. (With zebra's module everything that main knows better than by a default goes
// there anyway.)
//
// What is taught is made few: what is inside already is left out, and so is what leads out by a
// line, or by a recursive next hop, of which nobody says where it ends; neighbours are joined.
// Networks of a line's own sources are not translated by it (see inside_of()): they bear its
// addresses already.
#pragma once

#include "core/line.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace multihomed::core {

/// As FRR calls them; what `learn all` means.
inline constexpr std::array kLearnable{"babel", "bgp", "eigrp", "isis",  "ospf",
                                       "ospf6", "rip", "ripng", "static"};
/// Of each family, after joining; the rest is left out, which `show` says.
inline constexpr std::size_t kMaxTaught = 1024;
/// Whoever teaches half of the Internet teaches a default route, not a network inside.
inline constexpr PerFamily<std::uint8_t> kShortestTaught{{8, 16}};

/// A route of zebra's, as it tells its clients.
struct TaughtRoute {
    Prefix destination;
    std::string protocol;
    std::vector<std::uint32_t> interfaces; ///< of its next hops

    bool operator==(const TaughtRoute&) const = default;
};

/// Which protocols `learn` wants of zebra; sorted, unique.
std::vector<std::string> protocols_to_learn(const Config& config);

TaughtNetworks summarize(const std::vector<TaughtRoute>& routes, const Config& config,
                         const Observation& seen);

/// Everything inside but what is a line's own; sorted, disjoint.
std::vector<Prefix> inside_of(const Config& config, const Observation& seen,
                              const std::vector<const Line*>& lines);

} // namespace multihomed::core
