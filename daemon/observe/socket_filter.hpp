// SPDX-License-Identifier: GPL-2.0-or-later
//
// Classic BPF programs (the kernel's Documentation/networking/filter.rst) for the event sockets: on
// a router with full BGP tables or tens of thousands of clients nearly every route and neighbour
// event is about something else, and the kernel drops those before they cost us a wake-up or a
// buffer. A filter may let too much pass, never too little: the observer looks again.
#pragma once

#include "core/observation.hpp"

#include <linux/filter.h>

#include <cstdint>
#include <set>
#include <vector>

namespace multihomed::observe {

using SocketFilter = std::vector<sock_filter>;

/// Lets pass what concerns these addresses, on any interface.
SocketFilter neighbour_filter(const std::set<core::NeighbourKey>& neighbours);
/// Lets pass default routes, routes of these tables, and everything about nexthop objects.
SocketFilter route_filter(const std::set<std::uint32_t>& tables);

} // namespace multihomed::observe
