// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is wanted of the kernel and what it holds: `show multihome rules`, `routes`, `nat` and
// `conntrack`.
#include "core/config_text.hpp"
#include "core/kernel_view.hpp"
#include "core/text.hpp"
#include "runtime/status.hpp"
#include "runtime/status_parts.hpp"

#include <netinet/in.h>

namespace multihomed::runtime {

namespace {

void fill(status::Rule& to, const core::Rule& rule) {
    to.set_family(core::to_string(rule.family));
    to.set_text(core::to_string(rule));
    to.set_priority(rule.priority);
    if (rule.source)
        to.set_source(rule.source->to_string());
    if (rule.destination)
        to.set_destination(rule.destination->to_string());
    to.set_ingress(rule.iif);
    to.set_mark(rule.mark);
    to.set_mask(rule.mask);
    to.set_table(rule.table);
    to.set_goto_priority(rule.goto_priority);
    if (rule.suppress_prefix_length)
        to.set_suppress_prefix_length(*rule.suppress_prefix_length);
}

template <class Object>
void fill_status(Object& to, const Status* status, bool present) {
    if (!status) {
        to.set_state(present ? "installed" : "waiting");
        return;
    }
    to.set_state(present ? "installed" : "missing");
    to.set_attempts(present ? 0 : status->attempts);
    to.set_error(status->error);
}

template <class Map>
const Status* status_of(const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() || found->second.removing ? nullptr : &found->second;
}

std::string table_name(const Engine& engine, std::uint32_t table) {
    if (table == core::kTableMain)
        return "main";
    if (table == core::kTableDefault)
        return "default";
    for (const auto& [uplink, number] : engine.decision().history.tables)
        if (number == table)
            return uplink;
    return "";
}

void fill(status::Route& to, const Engine& engine, const core::Route& route) {
    to.set_family(core::to_string(route.destination.family()));
    to.set_text(core::to_string(route));
    to.set_destination(route.destination.to_string());
    to.set_table(route.table);
    to.set_table_name(table_name(engine, route.table));
    to.set_distance(route.distance);
    for (const core::Nexthop& nexthop : route.nexthops) {
        status::Exit& exit = *to.add_nexthops();
        exit.set_interface(nexthop.interface);
        exit.set_uplink(uplink_at(engine.config(), nexthop.interface));
        if (nexthop.gateway)
            exit.set_gateway(nexthop.gateway->to_string());
        exit.set_weight(nexthop.weight);
    }
}

void add_leaving_routes(status::Routes& to, const Engine& engine) {
    const Reconciler& reconciler = engine.reconciler();
    for (const auto& [key, route] : reconciler.sent_routes()) {
        const auto status = reconciler.routes().find(key);
        const bool wanted =
            std::ranges::binary_search(reconciler.wanted().desired.routes, key, {},
                                       [](const core::Route& each) { return each.key(); });
        if (wanted)
            continue;
        status::Route& leaving = *to.add_routes();
        fill(leaving, engine, route);
        leaving.set_state("removing");
        if (status == reconciler.routes().end())
            continue;
        leaving.set_attempts(status->second.removing ? status->second.attempts : 0);
        leaving.set_error(status->second.error);
    }
}

const char* nat_state(const Reconciler& reconciler, const core::Result<bool>& intact) {
    if (!reconciler.applied_nat())
        return "pending";
    if (!intact)
        return "unknown";
    if (!*intact)
        return "changed";
    if (*reconciler.applied_nat() != reconciler.wanted().desired.nat)
        return "pending";
    return reconciler.wanted().desired.nat.lines.empty() ? "none" : "installed";
}

std::string protocol_text(std::uint8_t protocol) {
    switch (protocol) {
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_ICMP:
        return "icmp";
    case IPPROTO_ICMPV6:
        return "icmpv6";
    default:
        return std::to_string(protocol);
    }
}

void fill(status::Flow& to, const apply::Flow& flow) {
    to.set_family(core::to_string(flow.family));
    to.set_protocol(protocol_text(flow.protocol));
    to.set_source(flow.source.to_string());
    to.set_source_port(flow.source_port);
    to.set_destination(flow.destination.to_string());
    to.set_destination_port(flow.destination_port);
    to.set_translated_to(flow.translated_to.to_string());
    to.set_tcp_state(flow.tcp_state);
    to.set_answered(flow.answered);
    to.set_timeout_seconds(static_cast<double>(flow.timeout.count()));
}

} // namespace

status::Rules rules(const Engine& engine) {
    const Reconciler& reconciler = engine.reconciler();
    const core::Lowered& wanted = reconciler.wanted().lowered;
    const core::KernelIndex kernel(engine.observation());
    status::Rules all;
    all.set_dataplane(dataplane_kind(engine.observation().dataplane));
    for (const core::Rule& rule : wanted.rules) {
        status::Rule& to = *all.add_rules();
        fill(to, rule);
        fill_status(to, status_of(reconciler.rules(), rule), kernel.holds(rule, wanted.protocol));
    }
    for (const auto& [rule, status] : reconciler.rules()) {
        if (std::ranges::binary_search(wanted.rules, rule))
            continue;
        status::Rule& to = *all.add_rules();
        fill(to, rule);
        to.set_state("removing");
        to.set_attempts(status.removing ? status.attempts : 0);
        to.set_error(status.error);
    }
    return all;
}

status::Routes routes(const Engine& engine) {
    const Reconciler& reconciler = engine.reconciler();
    const auto& wanted = reconciler.wanted().desired.routes;
    const auto expected = core::expected_in_kernel(wanted);
    const core::KernelIndex kernel(engine.observation());
    status::Routes all;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        status::Route& to = *all.add_routes();
        fill(to, engine, wanted[i]);
        const Status* status = status_of(reconciler.routes(), wanted[i].key());
        fill_status(to, status, kernel.holds(wanted[i]));
        if (!expected[i] && status)
            to.set_state("behind");
        else if (to.state() == "missing" && status->outranked)
            to.set_state("outranked");
    }
    add_leaving_routes(all, engine);
    return all;
}

