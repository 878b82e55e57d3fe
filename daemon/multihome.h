/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the commands (vtysh/multihome_vty.c) ask of the daemon, in plain C without a type of FRR or
 * C++. Words are passed as they were typed; the daemon checks them. Calls return false when they
 * refuse, after printing one line that says why; nothing has changed then. Configuration calls only
 * change the wanted configuration: it is put in force at the end of the event, or at mh_config_end()
 * while a whole file is being read.
 */
#ifndef MULTIHOMED_MULTIHOME_H
#define MULTIHOMED_MULTIHOME_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the text of a reply goes; `text` may hold any number of lines. */
struct mh_out {
    void (*print)(void* to, const char* text);
    void* to;
};

enum mh_family { MH_IPV4, MH_IPV6 };

/* --- configuration; a value that is NULL or MH_DEFAULT is the default again --- */

#define MH_DEFAULT ((int64_t)-1)

/* A whole configuration is coming (vtysh -b, -f): apply it once, at the end. */
void mh_config_begin(void);
void mh_config_end(void);

bool mh_config_router(bool present, const struct mh_out* out);
bool mh_config_internal(const char* prefix, bool present, const struct mh_out* out);
bool mh_config_table_base(int64_t base, const struct mh_out* out);
bool mh_config_rule_priority(int64_t base, const struct mh_out* out);
/* "keep" or "withdraw" */
bool mh_config_last_resort(const char* what, const struct mh_out* out);

/* "per-flow" or "per-source" */
bool mh_config_load_sharing(const char* what, const struct mh_out* out);

/* protocol: NULL for all; within: NULL for everywhere */
bool mh_config_learn(const char* protocol, const char* within, bool present,
                     const struct mh_out* out);

/* main's default: "any", "usable" or "up" is the least that has to be behind it */
bool mh_config_announce_while(const char* least, const struct mh_out* out);
enum mh_announce_number { MH_ANNOUNCE_DISTANCE, MH_ANNOUNCE_TAG, MH_ANNOUNCE_METRIC };
bool mh_config_announce_number(enum mh_announce_number which, int64_t value,
                               const struct mh_out* out);
/* The metric follows the quality of what is behind it. */
bool mh_config_announce_quality(const struct mh_out* out);

/* mask: 32 bits, decimal or 0x..., NULL for the default one. */
bool mh_config_flow_affinity(bool present, const char* mask, const struct mh_out* out);

bool mh_config_uplink(const char* uplink, bool present, const struct mh_out* out);
bool mh_config_uplink_interface(const char* uplink, const char* ifname, const struct mh_out* out);
bool mh_config_uplink_description(const char* uplink, const char* text, const struct mh_out* out);
bool mh_config_uplink_shutdown(const char* uplink, bool present, const struct mh_out* out);

enum mh_number { MH_PREFERENCE, MH_WEIGHT, MH_TABLE };
bool mh_config_uplink_number(const char* uplink, enum mh_number which, int64_t value,
                             const struct mh_out* out);

bool mh_config_uplink_gateway(const char* uplink, enum mh_family family, const char* gateway,
                              bool onlink, const struct mh_out* out);
/* The gateway is learned from another program's default in the table; MH_DEFAULT: main. */
bool mh_config_uplink_gateway_auto(const char* uplink, enum mh_family family, int64_t table,
                                   const struct mh_out* out);
/* It is wherever routing finds this router inside. */
bool mh_config_uplink_gateway_router(const char* uplink, enum mh_family family, const char* router,
                                     const struct mh_out* out);
/* kind: "masquerade", "none" or "source", which has first, and last for a pool. */
bool mh_config_uplink_nat(const char* uplink, enum mh_family family, const char* kind,
                          const char* first, const char* last, const struct mh_out* out);
/* outside: a prefix or "auto"; inside: NULL for the internal network. Without an outside prefix all
 * of them are taken back. */
bool mh_config_uplink_prefix_nat(const char* uplink, enum mh_family family, const char* outside,
                                 const char* inside, bool present, const struct mh_out* out);
bool mh_config_uplink_source(const char* uplink, enum mh_family family, const char* prefix,
                             bool present, const struct mh_out* out);
/* Prefixes that the provider delegates are sources, too; grace in seconds or MH_DEFAULT. */
bool mh_config_uplink_delegation(const char* uplink, bool present, int64_t grace,
                                 const struct mh_out* out);
bool mh_config_uplink_standby(const char* uplink, bool present, const struct mh_out* out);
/* A session of bfdd's with the gateway; profile: NULL for bfdd's defaults. */
bool mh_config_uplink_bfd(const char* uplink, bool present, const char* profile,
                          const struct mh_out* out);

/* What follows `tunnel`: numbers that were not typed are MH_DEFAULT, words NULL. tunnel: NULL for
 * none. */
struct mh_tunnel {
    const char* kind; /* "6rd", "6to4" or "sit" */
    const char* carrier;
    const char* prefix;
    int64_t mask_length;
    const char* relay;
    const char* address;
    int64_t ttl;
    int64_t mtu;
};
bool mh_config_uplink_tunnel(const char* uplink, const struct mh_tunnel* tunnel,
                             const struct mh_out* out);

/* What follows `probe`: numbers that were not typed are MH_DEFAULT, words NULL. */
struct mh_target {
    const char* kind; /* "icmp", "tcp", "dns", "http", "https", "arp" or "nd" */
    const char* address;
    int64_t port;
    const char* name;
    const char* path;
    int64_t status;
    int64_t interval; /* milliseconds */
};
bool mh_config_uplink_probe(const char* uplink, const struct mh_target* target, bool present,
                            const struct mh_out* out);

