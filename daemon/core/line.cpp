// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/line.hpp"

#include "core/prefix_nat.hpp"
#include "core/sources.hpp"
#include "core/tunnel_plan.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace multihomed::core {

namespace {

const char* family_words(Family family) {
    return family == Family::v4 ? "IPv4" : "IPv6";
}

const char* gateway_command(Family family) {
    return family == Family::v4 ? "'ip gateway A.B.C.D' or 'auto'"
                                : "'ipv6 gateway X:X::X:X' or 'auto'";
}

const Interface* find_interface(const Observation& seen, const std::string& name) {
    const auto found = seen.interfaces.find(name);
    return found == seen.interfaces.end() ? nullptr : &found->second;
}

bool has_configuration(const Uplink& uplink, Family family) {
    const UplinkFamily& typed = uplink.family[family];
    return typed.gateway.kind != Gateway::Kind::none || !typed.sources.empty() ||
           typed.delegation || !typed.prefix_nats.empty() ||
           (typed.nat && typed.nat->kind != Nat::Kind::none);
}

bool has_address(const Interface& interface, Family family) {
    return std::ranges::any_of(interface.addresses, [family](const InterfaceAddress& own) {
        return family_of(own.address) == family && is_usable(own);
    });
}

/// A broadcast interface needs a gateway to be of use in a family; without one, nothing was meant.
bool is_wanted(const Uplink& uplink, Family family, const Interface* interface) {
    if (has_configuration(uplink, family) || (uplink.tunnel && family == Family::v6))
        return true;
    if (uplink.tunnel)
        return false;
    if (interface && interface->point_to_point && has_address(*interface, family))
        return true;
    return family == Family::v4 && !has_configuration(uplink, Family::v6) &&
           !(interface && interface->point_to_point && has_address(*interface, Family::v6));
}

std::optional<Blocked> check_interface(const Uplink& uplink, const Interface* interface) {
    if (uplink.shutdown)
        return Blocked{State::shutdown, "shut down by configuration"};
    if (uplink.interface.empty())
        return Blocked{State::no_carrier, "no interface configured: 'interface IFNAME'",
                       Fault::carrier};
    if (!interface)
        return Blocked{State::no_carrier, "interface " + uplink.interface + " does not exist",
                       Fault::carrier};
    if (!interface->up)
        return Blocked{State::no_carrier, "interface " + uplink.interface + " is down",
                       Fault::carrier};
    if (!interface->carrier)
        return Blocked{State::no_carrier, "no carrier on " + uplink.interface, Fault::carrier};
    return std::nullopt;
}

std::string tentative_remark(const Interface& interface, Family family) {
    for (const InterfaceAddress& own : interface.addresses)
        if (family_of(own.address) == family && own.tentative && !is_link_local(own.address))
            return " (" + own.address.to_string() + " is tentative: duplicate address detection)";
    return "";
}

/// An address of this router to send probes from: the line's interface's own, else one elsewhere
/// that lies in the line's assigned prefixes.
std::optional<Address> find_probe_source(const Line& line, const Observation& seen) {
    if (!line.addresses.empty())
        return line.addresses.front();
    std::optional<Address> deprecated;
    for (const auto& [name, interface] : seen.interfaces)
        for (const InterfaceAddress& own : interface.addresses)
            for (const Prefix& source : line.assigned) {
                if (!source.contains(own.address) || !is_usable(own))
                    continue;
                if (!own.deprecated)
                    return own.address;
                deprecated = own.address;
            }
    return deprecated;
}

std::optional<Blocked> check_address(const Line& line, const Interface& interface) {
    if (!line.probe_source)
        return Blocked{State::no_address,
                       interface.name + " has no usable " + family_words(line.family) + " address" +
                           tentative_remark(interface, line.family),
                       Fault::address};
    const Nat nat = nat_of(*line.uplink, line.family);
    if (nat.kind == Nat::Kind::masquerade && line.addresses.empty())
        return Blocked{State::no_address,
                       "masquerade needs an " + std::string(family_words(line.family)) +
                           " address on " + interface.name,
                       Fault::address};
    if (nat.kind != Nat::Kind::source)
        return std::nullopt;
    const bool owned = std::ranges::any_of(line.sources, [&nat](const Prefix& own) {
        return own.contains(nat.first) && own.contains(nat.last);
    });
    if (owned)
        return std::nullopt;
    const std::string range = nat.first == nat.last
                                  ? nat.first.to_string()
                                  : nat.first.to_string() + "-" + nat.last.to_string();
    return Blocked{State::no_address,
                   "NAT source " + range + " lies in no prefix of this line; '" +
                       std::string(line.family == Family::v4 ? "ip" : "ipv6") +
                       " source PREFIX' would add one",
                   Fault::address};
}

bool bears(const Interface& interface, const Address& address) {
    return std::ranges::find(interface.addresses, address, &InterfaceAddress::address) !=
           interface.addresses.end();
}

/// Every address of this router, and the first interface that bears it.
using Bearers = std::map<Address, const Interface*>;

Bearers bearers_of(const Observation& seen) {
    Bearers bearers;
    for (const auto& [name, interface] : seen.interfaces)
        for (const InterfaceAddress& own : interface.addresses)
            bearers.try_emplace(own.address, &interface);
    return bearers;
}

/// The interface of this router that answers to `address` on the link of `line`. A link-local
/// address is another one on every link.
std::optional<std::string> owner_of(const Address& address, const Interface& line,
                                    const Bearers& bearers) {
    if (bears(line, address))
        return line.name;
    const auto found = bearers.find(address);
    if (is_link_local(address) || found == bearers.end())
        return std::nullopt;
    return found->second->name;
}

/// Can the kernel resolve `gateway` on this interface? IPv6 link-local addresses always.
bool connects(const Interface& interface, const Address& gateway) {
    if (gateway.is_v6() && is_link_local(gateway))
        return true;
    return std::ranges::any_of(interface.addresses, [&](const InterfaceAddress& own) {
        const auto connected = connected_prefix(own);
        return !own.tentative && connected && connected->contains(gateway);
    });
}

std::string subnets_text(const Line& line) {
    std::string text;
    for (const Prefix& subnet : line.subnets)
        text += (text.empty() ? "" : ", ") + subnet.to_string();
    return text.empty() ? "none" : text;
}

std::string table_text(std::uint32_t table) {
    return table == kTableMain ? "main" : "table " + std::to_string(table);
}

/// A missing or self-pointing gateway makes the kernel resolve every address of the Internet on the
/// link; an unreachable one blackholes. None of them is ever installed.
std::optional<Blocked> check_gateway(const Line& line, const Interface& interface,
                                     const Bearers& bearers) {
    const Gateway& typed = line.uplink->family[line.family].gateway;
    if (typed.kind == Gateway::Kind::none) {
        if (interface.point_to_point)
            return std::nullopt;
        return Blocked{State::no_gateway,
                       std::string(gateway_command(line.family)) +
                           " is missing: " + interface.name + " is a broadcast interface",
                       Fault::gateway};
    }
    if (!line.gateway && interface.point_to_point)
        return std::nullopt;
    if (!line.gateway)
        return Blocked{State::no_gateway,
                       "no gateway learned: no default route by " + interface.name + " in " +
                           table_text(typed.table),
                       Fault::gateway};
    const std::string text = line.gateway->to_string();
    if (const auto owner = owner_of(*line.gateway, interface, bearers))
        return Blocked{State::no_gateway,
                       "gateway " + text + " is this router's own address on " + *owner,
                       Fault::gateway};
    // The kernel took a learned one for this interface.
    if (typed.onlink || typed.kind == Gateway::Kind::learned || interface.point_to_point ||
        connects(interface, *line.gateway))
        return std::nullopt;
    return Blocked{State::no_gateway,
                   "gateway " + text + " is in no connected prefix of " + interface.name + " (" +
                       subnets_text(line) + "); add 'onlink' if it is reachable all the same",
                   Fault::gateway};
}

void add_gateway(Line& line, const Interface& interface, const LearnedGateways& gateways) {
    const Gateway& typed = line.uplink->family[line.family].gateway;
    if (typed.kind == Gateway::Kind::address)
        line.gateway = typed.address;
    if (const auto learned = gateways.find(line.key()); learned != gateways.end()) {
        line.gateway = learned->second.address;
        line.learned_from = learned->second.protocol;
    }
    line.resolves_gateway = line.gateway && !interface.point_to_point;
}

/// The interface that a line uses; null while there is none.
const Interface* interface_of(const Line& line, const Observation& seen) {
    const Gateway& typed = line.uplink->family[line.family].gateway;
    if (typed.kind != Gateway::Kind::router)
        return find_interface(seen, line.uplink->interface);
    const auto router = seen.routers.find(typed.address);
    if (router == seen.routers.end() || !router->second)
        return nullptr;
    for (const auto& [name, interface] : seen.interfaces)
        if (interface.index == router->second->ifindex)
            return &interface;
    return nullptr;
}

/// Nothing of the interface is the line's own.
void add_router(Line& line, const Interface& interface, const Observation& seen) {
    const Address& router = line.uplink->family[line.family].gateway.address;
    line.interface = interface.name;
    line.ifindex = interface.index;
    line.carrier = interface.up && interface.carrier;
    line.gateway = seen.routers.at(router)->gateway.value_or(router);
    line.resolves_gateway = !interface.point_to_point;
}

std::optional<Blocked> check_router(const Line& line, const Interface* interface,
                                    const Config& config, const Bearers& bearers) {
    const std::string router =
        "router " + line.uplink->family[line.family].gateway.address.to_string();
    const auto blocked = [](const std::string& reason) {
        return Blocked{State::no_gateway, reason, Fault::gateway};
    };
    if (line.uplink->shutdown)
        return Blocked{State::shutdown, "shut down by configuration"};
    if (!interface)
        return blocked("no route but a default leads to " + router);
    const Address& address = line.uplink->family[line.family].gateway.address;
    if (bearers.contains(address))
        return blocked(router + " is this router itself");
    for (const Uplink& other : config.uplinks)
        if (other.interface == interface->name)
            return blocked(router + " is reached by " + interface->name + ", which is uplink " +
                           other.name);
    // Who is asked to pass it on looks at its destination only, and may send it back.
    if (line.gateway != address)
        return blocked(router + " is on no link of this router: routing leads there by " +
                       line.gateway->to_string() + " on " + interface->name);
    if (!line.carrier)
        return Blocked{State::no_carrier, "no carrier on " + interface->name, Fault::carrier};
    return std::nullopt;
}

void add_assigned(Line& line, const KnownPrefixes& prefixes) {
    line.assigned = line.uplink->family[line.family].sources;
    const auto known = prefixes.find(line.uplink->name);
    if (line.family != Family::v6 || known == prefixes.end())
        return;
    line.delegated = known->second;
    for (const KnownPrefix& each : line.delegated)
        if (each.phase != KnownPrefix::Phase::gone)
            line.assigned.push_back(each.prefix);
}

void add_interface(Line& line, const Interface& interface) {
    line.ifindex = interface.index;
    line.carrier = interface.up && interface.carrier;
    std::vector<Address> deprecated;
    for (const InterfaceAddress& own : interface.addresses) {
        if (family_of(own.address) != line.family || !is_usable(own))
            continue;
        (own.deprecated ? deprecated : line.addresses).push_back(own.address);
        line.sources.push_back(Prefix::host(own.address));
        if (const auto connected = connected_prefix(own))
            line.subnets.push_back(*connected);
    }
    line.addresses.insert(line.addresses.end(), deprecated.begin(), deprecated.end());
}

bool learns(const Config& config) {
    return std::ranges::any_of(config.uplinks, [](const Uplink& uplink) {
        return std::ranges::any_of(kFamilies, [&](Family family) {
            return uplink.family[family].gateway.kind == Gateway::Kind::learned ||
                   uplink.family[family].delegation;
        });
    });
}

void sort_unique(std::vector<Prefix>& prefixes) {
    std::ranges::sort(prefixes);
    const auto rest = std::ranges::unique(prefixes);
    prefixes.erase(rest.begin(), rest.end());
}

/// What a tunnel's line has whether its interface is there or not.
void add_tunnel(Line& line, const TunnelView& tunnel) {
    if (line.family != Family::v6)
        return;
    if (tunnel.delegated)
        line.assigned.push_back(*tunnel.delegated);
    if (tunnel.gateway && !line.gateway)
        line.gateway = tunnel.gateway;
}

void judge_readiness(Line& line, const Interface* interface, const Observation& seen,
                     const Bearers& bearers, const std::optional<Blocked>& untranslatable) {
    if (!line.blocked)
        line.blocked = check_interface(*line.uplink, interface);
    if (!interface)
        return;
    line.probe_source = find_probe_source(line, seen);
    if (!line.blocked)
        line.blocked = check_address(line, *interface);
    if (!line.blocked)
        line.blocked = untranslatable;
    if (!line.blocked)
        line.blocked = check_gateway(line, *interface, bearers);
}

} // namespace

