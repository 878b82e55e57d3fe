// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/targets.hpp"

#include "observe/interface_table.hpp"
#include "observe/netlink_decode.hpp"
#include "observe/route_table.hpp"

#include <cstdlib>

namespace multihomed::fuzz {

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

/// What the observer does with messages, without its sockets.
class World {
public:
    World() { routes_.set_tables({1001, 1002, 1003}); }

    void take(const observe::Message& message) {
        std::visit([this](const auto& value) { apply(value); }, message);
    }
    void check() {
        for (const auto& [name, interface] : interfaces_) {
            require(name == interface.name && !name.empty());
            for (const auto& address : interface.addresses)
                require(address.prefix_length <=
                        core::address_bits(core::family_of(address.address)));
        }
        for (const observe::RouteScope& scope : std::set(routes_.dirty()))
            routes_.replace(scope, {});
        require(routes_.dirty().empty());
    }

private:
    template <class Other>
    void apply(const Other&) {}
    void apply(const observe::Link& link) { changed(table_.apply(interfaces_, link)); }
    void apply(const observe::LinkGone& gone) { changed(table_.apply(interfaces_, gone)); }
    void apply(const observe::Addr& addr) { changed(table_.apply(interfaces_, addr)); }
    void apply(const observe::AddrGone& gone) {
        changed(table_.apply(interfaces_, gone));
        routes_.mark_address(gone.addr);
    }
    void apply(const observe::Route& route) {
        require(route.route.nexthops.size() <= route.interfaces.size());
        if (!routes_.of_interest(route))
            return;
        routes_.mark(route);
        routes_.replace({route.route.destination.family(), route.route.table, {}},
                        {{route, {route.nexthop_id}}});
    }
    void apply(const observe::RouteGone& gone) { routes_.mark(gone.route); }
    void apply(const observe::NexthopObject& object) { routes_.mark_object(object.id); }
    void apply(const observe::Rule& rule) {
        const auto& found = rule.rule.rule;
        for (const auto& prefix : {found.source, found.destination})
            require(!prefix || prefix->family() == found.family);
    }
    void changed(const observe::InterfaceChange& change) {
        for (const std::uint32_t ifindex : change.shaken)
            routes_.mark_interface(ifindex);
    }

    observe::Interfaces interfaces_;
    observe::InterfaceTable table_;
    observe::RouteTable routes_;
};

} // namespace

void netlink_target(Bytes input) {
    World world;
    observe::for_each_message(input, [&](Bytes message) {
        world.take(observe::decode(message));
        return true;
    });
    world.check();
}

} // namespace multihomed::fuzz
