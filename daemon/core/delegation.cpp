// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/delegation.hpp"

#include "core/line.hpp"
#include "core/text.hpp"
#include "core/utf8.hpp"
#include "core/validate.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

using Phase = KnownPrefix::Phase;
constexpr std::uint32_t kForEver = 0xffffffff; ///< of a lifetime, RFC 8415 7.7

bool is_over(const std::optional<Time>& until, Time now) {
    return until && *until <= now;
}

const Delegation* delegation_of(const Config& config, const std::string& uplink) {
    const Uplink* found = find_uplink(config, uplink);
    return found && found->family[Family::v6].delegation ? &*found->family[Family::v6].delegation
                                                         : nullptr;
}

using Delegated = std::vector<DelegatedPrefix>;

bool overlaps_one_of(const Prefix& prefix, const Delegated& those) {
    return std::ranges::any_of(
        those, [&](const DelegatedPrefix& each) { return each.prefix.overlaps(prefix); });
}

/// systemd-networkd and dhcpcd make what they are given, and have not given on, unreachable.
void add_shown_by_routes(Delegated& given, const Config& config, const std::string& uplink,
                         const Observation& seen) {
    for (const KernelRoute& route : seen.routes)
        if (shows_delegation(route) && route.destination.length() >= kShortestDelegated &&
            route.destination.length() <= kLongestDelegated &&
            !refuse_source(config, uplink, route.destination) &&
            !overlaps_one_of(route.destination, given))
            given.push_back({.prefix = route.destination});
}

std::size_t followers(const Config& config) {
    return static_cast<std::size_t>(std::ranges::count_if(config.uplinks, [](const Uplink& each) {
        return each.family[Family::v6].delegation.has_value();
    }));
}

Delegated given_to(const std::string& uplink, const Config& config, const Observation& seen) {
    const auto told = seen.delegated.find(uplink);
    Delegated given = told == seen.delegated.end() ? Delegated() : told->second;
    if (followers(config) == 1)
        add_shown_by_routes(given, config, uplink, seen);
    return given;
}

KnownPrefix judge_delegated(const DelegatedPrefix& delegated, const KnownPrefix* before, Time now) {
    KnownPrefix known{.prefix = delegated.prefix, .since = now, .delegated = delegated};
    if (is_over(delegated.valid_until, now))
        known.phase = Phase::gone;
    else if (is_over(delegated.preferred_until, now))
        known.phase = Phase::deprecated;
    if (before && before->phase == known.phase)
        known.since = before->since;
    if (before)
        known.inside = before->inside;
    return known;
}

/// What is no longer delegated; nothing once it is forgotten.
std::optional<KnownPrefix> age(const KnownPrefix& before, const Delegation& settings, Time now) {
    KnownPrefix known = before;
    known.delegated.reset();
    // Deprecated by its lifetime is not yet withdrawn: the grace begins with the withdrawal.
    if (before.delegated && before.phase != Phase::gone) {
        known.phase = Phase::deprecated;
        known.since = now;
    }
    if (known.phase == Phase::deprecated &&
        now >= known.since + std::chrono::seconds(settings.grace)) {
        known.phase = Phase::gone;
        known.since = now;
    }
    if (known.phase == Phase::gone && now >= known.since + kGoneTold)
        return std::nullopt;
    return known;
}

bool overlaps_one_of(const Prefix& prefix, const std::vector<KnownPrefix>& those) {
    return std::ranges::any_of(
        those, [&](const KnownPrefix& each) { return each.prefix.overlaps(prefix); });
}

bool is_inside(const Interface& interface, const Config& config) {
    return !interface.loopback && std::ranges::find(config.uplinks, interface.name,
                                                    &Uplink::interface) == config.uplinks.end();
}

/// Later interfaces win; those that are no more are forgotten.
void note_inside(KnownPrefix& known, const Config& config, const Observation& seen) {
    std::erase_if(known.inside, [&](const auto& network) {
        return std::ranges::none_of(seen.interfaces, [&](const auto& entry) {
            return entry.second.index == network.second.ifindex;
        });
    });
    for (const auto& [name, interface] : seen.interfaces)
        if (is_inside(interface, config))
            for (const InterfaceAddress& own : interface.addresses)
                if (const auto connected = connected_prefix(own);
                    connected && known.prefix.contains(*connected) &&
                    (known.inside.contains(*connected) || known.inside.size() < kMaxDelegated))
                    known.inside[*connected] = {.ifindex = interface.index, .interface = name};
}

std::optional<std::string> refuse_delegated(const Observation& seen, const Config& config,
                                            const std::string& uplink, const Prefix& prefix) {
    if (prefix.length() < kShortestDelegated || prefix.length() > kLongestDelegated)
        return prefix.to_string() + " is no delegated prefix: their lengths are " +
               std::to_string(kShortestDelegated) + " to " + std::to_string(kLongestDelegated);
    if (const auto refusal = refuse_source(config, uplink, prefix))
        return refusal;
    for (const auto& [other, prefixes] : seen.delegated)
        for (const DelegatedPrefix& taken : prefixes)
            if (taken.prefix.overlaps(prefix) && (other != uplink || taken.prefix != prefix))
                return prefix.to_string() + " overlaps " + taken.prefix.to_string() +
                       ", delegated to uplink " + other;
    return std::nullopt;
}

