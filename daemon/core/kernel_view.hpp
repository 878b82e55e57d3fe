// SPDX-License-Identifier: GPL-2.0-or-later
//
// Questions about what the kernel really does, answered from the observation alone.
#pragma once

#include "core/desired.hpp"
#include "core/observation.hpp"

#include <optional>
#include <vector>

namespace multihomed::core {

/// RTPROT_* under which our rules are installed by zebra_multihome.
inline constexpr std::uint8_t kRuleProtocol = 97;

/// The next hops by which the kernel sends what no rule has bound: those of main's default that
/// have carrier, else those of table 253. Empty: nothing leaves.
std::vector<KernelNexthop> default_nexthops(const Observation& seen, Family family);

/// Does the kernel hold this route as wanted?
bool is_installed(const Observation& seen, const Route& route);
bool is_installed(const Observation& seen, const Rule& rule, std::uint8_t protocol);

/// Of routes to one destination in one table the kernel holds the one with the least distance.
std::vector<const Route*> expected_in_kernel(const std::vector<Route>& routes);

/// Somebody else's default in main that comes before ours, if there is one.
std::optional<KernelRoute> foreign_default(const Observation& seen, Family family,
                                           const std::vector<Route>& wanted);

} // namespace multihomed::core
