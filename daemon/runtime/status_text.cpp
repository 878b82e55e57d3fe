// SPDX-License-Identifier: GPL-2.0-or-later
//
// The messages of status.proto as text: `show multihome` and `show multihome uplink`.
#include "runtime/status.hpp"
#include "runtime/status_parts.hpp"

#include <cmath>
#include "runtime/text_layout.hpp"

namespace multihomed::runtime {

namespace {

constexpr std::size_t kWidestName = 12;
constexpr std::size_t kTransitionsShown = 10;

std::string percent_text(const status::Line& line) {
    if (!line.has_loss_percent())
        return "-";
    return std::to_string(static_cast<int>(line.loss_percent() + 0.5)) + "%";
}

std::string dataplane_text(const status::Dataplane& dataplane) {
    if (!dataplane.connected())
        return "zebra is not connected";
    if (dataplane.kind() == "module")
        return "zebra with module multihome " + dataplane.module_version();
    return dataplane.kind() == "stock" ? "stock zebra" : "zebra, which has not answered yet";
}

void add_count(std::string& list, std::uint32_t count, const char* what, const char* state) {
    if (count == 0)
        return;
    list += (list.empty() ? "" : ", ") + std::to_string(count) + " " + what +
            (count == 1 ? " " : "s ") + state;
}

std::string settlement_text(const status::Settlement& settlement) {
    if (settlement.settled())
        return "settled";
    std::string list;
    add_count(list, settlement.routes_missing(), "route", "missing");
    add_count(list, settlement.rules_missing(), "rule", "missing");
    add_count(list, settlement.routes_leaving(), "route", "to be removed");
    add_count(list, settlement.rules_leaving(), "rule", "to be removed");
    if (settlement.nat_pending())
        list += std::string(list.empty() ? "" : ", ") + "translation to be changed";
    if (settlement.flows_pending())
        list += std::string(list.empty() ? "" : ", ") + "flows to be forgotten";
    return "not settled" + (list.empty() ? "" : ": " + list);
}

std::string use_text(const status::Line& line) {
    if (line.carries())
        return "carries";
    std::string text = line.stands_by() ? "standby" : "";
    if (line.has_drains_seconds())
        text += text.empty() ? "drains" : ", drains";
    return text;
}

std::string lines_text(const status::Overview& overview) {
    using Align = Table::Align;
    Table table({{"Uplink", Align::left, kWidestName},
                 {"Interface"},
                 {"IP"},
                 {"State"},
                 {"Since"},
                 {"Loss", Align::right},
                 {"RTT ms", Align::right},
                 {""}});
    for (const status::Line& line : overview.lines()) {
        table.add({line.uplink(), line.interface().empty() ? "-" : line.interface(),
                   line.family() == "ipv4" ? "v4" : "v6", line.state(),
                   duration_text(line.seconds()), percent_text(line),
                   line.has_rtt_ms() ? tenths_text(line.rtt_ms()) : "-", use_text(line)});
        table.add_below(wrap("  ", line.reason(), 2));
    }
    return table.text();
}

std::string exit_text(const status::Exit& exit) {
    std::string text = exit.interface().empty() ? "an unknown interface" : exit.interface();
    if (!exit.gateway().empty())
        text += " via " + exit.gateway();
    if (exit.weight() > 1)
        text += ", weight " + std::to_string(exit.weight());
    return exit.uplink().empty() ? text + " (no uplink)" : exit.uplink() + " (" + text + ")";
}

/// Nothing where all is as it is without being told.
std::string announcement_text(const status::Announcement& announcement) {
    if (announcement.withheld())
        return "main has no default of ours for routing protocols to announce: " +
               announcement.reason();
    if (announcement.metric() == 0 && announcement.tag() == 0)
        return "";
    return "announced with metric " + std::to_string(announcement.metric()) +
           (announcement.tag() == 0 ? "" : ", tag " + std::to_string(announcement.tag())) + ": " +
           announcement.reason();
}

std::string way_text(const status::Way& way) {
    std::string first = way.family() == "ipv4" ? "IPv4" : "IPv6";
    std::string text;
    for (const status::Exit& exit : way.leaves_by())
        text += (text.empty() ? "Internet traffic leaves by " : ", ") + exit_text(exit);
    if (way.leaves_by().empty())
        text = "no Internet traffic leaves: neither main nor table 253 has a default with carrier";
    std::string result = wrap(first + ": ", text, 6) + wrap("      ", way.reason(), 6);
    if (const std::string announced = announcement_text(way.announcement()); !announced.empty())
        result += wrap("      ", announced, 6);
    if (way.has_foreign_default())
        result += wrap(way.foreign_default_passed_over() ? "      " : "      % ",
                       way.foreign_default_passed_over()
                           ? "another program's default in main is passed over: " +
                                 exit_text(way.foreign_default())
                           : "another program's default in main comes before ours: " +
                                 exit_text(way.foreign_default()),
                       8);
    return result;
}

std::string taught_text(const status::Taught& taught) {
    const std::string text = std::to_string(taught.routes()) + " learned, " +
                             std::to_string(taught.networks()) + " beyond those of 'internal'";
    std::string result = wrap("Networks inside: ", text, 2);
    if (taught.left_out() > 0)
        result += wrap("% ",
                       std::to_string(taught.left_out()) +
                           " of them are beyond the limit, and not translated; 'learn ... "
                           "within' or 'internal' would do with fewer",
                       2);
    return result;
}

std::string problems_text(const status::Overview& overview) {
    if (overview.problems().empty())
        return "";
    std::string text = "\nProblems, tried again until they are gone:\n";
    for (const status::Problem& problem : overview.problems())
        text += wrap("  ", problem.object() + ": " + problem.reason(), 4);
    return text;
}

/// "    gateway      192.0.2.1", wrapped; nothing for an empty value.
std::string entry(const char* title, const std::string& value) {
    constexpr std::size_t kTitle = 13;
    if (value.empty())
        return "";
    std::string first = "    " + std::string(title);
    first.resize(4 + kTitle, ' ');
    return wrap(first, value, 4 + kTitle);
}

std::string targets_text(const status::LineDetail& detail) {
    using Align = Table::Align;
    if (detail.targets().empty())
        return "";
    Table table({{"    target"},
                 {"sent", Align::right},
                 {"lost", Align::right},
                 {"in a row", Align::right},
                 {"RTT ms", Align::right},
                 {"+-", Align::right},
                 {"last reply"}});
    for (const status::Target& target : detail.targets()) {
        table.add({"    " + target.probe(), std::to_string(target.sent()),
                   std::to_string(target.lost()), std::to_string(target.lost_in_a_row()),
                   target.has_rtt_ms() ? tenths_text(target.rtt_ms()) : "-",
                   target.has_rtt_deviation_ms() ? tenths_text(target.rtt_deviation_ms()) : "-",
                   target.has_seconds_since_reply()
                       ? tenths_text(target.seconds_since_reply()) + " s ago"
                       : "never"});
        if (!target.last_error().empty())
            table.add_below(wrap("      ", target.last_error(), 6));
    }
    return table.text();
}

std::string forgotten_text(const status::LineDetail& detail) {
    if (!detail.has_last_forgotten())
        return "";
    const status::Forgotten& last = detail.last_forgotten();
    const std::string flows = last.has_flows() ? count_text(last.flows()) : "all";
    const std::string range =
        last.first().empty() ? "" : " to " + range_text(last.first(), last.last());
    return flows + range + " in " + tenths_text(last.took_ms()) + " ms: " + last.reason();
}

std::string state_text(const status::LineDetail& detail) {
    const status::Line& line = detail.line();
    std::string text =
        "  " + line.family() + ": " + line.state() + " for " + duration_text(line.seconds());
    if (line.carries())
        text += ", carries";
    if (line.stands_by())
        text += ", stands by";
    if (line.has_drains_seconds())
        text += ", its flows go on since " + duration_text(line.drains_seconds());
    if (detail.has_hold_seconds_left())
        text += (line.state() == "hold" ? ", used again in " : ", up in ") +
                tenths_text(detail.hold_seconds_left()) + " s";
    return text + "\n";
}

std::string delegated_text(const status::Delegated& delegated) {
    std::string text = delegated.prefix();
    if (delegated.phase() != "current")
        text += ", " + delegated.phase() + " for " + duration_text(delegated.seconds());
    if (delegated.has_preferred_seconds() && delegated.phase() == "current")
        text += ", preferred for " + duration_text(delegated.preferred_seconds());
    if (delegated.has_valid_seconds() && delegated.phase() != "gone")
        text += ", valid for " + duration_text(delegated.valid_seconds());
    return text;
}

std::string detail_text(const status::LineDetail& detail) {
    std::string gateway = detail.gateway();
    if (!detail.gateway_learned_from().empty())
        gateway += std::string(gateway.empty() ? "none needed" : "") +
                   " (learned: " + detail.gateway_learned_from() + ")";
    if (!detail.neighbour().empty())
        gateway += " (link-layer address: " + detail.neighbour() + ")";
    std::string text = state_text(detail) + wrap("    ", detail.line().reason(), 4);
    for (const std::string& remark : detail.remarks())
        text += wrap("    % ", remark, 6);
    if (detail.penalty() >= 1)
        text += entry("penalty", std::to_string(std::lround(detail.penalty())) +
                                     (detail.suppressed() ? ", suppressed" : ""));
    text += entry("BFD", detail.bfd()) + entry("gateway", gateway) +
            entry("addresses", joined(detail.addresses())) +
            entry("subnets", joined(detail.subnets())) + entry("sources", joined(detail.sources()));
    for (const status::Delegated& each : detail.delegated())
        text += entry("delegated", delegated_text(each));
    if (joined(detail.bound()) != joined(detail.sources()))
        text += entry("of them bound", detail.bound().empty() ? "none" : joined(detail.bound()));
    text += entry("translation", nat_text(detail.nat()));
    if (detail.has_guard())
        text += entry("guard", "dropped " + dropped_text(detail.guard()));
    text += entry("forgot flows", forgotten_text(detail));
    text += entry("probed from", detail.probe_source()) + targets_text(detail);
    return text;
}

std::string history_text(const status::Uplink& uplink) {
    if (uplink.transitions().empty())
        return "";
    std::string text = "  History:\n";
    std::size_t shown = 0;
    for (const status::Transition& transition : uplink.transitions()) {
        if (++shown > kTransitionsShown)
            break;
        text += wrap("    " + duration_text(transition.seconds_ago()) + " ago  ",
                     transition.family() + " " +
                         (transition.from().empty() ? "new" : transition.from()) + " -> " +
                         (transition.to().empty() ? "gone" : transition.to()) + ": " +
                         transition.reason(),
                     6);
    }
    return text;
}

std::string tunnel_text(const status::Tunnel& tunnel) {
    if (!tunnel.reason().empty())
        return "none: " + tunnel.reason();
    std::string text = tunnel.local() + " to " + tunnel.remote() + " over " + tunnel.carrier() +
                       ", mtu " + count_text(tunnel.mtu());
    return tunnel.prefix().empty() ? text : text + ", prefix " + tunnel.prefix();
}

std::string uplink_text(const status::Uplink& uplink) {
    std::string text = wrap("Uplink " + uplink.name() + (uplink.description().empty() ? "" : ": "),
                            uplink.description(), 2);
    std::string facts =
        uplink.interface().empty() ? "no interface" : "interface " + uplink.interface();
    facts += ", preference " + std::to_string(uplink.preference()) + ", weight " +
             std::to_string(uplink.weight()) + ", table " + std::to_string(uplink.table()) +
             ", probe profile " + uplink.profile();
    if (uplink.standby())
        facts += ", standby";
    text += wrap("  ", facts, 4) + wrap("  probing: ", joined(uplink.probing()), 4);
    if (uplink.has_tunnel())
        text += wrap("  tunnel ", tunnel_text(uplink.tunnel()), 4);
    for (const status::LineDetail& detail : uplink.lines())
        text += detail_text(detail);
    return text + history_text(uplink);
}

} // namespace

std::string to_text(const status::Overview& overview) {
    if (!overview.configured())
        return "Multihome is not configured: 'router multihome'\n";
    std::string text =
        wrap("Multihome: generation " + std::to_string(overview.settlement().generation()) + ", ",
             settlement_text(overview.settlement()), 2);
    text += "Dataplane: " + dataplane_text(overview.dataplane()) + "\n";
    for (const std::string& loss : overview.dataplane().losses())
        text += wrap("% ", loss, 2);
    if (overview.lines().empty())
        return text + "\nThere is no uplink\n" + problems_text(overview);
    text += "\n" + lines_text(overview) + "\n";
    for (const status::Way& way : overview.ways())
        text += way_text(way);
    if (overview.has_taught())
        text += taught_text(overview.taught());
    return text + problems_text(overview);
}

std::string to_text(const status::Uplinks& uplinks) {
    std::string text;
    for (const status::Uplink& uplink : uplinks.uplinks())
        text += (text.empty() ? "" : "\n") + uplink_text(uplink);
    return text.empty() ? "There is no uplink\n" : text;
}

} // namespace multihomed::runtime
