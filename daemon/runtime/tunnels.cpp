// SPDX-License-Identifier: GPL-2.0-or-later
#include "runtime/tunnels.hpp"

#include <algorithm>
#include <utility>

namespace multihomed::runtime {

namespace {

constexpr auto kRetry = std::chrono::seconds(1);

std::string object_of(const std::string& interface) {
    return "tunnel " + interface;
}

bool is_wanted(const std::vector<core::TunnelPlan>& wanted, const std::string& interface) {
    return std::ranges::find(wanted, interface, &core::TunnelPlan::interface) != wanted.end();
}

} // namespace

Tunnels::Outcomes Tunnels::settle(const std::vector<core::TunnelPlan>& wanted, Time now) {
    Outcomes outcomes;
    std::erase_if(known_, [&](const auto& entry) {
        const bool gone = !is_wanted(wanted, entry.first);
        if (gone)
            outcomes[object_of(entry.first)] = {};
        return gone;
    });
    for (const core::TunnelPlan& plan : wanted) {
        Known& known = known_[plan.interface];
        const bool same = known.plan == plan;
        if (same && (known.stands || (known.retry && now < *known.retry)))
            continue;
        const auto result = applier_.establish(plan);
        known = {plan, result.has_value(),
                 result ? std::nullopt : std::optional<Time>(now + kRetry)};
        outcomes[object_of(plan.interface)] = result;
    }
    return outcomes;
}

Tunnels::Removal Tunnels::remove_unwanted(const std::vector<core::TunnelPlan>& wanted,
                                          const core::Observation& seen) {
    Removal removal;
    for (const std::string& name : std::exchange(leaving_, {}))
        removal.outcomes[object_of(name)] = {};
    for (const auto& [name, interface] : seen.interfaces) {
        if (!core::is_tunnel_alias(interface.alias) || is_wanted(wanted, name))
            continue;
        removal.outcomes[object_of(name)] = applier_.remove(name);
        removal.complete = false;
        leaving_.insert(name);
    }
    return removal;
}

void Tunnels::suspect() {
    for (auto& [interface, known] : known_)
        known.stands = false;
}

std::optional<Time> Tunnels::next_deadline() const {
    std::optional<Time> next;
    for (const auto& [interface, known] : known_)
        if (known.retry && (!next || *known.retry < *next))
            next = known.retry;
    return next;
}

} // namespace multihomed::runtime
