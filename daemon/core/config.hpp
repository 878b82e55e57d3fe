// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operator's configuration as plain values: what `router multihome` holds, nothing derived.
// An absent optional means "not typed"; the default is applied where it is used, by the functions
// below, so that `show running-config` can print what was typed and nothing else.
#pragma once

#include "core/address.hpp"
#include "core/advertise_config.hpp"
#include "core/probing.hpp"
#include "core/tunnel.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

inline constexpr std::uint32_t kTableMain = 254;
/// The kernel looks up this table last for IPv4 (rule 32767); ours adds that rule for IPv6.
inline constexpr std::uint32_t kTableDefault = 253;
/// Ours, asked before main where gateways are learned: main's default is then another program's.
/// Besides, it has the networks inside of prefixes that end.
inline constexpr std::uint32_t kTableOwn = 1000;
inline constexpr const char* kTableOwnName = "multihome";
/// Tables that are asked for what no rule binds to a line: our defaults are there.
constexpr bool holds_defaults(std::uint32_t table) {
    return table == kTableOwn || table == kTableMain || table == kTableDefault;
}
inline constexpr std::uint32_t kRulePriorityMain = 32766;
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
inline constexpr std::size_t kMaxBfdProfile = 63; ///< bytes, of bfdd
inline constexpr std::size_t kMaxProfiles = 64;
inline constexpr std::uint32_t kDefaultDelegationGrace = 300; ///< s
inline constexpr std::uint32_t kMaxDelegationGrace = 86'400;  ///< s
inline constexpr std::size_t kMaxFailbackClasses = 32;
inline constexpr std::size_t kMaxLearn = 64;
/// Our routes beat those of every routing protocol and lose to connected, kernel and static ones.
inline constexpr std::uint8_t kDistanceDefault = 5;
inline constexpr std::uint8_t kMaxAnnounceDistance = 253;
inline constexpr std::uint32_t kMaxAnnounceMetric = 16'777'214;  ///< what OSPF can carry
inline constexpr std::uint32_t kMaxAnnounceTag = UINT32_MAX - 3; ///< there are four levels
inline constexpr std::size_t kMaxPrefixes = 256; ///< internal, sources or prefix NATs of one line

/// The next hop out of an uplink for one family.
struct Gateway {
    enum class Kind : std::uint8_t {
        none, ///< only for point-to-point interfaces
        address,
        router,  ///< another router inside, on a link of this one
        learned, ///< see core/learn.hpp
    };
    Kind kind = Kind::none;
    Address address = {};
    /// learned: from a default in this table
    std::uint32_t table = kTableMain;
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

/// Prefixes that the provider delegates (DHCPv6-PD, RFC 8415) belong to the line, too.
struct Delegation {
    std::uint32_t grace =
        kDefaultDelegationGrace; ///< s that one stays when it is no longer delegated

    bool operator==(const Delegation&) const = default;
};

/// A prefix inside that bears a prefix of the line outside, host by host, in both directions: NPTv6
/// (RFC 6296).
struct PrefixNat {
    std::optional<Prefix> outside; ///< absent: `auto`, the first prefix of the line's
    std::optional<Prefix> inside;  ///< absent: the internal network, if there is one only

    bool operator==(const PrefixNat&) const = default;
};

struct UplinkFamily {
    Gateway gateway;
    std::optional<Nat> nat;                    ///< absent: nat_of() says
    std::vector<Prefix> sources;               ///< besides the interface's own; sorted, unique
    std::optional<Delegation> delegation = {}; ///< IPv6 only
    /// Comes before `nat`, which is for what lies in none of these; sorted by the prefix inside.
    std::vector<PrefixNat> prefix_nats = {};

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

/// Numbers for probing that uplinks share.
struct ProbeProfile {
    std::string name; ///< as an uplink's
    ProbeSettings settings;

    bool operator==(const ProbeProfile&) const = default;
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
    std::string profile;             ///< of the probes; empty: `default`
    ProbeSettings probing;           ///< comes before the profile's
    bool bfd = false;                ///< a BFD session with the gateway, through FRR's bfdd
    std::string bfd_profile;         ///< of bfdd; empty: its defaults
    bool standby = false;            ///< used when no other line is
    std::optional<Tunnel> tunnel;    ///< makes the interface; carries IPv6

