// SPDX-License-Identifier: GPL-2.0-or-later
//
// The lines and the whole: `show multihome` and `show multihome uplink`.
#include "runtime/status.hpp"

#include "core/config_text.hpp"
#include "core/kernel_view.hpp"
#include "core/plan.hpp"
#include "core/tunnel_plan.hpp"
#include "runtime/status_parts.hpp"

#include <cmath>

namespace multihomed::runtime {

namespace {

/// Outages that are over are not among the loss, as in the judgement of a line.
std::optional<double> loss_percent(const core::TargetFigures& figures) {
    const std::uint32_t over = figures.consecutive_lost == 0 ? figures.outage_lost : 0;
    const std::uint32_t decided = figures.received + figures.lost - over;
    if (decided == 0)
        return std::nullopt;
    return std::round(1000.0 * (figures.lost - over) / decided) / 10.0;
}

/// What the functions below take from: the engine, and what changes while it rests.
struct View {
    const Engine& engine;
    Time now;
    std::map<core::ProbeKey, std::vector<core::TargetFigures>> probes;

    View(const Engine& of, Time at) : engine(of), now(at), probes(of.probe_figures(at)) {}
    const std::vector<core::TargetFigures>& figures_of(const core::ProbeKey& key) const {
        static const std::vector<core::TargetFigures> kNone;
        const auto found = probes.find(key);
        return found == probes.end() ? kNone : found->second;
    }
};

/// One living target suffices for a line, so the best one speaks for it.
void fill_figures(status::Line& to, const std::vector<core::TargetFigures>& targets) {
    std::optional<double> loss;
    std::optional<double> rtt;
    // The gateway's own answers say nothing of the line behind it, unless they are all there is.
    const auto from_beyond = [](const core::TargetFigures& target) {
        return target.target.kind != core::ProbeTarget::Kind::neighbour;
    };
    const bool beyond = std::ranges::any_of(targets, from_beyond);
    for (const core::TargetFigures& target : targets) {
        if (beyond && !from_beyond(target))
            continue;
        if (const auto of_target = loss_percent(target))
            loss = std::min(loss.value_or(100.0), *of_target);
        if (target.received > 0)
            rtt = std::min(rtt.value_or(1e9), milliseconds_of(target.rtt_average));
    }
    if (loss)
        to.set_loss_percent(*loss);
    if (rtt)
        to.set_rtt_ms(*rtt);
}

void fill(status::Line& to, const View& view, const core::LineReport& report) {
    const core::ProbeKey key = report.line.key();
    to.set_uplink(key.uplink);
    to.set_interface(report.line.interface);
    to.set_family(core::to_string(key.family));
    to.set_state(core::to_string(report.health.state));
    to.set_seconds(seconds_of(view.now - report.health.since));
    to.set_reason(report.health.reason);
    to.set_fault(core::to_string(report.health.fault));
    to.set_carries(report.carries);
    if (const auto since = view.engine.drains_since(key))
        to.set_drains_seconds(seconds_of(view.now - *since));
    to.set_stands_by(report.stands_by);
    if (!report.line.blocked)
        fill_figures(to, view.figures_of(key));
}

void fill(status::Exit& to, const Engine& engine, const core::KernelNexthop& nexthop) {
    for (const auto& [name, interface] : engine.observation().interfaces)
        if (interface.index == nexthop.ifindex)
            to.set_interface(name);
    to.set_uplink(uplink_at(engine.config(), to.interface()));
    if (nexthop.gateway)
        to.set_gateway(nexthop.gateway->to_string());
    to.set_weight(nexthop.weight);
}

void fill(status::Announcement& to, const core::Announcement& from) {
    to.set_withheld(from.withheld);
    to.set_distance(from.distance);
    to.set_metric(from.metric);
    to.set_tag(from.tag);
    to.set_reason(from.reason);
}

void add_way(status::Overview& to, const Engine& engine, core::Family family) {
    const auto& decision = engine.decision();
    const bool used = std::ranges::any_of(
        decision.lines, [family](const auto& report) { return report.line.family == family; });
    if (!used)
        return;
    status::Way& way = *to.add_ways();
    way.set_family(core::to_string(family));
    for (const auto& nexthop : core::default_nexthops(engine.observation(), family))
        fill(*way.add_leaves_by(), engine, nexthop);
    way.set_reason(decision.choice_reason[family]);
    fill(*way.mutable_announcement(), decision.announced[family]);
    const auto foreign =
        core::foreign_default(engine.observation(), family, decision.desired.routes);
    if (!foreign)
        return;
    const auto tables = core::default_tables(engine.observation(), family);
    way.set_foreign_default_passed_over(tables.front() != core::kTableMain);
    status::Exit& exit = *way.mutable_foreign_default();
    if (!foreign->nexthops.empty())
        fill(exit, engine, foreign->nexthops.front());
}

void fill_settlement(status::Settlement& to, const Engine& engine) {
    const Reconciler& reconciler = engine.reconciler();
    to.set_generation(static_cast<std::uint32_t>(reconciler.generation()));
    to.set_settled(reconciler.settled());
    to.set_nat_pending(reconciler.applied_nat() != reconciler.wanted().desired.nat);
    to.set_flows_pending(!reconciler.flows_settled());
    const auto count = [](auto& list, const char* state) {
        return static_cast<std::uint32_t>(std::ranges::count_if(
            list, [state](const auto& each) { return each.state() == state; }));
    };
    const status::Routes all_routes = routes(engine);
    const status::Rules all_rules = rules(engine);
    to.set_routes_missing(count(all_routes.routes(), "missing") +
                          count(all_routes.routes(), "waiting"));
    to.set_rules_missing(count(all_rules.rules(), "missing") + count(all_rules.rules(), "waiting"));
    to.set_routes_leaving(count(all_routes.routes(), "removing"));
    to.set_rules_leaving(count(all_rules.rules(), "removing"));
}

void fill(status::Target& to, const core::TargetFigures& from, Time now) {
    to.set_address(from.target.address.to_string());
    to.set_probe(core::to_text(from.target));
    to.set_sent(from.sent);
    to.set_received(from.received);
    to.set_lost(from.lost);
    to.set_lost_in_a_row(from.consecutive_lost);
    if (const auto loss = loss_percent(from))
        to.set_loss_percent(*loss);
    if (from.received > 0) {
        to.set_rtt_ms(milliseconds_of(from.rtt_average));
        to.set_rtt_deviation_ms(milliseconds_of(from.rtt_deviation));
    }
    if (from.last_reply)
        to.set_seconds_since_reply(seconds_of(now - *from.last_reply));
    to.set_last_error(from.last_error);
}

const char* neighbour_text(core::NeighbourState state) {
    switch (state) {
    case core::NeighbourState::incomplete:
        return "incomplete";
    case core::NeighbourState::failed:
        return "failed";
    case core::NeighbourState::stale:
        return "stale";
    case core::NeighbourState::reachable:
        return "reachable";
    case core::NeighbourState::none:
        break;
    }
    return "none";
}

void fill_gateway(status::LineDetail& to, const core::Line& line, const core::Observation& seen) {
    if (line.learned_from)
        to.set_gateway_learned_from(core::protocol_text(*line.learned_from));
    if (!line.gateway)
        return;
    to.set_gateway(line.gateway->to_string());
    if (!line.resolves_gateway)
        return;
    const auto found = seen.neighbours.find({line.ifindex, *line.gateway});
    to.set_neighbour(neighbour_text(found == seen.neighbours.end() ? core::NeighbourState::none
                                                                   : found->second));
}

void fill(status::Delegated& to, const core::KnownPrefix& from, Time now) {
    to.set_prefix(from.prefix.to_string());
    to.set_phase(core::to_string(from.phase));
    to.set_seconds(seconds_of(now - from.since));
    if (!from.delegated)
        return;
    if (from.delegated->preferred_until)
        to.set_preferred_seconds(std::max(0.0, seconds_of(*from.delegated->preferred_until - now)));
    if (from.delegated->valid_until)
        to.set_valid_seconds(std::max(0.0, seconds_of(*from.delegated->valid_until - now)));
}

void fill(status::Forgotten& to, const ForgottenFlows& from) {
    if (from.stale.mark == 0 && !from.stale.bound_to) {
        to.set_first(from.stale.translated_to.first.to_string());
        to.set_last(from.stale.translated_to.last.to_string());
    }
    to.set_reason(from.stale.reason);
    to.set_method(from.report.method == apply::ForgetReport::Method::one_message ? "kernel"
                                                                                 : "dump");
    if (from.report.deleted)
        to.set_flows(static_cast<double>(*from.report.deleted));
    to.set_took_ms(milliseconds_of(from.report.took));
}

/// A quorum that cannot be reached is that of all targets.
void remark_quorum(status::LineDetail& to, const core::Line& line) {
    const std::uint32_t quorum = line.probing[core::Knob::quorum];
    const std::size_t targets = core::probe_targets(line).size();
    if (quorum != core::kQuorumAll && quorum > std::max<std::size_t>(targets, 1))
        to.add_remarks("probe quorum " + std::to_string(quorum) +
                       " is more than there are targets (" + std::to_string(targets) +
                       "): all of them have to answer");
}

void fill(status::LineDetail& to, const View& view, const core::LineReport& report,
          const GuardCounts& guards) {
    const core::Line& line = report.line;
    const core::ProbeKey key = line.key();
    fill(*to.mutable_line(), view, report);
    const core::Health& health = report.health;
    if (health.hold_until)
        to.set_hold_seconds_left(std::max(0.0, seconds_of(*health.hold_until - view.now)));
    to.set_penalty(std::round(core::penalty_at(health.penalty, line.probing, view.now)));
    to.set_suppressed(core::is_suppressed(health.penalty, line.probing, view.now));
    if (const auto session = view.engine.observation().bfd.find(key);
        session != view.engine.observation().bfd.end())
        to.set_bfd(core::to_string(session->second));
    if (!to.bfd().empty() && view.engine.observation().lacks_bfdd)
        to.add_remarks("bfdd does not run, so there is no BFD: bfdd=yes in /etc/frr/daemons");
    remark_quorum(to, line);
    for (const core::Address& address : line.addresses)
        to.add_addresses(address.to_string());
    for (const core::Prefix& subnet : line.subnets)
        to.add_subnets(subnet.to_string());
    for (const core::Prefix& source : line.sources)
        to.add_sources(source.to_string());
    for (const core::Prefix& bound : line.bound)
        to.add_bound(bound.to_string());
    for (const core::KnownPrefix& each : line.delegated)
        fill(*to.add_delegated(), each, view.now);
    fill_gateway(to, line, view.engine.observation());
    fill_nat(*to.mutable_nat(), core::nat_of(*line.uplink, line.family), line.prefix_nats);
    if (line.probe_source)
        to.set_probe_source(line.probe_source->to_string());
    for (const core::TargetFigures& target : view.figures_of(key))
        fill(*to.add_targets(), target, view.now);
    for (const std::string& remark : line.remarks)
        to.add_remarks(remark);
    if (const apply::GuardCount* guard = find_guard(guards, key.uplink, key.family))
        fill_counter(*to.mutable_guard(), *guard);
    if (const auto found = view.engine.last_forgotten().find(key);
        found != view.engine.last_forgotten().end())
        fill(*to.mutable_last_forgotten(), found->second);
}

void add_transitions(status::Uplink& to, const Engine& engine, Time now) {
    const auto& events = engine.events();
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
        const core::Transition& from = event->transition;
        if (from.line.uplink != to.name())
            continue;
        status::Transition& transition = *to.add_transitions();
        transition.set_seconds_ago(seconds_of(now - from.at));
        transition.set_family(core::to_string(from.line.family));
        if (from.from)
            transition.set_from(core::to_string(*from.from));
        if (from.to)
            transition.set_to(core::to_string(*from.to));
        transition.set_reason(from.reason);
        transition.set_generation(static_cast<std::uint32_t>(event->generation));
    }
}

void fill(status::Tunnel& to, const core::Uplink& uplink, const Engine& engine) {
    const auto view = core::view_tunnel(engine.config(), uplink, engine.observation());
    to.set_configured(core::to_text(*uplink.tunnel));
    to.set_carrier(uplink.tunnel->carrier);
    to.set_remote(uplink.tunnel->relay.to_string());
    to.set_reason(view.reason);
    if (view.delegated)
        to.set_prefix(view.delegated->to_string());
    if (!view.wanted)
        return;
    to.set_local(view.wanted->local.to_string());
    to.set_mtu(view.wanted->mtu);
}

/// Is nothing looked at because of this number?
bool is_off(core::Knob knob, std::uint32_t value) {
    using core::Knob;
    return value == 0 && (knob == Knob::latency_low || knob == Knob::latency_high ||
                          knob == Knob::jitter_high || knob == Knob::spare_probes);
}

void fill_probing(status::Uplink& to, const core::Probing& probing) {
    for (std::size_t i = 0; i < core::kKnobs; ++i) {
        const auto knob = static_cast<core::Knob>(i);
        if (!is_off(knob, probing[knob]))
            to.add_probing(core::to_text(knob, probing[knob]));
    }
}

void fill(status::Uplink& to, const core::Uplink& from) {
    to.set_name(from.name);
    to.set_description(from.description);
    to.set_interface(from.interface);
    to.set_preference(core::preference_of(from));
    to.set_weight(from.weight);
    to.set_shutdown(from.shutdown);
    to.set_standby(from.standby);
    to.set_profile(from.profile.empty() ? "default" : from.profile);
}

} // namespace

