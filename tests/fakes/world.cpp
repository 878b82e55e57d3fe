// SPDX-License-Identifier: GPL-2.0-or-later
#include "fakes/world.hpp"

#include "core/plan.hpp"

#include <algorithm>

namespace multihomed::test {

namespace {

runtime::Sensors sensors_of(World& world) {
    return {.set_probes = [](const auto&, core::Time) {},
            .probe_figures = [&world](core::Time) { return world.figures; },
            .set_interest = [](const auto&, const auto&) {},
            .resolve = [](const core::NeighbourKey&) {},
            .set_bfd = [](const std::vector<core::BfdPlan>&) {},
            .set_routers = [](const std::vector<core::Address>&) {},
            .set_advertise = [](const std::vector<core::AdvertisePlan>&, core::Time) {}};
}

} // namespace

World::World()
    : config(office_config()),
      engine({zebra, nat, flows, sysctls, names, tunnels}, sensors_of(*this),
             [this](runtime::Level, const std::string& text) { log.push_back(text); }) {
    config.enabled = true;
    seen() = office();
    seen().dataplane = {
        .connected = true, .known = true, .module = true, .module_version = "0.1.0"};
}

void World::update() {
    zebra.report(seen());
    engine.update(now);
}

void World::turn() {
    constexpr int kEnough = 50;
    for (int i = 0; i < kEnough; ++i) {
        update();
        const bool tunnel_news = tunnels.report(seen());
        if (!zebra.deliver() && !flows.has_news() && !tunnel_news)
            return;
    }
    journal.push_back("it never comes to rest");
}

void World::pass(std::chrono::milliseconds time) {
    const core::Time end = now + time;
    turn();
    for (auto next = engine.next_deadline(); next && *next <= end; next = engine.next_deadline()) {
        now = std::max(now + std::chrono::milliseconds(1), *next);
        turn();
    }
    now = end;
    turn();
}

void World::configure() {
    engine.configure(config);
    turn();
}

void World::start() {
    for (const core::Uplink& uplink : config.uplinks)
        answer(uplink.name);
    configure();
    pass(std::chrono::seconds(1));
}

void World::set_figures(const std::string& uplink, bool answered) {
    const auto found = std::ranges::find(config.uplinks, uplink, &core::Uplink::name);
    for (const core::Family family : core::kFamilies) {
        auto& targets = figures[{uplink, family}];
        targets.clear();
        for (const core::ProbeTarget& probe : found->probes) {
            const std::string target = probe.address.to_string();
            if (core::family_of(probe.address) == family)
                targets.push_back(
                    answered
                        ? answering(target)
                        : silent(target, core::probing_of(config, *found)[core::Knob::fail_after]));
        }
        const auto& gateway = found->family[family].gateway;
        if (targets.empty() && gateway.kind == core::Gateway::Kind::address) {
            const std::string target = gateway.address.to_string();
            targets.push_back(
                answered
                    ? answering(target)
                    : silent(target, core::probing_of(config, *found)[core::Knob::fail_after]));
        }
    }
}

void World::answer(const std::string& uplink) {
    set_figures(uplink, true);
}

void World::fall_silent(const std::string& uplink) {
    set_figures(uplink, false);
}

void World::set_carrier(const std::string& interface, bool carrier) {
    seen().interfaces.at(interface).carrier = carrier;
}

Journal World::news() {
    return std::exchange(journal, {});
}

core::State World::state(const std::string& uplink, core::Family family) const {
    for (const core::LineReport& report : engine.decision().lines)
        if (report.line.uplink->name == uplink && report.line.family == family)
            return report.health.state;
    return core::State::shutdown;
}

std::size_t place(const Journal& journal, const std::string& text) {
    const auto found =
        std::ranges::find_if(journal, [&](const auto& entry) { return entry.starts_with(text); });
    return static_cast<std::size_t>(found - journal.begin());
}

std::size_t count(const Journal& journal, const std::string& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(journal, [&](const auto& entry) { return entry.starts_with(text); }));
}

} // namespace multihomed::test
