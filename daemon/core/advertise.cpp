// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/advertise.hpp"

#include "core/decide.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

/// Of DNS servers and search domains at least; longer where advertisements are rare (RFC 8106,
/// section 5.1: three intervals).
constexpr std::uint32_t kNamesLifetime = 1'800;

/// May hosts use what belongs to this line?
struct Use {
    bool usable = false;
    std::string reason; ///< "which is up"
};

Use use_of(const LineReport& report, const Advertise& typed) {
    const State state = report.health.state;
    if (report.line.blocked || state == State::down)
        return {false, std::string("which is ") + to_string(state) + ": " + report.health.reason};
    if (state == State::hold && !report.carries)
        return {false, "which has come back and is not used again yet"};
    if (report.line.uplink->standby && !report.carries)
        return {false, "which stands by"};
    if (typed[AdvertiseFlag::prefer_carrying] && !report.carries)
        return {false, "which does not carry"};
    return {true, std::string("which is ") + to_string(state)};
}

/// What the IPv6 lines mean for one interface.
struct Outlook {
    struct Entry {
        const LineReport* report = nullptr;
        Use use;
    };
    std::vector<Entry> lines;
    bool any_usable = false;
    bool way_out = false;

    Outlook(const std::vector<LineReport>& reports, const Advertise& typed) {
        for (const LineReport& report : reports) {
            if (report.line.family != Family::v6)
                continue;
            lines.push_back({&report, use_of(report, typed)});
            any_usable = any_usable || lines.back().use.usable;
            way_out = way_out || (!report.line.blocked && !report.health.dead);
        }
    }

    /// The line that gets the packets which bear the prefix.
    const Entry* owner_of(const Prefix& prefix) const {
        const Entry* owner = nullptr;
        int longest = -1;
        for (const Entry& entry : lines)
            for (const Prefix& source : entry.report->line.bound)
                if (source.contains(prefix) && source.length() > longest) {
                    owner = &entry;
                    longest = source.length();
                }
        return owner;
    }

    const Entry* of_uplink(const std::string& name) const {
        const auto found = std::ranges::find_if(
            lines, [&](const Entry& entry) { return entry.report->line.uplink->name == name; });
        return found == lines.end() ? nullptr : &*found;
    }
};

struct Telling {
    bool good = true;
    std::string reason;
};

/// What a provider delegates, and to whom.
struct Granted {
    const Line* line = nullptr;
    const KnownPrefix* known = nullptr;
};

bool is_closer(const KnownPrefix& one, const KnownPrefix& other) {
    return one.phase != other.phase ? one.phase < other.phase
                                    : one.prefix.length() > other.prefix.length();
}

/// Of what the prefix was taken: what is delegated before what was, and of these the narrowest.
std::optional<Granted> granted_of(const Prefix& prefix, const Outlook& outlook) {
    std::optional<Granted> found;
    for (const Outlook::Entry& entry : outlook.lines)
        for (const KnownPrefix& known : entry.report->line.delegated)
            if (known.prefix.contains(prefix) && (!found || is_closer(known, *found->known)))
                found = {&entry.report->line, &known};
    return found;
}

/// Nothing of it is told for longer than it is delegated, and what is deprecated for its grace.
void limit_to_delegation(AdvertisedPrefix& told, std::string& reason, const Granted& granted) {
    const KnownPrefix& known = *granted.known;
    const Uplink& uplink = *granted.line->uplink;
    if (known.phase == KnownPrefix::Phase::gone) {
        told.valid_s = told.preferred_s = 0;
        reason = known.prefix.to_string() + " is no longer delegated to uplink " + uplink.name;
        return;
    }
    if (known.delegated) {
        told.valid_until = known.delegated->valid_until;
        told.preferred_until = known.delegated->preferred_until;
    } else if (const auto& settings = uplink.family[Family::v6].delegation) {
        told.valid_until = known.since + std::chrono::seconds(settings->grace);
    }
    if (known.phase == KnownPrefix::Phase::deprecated) {
        told.preferred_s = 0;
        reason = known.delegated ? "the preferred lifetime of " + known.prefix.to_string() +
                                       " of uplink " + uplink.name + " is over"
                                 : "uplink " + uplink.name + " has lost " +
                                       known.prefix.to_string() + ", which is in its grace";
    }
}