    bool operator==(const Uplink&) const = default;
};

/// What main's default does when no line of a family passes its probes.
enum class LastResort : std::uint8_t {
    keep,     ///< the lines that still have carrier, address and gateway stay in use
    withdraw, ///< no default: hosts get an error at once, IGPs stop announcing
};

/// How main's default is made, which routing protocols redistribute (core/announce.hpp).
struct Announce {
    /// The worst that may be behind it.
    enum class Least : std::uint8_t {
        any,    ///< what last-resort keeps, too
        usable, ///< a line that passes its probes
        up,     ///< and is neither degraded nor just back
    };
    Least least = Least::usable;
    std::uint8_t distance = kDistanceDefault; ///< 1 to kMaxAnnounceDistance
    std::uint32_t tag = 0;                    ///< 0: none
    std::uint32_t metric = 0;                 ///< 0 to kMaxAnnounceMetric
    bool by_quality = false;                  ///< the metric, and with it the tag

    bool operator==(const Announce&) const = default;
};

/// Routes whose destinations are inside, too (core/inside.hpp).
struct Learn {
    std::string protocol; ///< of kLearnable; empty: all of these
    std::optional<Prefix> within = {};

    auto operator<=>(const Learn&) const = default;
};

/// What becomes of the flows on a line that works but does not carry new ones any more, because a
/// better one is back.
struct Failback {
    enum class Policy : std::uint8_t {
        drain, ///< they stay until they end, or until the deadline
        now,   ///< they are moved at once
        never, ///< the better line is not taken back while the present one works
    };
    Policy policy = Policy::drain;
    std::uint32_t deadline = 0; ///< drain: s, 1 to a day; 0: none

    /// Flows that are moved at once whatever the policy: a protocol, and a destination port (0:
    /// any)
    struct Class {
        std::uint8_t protocol = 0; ///< IPPROTO_*
        std::uint16_t port = 0;
        auto operator<=>(const Class&) const = default;
    };
    std::vector<Class> at_once; ///< sorted, unique

    bool operator==(const Failback&) const = default;
};

/// What new flows are shared by among lines of equal preference.
enum class LoadSharing : std::uint8_t {
    per_flow,   ///< addresses, protocol and ports
    per_source, ///< all flows of one host leave by one line
};

struct Config {
    bool enabled = false; ///< `router multihome` was typed
    /// Who is inside; sorted, unique; empty: internal_prefixes() says.
    std::vector<Prefix> internal;
    std::vector<Uplink> uplinks;        ///< in the order typed
    std::vector<ProbeProfile> profiles; ///< in the order typed
    std::vector<Advertise> advertise;   ///< in the order typed
    Failback failback;
    Announce announce;
    std::vector<Learn> learn; ///< sorted, unique
    std::uint32_t table_base = kDefaultTableBase;
    std::uint32_t rule_base = kDefaultRuleBase;
    LastResort last_resort = LastResort::keep;
    LoadSharing load_sharing = LoadSharing::per_flow;
    bool flow_affinity = true;                  ///< flows stay on the line on which they began
    std::uint32_t mark_mask = kDefaultMarkMask; ///< not 0

    bool operator==(const Config&) const = default;
};

/// The internal prefixes in force: those typed, else RFC 1918 and RFC 4193.
std::vector<Prefix> internal_prefixes(const Config& config);
/// The translation in force: IPv4 is masqueraded and IPv6 left alone unless told otherwise.
Nat nat_of(const Uplink& uplink, Family family);
std::uint32_t preference_of(const Uplink& uplink);
/// The numbers in force for an uplink.
Probing probing_of(const Config& config, const Uplink& uplink);
const Advertise* find_advertise(const Config& config, const std::string& interface);
const ProbeProfile* find_profile(const Config& config, const std::string& name);
const Uplink* find_uplink(const Config& config, const std::string& name);

} // namespace multihomed::core
