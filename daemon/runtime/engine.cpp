// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/engine.hpp"

#include "runtime/advertise_news.hpp"

#include <algorithm>

namespace multihomed::runtime {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kResolveAgain = 1s;
/// The kernel gives a gateway up after some three seconds of asking; asking again begins anew.
constexpr std::chrono::milliseconds kLocateAgain = 5s;

std::string line_name(const core::ProbeKey& key) {
    return "uplink " + key.uplink + " " + core::to_string(key.family);
}

std::string transition_text(const core::Transition& transition) {
    return line_name(transition.line) + ": " +
           (transition.from ? core::to_string(*transition.from) : "new") + " -> " +
           (transition.to ? core::to_string(*transition.to) : "gone") + ": " + transition.reason;
}

Level level_of(const core::Transition& transition) {
    const bool bad = transition.to == core::State::down || transition.to == core::State::no_carrier;
    return bad ? Level::warning : Level::notice;
}

template <class Verdicts>
core::Fault fault_in(const Verdicts& verdicts, const core::ProbeKey& key) {
    const auto found = verdicts.find(key);
    return found == verdicts.end() ? core::Fault::none : std::get<core::Fault>(found->second);
}

bool is_place(core::Fault fault) {
    return fault != core::Fault::none && fault != core::Fault::unknown;
}

} // namespace

Engine::Engine(Appliers appliers, Sensors sensors, Log log)
    : sensors_(std::move(sensors)), log_(log), reconciler_(appliers, log) {}

void Engine::configure(core::Config config) {
    config_ = std::make_shared<const core::Config>(std::move(config));
}

void Engine::restore(const Snapshot& snapshot, Time now) {
    history_.tables = snapshot.tables;
    history_.marks = snapshot.marks;
    seen_.delegated = snapshot.delegated;
    history_.prefixes = snapshot.former;
    history_.advertised = snapshot.advertised;
    for (const auto& [key, line] : snapshot.lines) {
        core::LineHistory& history = history_.lines[key];
        history.health = {.state = line.state,
                          .since = now,
                          .reason = "as before the restart",
                          .penalty = line.penalty};
        history.health.penalty.at = std::min(line.penalty.at, now);
        history.carried = line.carried;
        history.owes_flows = !line.carried;
        if (line.drains_since)
            history.drains_since = std::min(*line.drains_since, now);
        history.drained = line.drained && !line.moving;
        history.moves_again = line.moving;
    }
}

Snapshot Engine::snapshot() const {
    Snapshot snapshot{.tables = history_.tables,
                      .marks = history_.marks,
                      .lines = {},
                      .delegated = seen_.delegated,
                      .former = {},
                      .advertised = history_.advertised};
    for (const auto& [uplink, prefixes] : history_.prefixes)
        for (const core::KnownPrefix& each : prefixes)
            if (!each.delegated)
                snapshot.former[uplink].push_back(each);
    snapshot.tables.erase(core::kTableOwnName); // no uplink's
    for (const auto& [key, line] : history_.lines)
        snapshot.lines[key] = {.state = line.health.state,
                               .carried = line.carried,
                               .penalty = line.health.penalty,
                               .drains_since = line.drains_since,
                               .drained = line.drained,
                               .moving = !line.moving.empty()};
    return snapshot;
}

void Engine::update(Time now) {
    seen_.probes = sensors_.probe_figures(now);
    date_neighbours(now);
    const auto config =
        stopping_ || !config_->enabled ? std::make_shared<const core::Config>() : config_;
    decision_ = core::decide(*config, seen_, history_, now);
    decided_config_ = config;
    history_ = decision_.history;
    steer_sensors(now);
    reconciler_.want(wanted());
    remember();
    settle_debts(reconciler_.step(seen_, now));
}