/// While nothing is better, what belongs to a dead line is told as ever: without it hosts have no
/// more than with it.
Telling tell(const Outlook::Entry& owner, const Outlook& outlook) {
    const std::string of = "of uplink " + owner.report->line.uplink->name + ", " + owner.use.reason;
    if (owner.use.usable || outlook.any_usable)
        return {owner.use.usable, of};
    return {true, of + "; no other line is better"};
}

bool is_ula(const Prefix& prefix) {
    return Prefix::parse("fc00::/7")->contains(prefix);
}

/// Prefixes of the interface, and whether all addresses in them are deprecated.
std::map<Prefix, bool> prefixes_of(const Interface& interface) {
    std::map<Prefix, bool> found;
    for (const InterfaceAddress& own : interface.addresses) {
        if (family_of(own.address) != Family::v6 || is_link_local(own.address) ||
            own.prefix_length == 0 || own.prefix_length >= address_bits(Family::v6) || own.peer)
            continue;
        const auto [place, first] =
            found.try_emplace(Prefix(own.address, own.prefix_length), own.deprecated);
        if (!first)
            place->second = place->second && own.deprecated;
    }
    return found;
}

/// Of several the lowest: hosts take every other one for another router.
std::optional<Address> link_local_of(const Interface& interface) {
    std::optional<Address> found;
    for (const InterfaceAddress& own : interface.addresses)
        if (own.address.is_v6() && is_link_local(own.address) && !own.tentative)
            found = std::min(found.value_or(own.address), own.address);
    return found;
}

std::string blocked_text(const Advertise& typed, const Interface* interface) {
    if (typed[AdvertiseFlag::shutdown])
        return "shut down by configuration";
    if (!interface)
        return "interface " + typed.interface + " does not exist";
    if (!interface->up)
        return "interface " + typed.interface + " is down";
    if (!interface->carrier)
        return "no carrier on " + typed.interface;
    if (!link_local_of(*interface))
        return typed.interface + " has no IPv6 link-local address to send from";
    return "";
}

std::uint32_t router_lifetime(const Advertise& typed) {
    const std::uint32_t lifetime = typed[AdvertiseNumber::lifetime];
    return lifetime == 0 ? 0 : std::max(lifetime, typed[AdvertiseNumber::interval]);
}

std::uint32_t names_lifetime(const Advertise& typed) {
    return std::max(kNamesLifetime, 3 * typed[AdvertiseNumber::interval]);
}

void add_prefix(AdvertisePlan& plan, AdvertiseReport& report, const Advertise& typed,
                const Outlook& outlook, const Prefix& prefix, bool deprecated) {
    const std::uint32_t valid = typed[AdvertiseNumber::valid_lifetime];
    const std::uint32_t preferred = std::min(valid, typed[AdvertiseNumber::preferred_lifetime]);
    Telling telling;
    if (const Outlook::Entry* owner = outlook.owner_of(prefix))
        telling = tell(*owner, outlook);
    else if (is_ula(prefix))
        telling.reason = "of no uplink, for use inside";
    else
        telling.reason = "of no uplink: 'ipv6 source " + prefix.to_string() +
                         "' under one would say where it leaves";
    if (deprecated)
        telling = {false, "the interface's own address is deprecated"};
    AdvertisedPrefix told{prefix, valid, telling.good ? preferred : 0};
    if (const auto granted = granted_of(prefix, outlook))
        limit_to_delegation(told, telling.reason, *granted);
    plan.content.prefixes.push_back(told);
    report.prefixes.push_back(telling.reason);
    if (prefix.length() != 64)
        report.remarks.push_back(prefix.to_string() + " is no /64: hosts make no addresses of it");
}

void add_withdrawn(AdvertisePlan& plan, AdvertiseReport& report, const Prefix& prefix) {
    if (plan.content.prefixes.size() >= kMaxAdvertisedPrefixes)
        return;
    plan.content.prefixes.push_back({prefix, 0, 0});
    report.prefixes.push_back("it has left the interface");
}

