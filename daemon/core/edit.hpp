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

/// Routes of this protocol, or of all if absent, teach who is inside; within this prefix only if
/// there is one.
Refusal edit_learn(Config& config, const std::optional<std::string>& protocol,
                   const std::optional<std::string>& within, bool present);

/// "any", "usable" or "up"
Refusal edit_announce_while(Config& config, const std::optional<std::string>& least);
enum class AnnounceNumber : std::uint8_t { distance, tag, metric };
Refusal edit_announce_number(Config& config, AnnounceNumber which,
                             std::optional<std::uint32_t> value);
/// The metric follows the quality of the line behind it.
Refusal edit_announce_quality(Config& config);

/// "per-flow" or "per-source"
Refusal edit_load_sharing(Config& config, const std::optional<std::string>& what);

Refusal edit_uplink(Config& config, const std::string& uplink, bool present);
Refusal edit_interface(Config& config, const std::string& uplink,
                       const std::optional<std::string>& interface);
Refusal edit_description(Config& config, const std::string& uplink,
                         const std::optional<std::string>& description);
Refusal edit_shutdown(Config& config, const std::string& uplink, bool present);

enum class UplinkNumber : std::uint8_t { preference, weight, table };
Refusal edit_number(Config& config, const std::string& uplink, UplinkNumber which,
                    std::optional<std::uint32_t> value);

struct GatewayWords {
    std::string address; ///< or "auto": learned
    bool onlink = false;
    std::optional<std::uint32_t> table = {}; ///< of auto: where it is learned; absent: main
};
/// The gateway is wherever routing finds this router inside.
Refusal edit_gateway_router(Config& config, const std::string& uplink, Family family,
                            const std::string& router);
Refusal edit_gateway(Config& config, const std::string& uplink, Family family,
                     const std::optional<GatewayWords>& gateway);

struct NatWords {
    std::string kind;                     ///< "none", "masquerade" or "source"
    std::string first = {};               ///< of "source"
    std::optional<std::string> last = {}; ///< of a pool
};
Refusal edit_nat(Config& config, const std::string& uplink, Family family,
                 const std::optional<NatWords>& nat);
struct PrefixNatWords {
    std::string outside;                    ///< "auto" or a prefix
    std::optional<std::string> inside = {}; ///< absent: the internal network
};
Refusal edit_prefix_nat(Config& config, const std::string& uplink, Family family,
                        const PrefixNatWords& words, bool present);
/// Takes all of them back.
Refusal clear_prefix_nats(Config& config, const std::string& uplink, Family family);
Refusal edit_source(Config& config, const std::string& uplink, Family family,
                    const std::string& prefix, bool present);
/// `ipv6 source auto`: prefixes that the provider delegates are sources, too. Grace in seconds, 0
/// to kMaxDelegationGrace; absent: the default.
Refusal edit_delegation(Config& config, const std::string& uplink, bool present,
                        std::optional<std::uint32_t> grace);
/// Used when no other line is.
Refusal edit_standby(Config& config, const std::string& uplink, bool present);

/// What follows `tunnel`; which words a kind has, edit_tunnel() says when they do not fit.
struct TunnelWords {
    std::string kind;                                   ///< 6rd, 6to4, sit
    std::string carrier;                                ///< an uplink; it may be typed later
    std::optional<std::string> prefix = {};             ///< 6rd
    std::optional<std::uint32_t> ipv4_mask_length = {}; ///< 6rd
    std::optional<std::string> relay = {};              ///< sit: the other end
    std::optional<std::string> address = {};            ///< sit: "X:X::X:X/M", on the interface
    std::optional<std::uint32_t> ttl = {};
    std::optional<std::uint32_t> mtu = {};
};
Refusal edit_tunnel(Config& config, const std::string& uplink,
                    const std::optional<TunnelWords>& tunnel);

/// What follows `probe`; which words a kind has, edit_probe_target() says when they do not fit.
struct TargetWords {
    std::string kind;                           ///< icmp, tcp, dns, http, https, arp, nd
    std::string address = {};                   ///< not of arp and nd
    std::optional<std::uint32_t> port = {};     ///< tcp needs one
    std::optional<std::string> name = {};       ///< dns: asked for; http, https: the host
    std::optional<std::string> path = {};       ///< http, https
    std::optional<std::uint32_t> status = {};   ///< http, https
    std::optional<std::uint32_t> interval = {}; ///< ms
};
/// A target that is there gets the interval that was typed last.
Refusal edit_probe_target(Config& config, const std::string& uplink, const TargetWords& target,
                          bool present);

Refusal edit_profile(Config& config, const std::string& name, bool present);
/// The profile of an uplink; absent: `default`. It may be typed later.
Refusal edit_probe_profile(Config& config, const std::string& uplink,
                           const std::optional<std::string>& profile);
/// Where a number belongs: to an uplink, or to a profile.
struct KnobOwner {
    enum class Kind : std::uint8_t { uplink, profile };
    Kind kind = Kind::uplink;
    std::string name;
};
Refusal edit_knob(Config& config, const KnobOwner& owner, Knob knob,
                  std::optional<std::uint32_t> value);

Refusal edit_bfd(Config& config, const std::string& uplink, bool present,
                 const std::optional<std::string>& profile);

/// "drain", "now" or "never"; absent: drain, without deadline. The deadline is in seconds.
Refusal edit_failback(Config& config, const std::optional<std::string>& policy,
                      std::optional<std::uint32_t> deadline);
/// Flows that are moved at once: a protocol by name or number, and a destination port.
Refusal edit_failback_class(Config& config, const std::string& protocol,
                            std::optional<std::uint32_t> port, bool present);

/// `ipv6 advertise IFNAME`
Refusal edit_advertise(Config& config, const std::string& interface, bool present);
Refusal edit_advertise_number(Config& config, const std::string& interface, AdvertiseNumber number,
                              std::optional<std::uint32_t> value);
Refusal edit_advertise_flag(Config& config, const std::string& interface, AdvertiseFlag flag,
                            bool present);
/// "low", "medium" or "high"; absent: medium
Refusal edit_router_preference(Config& config, const std::string& interface,
                               const std::optional<std::string>& preference);
/// A DNS server, which may follow an uplink that may be typed later.
Refusal edit_rdnss(Config& config, const std::string& interface, const std::string& address,
                   const std::optional<std::string>& uplink, bool present);
Refusal edit_dnssl(Config& config, const std::string& interface, const std::string& name,
                   bool present);

} // namespace multihomed::core
