// SPDX-License-Identifier: GPL-2.0-or-later
//
// Short ways to write configurations and observations in tests, and the small office with two lines
// (documentation addresses) that most of them start from.
#pragma once

#include "core/decide.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace multihomed::test {

core::Address ip(std::string_view text);
core::Prefix net(std::string_view text);
core::Time at(std::chrono::milliseconds since_start);

/// An interface that is up, with carrier, bearing "address/length" each.
core::Interface ethernet(const std::string& name, std::uint32_t index,
                         std::initializer_list<const char*> addresses = {});
/// The same for a point-to-point interface; addresses may be "own peer peer/length".
core::Interface tunnel(const std::string& name, std::uint32_t index,
                       std::initializer_list<const char*> addresses = {});
core::InterfaceAddress interface_address(std::string_view text);
void add(core::Observation& seen, const core::Interface& interface);

core::Gateway gateway(std::string_view address, bool onlink = false);
core::Nat nat_source(std::string_view first, std::string_view last = {});
core::Nat nat_masquerade();
core::Nat nat_none();
core::Uplink uplink(const std::string& name, const std::string& interface);

/// Figures of a target that answers, and of one that lost `lost` probes in a row.
core::TargetFigures answering(std::string_view target);
core::TargetFigures silent(std::string_view target, std::uint32_t lost, bool ever_received = true);

/// charter (cable, preferred) on eth2.5 and att (telco) on eth2.4, IPv4 static with NAT, IPv6 with
/// routed prefixes; the LAN on eth1.
core::Config office_config();
core::Observation office();

/// What decide() said last, and what it is asked next; keeps time and history between the calls.
class Router {
public:
    core::Config config;
    core::Observation seen;
    core::History history;
    core::Decision last;
    core::Time now = at(std::chrono::milliseconds(0));

    const core::Decision& decide();
    const core::Decision& decide_after(std::chrono::milliseconds later);

    void set_probe(const std::string& uplink, core::Family family,
                   std::vector<core::TargetFigures> figures);
    /// All targets of both families answer, or have lost enough to be dead.
    void answer(const std::string& uplink);
    void fall_silent(const std::string& uplink);
    core::Interface& interface(const std::string& name) { return seen.interfaces.at(name); }
    core::Uplink& uplink(const std::string& name);

    core::State state(const std::string& uplink, core::Family family = core::Family::v4) const;
    const std::string& reason(const std::string& uplink,
                              core::Family family = core::Family::v4) const;
    /// Names of the uplinks that carry, in the order of the configuration.
    std::vector<std::string> carrying(core::Family family = core::Family::v4) const;
    std::vector<std::string> standing_by(core::Family family = core::Family::v4) const;
    /// "uplink first-last" of every stale range, in order; "!" at the end: the address is gone.
    std::vector<std::string> stale() const;
};

/// The office after both lines have been proven.
Router proven_office(bool affinity = true);

/// One line of text a rule or route, prefixed with "v4 " or "v6 ".
std::vector<std::string> texts(const std::vector<core::Rule>& rules);
std::vector<std::string> texts(const std::vector<core::Route>& routes);
std::vector<std::string> texts(const std::vector<core::Prefix>& prefixes);
/// Those of table `table` only.
std::vector<std::string> table_texts(const std::vector<core::Route>& routes, std::uint32_t table);

/// The kernel as it is once these routes have been installed.
void install(core::Observation& seen, const std::vector<core::Route>& routes);

} // namespace multihomed::test
