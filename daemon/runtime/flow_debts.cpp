// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/flow_debts.hpp"

#include "core/config_text.hpp"

#include <algorithm>

namespace multihomed::runtime {

namespace {

using namespace std::chrono_literals;

constexpr auto kSweepAgain = 100ms;
constexpr auto kRetry = 1s;
/// Between two searches for what a guard has met: a million flows take a second.
constexpr std::chrono::milliseconds kSearchAgain = 1s;
constexpr std::chrono::milliseconds kSearchAgainAtMost = 16s;

std::string object_of(const core::FlowSelector& untranslated) {
    return std::string("untranslated flows ") + core::to_string(untranslated.family);
}

bool is_same(const core::StaleFlows& one, const core::StaleFlows& other) {
    return one.line == other.line && core::selector_of(one) == core::selector_of(other);
}

/// Do the addresses that a line had lost stand on an interface again?
bool is_own_again(const core::StaleFlows& stale, const core::Observation& seen) {
    if (!stale.address_gone)
        return false;
    return std::ranges::any_of(seen.interfaces, [&](const auto& entry) {
        return std::ranges::any_of(entry.second.addresses, [&](const core::InterfaceAddress& own) {
            return core::contains(stale.translated_to, own.address);
        });
    });
}

/// Does another line give its flows this mark by now?
bool is_given_away(const core::StaleFlows& stale, const core::NatPlan& plan) {
    return stale.mark != 0 && std::ranges::any_of(plan.lines, [&](const core::LineNat& line) {
               return line.mark == stale.mark && line.uplink != stale.line.uplink;
           });
}

} // namespace

std::string object_of(const core::StaleFlows& stale) {
    const std::string flows =
        "flows of " + stale.line.uplink + " " + core::to_string(stale.line.family);
    if (stale.movable_only && stale.protocol == 0)
        return "movable " + flows;
    if (stale.movable_only)
        return core::to_text(core::Failback::Class{stale.protocol, stale.port}) + " " + flows;
    if (stale.bound_to)
        return flows + " from " + stale.bound_to->to_string();
    return stale.mark != 0 ? flows
                           : flows + " translated to " + stale.translated_to.first.to_string();
}

void FlowDebts::collect(Time now) {
    for (const apply::Completion& done : flows_.completed())
        // Tickets are unique, so at most one of them takes it.
        (void)(settle_debt(done, now) || settle_untranslated(done, now) || settle_met(done, now) ||
               settle_sweep(done) || settle_order(done));
}

void FlowDebts::record(const std::string& object, Request& request, const apply::Completion& done,
                       Time now) {
    request.ticket.reset();
    if (done.result) {
        failures_.erase(object);
        return;
    }
    request.retry = now + kRetry;
    std::string& reason = failures_[object];
    if (reason != done.result.error().what)
        log_(Level::error, object + ": " + done.result.error().what);
    reason = done.result.error().what;
}

bool FlowDebts::settle_debt(const apply::Completion& done, Time now) {
    const auto debt = std::ranges::find_if(
        debts_, [&](const Debt& each) { return each.request.ticket == done.ticket; });
    if (debt == debts_.end())
        return false;
    record(object_of(debt->stale), debt->request, done, now);
    if (done.result)
        debt->report = *done.result;
    return true;
}

bool FlowDebts::settle_untranslated(const apply::Completion& done, Time now) {
    const auto request =
        std::ranges::find(untranslated_, std::optional(done.ticket), &Request::ticket);
    if (request == untranslated_.end())
        return false;
    record(object_of(request->selector), *request, done, now);
    if (done.result)
        untranslated_.erase(request);
    return true;
}

bool FlowDebts::settle_met(const apply::Completion& done, Time now) {
    const auto found = std::ranges::find_if(
        met_, [&](const auto& entry) { return entry.second.request.ticket == done.ticket; });
    if (found == met_.end())
        return false;
    auto& [line, met] = *found;
    record(object_of(met.request.selector), met.request, done, now);
    const std::uint64_t deleted = done.result ? done.result->deleted.value_or(0) : 0;
    if (deleted != 0)
        log_(Level::info, "forgot " + std::to_string(deleted) + " flows of " + line.uplink + " " +
                              core::to_string(line.family) +
                              ", which were not translated and met the guard");
    met.due = met.due || !done.result;
    met.pause = deleted != 0 ? kSearchAgain : std::min(2 * met.pause, kSearchAgainAtMost);
    met.not_before = now + met.pause;
    return true;
}

bool FlowDebts::settle_sweep(const apply::Completion& done) {
    const auto sweep = std::ranges::find(sweeps_, std::optional(done.ticket), &Sweep::ticket);
    if (sweep == sweeps_.end())
        return false;
    if (!done.result)
        log_(Level::warning, "second sweep of stale flows: " + done.result.error().what);
    sweeps_.erase(sweep);
    return true;
}

bool FlowDebts::settle_order(const apply::Completion& done) {
    const auto order = std::ranges::find(orders_, done.ticket, &Order::ticket);
    if (order == orders_.end())
        return false;
    if (done.result)
        forgotten_.push_back({order->flows, *done.result, false});
    else
        log_(Level::error, object_of(order->flows) + ": " + done.result.error().what);
    orders_.erase(order);
    return true;
}

void FlowDebts::send(Request& request, Time now) {
    if (request.ticket || (request.retry && now < *request.retry))
        return;
    request.retry.reset();
    request.ticket = flows_.forget(request.selector);
}

void FlowDebts::withdraw(std::optional<apply::Ticket>& ticket) {
    if (ticket)
        flows_.cancel(*ticket);
    ticket.reset();
}

void FlowDebts::sweep_again(const core::Observation& seen, const core::NatPlan& plan, Time now) {
    std::erase_if(sweeps_, [&](Sweep& sweep) {
        if (now < sweep.when)
            return false;
        // What has come back since may have new flows, which are well.
        if (!core::may_forget(sweep.stale, seen) || is_own_again(sweep.stale, seen) ||
            is_given_away(sweep.stale, plan)) {
            withdraw(sweep.ticket);
            return true;
        }
        if (!sweep.ticket)
            sweep.ticket = flows_.forget(core::selector_of(sweep.stale));
        return false;
    });
}

void FlowDebts::owe_untranslated(const std::vector<core::FlowSelector>& flows) {
    for (Request& request : untranslated_) {
        withdraw(request.ticket);
        failures_.erase(object_of(request.selector));
    }
    untranslated_.clear();
    for (const core::FlowSelector& selector : flows)
        untranslated_.push_back({selector, std::nullopt, std::nullopt});
}

bool FlowDebts::met_guard(const core::ProbeKey& line, const core::FlowSelector& flows, Time now) {
    Met& met = met_[line];
    met.request.selector = flows;
    if (now >= met.not_before + met.pause)
        met.pause = kSearchAgain / 2; // it has been quiet
    return !std::exchange(met.due, true);
}

void FlowDebts::forget_untranslated(Time now) {
    for (Request& request : untranslated_)
        send(request, now);
    for (auto& [line, met] : met_) {
        if (!met.due || met.request.ticket || now < met.not_before)
            continue;
        met.due = false;
        send(met.request, now);
    }
}

FlowDebts::Debt& FlowDebts::debt_of(const core::StaleFlows& stale) {
    const auto found =
        std::ranges::find_if(debts_, [&](const Debt& debt) { return is_same(debt.stale, stale); });
    if (found != debts_.end())
        return *found;
    return debts_.emplace_back(
        Debt{stale, {core::selector_of(stale), std::nullopt, std::nullopt}, std::nullopt, false});
}

/// A failure to forget is no problem any more when nothing is owed.
void FlowDebts::drop_settled(const std::vector<core::StaleFlows>& stale) {
    std::erase_if(debts_, [&](Debt& debt) {
        if (std::ranges::any_of(stale, [&](const auto& owed) { return is_same(owed, debt.stale); }))
            return false;
        withdraw(debt.request.ticket);
        failures_.erase(object_of(debt.stale));
        return true;
    });
}

void FlowDebts::forget_stale(const std::vector<core::StaleFlows>& stale,
                             const core::Observation& seen, Time now) {
    drop_settled(stale);
    for (const core::StaleFlows& owed : stale) {
        Debt& debt = debt_of(owed);
        debt.stale = owed; // its reason may be another one
        if (!core::may_forget(owed, seen)) {
            withdraw(debt.request.ticket);
            debt.request.retry.reset();
            debt.report.reset();
            debt.told = false;
        } else if (!debt.report) {
            send(debt.request, now);
        } else if (!debt.told) {
            debt.told = true;
            // Packets with such an address begin no flows: they are answered before.
            if (!owed.bound_to)
                sweeps_.push_back({now + kSweepAgain, owed, std::nullopt});
            forgotten_.push_back({owed, *debt.report});
        }
    }
}

void FlowDebts::order(const core::StaleFlows& flows) {
    orders_.push_back({flows_.forget(core::selector_of(flows)), flows});
}

bool FlowDebts::is_forgotten(const core::StaleFlows& stale) const {
    return std::ranges::any_of(
        debts_, [&](const Debt& debt) { return debt.told && is_same(debt.stale, stale); });
}

bool FlowDebts::settled() const {
    return failures_.empty() && untranslated_.empty() &&
           std::ranges::none_of(debts_,
                                [](const Debt& debt) { return debt.request.ticket.has_value(); });
}

std::vector<Problem> FlowDebts::problems() const {
    std::vector<Problem> problems;
    for (const auto& [object, reason] : failures_)
        problems.push_back({object, reason});
    return problems;
}

std::optional<Time> FlowDebts::next_deadline() const {
    std::optional<Time> next;
    const auto wake = [&](const std::optional<Time>& when) {
        if (when && (!next || *when < *next))
            next = when;
    };
    for (const Debt& debt : debts_)
        wake(debt.request.retry);
    for (const Request& request : untranslated_)
        wake(request.retry);
    for (const auto& [line, met] : met_)
        if (met.due && !met.request.ticket)
            wake(met.not_before);
    for (const Sweep& sweep : sweeps_)
        if (!sweep.ticket)
            wake(sweep.when);
    return next;
}

} // namespace multihomed::runtime
