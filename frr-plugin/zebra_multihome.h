/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the FRR-facing files of the zebra module share.
 */
#ifndef MULTIHOMED_ZEBRA_MULTIHOME_H
#define MULTIHOMED_ZEBRA_MULTIHOME_H

#include "zebra_multihome_rules.h"

#include <time.h>

#define MH_DEFAULT_GRACE 120 /* seconds */

/* A picture of the module for `show zebra multihome`. */
struct mh_status {
    struct mh_counters counters;
    uint64_t rejected; /* requests that never came as far as the kernel */
    size_t installed_v4;
    size_t installed_v6;
    size_t held;
    uint32_t grace;     /* seconds */
    int64_t grace_left; /* ms until the oldest held rule goes; -1: none is held */
    uint64_t swept;     /* routes of vanished clients that were removed */
};

/* zebra_multihome.c; any thread */
void mh_module_status(struct mh_status* status);
uint32_t mh_module_grace(void);
void mh_module_set_grace(uint32_t seconds);

/* zebra_multihome_vty.c */
void mh_module_vty_init(void);

/* zebra_multihome_sweep.c; zebra's main thread only. */
struct zserv;
/* A client has gone whose routes zebra keeps: look after those that zebra would keep for ever. */
void mh_sweep_client_gone(const struct zserv* client, uint32_t grace);
uint64_t mh_sweep_count(void);
void mh_sweep_stop(void);

#endif /* MULTIHOMED_ZEBRA_MULTIHOME_H */