status::NatTable nat_table(const Engine& engine, const core::Result<bool>& intact,
                           const core::Result<GuardCounts>& guards) {
    const core::NatPlan& plan = engine.reconciler().wanted().desired.nat;
    status::NatTable to;
    to.set_state(nat_state(engine.reconciler(), intact));
    if (!intact)
        to.set_error(intact.error().what);
    else if (!guards)
        to.set_error(guards.error().what);
    for (const core::Family family : core::kFamilies)
        for (const core::Prefix& prefix : plan.internal[family])
            to.add_internal(prefix.to_string());
    for (const core::LineNat& line : plan.lines)
        for (const core::Family family : core::kFamilies) {
            // a family in which the interface is not steered is not guarded either
            if (std::ranges::count(line.sources[family], core::Prefix::any(family)) > 0)
                continue;
            status::NatLine& shown = *to.add_lines();
            shown.set_uplink(line.uplink);
            shown.set_interface(line.interface);
            shown.set_family(core::to_string(family));
            fill_nat(*shown.mutable_nat(), line.nat[family], line.prefixes[family]);
            for (const core::Prefix& source : line.sources[family])
                shown.add_sources(source.to_string());
            if (const auto* guard = guards ? find_guard(*guards, line.uplink, family) : nullptr)
                fill_counter(*shown.mutable_dropped(), *guard);
        }
    return to;
}

std::vector<FlowRange> flow_ranges(const Engine& engine, const std::optional<std::string>& name) {
    std::vector<FlowRange> ranges;
    for (const auto& [key, line] : engine.decision().history.lines)
        if (!name || key.uplink == *name)
            for (const auto& range : line.translated)
                ranges.push_back({key, range});
    return ranges;
}

status::Conntrack conntrack(const std::vector<FlowRange>& ranges,
                            const core::Result<std::vector<apply::FlowCount>>& counts,
                            const std::vector<apply::FlowList>& lists) {
    status::Conntrack all;
    if (!counts)
        all.set_error(counts.error().what);
    for (std::size_t i = 0; counts && i < ranges.size() && i < counts->size(); ++i) {
        status::LineFlows& to = *all.add_lines();
        to.set_uplink(ranges[i].line.uplink);
        to.set_family(core::to_string(ranges[i].line.family));
        to.set_first(ranges[i].range.first.to_string());
        to.set_last(ranges[i].range.last.to_string());
        to.set_flows(static_cast<double>((*counts)[i].flows));
    }
    std::uint64_t left_out = 0;
    for (const apply::FlowList& list : lists) {
        for (const apply::Flow& flow : list.flows)
            fill(*all.add_flows(), flow);
        left_out += list.total - std::min<std::uint64_t>(list.total, list.flows.size());
    }
    all.set_flows_left_out(static_cast<double>(left_out));
    return all;
}

GuardCounts since_cleared(const GuardCounts& now, const GuardCounts& then) {
    GuardCounts result = now;
    for (apply::GuardCount& count : result) {
        const apply::GuardCount* old = find_guard(then, count.uplink, count.family);
        if (!old || old->packets > count.packets || old->bytes > count.bytes)
            continue;
        count.packets -= old->packets;
        count.bytes -= old->bytes;
    }
    return result;
}

} // namespace multihomed::runtime
