// SPDX-License-Identifier: GPL-2.0-or-later
//
// An engine on fake appliers: the small office of core/builders.hpp with its clock. turn() lets it
// act on what it sees until nothing happens any more without time going by; pass() goes from
// deadline to deadline.
#pragma once

#include "core/builders.hpp"
#include "fakes/appliers.hpp"
#include "runtime/engine.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace multihomed::test {

/// Main's default of the office, by either line.
inline constexpr const char* kCharterDefault = "v4 default via 198.51.100.49 dev eth2.5 table 254";
inline constexpr const char* kAttDefault = "v4 default via 203.0.113.62 dev eth2.4 table 254";

class World {
public:
    World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Journal journal;
    FakeZebra zebra{journal};
    FakeNat nat{journal};
    FakeFlows flows{journal};
    FakeSysctls sysctls{journal};
    FakeTableNames names;
    FakeTunnels tunnels{journal};
    std::map<core::ProbeKey, std::vector<core::TargetFigures>> figures;
    std::vector<std::string> log;
    core::Config config;
    core::Time now = at(std::chrono::milliseconds(0));
    runtime::Engine engine;

    core::Observation& seen() { return engine.observation(); }
    runtime::Reconciler& reconciler() { return engine.reconciler(); }

    /// One update, without letting the kernel act.
    void update();
    void turn();
    void pass(std::chrono::milliseconds time);
    /// Takes `config` over, and turns.
    void configure();
    /// Configures, every line answers, and a second goes by: everything is in place.
    void start();

    /// All targets of the uplink answer, in both families; or none does.
    void answer(const std::string& uplink);
    void fall_silent(const std::string& uplink);
    void set_carrier(const std::string& interface, bool carrier);

    /// The journal since it was last asked for.
    Journal news();
    core::State state(const std::string& uplink, core::Family family = core::Family::v4) const;

private:
    void set_figures(const std::string& uplink, bool answered);
};

/// Where the first entry that begins with `text` stands in the journal; its size if there is none.
std::size_t place(const Journal& journal, const std::string& text);
std::size_t count(const Journal& journal, const std::string& text);

} // namespace multihomed::test
