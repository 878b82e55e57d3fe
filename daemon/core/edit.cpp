// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/edit.hpp"

#include "core/config_text.hpp"
#include "core/edit_parts.hpp"
#include "core/inside.hpp"
#include "core/result.hpp"
#include "core/utf8.hpp"
#include "core/validate.hpp"

#include <algorithm>
#include <charconv>

namespace multihomed::core {

namespace {

const char* family_words(Family family) {
    return family == Family::v4 ? "IPv4" : "IPv6";
}

/// Adds to or takes from a sorted list without duplicates.
Refusal edit_prefixes(std::vector<Prefix>& list, const Prefix& prefix, bool present) {
    const auto place = std::ranges::lower_bound(list, prefix);
    const bool found = place != list.end() && *place == prefix;
    if (!present && !found)
        return prefix.to_string() + " is not configured";
    if (!present)
        list.erase(place);
    else if (!found && list.size() >= kMaxPrefixes)
        return "there are " + std::to_string(kMaxPrefixes) + " prefixes already, the limit";
    else if (!found)
        list.insert(place, prefix);
    return std::nullopt;
}

/// The words of a line, one blank apart: that is how the command parser sees them.
std::string words_of(const std::string& line) {
    std::string words;
    for (const char c : line) {
        const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
        if (!blank)
            words += c;
        else if (!words.empty() && words.back() != ' ')
            words += ' ';
    }
    if (words.ends_with(' '))
        words.pop_back();
    return words;
}

struct NumberRange {
    const char* what;
    std::uint32_t least;
    std::uint32_t most;
};

NumberRange range_of(UplinkNumber which) {
    switch (which) {
    case UplinkNumber::preference:
        return {"the preference", 0, 65535};
    case UplinkNumber::weight:
        return {"the weight", 1, 255};
    case UplinkNumber::table:
        return {"the table", 1, 4294967295U};
    }
    return {"the number", 1, 0};
}

void set_number(Uplink& uplink, UplinkNumber which, std::optional<std::uint32_t> value) {
    switch (which) {
    case UplinkNumber::preference:
        uplink.preference = value;
        break;
    case UplinkNumber::weight:
        uplink.weight = value.value_or(Uplink{}.weight);
        break;
    case UplinkNumber::table:
        uplink.table = value;
        break;
    }
}

Result<Nat> typed_nat(const NatWords& words, Family family) {
    if (words.kind == "none")
        return Nat{.kind = Nat::Kind::none, .first = {}, .last = {}};
    if (words.kind == "masquerade")
        return Nat{.kind = Nat::Kind::masquerade, .first = {}, .last = {}};
    if (words.kind != "source")
        return Error{0, quoted(words.kind) + " is none of 'masquerade', 'none' and 'source'"};
    const auto first = typed_address(words.first, family);
    if (!first)
        return first.error();
    const auto last = typed_address(words.last.value_or(words.first), family);
    if (!last)
        return last.error();
    if (const auto refusal = refuse_nat_range(*first, *last))
        return Error{0, *refusal};
    return Nat{.kind = Nat::Kind::source, .first = *first, .last = *last};
}

} // namespace

Result<Address> typed_address(const std::string& text, Family family) {
    const auto address = parse_address(text);
    if (!address || family_of(*address) != family)
        return Error{0, quoted(text) + " is not an " + family_words(family) + " address"};
    return *address;
}

Result<Prefix> typed_prefix(const std::string& text, std::optional<Family> family) {
    if (const auto prefix = Prefix::parse(text);
        prefix && prefix->family() == family.value_or(prefix->family()))
        return *prefix;
    const Error no_prefix{0, quoted(text) + " is not an " +
                                 (family ? family_words(*family) : "IPv4 or IPv6") + " prefix"};
    const std::size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address || slash == std::string::npos ||
        family_of(*address) != family.value_or(family_of(*address)))
        return no_prefix;
    std::uint8_t length = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data() + slash + 1, end, length);
    if (failed != std::errc() || rest != end || length > address_bits(family_of(*address)))
        return no_prefix;
    return Error{0, text + " has host bits; the prefix is " + Prefix(*address, length).to_string()};
}

void edit_router(Config& config, bool present) {
    if (!present)
        config = Config{};
    config.enabled = present;
}

Refusal edit_internal(Config& config, const std::string& prefix, bool present) {
    const auto typed = typed_prefix(prefix, std::nullopt);
    if (!typed)
        return typed.error().what;
    if (const auto refusal = refuse_internal(*typed); refusal && present)
        return refusal;
    if (!present && config.internal.empty())
        return typed->to_string() + " is not configured; the default list is in force";
    return edit_prefixes(config.internal, *typed, present);
}

Refusal edit_table_base(Config& config, std::optional<std::uint32_t> base) {
    const std::uint32_t value = base.value_or(kDefaultTableBase);
    if (const auto refusal = refuse_table_base(value))
        return refusal;
    config.table_base = value;
    return std::nullopt;
}