std::optional<Prefix> connected_prefix(const InterfaceAddress& own) {
    const Prefix connected(own.peer.value_or(own.address), own.prefix_length);
    if (connected.is_any() || connected == Prefix::host(own.address))
        return std::nullopt;
    return connected;
}

bool is_usable(const InterfaceAddress& own) {
    return !own.tentative && !is_link_local(own.address) && !own.address.is_loopback() &&
           !is_compatible(own.address);
}

bool leads_out(const std::vector<Line>& lines, const KernelNexthop& nexthop) {
    return std::ranges::any_of(lines, [&](const Line& line) {
        return line.ifindex == nexthop.ifindex && !line.by_router();
    });
}

std::vector<const Line*> pointers_to(const std::vector<Line>& lines) {
    std::vector<const Line*> pointers;
    for (const Line& line : lines)
        pointers.push_back(&line);
    return pointers;
}

Nexthop Line::nexthop() const {
    return {.ifindex = ifindex,
            .interface = interface,
            .gateway = gateway,
            .weight = static_cast<std::uint8_t>(uplink->weight)};
}

Tables assign_tables(const Config& config, const Tables& previous) {
    Tables tables;
    std::set<std::uint32_t> taken{0, 252, 253, 254, 255, kTableOwn};
    if (learns(config))
        tables[kTableOwnName] = kTableOwn;
    for (const Uplink& uplink : config.uplinks)
        if (uplink.table && taken.insert(*uplink.table).second)
            tables[uplink.name] = *uplink.table;
    for (const Uplink& uplink : config.uplinks) {
        const auto before = previous.find(uplink.name);
        if (!tables.contains(uplink.name) && before != previous.end() &&
            before->second >= config.table_base && taken.insert(before->second).second)
            tables[uplink.name] = before->second;
    }
    std::uint32_t next = config.table_base;
    for (const Uplink& uplink : config.uplinks) {
        if (tables.contains(uplink.name))
            continue;
        while (!taken.insert(next).second)
            ++next;
        tables[uplink.name] = next;
    }
    return tables;
}

