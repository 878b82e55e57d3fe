// SPDX-License-Identifier: GPL-2.0-or-later
#include "sim/world.hpp"

#include "core/builders.hpp"

#include <algorithm>

namespace multihomed::sim {

using namespace core;
using namespace std::chrono_literals;
using test::ip;
using test::net;

namespace {

constexpr unsigned kMostLines = 4;
constexpr auto kRoundTrip = 20ms;
constexpr std::uint32_t kWindow = 50;

std::string v4(unsigned number, unsigned host) {
    return "198.51.100." + std::to_string(number * 32 + host);
}
std::string v6(unsigned number, unsigned host) {
    return "2001:db8:" + std::to_string(number) + "::" + std::to_string(host);
}
/// Routed to the line, on no interface of it.
Prefix pool(unsigned number) {
    return net("203.0.113." + std::to_string(number * 32) + "/27");
}
Address pool_address(unsigned number, unsigned host) {
    return ip("203.0.113." + std::to_string(number * 32 + host));
}

void erase_family(std::vector<InterfaceAddress>& addresses, Family family) {
    std::erase_if(addresses, [family](const InterfaceAddress& own) {
        return family_of(own.address) == family && !is_link_local(own.address);
    });
}

} // namespace

World::World(Random& random, Time start) : random_(random) {
    config.enabled = true;
    config.flow_affinity = random_.percent(50);
    test::add(seen, test::ethernet("lan", 2, {"172.16.0.1/16", "fe80::1/64"}));
    const unsigned lines = 2 + static_cast<unsigned>(random_.below(kMostLines - 1));
    for (unsigned i = 0; i < kMostLines; ++i) {
        wires_.push_back({.interface = "wan" + std::to_string(i), .number = i, .changed = start});
        create_interface(wires_.back());
        if (i < lines)
            config.uplinks.push_back(make_uplink(i));
    }
}

Uplink World::make_uplink(unsigned number) {
    Uplink made = test::uplink("line" + std::to_string(number), "wan" + std::to_string(number));
    made.preference = static_cast<std::uint32_t>(10 * (1 + random_.below(3)));
    if (!random_.percent(80))
        made.probing[Knob::stable_for] =
            static_cast<std::uint32_t>(random_.between(0, 9'000).count());
    made.family[Family::v4].gateway = test::gateway(v4(number, 1));
    if (random_.percent(70))
        made.family[Family::v6].gateway = test::gateway("fe80::99");
    if (random_.percent(70))
        made.probes = {{ProbeTarget::Kind::icmp, ip("192.0.2.9")},
                       {ProbeTarget::Kind::icmp, ip("2001:db8:9::9")}};
    return made;
}

void World::create_interface(Wire& wire) {
    wire.exists = true;
    auto interface = test::ethernet(wire.interface, next_ifindex_++);
    interface.addresses = {
        test::interface_address(v4(wire.number, 2) + "/27"),
        test::interface_address("fe80::" + std::to_string(wire.number + 2) + "/64"),
        test::interface_address(v6(wire.number, 2) + "/64")};
    seen.interfaces[wire.interface] = interface;
}

std::string World::happen(Time now) {
    const std::size_t what = random_.below(100);
    if (what < 55)
        return break_wire(random_.pick(wires_), now);
    if (what < 75)
        return readdress(random_.pick(wires_));
    if (what < 94 && !config.uplinks.empty())
        return edit(random_.pick(config.uplinks));
    return edit_whole();
}

std::string World::break_wire(Wire& wire, Time now) {
    const auto changed = [&](bool& flag, const char* what) {
        flag = !flag;
        wire.changed = now;
        return wire.interface + " " + what + (flag ? " works" : " fails");
    };
    if (!wire.exists) {
        create_interface(wire);
        wire.changed = now;
        return wire.interface + " is there again, with another index";
    }
    auto& interface = seen.interfaces.at(wire.interface);
    switch (random_.below(8)) {
    case 0:
    case 1:
        return changed(interface.carrier, "carrier");
    case 2:
        return changed(interface.up, "IFF_UP");
    case 3:
        wire.neighbour_resolved = random_.percent(30);
        return changed(wire.gateway_answers, "gateway");
    case 4:
    case 5:
        return changed(wire.path_works, "path");
    case 6:
        wire.lossy_until = now + random_.between(50, 4'000);
        wire.changed = now;
        return wire.interface + " loses everything for a moment";
    default:
        wire.exists = false;
        seen.interfaces.erase(wire.interface);
        return wire.interface + " is deleted";
    }
}

std::string World::readdress(Wire& wire) {
    if (!wire.exists)
        return "nothing";
    auto& addresses = seen.interfaces.at(wire.interface).addresses;
    const std::string name = wire.interface;
    const auto host = static_cast<unsigned>(2 + random_.below(3));
    switch (random_.below(7)) {
    case 0:
        erase_family(addresses, Family::v4);
        return name + " lost its IPv4 addresses";
    case 1:
        erase_family(addresses, Family::v6);
        return name + " lost its IPv6 addresses";
    case 2:
        erase_family(addresses, Family::v4);
        addresses.push_back(test::interface_address(v4(wire.number, host) + "/27"));
        return name + " has another IPv4 address";
    case 3:
        addresses.push_back(test::interface_address(v4(wire.number, host) + "/27"));
        return name + " has one more IPv4 address";
    case 4:
        erase_family(addresses, Family::v6);
        addresses.push_back(test::interface_address(v6(wire.number, host) + "/64"));
        addresses.back().tentative = random_.percent(50);
        return name + " has another IPv6 address";
    case 5:
        for (InterfaceAddress& own : addresses) {
            own.tentative = false;
            own.deprecated = random_.percent(30);
        }
        return name + " has finished duplicate address detection";
    default: // what two modems of one make do
        erase_family(addresses, Family::v4);
        addresses.push_back(test::interface_address("192.168.1." + std::to_string(host) + "/24"));
        return name + " has an address of a subnet that others may have too";
    }
}

std::string World::edit(Uplink& uplink) {
    UplinkFamily& four = uplink.family[Family::v4];
    const unsigned number = wire_of(uplink).number;
    const std::string name = uplink.name;
    switch (random_.below(10)) {
    case 0:
        uplink.preference = static_cast<std::uint32_t>(10 * (1 + random_.below(3)));
        return name + ": preference " + std::to_string(*uplink.preference);
    case 1:
        uplink.shutdown = !uplink.shutdown;
        return name + (uplink.shutdown ? ": shutdown" : ": no shutdown");
    case 2:
        uplink.weight = static_cast<std::uint32_t>(1 + random_.below(255));
        return name + ": weight";
    case 3:
    case 4:
        return edit_nat(uplink);
    case 5:
        uplink.probing[Knob::stable_for] =
            static_cast<std::uint32_t>(random_.between(0, 9'000).count());
        uplink.probing[Knob::fail_after] = static_cast<std::uint32_t>(1 + random_.below(4));
        return name + ": timing";
    case 6:
        if (four.sources.empty())
            four.sources = {pool(number)};
        else
            four.sources.clear();
        return name + ": ip source";
    case 7:
        uplink.table = random_.percent(50) ? std::optional<std::uint32_t>()
                                           : static_cast<std::uint32_t>(1000 + random_.below(6));
        return name + ": table";
    case 8:
        four.gateway = random_.percent(40) ? test::gateway("192.168.1.1")
                                           : test::gateway(v4(number, 1), random_.percent(20));
        return name + ": ip gateway " + four.gateway.address.to_string();
    default:
        uplink.family[Family::v6].gateway =
            random_.percent(50) ? Gateway{} : test::gateway("fe80::99");
        return name + ": ipv6 gateway";
    }
}

std::string World::edit_nat(Uplink& uplink) {
    const unsigned number = wire_of(uplink).number;
    UplinkFamily& four = uplink.family[Family::v4];
    switch (random_.below(7)) {
    case 0:
        four.nat = test::nat_none();
        break;
    case 1:
        four.nat = test::nat_source(v4(number, 2));
        break;
    case 2:
        four.sources = {pool(number)};
        four.nat = Nat{Nat::Kind::source, pool_address(number, 4),
                       pool_address(number, 4 + static_cast<unsigned>(random_.below(9)))};
        break;
    case 3:
        uplink.family[Family::v6].nat = test::nat_masquerade();
        return uplink.name + ": ipv6 nat masquerade";
    case 4:
        return edit_prefix_nats(uplink);
    default:
        four.nat.reset();
    }
    return uplink.name + ": ip nat";
}

/// Two networks inside, of which the second keeps its prefix and the first is renumbered.
std::string World::edit_prefix_nats(Uplink& uplink) {
    const std::string net = "2001:db8:" + std::to_string(wire_of(uplink).number) + ":";
    UplinkFamily& six = uplink.family[Family::v6];
    const std::string first = net + std::to_string(40 + random_.below(3)) + "::/64";
    six.sources = {Prefix(ip(net + "40::"), 60)};
    if (random_.percent(30))
        six.sources.clear(); // not yet, or no longer
    six.prefix_nats.clear();
    if (random_.percent(80))
        six.prefix_nats = {{Prefix::parse(first), Prefix::parse("fd00:1::/64")},
                           {Prefix::parse(net + "4f::/64"), Prefix::parse("fd00:2::/64")}};
    return uplink.name + ": ipv6 nat prefix";
}

std::string World::edit_whole() {
    if (random_.percent(20)) {
        config.last_resort =
            config.last_resort == LastResort::keep ? LastResort::withdraw : LastResort::keep;
        return "last-resort";
    }
    const auto number = static_cast<unsigned>(random_.below(kMostLines));
    const auto gone = std::erase_if(config.uplinks, [&](const Uplink& each) {
        return each.interface == wires_[number].interface;
    });
    if (gone != 0)
        return "no uplink line" + std::to_string(number);
    config.uplinks.push_back(make_uplink(number));
    if (random_.percent(30))
        config.uplinks.back().name = "renamed" + std::to_string(number);
    return "uplink " + config.uplinks.back().name;
}

void World::mend(Time now) {
    for (Wire& wire : wires_) {
        if (!wire.exists)
            create_interface(wire);
        auto& interface = seen.interfaces.at(wire.interface);
        interface.up = interface.carrier = true;
        wire.gateway_answers = wire.path_works = true;
        wire.lossy_until.reset();
        wire.neighbour_resolved = true;
        wire.changed = now;
    }
}

Wire& World::wire_of(const Uplink& uplink) {
    return *std::ranges::find(wires_, uplink.interface, &Wire::interface);
}

void World::set_probes(const std::vector<ProbePlan>& plans, Time now) {
    std::vector<Prober> next;
    for (const ProbePlan& plan : plans) {
        const auto old = std::ranges::find(probers_, plan, &Prober::plan);
        next.push_back(old != probers_.end() ? *old : Prober{plan, now, false});
    }
    probers_ = std::move(next);
}

bool World::answers(const Wire& wire, const ProbePlan& plan, Time now) const {
    if (!wire.exists || (wire.lossy_until && now < *wire.lossy_until))
        return false;
    const auto& interface = seen.interfaces.at(wire.interface);
    const bool only_gateway = plan.targets.size() == 1 &&
                              plan.targets[0].address != ip("192.0.2.9") &&
                              plan.targets[0].address != ip("2001:db8:9::9");
    return interface.up && interface.carrier && wire.gateway_answers &&
           (wire.path_works || only_gateway);
}

Time World::since(const Wire& wire, const Prober& prober) const {
    Time changed = wire.changed;
    if (wire.lossy_until)
        changed = std::max(changed, *wire.lossy_until);
    return std::max(changed, prober.started);
}

TargetFigures World::figures(const Prober& prober, const ProbeTarget& target, Time now) const {
    const Wire& wire = *std::ranges::find(wires_, prober.plan.interface, &Wire::interface);
    const bool good = answers(wire, prober.plan, now);
    const Time from = good ? since(wire, prober) : std::max(wire.changed, prober.started);
    const auto elapsed = now - from;
    TargetFigures found{.target = target, .sent = kWindow, .last_reply = {}, .last_error = {}};
    const auto count = [&](auto duration) {
        const auto steps = duration / prober.plan.interval + 1;
        return static_cast<std::uint32_t>(std::clamp<long>(steps, 0, kWindow));
    };
    if (good && elapsed >= kRoundTrip) {
        found.received = count(elapsed - kRoundTrip);
        found.ever_received = true;
        found.rtt_average = 20ms;
    } else {
        found.ever_received = prober.ever_received;
        if (elapsed >= prober.plan.timeout && !good)
            found.consecutive_lost = found.lost = count(elapsed - prober.plan.timeout);
        found.received = prober.ever_received ? kWindow - found.lost : 0;
    }
    return found;
}

void World::refresh(Time now) {
    seen.probes.clear();
    seen.neighbours.clear();
    for (Wire& wire : wires_) {
        if (wire.resolves_at && now >= *wire.resolves_at) {
            wire.neighbour_resolved = true;
            wire.resolves_at.reset();
        }
        if (!wire.neighbour_resolved && wire.gateway_answers && !wire.resolves_at)
            wire.resolves_at = now + random_.between(0, 8'000);
    }
    for (Prober& prober : probers_) {
        auto& all = seen.probes[prober.plan.key];
        for (const ProbeTarget& target : prober.plan.targets) {
            all.push_back(figures(prober, target, now));
            prober.ever_received = prober.ever_received || all.back().ever_received;
        }
    }
    for (const Uplink& uplink : config.uplinks) {
        const Wire& wire = wire_of(uplink);
        if (!wire.exists)
            continue;
        for (const Family family : kFamilies)
            if (const Gateway& typed = uplink.family[family].gateway;
                typed.kind == Gateway::Kind::address)
                seen.neighbours[{seen.interfaces.at(wire.interface).index, typed.address}] =
                    wire.neighbour_resolved ? NeighbourState::reachable : NeighbourState::failed;
    }
}

std::optional<Time> World::next_change(Time now) const {
    std::optional<Time> next;
    const auto consider = [&](Time when) {
        if (when > now && (!next || when < *next))
            next = when;
    };
    for (const Wire& wire : wires_) {
        if (wire.lossy_until)
            consider(*wire.lossy_until);
        if (wire.resolves_at)
            consider(*wire.resolves_at);
    }
    for (const Prober& prober : probers_) {
        const Wire& wire = *std::ranges::find(wires_, prober.plan.interface, &Wire::interface);
        const auto uplink =
            std::ranges::find(config.uplinks, prober.plan.key.uplink, &Uplink::name);
        if (uplink == config.uplinks.end())
            continue;
        consider(since(wire, prober) + kRoundTrip);
        consider(std::max(wire.changed, prober.started) + prober.plan.timeout +
                 (probing_of(config, *uplink)[Knob::fail_after] - 1) * prober.plan.interval);
    }
    return next;
}

} // namespace multihomed::sim