Refusal edit_rule_base(Config& config, std::optional<std::uint32_t> base) {
    const std::uint32_t value = base.value_or(kDefaultRuleBase);
    if (const auto refusal = refuse_rule_base(value))
        return refusal;
    config.rule_base = value;
    return std::nullopt;
}

Refusal edit_last_resort(Config& config, const std::optional<std::string>& what) {
    if (what && *what != "keep" && *what != "withdraw")
        return quoted(*what) + " is neither 'keep' nor 'withdraw'";
    config.last_resort = what == "withdraw" ? LastResort::withdraw : LastResort::keep;
    return std::nullopt;
}

Refusal edit_flow_affinity(Config& config, bool present, const std::optional<std::string>& mask) {
    std::uint32_t value = kDefaultMarkMask;
    if (mask && present) {
        const bool hex = mask->starts_with("0x") || mask->starts_with("0X");
        const char* const end = mask->data() + mask->size();
        const auto [rest, failed] =
            std::from_chars(mask->data() + (hex ? 2 : 0), end, value, hex ? 16 : 10);
        if (failed != std::errc() || rest != end)
            return quoted(*mask) + " is no mask of 32 bits";
        if (value == 0)
            return std::string("a mask without bits can tell no lines apart");
    }
    config.flow_affinity = present;
    config.mark_mask = value;
    return std::nullopt;
}

Refusal edit_learn(Config& config, const std::optional<std::string>& protocol,
                   const std::optional<std::string>& within, bool present) {
    Learn learn{.protocol = protocol.value_or("")};
    if (protocol && std::ranges::find(kLearnable, *protocol) == kLearnable.end())
        return quoted(*protocol) + " is no protocol whose routes can be learned";
    if (within) {
        const auto typed = typed_prefix(*within, std::nullopt);
        if (!typed)
            return typed.error().what;
        learn.within = *typed;
    }
    const auto found = std::ranges::lower_bound(config.learn, learn);
    const bool exists = found != config.learn.end() && *found == learn;
    if (!present && !exists)
        return "there is no 'learn " + to_text(learn) + "'";
    if (!present)
        config.learn.erase(found);
    else if (!exists && config.learn.size() >= kMaxLearn)
        return "there are " + std::to_string(kMaxLearn) + " lines of 'learn' already, the limit";
    else if (!exists)
        config.learn.insert(found, learn);
    return std::nullopt;
}

Refusal edit_announce_while(Config& config, const std::optional<std::string>& least) {
    const std::string word = least.value_or("usable");
    if (word != "any" && word != "usable" && word != "up")
        return quoted(word) + " is neither 'any' nor 'usable' nor 'up'";
    config.announce.least = word == "any"  ? Announce::Least::any
                            : word == "up" ? Announce::Least::up
                                           : Announce::Least::usable;
    return std::nullopt;
}

Refusal edit_announce_number(Config& config, AnnounceNumber which,
                             std::optional<std::uint32_t> value) {
    Announce& announce = config.announce;
    const Announce built_in;
    Refusal refusal;
    switch (which) {
    case AnnounceNumber::distance: {
        const std::uint32_t distance = value.value_or(built_in.distance);
        refusal = refuse_number("a distance", distance, 1, kMaxAnnounceDistance);
        if (!refusal)
            announce.distance = static_cast<std::uint8_t>(distance);
        break;
    }
    case AnnounceNumber::tag:
        refusal = value ? refuse_number("a tag", *value, 1, kMaxAnnounceTag) : std::nullopt;
        if (!refusal)
            announce.tag = value.value_or(built_in.tag);
        break;
    case AnnounceNumber::metric:
        refusal = refuse_number("a metric", value.value_or(0), 0, kMaxAnnounceMetric);
        if (!refusal) {
            announce.metric = value.value_or(built_in.metric);
            announce.by_quality = false;
        }
        break;
    }
    return refusal;
}

Refusal edit_announce_quality(Config& config) {
    config.announce.metric = Announce{}.metric;
    config.announce.by_quality = true;
    return std::nullopt;
}

Refusal edit_load_sharing(Config& config, const std::optional<std::string>& what) {
    if (what && *what != "per-flow" && *what != "per-source")
        return quoted(*what) + " is neither 'per-flow' nor 'per-source'";
    config.load_sharing = what == "per-source" ? LoadSharing::per_source : LoadSharing::per_flow;
    return std::nullopt;
}

Refusal edit_uplink(Config& config, const std::string& uplink, bool present) {
    if (!present)
        return with_uplink(config, uplink, [&](const Uplink&) -> Refusal {
            std::erase_if(config.uplinks, [&](const Uplink& each) { return each.name == uplink; });
            return std::nullopt;
        });
    if (const auto refusal = refuse_uplink_name(config, uplink))
        return refusal;
    if (!find_uplink(config, uplink))
        config.uplinks.emplace_back().name = uplink;
    return std::nullopt;
}

