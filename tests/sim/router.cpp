// SPDX-License-Identifier: GPL-2.0-or-later
#include "sim/router.hpp"

#include "core/builders.hpp"
#include "core/kernel_view.hpp"

#include <algorithm>

namespace multihomed::sim {

using namespace core;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostFlows = 60;

bool same_answer(const Decision& one, const Decision& other) {
    return one.desired == other.desired && one.stale == other.stale &&
           one.next_deadline == other.next_deadline && other.transitions.empty();
}

const LineHistory* find(const History& history, const ProbeKey& key) {
    const auto found = history.lines.find(key);
    return found == history.lines.end() ? nullptr : &found->second;
}

/// Does the line translate flows to this address, as it is configured now?
bool translates_to(const Line& line, const Address& address) {
    if (std::ranges::any_of(line.prefix_nats,
                            [&](const PrefixPair& pair) { return pair.outside.contains(address); }))
        return true;
    const Nat nat = nat_of(*line.uplink, line.family);
    if (nat.kind == Nat::Kind::source)
        return contains(AddressRange{nat.first, nat.last}, address);
    return nat.kind == Nat::Kind::masquerade &&
           std::ranges::find(line.addresses, address) != line.addresses.end();
}

} // namespace

std::string SimRouter::update(Time now, Cause cause) {
    world_.refresh(now);
    const bool edited = !(decided_config_ == world_.config);
    const Carriers before = carriers();
    const History history = history_;
    Config config = world_.config;
    Decision decision = decide(config, world_.seen, history_, now);
    std::string wrong = check(config, world_.seen, history, decision, now);
    decided_config_ = std::move(config); // the uplinks stay where they are in memory
    decision_ = std::move(decision);
    history_ = decision_.history;
    world_.set_probes(decision_.desired.probes, now);
    if (carriers() != before)
        ++moves_;
    if (wrong.empty() && random_.percent(15))
        wrong = check_repeats(now);
    if (wrong.empty())
        wrong = check_move(before, edited, cause);
    drop_dead_routes();
    if (!(applied_ == decision_.desired.routes) && !apply_at_)
        apply_at_ = now + (random_.percent(50) ? 0ms : random_.between(1, 400));
    if (apply_at_ && now >= *apply_at_)
        apply(now);
    if (wrong.empty())
        wrong = forget_stale();
    begin_flows();
    return wrong;
}

/// Asked again, now or at any time before the deadline, the answer is the same.
std::string SimRouter::check_repeats(Time now) {
    const Decision again = decide(decided_config_, world_.seen, history_, now);
    if (!same_answer(decision_, again))
        return "asked again it says something else";
    const auto limit = decision_.next_deadline.value_or(now + 1h);
    const Time later = now + (limit - now) * static_cast<int>(random_.below(1000)) / 1000;
    if (!same_answer(decision_, decide(decided_config_, world_.seen, again.history, later)))
        return "it changes before its deadline";
    return "";
}

SimRouter::Carriers SimRouter::carriers() const {
    Carriers found;
    for (const auto& [key, line] : history_.lines)
        if (line.carried)
            found.insert(key);
    return found;
}

std::string SimRouter::check_move(const Carriers& before, bool edited, Cause cause) const {
    if (carriers() == before || edited || cause == Cause::restart)
        return "";
    for (const Family family : kFamilies) {
        const auto of_family = [family](const ProbeKey& key) { return key.family == family; };
        Carriers then;
        Carriers now;
        std::ranges::copy_if(before, std::inserter(then, then.end()), of_family);
        const auto all = carriers();
        std::ranges::copy_if(all, std::inserter(now, now.end()), of_family);
        const bool explained =
            std::ranges::any_of(decision_.transitions, [family](const Transition& each) {
                return each.line.family == family;
            });
        // By time alone: of a line that failed while it recovered, once it is dead.
        const bool withdrawn =
            now.empty() && std::ranges::any_of(decision_.lines, [family](const LineReport& report) {
                return report.line.family == family && report.health.dead;
            });
        if (then != now && !explained && !withdrawn)
            return "the default moved and no line changed its state";
    }
    return "";
}

