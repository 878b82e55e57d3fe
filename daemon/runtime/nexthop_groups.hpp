// SPDX-License-Identifier: GPL-2.0-or-later
//
// A route by several next hops, put in words that zebra has not heard lately.
//
// zebra installs the next hops of such a route as a group of the kernel's, keeps the group for
// three minutes after its last use, and takes it for installed all that time. The kernel meanwhile
// has taken a next hop out of it when that one's carrier was lost. When the line is back and the
// same route is sent, zebra before FRR 9 uses the group as it is, and the line stays out for good.
// Weights in the same proportion but of other size are another group: 2:1, 4:2, 6:3, ... The same
// holds for one next hop, whose object the kernel has thrown away when its interface was taken down
// and up again under another name.
#pragma once

#include "core/desired.hpp"

#include <map>

namespace multihomed::runtime {

class NexthopGroups {
public:
    /// The route as it shall be sent this time. Weights in proportions that fit into 255 once only
    /// stay as they are, reduced.
    core::Route next(const core::Route& route);

private:
    std::map<core::Route::Key, unsigned> sent_;
};

} // namespace multihomed::runtime
