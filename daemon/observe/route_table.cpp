// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/route_table.hpp"

#include <algorithm>
#include <tuple>

namespace multihomed::observe {

namespace {

bool defaults_only(std::uint32_t table) {
    return table == core::kTableMain || table == core::kTableDefault;
}

bool within(const RouteScope& scope, const core::KernelRoute& route) {
    return route.destination.family() == scope.family && route.table == scope.table &&
           (!scope.protocol || *scope.protocol == route.protocol);
}

} // namespace

bool RouteTable::set_tables(std::set<std::uint32_t> tables) {
    std::erase_if(tables, defaults_only);
    for (const std::uint32_t table : tables)
        if (!tables_.contains(table))
            for (const core::Family family : core::kFamilies)
                dirty_.insert({family, table, std::nullopt});
    tables_ = std::move(tables);
    std::erase_if(dirty_, [&](const RouteScope& scope) {
        return !defaults_only(scope.table) && !tables_.contains(scope.table);
    });
    return std::erase_if(entries_, [&](const Entry& e) { return !of_interest(e.route); }) > 0;
}

bool RouteTable::of_interest(const Route& route) const {
    if (route.conditional)
        return false;
    if (defaults_only(route.route.table))
        return route.route.destination.is_any() || core::shows_delegation(route.route);
    return tables_.contains(route.route.table);
}

RouteScope RouteTable::scope_of(const core::KernelRoute& route) {
    RouteScope scope{route.destination.family(), route.table, std::nullopt};
    if (scope.family == core::Family::v6 && scope.table == core::kTableMain)
        scope.protocol = route.protocol;
    return scope;
}

void RouteTable::mark(const Route& route) {
    if (of_interest(route))
        dirty_.insert(scope_of(route.route));
}

template <class Condition>
void RouteTable::mark_if(Condition condition) {
    for (const Entry& entry : entries_)
        if (condition(entry))
            dirty_.insert(scope_of(entry.route.route));
}

void RouteTable::mark_interface(std::uint32_t ifindex) {
    mark_if([&](const Entry& entry) {
        return std::ranges::find(entry.route.interfaces, ifindex) != entry.route.interfaces.end();
    });
}

void RouteTable::mark_address(const Addr& addr) {
    if (core::family_of(addr.address.address) != core::Family::v4)
        return;
    mark_if([&](const Entry& entry) {
        return entry.route.route.destination.family() == core::Family::v4 &&
               (entry.route.preferred_source == addr.address.address ||
                std::ranges::find(entry.route.interfaces, addr.ifindex) !=
                    entry.route.interfaces.end());
    });
}

void RouteTable::mark_object(std::uint32_t id) {
    mark_if([&](const Entry& entry) {
        return std::ranges::find(entry.objects, id) != entry.objects.end();
    });
}

void RouteTable::mark_all() {
    std::set<std::uint32_t> tables = tables_;
    tables.insert({core::kTableMain, core::kTableDefault});
    dirty_.clear();
    for (const core::Family family : core::kFamilies)
        for (const std::uint32_t table : tables)
            dirty_.insert({family, table, std::nullopt});
}

bool RouteTable::replace(const RouteScope& scope, std::vector<Entry> entries) {
    dirty_.erase(scope);
    std::vector<core::KernelRoute> before;
    for (const Entry& entry : entries_)
        if (within(scope, entry.route.route))
            before.push_back(entry.route.route);
    const bool same = std::ranges::equal(before, entries, {}, {},
                                         [](const Entry& entry) { return entry.route.route; });
    std::erase_if(entries_, [&](const Entry& e) { return within(scope, e.route.route); });
    std::ranges::move(entries, std::back_inserter(entries_));
    return !same;
}

std::vector<core::KernelRoute> RouteTable::routes() const {
    std::vector<core::KernelRoute> all;
    all.reserve(entries_.size());
    for (const Entry& entry : entries_)
        all.push_back(entry.route.route);
    std::ranges::stable_sort(all, {}, [](const core::KernelRoute& route) {
        return std::tuple(route.destination.family(), route.table, route.destination, route.metric);
    });
    return all;
}

} // namespace multihomed::observe
