/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files with commands share.
 */
#ifndef MULTIHOMED_MULTIHOME_VTY_PARTS_H
#define MULTIHOMED_MULTIHOME_VTY_PARTS_H

#include "frr_compat.h"

#include "multihome.h"

static inline void print_to_vty(void* to, const char* text) {
    vty_out((struct vty*)to, "%s", text);
}

static inline struct mh_out to_vty(struct vty* vty) {
    return (struct mh_out){.print = print_to_vty, .to = vty};
}

/* The node's context, the name of the uplink, profile or interface being configured, is kept at a depth of the xpath stack
 * that no node reaches, and is not pushed: FRR's own `show`, which is in every node, takes what is
 * pushed for a path in its data tree and aborts when it is not. */
static inline char* name_in(struct vty* vty) {
    return vty->xpath[VTY_MAXDEPTH - 1];
}

static inline int config_result(bool accepted) {
    return accepted ? CMD_SUCCESS : CMD_WARNING_CONFIG_FAILED;
}

static inline int result(bool done) {
    return done ? CMD_SUCCESS : CMD_WARNING;
}

/* In an uplink's node. */
static inline const char* uplink_of(struct vty* vty) {
    return name_in(vty);
}

void mh_vty_probe_init(void);
void mh_vty_tunnel_init(void);
void mh_vty_advertise_init(void);
void mh_vty_routing_init(void);

#endif /* MULTIHOMED_MULTIHOME_VTY_PARTS_H */
