// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/decide.hpp"

#include "core/config_text.hpp"
#include "core/kernel_view.hpp"
#include "core/plan.hpp"
#include "core/tunnel_plan.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

const LineHistory* find_history(const History& history, const ProbeKey& key) {
    const auto found = history.lines.find(key);
    return found == history.lines.end() ? nullptr : &found->second;
}

/// How many lines of each family can be used and were up.
PerFamily<std::size_t> count_proven(const std::vector<Line>& lines, const History& history) {
    PerFamily<std::size_t> proven{};
    for (const Line& line : lines)
        if (const LineHistory* before = find_history(history, line.key()))
            proven[line.family] +=
                !line.blocked && !line.by_router() && before->health.state == State::up;
    return proven;
}

Health health_of(const Line& line, std::size_t proven, const Verdict& verdict,
                 const Observation& seen, const History& history, Time now) {
    const LineHistory* before = find_history(history, line.key());
    const bool itself = !line.blocked && before && before->health.state == State::up;
    const NeighbourState neighbour = gateway_state(line, seen);
    const HealthInput input{
        .blocked = line.blocked,
        .verdict = verdict,
        .gateway_resolved =
            neighbour == NeighbourState::reachable || neighbour == NeighbourState::stale,
        .other_proven = !line.by_router() && proven > (itself ? 1U : 0U),
        .probing = line.probing,
    };
    if (!before || before->restarted)
        return evaluate(std::nullopt, input, now);
    return evaluate(before->health, input, now);
}

/// What the flows of a line that are translated bear as their source.
std::vector<AddressRange> translated_ranges(const Line& line) {
    std::vector<AddressRange> ranges;
    for (const PrefixPair& pair : line.prefix_nats)
        ranges.push_back(range_of(pair.outside));
    const Nat nat = nat_of(*line.uplink, line.family);
    if (nat.kind == Nat::Kind::source)
        ranges.push_back({nat.first, nat.last});
    if (nat.kind == Nat::Kind::masquerade)
        for (const Address& own : line.addresses)
            if (std::ranges::none_of(ranges,
                                     [&](const auto& range) { return contains(range, own); }))
                ranges.push_back({own, own});
    return ranges;
}

/// Do packets to all of the range still reach this line?
bool still_has(const Line& line, const AddressRange& range) {
    if (range.first == range.last &&
        std::ranges::find(line.addresses, range.first) != line.addresses.end())
        return true;
    return std::ranges::any_of(line.assigned,
                               [&](const Prefix& source) { return contains(source, range); });
}

/// What flows were translated to and new ones are not stays with the line while it has the
/// addresses, or may get them back. What it has lost goes to `vanished`.
void carry_over_ranges(LineHistory& next, const Line& line, const LineHistory& before,
                       std::vector<StaleFlows>& vanished) {
    const auto in_force = next.translated;
    for (const AddressRange& old : before.translated)
        for (const AddressRange& range : without(old, in_force)) {
            if (line.blocked || still_has(line, range))
                next.translated.push_back(range);
            else
                vanished.push_back(
                    {line.key(), before.ifindex, range, true,
                     "uplink " + line.uplink->name + " lost " + range.first.to_string()});
        }
}

bool is_among(const Line& line, const std::vector<const Line*>& lines) {
    return std::ranges::find(lines, &line) != lines.end();
}

/// A line that stands by gets flows too when the kernel falls through to it by itself, which may
/// be over before the line is ever chosen to carry.
bool kernel_uses(const Line& line, const PerFamily<std::vector<KernelNexthop>>& nexthops) {
    return line.ifindex != 0 && !line.by_router() &&
           std::ranges::find(nexthops[line.family], line.ifindex, &KernelNexthop::ifindex) !=
               nexthops[line.family].end();
}

/// Where ours is withheld, another router's default may have come into main. A line of which
/// nothing is known yet does not take its place.
void look_elsewhere(Choice& choice, Announcement& announced, const KernelRoute* others,
                    const std::vector<Line>& lines, const std::map<ProbeKey, Health>& health) {
    if (!others || std::ranges::any_of(others->nexthops, [&](const KernelNexthop& nexthop) {
            return leads_out(lines, nexthop);
        }))
        return;
    const bool is_new =
        !choice.carrying.empty() && health.at(choice.carrying.front()->key()).state == State::init;
    if (is_new && !announced.withheld) {
        announced.withheld = true;
        announced.reason = "nothing is known of the line yet, and another router's default works";
    }
    choice.elsewhere = announced.withheld;
    if (choice.elsewhere)
        choice.reason += "; another router's default is in main, and is used";
}