Refusal edit_interface(Config& config, const std::string& uplink,
                       const std::optional<std::string>& interface) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        if (interface)
            if (const auto refusal = refuse_interface(config, uplink, *interface))
                return refusal;
        if (interface && has_router(found))
            return "uplink " + uplink + " is another router's, and has no interface here";
        found.interface = interface.value_or("");
        return std::nullopt;
    });
}

Refusal edit_description(Config& config, const std::string& uplink,
                         const std::optional<std::string>& description) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        const std::string text = words_of(description.value_or(""));
        if (text.size() > kMaxDescription)
            return "a description has at most " + std::to_string(kMaxDescription) + " bytes";
        if (!is_printable_utf8(text))
            return std::string("a description is printable text in UTF-8");
        if (text.find('|') !=
            std::string::npos) // vtysh would take it for a pipe, and not read it back
            return std::string("a description cannot contain '|'");
        found.description = text;
        return std::nullopt;
    });
}

Refusal edit_shutdown(Config& config, const std::string& uplink, bool present) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        found.shutdown = present;
        return std::nullopt;
    });
}

Refusal edit_number(Config& config, const std::string& uplink, UplinkNumber which,
                    std::optional<std::uint32_t> value) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        const NumberRange range = range_of(which);
        if (value)
            if (const auto refusal = refuse_number(range.what, *value, range.least, range.most))
                return refusal;
        if (value && which == UplinkNumber::table)
            if (const auto refusal = refuse_table(config, uplink, *value))
                return refusal;
        set_number(found, which, value);
        return std::nullopt;
    });
}

Refusal edit_gateway_router(Config& config, const std::string& uplink, Family family,
                            const std::string& router) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        const auto address = typed_address(router, family);
        if (!address)
            return address.error().what;
        if (const auto refusal = refuse_gateway(*address))
            return refusal;
        if (is_link_local(*address))
            return router + " is of one link only: routing finds no router by it";
        if (!found.interface.empty() || found.tunnel)
            return "uplink " + uplink + " has an interface here: it is no other router's";
        if (std::ranges::any_of(found.family.values, is_translated))
            return "uplink " + uplink + " is translated here: another router's line is not";
        found.family[family].gateway = {.kind = Gateway::Kind::router, .address = *address};
        return std::nullopt;
    });
}

Refusal edit_gateway(Config& config, const std::string& uplink, Family family,
                     const std::optional<GatewayWords>& gateway) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        if (!gateway) {
            found.family[family].gateway = {};
            return std::nullopt;
        }
        const std::uint32_t table = gateway->table.value_or(kTableMain);
        if (gateway->address == "auto") {
            if (const auto refusal = refuse_learning(config, table))
                return refusal;
            found.family[family].gateway = {.kind = Gateway::Kind::learned, .table = table};
            return std::nullopt;
        }
        const auto address = typed_address(gateway->address, family);
        if (!address)
            return address.error().what;
        if (const auto refusal = refuse_gateway(*address))
            return refusal;
        found.family[family].gateway = {
            .kind = Gateway::Kind::address, .address = *address, .onlink = gateway->onlink};
        return std::nullopt;
    });
}

Refusal edit_nat(Config& config, const std::string& uplink, Family family,
                 const std::optional<NatWords>& nat) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        if (!nat) {
            found.family[family].nat.reset();
            return std::nullopt;
        }
        const auto typed = typed_nat(*nat, family);
        if (!typed)
            return typed.error().what;
        if (typed->kind != Nat::Kind::none)
            if (const auto refusal = refuse_translation(found))
                return refusal;
        found.family[family].nat = *typed;
        return std::nullopt;
    });
}

Refusal edit_source(Config& config, const std::string& uplink, Family family,
                    const std::string& prefix, bool present) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        const auto typed = typed_prefix(prefix, family);
        if (!typed)
            return typed.error().what;
        if (const auto refusal = refuse_source(config, uplink, *typed); refusal && present)
            return refusal;
        return edit_prefixes(found.family[family].sources, *typed, present);
    });
}

Refusal edit_delegation(Config& config, const std::string& uplink, bool present,
                        std::optional<std::uint32_t> grace) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        const std::uint32_t seconds = grace.value_or(kDefaultDelegationGrace);
        if (const auto refusal = refuse_number("the grace", seconds, 0, kMaxDelegationGrace))
            return refusal;
        std::optional<Delegation>& delegation = found.family[Family::v6].delegation;
        if (present)
            delegation = {.grace = seconds};
        else
            delegation.reset();
        return std::nullopt;
    });
}

Refusal edit_standby(Config& config, const std::string& uplink, bool present) {
    return with_uplink(config, uplink, [&](Uplink& found) -> Refusal {
        found.standby = present;
        return std::nullopt;
    });
}

} // namespace multihomed::core