std::optional<Time> end_of(std::optional<std::uint32_t> lifetime, Time now) {
    if (!lifetime || *lifetime == kForEver)
        return std::nullopt;
    return now + std::chrono::seconds(*lifetime);
}

} // namespace

const char* to_string(KnownPrefix::Phase phase) {
    return phase == Phase::current ? "current" : phase == Phase::deprecated ? "deprecated" : "gone";
}

KnownPrefixes follow_delegations(const Config& config, const Observation& seen,
                                 const KnownPrefixes& previous, Time now) {
    KnownPrefixes all;
    for (const Uplink& uplink : config.uplinks) {
        const Delegation* settings = delegation_of(config, uplink.name);
        if (!settings)
            continue;
        std::vector<KnownPrefix>& known = all[uplink.name];
        const auto of_before = previous.find(uplink.name);
        const auto before =
            of_before == previous.end() ? std::vector<KnownPrefix>() : of_before->second;
        for (const DelegatedPrefix& delegated : given_to(uplink.name, config, seen)) {
            const auto found = std::ranges::find(before, delegated.prefix, &KnownPrefix::prefix);
            known.push_back(
                judge_delegated(delegated, found == before.end() ? nullptr : &*found, now));
        }
        for (const KnownPrefix& each : before)
            if (!overlaps_one_of(each.prefix, known))
                if (const auto aged = age(each, *settings, now))
                    known.push_back(*aged);
        for (KnownPrefix& each : known)
            note_inside(each, config, seen);
    }
    return all;
}

std::optional<Time> next_phase(const Config& config, const KnownPrefixes& known, Time now) {
    std::optional<Time> next;
    const auto consider = [&](std::optional<Time> when) {
        if (when && *when > now && (!next || *when < *next))
            next = when;
    };
    for (const auto& [uplink, prefixes] : known)
        for (const KnownPrefix& each : prefixes) {
            if (each.delegated) {
                consider(each.delegated->preferred_until);
                consider(each.delegated->valid_until);
            } else if (each.phase == Phase::gone) {
                consider(each.since + kGoneTold);
            } else if (const Delegation* settings = delegation_of(config, uplink)) {
                consider(each.since + std::chrono::seconds(settings->grace));
            }
        }
    return next;
}

std::optional<std::string> add_delegated(Observation& seen, const Config& config,
                                         const std::string& uplink, const DelegationWords& words,
                                         Time now) {
    // At boot a client may come before the configuration.
    if (const auto refusal = refuse_uplink_name(config, uplink))
        return refusal;
    if (!seen.delegated.contains(uplink) && seen.delegated.size() >= kMaxUplinks)
        return std::string("there are delegated prefixes of as many uplinks as there can be");
    const auto prefix = Prefix::parse(words.prefix);
    if (!prefix || prefix->family() != Family::v6)
        return quoted(words.prefix) + " is not an IPv6 prefix";
    if (const auto refusal = refuse_delegated(seen, config, uplink, *prefix))
        return refusal;
    if (words.preferred.value_or(0) > words.valid.value_or(kForEver))
        return std::string("the preferred lifetime is longer than the valid one");
    if (words.valid == 0U) // how a DHCPv6 server withdraws a prefix
        return remove_delegated(seen, uplink, words.prefix);
    const DelegatedPrefix delegated{*prefix,
                                    end_of(words.preferred ? words.preferred : words.valid, now),
                                    end_of(words.valid, now)};
    std::vector<DelegatedPrefix>& prefixes = seen.delegated[uplink];
    const auto known = std::ranges::find(prefixes, *prefix, &DelegatedPrefix::prefix);
    if (known != prefixes.end())
        *known = delegated;
    else if (prefixes.size() >= kMaxDelegated)
        return "uplink " + uplink + " has " + std::to_string(kMaxDelegated) +
               " delegated prefixes already, the limit";
    else
        prefixes.push_back(delegated);
    return std::nullopt;
}

std::optional<std::string> remove_delegated(Observation& seen, const std::string& uplink,
                                            const std::string& prefix) {
    const auto parsed = Prefix::parse(prefix);
    const auto of_uplink = seen.delegated.find(uplink);
    const bool removed = parsed && of_uplink != seen.delegated.end() &&
                         std::erase_if(of_uplink->second, [&](const DelegatedPrefix& each) {
                             return each.prefix == *parsed;
                         }) > 0;
    if (!removed)
        return prefix + " is not delegated to uplink " + uplink;
    if (of_uplink->second.empty())
        seen.delegated.erase(of_uplink);
    return std::nullopt;
}

} // namespace multihomed::core
