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

static struct mh_entry* find(struct mh_rules* rules, const struct mh_rule* rule, uint32_t ingress) {
    for (size_t i = 0; i < rules->n_entries; i++)
        if (rules->entries[i].ingress == ingress && mh_rule_equal(&rules->entries[i].rule, rule))
            return &rules->entries[i];
    return NULL;
}

/* Another entry for the same rule in the kernel. */
static struct mh_entry* find_twin(struct mh_rules* rules, const struct mh_rule* rule,
                                  const struct mh_entry* except) {
    for (size_t i = 0; i < rules->n_entries; i++)
        if (&rules->entries[i] != except && mh_rule_equal(&rules->entries[i].rule, rule))
            return &rules->entries[i];
    return NULL;
}

const char* mh_rules_name_of(const struct mh_rules* rules, const struct mh_rule* rule,
                             uint32_t ingress) {
    struct mh_rule named = *rule;

    for (size_t i = 0; i < rules->n_entries; i++) {
        if (rules->entries[i].ingress != ingress)
            continue;
        memcpy(named.iif, rules->entries[i].rule.iif, sizeof(named.iif));
        if (mh_rule_equal(&rules->entries[i].rule, &named))
            return rules->entries[i].rule.iif;
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

/* The entry for a rule that stands now: its own, a held one, or a new one. */
static struct mh_entry* enter(struct mh_rules* rules, const struct mh_rule* rule,
                              uint32_t ingress) {
    struct mh_entry* entry = find(rules, rule, ingress);
    struct mh_entry* twin = entry ? NULL : find_twin(rules, rule, NULL);

    if (!entry && twin && twin->users == 0)
        entry = twin;
    if (entry) {
        rules->counters.updates++;
        rules->counters.reclaimed += entry->users == 0;
    } else {
        entry = append(rules, rule);
        *(twin ? &rules->counters.updates : &rules->counters.adds) += 1;
    }
    if (entry)
        entry->ingress = ingress;
    return entry;
}

/* Somebody else's rule stands where ours did. */
static void drop_all(struct mh_rules* rules, const struct mh_rule* rule) {
    struct mh_entry* entry;

    while ((entry = find_twin(rules, rule, NULL)))
        drop(rules, entry);
}

int mh_rules_add(struct mh_rules* rules, const struct mh_rule* rule, uint32_t ingress,
                 bool another_user) {
    struct mh_entry* entry;
    int error = mh_kernel_add(rules->kernel, rule);

    if (error) {
        if (error == EEXIST)
            drop_all(rules, rule);
        return failed(rules, "add", rule, error);
    }
    entry = enter(rules, rule, ingress);
    if (!entry) {
        if (!find_twin(rules, rule, NULL))
            mh_kernel_delete(rules->kernel, rule);
        return failed(rules, "add", rule, ENOMEM);
    }
    if (another_user || entry->users == 0)
        entry->users++;
    return 0;
}

int mh_rules_delete(struct mh_rules* rules, const struct mh_rule* rule, uint32_t ingress,
                    int64_t now) {
    struct mh_entry* entry = find(rules, rule, ingress);
    int error;

    if (entry && entry->users > 1) {
        entry->users--;
        return 0;
    }
    if (find_twin(rules, rule, entry)) {
        if (entry)
            drop(rules, entry);
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

void mh_rules_hold(struct mh_rules* rules, const struct mh_rule* rule, uint32_t ingress,
                   int64_t now) {
    struct mh_entry* entry = find(rules, rule, ingress);

    if (!entry || entry->users == 0)
        return;
    if (--entry->users > 0)
        return;
    if (find_twin(rules, rule, entry)) {
        drop(rules, entry);
        return;
    }
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
            find_twin(rules, &found->rule, NULL))
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
