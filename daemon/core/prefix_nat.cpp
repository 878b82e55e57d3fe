// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/prefix_nat.hpp"

#include "core/config_text.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

/// No network of anybody's is wider: that is what a site gets (RFC 4193, RFC 6177).
constexpr std::uint8_t kSiteLength = 48;

Blocked unfit(const std::string& reason) {
    return {State::no_address, reason, Fault::address};
}

/// What is meant by `auto`: nothing new begins with a deprecated prefix if there is another.
std::optional<Prefix> first_prefix(const Line& line) {
    const auto is_deprecated = [&](const Prefix& prefix) {
        const auto known = std::ranges::find(line.delegated, prefix, &KnownPrefix::prefix);
        return known != line.delegated.end() && known->phase == KnownPrefix::Phase::deprecated;
    };
    const auto good = std::ranges::find_if_not(line.assigned, is_deprecated);
    if (good != line.assigned.end())
        return *good;
    return line.assigned.empty() ? std::nullopt : std::optional(line.assigned.front());
}

/// What is meant when `inside` was not typed. The default list of internal prefixes names no
/// network, it only says where networks may be.
std::optional<Prefix> only_network(const Config& config, Family family) {
    std::vector<Prefix> networks;
    for (const Prefix& prefix : config.internal)
        if (prefix.family() == family && prefix.length() >= kSiteLength)
            networks.push_back(prefix);
    drop_covered(networks);
    return networks.size() == 1 ? std::optional(networks.front()) : std::nullopt;
}

bool any_contains(const std::vector<Prefix>& prefixes, const Prefix& inner) {
    return std::ranges::any_of(prefixes,
                               [&](const Prefix& prefix) { return prefix.contains(inner); });
}

/// Of what is asked for, one pair or the reason why there is none.
struct Resolved {
    PrefixPair pair;
    std::optional<Blocked> blocked = {};
};

/// Cuts the pair to equal lengths.
Resolved complete(Line& line, const PrefixNat& typed, const Config& config) {
    const auto outside = typed.outside ? typed.outside : first_prefix(line);
    if (!outside)
        return {{},
                unfit("'ipv6 nat prefix auto' finds no prefix of this line; 'ipv6 source "
                      "PREFIX' would add one")};
    const auto inside = typed.inside ? typed.inside : only_network(config, line.family);
    if (!inside)
        return {{},
                unfit("what does " + outside->to_string() +
                      " stand for? There is not exactly one 'internal' network of IPv6; "
                      "'inside PREFIX' would say")};
    const std::uint8_t length = std::max(outside->length(), inside->length());
    const PrefixPair pair{Prefix(inside->address(), length), Prefix(outside->address(), length)};
    if (pair.inside != *inside)
        line.remarks.push_back("of " + inside->to_string() + " only " + pair.inside.to_string() +
                               " is translated by prefix: " + outside->to_string() +
                               " has no more networks");
    return {pair};
}

std::optional<Blocked> check(const PrefixPair& pair, const Line& line,
                             const std::vector<Line>& lines, const Config& config) {
    const std::string outside = pair.outside.to_string();
    const std::string inside = pair.inside.to_string();
    if (!any_contains(line.sources, pair.outside))
        return unfit("NAT prefix " + outside +
                     " lies in no prefix of this line; 'ipv6 source PREFIX' would add one");
    if (!any_contains(internal_prefixes(config), pair.inside))
        return unfit(inside + ", which NAT prefix " + outside +
                     " stands for, is not internal; 'internal PREFIX' would make it so");
    for (const Line& other : lines)
        for (const Prefix& source : other.sources)
            if (source.overlaps(pair.inside))
                return unfit(inside + ", which NAT prefix " + outside + " stands for, overlaps " +
                             source.to_string() + " of uplink " + other.uplink->name +
                             ": its packets leave by that line only");
    for (const PrefixPair& before : line.prefix_nats)
        if (before.outside.overlaps(pair.outside) || before.inside.overlaps(pair.inside))
            return unfit("NAT prefix " + outside + " for " + inside + " overlaps " +
                         before.outside.to_string() + " for " + before.inside.to_string());
    return std::nullopt;
}

/// Nobody answers on the link for the addresses of hosts inside, and what is used inside as it is
/// cannot stand for something else as well.
void remark_neighbours(Line& line, const PrefixPair& pair, const Observation& seen) {
    const std::string outside = pair.outside.to_string();
    if (std::ranges::any_of(line.subnets,
                            [&](const Prefix& subnet) { return subnet.contains(pair.outside); }))
        line.remarks.push_back("NAT prefix " + outside +
                               " is on the link: the provider has to route it to this router, or "
                               "nobody answers for its addresses");
    for (const auto& [name, interface] : seen.interfaces)
        for (const InterfaceAddress& own : interface.addresses) {
            const Prefix subnet(own.address, own.prefix_length);
            const bool alone = subnet == Prefix::host(own.address); // is not translated
            if (name != line.interface && !alone && subnet.overlaps(pair.outside))
                line.remarks.push_back(subnet.to_string() + " on " + name +
                                       " overlaps NAT prefix " + outside +
                                       ": hosts there are not reached by this line, " +
                                       pair.inside.to_string() + " is");
        }
}

} // namespace

std::optional<Blocked> resolve_prefix_nats(Line& line, const std::vector<Line>& lines,
                                           const Config& config, const Observation& seen) {
    std::optional<Blocked> blocked;
    for (const PrefixNat& typed : line.uplink->family[line.family].prefix_nats) {
        Resolved resolved = complete(line, typed, config);
        if (!resolved.blocked)
            resolved.blocked = check(resolved.pair, line, lines, config);
        if (!resolved.blocked) {
            line.prefix_nats.push_back(resolved.pair);
            remark_neighbours(line, resolved.pair, seen);
        } else if (!blocked)
            blocked = resolved.blocked;
    }
    std::ranges::sort(line.prefix_nats);
    return blocked;
}

} // namespace multihomed::core
