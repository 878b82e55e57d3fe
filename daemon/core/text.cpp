// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

namespace multihomed::core {

namespace {

/// Of the IANA's list, those whose flows are tracked. Not /etc/protocols: bare machines have none.
constexpr std::array<std::pair<const char*, std::uint8_t>, 8> kProtocols{{{"icmp", 1},
                                                                          {"tcp", 6},
                                                                          {"udp", 17},
                                                                          {"gre", 47},
                                                                          {"esp", 50},
                                                                          {"icmpv6", 58},
                                                                          {"sctp", 132},
                                                                          {"udplite", 136}}};

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

std::string protocol_name(std::uint8_t protocol) {
    for (const auto& [name, number] : kProtocols)
        if (number == protocol)
            return name;
    return std::to_string(protocol);
}

bool has_ports(std::uint8_t protocol) {
    constexpr std::array<std::uint8_t, 5> kWithPorts{6, 17, 33, 132, 136};
    return std::ranges::find(kWithPorts, protocol) != kWithPorts.end();
}

std::optional<std::uint8_t> parse_protocol(const std::string& text) {
    for (const auto& [name, number] : kProtocols)
        if (text == name)
            return number;
    std::uint8_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, number);
    return failed == std::errc() && rest == end && number != 0 ? std::optional(number)
                                                               : std::nullopt;
}

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
