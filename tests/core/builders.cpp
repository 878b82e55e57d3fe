// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/builders.hpp"

#include "core/kernel_view.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace multihomed::test {

using namespace core;
using namespace std::chrono_literals;

namespace {

constexpr std::uint8_t kUnicast = 1;
constexpr std::uint8_t kUnreachable = 7;

[[noreturn]] void bad_text(std::string_view what, std::string_view text) {
    std::cerr << "test builder: not " << what << ": '" << text << "'\n";
    std::abort();
}

core::Interface interface_with(const std::string& name, std::uint32_t index,
                               std::initializer_list<const char*> addresses) {
    core::Interface interface {
        .index = index, .name = name, .up = true, .carrier = true, .mtu = 1500, .alias = {},
        .addresses = {}
    };
    for (const char* text : addresses)
        interface.addresses.push_back(interface_address(text));
    return interface;
}

std::vector<std::string> names_where(const Decision& decision, Family family,
                                     bool LineReport::*what) {
    std::vector<std::string> names;
    for (const LineReport& report : decision.lines)
        if (report.line.family == family && report.*what)
            names.push_back(report.line.uplink->name);
    return names;
}

const char* family_text(Family family) {
    return family == Family::v4 ? "v4 " : "v6 ";
}

} // namespace

Address ip(std::string_view text) {
    const auto address = parse_address(text);
    if (!address)
        bad_text("an address", text);
    return *address;
}

Prefix net(std::string_view text) {
    const auto prefix = Prefix::parse(text);
    if (!prefix)
        bad_text("a prefix", text);
    return *prefix;
}

Time at(std::chrono::milliseconds since_start) {
    return Time{} + 1h + since_start;
}

InterfaceAddress interface_address(std::string_view text) {
    InterfaceAddress own;
    if (const auto peer = text.find(" peer "); peer != std::string_view::npos) {
        own.address = ip(text.substr(0, peer));
        text = text.substr(peer + 6);
    }
    const auto slash = text.find('/');
    if (slash == std::string_view::npos)
        bad_text("address/length", text);
    const Address address = ip(text.substr(0, slash));
    if (own.address.is_unspecified())
        own.address = address;
    else
        own.peer = address;
    own.prefix_length =
        static_cast<std::uint8_t>(std::atoi(std::string(text.substr(slash + 1)).c_str()));
    return own;
}

core::Interface ethernet(const std::string& name, std::uint32_t index,
                         std::initializer_list<const char*> addresses) {
    return interface_with(name, index, addresses);
}

core::Interface tunnel(const std::string& name, std::uint32_t index,
                       std::initializer_list<const char*> addresses) {
    auto interface = interface_with(name, index, addresses);
    interface.point_to_point = true;
    return interface;
}

void add(Observation& seen, const core::Interface& interface) {
    seen.interfaces[interface.name] = interface;
}

Gateway gateway(std::string_view address, bool onlink) {
    return {.kind = Gateway::Kind::address, .address = ip(address), .onlink = onlink};
}

Nat nat_source(std::string_view first, std::string_view last) {
    return {.kind = Nat::Kind::source, .first = ip(first), .last = ip(last.empty() ? first : last)};
}

Nat nat_masquerade() {
    return {.kind = Nat::Kind::masquerade, .first = {}, .last = {}};
}

Nat nat_none() {
    return {};
}

Uplink uplink(const std::string& name, const std::string& interface) {
    Uplink made;
    made.name = name;
    made.interface = interface;
    return made;
}

TargetFigures answering(std::string_view target) {
    return {.target = {.address = ip(target)},
            .sent = 50,
            .received = 50,
            .ever_received = true,
            .last_reply = at(0ms),
            .rtt_average = 12'300us,
            .rtt_deviation = 400us,
            .last_error = {}};
}

TargetFigures silent(std::string_view target, std::uint32_t lost, bool ever_received) {
    return {.target = {.address = ip(target)},
            .sent = 50,
            .received = ever_received ? 50 - std::min(lost, 50U) : 0,
            .lost = lost,
            .consecutive_lost = lost,
            .ever_received = ever_received,
            .last_reply = {},
            .last_error = {}};
}

Config office_config() {
    Config config;
    config.enabled = true;
    Uplink charter = uplink("charter", "eth2.5");
    charter.preference = 10;
    charter.family[Family::v4].gateway = gateway("198.51.100.49");
    charter.family[Family::v4].nat = nat_source("198.51.100.50");
    charter.family[Family::v6].gateway = gateway("fe80::c");
    charter.family[Family::v6].sources = {net("2001:db8:c000::/36")};
    charter.probes = {{ProbeTarget::Kind::icmp, ip("192.0.2.9")},
                      {ProbeTarget::Kind::icmp, ip("2001:db8:9::9")}};
    Uplink att = uplink("att", "eth2.4");
    att.preference = 20;
    att.family[Family::v4].gateway = gateway("203.0.113.62");
    att.family[Family::v4].nat = nat_source("203.0.113.57");
    att.family[Family::v6].gateway = gateway("fe80::a");
    att.family[Family::v6].sources = {net("2001:db8:a000::/36")};
    att.probes = charter.probes;
    config.uplinks = {charter, att};
    return config;
}

