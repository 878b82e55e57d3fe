// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/nft_render.hpp"

#include "core/text.hpp"

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
constexpr std::string_view kOutPrefix = "out_";
constexpr std::string_view kInPrefix = "in_";

std::string_view prefix_of(Direction direction) {
    return direction == Direction::out ? kOutPrefix : kInPrefix;
}

const char* suffix(Family family) {
    return family == Family::v4 ? "_v4" : "_v6";
}

/// One set or map of the table.
struct SetLayout {
    std::string name;
    const char* keyword;
    std::string type;
    bool interval;
};

/// Set of the interfaces whose lines have this bit in their mark.
std::string bit_set(unsigned bit) {
    return "mark_" + std::to_string(bit);
}

std::vector<unsigned> bits_of(std::uint32_t mask) {
    std::vector<unsigned> bits;
    for (unsigned bit = 0; bit < 32; ++bit)
        if ((mask >> bit & 1U) != 0)
            bits.push_back(bit);
    return bits;
}

std::vector<SetLayout> sets_of(std::uint32_t mark_mask) {
    std::vector<SetLayout> sets{{"lines", "set", "ifname", false}};
    for (const unsigned bit : bits_of(mark_mask))
        sets.push_back({bit_set(bit), "set", "ifname", false});
    for (const Family family : core::kFamilies) {
        const std::string v = suffix(family);
        const std::string address = family == Family::v4 ? "ipv4_addr" : "ipv6_addr";
        sets.push_back({"internal" + v, "set", address, true});
        const std::string prefixes = "ifname . " + address + " : interval " + address;
        sets.push_back({"prefix_out" + v, "map", prefixes, true});
        sets.push_back({"prefix_in" + v, "map", prefixes, true});
        sets.push_back({"snat" + v, "map", "ifname : " + address, false});
        sets.push_back({"snat_pool" + v, "map", "ifname : interval " + address, false});
        sets.push_back({"masquerade" + v, "set", "ifname", false});
        sets.push_back({"sources" + v, "set", "ifname . " + address, true});
        sets.push_back({"guards" + v, "map", "ifname : counter", false});
        sets.push_back({"out" + v, "map", "ifname : counter", false});
        sets.push_back({"in" + v, "map", "ifname : counter", false});
        sets.push_back({"translating" + v, "set", "ifname", false});
        sets.push_back({"dead" + v, "set", "ifname", false});
        sets.push_back({"lost" + v, "set", address, true});
        sets.push_back({"gone" + v, "set", address, true});
    }
    return sets;
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

/// Without prefixes that lie in another one: interval sets take no overlaps.
Result<std::vector<core::Prefix>> disjoint(std::vector<core::Prefix> prefixes, Family family) {
    for (const core::Prefix& prefix : prefixes)
        if (prefix.family() != family)
            return Error{0,
                         prefix.to_string() + " is not an " + core::to_string(family) + " prefix"};
    core::drop_covered(prefixes);
    return prefixes;
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
    explicit Builder(std::uint32_t mark_mask) {
        content_.mark_mask = mark_mask;
        for (const SetLayout& set : sets_of(mark_mask))
            content_.elements[set.name];
    }
    void add(const char* set, Family family, std::string element) {
        content_.elements.at(std::string(set) + suffix(family)).insert(std::move(element));
    }
    void add_line(const std::string& interface, std::uint32_t mark) {
        content_.elements.at("lines").insert(interface);
        for (const unsigned bit : bits_of(mark & content_.mark_mask))
            content_.elements.at(bit_set(bit)).insert(interface);
    }
    /// `map` holds the counter of each interface.
    void add_counter(const char* map, Family family, const std::string& interface,
                     std::string name) {
        add(map, family, interface + " : \"" + name + "\"");
        content_.counters.insert(std::move(name));
    }
    const NatTableContent& content() const { return content_; }

private:
    NatTableContent content_;
};

Result<void> add_prefixes(Builder& builder, const char* set, std::vector<core::Prefix> those,
                          Family family) {
    const auto prefixes = disjoint(std::move(those), family);
    if (!prefixes)
        return prefixes.error();
    for (const core::Prefix& prefix : *prefixes)
        builder.add(set, family, prefix.to_string());
    return {};
}

Result<void> add_internal(Builder& builder, const core::NatPlan& plan, Family family) {
    return add_prefixes(builder, "internal", plan.internal[family], family);
}

/// A map takes no overlaps, and prefixes of other lengths would not be one host for one.
Result<void> add_pairs(Builder& builder, const std::string& interface,
                       const std::vector<core::PrefixPair>& pairs, Family family) {
    for (auto pair = pairs.begin(); pair != pairs.end(); ++pair) {
        const auto clashes = [&](const core::PrefixPair& other) {
            return other.inside.overlaps(pair->inside) || other.outside.overlaps(pair->outside);
        };
        if (pair->inside.family() != family || pair->outside.family() != family ||
            pair->inside.length() != pair->outside.length() ||
            std::any_of(pairs.begin(), pair, clashes))
            return Error{0, "NAT prefix " + pair->outside.to_string() + " cannot stand for " +
                                pair->inside.to_string()};
        builder.add("prefix_out", family,
                    interface + " . " + pair->inside.to_string() + " : " +
                        pair->outside.to_string());
        builder.add("prefix_in", family,
                    interface + " . " + pair->outside.to_string() + " : " +
                        pair->inside.to_string());
    }
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
    builder.add_counter("guards", family, interface, guard_counter_name(line.uplink, family));
    return {};
}

void add_traffic(Builder& builder, const std::string& interface, const std::string& uplink,
                 Family family) {
    builder.add_counter("out", family, interface,
                        traffic_counter_name(Direction::out, uplink, family));
    builder.add_counter("in", family, interface,
                        traffic_counter_name(Direction::in, uplink, family));
}

/// The sources of dead lines, and those that are nobody's any more, whichever line they belong to.
Result<void> add_lost(Builder& builder, const core::NatPlan& plan, Family family) {
    std::vector<core::Prefix> lost;
    std::vector<core::Prefix> gone;
    for (const core::LineNat& line : plan.lines) {
        for (const core::Prefix& source : line.sources[family])
            if (line.dead[family] && !source.is_any())
                lost.push_back(source);
        gone.insert(gone.end(), line.gone[family].begin(), line.gone[family].end());
    }
    lost.insert(lost.end(), gone.begin(), gone.end());
    if (const auto added = add_prefixes(builder, "lost", std::move(lost), family); !added)
        return added;
    return add_prefixes(builder, "gone", std::move(gone), family);
}

Result<void> add_line(Builder& builder, const core::LineNat& line) {
    if (!is_uplink_name(line.uplink))
        return Error{0, "\"" + line.uplink + "\" is no uplink name"};
    const auto interface = quoted_interface(line.interface);
    if (!interface)
        return Error{0, "uplink " + line.uplink + ": " + interface.error().what};
    builder.add_line(*interface, line.mark);
    for (const Family family : core::kFamilies) {
        if (line.dead[family])
            builder.add("dead", family, *interface);
        if (line.translates(family))
            builder.add("translating", family, *interface);
        Result<void> done = add_pairs(builder, *interface, line.prefixes[family], family);
        if (done)
            done = add_translation(builder, *interface, line.nat[family], family);
        if (done)
            done = add_guard(builder, *interface, line, family);
        if (!done)
            return Error{0, "uplink " + line.uplink + ": " + done.error().what};
        add_traffic(builder, *interface, line.uplink, family);
    }
    return {};
}

std::string set_declaration(const SetLayout& set, const std::set<std::string>& elements) {
    std::string text =
        std::string("  ") + set.keyword + " " + set.name + " { type " + set.type + ";";
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
        text +=
            "    snat " + ip + " prefix to oifname . " + ip + " saddr map @prefix_out" + v + "\n";
        text += internal + " snat " + ip + " to oifname map @snat" + v + "\n";
        text += internal + " snat " + ip + " to oifname map @snat_pool" + v + "\n";
        text += internal + " oifname @masquerade" + v + " masquerade\n";
    }
    return text + "  }\n";
}

