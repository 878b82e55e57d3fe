// SPDX-License-Identifier: GPL-2.0-or-later
//
// check(): what must be true of every decision, one function a promise. Each returns what is
// broken, or nothing.
#include "core/builders.hpp"
#include "core/plan.hpp"
#include "core/text.hpp"
#include "sim/router.hpp"

#include <algorithm>

namespace multihomed::sim {

using namespace core;

namespace {

std::string name(const ProbeKey& key) {
    return key.uplink + " " + to_string(key.family);
}

bool is_good(State state) {
    return state == State::up || state == State::init;
}

/// Never on a line that is down or missing something while another is good.
std::string check_choice(const Decision& decision) {
    for (const Family family : kFamilies) {
        bool good = false;
        bool alive = false;
        for (const LineReport& report : decision.lines)
            if (report.line.family == family) {
                good = good || is_good(report.health.state);
                alive = alive ||
                        (has_nexthop(report.health.state) && report.health.state != State::down);
            }
        for (const LineReport& report : decision.lines) {
            if (report.line.family != family || !(report.carries || report.stands_by))
                continue;
            const std::string who =
                name(report.line.key()) + " (" + to_string(report.health.state) + ")";
            if (report.line.blocked || !has_nexthop(report.health.state))
                return who + " is used and cannot be";
            if (report.carries && good && !is_good(report.health.state))
                return who + " carries although a good line is there";
            if (report.carries && alive && report.health.state == State::down)
                return who + " carries although a living line is there";
            if (report.stands_by && (report.carries || report.health.state == State::down))
                return who + " stands by";
        }
        if (decision.choice_reason[family].empty())
            return "a choice without a reason";
    }
    return "";
}

/// Every change of state is reported, once, with a reason; and no other.
std::string check_transitions(const History& before, const Decision& decision, Time now) {
    std::size_t changes = 0;
    for (const auto& [key, line] : decision.history.lines) {
        const auto old = before.lines.find(key);
        changes += old == before.lines.end() || old->second.health.state != line.health.state;
        if (line.health.reason.empty())
            return name(key) + " has a state without a reason";
        if (line.health.since > now)
            return name(key) + " is in its state since later than now";
    }
    for (const auto& [key, line] : before.lines)
        changes += !decision.history.lines.contains(key);
    if (changes != decision.transitions.size())
        return std::to_string(changes) + " changes and " +
               std::to_string(decision.transitions.size()) + " transitions";
    for (const Transition& each : decision.transitions)
        if (each.reason.empty() || each.at != now || each.from == each.to)
            return "a transition of " + name(each.line) + " that explains nothing";
    return "";
}

/// Rules lead somewhere, and each source to one table, the narrowest first.
std::string check_rules(const Desired& desired) {
    const auto has_unreachable = [&](std::uint32_t table, Family family) {
        return std::ranges::any_of(desired.routes, [&](const Route& route) {
            return route.table == table && route.destination == Prefix::any(family) &&
                   route.nexthops.empty();
        });
    };
    std::vector<const Rule*> sources;
    for (const Rule& rule : desired.rules) {
        if (rule.goto_priority != 0) {
            if (std::ranges::none_of(desired.rules, [&](const Rule& target) {
                    return target.family == rule.family && target.priority == rule.goto_priority;
                }))
                return to_string(rule) + ": the target does not exist";
            if (rule.goto_priority <= rule.priority)
                return to_string(rule) + ": leads back";
            continue;
        }
        if (rule.table != kTableMain && rule.table != kTableDefault &&
            !has_unreachable(rule.table, rule.family))
            return to_string(rule) + ": packets fall out of its table";
        if (rule.source)
            sources.push_back(&rule);
    }
    for (const Rule* one : sources)
        for (const Rule* other : sources)
            if (one != other && one->source->contains(*other->source) &&
                one->table != other->table && one->priority <= other->priority)
                return to_string(*one) + " and " + to_string(*other) + ": who is first?";
    return "";
}

std::vector<const Route*> defaults(const Desired& desired, Family family, std::uint32_t table) {
    std::vector<const Route*> found;
    for (const Route& route : desired.routes)
        if (route.table == table && route.destination == Prefix::any(family) &&
            !route.nexthops.empty())
            found.push_back(&route);
    return found;
}

/// A line that could carry has its default, one that could not has none.
std::string check_line_tables(const Decision& decision) {
    for (const LineReport& report : decision.lines) {
        const Line& line = report.line;
        const auto found = defaults(decision.desired, line.family, line.table);
        if (line.blocked) {
            if (!found.empty())
                return name(line.key()) + " is blocked and has a default";
            continue;
        }
        Nexthop nexthop = line.nexthop();
        nexthop.weight = 1;
        if (found.size() != 1 || found[0]->nexthops != std::vector{nexthop})
            return name(line.key()) + " has not its default in its table";
    }
    return "";
}

/// main's default is by the carrying lines, 253's by those that stand by. What is not good enough
/// to be announced is in 253.
std::string check_defaults(const Decision& decision) {
    for (const Family family : kFamilies)
        for (const std::uint32_t table : {kTableMain, kTableDefault}) {
            const bool withheld = decision.announced[family].withheld;
            if (decision.elsewhere[family] && table == kTableDefault)
                continue; // the kernel falls back to it by itself, and no line carries
            const bool of_carriers = withheld == (table == kTableDefault);
            std::vector<Nexthop> wanted;
            for (const LineReport& report : decision.lines)
                if (report.line.family == family && (!withheld || table == kTableDefault) &&
                    (of_carriers ? report.carries : report.stands_by))
                    wanted.push_back(report.line.nexthop());
            const auto found = defaults(decision.desired, family, table);
            if (found.size() != (wanted.empty() ? 0U : 1U) ||
                (!found.empty() && found[0]->nexthops != wanted))
                return "the default of table " + std::to_string(table) +
                       " is not that of its lines";
        }
    return "";
}

/// What the guard lets pass holds everything that a line may translate to, and its own addresses.
std::string check_guard(const Decision& decision) {
    for (const LineReport& report : decision.lines) {
        const Line& line = report.line;
        if (line.blocked)
            continue;
        const auto nat = std::ranges::find(decision.desired.nat.lines, line.uplink->interface,
                                           &LineNat::interface);
        if (nat == decision.desired.nat.lines.end())
            return name(line.key()) + " has no guard";
        const auto& sources = nat->sources[line.family];
        const auto passes = [&](const Address& first, const Address& last) {
            return std::ranges::any_of(sources, [&](const Prefix& source) {
                return source.contains(first) && source.contains(last);
            });
        };
        for (const Address& own : line.addresses)
            if (!passes(own, own))
                return name(line.key()) + ": the guard stops " + own.to_string();
        for (const PrefixPair& pair : nat->prefixes[line.family])
            if (const auto range = range_of(pair.outside); !passes(range.first, range.last))
                return name(line.key()) + ": the guard stops " + pair.outside.to_string();
        const Nat& how = nat->nat[line.family];
        if (how.kind == Nat::Kind::source && !passes(how.first, how.last))
            return name(line.key()) + ": the guard stops what is translated";
        if (how.kind == Nat::Kind::masquerade && line.addresses.empty())
            return name(line.key()) + " masquerades with nothing";
    }
    return "";
}

/// No flow of a line that carries is stale, and none without somebody else to carry it.
std::string check_stale(const Decision& decision) {
    for (const StaleFlows& stale : decision.stale) {
        bool alternative = stale.address_gone || decision.elsewhere[stale.line.family];
        for (const auto& [key, line] : decision.history.lines) {
            if (key.family != stale.line.family || !line.carried)
                continue;
            alternative = alternative || line.health.state != State::down;
            if (key == stale.line && !stale.address_gone)
                return name(key) + " carries and its flows are stale";
            for (const AddressRange& range : line.translated)
                if (stale.mark == 0 && overlap(range, stale.translated_to))
                    return name(key) + " uses " + range.first.to_string() + ", which is stale";
        }
        if (!alternative)
            return "flows of " + name(stale.line) + " are stale and nothing carries";
        if (stale.reason.empty())
            return "stale flows without a reason";
    }
    if (decision.history.vanished.size() > 100)
        return "debts pile up";
    return "";
}

/// Probes leave lines that have what it takes, from an address that is this router's.
std::string check_probes(const Observation& seen, const Decision& decision) {
    for (const LineReport& report : decision.lines) {
        const auto plan =
            std::ranges::find(decision.desired.probes, report.line.key(), &ProbePlan::key);
        const bool probed = plan != decision.desired.probes.end();
        if (probed == report.line.blocked.has_value() && !probe_targets(report.line).empty())
            return name(report.line.key()) + (probed ? " is blocked and probed" : " is not probed");
        if (!probed)
            continue;
        bool ours = false;
        for (const auto& [interface_name, interface] : seen.interfaces)
            for (const InterfaceAddress& own : interface.addresses)
                ours = ours || (own.address == plan->source && !own.tentative);
        if (!ours || family_of(plan->source) != report.line.family)
            return name(report.line.key()) + " is probed from " + plan->source.to_string();
    }
    return "";
}

/// A table changes hands only when the operator says so.
std::string check_tables(const Config& config, const History& before, const Decision& decision) {
    std::set<std::uint32_t> numbers;
    for (const auto& [uplink, table] : decision.history.tables) {
        if (!numbers.insert(table).second)
            return "two uplinks have table " + std::to_string(table);
        const auto old = before.tables.find(uplink);
        if (old == before.tables.end() || old->second == table || old->second < config.table_base)
            continue;
        const bool typed = std::ranges::any_of(config.uplinks, [&](const Uplink& each) {
            return each.table && (each.name == uplink || each.table == old->second);
        });
        if (!typed)
            return uplink + " has lost its table";
    }
    return "";
}

std::string check_order(const Desired& desired) {
    const auto strictly = [](const auto& values, auto projection) {
        return std::ranges::adjacent_find(values, std::ranges::greater_equal{}, projection) ==
               values.end();
    };
    const bool sorted =
        strictly(desired.routes, &Route::key) && strictly(desired.rules, std::identity{}) &&
        strictly(desired.nat.lines, &LineNat::interface) &&
        strictly(desired.sysctls, std::identity{}) &&
        strictly(desired.table_names, std::identity{}) &&
        strictly(desired.probes, &ProbePlan::key) && strictly(desired.gateways, std::identity{});
    return sorted ? "" : "what is wanted is not sorted and unique";
}

} // namespace

std::string check(const Config& config, const Observation& seen, const History& before,
                  const Decision& decision, Time now) {
    if (decision.next_deadline && *decision.next_deadline <= now)
        return "a deadline that has passed";
    for (const std::string& wrong :
         {check_choice(decision), check_transitions(before, decision, now),
          check_rules(decision.desired), check_line_tables(decision), check_defaults(decision),
          check_guard(decision), check_stale(decision), check_probes(seen, decision),
          check_tables(config, before, decision), check_order(decision.desired)})
        if (!wrong.empty())
            return wrong;
    return "";
}

} // namespace multihomed::sim