/// Flows that stay on a line that no longer carries: which of them shall move, and when.
void drain(LineHistory& next, const Line& line, const Config& config, const LineHistory* before,
           Time now) {
    if (next.carried || !next.keeps_flows || !before || (!before->carried && !before->drains_since))
        return;
    const Failback& failback = config.failback;
    next.drains_since = before->drains_since.value_or(now);
    next.drained = before->drained;
    next.moving = before->moving;
    const auto move = [&](std::uint8_t protocol, std::uint16_t port, const std::string& what) {
        next.moving.push_back({.line = line.key(),
                               .ifindex = next.ifindex,
                               .reason = "uplink " + line.uplink->name + " does not carry: " + what,
                               .mark = line.mark,
                               .mask = config.mark_mask,
                               .movable_only = true,
                               .protocol = protocol,
                               .port = port});
    };
    if (!before->drains_since || before->moves_again)
        for (const Failback::Class& flows : failback.at_once)
            move(flows.protocol, flows.port, "failback now match " + to_text(flows));
    const bool at_once = failback.policy == Failback::Policy::now;
    const bool over = failback.deadline != 0 &&
                      now >= *next.drains_since + std::chrono::seconds(failback.deadline);
    if (!next.drained && (at_once || over)) {
        next.drained = true;
        move(0, 0, at_once ? "failback now" : "the deadline of draining has passed");
    }
}

LineHistory next_history(const Line& line, const Health& health, bool carries, bool gets_flows,
                         const LineHistory* before, Time now) {
    LineHistory next;
    next.health = health;
    if (line.blocked || health.state == State::down)
        next.out_since = before && before->out_since ? before->out_since : now;
    next.carried = carries;
    next.ifindex = line.ifindex != 0 || !before ? line.ifindex : before->ifindex;
    next.translated = translated_ranges(line);
    next.mark = line.mark;
    next.keeps_flows = line.mark != 0 && !line.blocked && health.state != State::down;
    const bool has_flows =
        !line.by_router() &&
        (gets_flows || !before || before->carried || before->keeps_flows || before->owes_flows);
    next.owes_flows = has_flows && !carries && !next.keeps_flows;
    return next;
}

void add_transition(Decision& decision, const ProbeKey& key, const LineHistory* before,
                    const Health& health, Time now) {
    if (!before || before->health.state != health.state)
        decision.transitions.push_back({now, key,
                                        before ? std::optional(before->health.state) : std::nullopt,
                                        health.state, health.reason});
}

void wake_at(Decision& decision, std::optional<Time> when, Time now) {
    // A hold that is over waits for the gateway's link-layer address, not for time.
    if (when && *when > now && (!decision.next_deadline || *when < *decision.next_deadline))
        decision.next_deadline = when;
}

void add_deadlines(Decision& decision, const LineHistory& line, const Failback& failback,
                   Time now) {
    wake_at(decision, line.health.hold_until, now);
    wake_at(decision, line.health.dead_at, now);
    if (line.drains_since && failback.deadline != 0)
        wake_at(decision, *line.drains_since + std::chrono::seconds(failback.deadline), now);
}

void note_removed_lines(Decision& decision, const Config& config, const History& history,
                        Time now) {
    for (const auto& [key, before] : history.lines) {
        if (decision.history.lines.contains(key))
            continue;
        const std::string reason = "uplink " + key.uplink + " is gone";
        for (const AddressRange& range : before.translated)
            decision.history.vanished.push_back({key, before.ifindex, range, false, reason});
        if (const auto number = history.marks.find(key.uplink); number != history.marks.end())
            decision.history.vanished.push_back({key,
                                                 before.ifindex,
                                                 {},
                                                 false,
                                                 reason,
                                                 mark_of(number->second, config.mark_mask),
                                                 config.mark_mask});
        decision.transitions.push_back({now, key, before.health.state, std::nullopt,
                                        find_uplink(config, key.uplink)
                                            ? "neither configured nor addressed any more"
                                            : "removed from the configuration"});
    }
}

