// SPDX-License-Identifier: GPL-2.0-or-later
//
// The operational commands of daemon/multihome.h: each gathers what it takes from engine and
// appliers, makes one message of it (runtime/status.hpp) and prints that as text or JSON.
#include "commands.hpp"

#include "core/utf8.hpp"
#include "runtime/status.hpp"

#include <algorithm>
#include <optional>

using namespace multihomed;
using namespace multihomed::frr;

namespace {

/// As run(), but a refusal is JSON too where JSON was asked for.
template <class Command>
bool show(const mh_out* out, bool json, Command command) {
    return run(out, [&](Commanded& daemon) {
        try {
            const auto message = command(daemon);
            print(out, json ? runtime::to_json(message) : runtime::to_text(message));
            return true;
        } catch (const std::invalid_argument& reason) {
            if (!json)
                return refuse(out, reason.what());
            status::Refusal refusal;
            refusal.set_error(reason.what());
            print(out, runtime::to_json(refusal));
            return false;
        }
    });
}

/// The uplink asked for, if one was. Throws std::invalid_argument if it does not exist.
std::optional<std::string> known_uplink(Commanded& daemon, const char* uplink) {
    if (!uplink)
        return std::nullopt;
    if (!core::find_uplink(daemon.config(), uplink))
        throw std::invalid_argument("there is no uplink " + core::quoted(uplink));
    return uplink;
}

core::Result<runtime::GuardCounts> guard_counts(Commanded& daemon) {
    const auto counters = daemon.nat().counters();
    if (!counters)
        return counters.error();
    return runtime::since_cleared(*counters, daemon.cleared_counters());
}

status::Uplinks gather_uplinks(Commanded& daemon, const std::optional<std::string>& uplink) {
    const auto guards = guard_counts(daemon);
    return runtime::uplinks(daemon.engine(), uplink, guards ? *guards : runtime::GuardCounts{},
                            daemon.now());
}

status::Conntrack gather_conntrack(Commanded& daemon, const std::optional<std::string>& uplink,
                                   std::size_t limit) {
    const auto ranges = runtime::flow_ranges(daemon.engine(), uplink);
    std::vector<core::AddressRange> asked;
    for (const runtime::FlowRange& range : ranges)
        asked.push_back(range.range);
    const auto counts = daemon.flows().count(asked);
    std::vector<apply::FlowList> lists;
    for (std::size_t i = 0; uplink && i < asked.size(); ++i)
        if (auto list = daemon.flows().list(asked[i], limit)) {
            limit -= std::min(limit, list->flows.size());
            lists.push_back(std::move(*list));
        }
    return runtime::conntrack(ranges, counts, lists);
}

std::optional<std::string> uplink_of(const core::Config& config, const mh_delegated& delegated) {
    if (delegated.uplink)
        return delegated.uplink;
    const auto found =
        std::ranges::find(config.uplinks, delegated.interface, &core::Uplink::interface);
    return found == config.uplinks.end() ? std::nullopt : std::optional(found->name);
}

std::optional<std::uint32_t> lifetime(int64_t seconds) {
    return seconds < 0 ? std::nullopt
                       : std::optional(static_cast<std::uint32_t>(
                             std::min<std::int64_t>(seconds, UINT32_MAX)));
}

void forget_flows(Commanded& daemon, const std::string& uplink) {
    for (const runtime::FlowRange& range : runtime::flow_ranges(daemon.engine(), uplink))
        daemon.engine().reconciler().order_forgetting(range.line, range.range);
}

} // namespace