void Engine::remember() {
    for (const core::Transition& transition : decision_.transitions) {
        log_(level_of(transition), transition_text(transition));
        events_.push_back({transition, reconciler_.generation()});
        if (events_.size() > kEventsKept)
            events_.pop_front();
    }
    const auto before = std::exchange(verdicts_, verdicts());
    for (const core::LineReport& report : decision_.lines) {
        const core::ProbeKey key = report.line.key();
        const bool found =
            fault_in(before, key) == core::Fault::unknown && is_place(fault_in(verdicts_, key));
        if (found && report.health.state == core::State::down)
            log_(Level::warning, line_name(key) + " is down: " + report.health.reason);
    }
    tell_ways();
}

/// By which lines new connections leave, if that has changed.
void Engine::tell_ways() {
    core::PerFamily<std::string> ways;
    for (const core::LineReport& report : decision_.lines)
        if (std::string& names = ways[report.line.family]; report.carries)
            names += (names.empty() ? "" : ", ") + report.line.uplink->name;
    for (const core::Family family : core::kFamilies) {
        if (ways[family] == ways_[family])
            continue;
        const std::string way =
            ways[family].empty() ? "no line carries" : "new connections leave by " + ways[family];
        log_(Level::notice, std::string(core::to_string(family)) + ": " + way + ": " +
                                decision_.choice_reason[family]);
    }
    ways_ = std::move(ways);
}

std::map<core::ProbeKey, Engine::Told> Engine::verdicts() const {
    std::vector<const core::Line*> lines;
    for (const core::LineReport& report : decision_.lines)
        lines.push_back(&report.line);
    std::map<core::ProbeKey, Told> told;
    for (const auto& [key, verdict] : core::verdicts_of(lines, seen_))
        told[key] = {verdict.kind, verdict.fault, verdict.narrow};
    return told;
}

void Engine::restart_line(const std::string& uplink) {
    for (const core::Family family : core::kFamilies)
        if (const auto line = history_.lines.find({uplink, family}); line != history_.lines.end())
            line->second.restarted = true;
    probes_.clear(); // the next update() tells the probers everything again
}

void Engine::clear_penalty(const std::string& uplink) {
    for (const core::Family family : core::kFamilies)
        if (const auto line = history_.lines.find({uplink, family}); line != history_.lines.end())
            line->second.health.penalty = {};
}

bool Engine::verdicts_changed(Time now) {
    seen_.probes = sensors_.probe_figures(now);
    return verdicts() != verdicts_;
}

void Engine::steer_sensors(Time now) {
    if (decision_.desired.probes != probes_) {
        probes_ = decision_.desired.probes;
        sensors_.set_probes(probes_, now);
    }
    if (decision_.desired.bfd != bfd_) {
        bfd_ = decision_.desired.bfd;
        sensors_.set_bfd(bfd_);
    }
    if (decision_.desired.routers != routers_) {
        routers_ = decision_.desired.routers;
        sensors_.set_routers(routers_);
    }
    if (decision_.desired.advertise != advertise_) {
        for (const std::string& news :
             advertise_news(advertise_, decision_.desired.advertise, decision_.advertise))
            log_(Level::notice, news);
        advertise_ = decision_.desired.advertise;
        sensors_.set_advertise(advertise_, now);
    }
    std::set<std::uint32_t> tables;
    for (const auto& [name, table] : history_.tables)
        tables.insert(table);
    for (const core::Uplink& uplink : decided_config_->uplinks)
        for (const core::UplinkFamily& family : uplink.family.values)
            if (family.gateway.kind == core::Gateway::Kind::learned)
                tables.insert(family.gateway.table);
    tables.insert(tables_.begin(),
                  tables_.end()); // what was ours once is watched until it is empty
    if (tables != tables_ || decision_.desired.gateways != gateways_) {
        tables_ = tables;
        gateways_ = decision_.desired.gateways;
        sensors_.set_interest(tables_, gateways_);
    }
    resolve_gateways(now);
}

