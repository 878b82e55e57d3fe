// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator's configuration as plain values: what `router multihome` holds, nothing derived.
// An absent optional means "not typed"; the default is applied where it is used, by the functions
// below, so that `show running-config` can print what was typed and nothing else.
#pragma once

#include "core/address.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

using Milliseconds = std::chrono::milliseconds;

inline constexpr std::uint32_t kTableMain = 254;
/// The kernel looks up this table last for IPv4 (rule 32767); ours adds that rule for IPv6.
inline constexpr std::uint32_t kTableDefault = 253;
/// Tables that the kernel asks for what no rule of ours has sent elsewhere.
constexpr bool is_asked_last(std::uint32_t table) {
    return table == kTableMain || table == kTableDefault;
}
inline constexpr std::uint32_t kRulePriorityTableDefault = 32767;

inline constexpr std::uint32_t kDefaultTableBase = 1001;
inline constexpr std::uint32_t kDefaultRuleBase = 10000;
/// Span of rule priorities that belong to us: [base, base + span).
inline constexpr std::uint32_t kRulePrioritySpan = 1000;
/// Bits of packet and conntrack marks that are ours. Not among them: those of mwan3 (0x3f00),
/// Kubernetes (0xc000), Tailscale (0xff0000), Cilium (0xf00).
inline constexpr std::uint32_t kDefaultMarkMask = 0x3f000000;
inline constexpr std::uint32_t kDefaultPreference = 10;
inline constexpr std::size_t kMaxUplinkName = 32;
inline constexpr std::size_t kMaxUplinks = 512;
inline constexpr std::size_t kMaxDescription = 200; ///< bytes
inline constexpr std::size_t kMaxProbeTargets = 32; ///< of one uplink
inline constexpr std::uint16_t kDnsPort = 53;
inline constexpr std::uint16_t kHttpPort = 80;
inline constexpr std::uint16_t kHttpsPort = 443;
inline constexpr std::size_t kMaxPrefixes = 256; ///< internal, or sources of one line

/// The next hop out of an uplink for one family.
struct Gateway {
    enum class Kind : std::uint8_t {
        none, ///< only for point-to-point interfaces
        address,
    };
    Kind kind = Kind::none;
    Address address;
    /// Accepted although it lies in no connected prefix of the interface.
    bool onlink = false;

    bool operator==(const Gateway&) const = default;
};

/// Translation of internal sources that leave by an uplink.
struct Nat {
    enum class Kind : std::uint8_t { none, masquerade, source };
    Kind kind = Kind::none;
    /// kind source: the inclusive range first..last; equal for a single address.
    Address first;
    Address last;

    bool operator==(const Nat&) const = default;
};

struct UplinkFamily {
    Gateway gateway;
    std::optional<Nat> nat;      ///< absent: nat_of() says
    std::vector<Prefix> sources; ///< besides the interface's own; sorted, unique

    bool operator==(const UplinkFamily&) const = default;
};

/// What is asked whether a line works. All but the interval tell one target from another.
struct ProbeTarget {
    enum class Kind : std::uint8_t {
        icmp,      ///< ICMP or ICMPv6 echo
        tcp,       ///< a connection is accepted
        dns,       ///< a query over UDP is answered
        http,      ///< a HEAD request is answered
        https,     ///< the same, and the certificate is good
        neighbour, ///< the gateway's link-layer address is told: ARP or neighbour discovery
    };
    Kind kind = Kind::icmp;
    /// Of kind neighbour as configured: unspecified, of the family; in plans it is the gateway.
    Address address = {};
    std::uint16_t port = 0; ///< tcp, dns, http, https
    /// dns: asked for, as A or AAAA; empty: the root's servers, which every resolver knows.
    /// http, https: the host, whose certificate it has to be; empty: the address.
    std::string name = {};
    std::string path = {};    ///< http, https; begins with '/'
    std::uint16_t status = 0; ///< http, https: the only one that is good; 0: any below 500
    std::optional<Milliseconds> interval = {}; ///< absent: that of the uplink

    bool operator==(const ProbeTarget&) const = default;
};

/// Equal but for the interval.
bool is_same_target(const ProbeTarget& one, const ProbeTarget& other);

/// How a line is probed and judged. Defaults notice a silent line within about a second.
struct ProbeTiming {
    Milliseconds interval{200};     ///< 10 ms to 60 s, between two probes to one target
    Milliseconds timeout{400};      ///< 10 ms to 60 s, after which a probe counts as lost
    std::uint32_t fail_after = 3;   ///< 1 to 100 probes lost in a row make a target dead
    Milliseconds stable_for{5'000}; ///< 0 to 1 h of good probes before a line is used again

    bool operator==(const ProbeTiming&) const = default;
};

struct Uplink {
    std::string name;      ///< 1 to kMaxUplinkName of [A-Za-z0-9_.-], begins with a letter or digit
    std::string interface; ///< may be empty (not typed yet) or name an interface yet to come
    std::string description;                 ///< for people; UTF-8, empty when not typed
    std::optional<std::uint32_t> preference; ///< lower is preferred; 0 to 65535
    std::uint32_t weight = 1;                ///< share among equals; 1 to 255
    std::optional<std::uint32_t> table;      ///< else assigned from Config::table_base upwards
    bool shutdown = false;
    PerFamily<UplinkFamily> family;
    std::vector<ProbeTarget> probes; ///< in the order typed; none: the gateway is probed
    ProbeTiming timing;

    bool operator==(const Uplink&) const = default;
};

/// What main's default does when no line of a family passes its probes.
enum class LastResort : std::uint8_t {
    keep,     ///< the lines that still have carrier, address and gateway stay in use
    withdraw, ///< no default: hosts get an error at once, IGPs stop announcing
};

struct Config {
    bool enabled = false; ///< `router multihome` was typed
    /// Who is inside; sorted, unique; empty: internal_prefixes() says.
    std::vector<Prefix> internal;
    std::vector<Uplink> uplinks; ///< in the order typed
    std::uint32_t table_base = kDefaultTableBase;
    std::uint32_t rule_base = kDefaultRuleBase;
    LastResort last_resort = LastResort::keep;
    bool flow_affinity = true;                  ///< flows stay on the line on which they began
    std::uint32_t mark_mask = kDefaultMarkMask; ///< not 0

    bool operator==(const Config&) const = default;
};

/// The internal prefixes in force: those typed, else RFC 1918 and RFC 4193.
std::vector<Prefix> internal_prefixes(const Config& config);
/// The translation in force: IPv4 is masqueraded and IPv6 left alone unless told otherwise.
Nat nat_of(const Uplink& uplink, Family family);
std::uint32_t preference_of(const Uplink& uplink);
const Uplink* find_uplink(const Config& config, const std::string& name);

} // namespace multihomed::core
