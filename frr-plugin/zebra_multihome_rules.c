/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The module's table of rules; see zebra_multihome_rules.h.
 */
#include "zebra_multihome_rules.h"

#include "rule_descriptor.h"

#include <errno.h>
#include <stdlib.h>

void mh_rules_init(struct mh_rules* rules, struct mh_kernel* kernel) {
    memset(rules, 0, sizeof(*rules));
    rules->kernel = kernel;
}

void mh_rules_free(struct mh_rules* rules) {
    free(rules->entries);
    rules->entries = NULL;
    rules->n_entries = rules->capacity = 0;
}

struct mh_entry* mh_rules_find(struct mh_rules* rules, const struct mh_rule* rule) {
    for (size_t i = 0; i < rules->n_entries; i++)
        if (mh_rule_equal(&rules->entries[i].rule, rule))
            return &rules->entries[i];
    return NULL;
}

struct mh_entry* mh_rules_find_ingress(struct mh_rules* rules, const struct mh_rule* rule,
                                       uint32_t ingress) {
    struct mh_rule named = *rule;

    for (size_t i = 0; i < rules->n_entries; i++) {
        if (rules->entries[i].ingress != ingress)
            continue;
        memcpy(named.iif, rules->entries[i].rule.iif, sizeof(named.iif));
        if (mh_rule_equal(&rules->entries[i].rule, &named))
            return &rules->entries[i];
    }
    return NULL;
}

size_t mh_rules_held(const struct mh_rules* rules) {
    size_t held = 0;

    for (size_t i = 0; i < rules->n_entries; i++)
        held += rules->entries[i].users == 0;
    return held;
}

int64_t mh_rules_oldest(const struct mh_rules* rules) {
    int64_t oldest = -1;

    for (size_t i = 0; i < rules->n_entries; i++) {
        const struct mh_entry* entry = &rules->entries[i];

        if (entry->users == 0 && (oldest < 0 || entry->held_since < oldest))
            oldest = entry->held_since;
    }
    return oldest;
}

static struct mh_entry* append(struct mh_rules* rules, const struct mh_rule* rule) {
    struct mh_entry* entry;

    if (rules->n_entries == rules->capacity) {
        size_t capacity = rules->capacity ? rules->capacity * 2 : 64;
        void* grown = realloc(rules->entries, capacity * sizeof(*rules->entries));

        if (!grown)
            return NULL;
        rules->entries = grown;
        rules->capacity = capacity;
    }
    entry = &rules->entries[rules->n_entries++];
    memset(entry, 0, sizeof(*entry));
    entry->rule = *rule;
    return entry;
}

/* The last entry takes the place of this one. */
static void drop(struct mh_rules* rules, struct mh_entry* entry) {
    *entry = rules->entries[--rules->n_entries];
}

static int failed(struct mh_rules* rules, const char* what, const struct mh_rule* rule, int error) {
    char text[256];

    rules->counters.failures++;
    rules->counters.foreign += error == EEXIST;
    rules->counters.last_error = error;
    snprintf(rules->counters.last_failure, sizeof(rules->counters.last_failure), "%s %s", what,
             mh_rule_to_text(rule, text, sizeof(text)));
    return error;
}

int mh_rules_add(struct mh_rules* rules, const struct mh_rule* rule, uint32_t ingress,
                 bool another_user) {
    int error = mh_kernel_add(rules->kernel, rule);
    struct mh_entry* entry = mh_rules_find(rules, rule);

    if (error) {
        if (entry && error == EEXIST) /* ours was replaced by somebody else's */
            drop(rules, entry);
        return failed(rules, "add", rule, error);
    }
    if (entry) {
        rules->counters.updates++;
        rules->counters.reclaimed += entry->users == 0;
    } else {
        rules->counters.adds++;
        entry = append(rules, rule);
    }
    if (!entry) {
        mh_kernel_delete(rules->kernel, rule);
        return failed(rules, "add", rule, ENOMEM);
    }
    entry->ingress = ingress;
    if (another_user || entry->users == 0)
        entry->users++;
    return 0;
}

int mh_rules_delete(struct mh_rules* rules, const struct mh_rule* rule, int64_t now) {
    struct mh_entry* entry = mh_rules_find(rules, rule);
    int error;

    if (entry && entry->users > 1) {
        entry->users--;
        return 0;
    }
    error = mh_kernel_delete(rules->kernel, rule);
    if (error) {
        if (entry) {
            entry->users = 0;
            entry->held_since = now;
        }
        return failed(rules, "delete", rule, error);
    }
    rules->counters.deletes++;
    if (entry)
        drop(rules, entry);
    return 0;
}

void mh_rules_hold(struct mh_rules* rules, const struct mh_rule* rule, int64_t now) {
    struct mh_entry* entry = mh_rules_find(rules, rule);

    if (!entry || entry->users == 0)
        return;
    if (--entry->users > 0)
        return;
    entry->held_since = now;
    rules->counters.held++;
}

int mh_rules_adopt(struct mh_rules* rules, int64_t now) {
    int error = mh_kernel_list(rules->kernel);

    if (error)
        return error;
    for (size_t i = 0; i < rules->kernel->n_found; i++) {
        const struct mh_found_rule* found = &rules->kernel->found[i];
        struct mh_entry* entry;

        if (found->exotic || found->protocol != MH_RULE_PROTOCOL ||
            mh_rules_find(rules, &found->rule))
            continue;
        entry = append(rules, &found->rule);
        if (!entry)
            return ENOMEM;
        entry->held_since = now;
    }
    return 0;
}

void mh_rules_expire(struct mh_rules* rules, int64_t limit, int64_t now) {
    size_t i = 0;

    while (i < rules->n_entries) {
        struct mh_entry* entry = &rules->entries[i];
        int error;

        if (entry->users > 0 || entry->held_since > limit) {
            i++;
            continue;
        }
        error = mh_kernel_delete(rules->kernel, &entry->rule);
        if (error) {
            failed(rules, "delete", &entry->rule, error);
            entry->held_since = now;
            i++;
            continue;
        }
        rules->counters.expired++;
        drop(rules, entry);
    }
}

void mh_rules_delete_all(struct mh_rules* rules) {
    while (rules->n_entries > 0) {
        struct mh_entry* entry = &rules->entries[rules->n_entries - 1];
        int error = mh_kernel_delete(rules->kernel, &entry->rule);

        if (error)
            failed(rules, "delete", &entry->rule, error);
        else
            rules->counters.deletes++;
        rules->n_entries--;
    }
}
