// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/reconciler.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <set>

namespace multihomed::runtime {

namespace {

using namespace std::chrono_literals;

/// How long a stage waits for the kernel's report before the next one goes on without it.
constexpr auto kStagePatience = 300ms;
constexpr auto kSweepAgain = 100ms;
constexpr auto kRetry = 1s;

template <class T>
bool contains(const std::vector<T>& sorted, const T& value) {
    return std::ranges::binary_search(sorted, value);
}

std::optional<std::uint32_t> ifindex_of(const core::Observation& seen, const std::string& name) {
    const auto found = seen.interfaces.find(name);
    if (found == seen.interfaces.end())
        return std::nullopt;
    return found->second.index;
}

bool is_routed(const core::Observation& seen, const std::string& interface) {
    const auto ifindex = ifindex_of(seen, interface);
    if (!ifindex)
        return false;
    return std::ranges::any_of(seen.routes, [&](const core::KernelRoute& route) {
        return route.destination.is_any() &&
               (route.table == core::kTableMain || route.table == core::kTableDefault) &&
               std::ranges::any_of(route.nexthops, [&](const core::KernelNexthop& nexthop) {
                   return nexthop.ifindex == *ifindex;
               });
    });
}

/// The wanted plan, plus the lines of the applied one that packets can still reach.
core::NatPlan with_lingering(const core::NatPlan& wanted, const core::NatPlan& applied,
                             const core::Observation& seen) {
    core::NatPlan plan = wanted;
    for (const core::LineNat& line : applied.lines) {
        const bool stays = std::ranges::any_of(plan.lines, [&](const core::LineNat& other) {
            return other.interface == line.interface;
        });
        if (!stays && is_routed(seen, line.interface))
            plan.lines.push_back(line);
    }
    if (plan.lines.size() != wanted.lines.size() && wanted.lines.empty())
        plan.internal = applied.internal;
    std::ranges::sort(plan.lines, {}, &core::LineNat::interface);
    return plan;
}

/// Did translation begin, or change, for anybody?
bool translates_more(const core::NatPlan& now, const std::optional<core::NatPlan>& before) {
    return !now.lines.empty() &&
           (!before || before->internal != now.internal ||
            std::ranges::any_of(now.lines, [&](const core::LineNat& line) {
                return std::ranges::find(before->lines, line) == before->lines.end();
            }));
}

} // namespace

std::chrono::milliseconds Status::patience() const {
    constexpr unsigned kSteps = 5;
    return 500ms * (1U << std::min(attempts, kSteps)); // 1 s to 16 s
}

void Reconciler::want(Wanted wanted) {
    if (!(wanted.desired == wanted_.desired) || wanted.lowered.rules != wanted_.lowered.rules)
        ++generation_;
    wanted_ = std::move(wanted);
}

void Reconciler::forget_sent() {
    sent_routes_.clear();
    route_status_.clear();
    rule_status_.clear();
    rules_announced_ = false;
}

std::vector<ForgottenFlows> Reconciler::step(const core::Observation& seen, Time now) {
    deadline_.reset();
    settled_ = false;
    sweep_again(now);
    write_names();
    write_sysctls(now);
    if (!settle_nat(seen, now) || !seen.dataplane.known)
        return {};
    const core::KernelIndex kernel(seen);
    const bool stands = settle_routes(kernel, now) && settle_rules(kernel, now);
    // Flows wait for nothing but the kernel's own evidence, which may be there before zebra moves.
    auto forgotten = forget_flows(seen, now);
    if (!stands)
        return forgotten;
    adopt_leftovers(seen);
    settled_ = remove_rules(kernel, now) && remove_routes(kernel, now) && problems().empty();
    return forgotten;
}

void Reconciler::wake(Time when) {
    if (!deadline_ || when < *deadline_)
        deadline_ = when;
}

void Reconciler::record(const std::string& object, const core::Result<void>& result) {
    if (result) {
        failures_.erase(object);
        return;
    }
    auto& reason = failures_[object];
    if (reason != result.error().what)
        log_(Level::error, object + ": " + result.error().what);
    reason = result.error().what;
}

void Reconciler::write_names() {
    const auto& names = wanted_.desired.table_names;
    if (names == written_names_)
        return;
    record("table names",
           names.empty() ? appliers_.table_names.remove() : appliers_.table_names.apply(names));
    written_names_ = names; // a name is a convenience: shown as a problem, not retried in a loop
}

void Reconciler::write_sysctls(Time now) {
    const auto& sysctls = wanted_.desired.sysctls;
    const bool due = sysctl_retry_ && now >= *sysctl_retry_;
    const bool changed = sysctls_suspect_ && !appliers_.sysctls.missing(sysctls).empty();
    sysctls_suspect_ = false;
    if (sysctls == written_sysctls_ && !due && !changed) {
        if (sysctl_retry_)
            wake(*sysctl_retry_);
        return;
    }
    const auto result = appliers_.sysctls.apply(sysctls);
    record("sysctls", result);
    written_sysctls_ = sysctls;
    sysctl_retry_.reset();
    if (!result) {
        sysctl_retry_ = now + kRetry;
        wake(*sysctl_retry_);
    }
}

bool Reconciler::settle_nat(const core::Observation& seen, Time now) {
    if (nat_retry_ && now < *nat_retry_) {
        wake(*nat_retry_);
        return false;
    }
    nat_retry_.reset();
    const core::NatPlan plan = applied_nat_
                                   ? with_lingering(wanted_.desired.nat, *applied_nat_, seen)
                                   : wanted_.desired.nat;
    if (nat_suspect_ && applied_nat_) {
        const auto intact = appliers_.nat.verify();
        if (intact && !*intact) {
            log_(Level::warning,
                 "nftables table inet multihome was changed by somebody; restoring");
            applied_nat_.reset();
        }
    }
    nat_suspect_ = false;
    if (applied_nat_ && plan == *applied_nat_)
        return true;
    const auto result = plan.lines.empty() ? appliers_.nat.remove() : appliers_.nat.apply(plan);
    record("nftables table inet multihome", result);
    if (!result) {
        nat_retry_ = now + kRetry;
        wake(*nat_retry_);
        return false;
    }
    if (translates_more(plan, applied_nat_))
        for (const core::FlowSelector& flows : wanted_.untranslated)
            if (const auto done = appliers_.flows.forget(flows); !done)
                log_(Level::warning, "untranslated flows: " + done.error().what);
    applied_nat_ = plan;
    return true;
}

bool Reconciler::needs_sending(Status& status, bool present, Time now) {
    if (present) {
        status.confirmed = true;
        status.outranked = false;
        status.attempts = 0;
        status.error.clear();
        return false;
    }
    // What stood and is gone was taken by somebody: at once, the first time.
    const auto wait = status.confirmed ? 50ms : status.patience();
    if (now < status.sent + wait) {
        wake(status.sent + wait);
        return false;
    }
    status.confirmed = false;
    return true;
}

bool Reconciler::settle_routes(const core::KernelIndex& kernel, Time now) {
    const auto& routes = wanted_.desired.routes;
    const auto expected = core::expected_in_kernel(routes);
    bool settled = true;
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const core::Route& route = routes[i];
        const bool present = !expected[i] || kernel.holds(route);
        const auto sent = sent_routes_.find(route.key());
        const bool fresh = sent == sent_routes_.end() || !(sent->second == route) ||
                           route_status_[route.key()].removing;
        if (fresh)
            route_status_[route.key()] = Status{};
        Status& status = route_status_[route.key()];
        if (fresh || needs_sending(status, present, now)) {
            appliers_.routing.add(route);
            sent_routes_[route.key()] = route;
            status.sent = now;
            ++status.attempts;
            wake(now + status.patience());
        }
        // zebra shows an unreachable route only once the better one has been removed, further down.
        const bool waits = !present && !route.nexthops.empty() && !status.outranked;
        if (waits && now < status.sent + kStagePatience) {
            settled = false;
            wake(status.sent + kStagePatience);
        }
    }
    return settled;
}

