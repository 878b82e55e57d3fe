/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the commands (vtysh/multihome_vty.c) ask of the daemon, in plain C without a type of FRR or
 * C++. Configuration calls return false when they refuse, after printing one line that says why;
 * nothing has changed then. They only change the wanted configuration: it is put in force at the
 * end of the event, or at mh_config_end() while a whole file is being read.
 */
#ifndef MULTIHOMED_MULTIHOME_H
#define MULTIHOMED_MULTIHOME_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the text of a reply goes; `text` may hold any number of lines. */
struct mh_out {
    void (*print)(void* to, const char* text);
    void* to;
};

/* --- configuration --- */

/* A whole configuration is coming (vtysh -b, -f, our own file): apply it once, at the end. */
void mh_config_begin(void);
void mh_config_end(void);

bool mh_config_router(bool present, const struct mh_out* out);
bool mh_config_uplink(const char* uplink, bool present, const struct mh_out* out);
/* ifname NULL: none */
bool mh_config_uplink_interface(const char* uplink, const char* ifname, const struct mh_out* out);

/* Prints the block as it was typed, from `router multihome` to its `exit`; prints nothing and
 * returns false when there is none. */
bool mh_config_write(const struct mh_out* out);

/* --- operation --- */

bool mh_show_status(bool json, const struct mh_out* out);
bool mh_clear_uplink(const char* uplink, const struct mh_out* out);

void mh_debug_set(bool on);
bool mh_debug_get(void);

/* For completion: calls each(to, name) for every configured uplink. */
void mh_uplink_names(void (*each)(void* to, const char* name), void* to);

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_MULTIHOME_H */