/// A line about to be used again must not wait for ARP or ND with its first packet; a line that
/// failed failed at the gateway or beyond it, which only a gateway that is asked now can tell; and
/// a line whose targets are suspected is judged by it.
void Engine::resolve_gateways(Time now) {
    for (const core::LineReport& report : decision_.lines) {
        const core::Line& line = report.line;
        if (!line.gateway || !line.resolves_gateway)
            continue;
        const core::NeighbourKey key{line.ifindex, *line.gateway};
        const auto found = seen_.neighbours.find(key);
        const bool resolved =
            found != seen_.neighbours.end() && (found->second == core::NeighbourState::reachable ||
                                                found->second == core::NeighbourState::stale);
        const bool unlocated =
            report.health.state == core::State::down && report.health.fault == core::Fault::unknown;
        const bool unresolved = report.health.state == core::State::hold && !resolved;
        // Where targets do not count the gateway does, and nobody else may ask it for long.
        const bool unprobed = report.health.fault == core::Fault::target;
        const auto last = resolved_.find(key);
        const auto pause = unlocated ? kLocateAgain : kResolveAgain;
        if ((!unlocated && !unresolved && !unprobed) ||
            (last != resolved_.end() && now < last->second + pause))
            continue;
        resolved_[key] = now;
        sensors_.resolve(key);
    }
}

/// The kernel says what the neighbours' states are, not since when.
void Engine::date_neighbours(Time now) {
    std::erase_if(seen_.neighbour_since,
                  [&](const auto& entry) { return !seen_.neighbours.contains(entry.first); });
    for (const auto& [key, state] : seen_.neighbours) {
        const auto before = neighbours_.find(key);
        if (before != neighbours_.end() && before->second != state)
            seen_.neighbour_since[key] = now;
    }
    neighbours_ = seen_.neighbours;
}

Wanted Engine::wanted() const {
    Wanted wanted{.desired = decision_.desired,
                  .lowered = core::lower(decision_.desired.rules,
                                         core::internal_prefixes(*decided_config_), seen_),
                  .stale = {},
                  .untranslated = {}};
    // Who leaves does not wait for flows: without translation none of them goes on anyway.
    if (!stopping_)
        wanted.stale = decision_.stale;
    for (const core::Family family : core::kFamilies) {
        const bool translates =
            std::ranges::any_of(wanted.desired.nat.lines, [family](const core::LineNat& line) {
                return line.translates(family);
            });
        if (translates)
            wanted.untranslated.push_back(
                core::untranslated_flows(wanted.desired.nat, decision_.lines, family));
    }
    return wanted;
}

/// A line's debt is settled when all that it owes has been forgotten.
void Engine::settle_debts(const std::vector<ForgottenFlows>& forgotten) {
    const auto vanished = history_.vanished;
    const auto is_open = [&](const core::StaleFlows& stale) {
        return !stale.movable_only && std::ranges::find(vanished, stale) == vanished.end() &&
               !reconciler_.is_forgotten(stale);
    };
    for (const ForgottenFlows& done : forgotten) {
        const core::ProbeKey& key = done.stale.line;
        const bool open = std::ranges::any_of(decision_.stale, [&](const core::StaleFlows& stale) {
            return stale.line == key && is_open(stale);
        });
        const auto line = history_.lines.find(key);
        if (line != history_.lines.end() && std::erase(line->second.moving, done.stale) != 0) {
            log_(Level::info, "moved the " + object_of(done.stale) + ": " + done.stale.reason);
            continue;
        }
        const bool of_line = done.owed && !done.stale.bound_to;
        if (of_line && std::erase(history_.vanished, done.stale) == 0 && !open &&
            line != history_.lines.end())
            line->second.owes_flows = false;
        forgotten_[key] = done;
        log_(Level::info, "forgot the " + object_of(done.stale) + ": " + done.stale.reason);
    }
}

std::optional<Time> Engine::drains_since(const core::ProbeKey& key) const {
    const auto line = history_.lines.find(key);
    const bool drains = line != history_.lines.end() && !line->second.drained;
    return drains ? line->second.drains_since : std::nullopt;
}

std::optional<Time> Engine::next_deadline() const {
    auto next = reconciler_.next_deadline();
    if (decision_.next_deadline && (!next || *decision_.next_deadline < *next))
        next = decision_.next_deadline;
    return next;
}

void Engine::stop() {
    stopping_ = true;
}

bool Engine::stopped() const {
    return stopping_ && (reconciler_.settled() || !seen_.dataplane.connected);
}

} // namespace multihomed::runtime
