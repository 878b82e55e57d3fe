// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/lower.hpp"

#include "core/kernel_view.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

std::vector<std::string> ingress_interfaces(const Observation& seen) {
    std::vector<std::string> names;
    for (const auto& [name, interface] : seen.interfaces)
        names.push_back(name); // lo stands for local traffic
    return names;
}

/// The rule once for each ingress interface.
void spread(std::vector<Rule>& into, Rule rule, const std::vector<std::string>& ingress) {
    if (!rule.iif.empty()) {
        into.push_back(std::move(rule));
        return;
    }
    for (const std::string& name : ingress) {
        rule.iif = name;
        into.push_back(rule);
    }
}

/// Stock zebra compares whole marks.
Rule without_mask(Rule rule) {
    if (rule.mask != 0)
        rule.mask = UINT32_MAX;
    return rule;
}

/// Each of them is a rule for every interface.
constexpr std::size_t kMaxExceptions = 64;

std::vector<Rule> to_internal(const Rule& rule, const std::vector<Prefix>& internal) {
    std::vector<Rule> rules;
    for (const Prefix& prefix : internal) {
        if (prefix.family() != rule.family)
            continue;
        Rule exception = rule;
        exception.suppress_prefix_length.reset();
        exception.destination = prefix;
        rules.push_back(exception);
    }
    return rules;
}

} // namespace

Lowered lower(const std::vector<Rule>& rules, const std::vector<Prefix>& internal,
              const Observation& seen) {
    if (seen.dataplane.module)
        return {.rules = rules, .protocol = kRuleProtocol, .losses = {}};
    Lowered lowered{.rules = {}, .protocol = kStockRuleProtocol, .losses = {}};
    const auto ingress = ingress_interfaces(seen);
    const auto& taught = seen.taught.prefixes;
    const std::size_t exceptions = std::min(taught.size(), kMaxExceptions);
    std::vector<Prefix> inside = internal;
    inside.insert(inside.end(), taught.begin(), taught.begin() + static_cast<long>(exceptions));
    bool affinity = false;
    for (const Rule& rule : rules) {
        const bool guards =
            rule.goto_priority != 0 || (rule.destination && rule.suppress_prefix_length);
        if (guards)
            continue; // the suppressed lookup of all destinations, which is gone too
        if (!rule.suppress_prefix_length) {
            spread(lowered.rules, without_mask(rule), ingress);
            affinity = affinity || rule.mask != 0;
            continue;
        }
        for (const Rule& exception : to_internal(rule, inside))
            spread(lowered.rules, exception, ingress);
    }
    std::ranges::sort(lowered.rules);
    lowered.losses.emplace_back("zebra runs without zebra_multihome (-M multihome): destinations "
                                "inside are only those of 'internal', one rule per interface");
    if (exceptions < taught.size() || seen.taught.left_out > 0)
        lowered.losses.emplace_back("of the networks that routing protocols teach only " +
                                    std::to_string(exceptions) +
                                    " have rules: traffic to the others may leave by a line");
    if (affinity)
        lowered.losses.emplace_back("flow affinity does not hold for packets that other programs "
                                    "mark, too");
    return lowered;
}

} // namespace multihomed::core