extern "C" {

bool mh_show_status(bool json, const mh_out* out) {
    return show(out, json,
                [](Commanded& daemon) { return runtime::overview(daemon.engine(), daemon.now()); });
}

bool mh_show_uplinks(const char* uplink, bool json, const mh_out* out) {
    return show(out, json, [&](Commanded& daemon) {
        return gather_uplinks(daemon, known_uplink(daemon, uplink));
    });
}

bool mh_show_rules(bool json, const mh_out* out) {
    return show(out, json, [](Commanded& daemon) { return runtime::rules(daemon.engine()); });
}

bool mh_show_routes(bool json, const mh_out* out) {
    return show(out, json, [](Commanded& daemon) { return runtime::routes(daemon.engine()); });
}

bool mh_show_nat(bool json, const mh_out* out) {
    return show(out, json, [](Commanded& daemon) {
        return runtime::nat_table(daemon.engine(), daemon.nat().verify(), guard_counts(daemon));
    });
}

bool mh_show_conntrack(const char* uplink, uint32_t limit, bool json, const mh_out* out) {
    return show(out, json, [&](Commanded& daemon) {
        return gather_conntrack(daemon, known_uplink(daemon, uplink), limit);
    });
}

bool mh_prefix(const mh_delegated* delegated, bool present, const mh_out* out) {
    return run(out, [&](Commanded& daemon) {
        const auto uplink = uplink_of(daemon.config(), *delegated);
        if (!uplink)
            return refuse(out, std::string("no uplink has the interface ") + delegated->interface);
        core::Observation& seen = daemon.engine().observation();
        const core::DelegationWords words{delegated->prefix, lifetime(delegated->preferred),
                                          lifetime(delegated->valid)};
        const auto refusal =
            present ? core::add_delegated(seen, daemon.config(), *uplink, words, daemon.now())
                    : core::remove_delegated(seen, *uplink, words.prefix);
        if (refusal)
            return refuse(out, *refusal);
        daemon.reconsider();
        return true;
    });
}

bool mh_show_advertise(const char* ifname, bool json, const mh_out* out) {
    return show(out, json, [&](Commanded& daemon) {
        if (ifname && !core::find_advertise(daemon.config(), ifname))
            throw std::invalid_argument("there is no " +
                                        core::quoted(std::string("ipv6 advertise ") + ifname));
        return runtime::advertising(daemon.engine(), daemon.advertiser().states(),
                                    ifname ? std::optional<std::string>(ifname) : std::nullopt,
                                    daemon.now());
    });
}

bool mh_clear_uplink(const char* uplink, const mh_out* out) {
    return run(out, [&](Commanded& daemon) {
        daemon.restart_line(*known_uplink(daemon, uplink));
        return true;
    });
}

bool mh_clear_penalty(const char* uplink, const mh_out* out) {
    return run(out, [&](Commanded& daemon) {
        daemon.engine().clear_penalty(*known_uplink(daemon, uplink));
        daemon.reconsider();
        return true;
    });
}

bool mh_clear_failback(const mh_out* out) {
    return run(out, [&](Commanded& daemon) {
        daemon.engine().fail_back();
        daemon.reconsider();
        return true;
    });
}

bool mh_clear_counters(const mh_out* out) {
    return run(out, [&](Commanded& daemon) {
        const auto counters = daemon.nat().counters();
        if (!counters)
            return refuse(out, counters.error().what);
        daemon.cleared_counters() = *counters;
        return true;
    });
}

bool mh_clear_conntrack(const char* uplink, const mh_out* out) {
    return run(out, [&](Commanded& daemon) {
        const std::string known = *known_uplink(daemon, uplink);
        forget_flows(daemon, known);
        print(out, "The translated flows of uplink " + known + " are being forgotten\n");
        return true;
    });
}

void mh_debug_set(unsigned int which, bool on) {
    Commanded* daemon = commanded();
    if (!daemon)
        return;
    DebugFlags& debug = daemon->debug();
    const auto set = [&](unsigned int kind, bool& flag) { flag = which & kind ? on : flag; };
    set(MH_DEBUG_ZEBRA, debug.zebra);
    set(MH_DEBUG_KERNEL, debug.kernel);
    set(MH_DEBUG_PROBE, debug.probe);
    set(MH_DEBUG_DECISION, debug.decision);
}

unsigned int mh_debug_get(void) {
    Commanded* daemon = commanded();
    if (!daemon)
        return 0;
    const DebugFlags& debug = daemon->debug();
    unsigned int which = 0;
    const auto add = [&](unsigned int kind, bool flag) { which |= flag ? kind : 0U; };
    add(MH_DEBUG_ZEBRA, debug.zebra);
    add(MH_DEBUG_KERNEL, debug.kernel);
    add(MH_DEBUG_PROBE, debug.probe);
    add(MH_DEBUG_DECISION, debug.decision);
    return which;
}

} // extern "C"