bool Reconciler::settle_rules(const core::KernelIndex& kernel, Time now) {
    bool settled = true;
    for (const core::Rule& rule : wanted_.lowered.rules) {
        const bool present = kernel.holds(rule, wanted_.lowered.protocol);
        auto [entry, fresh] = rule_status_.try_emplace(rule);
        Status& status = entry->second;
        if (status.removing) {
            status = Status{};
            fresh = true;
        }
        if (fresh || needs_sending(status, present, now)) {
            appliers_.routing.add(rule);
            status.sent = now;
            ++status.attempts;
            wake(now + status.patience());
        }
        if (!present && now < status.sent + kStagePatience) {
            settled = false;
            wake(status.sent + kStagePatience);
        }
    }
    if (settled && !rules_announced_) {
        appliers_.routing.rules_complete();
        rules_announced_ = true;
    }
    return settled;
}

void Reconciler::sweep_again(Time now) {
    std::erase_if(sweeps_, [&](const auto& sweep) {
        if (now < sweep.first)
            return false;
        if (const auto done = appliers_.flows.forget(sweep.second); !done)
            log_(Level::warning, "second sweep of stale flows: " + done.error().what);
        return true;
    });
    for (const auto& sweep : sweeps_)
        wake(sweep.first);
}

std::vector<ForgottenFlows> Reconciler::forget_flows(const core::Observation& seen, Time now) {
    std::vector<ForgottenFlows> forgotten;
    for (const core::StaleFlows& stale : wanted_.stale) {
        const std::string object = "flows of " + stale.line.uplink + " " +
                                   core::to_string(stale.line.family) + " translated to " +
                                   stale.translated_to.first.to_string();
        const auto retry = flow_retry_.find(object);
        if (retry != flow_retry_.end() && now < retry->second) {
            wake(retry->second);
            continue;
        }
        if (!core::may_forget(stale, seen))
            continue;
        const auto selector = core::selector_of(stale);
        const auto done = appliers_.flows.forget(selector);
        record(object, done ? core::Result<void>() : core::Result<void>(done.error()));
        if (!done) {
            flow_retry_[object] = now + kRetry;
            wake(now + kRetry);
            continue;
        }
        flow_retry_.erase(object);
        sweeps_.emplace_back(now + kSweepAgain, selector);
        wake(now + kSweepAgain);
        forgotten.push_back({stale, *done});
    }
    return forgotten;
}