std::vector<Line> survey(const Config& config, const Tables& tables, const MarkNumbers& marks,
                         const Observation& seen, const LearnedGateways& gateways,
                         const KnownPrefixes& prefixes) {
    std::vector<Line> lines;
    for (const Uplink& uplink : config.uplinks) {
        const Interface* interface = find_interface(seen, uplink.interface);
        const Probing probing = probing_of(config, uplink);
        for (const Family family : kFamilies) {
            if (!is_wanted(uplink, family, interface))
                continue;
            Line& line = lines.emplace_back();
            line.uplink = &uplink;
            line.family = family;
            line.table = tables.at(uplink.name);
            line.probing = probing;
            if (const auto number = marks.find(uplink.name); number != marks.end())
                line.mark = mark_of(number->second, config.mark_mask);
            else if (!marks.empty())
                line.remarks.push_back("its flows have no affinity: the bits of flow-affinity's "
                                       "mask tell no more uplinks apart");
            if (!uplink.profile.empty() && !is_built_in(uplink.profile) &&
                !find_profile(config, uplink.profile))
                line.remarks.push_back("there is no 'probe profile " + uplink.profile +
                                       "': the numbers of 'default' hold");
            add_assigned(line, prefixes);
            line.interface = uplink.interface;
            const Interface* own = interface_of(line, seen);
            if (own && line.by_router()) {
                add_router(line, *own, seen);
            } else if (own) {
                add_interface(line, *own);
                add_gateway(line, *own, gateways);
            }
            if (uplink.tunnel)
                add_tunnel(line, view_tunnel(config, uplink, seen));
            sort_unique(line.subnets);
        }
    }
    add_shared_sources(lines);
    const Bearers bearers = bearers_of(seen);
    for (const bool tunnels : {false, true}) // after those that carry them
        for (Line& line : lines) {
            if (line.uplink->tunnel.has_value() != tunnels)
                continue;
            if (tunnels && !line.uplink->shutdown)
                line.blocked = check_tunnel(config, line, lines, seen);
            const Interface* own = interface_of(line, seen);
            if (line.by_router()) {
                line.blocked = check_router(line, own, config, bearers);
                line.probe_source = find_probe_source(line, seen);
                continue;
            }
            const auto untranslatable = resolve_prefix_nats(line, lines, config, seen);
            judge_readiness(line, own, seen, bearers, untranslatable);
        }
    bind_sources(lines);
    return lines;
}

} // namespace multihomed::core
