// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/sources.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace multihomed::core {

namespace {

struct Claim {
    Prefix prefix;
    const Line* line = nullptr;
    const Line* rival = nullptr; ///< another line with a prefix that overlaps
};

/// The peer of a point-to-point interface: connected, but not ours.
bool is_peer(const Prefix& subnet) {
    return subnet.length() == address_bits(subnet.family());
}

/// All subnets and assigned prefixes, sorted so that a prefix comes before those it contains.
std::vector<Claim> claims_of(const std::vector<Line>& lines) {
    std::vector<Claim> claims;
    for (const Line& line : lines) {
        for (const Prefix& assigned : line.assigned)
            claims.push_back({assigned, &line});
        for (const Prefix& subnet : line.subnets)
            if (!is_peer(subnet))
                claims.push_back({subnet, &line});
    }
    std::ranges::sort(claims, {},
                      [](const Claim& claim) { return std::tie(claim.prefix, claim.line); });
    return claims;
}

/// Walks along the prefixes with those around the current one at hand.
void find_rivals(std::vector<Claim>& claims) {
    std::vector<Claim*> around;
    for (Claim& claim : claims) {
        while (!around.empty() && !around.back()->prefix.contains(claim.prefix))
            around.pop_back();
        for (Claim* outer : around)
            if (outer->line != claim.line) {
                outer->rival = outer->rival ? outer->rival : claim.line;
                claim.rival = claim.rival ? claim.rival : outer->line;
            }
        around.push_back(&claim);
    }
}

/// How good a line's claim is to a source that another has too; the least wins, then the order of
/// the configuration.
int weakness(const Line& line, const Prefix& source) {
    const bool own = std::ranges::any_of(
        line.addresses, [&](const Address& address) { return Prefix::host(address) == source; });
    return (line.blocked ? 2 : 0) + (own ? 0 : 1);
}

} // namespace

/// Two modems that both hand out 192.168.1.0/24 are common; then only the addresses tell the lines
/// apart.
void add_shared_sources(std::vector<Line>& lines) {
    auto claims = claims_of(lines);
    find_rivals(claims);
    std::map<std::pair<const Line*, Prefix>, const Line*> rivals;
    for (const Claim& claim : claims)
        if (claim.rival)
            rivals.emplace(std::pair(claim.line, claim.prefix), claim.rival);
    for (Line& line : lines) {
        line.sources.insert(line.sources.end(), line.assigned.begin(), line.assigned.end());
        for (const Prefix& subnet : line.subnets) {
            if (is_peer(subnet))
                continue;
            if (const auto rival = rivals.find({&line, subnet}); rival != rivals.end())
                line.remarks.push_back(subnet.to_string() + " is also a prefix of uplink " +
                                       rival->second->uplink->name +
                                       ": only this line's own addresses mark its packets");
            else
                line.sources.push_back(subnet);
        }
        drop_covered(line.sources);
    }
}

void bind_sources(std::vector<Line>& lines) {
    std::map<Prefix, const Line*> owners;
    for (const Line& line : lines)
        for (const Prefix& source : line.sources) {
            const auto [owner, first] = owners.try_emplace(source, &line);
            if (!first && weakness(line, source) < weakness(*owner->second, source))
                owner->second = &line;
        }
    for (Line& line : lines)
        for (const Prefix& source : line.sources) {
            const Line& owner = *owners.at(source);
            if (&owner == &line)
                line.bound.push_back(source);
            else
                line.remarks.push_back(source.to_string() + " is a source of uplink " +
                                       owner.uplink->name +
                                       " too, which gets the packets that bear it");
        }
}

} // namespace multihomed::core