/// What hosts may still believe in, with the moment at which they cannot any more.
std::map<Prefix, std::optional<Time>> remember(const std::map<Prefix, std::optional<Time>>& before,
                                               const std::map<Prefix, bool>& present,
                                               const Advertise& typed, Time now) {
    std::map<Prefix, std::optional<Time>> told;
    for (const auto& [prefix, deprecated] : present)
        told.emplace(prefix, std::nullopt);
    std::vector<std::pair<Time, Prefix>> gone;
    for (const auto& [prefix, until] : before) {
        const Time end =
            until.value_or(now + std::chrono::seconds(typed[AdvertiseNumber::valid_lifetime]));
        if (!present.contains(prefix) && end > now)
            gone.emplace_back(end, prefix);
    }
    std::ranges::sort(gone, std::ranges::greater());
    if (gone.size() > kMaxWithdrawn)
        gone.resize(kMaxWithdrawn);
    for (const auto& [end, prefix] : gone)
        told.emplace(prefix, end);
    return told;
}

bool is_line(const Config& config, const std::string& interface) {
    return std::ranges::find(config.uplinks, interface, &Uplink::interface) != config.uplinks.end();
}

/// Ways to what else is inside, for hosts that have no default router while no line lives.
void add_routes(AdvertisePlan& plan, AdvertiseReport& report, const Config& config,
                const Observation& seen, const Advertise& typed) {
    std::vector<Prefix> inside;
    for (const Prefix& prefix : config.internal)
        if (prefix.family() == Family::v6)
            inside.push_back(prefix);
    for (const auto& [name, interface] : seen.interfaces)
        if (name != typed.interface && interface.up && !interface.loopback &&
            !is_line(config, name))
            for (const auto& [prefix, deprecated] : prefixes_of(interface))
                inside.push_back(prefix);
    drop_covered(inside);
    if (inside.size() > kMaxAdvertisedRoutes) {
        report.remarks.push_back("only " + std::to_string(kMaxAdvertisedRoutes) + " of " +
                                 std::to_string(inside.size()) +
                                 " networks inside fit: 'internal PREFIX' would sum them up");
        inside.resize(kMaxAdvertisedRoutes);
    }
    for (const Prefix& prefix : inside)
        plan.content.routes.push_back({prefix, std::max(kNamesLifetime, router_lifetime(typed))});
}

void add_resolvers(AdvertisePlan& plan, AdvertiseReport& report, const Advertise& typed,
                   const Outlook& outlook) {
    for (const Resolver& resolver : typed.resolvers) {
        Telling telling;
        if (const Outlook::Entry* owner = outlook.of_uplink(resolver.uplink))
            telling = tell(*owner, outlook);
        else if (!resolver.uplink.empty())
            telling.reason = "uplink " + resolver.uplink + " has no IPv6 line to follow";
        plan.content.resolvers.push_back(
            {resolver.address, telling.good ? names_lifetime(typed) : 0});
        report.resolvers.push_back(telling.reason);
    }
    plan.content.domains = typed.domains;
    plan.content.domains_s = typed.domains.empty() ? 0 : names_lifetime(typed);
}

void set_lifetime(AdvertisePlan& plan, AdvertiseReport& report, const Advertise& typed,
                  const Outlook& outlook) {
    const std::uint32_t lifetime = router_lifetime(typed);
    plan.content.lifetime_s = outlook.way_out ? static_cast<std::uint16_t>(lifetime) : 0;
    report.lifetime = lifetime == 0           ? "'ra-lifetime 0' is configured"
                      : outlook.way_out       ? "an IPv6 line can be used"
                      : outlook.lines.empty() ? "there is no IPv6 line"
                                              : "no IPv6 line can be used";
}

void set_rest(AdvertisePlan& plan, AdvertiseReport& report, const Advertise& typed,
              const Interface& interface) {
    RouterAdvertisement& content = plan.content;
    content.hop_limit = static_cast<std::uint8_t>(typed[AdvertiseNumber::hop_limit]);
    content.managed = typed[AdvertiseFlag::managed];
    content.other = typed[AdvertiseFlag::other];
    content.preference = typed.preference;
    content.reachable_ms = typed[AdvertiseNumber::reachable_time];
    content.retrans_ms = typed[AdvertiseNumber::retrans_interval];
    content.mtu = typed[AdvertiseNumber::mtu];
    if (interface.mtu != 0 && content.mtu > interface.mtu)
        report.remarks.push_back("mtu " + std::to_string(content.mtu) + " is more than the " +
                                 std::to_string(interface.mtu) + " of " + interface.name);
}

