// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/nexthop_groups.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace multihomed::runtime {

core::Route NexthopGroups::next(const core::Route& route) {
    core::Route varied = route;
    unsigned common = 0;
    unsigned most = 1;
    for (const core::Nexthop& nexthop : route.nexthops) {
        common = std::gcd(common, unsigned{nexthop.weight});
        most = std::max(most, unsigned{nexthop.weight});
    }
    common = std::max(common, 1U);
    const unsigned sizes = std::numeric_limits<std::uint8_t>::max() / (most / common);
    const unsigned size = sent_[route.key()]++ % sizes + 1;
    for (core::Nexthop& nexthop : varied.nexthops)
        nexthop.weight = static_cast<std::uint8_t>(nexthop.weight / common * size);
    return varied;
}

} // namespace multihomed::runtime
