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

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nlmsghdr;

/* What tells one rule from another, without its protocol. Host bits of the prefixes and unused
 * bytes are zero. */
struct mh_rule {
    uint8_t family; /* AF_INET, AF_INET6 */
    uint8_t src_len;
    uint8_t dst_len;
    int16_t suppress; /* suppress_prefixlength; -1: none */
    uint32_t priority;
    uint32_t mark;
    uint32_t mask;   /* 0: no mark is looked at */
    uint32_t table;  /* 0 with a goto */
    uint32_t target; /* priority to go to; 0: looks up the table */
    uint8_t src[16]; /* network order, from the left */
    uint8_t dst[16];
    char iif[IFNAMSIZ]; /* empty: any */
};

/* A rule as the kernel lists it. */
struct mh_found_rule {
    struct mh_rule rule;
    uint8_t protocol;
    bool exotic; /* has selectors or actions that mh_rule cannot express: never one of ours */
};

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

bool mh_rule_equal(const struct mh_rule* a, const struct mh_rule* b);
/* Clears the bits of a 16-byte address beyond its first length bits. */
void mh_mask_address(uint8_t address[16], uint8_t length);
/* "from 203.0.113.0/29 lookup 1001 pref 10100", as ip-rule(8) has it; returns out */
const char* mh_rule_to_text(const struct mh_rule* rule, char* out, size_t size);
/* False for anything but an RTM_NEWRULE or RTM_DELRULE of IPv4 or IPv6. size: bytes readable. */
bool mh_rule_parse(const struct nlmsghdr* message, size_t size, struct mh_found_rule* out);

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
