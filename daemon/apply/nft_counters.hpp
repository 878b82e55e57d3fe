// SPDX-License-Identifier: GPL-2.0-or-later
//
// The named counters of table `inet multihome`, read over netlink: one dump of its objects, which
// costs a fraction of a listing by libnftables. Nothing is cached.
#pragma once

#include "apply/netfilter_socket.hpp"
#include "apply/nft_render.hpp"
#include "core/result.hpp"

#include <vector>

namespace multihomed::apply {

/// No table is no counters. Error EINTR: somebody changed nftables so often that no dump was one
/// consistent picture.
core::Result<std::vector<CounterValue>> dump_counters(NetfilterSocket& socket);

} // namespace multihomed::apply
