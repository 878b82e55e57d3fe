/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Policy rules in the kernel, by an rtnetlink socket of our own; knows nothing of FRR.
 *
 * Owned here is the difference between what is asked and what the kernel understands. A deletion's
 * absent selectors are wildcards to the kernel (rule_find() in net/core/fib_rules.c), and so are
 * those of an exclusive addition (rule_exists()). mh_kernel_add() and mh_kernel_delete() act on
 * exactly the rule given, and only if its protocol is MH_RULE_PROTOCOL.
 */
#ifndef MULTIHOMED_ZEBRA_MULTIHOME_KERNEL_H
#define MULTIHOMED_ZEBRA_MULTIHOME_KERNEL_H

#include "zebra_multihome_rule.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mh_kernel {
    int fd; /* -1: opened by the next request */
    uint32_t sequence;
    /* Calls call(arg) with the right to change rules. */
    void (*privileged)(void (*call)(void*), void* arg);
    uint8_t* buffer;
    /* every rule, as of the last mh_kernel_list(); see mh_kernel_forget() */
    struct mh_found_rule* found;
    size_t n_found;
    size_t capacity;
    bool listed;
};

void mh_kernel_init(struct mh_kernel* kernel, void (*privileged)(void (*)(void*), void*));
void mh_kernel_close(struct mh_kernel* kernel);

/* All return 0 or an errno. */

/* 0 also if the rule stands already and is ours; EEXIST if it stands and is somebody else's. */
int mh_kernel_add(struct mh_kernel* kernel, const struct mh_rule* rule);
/* 0 also if there is no such rule of ours. */
int mh_kernel_delete(struct mh_kernel* kernel, const struct mh_rule* rule);
/* Fills found. mh_kernel_add() relies on a list no older than the last mh_kernel_forget(). */
int mh_kernel_list(struct mh_kernel* kernel);
void mh_kernel_forget(struct mh_kernel* kernel);

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_ZEBRA_MULTIHOME_KERNEL_H */
