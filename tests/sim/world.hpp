// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the simulated router sees: lines that break and return, addresses that come and go,
// interfaces made anew, an operator who edits. It fills a Config and an Observation as the
// observers would; it knows nothing of how decisions are made.
#pragma once

#include "core/decide.hpp"
#include "sim/random.hpp"

#include <optional>
#include <string>
#include <vector>

namespace multihomed::sim {

/// One line as it is, whatever the router believes.
struct Wire {
    std::string interface;
    unsigned number = 0;
    bool exists = true;
    bool gateway_answers = true;
    bool path_works = true; ///< beyond the gateway
    /// Set while a loss burst lasts: nothing comes back until then.
    std::optional<core::Time> lossy_until = {};
    /// When path or gateway last changed to what they are.
    core::Time changed{};
    bool neighbour_resolved = true;
    std::optional<core::Time> resolves_at = {};
};

class World {
public:
    World(Random& random, core::Time start);

    core::Config config;
    core::Observation seen;

    /// Does one thing to a line or to the configuration; returns what, for the log.
    std::string happen(core::Time now);
    /// Mends every line and stops meddling.
    void mend(core::Time now);

    /// The probers: what they are told, and what they have found by `now`.
    void set_probes(const std::vector<core::ProbePlan>& plans, core::Time now);
    void refresh(core::Time now);
    /// When something changes by itself: a verdict, the end of a burst, a neighbour entry.
    std::optional<core::Time> next_change(core::Time now) const;

private:
    struct Prober {
        core::ProbePlan plan;
        core::Time started{};
        bool ever_received = false;
    };

    core::Uplink make_uplink(unsigned number);
    void create_interface(Wire& wire);
    std::string break_wire(Wire& wire, core::Time now);
    std::string readdress(Wire& wire);
    std::string edit(core::Uplink& uplink);
    std::string edit_nat(core::Uplink& uplink);
    std::string edit_prefix_nats(core::Uplink& uplink);
    std::string edit_whole();
    Wire& wire_of(const core::Uplink& uplink);
    bool answers(const Wire& wire, const core::ProbePlan& plan, core::Time now) const;
    core::Time since(const Wire& wire, const Prober& prober) const;
    core::TargetFigures figures(const Prober& prober, const core::ProbeTarget& target,
                                core::Time now) const;

    Random& random_;
    std::vector<Wire> wires_;
    std::vector<Prober> probers_;
    std::uint32_t next_ifindex_ = 10;
};

} // namespace multihomed::sim
