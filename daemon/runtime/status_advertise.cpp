// SPDX-License-Identifier: GPL-2.0-or-later
//
// Router advertisements: `show multihome advertise`.
#include "runtime/advertise_news.hpp"
#include "runtime/status.hpp"
#include "runtime/status_parts.hpp"

namespace multihomed::runtime {

namespace {

using apply::AdvertiserState;
using apply::HeardRouter;

void fill_content(status::AdvertisedInterface& to, const core::RouterAdvertisement& content,
                  const core::AdvertiseReport& report, Time now) {
    to.set_router_lifetime_seconds(content.lifetime_s);
    to.set_router_lifetime_reason(report.lifetime);
    to.set_router_preference(core::to_string(content.preference));
    to.set_managed(content.managed);
    to.set_other(content.other);
    to.set_hop_limit(content.hop_limit);
    to.set_mtu(content.mtu);
    to.set_reachable_ms(content.reachable_ms);
    to.set_retrans_ms(content.retrans_ms);
    for (std::size_t i = 0; i < content.prefixes.size(); ++i) {
        const core::AdvertisedPrefix told = core::as_of(content.prefixes[i], now);
        status::AdvertisedPrefix& prefix = *to.add_prefixes();
        prefix.set_prefix(told.prefix.to_string());
        prefix.set_state(state_of(told));
        prefix.set_preferred_seconds(told.preferred_s);
        prefix.set_valid_seconds(told.valid_s);
        prefix.set_reason(report.prefixes[i]);
    }
    for (const core::AdvertisedRoute& route : content.routes)
        to.add_routes(route.prefix.to_string());
    for (std::size_t i = 0; i < content.resolvers.size(); ++i) {
        status::AdvertisedResolver& resolver = *to.add_resolvers();
        resolver.set_address(content.resolvers[i].address.to_string());
        resolver.set_lifetime_seconds(content.resolvers[i].lifetime_s);
        resolver.set_reason(report.resolvers[i]);
    }
    for (const std::string& domain : content.domains)
        to.add_search_domains(domain);
}

/// Hosts believe the last router that spoke of a prefix.
void add_disagreement(status::AdvertisedInterface& to, const std::string& other,
                      const HeardRouter& heard) {
    for (const core::AdvertisedPrefix& theirs : heard.prefixes)
        for (const status::AdvertisedPrefix& ours : to.prefixes())
            if (theirs.preferred_s > 0 && ours.preferred_seconds() == 0 &&
                theirs.prefix.to_string() == ours.prefix())
                to.add_warnings("router " + other + " on the link goes on preferring " +
                                ours.prefix() + ": hosts believe whoever spoke last");
}

void add_others(status::AdvertisedInterface& to, const AdvertiserState& state, Time now) {
    for (const auto& [address, heard] : state.others) {
        status::OtherRouter& other = *to.add_others();
        other.set_address(address.to_string());
        other.set_seconds_ago(seconds_of(now - heard.at));
        other.set_router_lifetime_seconds(heard.lifetime_s);
        other.set_advertisements(static_cast<double>(heard.advertisements));
        for (const core::AdvertisedPrefix& told : heard.prefixes)
            if (told.preferred_s > 0)
                other.add_prefixes(told.prefix.to_string());
        add_disagreement(to, address.to_string(), heard);
    }
}

void fill_state(status::AdvertisedInterface& to, const AdvertiserState& state, Time now) {
    to.set_multicasts(static_cast<double>(state.multicasts));
    to.set_unicasts(static_cast<double>(state.unicasts));
    to.set_solicitations(static_cast<double>(state.solicitations));
    to.set_malformed(static_cast<double>(state.malformed));
    if (state.last_multicast)
        to.set_seconds_since_multicast(seconds_of(now - *state.last_multicast));
    if (state.next_multicast)
        to.set_seconds_until_multicast(std::max(0.0, seconds_of(*state.next_multicast - now)));
    to.set_error(state.error);
    to.set_rivals(static_cast<double>(state.rivals));
    if (state.last_rival)
        to.add_warnings("another program on this router advertises on " + to.interface() +
                        " too, last seen " + duration_text(seconds_of(now - *state.last_rival)) +
                        " ago: let one of the two be silent");
    add_others(to, state, now);
}

std::string told_text(const status::AdvertisedInterface& from) {
    std::string text = from.router_lifetime_seconds() == 0
                           ? "none: "
                           : std::to_string(from.router_lifetime_seconds()) + " s, preference " +
                                 from.router_preference() + ": ";
    text = wrap("  default router  ", text + from.router_lifetime_reason(), 18);
    for (const status::AdvertisedPrefix& prefix : from.prefixes()) {
        text += wrap("  prefix          ",
                     prefix.prefix() + " " + prefix.state() + ": " + prefix.reason(), 18);
    }
    for (const std::string& route : from.routes())
        text += wrap("  way to          ", route, 18);
    for (const status::AdvertisedResolver& resolver : from.resolvers())
        text += wrap("  DNS server      ",
                     resolver.address() + (resolver.lifetime_seconds() == 0 ? " not used" : "") +
                         (resolver.reason().empty() ? "" : ": " + resolver.reason()),
                     18);
    if (!from.search_domains().empty())
        text += wrap("  search          ", joined(from.search_domains()), 18);
    std::string rest;
    const auto add = [&](bool told, const std::string& words) {
        rest += !told ? "" : (rest.empty() ? "" : ", ") + words;
    };
    add(from.managed(), "managed-config-flag");
    add(from.other(), "other-config-flag");
    add(from.hop_limit() != 0, "hop limit " + std::to_string(from.hop_limit()));
    add(from.mtu() != 0, "MTU " + std::to_string(from.mtu()));
    add(from.reachable_ms() != 0, "reachable time " + std::to_string(from.reachable_ms()) + " ms");
    add(from.retrans_ms() != 0, "retransmission " + count_text(from.retrans_ms()) + " ms");
    return rest.empty() ? text : text + wrap("  besides         ", rest, 18);
}

std::string sent_text(const status::AdvertisedInterface& from) {
    std::string text = count_text(from.multicasts()) + " to all";
    if (from.has_seconds_since_multicast())
        text += " (the last " + duration_text(from.seconds_since_multicast()) + " ago)";
    text += ", " + count_text(from.unicasts()) + " to hosts that asked";
    if (from.has_seconds_until_multicast())
        text += "; next in " + tenths_text(from.seconds_until_multicast()) + " s";
    return wrap("  sent            ", text, 18) +
           wrap("  heard           ",
                count_text(from.solicitations()) + " solicitations" +
                    (from.malformed() == 0
                         ? ""
                         : ", " + count_text(from.malformed()) + " messages not understood"),
                18);
}

std::string interface_text(const status::AdvertisedInterface& from) {
    std::string text =
        from.advertising()
            ? wrap(from.interface() + ": ",
                   "advertises from " + from.source() + ", every " +
                       std::to_string(from.interval_seconds()) + " s or sooner",
                   2) +
                  told_text(from)
            : wrap(from.interface() + ": ", "nothing is advertised: " + from.reason(), 2);
    text += sent_text(from);
    if (!from.error().empty())
        text += wrap("  % ", from.error() + "; tried again every second", 4);
    for (const std::string& warning : from.warnings())
        text += wrap("  % ", warning, 4);
    for (const status::OtherRouter& other : from.others())
        text +=
            wrap("  other router    ",
                 other.address() + ", " + duration_text(other.seconds_ago()) + " ago, lifetime " +
                     std::to_string(other.router_lifetime_seconds()) + " s" +
                     (other.prefixes().empty() ? "" : ", prefers " + joined(other.prefixes())),
                 18);
    return text;
}

} // namespace

status::Advertising advertising(const Engine& engine,
                                const std::map<std::string, AdvertiserState>& states,
                                const std::optional<std::string>& interface, Time now) {
    status::Advertising all;
    const core::Decision& decision = engine.decision();
    for (std::size_t i = 0; i < decision.desired.advertise.size(); ++i) {
        const core::AdvertisePlan& plan = decision.desired.advertise[i];
        const core::AdvertiseReport& report = decision.advertise[i];
        if (interface && plan.interface != *interface)
            continue;
        status::AdvertisedInterface& to = *all.add_interfaces();
        to.set_interface(plan.interface);
        to.set_advertising(plan.source.has_value());
        to.set_reason(report.blocked);
        to.set_interval_seconds(static_cast<std::uint32_t>(plan.interval.count()));
        for (const std::string& remark : report.remarks)
            to.add_warnings(remark);
        if (plan.source) {
            to.set_source(plan.source->to_string());
            fill_content(to, plan.content, report, now);
        }
        const auto state = states.find(plan.interface);
        fill_state(to, state == states.end() ? AdvertiserState{} : state->second, now);
    }
    return all;
}

std::string to_text(const status::Advertising& advertising) {
    std::string text;
    for (const status::AdvertisedInterface& interface : advertising.interfaces())
        text += (text.empty() ? "" : "\n") + interface_text(interface);
    return text.empty() ? "Nothing is advertised: 'ipv6 advertise IFNAME'\n" : text;
}

} // namespace multihomed::runtime
