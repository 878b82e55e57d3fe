/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A policy rule as a value, and as the message that rtnetlink carries (linux/fib_rules.h). No
 * socket, nothing of FRR.
 */
#ifndef MULTIHOMED_ZEBRA_MULTIHOME_RULE_H
#define MULTIHOMED_ZEBRA_MULTIHOME_RULE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* A message with room for every attribute a rule can have. */
struct mh_rule_message {
    union {
        struct nlmsghdr header;
        uint8_t bytes[1024];
    };
};

bool mh_rule_equal(const struct mh_rule* a, const struct mh_rule* b);
/* Clears the bits of a 16-byte address beyond its first length bits. */
void mh_mask_address(uint8_t address[16], uint8_t length);
/* "from 203.0.113.0/29 lookup 1001 pref 10100", as ip-rule(8) has it; returns out */
const char* mh_rule_to_text(const struct mh_rule* rule, char* out, size_t size);
/* False for anything but an RTM_NEWRULE or RTM_DELRULE of IPv4 or IPv6. size: bytes readable. */
bool mh_rule_parse(const struct nlmsghdr* message, size_t size, struct mh_found_rule* out);

/* A request with this type and these flags; its protocol is MH_RULE_PROTOCOL. */
void mh_rule_encode(struct mh_rule_message* message, uint16_t type, uint16_t flags,
                    const struct mh_rule* rule);

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_ZEBRA_MULTIHOME_RULE_H */
