// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/nft_render.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <net/if.h>

namespace multihomed::apply {

namespace {

using core::Error;
using core::Family;
using core::Result;

constexpr std::string_view kGuardPrefix = "guard_";

const char* suffix(Family family) {
    return family == Family::v4 ? "_v4" : "_v6";
}

/// One set or map of the table. Those of a family exist twice, with the family's suffix.
struct SetLayout {
    const char* name;
    const char* keyword;
    const char* type; ///< @ stands for the family's address type
    bool interval;
    bool of_family;
};

constexpr std::array<SetLayout, 7> kSets{{
    {"internal", "set", "@", true, true},
    {"snat", "map", "ifname : @", false, true},
    {"snat_pool", "map", "ifname : interval @", false, true},
    {"masquerade", "set", "ifname", false, true},
    {"lines", "set", "ifname", false, false},
    {"sources", "set", "ifname . @", true, true},
    {"guards", "map", "ifname : counter", false, true},
}};

std::string set_name(const SetLayout& set, Family family) {
    return set.of_family ? std::string(set.name) + suffix(family) : set.name;
}

template <class Call>
void for_each_set(Call call) {
    for (const SetLayout& set : kSets) {
        call(set, Family::v4);
        if (set.of_family)
            call(set, Family::v6);
    }
}

/// nft has no escapes inside its quotes, and reads a trailing asterisk as a wildcard.
Result<std::string> quoted_interface(const std::string& name) {
    const auto unfit = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte == 0x7f || c == '"' || c == '*' || c == '\\' || c == '/';
    };
    if (name.empty() || name.size() >= IFNAMSIZ || std::ranges::any_of(name, unfit))
        return Error{0, "interface name \"" + name + "\" cannot be written in an nft rule"};
    return "\"" + name + "\"";
}

bool is_uplink_name(const std::string& name) {
    const auto fit = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '.' || c == '-';
    };
    return !name.empty() && name.size() <= core::kMaxUplinkName && std::ranges::all_of(name, fit);
}

/// Sorted, and without prefixes that lie in another one: interval sets take no overlaps.
Result<std::vector<core::Prefix>> disjoint(std::vector<core::Prefix> prefixes, Family family) {
    std::ranges::sort(prefixes);
    std::vector<core::Prefix> kept;
    for (const core::Prefix& prefix : prefixes) {
        if (prefix.family() != family)
            return Error{0,
                         prefix.to_string() + " is not an " + core::to_string(family) + " prefix"};
        if (kept.empty() || !kept.back().contains(prefix))
            kept.push_back(prefix);
    }
    return kept;
}

/// What is in `all` and not in `those`.
std::set<std::string> without(const std::set<std::string>& all,
                              const std::set<std::string>& those) {
    std::set<std::string> left;
    std::ranges::set_difference(all, those, std::inserter(left, left.end()));
    return left;
}

std::string joined(const std::set<std::string>& elements) {
    std::string text;
    for (const std::string& element : elements)
        text += (text.empty() ? "" : ", ") + element;
    return text;
}

/// Sorted and unique, so that the order in the plan does not matter.
class Builder {
public:
    Builder() {
        for_each_set(
            [&](const SetLayout& set, Family family) { content_.elements[set_name(set, family)]; });
    }
    void add(const char* set, Family family, std::string element) {
        content_.elements.at(std::string(set) + suffix(family)).insert(std::move(element));
    }
    void add_line(std::string interface) {
        content_.elements.at("lines").insert(std::move(interface));
    }
    void add_counter(std::string name) { content_.counters.insert(std::move(name)); }
    const NatTableContent& content() const { return content_; }

private:
    NatTableContent content_;
};

Result<void> add_internal(Builder& builder, const core::NatPlan& plan, Family family) {
    const auto prefixes = disjoint(plan.internal[family], family);
    if (!prefixes)
        return prefixes.error();
    for (const core::Prefix& prefix : *prefixes)
        builder.add("internal", family, prefix.to_string());
    return {};
}

Result<void> add_translation(Builder& builder, const std::string& interface, const core::Nat& nat,
                             Family family) {
    switch (nat.kind) {
    case core::Nat::Kind::none:
        break;
    case core::Nat::Kind::masquerade:
        builder.add("masquerade", family, interface);
        break;
    case core::Nat::Kind::source: {
        const std::string first = nat.first.to_string();
        if (core::family_of(nat.first) != family || core::family_of(nat.last) != family ||
            nat.last < nat.first)
            return Error{0, "NAT source " + first + " to " + nat.last.to_string() + " is no " +
                                core::to_string(family) + " range"};
        if (nat.first == nat.last)
            builder.add("snat", family, interface + " : " + first);
        else
            builder.add("snat_pool", family,
                        interface + " : " + first + "-" + nat.last.to_string());
        break;
    }
    }
    return {};
}

Result<void> add_guard(Builder& builder, const std::string& interface, const core::LineNat& line,
                       Family family) {
    const auto prefixes = disjoint(line.sources[family], family);
    if (!prefixes)
        return prefixes.error();
    for (const core::Prefix& prefix : *prefixes)
        builder.add("sources", family, interface + " . " + prefix.to_string());
    const std::string counter = guard_counter_name(line.uplink, family);
    builder.add("guards", family, interface + " : \"" + counter + "\"");
    builder.add_counter(counter);
    return {};
}

