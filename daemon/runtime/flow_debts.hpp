// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tracked flows that are yet to be forgotten: of lines that died, of before their translation
// stood, swept once more for packets that were under way, met by a guard, and ordered by command.
// Each is asked for once; while the request is under way nothing more happens to it. Its completion
// settles the debt, a failure is kept, shown and tried again.
//
// A debt that nobody owes any more, or whose line the kernel uses again, is withdrawn: a line that
// comes back while its flows are being forgotten keeps the new ones, from that moment on. What
// cannot be helped are those that begin before we hear of it, or while the kernel is at work on the
// one message that forgets them all (about a second for a million entries).
#pragma once

#include "apply/flow_applier.hpp"
#include "core/decide.hpp"
#include "runtime/log.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace multihomed::runtime {

using core::Time;

/// One thing to be mended, for `show`.
struct Problem {
    std::string object;
    std::string reason;
};

/// "flows of charter ipv4", or those of them that were translated to an address; for people.
std::string object_of(const core::StaleFlows& stale);

struct ForgottenFlows {
    core::StaleFlows stale;
    apply::ForgetReport report;
    bool owed = true; ///< false: somebody ordered it
};

class FlowDebts {
public:
    FlowDebts(apply::FlowApplier& flows, Log log) : flows_(flows), log_(std::move(log)) {}

    /// Takes in what the applier has completed.
    void collect(Time now);
    /// Sweeps what was forgotten a moment ago, unless the line, its address or its mark are in use
    /// again.
    void sweep_again(const core::Observation& seen, const core::NatPlan& plan, Time now);
    /// These flows began before their translation stood; what was owed of that kind is superseded.
    void owe_untranslated(const std::vector<core::FlowSelector>& flows);
    /// The line's guard has dropped packets, perhaps of these flows. They are looked for at once,
    /// and less and less often while there are none. False: that is under way.
    bool met_guard(const core::ProbeKey& line, const core::FlowSelector& flows, Time now);
    void forget_untranslated(Time now);
    /// All that is stale now. Asks for what may be forgotten and is not yet.
    void forget_stale(const std::vector<core::StaleFlows>& stale, const core::Observation& seen,
                      Time now);
    /// Whether they are stale or not; failure goes to the log only.
    void order(const core::StaleFlows& flows);

    /// What was forgotten since the last call.
    std::vector<ForgottenFlows> take_forgotten() { return std::exchange(forgotten_, {}); }
    /// Have these stale flows been forgotten, and no new ones begun?
    bool is_forgotten(const core::StaleFlows& stale) const;
    /// Nothing is under way and nothing has failed.
    bool settled() const;
    std::vector<Problem> problems() const;
    /// When something is to be done although nothing happens.
    std::optional<Time> next_deadline() const;

private:
    struct Request {
        core::FlowSelector selector;
        std::optional<apply::Ticket> ticket; ///< while it is under way
        std::optional<Time> retry;
    };
    struct Debt {
        core::StaleFlows stale;
        Request request;
        std::optional<apply::ForgetReport> report; ///< once forgotten
        bool told = false;
    };
    struct Met {
        Request request;
        bool due = false;
        Time not_before{};
        std::chrono::milliseconds pause{0}; ///< from a search to the next one
    };
    struct Sweep {
        Time when{};
        core::StaleFlows stale;
        std::optional<apply::Ticket> ticket;
    };
    struct Order {
        apply::Ticket ticket = 0;
        core::StaleFlows flows;
    };

    bool settle_debt(const apply::Completion& done, Time now);
    bool settle_untranslated(const apply::Completion& done, Time now);
    bool settle_met(const apply::Completion& done, Time now);
    bool settle_sweep(const apply::Completion& done);
    bool settle_order(const apply::Completion& done);
    void send(Request& request, Time now);
    void withdraw(std::optional<apply::Ticket>& ticket);
    void drop_settled(const std::vector<core::StaleFlows>& stale);
    Debt& debt_of(const core::StaleFlows& stale);
    void record(const std::string& object, Request& request, const apply::Completion& done,
                Time now);

    apply::FlowApplier& flows_;
    Log log_;
    std::vector<Debt> debts_;
    std::vector<Request> untranslated_;
    std::map<core::ProbeKey, Met> met_; ///< by line
    std::vector<Sweep> sweeps_;
    std::vector<Order> orders_;
    std::vector<ForgottenFlows> forgotten_;
    std::map<std::string, std::string> failures_; ///< by object
};

} // namespace multihomed::runtime