void SimRouter::restart(bool with_snapshot, Time now) {
    // What only the old process knew, nobody can know: those flows are out of the question.
    std::erase_if(flows_, [&](const Flow& flow) {
        const LineReport* line = nullptr;
        for (const LineReport& report : decision_.lines)
            if (report.line.key() == flow.line)
                line = &report;
        if (!line)
            return true;
        return !translates_to(line->line, flow.translated_to);
    });
    const History old = std::move(history_);
    history_ = {};
    if (!with_snapshot) {
        std::erase_if(flows_, [](const Flow& flow) { return flow.marked; });
        return;
    }
    history_.tables = old.tables;
    history_.marks = old.marks;
    for (const auto& [key, line] : old.lines) {
        LineHistory& kept = history_.lines[key];
        kept.health = {.state = line.health.state,
                       .since = now,
                       .reason = "as before the restart",
                       .penalty = line.health.penalty};
        kept.carried = line.carried;
        kept.drains_since = line.drains_since;
        kept.drained = line.drained && line.moving.empty();
        kept.moves_again = !line.moving.empty();
        kept.owes_flows = !line.carried;
    }
}

std::optional<Time> SimRouter::next_change() const {
    auto next = decision_.next_deadline;
    if (apply_at_ && (!next || *apply_at_ < *next))
        next = apply_at_;
    return next;
}

void SimRouter::apply(Time now) {
    apply_at_.reset();
    if (random_.percent(10)) { // refused; tried again
        apply_at_ = now + 500ms;
        return;
    }
    applied_ = decision_.desired.routes;
    test::install(world_.seen, applied_);
    drop_dead_routes();
}

/// The kernel drops the routes of an interface that goes down or away.
void SimRouter::drop_dead_routes() {
    const auto alive = [&](const KernelNexthop& nexthop) {
        return std::ranges::any_of(world_.seen.interfaces, [&](const auto& entry) {
            return entry.second.index == nexthop.ifindex && entry.second.up;
        });
    };
    const auto dropped = std::erase_if(world_.seen.routes, [&](const KernelRoute& route) {
        return !route.nexthops.empty() && std::ranges::none_of(route.nexthops, alive);
    });
    if (dropped != 0)
        applied_.clear(); // what is missing is put back
}

void SimRouter::begin_flows() {
    for (const Family family : kFamilies)
        if (flows_.size() < kMostFlows && random_.percent(50))
            begin_flow(family);
}

void SimRouter::begin_flow(Family family) {
    const auto nexthops = default_nexthops(world_.seen, family);
    if (nexthops.empty())
        return;
    const std::uint32_t ifindex = nexthops[random_.below(nexthops.size())].ifindex;
    for (const LineReport& report : decision_.lines) {
        const Line& line = report.line;
        if (line.ifindex != ifindex || line.family != family)
            continue;
        const Nat nat = nat_of(*line.uplink, family);
        if (!line.prefix_nats.empty())
            flows_.push_back(
                {line.key(), line.prefix_nats.back().outside.address(), line.mark != 0});
        else if (nat.kind == Nat::Kind::source)
            flows_.push_back(
                {line.key(), random_.percent(50) ? nat.first : nat.last, line.mark != 0});
        else if (nat.kind == Nat::Kind::masquerade && !line.addresses.empty())
            flows_.push_back({line.key(), line.addresses.front(), line.mark != 0});
        else
            return;
        ++flows_seen_;
    }
}

