// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/plan.hpp"

#include "core/inside.hpp"
#include "core/kernel_view.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace multihomed::core {

namespace {

template <class T, class Projection = std::identity>
void sort_unique(std::vector<T>& values, Projection projection = {}) {
    std::ranges::sort(values, {}, projection);
    const auto rest = std::ranges::unique(values, {}, projection);
    values.erase(rest.begin(), rest.end());
}

std::vector<Nexthop> nexthops_of(const std::vector<const Line*>& lines) {
    std::vector<Nexthop> nexthops;
    for (const Line* line : lines)
        nexthops.push_back(line->nexthop());
    return nexthops;
}

void add_uplink_table(std::vector<Route>& routes, const Line& line) {
    const Prefix any = Prefix::any(line.family);
    routes.push_back({.destination = any,
                      .table = line.table,
                      .distance = kDistanceUnreachable,
                      .nexthops = {}});
    if (line.blocked)
        return;
    Nexthop direct = line.nexthop();
    direct.gateway.reset();
    direct.weight = 1;
    for (const Prefix& subnet : line.subnets)
        routes.push_back({.destination = subnet,
                          .table = line.table,
                          .distance = kDistanceDefault,
                          .nexthops = {direct}});
    Nexthop out = line.nexthop();
    out.weight = 1;
    routes.push_back(
        {.destination = any, .table = line.table, .distance = kDistanceDefault, .nexthops = {out}});
}

void add_default(std::vector<Route>& routes, Family family, std::uint32_t table,
                 const std::vector<const Line*>& lines) {
    if (lines.empty())
        return;
    routes.push_back({.destination = Prefix::any(family),
                      .table = table,
                      .distance = kDistanceDefault,
                      .nexthops = nexthops_of(lines)});
}

void add_announced(std::vector<Route>& routes, Family family, const Choice& choice,
                   const Announcement& announced) {
    if (announced.withheld) {
        add_default(routes, family, kTableDefault, choice.carrying);
        return;
    }
    add_default(routes, family, kTableDefault, choice.standby);
    if (choice.carrying.empty())
        return;
    routes.push_back({.destination = Prefix::any(family),
                      .table = kTableMain,
                      .distance = announced.distance,
                      .nexthops = nexthops_of(choice.carrying),
                      .metric = announced.metric,
                      .tag = announced.tag});
}

/// Where nothing carries the search must not go on to what another program has put into main.
void add_own_default(std::vector<Route>& routes, Family family,
                     const std::vector<const Line*>& carrying) {
    add_default(routes, family, kTableOwn, carrying);
    if (carrying.empty())
        routes.push_back({.destination = Prefix::any(family),
                          .table = kTableOwn,
                          .distance = kDistanceUnreachable,
                          .nexthops = {}});
}

/// Networks inside, and their interfaces, of prefixes that end. As long as main has them it is main
/// that is asked.
std::map<Prefix, Nexthop> old_inside(const std::vector<Line>& lines) {
    std::map<Prefix, Nexthop> networks;
    for (const Line& line : lines)
        for (const KnownPrefix& each : line.delegated)
            if (each.ends())
                networks.insert(each.inside.begin(), each.inside.end());
    return networks;
}

/// Whose each bound source is.
using Owners = std::map<Prefix, const Uplink*>;

Owners owners_of(const std::vector<Line>& lines) {
    Owners owners;
    for (const Line& line : lines)
        for (const Prefix& source : line.bound)
            owners[source] = line.uplink;
    return owners;
}

bool is_wide(const Prefix& source, const Owners& owners) {
    const auto self = owners.find(source);
    for (auto next = std::next(self); next != owners.end() && source.contains(next->first); ++next)
        if (next->second != self->second)
            return true;
    return false;
}

void add_line_rules(std::vector<Rule>& rules, const Line& line, const Owners& owners,
                    const Config& config) {
    for (const Prefix& source : line.bound)
        rules.push_back({.family = line.family,
                         .priority = config.rule_base +
                                     (is_wide(source, owners) ? kRuleWideSources : kRuleSources),
                         .source = source,
                         .table = line.table});
    // Whatever becomes of the line: until its flows are forgotten they belong nowhere else.
    if (line.mark != 0)
        rules.push_back({.family = line.family,
                         .priority = config.rule_base + kRuleAffinity,
                         .mark = line.mark,
                         .mask = config.mark_mask,
                         .table = line.table});
}

std::set<Prefix> link_subnets(const std::vector<Line>& lines) {
    std::set<Prefix> subnets;
    for (const Line& line : lines)
        if (!line.sources.empty())
            subnets.insert(line.subnets.begin(), line.subnets.end());
    return subnets;
}

/// Of each subnet: 0 if it contains no other one, and one more than the highest that it contains.
std::map<Prefix, std::uint32_t> levels_of(const std::set<Prefix>& subnets) {
    std::map<Prefix, std::uint32_t> levels;
    for (auto subnet = subnets.rbegin(); subnet != subnets.rend(); ++subnet) {
        std::uint32_t level = 0; // what a prefix contains follows it in order
        for (auto inner = levels.upper_bound(*subnet);
             inner != levels.end() && subnet->contains(inner->first); ++inner)
            level = std::max(level, inner->second + 1);
        levels[*subnet] = std::min(level, kRuleLinkSubnetLevels - 1);
    }
    return levels;
}

void add_link_rules(std::vector<Rule>& rules, const std::set<Prefix>& subnets, std::uint32_t base) {
    for (const auto& [subnet, level] : levels_of(subnets)) {
        const std::uint32_t priority = base + kRuleLinkSubnets + 2 * level;
        if (subnet.length() < address_bits(subnet.family()))
            rules.push_back({.family = subnet.family(),
                             .priority = priority,
                             .destination = subnet,
                             .table = kTableMain,
                             .suppress_prefix_length = subnet.length()});
        rules.push_back({.family = subnet.family(),
                         .priority = priority + 1,
                         .destination = subnet,
                         .goto_priority = base + kRuleSources});
    }
}

/// fib_multipath_hash_policy and its fields, as in the kernel's ip-sysctl.rst. By default the
/// kernel shares by addresses: all that two hosts say to one another leaves by one line.
void add_sharing(std::vector<Sysctl>& sysctls, Family family, LoadSharing by) {
    constexpr int kPolicyPorts = 1;
    constexpr int kPolicyFields = 3;
    constexpr int kFieldSource = 1;
    const bool per_source = by == LoadSharing::per_source;
    sysctls.push_back({.family = family,
                       .interface = {},
                       .name = "fib_multipath_hash_policy",
                       .value = per_source ? kPolicyFields : kPolicyPorts});
    if (per_source)
        sysctls.push_back({.family = family,
                           .interface = {},
                           .name = "fib_multipath_hash_fields",
                           .value = kFieldSource});
}

/// Without those that another line has by now.
std::vector<Prefix> gone_prefixes(const Line& line, const std::vector<Line>& lines) {
    std::vector<Prefix> gone;
    for (const KnownPrefix& each : line.delegated) {
        const auto is_used = [&](const Line& other) {
            return std::ranges::any_of(
                other.sources, [&](const Prefix& source) { return source.overlaps(each.prefix); });
        };
        if (each.phase == KnownPrefix::Phase::gone && std::ranges::none_of(lines, is_used))
            gone.push_back(each.prefix);
    }
    return gone;
}

LineNat nat_of_uplink(const Uplink& uplink) {
    LineNat nat{.uplink = uplink.name, .interface = uplink.interface};
    // A family in which we do not steer this interface is not ours to police.
    for (const Family family : kFamilies)
        nat.sources[family] = {Prefix::any(family)};
    return nat;
}

} // namespace

