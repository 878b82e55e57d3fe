// SPDX-License-Identifier: GPL-2.0-or-later
//
// The configuration commands of daemon/multihome.h: each passes its words to core/edit.hpp and
// prints the reason of a refusal.
#include "commands.hpp"

#include "core/config_text.hpp"
#include "core/edit.hpp"

#include <optional>

using namespace multihomed;
using namespace multihomed::frr;

namespace {

/// Calls change(config); a change that is not refused is put in force in due course.
template <class Change>
bool edit(const mh_out* out, Change change) {
    return run(out, [&](Commanded& daemon) {
        if (const core::Refusal refusal = change(daemon.config()))
            return refuse(out, *refusal);
        daemon.config_changed();
        return true;
    });
}

std::optional<std::string> words(const char* text) {
    return text ? std::optional<std::string>(text) : std::nullopt;
}

core::Family family_of(mh_family family) {
    return family == MH_IPV6 ? core::Family::v6 : core::Family::v4;
}

core::UplinkNumber number_of(mh_number which) {
    switch (which) {
    case MH_PREFERENCE:
        return core::UplinkNumber::preference;
    case MH_WEIGHT:
        return core::UplinkNumber::weight;
    case MH_TABLE:
        break;
    }
    return core::UplinkNumber::table;
}

static_assert(MH_ANNOUNCE_DISTANCE == static_cast<int>(core::AnnounceNumber::distance) &&
              MH_ANNOUNCE_TAG == static_cast<int>(core::AnnounceNumber::tag) &&
              MH_ANNOUNCE_METRIC == static_cast<int>(core::AnnounceNumber::metric));

static_assert(MH_SPARE_PROBES == static_cast<int>(core::Knob::spare_probes) &&
              MH_SPARE_PROBES + 1 == core::kKnobs && MH_QUORUM_ALL == core::kQuorumAll);

static_assert(MH_RA_MTU == static_cast<int>(core::AdvertiseNumber::mtu) &&
              MH_RA_MTU + 1 == core::kAdvertiseNumbers &&
              MH_RA_SHUTDOWN == static_cast<int>(core::AdvertiseFlag::shutdown) &&
              MH_RA_SHUTDOWN + 1 == core::kAdvertiseFlags);

/// What no 32 bits can hold becomes their highest number, which is beyond every range.
std::optional<std::uint32_t> number(std::int64_t value) {
    if (value == MH_DEFAULT)
        return std::nullopt;
    return value < 0 || value > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(value);
}

/// Calls change(config, value) for a number as it came from the command parser.
template <class Change>
bool edit_number(const mh_out* out, std::int64_t value, Change change) {
    if (value != MH_DEFAULT && (value < 0 || value > UINT32_MAX))
        return refuse(out, std::to_string(value) + " is no number for this");
    return edit(out, [&](core::Config& config) { return change(config, number(value)); });
}

} // namespace

extern "C" {

void mh_config_begin(void) {
    if (Commanded* daemon = commanded())
        daemon->config_file_begins();
}

void mh_config_end(void) {
    if (Commanded* daemon = commanded())
        daemon->config_file_ends();
}

bool mh_config_router(bool present, const mh_out* out) {
    return edit(out, [&](core::Config& config) -> core::Refusal {
        core::edit_router(config, present);
        return std::nullopt;
    });
}

bool mh_config_internal(const char* prefix, bool present, const mh_out* out) {
    return edit(out,
                [&](core::Config& config) { return core::edit_internal(config, prefix, present); });
}

bool mh_config_table_base(int64_t base, const mh_out* out) {
    return edit_number(out, base, core::edit_table_base);
}

bool mh_config_rule_priority(int64_t base, const mh_out* out) {
    return edit_number(out, base, core::edit_rule_base);
}

bool mh_config_last_resort(const char* what, const mh_out* out) {
    return edit(out,
                [&](core::Config& config) { return core::edit_last_resort(config, words(what)); });
}

bool mh_config_load_sharing(const char* what, const mh_out* out) {
    return edit(out,
                [&](core::Config& config) { return core::edit_load_sharing(config, words(what)); });
}

bool mh_config_learn(const char* protocol, const char* within, bool present, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_learn(config, words(protocol), words(within), present);
    });
}

