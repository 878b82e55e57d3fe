/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Installs the commands of multihome_vty.c in the daemon.
 */
#ifndef MULTIHOMED_MULTIHOME_VTY_H
#define MULTIHOMED_MULTIHOME_VTY_H

void mh_vty_init(void);

#endif /* MULTIHOMED_MULTIHOME_VTY_H */