/// What bears our protocol number and nobody wants was left by a predecessor.
void Reconciler::adopt_leftovers(const core::Observation& seen) {
    for (const core::KernelRule& found : seen.rules)
        if (found.protocol == core::kRuleProtocol && !found.exotic && seen.dataplane.module)
            rule_status_.try_emplace(found.rule);
}

template <class Object>
bool Reconciler::remove_one(const Object& object, Status& status, bool gone, Time now) {
    if (status.removing && gone)
        return true;
    if (!status.removing || now >= status.sent + status.patience()) {
        appliers_.routing.remove(object);
        status.attempts = status.removing ? status.attempts + 1 : 1;
        status.removing = true;
        status.sent = now;
    }
    wake(status.sent + status.patience());
    return false;
}

bool Reconciler::remove_rules(const core::KernelIndex& kernel, Time now) {
    bool all_gone = true;
    for (auto entry = rule_status_.begin(); entry != rule_status_.end();) {
        const core::Rule& rule = entry->first;
        const bool wanted = contains(wanted_.lowered.rules, rule);
        const bool gone = !kernel.holds(rule, wanted_.lowered.protocol);
        const bool done = !wanted && remove_one(rule, entry->second, gone, now);
        all_gone = all_gone && (wanted || done);
        entry = done ? rule_status_.erase(entry) : std::next(entry);
    }
    return all_gone;
}

bool Reconciler::remove_routes(const core::KernelIndex& kernel, Time now) {
    std::set<core::Route::Key> wanted;
    std::set<std::pair<std::uint32_t, core::Prefix>> superseded;
    for (const core::Route& route : wanted_.desired.routes) {
        wanted.insert(route.key());
        superseded.emplace(route.table, route.destination);
    }
    bool all_gone = true;
    std::erase_if(sent_routes_, [&](const auto& entry) {
        const auto& [key, route] = entry;
        if (wanted.contains(key))
            return false;
        // A successor to the same destination hides whether the kernel has let go of this one.
        const bool gone = superseded.contains({key.table, key.destination}) || !kernel.holds(route);
        const bool done = remove_one(route, route_status_[key], gone, now);
        if (done)
            route_status_.erase(key);
        all_gone = all_gone && done;
        return done;
    });
    return all_gone;
}

void Reconciler::note(const core::Route::Key& route, apply::Note what, const std::string& error) {
    const auto found = route_status_.find(route);
    if (found == route_status_.end())
        return;
    found->second.outranked = what == apply::Note::outranked;
    found->second.error = what == apply::Note::failed ? error : "";
}

void Reconciler::note(const core::Rule& rule, apply::Note what, const std::string& error) {
    const auto found = rule_status_.find(rule);
    if (found != rule_status_.end())
        found->second.error = what == apply::Note::failed ? error : "";
}

std::vector<Problem> Reconciler::problems() const {
    std::vector<Problem> problems;
    for (const auto& [object, reason] : failures_)
        problems.push_back({object, reason});
    for (const auto& [key, status] : route_status_)
        if (!status.error.empty())
            problems.push_back({core::to_string(sent_routes_.at(key)), status.error});
    for (const auto& [rule, status] : rule_status_)
        if (!status.error.empty())
            problems.push_back({core::to_string(rule), status.error});
    return problems;
}

} // namespace multihomed::runtime
