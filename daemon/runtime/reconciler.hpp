// SPDX-License-Identifier: GPL-2.0-or-later
//
// The reconciler makes the kernel hold what decide() wants, and keeps it so.
//
// step() is called after every event and does whatever can be done now, in the order in which a
// change must reach the kernel; a stage that is not settled ends the step, and the kernel's own
// report of what it holds starts the next one:
//
//   names, sysctls, tunnels -> NAT and guard -> routes -> rules -> stale flows -> who has to be
//   told that a line is dead -> removal of rules, of routes, of tunnels
//
// NAT and guard come first because they depend on configuration and addresses only, never on a
// line's state: a line that has them before any route leads to it cannot leak an untranslated
// packet, and in a failover there is nothing to do for them. What is to be removed from them
// lingers until no route leads there. Which lines are dead is the one thing in that table that does
// depend on their state; nothing waits for it. Nothing is removed before its successor stands. Each
// failure stays with its object, with the kernel's words, and is tried again with a growing delay;
// it never holds up other objects for long. One exception: while a line's guard cannot be set up at
// all, no route may lead to that line, and routing stays as it is. Stale flows hold up nothing
// either: they are forgotten elsewhere (runtime/flow_debts.hpp), and a later step hears of it.
#pragma once

#include "apply/flow_applier.hpp"
#include "apply/nat_applier.hpp"
#include "apply/routing_applier.hpp"
#include "apply/sysctl_applier.hpp"
#include "apply/table_names_file.hpp"
#include "apply/tunnel_applier.hpp"
#include "core/decide.hpp"
#include "core/kernel_view.hpp"
#include "core/lower.hpp"
#include "runtime/flow_debts.hpp"
#include "runtime/log.hpp"
#include "runtime/nexthop_groups.hpp"
#include "runtime/tunnels.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace multihomed::runtime {

struct Appliers {
    apply::RoutingApplier& routing;
    apply::NatApplier& nat;
    apply::FlowApplier& flows;
    apply::SysctlApplier& sysctls;
    apply::TableNameApplier& table_names;
    apply::TunnelApplier& tunnels;
};

/// What has become of one route or rule.
struct Status {
    Time sent{};
    unsigned attempts = 0;
    bool confirmed = false; ///< the kernel has reported it
    /// zebra prefers another program's: it said so since this one was sent, or the kernel shows it.
    bool outranked = false;
    bool removing = false;
    bool thinned = false; ///< a rule, of which the kernel had several
    std::string error;

    /// When to send again what is still missing: soon the first times, later rarely.
    std::chrono::milliseconds patience() const;
};

struct Wanted {
    core::Desired desired;
    core::Lowered lowered;
    std::vector<core::StaleFlows> stale;
    std::vector<core::FlowSelector> untranslated;
};

class Reconciler {
public:
    Reconciler(Appliers appliers, Log log)
        : appliers_(appliers), log_(log), flows_(appliers.flows, log), tunnels_(appliers.tunnels) {}

    /// A new wanted world; counts as a new generation if it differs.
    void want(Wanted wanted);
    /// Does what can be done now. Returns the flows that have been forgotten since the last time.
    std::vector<ForgottenFlows> step(const core::Observation& seen, Time now);
    /// When step() has something to do although nothing happens.
    std::optional<Time> next_deadline() const { return deadline_; }

    /// zebra has lost everything of ours, or speaks through another dataplane: send all of it
    /// again.
    void forget_sent();
    void note(const core::Route::Key& route, apply::Note what, const std::string& error);
    void note(const core::Rule& rule, apply::Note what, const std::string& error);
    /// The NAT table may have been changed by somebody else.
    void suspect_nat() { nat_suspect_ = true; }
    /// Sysctls are not announced when somebody changes them: look at the next step().
    void suspect_sysctls() { sysctls_suspect_ = true; }
    /// The guard of this line has dropped packets: of flows, perhaps, that began untranslated where
    /// their packets went another way. True: step() has something to do.
    bool met_guard(const core::ProbeKey& line, Time now);
    /// An interface, or an address of one, is another one than before.
    void suspect_tunnels() { tunnels_.suspect(); }