Observation office() {
    Observation seen;
    core::Interface lo = ethernet("lo", 1, {"127.0.0.1/8", "::1/128"});
    lo.loopback = true;
    add(seen, lo);
    add(seen, ethernet("eth1", 2,
                       {"172.16.0.1/16", "fe80::1/64", "2001:db8:c000:1::1/64",
                        "2001:db8:a000:1::1/64"}));
    add(seen, ethernet("eth2.5", 5, {"198.51.100.50/29", "fe80::5/64", "2001:db8:cc::50/64"}));
    add(seen, ethernet("eth2.4", 4, {"203.0.113.57/29", "fe80::4/64", "2001:db8:aa::57/64"}));
    for (const auto& [index, address] :
         std::initializer_list<std::pair<std::uint32_t, const char*>>{
             {5, "198.51.100.49"}, {5, "fe80::c"}, {4, "203.0.113.62"}, {4, "fe80::a"}})
        seen.neighbours[{index, ip(address)}] = NeighbourState::reachable;
    seen.dataplane = {.connected = true, .known = true, .module = true, .module_version = "1"};
    return seen;
}

const Decision& Router::decide() {
    last = core::decide(config, seen, history, now);
    history = last.history;
    return last;
}

const Decision& Router::decide_after(std::chrono::milliseconds later) {
    now += later;
    return decide();
}

void Router::set_probe(const std::string& name, Family family, std::vector<TargetFigures> figures) {
    seen.probes[{name, family}] = std::move(figures);
}

void Router::answer(const std::string& name) {
    set_probe(name, Family::v4, {answering("192.0.2.9")});
    set_probe(name, Family::v6, {answering("2001:db8:9::9")});
}

void Router::fall_silent(const std::string& name) {
    set_probe(name, Family::v4, {silent("192.0.2.9", 3)});
    set_probe(name, Family::v6, {silent("2001:db8:9::9", 3)});
}

Uplink& Router::uplink(const std::string& name) {
    const auto found = std::ranges::find(config.uplinks, name, &Uplink::name);
    if (found == config.uplinks.end())
        bad_text("the name of an uplink", name);
    return *found;
}

State Router::state(const std::string& name, Family family) const {
    return history.lines.at({name, family}).health.state;
}

const std::string& Router::reason(const std::string& name, Family family) const {
    return history.lines.at({name, family}).health.reason;
}

std::vector<std::string> Router::carrying(Family family) const {
    return names_where(last, family, &LineReport::carries);
}

std::vector<std::string> Router::standing_by(Family family) const {
    return names_where(last, family, &LineReport::stands_by);
}

std::vector<std::string> Router::stale() const {
    std::vector<std::string> found;
    for (const StaleFlows& stale : last.stale)
        found.push_back(stale.line.uplink + " " + stale.translated_to.first.to_string() + "-" +
                        stale.translated_to.last.to_string() + (stale.address_gone ? "!" : ""));
    return found;
}

Router proven_office(bool affinity) {
    Router router;
    router.config = office_config();
    router.config.flow_affinity = affinity;
    router.seen = office();
    router.decide();
    router.answer("charter");
    router.answer("att");
    router.decide_after(300ms);
    for (auto& [key, line] : router.history.lines)
        line.owes_flows = false; // as after the first sweep
    install(router.seen, router.last.desired.routes);
    return router;
}

std::vector<std::string> texts(const std::vector<Rule>& rules) {
    std::vector<std::string> lines;
    for (const Rule& rule : rules)
        lines.push_back(family_text(rule.family) + to_string(rule));
    return lines;
}

std::vector<std::string> texts(const std::vector<Route>& routes) {
    std::vector<std::string> lines;
    for (const Route& route : routes)
        lines.push_back(family_text(route.destination.family()) + to_string(route));
    return lines;
}

std::vector<std::string> texts(const std::vector<Prefix>& prefixes) {
    std::vector<std::string> lines;
    for (const Prefix& prefix : prefixes)
        lines.push_back(prefix.to_string());
    return lines;
}

std::vector<std::string> table_texts(const std::vector<Route>& routes, std::uint32_t table) {
    std::vector<Route> chosen;
    std::ranges::copy_if(routes, std::back_inserter(chosen),
                         [table](const Route& route) { return route.table == table; });
    return texts(chosen);
}

void install(Observation& seen, const std::vector<Route>& routes) {
    seen.routes.clear();
    const auto expected = expected_in_kernel(routes);
    for (std::size_t i = 0; i < routes.size(); ++i) {
        if (!expected[i])
            continue;
        KernelRoute found{.destination = routes[i].destination,
                          .table = routes[i].table,
                          .metric = 20,
                          .protocol = protocol_of(routes[i]),
                          .type = routes[i].nexthops.empty() ? kUnreachable : kUnicast,
                          .nexthops = {}};
        for (const Nexthop& nexthop : routes[i].nexthops)
            found.nexthops.push_back({.ifindex = nexthop.ifindex,
                                      .gateway = nexthop.gateway,
                                      .weight = nexthop.weight,
                                      .linkdown = false});
        seen.routes.push_back(found);
    }
}

} // namespace multihomed::test
