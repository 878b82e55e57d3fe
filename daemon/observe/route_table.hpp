// SPDX-License-Identifier: GPL-2.0-or-later
//
// The routes of interest, and which of them must be read again.
//
// Route messages cannot be followed to the letter: IPv4 routes vanish without one when an interface
// goes down, loses its carrier (with nexthop objects) or its address; replacing a nexthop object
// changes routes without one (net.ipv4.nexthop_compat_mode=0); and an IPv6 message about one next
// hop does not say what became of its siblings. So a message, or a change of an interface, an
// address or a nexthop object, only marks a scope as dirty, and dirty scopes are dumped again.
// Pure: the observer does the reading.
#pragma once

#include "core/config.hpp"
#include "core/observation.hpp"
#include "observe/netlink_decode.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace multihomed::observe {

/// What is read in one go: a table of one family. In the IPv6 main table only the routes of one
/// protocol, because the default comes last there and a full BGP table before it.
struct RouteScope {
    core::Family family = core::Family::v4;
    std::uint32_t table = 0;
    std::optional<std::uint8_t> protocol; ///< absent: all

    auto operator<=>(const RouteScope&) const = default;
};

class RouteTable {
public:
    /// A route with all that may silently change it.
    struct Entry {
        Route route;
        std::vector<std::uint32_t> objects; ///< its nexthop object and, if a group, the members
    };

    /// Tables of ours. The defaults of main and of table 253 are always of interest, and so is what
    /// shows_delegation() in main.
    /// What is no longer of interest is forgotten; true if that was something.
    bool set_tables(std::set<std::uint32_t> tables);
    bool of_interest(const Route& route) const;

    void mark(const Route& route);
    void mark_interface(std::uint32_t ifindex);
    /// An IPv4 address is gone: so are routes that prefer it, or the last ones of the interface.
    void mark_address(const Addr& addr);
    void mark_object(std::uint32_t id);
    void mark_all();

    const std::set<RouteScope>& dirty() const { return dirty_; }
    /// The scope has been read: `entries` is all there is in it. True if that differs from before.
    bool replace(const RouteScope& scope, std::vector<Entry> entries);
    /// Sorted by family, table, destination and metric.
    std::vector<core::KernelRoute> routes() const;

private:
    static RouteScope scope_of(const core::KernelRoute& route);
    template <class Condition>
    void mark_if(Condition condition);

    std::set<std::uint32_t> tables_;
    std::vector<Entry> entries_;
    std::set<RouteScope> dirty_;
};

} // namespace multihomed::observe
