// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/reconciler.hpp"

#include "core/plan.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <functional>
#include <set>

namespace multihomed::runtime {

namespace {

using namespace std::chrono_literals;

/// How long a stage waits for the kernel's report before the next one goes on without it.
constexpr auto kStagePatience = 300ms;
/// A route on its way through zebra may still come into the kernel this long after it was sent.
constexpr auto kUnderWay = 1s;
constexpr auto kRetry = 1s;

const std::string kNatObject = "nftables table inet multihome";
const std::string kNamesObject = "table names";

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

bool is_default(const core::Route& route) {
    return route.destination.is_any() && core::holds_defaults(route.table);
}

/// Does a default of ours lead there?
bool is_routed(const core::Observation& seen, const std::string& interface, core::Family family) {
    const auto ifindex = ifindex_of(seen, interface);
    if (!ifindex)
        return false;
    return std::ranges::any_of(seen.routes, [&](const core::KernelRoute& route) {
        return route.destination == core::Prefix::any(family) &&
               route.protocol == core::kDefaultRouteProtocol && core::holds_defaults(route.table) &&
               std::ranges::any_of(route.nexthops, [&](const core::KernelNexthop& nexthop) {
                   return nexthop.ifindex == *ifindex;
               });
    });
}

using Reached = std::function<bool(const std::string& interface, core::Family)>;

/// A line that has lost one family only keeps what stood for that one.
void keep_families(core::LineNat& line, const core::LineNat& applied, const Reached& reached) {
    for (const core::Family family : core::kFamilies) {
        const std::vector unguarded{core::Prefix::any(family)};
        if (line.sources[family] != unguarded || applied.sources[family] == unguarded ||
            !reached(line.interface, family))
            continue;
        line.prefixes[family] = applied.prefixes[family];
        line.nat[family] = applied.nat[family];
        line.sources[family] = applied.sources[family];
    }
}

/// The wanted plan, plus the lines of the applied one whose interfaces packets can still reach.
core::NatPlan with_lingering(const core::NatPlan& wanted, const core::NatPlan& applied,
                             const Reached& reached) {
    core::NatPlan plan = wanted;
    for (const core::LineNat& line : applied.lines) {
        const auto stays = std::ranges::find(plan.lines, line.interface, &core::LineNat::interface);
        if (stays != plan.lines.end())
            keep_families(*stays, line, reached);
        else if (reached(line.interface, core::Family::v4) ||
                 reached(line.interface, core::Family::v6))
            plan.lines.push_back(line);
    }
    if (plan.lines.size() != wanted.lines.size() && wanted.lines.empty()) {
        plan.internal = applied.internal;
        plan.mark_mask = applied.mark_mask;
    }
    std::ranges::sort(plan.lines, {}, &core::LineNat::interface);
    return plan;
}

/// Did translation begin, or change, for anybody?
bool translates_more(const core::NatPlan& now, const std::optional<core::NatPlan>& before) {
    return !now.lines.empty() &&
           (!before || before->internal != now.internal ||
            std::ranges::any_of(now.lines, [&](const core::LineNat& line) {
                return std::ranges::none_of(before->lines, [&](core::LineNat other) {
                    other.dead = line.dead; // has nothing to do with translation
                    return other == line;
                });
            }));
}

/// Takes the dead lines from what is applied.
void keep_dead(core::NatPlan& plan, const std::optional<core::NatPlan>& applied) {
    for (core::LineNat& line : plan.lines) {
        line.dead = {};
        if (!applied)
            continue;
        const auto stood =
            std::ranges::find(applied->lines, line.interface, &core::LineNat::interface);
        if (stood != applied->lines.end())
            line.dead = stood->dead;
    }
}

/// Does the guard of `applied` watch every line of `wanted`? It may not know all of its sources
/// yet, but lets none pass that it does not know.
bool guards_all(const std::optional<core::NatPlan>& applied, const core::NatPlan& wanted) {
    return std::ranges::all_of(wanted.lines, [&](const core::LineNat& line) {
        return applied &&
               std::ranges::count(applied->lines, line.interface, &core::LineNat::interface) != 0;
    });
}

/// Why a route or rule does not stand; empty: it does, or may yet.
std::string trouble_of(const Status& status) {
    constexpr unsigned kMany = 4;
    if (!status.error.empty() || status.outranked || status.attempts < kMany)
        return status.error;
    return (status.removing ? "still in the kernel, although withdrawn "
                            : "not in the kernel, although zebra was told ") +
           std::to_string(status.attempts) + " times; its log may say why";
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
    told_routes_.clear();
    route_status_.clear();
    rule_status_.clear();
    rules_announced_ = false;
}

std::vector<ForgottenFlows> Reconciler::step(const core::Observation& seen, Time now) {
    deadline_.reset();
    settled_ = false;
    missing_ = 0;
    flows_.collect(now);
    flows_.sweep_again(seen, wanted_.desired.nat, now);
    write_names(now);
    write_sysctls(now);
    settle_tunnels(now);
    const bool translated = settle_nat(seen, now, Dead::as_applied);
    watch_way_out(seen);
    flows_.forget_untranslated(now);
    const core::KernelIndex kernel(seen);
    const bool stands = translated && seen.dataplane.known && settle_routes(kernel, now) &&
                        settle_rules(kernel, now);
    // Flows wait for nothing but the kernel's own evidence, which may be there before zebra moves;
    // but without any translation their successors would leave untranslated.
    if (applied_nat_)
        flows_.forget_stale(wanted_.stale, seen, now);
    if (const auto due = flows_.next_deadline())
        wake(*due);
    // Without zebra there is nothing that a tunnel could be removed after.
    if (!seen.dataplane.connected)
        (void)remove_tunnels(seen, now);
    if (stands) {
        (void)settle_nat(seen, now, Dead::as_wanted);
        adopt_leftovers(seen);
        const bool cleared =
            remove_rules(kernel, now) && remove_routes(kernel, now) && remove_tunnels(seen, now);
        settled_ = cleared && missing_ == 0 && !nat_lingers_ && flows_.settled() &&
                   failures_.size() == failures_.count(kNamesObject);
    }
    return flows_.take_forgotten();
}

void Reconciler::order_forgetting(const core::ProbeKey& line,
                                  const core::AddressRange& translated_to) {
    flows_.order({line, 0, translated_to, false, "by command"});
}

void Reconciler::wake(Time when) {
    if (!deadline_ || when < *deadline_)
        deadline_ = when;
}

/// Not yet time to try again; once it is, the retry is taken back.
bool Reconciler::rests(std::optional<Time>& retry, Time now) {
    if (!retry)
        return false;
    if (now >= *retry) {
        retry.reset();
        return false;
    }
    wake(*retry);
    return true;
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

void Reconciler::write_names(Time now) {
    const auto& names = wanted_.desired.table_names;
    if (names == written_names_) {
        record(kNamesObject, {});
        return;
    }
    if (rests(names_retry_, now))
        return;
    // A name is a convenience: nothing waits for it.
    const auto result =
        names.empty() ? appliers_.table_names.remove() : appliers_.table_names.apply(names);
    record(kNamesObject, result);
    if (result)
        written_names_ = names;
    else
        wake(names_retry_.emplace(now + kRetry));
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
    if (!result)
        wake(sysctl_retry_.emplace(now + kRetry));
}

void Reconciler::settle_tunnels(Time now) {
    for (const auto& [object, result] : tunnels_.settle(wanted_.desired.tunnels, now))
        record(object, result);
    if (const auto due = tunnels_.next_deadline())
        wake(*due);
}

/// True once no tunnel of ours is there that nobody wants.
bool Reconciler::remove_tunnels(const core::Observation& seen, Time now) {
    const auto removal = tunnels_.remove_unwanted(wanted_.desired.tunnels, seen);
    for (const auto& [object, result] : removal.outcomes)
        record(object, result);
    if (!removal.complete)
        wake(now + kRetry);
    return removal.complete;
}

bool Reconciler::settle_nat(const core::Observation& seen, Time now, Dead dead) {
    const auto reached = [&](const std::string& interface, core::Family family) {
        return is_under_way(interface, now) || is_routed(seen, interface, family);
    };
    core::NatPlan plan = applied_nat_ ? with_lingering(wanted_.desired.nat, *applied_nat_, reached)
                                      : wanted_.desired.nat;
    nat_lingers_ = !(plan == wanted_.desired.nat);
    if (dead == Dead::as_applied)
        keep_dead(plan, applied_nat_);
    if (rests(nat_retry_, now))
        return guards_all(applied_nat_, plan);
    const auto result = change_nat(plan);
    record(kNatObject, result);
    if (result)
        return true;
    wake(nat_retry_.emplace(now + kRetry));
    return guards_all(applied_nat_, plan);
}

/// What began while another router's default was used is tracked, and was translated there. By a
/// line of ours it would go on untranslated for as long as it lives.
void Reconciler::watch_way_out(const core::Observation& seen) {
    if (!applied_nat_)
        return;
    bool is_back = false;
    for (const core::Family family : core::kFamilies) {
        const auto nexthops = core::default_nexthops(seen, family);
        const bool by_line = std::ranges::any_of(nexthops, [&](const auto& nexthop) {
            return std::ranges::any_of(applied_nat_->lines, [&](const core::LineNat& line) {
                return ifindex_of(seen, line.interface) == nexthop.ifindex;
            });
        });
        is_back = is_back || (by_line && led_elsewhere_[family]);
        if (!nexthops.empty())
            led_elsewhere_[family] = !by_line;
    }
    if (is_back)
        flows_.owe_untranslated(wanted_.untranslated);
}

bool Reconciler::met_guard(const core::ProbeKey& line, Time now) {
    if (!applied_nat_)
        return false;
    const auto nat = std::ranges::find(applied_nat_->lines, line.uplink, &core::LineNat::uplink);
    const auto untranslated =
        std::ranges::find(wanted_.untranslated, line.family, &core::FlowSelector::family);
    if (nat == applied_nat_->lines.end() || !nat->translates(line.family) ||
        untranslated == wanted_.untranslated.end())
        return false;
    core::FlowSelector flows = *untranslated;
    flows.either_way = true;
    // A packet that met the guard has given its flow the line's mark.
    flows.mark = nat->mark & applied_nat_->mark_mask;
    flows.mask = flows.mark != 0 ? applied_nat_->mark_mask : 0;
    return flows_.met_guard(line, flows, now);
}

/// The kernel shows no route that zebra has yet to install.
bool Reconciler::is_under_way(const std::string& interface, Time now) {
    const auto sent = default_sent_.find(interface);
    if (sent == default_sent_.end())
        return false;
    if (now >= sent->second + kUnderWay) {
        default_sent_.erase(sent);
        return false;
    }
    wake(sent->second + kUnderWay);
    return true;
}

core::Result<void> Reconciler::change_nat(const core::NatPlan& plan) {
    if (nat_suspect_ && applied_nat_) {
        const auto intact = appliers_.nat.verify();
        if (!intact)
            return intact.error();
        if (!*intact)
            log_(Level::warning, kNatObject + " was changed by somebody; restoring");
        nat_changed_ = nat_changed_ || !*intact;
    }
    nat_suspect_ = false;
    if (applied_nat_ && plan == *applied_nat_ && !nat_changed_)
        return {};
    const auto result = plan.lines.empty() ? appliers_.nat.remove() : appliers_.nat.apply(plan);
    if (!result)
        return result;
    if (plan.lines.empty())
        flows_.owe_untranslated({});
    else if (nat_changed_ || translates_more(plan, applied_nat_))
        flows_.owe_untranslated(wanted_.untranslated);
    nat_changed_ = false;
    applied_nat_ = plan;
    return {};
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
            appliers_.routing.add(groups_.next(route));
            sent_routes_[route.key()] = route;
            told_routes_.insert(route.key());
            if (is_default(route))
                for (const core::Nexthop& nexthop : route.nexthops)
                    default_sent_[nexthop.interface] = now;
            status.sent = now;
            status.outranked = false;
            ++status.attempts;
            wake(now + status.patience());
        }
        // Of what never was the best one zebra says nothing.
        if (!present && route.table == core::kTableMain && kernel.holds_anothers(route))
            status.outranked = true;
        // zebra shows an unreachable route only once the better one has been removed, further down.
        const bool waits = !present && !route.nexthops.empty() && !status.outranked;
        missing_ += !present && !status.outranked ? 1 : 0;
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
        const std::size_t copies = kernel.copies(rule, wanted_.lowered.protocol);
        const bool present = copies > 0;
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
        } else if (copies > 1) {
            thin_out(rule, status, copies, now);
        }
        missing_ += present ? 0 : 1;
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

/// A stock zebra that was killed left its rules. The next one removes them when it begins, but
/// takes an IPv6 rule without source and destination for one of IPv4, and ours became a second one.
void Reconciler::thin_out(const core::Rule& rule, Status& status, std::size_t copies, Time now) {
    if (status.thinned)
        return;
    if (now < status.sent + status.patience()) {
        wake(status.sent + status.patience());
        return;
    }
    // All of them, for zebra shall know that there is one.
    for (std::size_t i = 0; i < copies; ++i)
        appliers_.routing.remove(rule);
    appliers_.routing.add(rule);
    status.sent = now;
    status.thinned = true;
}

/// What bears our protocol number and nobody wants was left by a predecessor.
void Reconciler::adopt_leftovers(const core::Observation& seen) {
    for (const core::KernelRule& found : seen.rules)
        if (found.protocol == core::kRuleProtocol && !found.exotic && seen.dataplane.module)
            rule_status_.try_emplace(found.rule);
    for (const core::KernelRoute& found : seen.routes) {
        core::Route left{.destination = found.destination,
                         .table = found.table,
                         .distance = core::kDistanceDefault,
                         .nexthops = {}};
        const bool is_default = left.destination.is_any() && found.table != core::kTableMain &&
                                core::holds_defaults(found.table) &&
                                found.protocol == core::kDefaultRouteProtocol;
        const bool wanted =
            std::ranges::any_of(wanted_.desired.routes, [&](const core::Route& route) {
                return route.table == left.table && route.destination == left.destination;
            });
        if (is_default && !wanted)
            sent_routes_.emplace(left.key(), left); // nobody wants it, so it goes
    }
    withdraw_unseen();
}

/// zebra may still have a predecessor's route in front of an unreachable one, although its next hop
/// is gone, and with it the kernel's route: zebra looks again at the routes of main only. It would
/// try to install that one for ever.
void Reconciler::withdraw_unseen() {
    for (const core::Route& behind : wanted_.desired.routes) {
        core::Route front = behind;
        front.distance = core::kDistanceDefault;
        if (!behind.nexthops.empty() || !told_routes_.insert(front.key()).second)
            continue;
        sent_routes_.emplace(front.key(), front); // nobody wants it, so it goes
    }
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
        const bool gone =
            superseded.contains({key.table, key.destination}) || !kernel.holds_ours(route);
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
    std::vector<Problem> problems = flows_.problems();
    for (const auto& [object, reason] : failures_)
        problems.push_back({object, reason});
    for (const auto& [key, status] : route_status_)
        if (const std::string reason = trouble_of(status); !reason.empty())
            problems.push_back({core::to_string(sent_routes_.at(key)), reason});
    for (const auto& [rule, status] : rule_status_)
        if (const std::string reason = trouble_of(status); !reason.empty())
            problems.push_back({core::to_string(rule), reason});
    return problems;
}

} // namespace multihomed::runtime