bool mh_config_announce_while(const char* least, const mh_out* out) {
    return edit(
        out, [&](core::Config& config) { return core::edit_announce_while(config, words(least)); });
}

bool mh_config_announce_number(mh_announce_number which, int64_t value, const mh_out* out) {
    return edit_number(out, value, [&](core::Config& config, std::optional<std::uint32_t> number) {
        return core::edit_announce_number(config, static_cast<core::AnnounceNumber>(which), number);
    });
}

bool mh_config_announce_quality(const mh_out* out) {
    return edit(out, core::edit_announce_quality);
}

bool mh_config_flow_affinity(bool present, const char* mask, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_flow_affinity(config, present, words(mask));
    });
}

bool mh_config_uplink(const char* uplink, bool present, const mh_out* out) {
    return edit(out,
                [&](core::Config& config) { return core::edit_uplink(config, uplink, present); });
}

bool mh_config_uplink_interface(const char* uplink, const char* ifname, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_interface(config, uplink, words(ifname));
    });
}

bool mh_config_uplink_description(const char* uplink, const char* text, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_description(config, uplink, words(text));
    });
}

bool mh_config_uplink_shutdown(const char* uplink, bool present, const mh_out* out) {
    return edit(out,
                [&](core::Config& config) { return core::edit_shutdown(config, uplink, present); });
}

bool mh_config_uplink_number(const char* uplink, mh_number which, int64_t value,
                             const mh_out* out) {
    return edit_number(out, value, [&](core::Config& config, std::optional<std::uint32_t> number) {
        return core::edit_number(config, uplink, number_of(which), number);
    });
}

bool mh_config_uplink_gateway(const char* uplink, mh_family family, const char* gateway,
                              bool onlink, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_gateway(config, uplink, family_of(family),
                                  gateway ? std::optional(core::GatewayWords{gateway, onlink, {}})
                                          : std::nullopt);
    });
}

bool mh_config_uplink_gateway_auto(const char* uplink, mh_family family, int64_t table,
                                   const mh_out* out) {
    return edit_number(out, table, [&](core::Config& config, std::optional<std::uint32_t> number) {
        return core::edit_gateway(
            config, uplink, family_of(family),
            core::GatewayWords{.address = "auto", .onlink = false, .table = number});
    });
}

bool mh_config_uplink_gateway_router(const char* uplink, mh_family family, const char* router,
                                     const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_gateway_router(config, uplink, family_of(family), router);
    });
}

bool mh_config_uplink_nat(const char* uplink, mh_family family, const char* kind, const char* first,
                          const char* last, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_nat(
            config, uplink, family_of(family),
            kind ? std::optional(core::NatWords{kind, first ? first : "", words(last)})
                 : std::nullopt);
    });
}

bool mh_config_uplink_prefix_nat(const char* uplink, mh_family family, const char* outside,
                                 const char* inside, bool present, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return outside ? core::edit_prefix_nat(config, uplink, family_of(family),
                                               {outside, words(inside)}, present)
                       : core::clear_prefix_nats(config, uplink, family_of(family));
    });
}

bool mh_config_uplink_source(const char* uplink, mh_family family, const char* prefix, bool present,
                             const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_source(config, uplink, family_of(family), prefix, present);
    });
}

bool mh_config_uplink_delegation(const char* uplink, bool present, int64_t grace,
                                 const mh_out* out) {
    return edit_number(out, grace, [&](core::Config& config, std::optional<std::uint32_t> seconds) {
        return core::edit_delegation(config, uplink, present, seconds);
    });
}

bool mh_config_uplink_standby(const char* uplink, bool present, const mh_out* out) {
    return edit(out,
                [&](core::Config& config) { return core::edit_standby(config, uplink, present); });
}

bool mh_config_uplink_bfd(const char* uplink, bool present, const char* profile,
                          const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_bfd(config, uplink, present, words(profile));
    });
}

