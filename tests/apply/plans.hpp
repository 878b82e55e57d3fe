// SPDX-License-Identifier: GPL-2.0-or-later
//
// NatPlans for tests: the small office with two lines, and many lines.
#pragma once

#include "core/address.hpp"
#include "core/desired.hpp"

#include <string>
#include <vector>

namespace multihomed::testing {

inline core::Address address(const std::string& text) {
    return core::parse_address(text).value();
}
inline core::Prefix prefix(const std::string& text) {
    return core::Prefix::parse(text).value();
}
inline std::vector<core::Prefix> prefixes(const std::vector<std::string>& texts) {
    std::vector<core::Prefix> made;
    for (const std::string& text : texts)
        made.push_back(prefix(text));
    return made;
}
inline core::Nat source_nat(const std::string& first, const std::string& last) {
    return {core::Nat::Kind::source, address(first), address(last)};
}
inline core::Nat masquerade() {
    return {core::Nat::Kind::masquerade, {}, {}};
}

inline core::LineNat line(const std::string& uplink, const std::string& interface) {
    core::LineNat made;
    made.uplink = uplink;
    made.interface = interface;
    return made;
}

inline core::NatPlan two_lines() {
    core::NatPlan plan;
    plan.internal[core::Family::v4] = prefixes({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"});
    plan.internal[core::Family::v6] = prefixes({"fc00::/7"});
    core::LineNat charter = line("charter", "eth2.5");
    charter.nat[core::Family::v4] = source_nat("192.0.2.50", "192.0.2.50");
    charter.sources[core::Family::v4] = prefixes({"192.0.2.48/29"});
    charter.sources[core::Family::v6] = prefixes({"2001:db8:c::/48"});
    core::LineNat att = line("att", "eth2.4");
    att.nat[core::Family::v4] = source_nat("198.51.100.57", "198.51.100.60");
    att.nat[core::Family::v6] = masquerade();
    att.sources[core::Family::v4] = prefixes({"198.51.100.56/29"});
    att.sources[core::Family::v6] = prefixes({"2001:db8:a::/48"});
    plan.lines = {att, charter};
    return plan;
}

/// The same, with charter translating IPv6, too.
inline core::NatPlan two_translating_lines() {
    core::NatPlan plan = two_lines();
    plan.lines[1].nat[core::Family::v6] = masquerade();
    return plan;
}

/// Each with single-address NAT for IPv4, masquerade for IPv6 and two source prefixes a family.
inline core::NatPlan many_lines(unsigned int count) {
    core::NatPlan plan = two_lines();
    plan.lines.clear();
    for (unsigned int i = 0; i < count; ++i) {
        const std::string net = std::to_string(i / 256) + "." + std::to_string(i % 256);
        core::LineNat made = line("line" + std::to_string(i), "wan" + std::to_string(i));
        made.nat[core::Family::v4] = source_nat("100." + net + ".2", "100." + net + ".2");
        made.nat[core::Family::v6] = masquerade();
        made.sources[core::Family::v4] = prefixes({"100." + net + ".0/24", "101." + net + ".8/29"});
        char v6[64];
        snprintf(v6, sizeof v6, "2001:db8:%x::/48", i);
        made.sources[core::Family::v6] = prefixes({v6});
        snprintf(v6, sizeof v6, "2001:db9:%x::/64", i);
        made.sources[core::Family::v6].push_back(prefix(v6));
        plan.lines.push_back(made);
    }
    return plan;
}

} // namespace multihomed::testing