/// The line that has the addresses again, or may yet get them back, stands for these flows. Returns
/// what it uses of the range.
std::vector<AddressRange> take_back(LineHistory& history, const Line& line,
                                    const StaleFlows& entry) {
    std::vector<AddressRange> in_use;
    const bool may_return = line.key() == entry.line && line.blocked;
    if (line.family == entry.line.family && (may_return || still_has(line, entry.translated_to)))
        for (const AddressRange& range : without(entry.translated_to, history.translated))
            history.translated.push_back(range);
    for (const AddressRange& range : history.translated)
        if (overlap(range, entry.translated_to))
            in_use.push_back(range);
    history.owes_flows =
        history.owes_flows || (!in_use.empty() && !history.carried && !history.keeps_flows);
    return in_use;
}

/// A line that is there again stands for the flows that bear its mark.
bool is_back(Decision& decision, const StaleFlows& entry) {
    const auto line = decision.history.lines.find(entry.line);
    if (line == decision.history.lines.end() || line->second.mark != entry.mark)
        return false;
    line->second.owes_flows = !line->second.carried && !line->second.keeps_flows;
    return true;
}

/// Does it use the interface on which these flows were?
bool is_in_place_of(const Line& line, const StaleFlows& entry) {
    return line.family == entry.line.family && line.ifindex != 0 && line.ifindex == entry.ifindex &&
           !line.blocked && !line.by_router();
}

/// An address that vanished may be back, or in use by another line.
void drop_regained(Decision& decision) {
    std::vector<StaleFlows> left;
    for (StaleFlows& entry : decision.history.vanished) {
        if (entry.mark != 0) {
            if (!is_back(decision, entry))
                left.push_back(entry);
            continue;
        }
        std::vector<AddressRange> in_use;
        for (const LineReport& report : decision.lines) {
            LineHistory& history = decision.history.lines.at(report.line.key());
            const auto more = take_back(history, report.line, entry);
            in_use.insert(in_use.end(), more.begin(), more.end());
            // An uplink that is there again, or another one in its place, but without these
            // addresses, has lost them.
            entry.address_gone = entry.address_gone || report.line.key() == entry.line ||
                                 is_in_place_of(report.line, entry);
        }
        for (const AddressRange& range : without(entry.translated_to, in_use))
            left.push_back({entry.line, entry.ifindex, range, entry.address_gone, entry.reason});
    }
    decision.history.vanished = std::move(left);
}

/// From when on the flows of each line are better off elsewhere.
std::map<ProbeKey, std::optional<Time>> better_off(const Decision& decision) {
    std::map<ProbeKey, std::optional<Time>> since;
    for (const LineReport& report : decision.lines)
        since[report.line.key()] =
            better_off_since(report.line, decision.history.lines.at(report.line.key()).out_since,
                             decision.history.carried_since[report.line.family]);
    return since;
}

void collect_stale(Decision& decision, const std::map<ProbeKey, std::optional<Time>>& better_off,
                   std::uint32_t mask, Time now) {
    PerFamily<std::vector<AddressRange>> in_use;
    for (const auto& [key, line] : decision.history.lines)
        if (line.carried)
            in_use[key.family].insert(in_use[key.family].end(), line.translated.begin(),
                                      line.translated.end());
    for (const StaleFlows& gone : decision.history.vanished)
        if (gone.address_gone || decision.history.carried_since[gone.line.family])
            decision.stale.push_back(gone);
    for (const LineReport& report : decision.lines) {
        const ProbeKey key = report.line.key();
        const LineHistory& line = decision.history.lines.at(key);
        const auto& since = better_off.at(key);
        wake_at(decision, since, now);
        if (!since || *since > now)
            continue;
        decision.stale.insert(decision.stale.end(), line.moving.begin(), line.moving.end());
        if (!line.owes_flows)
            continue;
        if (line.mark != 0) {
            const std::string reason =
                "uplink " + key.uplink + " is " + to_string(line.health.state);
            decision.stale.push_back({key, line.ifindex, {}, false, reason, line.mark, mask});
            continue;
        }
        for (const AddressRange& old : line.translated)
            for (const AddressRange& range : without(old, in_use[key.family]))
                decision.stale.push_back(
                    {key, line.ifindex, range, false, "uplink " + key.uplink + " does not carry"});
    }
}

/// With another mask flows bear no mark, and the line that carries would take those of the others,
/// which cannot go by it.
void note_other_mask(Decision& decision, const History& history, std::uint32_t mask) {
    if (history.mark_mask == 0 || history.mark_mask == mask)
        return;
    for (const auto& [key, before] : history.lines) {
        const auto line = decision.history.lines.find(key);
        if (before.mark != 0 && line != decision.history.lines.end() && !line->second.carried)
            decision.history.vanished.push_back({.line = key,
                                                 .ifindex = before.ifindex,
                                                 .reason = "flow-affinity has another mask",
                                                 .mark = before.mark,
                                                 .mask = history.mark_mask});
    }
}