Result<void> add_line(Builder& builder, const core::LineNat& line) {
    if (!is_uplink_name(line.uplink))
        return Error{0, "\"" + line.uplink + "\" is no uplink name"};
    const auto interface = quoted_interface(line.interface);
    if (!interface)
        return Error{0, "uplink " + line.uplink + ": " + interface.error().what};
    builder.add_line(*interface);
    for (const Family family : core::kFamilies) {
        Result<void> done = add_translation(builder, *interface, line.nat[family], family);
        if (done)
            done = add_guard(builder, *interface, line, family);
        if (!done)
            return Error{0, "uplink " + line.uplink + ": " + done.error().what};
    }
    return {};
}

std::string set_declaration(const SetLayout& set, Family family,
                            const std::set<std::string>& elements) {
    std::string type = set.type;
    if (const std::size_t at = type.find('@'); at != std::string::npos)
        type.replace(at, 1, family == Family::v4 ? "ipv4_addr" : "ipv6_addr");
    std::string text =
        std::string("  ") + set.keyword + " " + set_name(set, family) + " { type " + type + ";";
    if (set.interval)
        text += " flags interval;";
    if (!elements.empty())
        text += " elements = { " + joined(elements) + " }";
    return text + " }\n";
}

std::string nat_chain() {
    std::string text =
        "  chain nat {\n    type nat hook postrouting priority srcnat; policy accept;\n";
    for (const Family family : core::kFamilies) {
        const std::string ip = family == Family::v4 ? "ip" : "ip6";
        const std::string v = suffix(family);
        const std::string internal = "    " + ip + " saddr @internal" + v;
        text += internal + " snat " + ip + " to oifname map @snat" + v + "\n";
        text += internal + " snat " + ip + " to oifname map @snat_pool" + v + "\n";
        text += internal + " oifname @masquerade" + v + " masquerade\n";
    }
    return text + "  }\n";
}

/// Sources that belong to no line yet, or to the link itself: DHCP, neighbour discovery, duplicate
/// address detection, DHCPv6. They pass; all else must come from the line's own prefixes.
std::string guard_chain() {
    return "  chain guard {\n"
           "    type filter hook postrouting priority srcnat + 100; policy accept;\n"
           "    oifname != @lines accept\n"
           "    ip saddr 0.0.0.0 accept\n"
           "    ip6 saddr { ::, fe80::/10 } accept\n"
           "    oifname . ip saddr @sources_v4 accept\n"
           "    oifname . ip6 saddr @sources_v6 accept\n"
           "    meta nfproto ipv4 counter name oifname map @guards_v4 drop\n"
           "    meta nfproto ipv6 counter name oifname map @guards_v6 drop\n"
           "  }\n";
}

} // namespace

Result<NatTableContent> nat_table_content(const core::NatPlan& plan) {
    Builder builder;
    for (const Family family : core::kFamilies)
        if (const auto added = add_internal(builder, plan, family); !added)
            return added.error();
    std::set<std::string> interfaces;
    std::set<std::string> uplinks;
    for (const core::LineNat& line : plan.lines) {
        if (!interfaces.insert(line.interface).second)
            return Error{0, "interface " + line.interface + " belongs to two lines"};
        if (!uplinks.insert(line.uplink).second)
            return Error{0, "uplink " + line.uplink + " is there twice"};
        if (const auto added = add_line(builder, line); !added)
            return added.error();
    }
    return builder.content();
}

std::string render_create(const NatTableContent& content,
                          const std::vector<CounterValue>& carried) {
    // "add" first, because deleting what is not there would fail the transaction.
    std::string text = render_remove() + "table inet " + kNatTable + " {\n";
    for (const std::string& name : content.counters) {
        text += "  counter " + name + " {";
        const auto old = std::ranges::find(carried, name, &CounterValue::name);
        if (old != carried.end())
            text +=
                " packets " + std::to_string(old->packets) + " bytes " + std::to_string(old->bytes);
        text += " }\n";
    }
    for_each_set([&](const SetLayout& set, Family family) {
        text += set_declaration(set, family, content.elements.at(set_name(set, family)));
    });
    return text + nat_chain() + guard_chain() + "}\n";
}

std::string render_update(const NatTableContent& from, const NatTableContent& to) {
    const std::string table = std::string(" inet ") + kNatTable + " ";
    std::string flushes;
    std::string declarations;
    for (const std::string& name : without(to.counters, from.counters))
        declarations += "  counter " + name + " { }\n";
    for_each_set([&](const SetLayout& set, Family family) {
        const std::string name = set_name(set, family);
        if (from.elements.at(name) == to.elements.at(name))
            return;
        flushes += std::string("flush ") + set.keyword + table + name + "\n";
        declarations += set_declaration(set, family, to.elements.at(name));
    });
    if (!declarations.empty())
        declarations = std::string("table inet ") + kNatTable + " {\n" + declarations + "}\n";
    // Last: until they are out of the map its elements hold on to the counters.
    std::string deletions;
    for (const std::string& name : without(from.counters, to.counters))
        deletions += "delete counter" + table + name + "\n";
    return flushes + declarations + deletions;
}

std::string render_remove() {
    const std::string table = std::string(" table inet ") + kNatTable + "\n";
    return "add" + table + "delete" + table;
}

std::string guard_counter_name(const std::string& uplink, Family family) {
    return std::string(kGuardPrefix) + uplink + suffix(family);
}

std::optional<GuardName> parse_guard_counter_name(std::string_view name) {
    if (!name.starts_with(kGuardPrefix))
        return std::nullopt;
    name.remove_prefix(kGuardPrefix.size());
    for (const Family family : core::kFamilies) {
        const std::string_view end = suffix(family);
        if (name.size() > end.size() && name.ends_with(end))
            return GuardName{std::string(name.substr(0, name.size() - end.size())), family};
    }
    return std::nullopt;
}

} // namespace multihomed::apply