/// Does the flow's line carry, in our mind and in the kernel's, or do its flows stay on it, and is
/// its address still there?
bool SimRouter::works(const Flow& flow) const {
    const LineHistory* line = find(history_, flow.line);
    const Uplink* uplink = find_uplink(decided_config_, flow.line.uplink);
    if (!line || !uplink)
        return false;
    const auto nexthops = default_nexthops(world_.seen, flow.line.family);
    const bool stays = flow.marked && line->keeps_flows;
    const bool carried =
        line->carried &&
        std::ranges::find(nexthops, line->ifindex, &KernelNexthop::ifindex) != nexthops.end();
    if (!stays && !carried)
        return false;
    const auto& addresses = world_.seen.interfaces.at(uplink->interface).addresses;
    const UplinkFamily& typed = uplink->family[flow.line.family];
    return std::ranges::find(addresses, flow.translated_to, &InterfaceAddress::address) !=
               addresses.end() ||
           std::ranges::any_of(typed.sources, [&](const Prefix& source) {
               return source.contains(flow.translated_to);
           });
}

/// Its line is no more. Does another one in its place, with the same interface and address, carry?
bool SimRouter::goes_on(const Flow& flow) const {
    const auto nexthops = default_nexthops(world_.seen, flow.line.family);
    return std::ranges::any_of(history_.lines, [&](const auto& entry) {
        const auto& [key, line] = entry;
        return key.family == flow.line.family && line.carried &&
               std::ranges::find(nexthops, line.ifindex, &KernelNexthop::ifindex) !=
                   nexthops.end() &&
               std::ranges::any_of(line.translated, [&](const AddressRange& range) {
                   return contains(range, flow.translated_to);
               });
    });
}

std::string SimRouter::forget_stale() {
    std::map<ProbeKey, std::size_t> open;
    const auto is_vanished = [&](const StaleFlows& stale) {
        return std::ranges::find(history_.vanished, stale) != history_.vanished.end();
    };
    for (const StaleFlows& stale : decision_.stale)
        if (!is_vanished(stale))
            ++open[stale.line];
    for (const StaleFlows& stale : decision_.stale) {
        if (!may_forget(stale, world_.seen) || random_.percent(10)) // the kernel may refuse
            continue;
        if (auto wrong = forget(stale); !wrong.empty())
            return wrong;
        if (std::erase(history_.vanished, stale) == 0 && --open[stale.line] == 0)
            history_.lines.at(stale.line).owes_flows = false;
    }
    decision_.stale.clear();
    return "";
}

std::string SimRouter::forget(const StaleFlows& stale) {
    const FlowSelector selector = selector_of(stale);
    std::string wrong;
    std::erase_if(flows_, [&](const Flow& flow) {
        const bool selected =
            selector.kind == FlowSelector::Kind::marked
                ? flow.marked && flow.line == stale.line
                : flow.line.family == selector.family &&
                      contains(AddressRange{selector.first, selector.last}, flow.translated_to);
        if (!selected)
            return false;
        if (works(flow))
            wrong = "a flow of " + flow.line.uplink + " translated to " +
                    flow.translated_to.to_string() + " works and is forgotten: " + stale.reason;
        ++flows_forgotten_;
        return true;
    });
    return wrong;
}

std::string SimRouter::check_settled(Time now) {
    for (const Flow& flow : flows_) {
        if (works(flow) || (!find(history_, flow.line) && goes_on(flow)))
            continue;
        const auto nexthops = default_nexthops(world_.seen, flow.line.family);
        bool alternative = false;
        bool in_use = false;
        for (const auto& [key, line] : history_.lines) {
            if (key.family != flow.line.family || !line.carried)
                continue;
            alternative = alternative || line.health.state != State::down;
            for (const AddressRange& range : line.translated)
                in_use = in_use || contains(range, flow.translated_to);
        }
        const bool carried =
            history_.lines.contains(flow.line) && history_.lines.at(flow.line).carried;
        if (alternative && !(flow.marked ? carried : in_use) && !nexthops.empty())
            return "a flow of " + flow.line.uplink + " translated to " +
                   flow.translated_to.to_string() + " is stuck for good";
    }
    if (decision_.next_deadline && *decision_.next_deadline <= now)
        return "a deadline that has passed";
    return "";
}

} // namespace multihomed::sim