PerFamily<bool> plan_own_default(const std::vector<Line>& lines, const Observation& seen) {
    PerFamily<bool> own{};
    for (const Line& line : lines)
        own[line.family] |= seen.dataplane.module &&
                            line.uplink->family[line.family].gateway.kind == Gateway::Kind::learned;
    PerFamily<const KernelRoute*> best{};
    for (const KernelRoute& route : seen.routes) {
        const Family family = route.destination.family();
        if (route.table == kTableMain && route.destination.is_any() &&
            !is_our_protocol(route.protocol) &&
            (!best[family] || route.metric < best[family]->metric))
            best[family] = &route;
    }
    const auto is_of_a_line = [&](const KernelNexthop& nexthop) {
        return leads_out(lines, nexthop);
    };
    for (const Family family : kFamilies)
        own[family] = own[family] &&
                      (!best[family] || std::ranges::all_of(best[family]->nexthops, is_of_a_line));
    return own;
}

std::vector<Route> plan_routes(const std::vector<Line>& lines, const PerFamily<Choice>& choices,
                               const PerFamily<Announcement>& announced,
                               const PerFamily<bool>& own_default) {
    std::vector<Route> routes;
    for (const Line& line : lines)
        add_uplink_table(routes, line);
    for (const Family family : kFamilies) {
        add_announced(routes, family, choices[family], announced[family]);
        if (own_default[family])
            add_own_default(routes, family, choices[family].carrying);
    }
    for (const auto& [network, direct] : old_inside(lines))
        routes.push_back({.destination = network,
                          .table = kTableOwn,
                          .distance = kDistanceDefault,
                          .nexthops = {direct}});
    sort_unique(routes, &Route::key);
    return routes;
}