bool mh_config_uplink_probe(const char* uplink, const mh_target* target, bool present,
                            const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_probe_target(config, uplink,
                                       {.kind = target->kind,
                                        .address = target->address ? target->address : "",
                                        .port = number(target->port),
                                        .name = words(target->name),
                                        .path = words(target->path),
                                        .status = number(target->status),
                                        .interval = number(target->interval)},
                                       present);
    });
}

bool mh_config_uplink_tunnel(const char* uplink, const mh_tunnel* tunnel, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_tunnel(config, uplink,
                                 tunnel ? std::optional(core::TunnelWords{
                                              .kind = tunnel->kind,
                                              .carrier = tunnel->carrier,
                                              .prefix = words(tunnel->prefix),
                                              .ipv4_mask_length = number(tunnel->mask_length),
                                              .relay = words(tunnel->relay),
                                              .address = words(tunnel->address),
                                              .ttl = number(tunnel->ttl),
                                              .mtu = number(tunnel->mtu)})
                                        : std::nullopt);
    });
}

bool mh_config_profile(const char* profile, bool present, const mh_out* out) {
    return edit(out,
                [&](core::Config& config) { return core::edit_profile(config, profile, present); });
}

bool mh_config_uplink_profile(const char* uplink, const char* profile, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_probe_profile(config, uplink, words(profile));
    });
}

bool mh_config_knob(mh_owner owner, const char* name, mh_knob knob, int64_t value,
                    const mh_out* out) {
    const core::KnobOwner of{owner == MH_OF_PROFILE ? core::KnobOwner::Kind::profile
                                                    : core::KnobOwner::Kind::uplink,
                             name};
    return edit_number(out, value, [&](core::Config& config, std::optional<std::uint32_t> typed) {
        return core::edit_knob(config, of, static_cast<core::Knob>(knob), typed);
    });
}

bool mh_config_failback(const char* policy, int64_t deadline, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_failback(config, words(policy), number(deadline));
    });
}

bool mh_config_failback_class(const char* protocol, int64_t port, bool present, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_failback_class(config, protocol, number(port), present);
    });
}

bool mh_config_advertise(const char* ifname, bool present, const mh_out* out) {
    return edit(
        out, [&](core::Config& config) { return core::edit_advertise(config, ifname, present); });
}

bool mh_config_advertise_number(const char* ifname, mh_advertise_number which, int64_t value,
                                const mh_out* out) {
    return edit_number(out, value, [&](core::Config& config, std::optional<std::uint32_t> typed) {
        return core::edit_advertise_number(config, ifname,
                                           static_cast<core::AdvertiseNumber>(which), typed);
    });
}

bool mh_config_advertise_flag(const char* ifname, mh_advertise_flag which, bool present,
                              const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_advertise_flag(config, ifname, static_cast<core::AdvertiseFlag>(which),
                                         present);
    });
}

bool mh_config_advertise_preference(const char* ifname, const char* preference, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_router_preference(config, ifname, words(preference));
    });
}

bool mh_config_advertise_rdnss(const char* ifname, const char* address, const char* uplink,
                               bool present, const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_rdnss(config, ifname, address, words(uplink), present);
    });
}

bool mh_config_advertise_dnssl(const char* ifname, const char* domain, bool present,
                               const mh_out* out) {
    return edit(out, [&](core::Config& config) {
        return core::edit_dnssl(config, ifname, domain, present);
    });
}

bool mh_config_write(const mh_out* out) {
    Commanded* daemon = commanded();
    const std::string text = daemon ? core::to_text(daemon->config()) : "";
    if (!text.empty())
        print(out, text);
    return !text.empty();
}

void mh_uplink_names(void (*each)(void* to, const char* name), void* to) {
    if (Commanded* daemon = commanded())
        for (const core::Uplink& uplink : daemon->config().uplinks)
            each(to, uplink.name.c_str());
}

void mh_profile_names(void (*each)(void* to, const char* name), void* to) {
    Commanded* daemon = commanded();
    if (!daemon)
        return;
    for (const char* name : core::kBuiltInProfiles)
        each(to, name);
    for (const core::ProbeProfile& profile : daemon->config().profiles)
        if (!core::is_built_in(profile.name))
            each(to, profile.name.c_str());
}

} // extern "C"
