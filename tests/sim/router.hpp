// SPDX-License-Identifier: GPL-2.0-or-later
//
// The simulated router around decide(): it keeps the history as the daemon does, puts the wanted
// routes into a small kernel after some delay, lets flows begin and forgets stale ones. Every
// decision passes check(); what a broken promise looks like is a text.
#pragma once

#include "sim/world.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace multihomed::sim {

/// A tracked flow that a line translates.
struct Flow {
    core::ProbeKey line;
    core::Address translated_to;
    bool marked = false;
};

enum class Cause { event, restart, time };

class SimRouter {
public:
    SimRouter(World& world, Random& random) : world_(world), random_(random) {}

    /// Decides, checks, and does what can be done at once. Returns what was found wrong.
    std::string update(core::Time now, Cause cause);
    /// Forgets everything the daemon knew, or all but what a snapshot keeps.
    void restart(bool with_snapshot, core::Time now);
    /// When the kernel will hold what is wanted, or a deadline of the decision comes.
    std::optional<core::Time> next_change() const;
    /// With nothing left to do: has every flow that cannot work been forgotten?
    std::string check_settled(core::Time now);

    std::size_t moves() const { return moves_; }
    std::size_t flows_seen() const { return flows_seen_; }
    std::size_t flows_forgotten() const { return flows_forgotten_; }
    const core::Decision& decision() const { return decision_; }

private:
    using Carriers = std::set<core::ProbeKey>;

    void apply(core::Time now);
    void drop_dead_routes();
    void begin_flows();
    void begin_flow(core::Family family);
    std::string forget_stale();
    std::string forget(const core::StaleFlows& stale);
    bool works(const Flow& flow) const;
    bool goes_on(const Flow& flow) const;
    Carriers carriers() const;
    std::string check_move(const Carriers& before, bool edited, Cause cause) const;
    std::string check_repeats(core::Time now);

    World& world_;
    Random& random_;
    core::Config decided_config_; ///< what decision_ points into
    core::Decision decision_;
    core::History history_;
    std::vector<core::Route> applied_;
    std::optional<core::Time> apply_at_;
    std::vector<Flow> flows_;
    std::size_t moves_ = 0;
    std::size_t flows_seen_ = 0;
    std::size_t flows_forgotten_ = 0;
};

/// What must be true of every decision, whatever came before. Empty: all of it is.
std::string check(const core::Config& config, const core::Observation& seen,
                  const core::History& before, const core::Decision& decision, core::Time now);

} // namespace multihomed::sim