std::vector<Rule> plan_rules(const Config& config, const std::vector<Line>& lines,
                             const PerFamily<bool>& own_default) {
    std::vector<Rule> rules;
    const Owners owners = owners_of(lines);
    PerFamily<bool> used{};
    for (const Line& line : lines) {
        used[line.family] = true;
        add_line_rules(rules, line, owners, config);
    }
    add_link_rules(rules, link_subnets(lines), config.rule_base);
    for (const Family family : kFamilies)
        if (used[family])
            rules.push_back({.family = family,
                             .priority = config.rule_base + kRuleInternal,
                             .table = kTableMain,
                             .suppress_prefix_length = std::uint8_t{0}});
    for (const auto& [network, direct] : old_inside(lines))
        rules.push_back({.family = network.family(),
                         .priority = config.rule_base + kRuleOldInside,
                         .destination = network,
                         .table = kTableOwn});
    for (const Family family : kFamilies)
        if (own_default[family]) {
            const std::uint32_t priority = config.rule_base + kRuleOwnDefault;
            rules.push_back({.family = family, .priority = priority, .table = kTableOwn});
            rules.push_back({.family = family, .priority = priority + 1, .table = kTableDefault});
        }
    if (used[Family::v6])
        rules.push_back(
            {.family = Family::v6, .priority = kRulePriorityTableDefault, .table = kTableDefault});
    sort_unique(rules);
    return rules;
}

NatPlan plan_nat(const Config& config, const std::vector<Line>& lines, const Observation& seen) {
    NatPlan plan;
    if (config.flow_affinity && !config.uplinks.empty())
        plan.mark_mask = config.mark_mask;
    for (const Prefix& prefix : inside_of(config, seen, pointers_to(lines)))
        plan.internal[prefix.family()].push_back(prefix);
    std::map<const Uplink*, LineNat> nats;
    for (const Uplink& uplink : config.uplinks)
        if (!uplink.interface.empty())
            nats.emplace(&uplink, nat_of_uplink(uplink));
    for (const Line& line : lines)
        if (const auto found = nats.find(line.uplink); found != nats.end()) {
            found->second.mark = line.mark;
            found->second.prefixes[line.family] = line.prefix_nats;
            found->second.nat[line.family] = nat_of(*line.uplink, line.family);
            found->second.sources[line.family] = line.sources;
            found->second.gone[line.family] = gone_prefixes(line, lines);
        }
    for (auto& [uplink, nat] : nats)
        plan.lines.push_back(std::move(nat));
    std::ranges::sort(plan.lines, {}, &LineNat::interface);
    return plan;
}

void plan_dead(NatPlan& plan, const std::vector<Line>& lines,
               const std::map<ProbeKey, Health>& health,
               const std::map<ProbeKey, std::optional<Time>>& better_off, Time now) {
    const auto is_down = [&](const Line& line) {
        const State state = health.at(line.key()).state;
        return state == State::down || !has_nexthop(state);
    };
    for (const Line& line : lines) {
        const auto nat = std::ranges::find(plan.lines, line.uplink->name, &LineNat::uplink);
        const auto& since = better_off.at(line.key());
        if (nat != plan.lines.end())
            nat->dead[line.family] = is_down(line) && since && *since <= now;
    }
}

std::vector<Sysctl> plan_sysctls(const Config& config, const std::vector<Line>& lines,
                                 const PerFamily<Choice>& choices) {
    std::vector<Sysctl> sysctls;
    for (const Family family : kFamilies)
        if (choices[family].carrying.size() > 1)
            add_sharing(sysctls, family, config.load_sharing);
    for (const Line& line : lines)
        if (line.ifindex != 0 && !line.by_router())
            sysctls.push_back({.family = line.family,
                               .interface = line.interface,
                               .name = "ignore_routes_with_linkdown",
                               .value = 1});
    sort_unique(sysctls);
    return sysctls;
}

