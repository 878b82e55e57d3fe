// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/config.hpp"

#include <algorithm>

namespace multihomed::core {

std::vector<Prefix> internal_prefixes(const Config& config) {
    if (!config.internal.empty())
        return config.internal;
    std::vector<Prefix> all;
    for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"})
        all.push_back(*Prefix::parse(text));
    return all;
}

Nat nat_of(const Uplink& uplink, Family family) {
    if (const auto& typed = uplink.family[family].nat)
        return *typed;
    const bool by_router = uplink.family[family].gateway.kind == Gateway::Kind::router;
    return {.kind = family == Family::v4 && !by_router ? Nat::Kind::masquerade : Nat::Kind::none,
            .first = {},
            .last = {}};
}

std::uint32_t preference_of(const Uplink& uplink) {
    return uplink.preference.value_or(kDefaultPreference);
}

bool is_same_target(const ProbeTarget& one, const ProbeTarget& other) {
    ProbeTarget same = other;
    same.interval = one.interval;
    return one == same;
}

const Advertise* find_advertise(const Config& config, const std::string& interface) {
    const auto found = std::ranges::find(config.advertise, interface, &Advertise::interface);
    return found == config.advertise.end() ? nullptr : &*found;
}

const ProbeProfile* find_profile(const Config& config, const std::string& name) {
    const auto found = std::ranges::find(config.profiles, name, &ProbeProfile::name);
    return found == config.profiles.end() ? nullptr : &*found;
}

Probing probing_of(const Config& config, const Uplink& uplink) {
    const std::string name = uplink.profile.empty() ? "default" : uplink.profile;
    // What is changed in `default` holds wherever nothing else is said.
    Probing probing = built_in(name);
    if (const ProbeProfile* general = find_profile(config, "default");
        general && !is_built_in(name))
        probing = probing.with(general->settings);
    if (const ProbeProfile* profile = find_profile(config, name))
        probing = probing.with(profile->settings);
    return probing.with(uplink.probing);
}

const Uplink* find_uplink(const Config& config, const std::string& name) {
    const auto found = std::ranges::find(config.uplinks, name, &Uplink::name);
    return found == config.uplinks.end() ? nullptr : &*found;
}

} // namespace multihomed::core
