// SPDX-License-Identifier: GPL-2.0-or-later
//
// `ipv6 nat prefix`: which prefix inside bears which prefix of the line outside. A prefix inside is
// what tells one from another; typed again with another prefix outside, it gets that one.
#include "core/config_text.hpp"
#include "core/edit_parts.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

Result<PrefixNat> typed_prefix_nat(const PrefixNatWords& words, Family family) {
    PrefixNat typed;
    if (words.outside != "auto") {
        const auto outside = typed_prefix(words.outside, family);
        if (!outside)
            return outside.error();
        typed.outside = *outside;
    }
    if (words.inside) {
        const auto inside = typed_prefix(*words.inside, family);
        if (!inside)
            return inside.error();
        typed.inside = *inside;
    }
    return typed;
}

/// The prefix of the longer one's length that RFC 6296 takes of the shorter one.
std::string first_part(const Prefix& shorter, const Prefix& longer) {
    return Prefix(shorter.address(), longer.length()).to_string();
}

Refusal refuse_prefixes(const PrefixNat& typed) {
    if (typed.outside)
        if (const auto refusal = refuse_nat_prefix(*typed.outside))
            return refusal;
    if (typed.inside)
        if (const auto refusal = refuse_internal(*typed.inside))
            return refusal;
    if (!typed.outside || !typed.inside)
        return std::nullopt;
    const Prefix& outside = *typed.outside;
    const Prefix& inside = *typed.inside;
    if (outside.overlaps(inside))
        return inside.to_string() + " cannot stand for itself";
    if (outside.length() > inside.length())
        return inside.to_string() + " has more networks than " + outside.to_string() +
               ": take a part of the same length, " + first_part(inside, outside);
    if (outside.length() < inside.length())
        return outside.to_string() + " has more networks than " + inside.to_string() +
               ": take a part of the same length, " + first_part(outside, inside);
    return std::nullopt;
}

bool overlap(const std::optional<Prefix>& one, const std::optional<Prefix>& other) {
    return one && other ? one->overlaps(*other) : !one && !other;
}

std::string outside_text(const PrefixNat& nat) {
    return nat.outside ? nat.outside->to_string() : "'auto'";
}

/// Contradictions between the new one and one that stays.
Refusal refuse_beside(const PrefixNat& typed, const PrefixNat& other) {
    if (!typed.inside || !other.inside)
        return std::string("one of several prefixes has to say what it stands for: 'inside PREFIX'"
                           "; there is 'ipv6 nat ") +
               to_text(other) + "'";
    if (overlap(typed.inside, other.inside))
        return typed.inside->to_string() + " overlaps " + other.inside->to_string() +
               ", which is translated to " + outside_text(other);
    if (overlap(typed.outside, other.outside))
        return outside_text(typed) + " stands for " + other.inside->to_string() + " already";
    return std::nullopt;
}

Refusal add(std::vector<PrefixNat>& list, const PrefixNat& typed) {
    // The only one may say later, or no longer, what it stands for.
    const bool renamed = list.size() == 1 && list.front().outside == typed.outside;
    std::vector<PrefixNat> next;
    for (const PrefixNat& other : list) {
        if (renamed || other.inside == typed.inside)
            continue;
        if (auto refusal = refuse_beside(typed, other))
            return refusal;
        next.push_back(other);
    }
    if (next.size() >= kMaxPrefixes)
        return "there are " + std::to_string(kMaxPrefixes) + " prefixes already, the limit";
    // Where there are others, all of them say what they stand for.
    next.insert(std::ranges::find_if(
                    next, [&](const PrefixNat& other) { return *typed.inside < *other.inside; }),
                typed);
    list = std::move(next);
    return std::nullopt;
}

Refusal take(std::vector<PrefixNat>& list, const PrefixNat& typed) {
    const auto gone = std::erase_if(list, [&](const PrefixNat& each) {
        return each.outside == typed.outside && (!typed.inside || each.inside == typed.inside);
    });
    if (gone == 0)
        return "'" + to_text(typed) + "' is not configured";
    return std::nullopt;
}

} // namespace

Refusal edit_prefix_nat(Config& config, const std::string& uplink, Family family,
                        const PrefixNatWords& words, bool present) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        const auto typed = typed_prefix_nat(words, family);
        if (!typed)
            return typed.error().what;
        auto& list = found.family[family].prefix_nats;
        if (!present)
            return take(list, *typed);
        if (auto refusal = refuse_translation(found))
            return refusal;
        if (auto refusal = refuse_prefixes(*typed))
            return refusal;
        return add(list, *typed);
    });
}

Refusal clear_prefix_nats(Config& config, const std::string& uplink, Family family) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        found.family[family].prefix_nats.clear();
        return std::nullopt;
    });
}

} // namespace multihomed::core
