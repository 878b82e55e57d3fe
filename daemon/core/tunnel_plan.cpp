// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/tunnel_plan.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

/// What a carrier must not be, or lack, to carry anything.
std::string refuse_carrier(const Uplink& uplink, const Uplink* carrier) {
    const std::string& name = uplink.tunnel->carrier;
    if (!carrier)
        return "there is no uplink " + name + " to carry the tunnel";
    if (carrier->tunnel)
        return "uplink " + name + ", which shall carry the tunnel, is a tunnel itself";
    if (carrier->interface.empty())
        return "uplink " + name + ", which carries the tunnel, has no interface";
    return "";
}

const Interface* find_interface(const Observation& seen, const std::string& name) {
    const auto found = seen.interfaces.find(name);
    return found == seen.interfaces.end() ? nullptr : &found->second;
}

std::optional<Address> first_ipv4(const Interface* interface) {
    if (interface)
        for (const InterfaceAddress& own : interface->addresses)
            if (family_of(own.address) == Family::v4 && is_usable(own))
                return own.address;
    return std::nullopt;
}

/// What fits into the carrier's packets, at least what IPv6 asks of every link.
std::uint32_t mtu_of(const Tunnel& tunnel, const Interface& carrier) {
    if (tunnel.mtu)
        return *tunnel.mtu;
    const std::uint32_t outer = carrier.mtu == 0 ? 1500 : carrier.mtu;
    return std::clamp(outer - std::min(outer, kIpv4Header), kLeastIpv6Mtu, kMostTunnelMtu);
}

/// The first address of the prefix but one; on the interface it connects nothing but itself.
OwnAddress first_host(const Prefix& prefix) {
    return {next_address(prefix.address()), address_bits(Family::v6)};
}

const Line* find_line(const std::vector<Line>& lines, const ProbeKey& key) {
    const auto found =
        std::ranges::find_if(lines, [&](const Line& line) { return line.key() == key; });
    return found == lines.end() ? nullptr : &*found;
}

} // namespace

TunnelView view_tunnel(const Config& config, const Uplink& uplink, const Observation& seen) {
    const Tunnel& tunnel = *uplink.tunnel;
    TunnelView view;
    const Uplink* carrier = find_uplink(config, tunnel.carrier);
    view.reason = refuse_carrier(uplink, carrier);
    if (!view.reason.empty())
        return view;
    const Interface* interface = find_interface(seen, carrier->interface);
    const auto local = first_ipv4(interface);
    if (!local) {
        view.reason = "uplink " + carrier->name + ", which carries the tunnel, has no IPv4 address";
        return view;
    }
    if (tunnel.kind == Tunnel::Kind::six_to_four && is_private_ipv4(*local)) {
        view.reason = "6to4 needs a public IPv4 address, and uplink " + carrier->name + " has " +
                      local->to_string();
        return view;
    }
    TunnelPlan plan{.uplink = uplink.name,
                    .interface = uplink.interface,
                    .local = *local,
                    .remote = {},
                    .sixrd = domain_of(tunnel, *local),
                    .ttl = tunnel.ttl.value_or(kDefaultTunnelTtl),
                    .mtu = mtu_of(tunnel, *interface),
                    .address = tunnel.address};
    if (plan.sixrd) {
        view.delegated = delegated_prefix(*plan.sixrd, *local);
        view.gateway = compatible_address(tunnel.relay);
        plan.address = first_host(*view.delegated);
    } else {
        plan.remote = tunnel.relay;
    }
    if (!uplink.interface.empty())
        view.wanted = plan;
    return view;
}

std::vector<TunnelPlan> plan_tunnels(const Config& config, const Observation& seen) {
    std::vector<TunnelPlan> plans;
    for (const Uplink& uplink : config.uplinks)
        if (uplink.tunnel)
            if (const TunnelView view = view_tunnel(config, uplink, seen); view.wanted)
                plans.push_back(*view.wanted);
    std::ranges::sort(plans, {}, &TunnelPlan::interface);
    return plans;
}

std::optional<Blocked> check_tunnel(const Config& config, const Line& line,
                                    const std::vector<Line>& lines, const Observation& seen) {
    const auto no_carrier = [](const std::string& reason) {
        return Blocked{State::no_carrier, reason, Fault::carrier};
    };
    const TunnelView view = view_tunnel(config, *line.uplink, seen);
    if (!view.reason.empty())
        return no_carrier(view.reason);
    const std::string& name = line.uplink->tunnel->carrier;
    const Line* carrier = find_line(lines, {name, Family::v4});
    if (carrier && carrier->blocked)
        return no_carrier("uplink " + name +
                          ", which carries the tunnel: " + carrier->blocked->reason);
    const Interface* own = find_interface(seen, line.uplink->interface);
    if (own && own->alias != tunnel_alias(line.uplink->name))
        return no_carrier("there is an interface " + own->name +
                          " that this tunnel did not make; it is left alone");
    return std::nullopt;
}

Verdict with_carrier(const Line& line, const Verdict& own,
                     const std::map<ProbeKey, Health>& health) {
    if (!line.uplink->tunnel || line.blocked)
        return own;
    const std::string& name = line.uplink->tunnel->carrier;
    const auto carrier = health.find({name, Family::v4});
    if (carrier == health.end() || carrier->second.state != State::down)
        return own;
    return {.kind = Verdict::Kind::dead,
            .reason =
                "uplink " + name + ", which carries the tunnel, is down: " + carrier->second.reason,
            .fault = carrier->second.fault};
}

} // namespace multihomed::core