/// Flows of prefixes that are gone. They stay owed for as long as it is told that they are, which
/// costs nothing once they have been forgotten.
void collect_gone(Decision& decision) {
    for (const LineReport& report : decision.lines)
        for (const KnownPrefix& each : report.line.delegated)
            if (each.phase == KnownPrefix::Phase::gone)
                decision.stale.push_back({.line = report.line.key(),
                                          .ifindex = report.line.ifindex,
                                          .address_gone = true,
                                          .reason = each.prefix.to_string() +
                                                    " is no longer delegated to uplink " +
                                                    report.line.uplink->name,
                                          .bound_to = each.prefix});
}

/// A number is free again when no flow bears it any more.
MarkNumbers marks_in_use(const Config& config, const History& history) {
    MarkNumbers marks = history.marks;
    std::erase_if(marks, [&](const auto& entry) {
        const bool was_there = std::ranges::any_of(
            history.lines, [&](const auto& line) { return line.first.uplink == entry.first; });
        return !was_there && !find_uplink(config, entry.first) &&
               std::ranges::none_of(history.vanished, [&](const StaleFlows& stale) {
                   return stale.line.uplink == entry.first && stale.mark != 0;
               });
    });
    return marks;
}

ChoicePolicy policy_of(const Config& config, const History& history) {
    ChoicePolicy policy{.last_resort = config.last_resort};
    if (config.failback.policy == Failback::Policy::never && !history.fails_back)
        for (const auto& [key, line] : history.lines)
            if (line.carried)
                policy.keep.insert(key);
    return policy;
}

Desired make_desired(const Config& config, const std::vector<Line>& lines, const Tables& tables,
                     const PerFamily<Choice>& choices, const PerFamily<Announcement>& announced,
                     const Observation& seen) {
    const PerFamily<bool> own_default = plan_own_default(lines, seen);
    return {.routes = plan_routes(lines, choices, announced, own_default),
            .rules = plan_rules(config, lines, own_default),
            .nat = plan_nat(config, lines, seen),
            .sysctls = plan_sysctls(config, lines, choices),
            .table_names = plan_table_names(tables),
            .probes = plan_probes(lines),
            .bfd = plan_bfd(lines),
            .gateways = plan_gateways(lines),
            .routers = plan_routers(config)};
}

/// A verdict that waits for other lines is looked at again at every multiple of this, so that who
/// looks in between gets the same answer.
constexpr Milliseconds kLookAgain{20};

std::optional<Time> next_look(const std::map<ProbeKey, Verdict>& verdicts, Time now) {
    if (std::ranges::none_of(verdicts, [](const auto& entry) { return entry.second.waits; }))
        return std::nullopt;
    return Time(kLookAgain * (now.time_since_epoch() / kLookAgain + 1));
}

/// Carriers are judged before the tunnels that they carry.
std::map<ProbeKey, Health> judge_lines(const std::vector<Line>& lines,
                                       const std::map<ProbeKey, Verdict>& verdicts,
                                       const Observation& seen, const History& history, Time now) {
    std::map<ProbeKey, Health> health;
    const auto proven = count_proven(lines, history);
    for (const bool tunnels : {false, true})
        for (const Line& line : lines)
            if (line.uplink->tunnel.has_value() == tunnels)
                health[line.key()] = health_of(line, proven[line.family],
                                               with_carrier(line, verdicts.at(line.key()), health),
                                               seen, history, now);
    return health;
}

void add_advertising(Decision& decision, const Config& config, const Observation& seen,
                     const History& history, Time now) {
    Advertising advertising =
        plan_advertisements(config, seen, decision.lines, history.advertised, now);
    decision.desired.advertise = std::move(advertising.plans);
    decision.advertise = std::move(advertising.reports);
    decision.history.advertised = std::move(advertising.told);
    wake_at(decision, advertising.next_deadline, now);
}

} // namespace

