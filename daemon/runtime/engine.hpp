// SPDX-License-Identifier: GPL-2.0-or-later
//
// The engine turns the wheel of the daemon: an edge puts what it saw into the observation and calls
// update(), which decides, tells the probers and the reconciler, and remembers. It owns
// configuration, observation, history and the last decision; it reads no clock and opens nothing.
// One thread.
#pragma once

#include "core/decide.hpp"
#include "runtime/reconciler.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

namespace multihomed::runtime {

/// What the engine asks of the edges that only observe.
struct Sensors {
    std::function<void(const std::vector<core::ProbePlan>&, Time)> set_probes;
    std::function<std::map<core::ProbeKey, std::vector<core::TargetFigures>>(Time)> probe_figures;
    /// Tables whose routes, and gateways whose neighbour entries, are of interest.
    std::function<void(const std::set<std::uint32_t>&, const std::vector<core::NeighbourKey>&)>
        set_interest;
    std::function<void(const core::NeighbourKey&)> resolve;
    std::function<void(const std::vector<core::BfdPlan>&)> set_bfd;
    /// Routers whose way zebra is to be asked for.
    std::function<void(const std::vector<core::Address>&)> set_routers;
    std::function<void(const std::vector<core::AdvertisePlan>&, Time)> set_advertise;
};

/// What survives the process: see runtime/snapshot.hpp.
struct Snapshot {
    core::Tables tables;
    core::MarkNumbers marks;
    struct LineState {
        core::State state = core::State::init;
        bool carried = false;
        core::Penalty penalty = {};
        std::optional<Time> drains_since = {};
        bool drained = false;
        bool moving = false; ///< flows that were to leave the line may still be on it
        bool operator==(const LineState&) const = default;
    };
    std::map<core::ProbeKey, LineState> lines;
    /// By uplink: those that are delegated, and those that were.
    std::map<std::string, std::vector<core::DelegatedPrefix>> delegated;
    core::KnownPrefixes former;
    core::AdvertisedPrefixes advertised;

    bool operator==(const Snapshot&) const = default;
};

/// A transition, as `show` and the log tell it.
struct Event {
    core::Transition transition;
    std::uint64_t generation = 0;
};

inline constexpr std::size_t kEventsKept = 256;

class Engine {
public:
    Engine(Appliers appliers, Sensors sensors, Log log);

    /// Takes the place of the configuration; in force with the next update().
    void configure(core::Config config);
    const core::Config& config() const { return *config_; }

    /// States from before a restart: a line that was down is not taken for good again.
    void restore(const Snapshot& snapshot, Time now);
    Snapshot snapshot() const;

    core::Observation& observation() { return seen_; }
    const core::Observation& observation() const { return seen_; }
    Reconciler& reconciler() { return reconciler_; }
    const Reconciler& reconciler() const { return reconciler_; }

    /// Something was seen, configured, or has become due.
    void update(Time now);
    /// Puts an uplink's lines through evaluation anew, as if they had just been configured.
    void restart_line(const std::string& uplink);
    void clear_penalty(const std::string& uplink);
    /// Takes the preferred line back, once, where nothing fails back.
    void fail_back() { history_.fails_back = true; }
    /// Have the probes of any line changed its verdict since the last update()?
    bool verdicts_changed(Time now);
    /// When update() is due although nothing happens.
    std::optional<Time> next_deadline() const;

    /// Wants an empty world from now on. The configuration stays readable.
    void stop();
    bool stopped() const;

    const core::Decision& decision() const { return decision_; }
    /// Of all probe targets, as of now; the observation has them as of the last update().
    std::map<core::ProbeKey, std::vector<core::TargetFigures>> probe_figures(Time now) const {
        return sensors_.probe_figures(now);
    }
    /// Since when flows of a line go on while another carries new ones.
    std::optional<Time> drains_since(const core::ProbeKey& key) const;
    const std::deque<Event>& events() const { return events_; }
    const std::map<core::ProbeKey, ForgottenFlows>& last_forgotten() const { return forgotten_; }

private:
    void remember();
    void tell_ways();
    /// What of a verdict makes a new decision worth while.
    using Told = std::tuple<core::Verdict::Kind, core::Fault, bool>;
    std::map<core::ProbeKey, Told> verdicts() const;
    void steer_sensors(Time now);
    void resolve_gateways(Time now);
    void date_neighbours(Time now);
    void settle_debts(const std::vector<ForgottenFlows>& forgotten);
    Wanted wanted() const;

    Sensors sensors_;
    Log log_;
    Reconciler reconciler_;
    /// Decisions point into the configuration they were made from.
    std::shared_ptr<const core::Config> config_ = std::make_shared<core::Config>();
    bool stopping_ = false;
    core::Observation seen_;
    core::History history_;
    std::shared_ptr<const core::Config> decided_config_;
    core::Decision decision_;
    std::vector<core::ProbePlan> probes_;
    std::vector<core::BfdPlan> bfd_;
    std::vector<core::Address> routers_;
    std::vector<core::AdvertisePlan> advertise_;
    std::set<std::uint32_t> tables_;
    std::vector<core::NeighbourKey> gateways_;
    std::map<core::ProbeKey, Told> verdicts_;
    core::PerFamily<std::string> ways_; ///< uplinks by which new connections leave
    std::map<core::NeighbourKey, Time> resolved_;
    std::map<core::NeighbourKey, core::NeighbourState> neighbours_;
    std::deque<Event> events_;
    std::map<core::ProbeKey, ForgottenFlows> forgotten_;
};

} // namespace multihomed::runtime