/// What comes in for a prefix that stands for one inside. Behind the operator's own translation of
/// destinations, which decides first, and not for the router itself.
std::string arriving_nat_chain() {
    std::string text = "  chain nat_arriving {\n"
                       "    type nat hook prerouting priority dstnat + 10; policy accept;\n"
                       "    iifname != @lines accept\n"
                       "    fib daddr type local accept\n";
    for (const Family family : core::kFamilies) {
        const std::string ip = family == Family::v4 ? "ip" : "ip6";
        text += "    dnat " + ip + " prefix to iifname . " + ip + " daddr map @prefix_in" +
                suffix(family) + "\n";
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

/// What is translated is left alone: its flows are forgotten and begin anew by another line. The
/// codes are those that say "this source" (RFC 7084 L-14, RFC 1812 5.2.7.1), and those that Linux
/// hands to connected UDP sockets: "no route" it keeps to itself as something that may pass.
std::string tell_chain(Family family) {
    const std::string v = suffix(family);
    const std::string ip = family == Family::v4 ? "ip" : "ip6";
    return "  chain tell" + v + " {\n    ct status snat return\n    oifname @translating" + v +
           " " + ip + " saddr @internal" + v +
           " return\n    meta l4proto tcp reject with tcp reset\n    reject with " +
           (family == Family::v4 ? "icmp type admin-prohibited" : "icmpv6 type policy-fail") +
           "\n  }\n";
}

/// A dead line without carrier, address or gateway has no route out, so its packets never come to
/// the forward hook: the kernel would answer them with "no route", which ends no connection. They
/// are met before routing, behind other programs' translation of destinations; whether there is a
/// route is what the rules say of this source and this destination.
std::string lost_chain() {
    std::string text =
        "  chain lost {\n    type filter hook prerouting priority 300; policy accept;\n";
    for (const Family family : core::kFamilies) {
        const std::string v = suffix(family);
        text += std::string(family == Family::v4 ? "    ip" : "    ip6") + " saddr @lost" + v +
                " iifname != @lines fib daddr type != { local, broadcast, anycast, multicast }"
                " fib daddr . mark oif 0 goto tell" +
                v + "\n";
    }
    return text + "  }\n";
}

/// Of what comes in only `established` counts: the first packet of a flow proves nothing of what we
/// send, and `related` are errors, which a gateway sends when all beyond it is dead. Untracked
/// flows can only be taken as they are.
std::string forward_chains() {
    std::string text;
    for (const Family family : core::kFamilies) {
        const std::string v = suffix(family);
        text += tell_chain(family) + "  chain forward" + v + " {\n    oifname @dead" + v +
                " jump tell" + v + "\n    oifname @lines " + (family == Family::v4 ? "ip" : "ip6") +
                " saddr @gone" + v + " jump tell" + v + "\n    counter name oifname map @out" + v +
                "\n    ct state { established, untracked } counter name iifname map @in" + v +
                "\n  }\n";
    }
    text += lost_chain();
    return text + "  chain forward {\n"
                  "    type filter hook forward priority 300; policy accept;\n"
                  "    meta nfproto vmap { ipv4 : goto forward_v4, ipv6 : goto forward_v6 }\n"
                  "  }\n";
}

/// A rule for each bit of the mask. nft cannot put some bits of one mark into another mark in one
/// go and leave the rest alone; bit by bit it can.
std::string bit_rules(std::uint32_t mask,
                      std::string (*rule)(const std::string& set, const std::string& bit)) {
    std::string text;
    for (const unsigned bit : bits_of(mask))
        text += "    " + rule("@" + bit_set(bit), core::hex_text(1U << bit)) + "\n";
    return text;
}

std::string take_mark(const std::string& /*set*/, const std::string& bit) {
    return "ct mark & " + bit + " != 0 meta mark set meta mark | " + bit;
}
std::string mark_arriving(const std::string& set, const std::string& bit) {
    return "iifname " + set + " ct mark set ct mark | " + bit;
}
std::string mark_leaving(const std::string& set, const std::string& bit) {
    return "oifname " + set + " ct mark set ct mark | " + bit;
}

/// See core/affinity.hpp. A flow gets its line's mark with the first packet that leaves by a line
/// or comes in by one; packets from elsewhere are routed by the mark of their flow. A packet of the
/// router's own that leaves its line with that line's source already needs no mark.
std::string affinity_chains(std::uint32_t mask) {
    if (mask == 0)
        return "";
    const std::string unmarked = "    ct mark & " + core::hex_text(mask) + " == 0";
    const std::string marked = "    ct mark & " + core::hex_text(mask) + " != 0";
    return "  chain take_mark {\n" + bit_rules(mask, take_mark) +
           "  }\n"
           "  chain arrive_by_line {\n"
           "    ct state != new return\n" +
           marked + " return\n" + bit_rules(mask, mark_arriving) +
           "  }\n"
           "  chain arrive {\n"
           "    type filter hook prerouting priority mangle; policy accept;\n"
           "    meta mark & " +
           core::hex_text(mask) + " != 0 meta mark set meta mark & " + core::hex_text(~mask) +
           "\n"
           "    iifname @lines goto arrive_by_line\n" +
           unmarked +
           " return\n"
           "    goto take_mark\n"
           "  }\n"
           "  chain begin {\n"
           "    type route hook output priority mangle; policy accept;\n" +
           unmarked +
           " return\n"
           "    oifname . ip saddr @sources_v4 return\n"
           "    oifname . ip6 saddr @sources_v6 return\n"
           "    goto take_mark\n"
           "  }\n"
           "  chain leave {\n"
           "    type filter hook postrouting priority mangle; policy accept;\n"
           "    oifname != @lines return\n" +
           marked + " return\n" + bit_rules(mask, mark_leaving) + "  }\n";
}

/// A line from a counter's name that begins with `prefix`.
std::optional<core::ProbeKey> parse_counter_name(std::string_view prefix, std::string_view name) {
    if (!name.starts_with(prefix))
        return std::nullopt;
    name.remove_prefix(prefix.size());
    for (const Family family : core::kFamilies) {
        const std::string_view end = suffix(family);
        if (name.size() > end.size() && name.ends_with(end))
            return core::ProbeKey{std::string(name.substr(0, name.size() - end.size())), family};
    }
    return std::nullopt;
}

} // namespace

Result<NatTableContent> nat_table_content(const core::NatPlan& plan) {
    Builder builder(plan.mark_mask);
    for (const Family family : core::kFamilies) {
        if (const auto added = add_internal(builder, plan, family); !added)
            return added.error();
        if (const auto added = add_lost(builder, plan, family); !added)
            return added.error();
    }
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
    for (const SetLayout& set : sets_of(content.mark_mask))
        text += set_declaration(set, content.elements.at(set.name));
    return text + affinity_chains(content.mark_mask) + nat_chain() + arriving_nat_chain() +
           guard_chain() + forward_chains() + "}\n";
}

std::string render_update(const NatTableContent& from, const NatTableContent& to) {
    const std::string table = std::string(" inet ") + kNatTable + " ";
    std::string flushes;
    std::string declarations;
    for (const std::string& name : without(to.counters, from.counters))
        declarations += "  counter " + name + " { }\n";
    for (const SetLayout& set : sets_of(to.mark_mask)) {
        if (from.elements.at(set.name) == to.elements.at(set.name))
            continue;
        flushes += std::string("flush ") + set.keyword + table + set.name + "\n";
        declarations += set_declaration(set, to.elements.at(set.name));
    }
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

std::string traffic_counter_name(Direction direction, const std::string& uplink, Family family) {
    return std::string(prefix_of(direction)) + uplink + suffix(family);
}

std::optional<GuardName> parse_guard_counter_name(std::string_view name) {
    const auto line = parse_counter_name(kGuardPrefix, name);
    if (!line)
        return std::nullopt;
    return GuardName{line->uplink, line->family};
}

std::optional<TrafficName> parse_traffic_counter_name(std::string_view name) {
    for (const Direction direction : {Direction::out, Direction::in})
        if (const auto line = parse_counter_name(prefix_of(direction), name))
            return TrafficName{direction, line->uplink, line->family};
    return std::nullopt;
}

} // namespace multihomed::apply