Decision decide(const Config& config, const Observation& seen, const History& history, Time now) {
    Decision decision;
    decision.history.tables = assign_tables(config, history.tables);
    decision.history.vanished = history.vanished;
    decision.history.marks = assign_marks(config, marks_in_use(config, history));
    decision.history.gateways = learn_gateways(config, seen, history.gateways, now);
    wake_at(decision, next_forgotten(decision.history.gateways), now);
    decision.history.prefixes = follow_delegations(config, seen, history.prefixes, now);
    wake_at(decision, next_phase(config, decision.history.prefixes, now), now);
    const auto lines = survey(config, decision.history.tables, decision.history.marks, seen,
                              decision.history.gateways, decision.history.prefixes);

    const auto verdicts = verdicts_of(pointers_to(lines), seen);
    wake_at(decision, next_look(verdicts, now), now);
    auto health = judge_lines(lines, verdicts, seen, history, now);
    const ChoicePolicy policy = policy_of(config, history);
    PerFamily<Choice> choices;
    PerFamily<std::vector<KernelNexthop>> nexthops;
    for (const Family family : kFamilies) {
        nexthops[family] = default_nexthops(seen, family);
        choices[family] = choose(lines, health, family, policy);
        decision.announced[family] = announce(config.announce, lines, choices[family], health);
        look_elsewhere(choices[family], decision.announced[family], others_default(seen, family),
                       lines, health);
        decision.choice_reason[family] = choices[family].reason;
        decision.elsewhere[family] = choices[family].elsewhere;
        decision.history.carried_since[family] =
            carried_since(choices[family], health, history.carried_since[family], now);
    }
    for (const Line& line : lines) {
        const ProbeKey key = line.key();
        const bool carries =
            !choices[line.family].elsewhere && is_among(line, choices[line.family].carrying);
        const bool stands_by = is_among(line, choices[line.family].standby);
        const LineHistory* before = find_history(history, key);
        LineHistory next =
            next_history(line, health[key], carries, kernel_uses(line, nexthops), before, now);
        if (before)
            carry_over_ranges(next, line, *before, decision.history.vanished);
        drain(next, line, config, before, now);
        add_transition(decision, key, before, health[key], now);
        add_deadlines(decision, next, config.failback, now);
        decision.history.lines[key] = std::move(next);
        decision.lines.push_back({line, health[key], carries, stands_by});
    }
    note_removed_lines(decision, config, history, now);
    decision.history.mark_mask = config.flow_affinity ? config.mark_mask : 0;
    note_other_mask(decision, history, decision.history.mark_mask);
    drop_regained(decision);
    const auto better = better_off(decision);
    collect_stale(decision, better, config.mark_mask, now);
    collect_gone(decision);
    decision.desired =
        make_desired(config, lines, decision.history.tables, choices, decision.announced, seen);
    decision.desired.tunnels = plan_tunnels(config, seen);
    plan_dead(decision.desired.nat, lines, health, better, now);
    add_advertising(decision, config, seen, history, now);
    return decision;
}

bool may_forget(const StaleFlows& stale, const Observation& seen) {
    if (stale.address_gone)
        return true;
    const auto nexthops = default_nexthops(seen, stale.line.family);
    return !nexthops.empty() && std::ranges::none_of(nexthops, [&](const KernelNexthop& nexthop) {
        return nexthop.ifindex == stale.ifindex;
    });
}

FlowSelector selector_of(const StaleFlows& stale) {
    if (stale.bound_to)
        return {.family = stale.line.family,
                .kind = FlowSelector::Kind::bound,
                .first = {},
                .last = {},
                .sources = {*stale.bound_to},
                .not_destinations = {}};
    if (stale.mark != 0)
        return {.family = stale.line.family,
                .kind = FlowSelector::Kind::marked,
                .first = {},
                .last = {},
                .sources = {},
                .not_destinations = {},
                .mark = stale.mark,
                .mask = stale.mask,
                .translated_only = stale.movable_only,
                .protocol = stale.protocol,
                .destination_port = stale.port};
    return {.family = stale.line.family,
            .kind = FlowSelector::Kind::translated_to,
            .first = stale.translated_to.first,
            .last = stale.translated_to.last,
            .sources = {},
            .not_destinations = {}};
}

FlowSelector untranslated_flows(const NatPlan& nat, const std::vector<LineReport>& lines,
                                Family family) {
    FlowSelector selector{.family = family,
                          .kind = FlowSelector::Kind::untranslated,
                          .first = {},
                          .last = {},
                          .sources = nat.internal[family],
                          .not_destinations = nat.internal[family]};
    for (const LineReport& report : lines)
        if (report.line.family == family)
            selector.not_destinations.insert(selector.not_destinations.end(),
                                             report.line.sources.begin(),
                                             report.line.sources.end());
    drop_covered(selector.not_destinations);
    return selector;
}

} // namespace multihomed::core
