// SPDX-License-Identifier: GPL-2.0-or-later
//
// The messages of status.proto as text: rules, routes, NAT and conntrack.
#include "runtime/status.hpp"
#include "runtime/status_parts.hpp"
#include "runtime/text_layout.hpp"

namespace multihomed::runtime {

namespace {

constexpr std::size_t kStateWidth = 11;

template <class Object>
std::string object_text(const Object& object) {
    std::string first = "  " + object.state();
    first.resize(2 + kStateWidth, ' ');
    const std::string family = object.family() == "ipv4" ? "v4  " : "v6  ";
    std::string text = wrap(first + family, object.text(), 2 + kStateWidth + 6);
    std::string trouble = object.error();
    if (object.attempts() > 1)
        trouble += std::string(trouble.empty() ? "" : "; ") + "sent " +
                   std::to_string(object.attempts()) + " times";
    return trouble.empty() ? text : text + wrap("    % ", trouble, 6);
}

template <class List>
std::string list_text(const char* what, const List& list) {
    std::size_t installed = 0;
    std::string text;
    for (const auto& object : list) {
        installed += object.state() == "installed" ? 1 : 0;
        text += object_text(object);
    }
    return std::string(what) + ": " + std::to_string(list.size()) + ", of which " +
           std::to_string(installed) + " are in the kernel\n" + text;
}

template <class List>
std::string joined_or_nothing(const List& list) {
    return list.empty() ? "nothing" : joined(list);
}

std::string nat_state_text(const status::NatTable& nat) {
    if (nat.state() == "installed")
        return "nftables table inet multihome is as wanted";
    if (nat.state() == "none")
        return "nothing is translated or guarded, there is no table inet multihome";
    if (nat.state() == "changed")
        return "nftables table inet multihome was changed by somebody, and will be put right";
    if (nat.state() == "pending")
        return "nftables table inet multihome is not yet what is wanted";
    return "nftables could not be asked";
}

std::string nat_line_text(const status::NatLine& line) {
    std::string text = wrap("  " + line.uplink() + " ",
                            "(" + line.interface() + ", " + line.family() + "): translation " +
                                nat_text(line.nat()),
                            4);
    text += wrap("    lets pass ", joined_or_nothing(line.sources()), 14);
    if (line.has_dropped())
        text += "    dropped   " + dropped_text(line.dropped()) + "\n";
    return text;
}

std::string endpoint(const std::string& address, std::uint32_t port) {
    if (port == 0)
        return address;
    return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" +
           std::to_string(port);
}

std::string flow_text(const status::Flow& flow) {
    std::string text = flow.protocol() + " " + endpoint(flow.source(), flow.source_port()) +
                       " -> " + endpoint(flow.destination(), flow.destination_port()) + " as " +
                       flow.translated_to() + ",";
    if (!flow.tcp_state().empty())
        text += " " + flow.tcp_state();
    if (!flow.answered())
        text += " unanswered";
    return wrap("  ", text + " " + count_text(flow.timeout_seconds()) + " s left", 6);
}

} // namespace

std::string to_text(const status::Rules& rules) {
    return list_text("Rules", rules.rules());
}

std::string to_text(const status::Routes& routes) {
    return list_text("Routes", routes.routes());
}

std::string to_text(const status::NatTable& nat) {
    std::string text = "Translation: " + nat_state_text(nat) + "\n";
    if (!nat.error().empty())
        text += wrap("% ", nat.error(), 2);
    if (nat.lines().empty())
        return text;
    text += wrap("Translated when they leave: ", joined_or_nothing(nat.internal()), 2);
    for (const status::NatLine& line : nat.lines())
        text += nat_line_text(line);
    return text;
}

std::string to_text(const status::Conntrack& conntrack) {
    if (!conntrack.error().empty())
        return wrap("% ", conntrack.error(), 2);
    if (conntrack.lines().empty())
        return "No flow is translated to an address of a line\n";
    Table table({{"Uplink", Table::Align::left, 32},
                 {"IP"},
                 {"Translated to"},
                 {"Flows", Table::Align::right}});
    for (const status::LineFlows& line : conntrack.lines()) {
        const std::string range =
            line.first() == line.last() ? line.first() : line.first() + "-" + line.last();
        table.add({line.uplink(), line.family() == "ipv4" ? "v4" : "v6", range,
                   count_text(line.flows())});
    }
    std::string text = table.text();
    for (const status::Flow& flow : conntrack.flows())
        text += flow_text(flow);
    if (conntrack.flows_left_out() > 0 && !conntrack.flows().empty())
        text += "  and " + count_text(conntrack.flows_left_out()) + " more\n";
    return text;
}

} // namespace multihomed::runtime
