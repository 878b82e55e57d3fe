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

/* mask: 32 bits, decimal or 0x..., NULL for the default one. */
bool mh_config_flow_affinity(bool present, const char* mask, const struct mh_out* out);

bool mh_config_uplink(const char* uplink, bool present, const struct mh_out* out);
bool mh_config_uplink_interface(const char* uplink, const char* ifname, const struct mh_out* out);
bool mh_config_uplink_description(const char* uplink, const char* text, const struct mh_out* out);
bool mh_config_uplink_shutdown(const char* uplink, bool present, const struct mh_out* out);

enum mh_number {
    MH_PREFERENCE,
    MH_WEIGHT,
    MH_TABLE,
    MH_PROBE_INTERVAL, /* milliseconds, as all times */
    MH_PROBE_TIMEOUT,
    MH_PROBE_FAIL_AFTER,
    MH_PROBE_STABLE_FOR,
};
bool mh_config_uplink_number(const char* uplink, enum mh_number which, int64_t value,
                             const struct mh_out* out);

bool mh_config_uplink_gateway(const char* uplink, enum mh_family family, const char* gateway,
                              bool onlink, const struct mh_out* out);
/* kind: "masquerade", "none" or "source", which has first, and last for a pool. */
bool mh_config_uplink_nat(const char* uplink, enum mh_family family, const char* kind,
                          const char* first, const char* last, const struct mh_out* out);
bool mh_config_uplink_source(const char* uplink, enum mh_family family, const char* prefix,
                             bool present, const struct mh_out* out);
bool mh_config_uplink_probe_icmp(const char* uplink, const char* target, bool present,
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

bool mh_clear_uplink(const char* uplink, const struct mh_out* out);
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

/* For completion: calls each(to, name) for every configured uplink. */
void mh_uplink_names(void (*each)(void* to, const char* name), void* to);

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_MULTIHOME_H */
