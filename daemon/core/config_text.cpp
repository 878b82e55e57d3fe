// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/config_text.hpp"

#include "core/text.hpp"

namespace multihomed::core {

namespace {

const char* keyword(Family family) {
    return family == Family::v4 ? "ip" : "ipv6";
}

/// "  <words> <value>" unless the value is the default.
void add_number(std::string& text, const char* words, std::uint64_t value, std::uint64_t fallback) {
    if (value != fallback)
        text += std::string("  ") + words + " " + std::to_string(value) + "\n";
}

/// Every number that was typed, one a line behind `begin`; a `no` comes before that.
void add_knobs(std::string& text, const std::string& begin, const ProbeSettings& settings) {
    constexpr std::string_view kNo = "no ";
    for (std::size_t i = 0; i < kKnobs; ++i) {
        if (!settings.typed[i])
            continue;
        const std::string words = to_text(static_cast<Knob>(i), *settings.typed[i]);
        const bool negated = words.starts_with(kNo);
        text += std::string("  ") + (negated ? "no " : "") + begin +
                words.substr(negated ? kNo.size() : 0) + "\n";
    }
}

void add_family(std::string& text, const UplinkFamily& typed, Family family) {
    const std::string begin = std::string("  ") + keyword(family);
    if (typed.gateway.kind == Gateway::Kind::address)
        text += begin + " gateway " + typed.gateway.address.to_string() +
                (typed.gateway.onlink ? " onlink\n" : "\n");
    if (typed.gateway.kind == Gateway::Kind::learned)
        text += begin + " gateway auto" +
                (typed.gateway.table == kTableMain
                     ? "\n"
                     : " table " + std::to_string(typed.gateway.table) + "\n");
    if (typed.gateway.kind == Gateway::Kind::router)
        text += begin + " gateway router " + typed.gateway.address.to_string() + "\n";
    for (const PrefixNat& nat : typed.prefix_nats)
        text += begin + " nat " + to_text(nat) + "\n";
    if (typed.nat)
        text += begin + " nat " + to_text(*typed.nat) + "\n";
    for (const Prefix& source : typed.sources)
        text += begin + " source " + source.to_string() + "\n";
    if (typed.delegation)
        text += begin + " source auto" +
                (typed.delegation->grace == kDefaultDelegationGrace
                     ? "\n"
                     : " grace " + std::to_string(typed.delegation->grace) + "\n");
}

void add_probes(std::string& text, const Uplink& uplink) {
    if (!uplink.profile.empty())
        text += "  probe profile " + uplink.profile + "\n";
    for (const ProbeTarget& target : uplink.probes)
        text += "  probe " + to_text(target) +
                (target.interval ? " interval " + std::to_string(target.interval->count()) : "") +
                "\n";
    add_knobs(text, "probe ", uplink.probing);
    if (uplink.bfd)
        text +=
            uplink.bfd_profile.empty() ? "  bfd\n" : "  bfd profile " + uplink.bfd_profile + "\n";
}

void add_profile(std::string& text, const ProbeProfile& profile) {
    text += " probe profile " + profile.name + "\n";
    add_knobs(text, "", profile.settings);
    text += " exit\n";
}

void add_failback(std::string& text, const Failback& failback) {
    if (failback.policy == Failback::Policy::now)
        text += " failback now\n";
    if (failback.policy == Failback::Policy::never)
        text += " failback never\n";
    if (failback.deadline != 0)
        text += " failback drain deadline " + std::to_string(failback.deadline) + "\n";
    for (const Failback::Class& flows : failback.at_once)
        text += " failback now match " + to_text(flows) + "\n";
}

void add_announce(std::string& text, const Announce& typed) {
    const Announce built_in;
    if (typed.least != built_in.least)
        text += std::string(" announce while ") +
                (typed.least == Announce::Least::any ? "any" : "up") + "\n";
    if (typed.distance != built_in.distance)
        text += " announce distance " + std::to_string(typed.distance) + "\n";
    if (typed.by_quality)
        text += " announce metric quality\n";
    else if (typed.metric != built_in.metric)
        text += " announce metric fixed " + std::to_string(typed.metric) + "\n";
    if (typed.tag != built_in.tag)
        text += " announce tag " + std::to_string(typed.tag) + "\n";
}

void add_uplink(std::string& text, const Uplink& uplink) {
    text += " uplink " + uplink.name + "\n";
    if (!uplink.description.empty())
        text += "  description " + uplink.description + "\n";
    if (!uplink.interface.empty())
        text += "  interface " + uplink.interface + "\n";
    if (uplink.tunnel)
        text += "  tunnel " + to_text(*uplink.tunnel) + "\n";
    if (uplink.preference)
        text += "  preference " + std::to_string(*uplink.preference) + "\n";
    add_number(text, "weight", uplink.weight, Uplink{}.weight);
    if (uplink.table)
        text += "  table " + std::to_string(*uplink.table) + "\n";
    for (const Family family : kFamilies)
        add_family(text, uplink.family[family], family);
    add_probes(text, uplink);
    if (uplink.standby)
        text += "  standby\n";
    if (uplink.shutdown)
        text += "  shutdown\n";
    text += " exit\n";
}

void add_advertise(std::string& text, const Advertise& typed) {
    text += " ipv6 advertise " + typed.interface + "\n";
    for (std::size_t i = 0; i < kAdvertiseNumbers; ++i)
        if (const auto& value = typed.numbers[i])
            text += std::string("  ") + range_of(static_cast<AdvertiseNumber>(i)).words + " " +
                    std::to_string(*value) + "\n";
    if (typed.preference != RouterPreference::medium)
        text += std::string("  router-preference ") + to_string(typed.preference) + "\n";
    for (const Resolver& resolver : typed.resolvers)
        text += "  rdnss " + resolver.address.to_string() +
                (resolver.uplink.empty() ? "" : " uplink " + resolver.uplink) + "\n";
    for (const std::string& domain : typed.domains)
        text += "  dnssl " + domain + "\n";
    if (typed[AdvertiseFlag::managed])
        text += "  managed-config-flag\n";
    if (typed[AdvertiseFlag::other])
        text += "  other-config-flag\n";
    if (typed[AdvertiseFlag::prefer_carrying])
        text += "  prefer-carrying\n";
    if (typed[AdvertiseFlag::shutdown])
        text += "  shutdown\n";
    text += " exit\n";
}

} // namespace

std::string to_text(const Nat& nat) {
    switch (nat.kind) {
    case Nat::Kind::none:
        return "none";
    case Nat::Kind::masquerade:
        return "masquerade";
    case Nat::Kind::source:
        break;
    }
    const std::string source = "source " + nat.first.to_string();
    return nat.first == nat.last ? source : source + " " + nat.last.to_string();
}

std::string to_text(const PrefixNat& nat) {
    return "prefix " + (nat.outside ? nat.outside->to_string() : "auto") +
           (nat.inside ? " inside " + nat.inside->to_string() : "");
}

std::string to_text(const Tunnel& tunnel) {
    std::string text;
    switch (tunnel.kind) {
    case Tunnel::Kind::sixrd:
        text = "6rd prefix " + tunnel.prefix.to_string();
        if (tunnel.ipv4_mask_length != 0)
            text += " ipv4-mask-length " + std::to_string(tunnel.ipv4_mask_length);
        text += " relay " + tunnel.relay.to_string();
        break;
    case Tunnel::Kind::six_to_four:
        text = "6to4";
        if (tunnel.relay != kAnycastRelay)
            text += " relay " + tunnel.relay.to_string();
        break;
    case Tunnel::Kind::sit:
        text = "sit remote " + tunnel.relay.to_string();
        break;
    }
    text += " uplink " + tunnel.carrier;
    if (tunnel.address)
        text += " address " + tunnel.address->to_string();
    if (tunnel.ttl)
        text += " ttl " + std::to_string(*tunnel.ttl);
    if (tunnel.mtu)
        text += " mtu " + std::to_string(*tunnel.mtu);
    return text;
}

std::string to_text(const Failback::Class& flows) {
    const std::string protocol = protocol_name(flows.protocol);
    return flows.port == 0 ? protocol : protocol + " port " + std::to_string(flows.port);
}

std::string to_text(const ProbeTarget& target) {
    const std::string address = " " + target.address.to_string();
    const std::string port = " port " + std::to_string(target.port);
    const auto web = [&](const char* scheme, std::uint16_t usual) {
        return scheme + address + (target.port != usual ? port : "") +
               (target.name.empty() ? "" : " host " + target.name) +
               (target.path != "/" ? " path " + target.path : "") +
               (target.status != 0 ? " status " + std::to_string(target.status) : "");
    };
    switch (target.kind) {
    case ProbeTarget::Kind::icmp:
        break;
    case ProbeTarget::Kind::tcp:
        return "tcp" + address + port;
    case ProbeTarget::Kind::dns:
        return "dns" + address + (target.port != kDnsPort ? port : "") +
               (target.name.empty() ? "" : " name " + target.name);
    case ProbeTarget::Kind::http:
        return web("http", kHttpPort);
    case ProbeTarget::Kind::https:
        return web("https", kHttpsPort);
    case ProbeTarget::Kind::neighbour:
        return (target.address.is_v4() ? "arp" : "nd") +
               (target.address.is_unspecified() ? "" : address);
    }
    return "icmp" + address;
}

std::string to_text(const Learn& learn) {
    return (learn.protocol.empty() ? "all" : learn.protocol) +
           (learn.within ? " within " + learn.within->to_string() : "");
}

std::string to_text(const Config& config) {
    if (!config.enabled)
        return "";
    std::string text = "router multihome\n";
    for (const Prefix& prefix : config.internal)
        text += " internal " + prefix.to_string() + "\n";
    if (config.table_base != kDefaultTableBase)
        text += " table-base " + std::to_string(config.table_base) + "\n";
    if (config.rule_base != kDefaultRuleBase)
        text += " rule-priority " + std::to_string(config.rule_base) + "\n";
    if (config.last_resort == LastResort::withdraw)
        text += " last-resort withdraw\n";
    if (config.load_sharing == LoadSharing::per_source)
        text += " load-sharing per-source\n";
    if (!config.flow_affinity)
        text += " no flow-affinity\n";
    else if (config.mark_mask != kDefaultMarkMask)
        text += " flow-affinity mask " + hex_text(config.mark_mask) + "\n";
    add_failback(text, config.failback);
    for (const Learn& learn : config.learn)
        text += " learn " + to_text(learn) + "\n";
    add_announce(text, config.announce);
    for (const ProbeProfile& profile : config.profiles)
        add_profile(text, profile);
    for (const Uplink& uplink : config.uplinks)
        add_uplink(text, uplink);
    for (const Advertise& typed : config.advertise)
        add_advertise(text, typed);
    return text + "exit\n!\n";
}

} // namespace multihomed::core
