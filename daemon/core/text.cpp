// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/text.hpp"

#include <cstdio>

namespace multihomed::core {

namespace {

std::string mark_text(const Rule& rule) {
    char text[32];
    std::snprintf(text, sizeof text, " fwmark 0x%x/0x%x", rule.mark, rule.mask);
    return text;
}

std::string nexthop_text(const Nexthop& nexthop) {
    return (nexthop.gateway ? " via " + nexthop.gateway->to_string() : "") + " dev " +
           nexthop.interface;
}

} // namespace

std::string hex_text(std::uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", value);
    return text;
}

std::string to_string(const Rule& rule) {
    std::string text = std::to_string(rule.priority) + ":";
    text += " from " + (rule.source ? rule.source->to_string() : "all");
    if (rule.destination)
        text += " to " + rule.destination->to_string();
    if (!rule.iif.empty())
        text += " iif " + rule.iif;
    if (rule.mask != 0)
        text += mark_text(rule);
    if (rule.goto_priority != 0)
        return text + " goto " + std::to_string(rule.goto_priority);
    text += " lookup " + std::to_string(rule.table);
    if (rule.suppress_prefix_length)
        text += " suppress_prefixlength " + std::to_string(*rule.suppress_prefix_length);
    return text;
}

std::string to_string(const Route& route) {
    std::string text = route.nexthops.empty() ? "unreachable " : "";
    text += route.destination.is_any() ? "default" : route.destination.to_string();
    if (route.nexthops.size() == 1)
        text += nexthop_text(route.nexthops.front());
    else
        for (const Nexthop& nexthop : route.nexthops)
            text +=
                " nexthop" + nexthop_text(nexthop) + " weight " + std::to_string(nexthop.weight);
    return text + " table " + std::to_string(route.table);
}

} // namespace multihomed::core