    /// The applier of flows has something to tell; the next step() acts on it.
    void collect_flows(Time now) { flows_.collect(now); }
    /// Begins to forget the translated flows of a line, because somebody says so.
    void order_forgetting(const core::ProbeKey& line, const core::AddressRange& translated_to);
    /// Have these stale flows been forgotten?
    bool is_forgotten(const core::StaleFlows& stale) const { return flows_.is_forgotten(stale); }

    /// No flows are being forgotten that are to be, and none could not be.
    bool flows_settled() const { return flows_.settled(); }

    /// Everything wanted stands and nothing else of ours does.
    bool settled() const { return settled_; }
    std::uint64_t generation() const { return generation_; }
    std::vector<Problem> problems() const;
    const std::map<core::Route::Key, Status>& routes() const { return route_status_; }
    const std::map<core::Rule, Status>& rules() const { return rule_status_; }
    const Wanted& wanted() const { return wanted_; }
    /// Everything that zebra was told and that is not known to be gone.
    const std::map<core::Route::Key, core::Route>& sent_routes() const { return sent_routes_; }
    /// What the nftables table holds, if we have put anything there.
    const std::optional<core::NatPlan>& applied_nat() const { return applied_nat_; }

private:
    void write_names(Time now);
    void write_sysctls(Time now);
    void settle_tunnels(Time now);
    bool remove_tunnels(const core::Observation& seen, Time now);
    void watch_way_out(const core::Observation& seen);
    enum class Dead : std::uint8_t { as_applied, as_wanted };
    bool settle_nat(const core::Observation& seen, Time now, Dead dead);
    bool is_under_way(const std::string& interface, Time now);
    core::Result<void> change_nat(const core::NatPlan& plan);
    bool settle_routes(const core::KernelIndex& kernel, Time now);
    bool settle_rules(const core::KernelIndex& kernel, Time now);
    void thin_out(const core::Rule& rule, Status& status, std::size_t copies, Time now);
    void adopt_leftovers(const core::Observation& seen);
    void withdraw_unseen();
    bool remove_rules(const core::KernelIndex& kernel, Time now);
    bool remove_routes(const core::KernelIndex& kernel, Time now);
    /// Sends a removal, or waits for it; true once it is done.
    template <class Object>
    bool remove_one(const Object& object, Status& status, bool gone, Time now);

    bool needs_sending(Status& status, bool present, Time now);
    void wake(Time when);
    bool rests(std::optional<Time>& retry, Time now);
    void record(const std::string& object, const core::Result<void>& result);

    Appliers appliers_;
    Log log_;
    Wanted wanted_;
    std::uint64_t generation_ = 0;
    bool settled_ = false;
    std::size_t missing_ = 0; ///< wanted, and not in the kernel
    bool rules_announced_ = false;

    std::map<core::Route::Key, core::Route> sent_routes_;
    /// Those that were sent or withdrawn since the session with zebra began.
    std::set<core::Route::Key> told_routes_;
    std::map<core::Route::Key, Status> route_status_;
    std::map<core::Rule, Status> rule_status_;
    NexthopGroups groups_;
    std::optional<core::NatPlan> applied_nat_;
    bool nat_suspect_ = true;
    bool nat_changed_ = false; ///< by somebody, and not yet put right
    bool nat_lingers_ = false; ///< what nobody wants any more is still in the table
    std::optional<Time> nat_retry_;
    /// The kernel's default led elsewhere than to a line when it was last seen to lead anywhere.
    core::PerFamily<bool> led_elsewhere_{};
    /// By interface: when zebra was last given a default that leads there.
    std::map<std::string, Time> default_sent_;
    FlowDebts flows_;
    /// Absent: a predecessor's may stand.
    std::optional<std::vector<core::TableName>> written_names_;
    std::optional<Time> names_retry_;
    std::vector<core::Sysctl> written_sysctls_;
    bool sysctls_suspect_ = true;
    std::optional<Time> sysctl_retry_;
    Tunnels tunnels_;
    std::map<std::string, std::string> failures_; ///< by object
    std::optional<Time> deadline_;
};

} // namespace multihomed::runtime