std::vector<TableName> plan_table_names(const Tables& tables) {
    std::vector<TableName> names;
    for (const auto& [name, table] : tables)
        names.push_back({table, name});
    std::ranges::sort(names);
    return names;
}

bool probes_gateway_only(const Line& line) {
    return std::ranges::none_of(line.uplink->probes, [&](const ProbeTarget& target) {
        return family_of(target.address) == line.family;
    });
}

namespace {

/// A request to a web server costs kilobytes; nobody wants five a second.
constexpr Milliseconds kWebInterval{10'000};

bool is_web(const ProbeTarget& target) {
    return target.kind == ProbeTarget::Kind::http || target.kind == ProbeTarget::Kind::https;
}

} // namespace

std::vector<ProbeTarget> probe_targets(const Line& line) {
    std::vector<ProbeTarget> targets;
    for (const ProbeTarget& target : line.uplink->probes) {
        if (family_of(target.address) != line.family)
            continue;
        if (target.kind != ProbeTarget::Kind::neighbour) {
            targets.push_back(target);
            if (is_web(target) && !target.interval)
                targets.back().interval = std::max(kWebInterval, line.probing.time(Knob::interval));
        } else if (line.gateway && line.resolves_gateway)
            targets.push_back(
                {.kind = target.kind, .address = *line.gateway, .interval = target.interval});
    }
    if (line.by_router())
        return line.probe_source ? targets : std::vector<ProbeTarget>();
    // A relay has no address of the kind that stands for it.
    if (targets.empty() && line.gateway && !is_compatible(*line.gateway))
        targets.push_back({.kind = ProbeTarget::Kind::icmp, .address = *line.gateway});
    return targets;
}

namespace {

/// A window holds some probes of every target.
Milliseconds window_of(const Line& line, const std::vector<ProbeTarget>& targets) {
    constexpr int kProbes = 12;
    Milliseconds window = line.probing.time(Knob::window);
    for (const ProbeTarget& target : targets)
        window =
            std::max(window, kProbes * target.interval.value_or(line.probing.time(Knob::interval)));
    return window;
}

} // namespace

std::vector<ProbePlan> plan_probes(const std::vector<Line>& lines) {
    std::vector<ProbePlan> plans;
    for (const Line& line : lines) {
        auto targets = probe_targets(line);
        if (line.blocked || targets.empty() || !line.probe_source)
            continue;
        const Milliseconds window = window_of(line, targets);
        plans.push_back({.key = line.key(),
                         .interface = line.interface,
                         .ifindex = line.ifindex,
                         .source = *line.probe_source,
                         .targets = std::move(targets),
                         .interval = line.probing.time(Knob::interval),
                         .timeout = line.probing.time(Knob::timeout),
                         .window = window,
                         .fail_after = line.probing[Knob::fail_after],
                         .spares_probes = line.probing[Knob::spare_probes] != 0});
    }
    std::ranges::sort(plans, {}, &ProbePlan::key);
    return plans;
}

std::vector<BfdPlan> plan_bfd(const std::vector<Line>& lines) {
    std::vector<BfdPlan> plans;
    for (const Line& line : lines)
        if (line.uplink->bfd && !line.blocked && line.gateway && line.probe_source)
            plans.push_back({line.key(), line.interface, *line.probe_source, *line.gateway,
                             line.uplink->bfd_profile});
    std::ranges::sort(plans, {}, &BfdPlan::key);
    return plans;
}

std::vector<Address> plan_routers(const Config& config) {
    std::vector<Address> routers;
    for (const Uplink& uplink : config.uplinks)
        for (const UplinkFamily& family : uplink.family.values)
            if (family.gateway.kind == Gateway::Kind::router)
                routers.push_back(family.gateway.address);
    sort_unique(routers);
    return routers;
}

std::vector<NeighbourKey> plan_gateways(const std::vector<Line>& lines) {
    std::vector<NeighbourKey> gateways;
    for (const Line& line : lines)
        if (line.ifindex != 0 && line.gateway && line.resolves_gateway)
            gateways.push_back({line.ifindex, *line.gateway});
    sort_unique(gateways);
    return gateways;
}

} // namespace multihomed::core