status::Overview overview(const Engine& engine, Time now) {
    const View view(engine, now);
    status::Overview to;
    to.set_configured(engine.config().enabled);
    const core::Dataplane& dataplane = engine.observation().dataplane;
    to.mutable_dataplane()->set_connected(dataplane.connected);
    to.mutable_dataplane()->set_kind(dataplane_kind(dataplane));
    to.mutable_dataplane()->set_module_version(dataplane.module_version);
    fill_settlement(*to.mutable_settlement(), engine);
    if (dataplane.known)
        for (const std::string& loss : engine.reconciler().wanted().lowered.losses)
            to.mutable_dataplane()->add_losses(loss);
    for (const core::LineReport& report : engine.decision().lines)
        fill(*to.add_lines(), view, report);
    for (const core::Family family : core::kFamilies)
        add_way(to, engine, family);
    if (!engine.config().learn.empty()) {
        const core::TaughtNetworks& taught = engine.observation().taught;
        to.mutable_taught()->set_routes(static_cast<std::uint32_t>(taught.routes));
        to.mutable_taught()->set_networks(
            static_cast<std::uint32_t>(taught.prefixes.size() + taught.left_out));
        to.mutable_taught()->set_left_out(static_cast<std::uint32_t>(taught.left_out));
    }
    for (const Problem& problem : engine.reconciler().problems()) {
        status::Problem& shown = *to.add_problems();
        shown.set_object(problem.object);
        shown.set_reason(problem.reason);
    }
    return to;
}

status::Uplinks uplinks(const Engine& engine, const std::optional<std::string>& name,
                        const GuardCounts& guards, Time now) {
    const View view(engine, now);
    status::Uplinks all;
    for (const core::Uplink& uplink : engine.config().uplinks) {
        if (name && uplink.name != *name)
            continue;
        status::Uplink& to = *all.add_uplinks();
        fill(to, uplink);
        fill_probing(to, core::probing_of(engine.config(), uplink));
        if (uplink.tunnel)
            fill(*to.mutable_tunnel(), uplink, engine);
        for (const core::LineReport& report : engine.decision().lines) {
            if (report.line.uplink->name != uplink.name)
                continue;
            to.set_table(report.line.table);
            fill(*to.add_lines(), view, report, guards);
        }
        add_transitions(to, engine, now);
    }
    return all;
}

} // namespace multihomed::runtime
