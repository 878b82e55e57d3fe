// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every way in which a configuration can be changed, one function a command. Each takes the words
// as they were typed, refuses them with the reason (and changes nothing) or makes the change;
// typing a line again changes nothing. Numbers are checked here too, since not everything that is
// typed comes through a parser that knows their ranges.
#pragma once

#include "core/config.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace multihomed::core {

/// Why nothing was changed; empty when the line was taken.
using Refusal = std::optional<std::string>;

/// `router multihome`; without it there is no configuration at all.
void edit_router(Config& config, bool present);
Refusal edit_internal(Config& config, const std::string& prefix, bool present);

/// The optional values below: absent is the default again.
Refusal edit_table_base(Config& config, std::optional<std::uint32_t> base);
Refusal edit_rule_base(Config& config, std::optional<std::uint32_t> base);
/// "keep" or "withdraw"
Refusal edit_last_resort(Config& config, const std::optional<std::string>& what);

/// The mask is decimal or hexadecimal (0x...); absent: the default one.
Refusal edit_flow_affinity(Config& config, bool present, const std::optional<std::string>& mask);

Refusal edit_uplink(Config& config, const std::string& uplink, bool present);
Refusal edit_interface(Config& config, const std::string& uplink,
                       const std::optional<std::string>& interface);
Refusal edit_description(Config& config, const std::string& uplink,
                         const std::optional<std::string>& description);
Refusal edit_shutdown(Config& config, const std::string& uplink, bool present);

enum class UplinkNumber : std::uint8_t {
    preference,
    weight,
    table,
    probe_interval,   ///< ms, as all probe times
    probe_timeout,    ///< ms
    probe_fail_after, ///< probes
    probe_stable_for, ///< ms
};
Refusal edit_number(Config& config, const std::string& uplink, UplinkNumber which,
                    std::optional<std::uint32_t> value);

struct GatewayWords {
    std::string address;
    bool onlink = false;
};
Refusal edit_gateway(Config& config, const std::string& uplink, Family family,
                     const std::optional<GatewayWords>& gateway);

struct NatWords {
    std::string kind;                     ///< "none", "masquerade" or "source"
    std::string first = {};               ///< of "source"
    std::optional<std::string> last = {}; ///< of a pool
};
Refusal edit_nat(Config& config, const std::string& uplink, Family family,
                 const std::optional<NatWords>& nat);
Refusal edit_source(Config& config, const std::string& uplink, Family family,
                    const std::string& prefix, bool present);
/// An ICMP or ICMPv6 echo target.
Refusal edit_probe_icmp(Config& config, const std::string& uplink, const std::string& target,
                        bool present);

} // namespace multihomed::core
