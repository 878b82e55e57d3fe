// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/interface_table.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace multihomed::observe {

namespace {

/// The kernel's identity of an address on an interface: two prefix lengths make two addresses, and
/// so do two peers of one local address.
auto identity(const core::InterfaceAddress& a) {
    return std::tuple(a.address, a.prefix_length, a.peer);
}

/// Known addresses keep their places, new ones follow. True if anything is different afterwards.
bool replace_addresses(std::vector<core::InterfaceAddress>& known,
                       const std::vector<core::InterfaceAddress>& present) {
    std::map<decltype(identity({})), std::size_t> places;
    for (std::size_t i = 0; i < present.size(); ++i)
        places.emplace(identity(present[i]), i);
    std::vector<core::InterfaceAddress> next;
    std::vector<bool> taken(present.size());
    for (const core::InterfaceAddress& address : known)
        if (const auto place = places.find(identity(address)); place != places.end()) {
            next.push_back(present[place->second]);
            taken[place->second] = true;
        }
    for (std::size_t i = 0; i < present.size(); ++i)
        if (!taken[i])
            next.push_back(present[i]);
    const bool changed = next != known;
    known = std::move(next);
    return changed;
}

bool differ_in_state(const core::Interface& a, const core::Interface& b) {
    return a.up != b.up || a.carrier != b.carrier;
}

} // namespace

InterfaceChange& InterfaceChange::operator|=(const InterfaceChange& other) {
    links |= other.links;
    addresses |= other.addresses;
    shaken.insert(shaken.end(), other.shaken.begin(), other.shaken.end());
    return *this;
}

core::Interface* InterfaceTable::find(Interfaces& interfaces, std::uint32_t index) {
    const auto name = names_.find(index);
    if (name == names_.end())
        return nullptr;
    const auto found = interfaces.find(name->second);
    return found != interfaces.end() && found->second.index == index ? &found->second : nullptr;
}

InterfaceChange InterfaceTable::apply(Interfaces& interfaces, const Link& link) {
    core::Interface next = link.interface;
    core::Interface* known = find(interfaces, next.index);
    InterfaceChange change;
    if (known != nullptr) {
        next.addresses = known->addresses;
        if (*known == next)
            return {};
        if (differ_in_state(*known, next))
            change.shaken.push_back(next.index);
        if (known->name != next.name)
            interfaces.erase(std::string(known->name));
    }
    change.links = true;
    names_[next.index] = next.name;
    interfaces[next.name] = std::move(next);
    return change;
}

InterfaceChange InterfaceTable::apply(Interfaces& interfaces, const LinkGone& gone) {
    core::Interface* known = find(interfaces, gone.index);
    names_.erase(gone.index);
    if (known == nullptr)
        return {};
    InterfaceChange change{true, !known->addresses.empty(), {gone.index}};
    interfaces.erase(std::string(known->name));
    return change;
}

InterfaceChange InterfaceTable::apply(Interfaces& interfaces, const Addr& addr) {
    core::Interface* interface = find(interfaces, addr.ifindex);
    if (interface == nullptr)
        return {};
    const auto known = std::ranges::find(interface->addresses, identity(addr.address), identity);
    if (known == interface->addresses.end())
        interface->addresses.push_back(addr.address);
    else if (*known == addr.address)
        return {};
    else
        *known = addr.address;
    return {false, true, {}};
}

InterfaceChange InterfaceTable::apply(Interfaces& interfaces, const AddrGone& gone) {
    core::Interface* interface = find(interfaces, gone.addr.ifindex);
    if (interface == nullptr)
        return {};
    const auto erased = std::erase_if(interface->addresses, [&](const auto& a) {
        return identity(a) == identity(gone.addr.address);
    });
    return {false, erased > 0, {}};
}

InterfaceChange InterfaceTable::reread(Interfaces& interfaces, const std::vector<Link>& links,
                                       const std::vector<Addr>& addresses) {
    InterfaceChange change;
    std::set<std::uint32_t> seen;
    for (const Link& link : links) {
        seen.insert(link.interface.index);
        change |= apply(interfaces, link);
    }
    std::vector<std::uint32_t> gone;
    for (const auto& [index, name] : names_)
        if (!seen.contains(index))
            gone.push_back(index);
    for (const std::uint32_t index : gone)
        change |= apply(interfaces, LinkGone{index});

    std::map<std::uint32_t, std::vector<core::InterfaceAddress>> dumped;
    for (const Addr& addr : addresses)
        dumped[addr.ifindex].push_back(addr.address);
    for (auto& [name, interface] : interfaces)
        change.addresses |= replace_addresses(interface.addresses, dumped[interface.index]);
    return change;
}

} // namespace multihomed::observe
