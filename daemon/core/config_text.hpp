// SPDX-License-Identifier: GPL-2.0-or-later
//
// The configuration as `show running-config` prints it: what was typed, defaults left out. Read
// back, line by line, the text gives an equal configuration.
#pragma once

#include "core/config.hpp"

#include <string>

namespace multihomed::core {

/// The block `router multihome` with one blank before its lines and two before those of an uplink,
/// which is how vtysh tells blocks apart. Empty when there is no configuration.
std::string to_text(const Config& config);

/// "masquerade", "none", "source 192.0.2.1" or "source 192.0.2.1 192.0.2.9"
std::string to_text(const Nat& nat);
/// "prefix 2001:db8::/48 inside fd00::/48"
std::string to_text(const PrefixNat& nat);

/// As it is typed behind `tunnel`: "6to4 uplink charter"
std::string to_text(const Tunnel& tunnel);

/// As it is typed behind `learn`: "all", "ospf within 198.51.100.0/24"
std::string to_text(const Learn& learn);

/// "udp port 5060", "esp"
std::string to_text(const Failback::Class& flows);

/// As it is typed behind `probe`, without an interval: "tcp 192.0.2.1 port 443", "arp"
std::string to_text(const ProbeTarget& target);

} // namespace multihomed::core
