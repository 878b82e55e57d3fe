/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rules that the module has installed, and those it holds back for a client that has vanished.
 *
 * An entry is a rule in the kernel as its users name it: with the ifindex of its ingress interface,
 * so that a rule whose interface was made anew has two for a while. `users` counts the rules in
 * zebra's own table that ask for it; when the last of them goes, the rule is deleted at once or
 * *held*: left in the kernel until somebody asks for it again or mh_rules_expire() is called with a
 * later time. Nothing here locks; zebra_multihome.c does.
 */
#ifndef MULTIHOMED_ZEBRA_MULTIHOME_RULES_H
#define MULTIHOMED_ZEBRA_MULTIHOME_RULES_H

#include "zebra_multihome_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mh_entry {
    struct mh_rule rule;
    uint32_t ingress; /* ifindex that was resolved to rule.iif; 0: none */
    uint32_t users;
    int64_t held_since; /* ms of the monotonic clock; meaningful with users == 0 */
};

struct mh_counters {
    uint64_t adds;    /* requests for a rule that was not in the table */
    uint64_t updates; /* requests for one that was */
    uint64_t deletes;
    uint64_t failures;
    uint64_t foreign;   /* failures because somebody else's equal rule stands */
    uint64_t held;      /* deletions held back */
    uint64_t reclaimed; /* held rules that were asked for again */
    uint64_t expired;   /* held rules deleted because nobody asked */
    int last_error;     /* errno of the last failure */
    char last_failure[320];
};

struct mh_rules {
    struct mh_kernel* kernel;
    struct mh_entry* entries;
    size_t n_entries;
    size_t capacity;
    struct mh_counters counters;
};

void mh_rules_init(struct mh_rules* rules, struct mh_kernel* kernel);
void mh_rules_free(struct mh_rules* rules);
/* The name that the interface of this ifindex had when such a rule was added; NULL: none was. */
const char* mh_rules_name_of(const struct mh_rules* rules, const struct mh_rule* rule,
                             uint32_t ingress);
size_t mh_rules_held(const struct mh_rules* rules);
/* When the oldest held rule began to be held; -1: none is. */
int64_t mh_rules_oldest(const struct mh_rules* rules);

/* Return 0 or an errno. */

/* Makes sure that the rule stands, whatever was done to it meanwhile. */
int mh_rules_add(struct mh_rules* rules, const struct mh_rule* rule, uint32_t ingress,
                 bool another_user);
/* A rule that cannot be deleted is held instead, so that it is tried again. */
int mh_rules_delete(struct mh_rules* rules, const struct mh_rule* rule, uint32_t ingress,
                    int64_t now);
void mh_rules_hold(struct mh_rules* rules, const struct mh_rule* rule, uint32_t ingress,
                   int64_t now);
/* Takes the rules of ours that the kernel has into the table, as held. */
int mh_rules_adopt(struct mh_rules* rules, int64_t now);
/* Deletes what has been held since `limit` or longer. One that cannot be deleted stays held, as
 * from `now`. */
void mh_rules_expire(struct mh_rules* rules, int64_t limit, int64_t now);
/* Deletes every rule in the table, whoever uses it. */
void mh_rules_delete_all(struct mh_rules* rules);

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_ZEBRA_MULTIHOME_RULES_H */