bool mh_config_profile(const char* profile, bool present, const struct mh_out* out);
/* profile: NULL for `default`. */
bool mh_config_uplink_profile(const char* uplink, const char* profile, const struct mh_out* out);

/* Numbers of an uplink or of a profile; core/probing.hpp tells units and ranges. */
enum mh_owner { MH_OF_UPLINK, MH_OF_PROFILE };
enum mh_knob {
    MH_INTERVAL,
    MH_TIMEOUT,
    MH_FAIL_AFTER,
    MH_STABLE_FOR,
    MH_WINDOW,
    MH_LOSS_LOW,
    MH_LOSS_HIGH,
    MH_LATENCY_LOW,
    MH_LATENCY_HIGH,
    MH_JITTER_HIGH,
    MH_QUORUM, /* MH_QUORUM_ALL: every target */
    MH_HALF_LIFE,
    MH_SUPPRESS,
    MH_REUSE,
    MH_MAX_SUPPRESS,
    MH_SPARE_PROBES,
};
#define MH_QUORUM_ALL 255
bool mh_config_knob(enum mh_owner owner, const char* name, enum mh_knob knob, int64_t value,
                    const struct mh_out* out);

/* policy: "drain", "now" or "never", NULL: drain; deadline in seconds, of drain only. */
bool mh_config_failback(const char* policy, int64_t deadline, const struct mh_out* out);
/* Flows that are moved at once: a protocol by name or number, and a port or MH_DEFAULT. */
bool mh_config_failback_class(const char* protocol, int64_t port, bool present,
                              const struct mh_out* out);

bool mh_config_advertise(const char* ifname, bool present, const struct mh_out* out);
/* core/advertise_config.hpp tells units and ranges. */
enum mh_advertise_number {
    MH_RA_INTERVAL,
    MH_RA_LIFETIME,
    MH_RA_VALID_LIFETIME,
    MH_RA_PREFERRED_LIFETIME,
    MH_RA_HOP_LIMIT,
    MH_RA_REACHABLE_TIME,
    MH_RA_RETRANS_INTERVAL,
    MH_RA_MTU,
};
bool mh_config_advertise_number(const char* ifname, enum mh_advertise_number which, int64_t value,
                                const struct mh_out* out);
enum mh_advertise_flag { MH_RA_MANAGED, MH_RA_OTHER, MH_RA_PREFER_CARRYING, MH_RA_SHUTDOWN };
bool mh_config_advertise_flag(const char* ifname, enum mh_advertise_flag which, bool present,
                              const struct mh_out* out);
/* "low", "medium" or "high" */
bool mh_config_advertise_preference(const char* ifname, const char* preference,
                                    const struct mh_out* out);
/* uplink: NULL for a server that does not depend on any. */
bool mh_config_advertise_rdnss(const char* ifname, const char* address, const char* uplink,
                               bool present, const struct mh_out* out);
bool mh_config_advertise_dnssl(const char* ifname, const char* domain, bool present,
                               const struct mh_out* out);

/* Prints the block as it was typed, from `router multihome` to its `exit`; prints nothing and
 * returns false when there is none. */
bool mh_config_write(const struct mh_out* out);

/* --- operation; uplink NULL: all --- */

bool mh_show_status(bool json, const struct mh_out* out);
bool mh_show_uplinks(const char* uplink, bool json, const struct mh_out* out);
bool mh_show_rules(bool json, const struct mh_out* out);
bool mh_show_routes(bool json, const struct mh_out* out);
bool mh_show_nat(bool json, const struct mh_out* out);
/* limit: how many flows of the uplink are listed; without an uplink they are only counted. */
bool mh_show_conntrack(const char* uplink, uint32_t limit, bool json, const struct mh_out* out);
/* ifname NULL: of all interfaces */
bool mh_show_advertise(const char* ifname, bool json, const struct mh_out* out);

/* What a DHCPv6 client of the uplink of this name, or with this interface, was given or has lost.
 * Lifetimes in seconds, 0 to 4294967295 (for ever); MH_DEFAULT: for ever. */
struct mh_delegated {
    const char* uplink; /* NULL: by the interface */
    const char* interface;
    const char* prefix;
    int64_t preferred;
    int64_t valid;
};
bool mh_prefix(const struct mh_delegated* delegated, bool present, const struct mh_out* out);

bool mh_clear_uplink(const char* uplink, const struct mh_out* out);
bool mh_clear_penalty(const char* uplink, const struct mh_out* out);
/* Takes the preferred line back, once, where `failback never` holds. */
bool mh_clear_failback(const struct mh_out* out);
bool mh_clear_counters(const struct mh_out* out);
bool mh_clear_conntrack(const char* uplink, const struct mh_out* out);

enum mh_debug {
    MH_DEBUG_ZEBRA = 1,
    MH_DEBUG_KERNEL = 2,
    MH_DEBUG_PROBE = 4,
    MH_DEBUG_DECISION = 8,
    MH_DEBUG_ALL = 15,
};
void mh_debug_set(unsigned int which, bool on);
unsigned int mh_debug_get(void);

/* For completion: calls each(to, name) for every configured uplink, or profile and built-in one. */
void mh_uplink_names(void (*each)(void* to, const char* name), void* to);
void mh_profile_names(void (*each)(void* to, const char* name), void* to);

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_MULTIHOME_H */
