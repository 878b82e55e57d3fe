// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/engine.hpp"

#include <algorithm>

namespace multihomed::runtime {

namespace {

using namespace std::chrono_literals;

constexpr auto kResolveAgain = 1s;

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

} // namespace

Engine::Engine(Appliers appliers, Sensors sensors, Log log)
    : sensors_(std::move(sensors)), log_(log), reconciler_(appliers, log) {}

void Engine::configure(core::Config config) {
    config_ = std::make_shared<const core::Config>(std::move(config));
}

void Engine::restore(const Snapshot& snapshot, Time now) {
    history_.tables = snapshot.tables;
    history_.marks = snapshot.marks;
    for (const auto& [key, line] : snapshot.lines) {
        core::LineHistory& history = history_.lines[key];
        history.health = {line.state, now, "as before the restart", std::nullopt};
        history.carried = line.carried;
        history.owes_flows = !line.carried;
    }
}

Snapshot Engine::snapshot() const {
    Snapshot snapshot{.tables = history_.tables, .marks = history_.marks, .lines = {}};
    for (const auto& [key, line] : history_.lines)
        snapshot.lines[key] = {line.health.state, line.carried};
    return snapshot;
}

void Engine::update(Time now) {
    seen_.probes = sensors_.probe_figures(now);
    const auto config =
        stopping_ || !config_->enabled ? std::make_shared<const core::Config>() : config_;
    decision_ = core::decide(*config, seen_, history_, now);
    decided_config_ = config;
    history_ = decision_.history;
    updated_ = now;
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
    verdicts_.clear();
    for (const core::LineReport& report : decision_.lines)
        if (const auto found = seen_.probes.find(report.line.key()); found != seen_.probes.end())
            verdicts_[report.line.key()] =
                core::judge(found->second, report.line.uplink->timing.fail_after).kind;
}

void Engine::restart_line(const std::string& uplink) {
    for (const core::Family family : core::kFamilies)
        if (const auto line = history_.lines.find({uplink, family}); line != history_.lines.end())
            line->second.health = {core::State::init, updated_, "restarted", std::nullopt};
    probes_.clear(); // the next update() tells the probers everything again
}

bool Engine::verdicts_changed(Time now) {
    const auto figures = sensors_.probe_figures(now);
    for (const core::LineReport& report : decision_.lines) {
        const auto key = report.line.key();
        const auto found = figures.find(key);
        const auto known = verdicts_.find(key);
        if (found == figures.end())
            continue;
        const auto kind = core::judge(found->second, report.line.uplink->timing.fail_after).kind;
        if (known == verdicts_.end() || known->second != kind)
            return true;
    }
    return false;
}

void Engine::steer_sensors(Time now) {
    if (decision_.desired.probes != probes_) {
        probes_ = decision_.desired.probes;
        sensors_.set_probes(probes_, now);
    }
    std::set<std::uint32_t> tables;
    for (const auto& [name, table] : history_.tables)
        tables.insert(table);
    tables.insert(tables_.begin(),
                  tables_.end()); // what was ours once is watched until it is empty
    if (tables != tables_ || decision_.desired.gateways != gateways_) {
        tables_ = tables;
        gateways_ = decision_.desired.gateways;
        sensors_.set_interest(tables_, gateways_);
    }
    resolve_gateways(now);
}

/// A line about to be used again must not wait for ARP or ND with its first packet.
void Engine::resolve_gateways(Time now) {
    for (const core::LineReport& report : decision_.lines) {
        const core::Line& line = report.line;
        if (report.health.state != core::State::hold || !line.gateway || !line.resolves_gateway)
            continue;
        const core::NeighbourKey key{line.ifindex, *line.gateway};
        const auto found = seen_.neighbours.find(key);
        const bool resolved =
            found != seen_.neighbours.end() && (found->second == core::NeighbourState::reachable ||
                                                found->second == core::NeighbourState::stale);
        const auto last = resolved_.find(key);
        if (resolved || (last != resolved_.end() && now < last->second + kResolveAgain))
            continue;
        resolved_[key] = now;
        sensors_.resolve(key);
    }
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
                return line.nat[family].kind != core::Nat::Kind::none;
            });
        if (translates)
            wanted.untranslated.push_back(
                core::untranslated_flows(*decided_config_, decision_.lines, family));
    }
    return wanted;
}

/// A line's debt is settled when all that it owes has been forgotten.
void Engine::settle_debts(const std::vector<ForgottenFlows>& forgotten) {
    const auto vanished = history_.vanished;
    const auto is_open = [&](const core::StaleFlows& stale) {
        return std::ranges::find(vanished, stale) == vanished.end() &&
               !reconciler_.is_forgotten(stale);
    };
    for (const ForgottenFlows& done : forgotten) {
        const core::ProbeKey& key = done.stale.line;
        const bool open = std::ranges::any_of(decision_.stale, [&](const core::StaleFlows& stale) {
            return stale.line == key && is_open(stale);
        });
        const auto line = history_.lines.find(key);
        if (done.owed && std::erase(history_.vanished, done.stale) == 0 && !open &&
            line != history_.lines.end())
            line->second.owes_flows = false;
        forgotten_[key] = done;
        log_(Level::info, "forgot the " + object_of(done.stale) + ": " + done.stale.reason);
    }
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
