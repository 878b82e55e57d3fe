// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/kernel_reader.hpp"

#include <cerrno>

namespace multihomed::observe {

namespace {

/// A dump of objects that change meanwhile is asked for again, this often.
constexpr int kAttempts = 4;

/// For visitors that want all messages of one kind.
template <class Kind>
auto collect(std::vector<Kind>& into) {
    return [&into](Message message) {
        if (auto* value = std::get_if<Kind>(&message))
            into.push_back(std::move(*value));
        return true;
    };
}

/// IPv4 tables are dumped in the order of addresses, so that the default comes first. (IPv6: last.)
bool behind_the_default(const core::KernelRoute& route) {
    return route.destination.family() == core::Family::v4 &&
           !route.destination.address().is_unspecified();
}

void add_nexthop(Route& route, const NexthopObject& object, std::uint32_t weight) {
    if (object.blackhole)
        return;
    route.interfaces.push_back(object.nexthop.ifindex);
    if (object.dead)
        return;
    core::KernelNexthop nexthop = object.nexthop;
    nexthop.weight = weight;
    route.route.nexthops.push_back(nexthop);
}

} // namespace

core::Result<void> KernelReader::ask(const Request& request,
                                     const std::function<bool(Message)>& visit) {
    ++reads_;
    auto answer = requests_.ask(request, [&](Bytes message) { return visit(decode(message)); });
    if (!answer)
        return answer.error();
    if (*answer == RequestSocket::Answer::interrupted)
        return system_error(request.what, EINTR);
    return {};
}

/// Calls `read`, which begins by clearing what it fills, until it was not interrupted.
template <class Read>
static core::Result<void> until_consistent(Read read) {
    core::Result<void> outcome = read();
    for (int i = 1; i < kAttempts && !outcome && outcome.error().code == EINTR; ++i)
        outcome = read();
    return outcome;
}

core::Result<KernelReader::InterfacesFound> KernelReader::interfaces() {
    InterfacesFound found;
    const auto read = [&]() -> core::Result<void> {
        found = {};
        if (auto links = ask(dump_links(), collect(found.links)); !links)
            return links;
        for (const core::Family family : core::kFamilies)
            if (auto dumped = ask(dump_addresses(family), collect(found.addresses)); !dumped)
                return dumped;
        return {};
    };
    if (auto outcome = until_consistent(read); !outcome)
        return outcome.error();
    return found;
}

core::Result<std::vector<core::KernelRule>> KernelReader::rules() {
    std::vector<Rule> found;
    const auto read = [&]() -> core::Result<void> {
        found.clear();
        for (const core::Family family : core::kFamilies)
            if (auto dumped = ask(dump_rules(family), collect(found)); !dumped)
                return dumped;
        return {};
    };
    if (auto outcome = until_consistent(read); !outcome)
        return outcome.error();
    std::vector<core::KernelRule> rules;
    for (Rule& rule : found)
        rules.push_back(std::move(rule.rule));
    return rules;
}

core::Result<std::optional<Neighbour>> KernelReader::neighbour(const core::NeighbourKey& key) {
    std::optional<Neighbour> found;
    const auto outcome = ask(get_neighbour(key), [&](Message message) {
        if (const auto* neighbour = std::get_if<Neighbour>(&message))
            found = *neighbour;
        return true;
    });
    // No such entry, or no such interface (any more).
    if (!outcome && outcome.error().code != ENOENT && outcome.error().code != ENODEV)
        return outcome.error();
    return found;
}

core::Result<void> KernelReader::push(const core::NeighbourKey& key, NeighbourPush push) {
    return ask(push_neighbour(key, push), [](const Message&) { return true; });
}

core::Result<NexthopObject> KernelReader::object(std::uint32_t id) {
    std::optional<NexthopObject> found;
    const Request request = get_nexthop_object(id);
    const auto outcome = ask(request, [&](Message message) {
        if (auto* object = std::get_if<NexthopObject>(&message))
            found = std::move(*object);
        return true;
    });
    // A route whose object is gone is going itself: that is an inconsistent view, look again.
    if (!outcome)
        return outcome.error().code == ENOENT ? system_error(request.what, EINTR) : outcome.error();
    if (!found)
        return system_error(request.what, EBADMSG);
    return *found;
}

core::Result<void> KernelReader::resolve_objects(RouteTable::Entry& entry) {
    Route& route = entry.route;
    if (route.nexthop_id == 0)
        return {};
    auto top = object(route.nexthop_id);
    if (!top)
        return top.error();
    entry.objects = {route.nexthop_id};
    if (top->group.empty() && !route.has_nexthops)
        add_nexthop(route, *top, 1);
    for (const NexthopObject::Member& member : top->group) {
        entry.objects.push_back(member.id);
        if (route.has_nexthops)
            continue;
        const auto nexthop = object(member.id);
        if (!nexthop)
            return nexthop.error();
        add_nexthop(route, *nexthop, member.weight);
    }
    return {};
}

core::Result<std::vector<RouteTable::Entry>>
KernelReader::routes(const RouteScope& scope, const std::function<bool(const Route&)>& wanted) {
    std::vector<RouteTable::Entry> found;
    const bool only_default = scope.table == core::kTableMain || scope.table == core::kTableDefault;
    const auto take = [&](Message message) {
        auto* route = std::get_if<Route>(&message);
        if (route == nullptr)
            return true;
        if (only_default && behind_the_default(route->route))
            return false;
        const bool in_scope = route->route.destination.family() == scope.family &&
                              route->route.table == scope.table &&
                              (!scope.protocol || route->route.protocol == *scope.protocol);
        if (in_scope && wanted(*route))
            found.push_back({std::move(*route), {}});
        return true;
    };
    const auto read = [&]() -> core::Result<void> {
        found.clear();
        const auto dumped = ask(dump_routes(scope.family, scope.table, scope.protocol), take);
        // A table without routes may not exist.
        if (!dumped && dumped.error().code != ENOENT)
            return dumped;
        for (RouteTable::Entry& entry : found)
            if (auto resolved = resolve_objects(entry); !resolved)
                return resolved;
        return {};
    };
    if (auto outcome = until_consistent(read); !outcome)
        return outcome.error();
    return found;
}

} // namespace multihomed::observe