void fill_content(AdvertisePlan& plan, AdvertiseReport& report, const Advertise& typed,
                  const Outlook& outlook, const Interface& interface,
                  const std::map<Prefix, std::optional<Time>>& told) {
    const auto present = prefixes_of(interface);
    set_rest(plan, report, typed, interface);
    set_lifetime(plan, report, typed, outlook);
    for (const auto& [prefix, deprecated] : present)
        if (plan.content.prefixes.size() < kMaxAdvertisedPrefixes)
            add_prefix(plan, report, typed, outlook, prefix, deprecated);
    if (present.empty())
        report.remarks.push_back(interface.name + " has no IPv6 prefix to advertise");
    if (present.size() > kMaxAdvertisedPrefixes)
        report.remarks.push_back("only " + std::to_string(kMaxAdvertisedPrefixes) + " of the " +
                                 std::to_string(present.size()) + " prefixes of " + interface.name +
                                 " fit");
    for (const auto& [prefix, until] : told)
        if (until)
            add_withdrawn(plan, report, prefix);
    add_resolvers(plan, report, typed, outlook);
}

/// While an interface cannot be used its prefixes come and go; hosts hear nothing of it.
void keep_told(std::map<Prefix, std::optional<Time>>& told, Time now) {
    std::erase_if(told, [now](const auto& entry) { return entry.second && *entry.second <= now; });
}

/// Where nothing is advertised any more hosts forget by themselves; until then advertising may
/// begin again, by a restart of the daemon if nothing else.
void keep_others(AdvertisedPrefixes& told, const AdvertisedPrefixes& before, Time now) {
    for (const auto& [interface, prefixes] : before) {
        if (told.contains(interface))
            continue;
        auto kept = prefixes;
        for (auto& [prefix, until] : kept)
            until = until.value_or(
                now + std::chrono::seconds(Advertise{}[AdvertiseNumber::valid_lifetime]));
        keep_told(kept, now);
        if (!kept.empty())
            told.emplace(interface, std::move(kept));
    }
}

std::uint32_t seconds_until(const std::optional<Time>& until, std::uint32_t most, Time now) {
    if (!until)
        return most;
    const auto left = std::chrono::floor<std::chrono::seconds>(*until - now).count();
    return static_cast<std::uint32_t>(
        std::clamp<std::chrono::seconds::rep>(left, 0, static_cast<std::int64_t>(most)));
}

} // namespace

AdvertisedPrefix as_of(const AdvertisedPrefix& told, Time now) {
    AdvertisedPrefix sent{.prefix = told.prefix};
    sent.valid_s = seconds_until(told.valid_until, told.valid_s, now);
    sent.preferred_s =
        std::min(sent.valid_s, seconds_until(told.preferred_until, told.preferred_s, now));
    return sent;
}

Advertising plan_advertisements(const Config& config, const Observation& seen,
                                const std::vector<LineReport>& lines,
                                const AdvertisedPrefixes& told, Time now) {
    Advertising result;
    for (const Advertise& typed : config.advertise) {
        const auto found = seen.interfaces.find(typed.interface);
        const Interface* interface = found == seen.interfaces.end() ? nullptr : &found->second;
        const auto before = told.find(typed.interface);
        AdvertisePlan& plan = result.plans.emplace_back();
        AdvertiseReport& report = result.reports.emplace_back();
        plan.interface = typed.interface;
        plan.interval = std::chrono::seconds(typed[AdvertiseNumber::interval]);
        report.blocked = blocked_text(typed, interface);
        auto& now_told = result.told[typed.interface];
        if (before != told.end())
            now_told = before->second;
        if (!report.blocked.empty()) {
            keep_told(now_told, now);
        } else {
            plan.ifindex = interface->index;
            plan.source = link_local_of(*interface);
            now_told = remember(now_told, prefixes_of(*interface), typed, now);
            fill_content(plan, report, typed, Outlook(lines, typed), *interface, now_told);
            add_routes(plan, report, config, seen, typed);
        }
    }
    keep_others(result.told, told, now);
    for (const auto& [interface, prefixes] : result.told)
        for (const auto& [prefix, until] : prefixes)
            if (until && (!result.next_deadline || *until < *result.next_deadline))
                result.next_deadline = until;
    return result;
}

} // namespace multihomed::core
