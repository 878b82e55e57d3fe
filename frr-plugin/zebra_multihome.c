/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zebra_multihome.so, a module of zebra (`zebra -M multihome`): policy rules that ZAPI's and
 * zebra's own code cannot express. It registers a dataplane provider in front of the kernel's,
 * takes every rule operation whose interface name is a descriptor of ours (rule_descriptor.h),
 * performs it and marks it as done; everything else passes untouched. Central: perform().
 *
 * Threads: the provider runs in zebra's dataplane thread, commands and client events in the main
 * thread. `state` is shared and locked. zebra hands operations over in order, so what the main
 * thread writes into a rule (on_client_close()) is seen with that rule's deletion and no other.
 *
 * When a client goes that has announced graceful restart, its rules are held back for the grace
 * time (zebra_multihome_rules.h), as zebra itself keeps its routes. Serves the default VRF.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <time.h>

#include "frr_compat.h"

#include "lib/frr_pthread.h"
#include "lib/hash.h"
#include "lib/hook.h"
#include "zebra/zebra_dplane.h"
#include "zebra/zebra_pbr.h"
#include "zebra/zebra_router.h"
#include "zebra/zserv.h"

#include "rule_descriptor.h"
#include "zebra_multihome.h"

/* Written into the DS field of a rule whose client has vanished. zebra copies it into the deletion
 * and does not look at it, and no rule of ours uses it. */
#define HOLD_MARK 0xff

/* Later than zebra_pbr.c's (1000): hooks on a client's end run in reverse order of priority. */
#define BEFORE_ZEBRA 1999

#define FILTERS_WE_KNOW (PBR_FILTER_SRC_IP | PBR_FILTER_DST_IP | PBR_FILTER_FWMARK)

extern struct zebra_privs_t zserv_privs;
extern int retain_mode;

static struct {
    pthread_mutex_t lock;
    struct mh_kernel kernel;
    struct mh_rules rules;
    uint32_t grace;    /* seconds */
    uint64_t rejected; /* requests that never came as far as the kernel */
    bool stopping;
    /* the failure that was logged last, so that a client that tries again fills no log */
    int logged_error;
    char logged_failure[sizeof(((struct mh_counters*)NULL)->last_failure)];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .grace = MH_DEFAULT_GRACE};

static struct zebra_dplane_provider* provider;
static mh_event* grace_event; /* dataplane thread */

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void with_privileges(void (*call)(void*), void* arg) {
    frr_with_privs (&zserv_privs) {
        call(arg);
    }
}

/* --- from zebra's words to a rule ------------------------------------------------------------- */

/* One side of an operation: DPLANE_OP_RULE_UPDATE has a new rule and an old one. */
struct request {
    const struct prefix* src;
    const struct prefix* dst;
    uint32_t filters;
    uint32_t priority;
    uint32_t table;
    uint32_t fwmark;
    const struct mh_descriptor* descriptor;
};

static struct request new_rule(const struct zebra_dplane_ctx* ctx,
                               const struct mh_descriptor* descriptor) {
    return (struct request){
        .src = dplane_ctx_rule_get_src_ip(ctx),
        .dst = dplane_ctx_rule_get_dst_ip(ctx),
        .filters = dplane_ctx_rule_get_filter_bm(ctx),
        .priority = dplane_ctx_rule_get_priority(ctx),
        .table = dplane_ctx_rule_get_table(ctx),
        .fwmark = dplane_ctx_rule_get_fwmark(ctx),
        .descriptor = descriptor,
    };
}

/* zebra recognises an update by the interface name, so the descriptor is that of the new rule. */
static struct request old_rule(const struct zebra_dplane_ctx* ctx,
                               const struct mh_descriptor* descriptor) {
    return (struct request){
        .src = dplane_ctx_rule_get_old_src_ip(ctx),
        .dst = dplane_ctx_rule_get_old_dst_ip(ctx),
        .filters = dplane_ctx_rule_get_old_filter_bm(ctx),
        .priority = dplane_ctx_rule_get_old_priority(ctx),
        .table = dplane_ctx_rule_get_old_table(ctx),
        .fwmark = dplane_ctx_rule_get_old_fwmark(ctx),
        .descriptor = descriptor,
    };
}

static bool take_prefix(const struct prefix* prefix, uint8_t family, uint8_t* length,
                        uint8_t address[16]) {
    const unsigned int bits = family == AF_INET ? 32 : 128;

    if (prefix->family != family || prefix->prefixlen > bits)
        return false;
    *length = (uint8_t)prefix->prefixlen;
    memcpy(address, &prefix->u.prefix, bits / 8);
    mh_mask_address(address, *length);
    return true;
}

/* The name of the ingress interface. A rule that stands keeps the name that it was given, also when
 * the interface has another by now, or is gone. */
static int name_ingress(struct mh_rule* rule, uint32_t ingress, bool stands) {
    const char* name;

    if (ingress == 0)
        return 0;
    name = stands ? mh_rules_name_of(&state.rules, rule, ingress) : NULL;
    if (name)
        memcpy(rule->iif, name, sizeof(rule->iif));
    else if (!if_indextoname(ingress, rule->iif))
        return stands ? ENOENT : ENODEV;
    return 0;
}

/* What zebra and the descriptor say together, as a rule; 0 or an errno. `stands`: it is about a
 * rule that was installed before. */
static int to_rule(const struct request* request, bool stands, struct mh_rule* rule) {
    const struct mh_descriptor* descriptor = request->descriptor;

    memset(rule, 0, sizeof(*rule));
    if (request->src->family != AF_INET && request->src->family != AF_INET6)
        return EAFNOSUPPORT;
    rule->family = request->src->family;
    if (!take_prefix(request->src, rule->family, &rule->src_len, rule->src) ||
        !take_prefix(request->dst, rule->family, &rule->dst_len, rule->dst))
        return EINVAL;
    if (request->filters & ~(uint32_t)FILTERS_WE_KNOW)
        return EOPNOTSUPP;
    /* priority 0 is the table of local addresses' */
    if (request->priority == 0 || request->table == 0)
        return EINVAL;
    if (request->fwmark & ~descriptor->mask)
        return EINVAL;
    rule->priority = request->priority;
    rule->mark = request->fwmark;
    rule->mask = descriptor->mask;
    rule->suppress = descriptor->has_suppress ? descriptor->suppress : -1;
    if (descriptor->is_goto)
        rule->target = request->table;
    else
        rule->table = request->table;
    return name_ingress(rule, descriptor->ingress, stands);
}

/* --- operations, in the dataplane thread ------------------------------------------------------ */

static int add_rule(const struct zebra_dplane_ctx* ctx, const struct mh_descriptor* descriptor) {
    const struct request wanted = new_rule(ctx, descriptor);
    struct mh_rule rule;
    int error = to_rule(&wanted, false, &rule);

    return error ? error : mh_rules_add(&state.rules, &rule, descriptor->ingress, true);
}

static int delete_rule(const struct zebra_dplane_ctx* ctx, const struct mh_descriptor* descriptor) {
    const struct request wanted = new_rule(ctx, descriptor);
    struct mh_rule rule;
    int error = to_rule(&wanted, true, &rule);

    if (error) /* then it was never installed */
        return error == ENOENT ? 0 : error;
    if (dplane_ctx_rule_get_dsfield(ctx) != HOLD_MARK)
        return mh_rules_delete(&state.rules, &rule, descriptor->ingress, now_ms());
    mh_rules_hold(&state.rules, &rule, descriptor->ingress, now_ms());
    return 0;
}

/* The new rule stands before the old one goes. zebra sends an update also for a rule that has not
 * changed: a client that repeats itself, because the rule is not there. */
static int update_rule(const struct zebra_dplane_ctx* ctx, const struct mh_descriptor* descriptor) {
    const struct request wanted = new_rule(ctx, descriptor);
    const struct request replaced = old_rule(ctx, descriptor);
    struct mh_rule rule, old;
    bool had_old = to_rule(&replaced, true, &old) == 0;
    int error = to_rule(&wanted, false, &rule);

    if (error == 0) {
        bool same = had_old && mh_rule_equal(&rule, &old);

        error = mh_rules_add(&state.rules, &rule, descriptor->ingress, !same);
        if (same)
            return error;
    }
    /* zebra has forgotten the old one in any case */
    if (had_old && error)
        mh_rules_hold(&state.rules, &old, descriptor->ingress, now_ms());
    else if (had_old)
        error = mh_rules_delete(&state.rules, &old, descriptor->ingress, now_ms());
    return error;
}

static int perform_rule(const struct zebra_dplane_ctx* ctx,
                        const struct mh_descriptor* descriptor) {
    switch (dplane_ctx_get_op(ctx)) {
    case DPLANE_OP_RULE_ADD:
        return add_rule(ctx, descriptor);
    case DPLANE_OP_RULE_UPDATE:
        return update_rule(ctx, descriptor);
    default:
        return delete_rule(ctx, descriptor);
    }
}

/* Requests that are wrong in themselves are told from those that the kernel refused. */
static void log_failure(int error, uint64_t failures_before) {
    const struct mh_counters* counters = &state.rules.counters;
    const char* what = counters->last_failure;

    if (counters->failures == failures_before) {
        state.rejected++;
        what = "a rule that makes no sense";
    }
    if (state.logged_error == error && strcmp(state.logged_failure, what) == 0)
        return;
    state.logged_error = error;
    strlcpy(state.logged_failure, what, sizeof(state.logged_failure));
    zlog_warn("multihome: %s: %s", what, safe_strerror(error));
}

/* Performs an operation and writes what the client is told over the descriptor: that is the field
 * which zebra sends back to it, and nothing else reads it any more. */
static void perform(struct zebra_dplane_ctx* ctx) {
    char* name = (char*)dplane_ctx_rule_get_ifname(ctx);
    const struct mh_descriptor descriptor = mh_descriptor_get(name, MH_ZAPI_IFNAMSIZ);
    const bool is_delete = dplane_ctx_get_op(ctx) == DPLANE_OP_RULE_DELETE;
    const uint64_t failures_before = state.rules.counters.failures;
    int error = 0;

    if (dplane_ctx_get_vrf(ctx) != VRF_DEFAULT)
        error = EOPNOTSUPP;
    else if (descriptor.kind == MH_KIND_RULE)
        error = perform_rule(ctx, &descriptor);
    else if (descriptor.kind == MH_KIND_HELLO && !is_delete)
        mh_descriptor_put_module(name, MULTIHOMED_VERSION);
    else if (descriptor.kind == MH_KIND_COMPLETE && !is_delete)
        mh_rules_expire(&state.rules, INT64_MAX, now_ms());
    else if (descriptor.kind != MH_KIND_HELLO && descriptor.kind != MH_KIND_COMPLETE)
        error = EINVAL;

    dplane_ctx_set_skip_kernel(ctx);
    if (error) {
        log_failure(error, failures_before);
        mh_descriptor_put_failure(name, error);
        dplane_ctx_set_status(ctx, ZEBRA_DPLANE_REQUEST_FAILURE);
    } else {
        dplane_ctx_set_status(ctx, ZEBRA_DPLANE_REQUEST_SUCCESS);
    }
}

static bool is_ours(const struct zebra_dplane_ctx* ctx) {
    switch ((int)dplane_ctx_get_op(ctx)) {
    case DPLANE_OP_RULE_ADD:
    case DPLANE_OP_RULE_UPDATE:
    case DPLANE_OP_RULE_DELETE:
        return dplane_ctx_rule_get_ifname(ctx)[0] == '/';
    default:
        return false;
    }
}

/* --- the grace time, in the dataplane thread -------------------------------------------------- */

static void on_grace(mh_event* event);

static void schedule_grace(void) {
    int64_t oldest, wait;

    frr_with_mutex(&state.lock) {
        oldest = mh_rules_oldest(&state.rules);
        wait = oldest + (int64_t)state.grace * 1000 - now_ms();
    }
    mh_event_cancel(&grace_event);
    if (oldest >= 0)
        mh_event_add_timer_msec(dplane_get_thread_master(), on_grace, NULL, wait > 0 ? wait : 0,
                                &grace_event);
}

static void on_grace(mh_event* event) {
    (void)event;
    frr_with_mutex(&state.lock) {
        mh_rules_expire(&state.rules, now_ms() - (int64_t)state.grace * 1000, now_ms());
    }
    schedule_grace();
}

static void on_new_grace(mh_event* event) {
    (void)event;
    schedule_grace();
}

/* --- the provider ----------------------------------------------------------------------------- */

static int process(struct zebra_dplane_provider* prov) {
    const int limit = dplane_provider_get_work_limit(prov);
    bool touched = false;
    int n;

    for (n = 0; n < limit; n++) {
        struct zebra_dplane_ctx* ctx = dplane_provider_dequeue_in_ctx(prov);

        if (!ctx)
            break;
        if (is_ours(ctx)) {
            frr_with_mutex(&state.lock) {
                if (!touched)
                    mh_kernel_forget(&state.kernel);
                perform(ctx);
            }
            touched = true;
        }
        dplane_provider_enqueue_out_ctx(prov, ctx);
    }
    if (n == limit)
        dplane_provider_work_ready();
    if (touched)
        schedule_grace();
    return 0;
}

/* Before the dataplane thread runs, in the process that will run it. */
static int start(struct zebra_dplane_provider* prov) {
    int error;

    (void)prov;
    frr_with_mutex(&state.lock) {
        mh_kernel_init(&state.kernel, with_privileges);
        mh_rules_init(&state.rules, &state.kernel);
        error = mh_rules_adopt(&state.rules, now_ms());
        if (error)
            zlog_warn("multihome: cannot list the kernel's rules: %s", safe_strerror(error));
        else if (state.rules.n_entries)
            zlog_notice("multihome: %zu rules of ours found, held for %u s", state.rules.n_entries,
                        state.grace);
    }
    mh_event_add_event(dplane_get_thread_master(), on_new_grace, NULL, 0, NULL);
    return 0;
}

/* zebra ends: early, before it closes its clients; late, when the dataplane thread is gone. Then
 * our rules go, as zebra's routes do, unless it was told to leave them (zebra -r). */
static int finish(struct zebra_dplane_provider* prov, bool early) {
    (void)prov;
    if (early)
        mh_sweep_stop();
    frr_with_mutex(&state.lock) {
        state.stopping = true;
        if (!early) {
            if (!retain_mode)
                mh_rules_delete_all(&state.rules);
            mh_rules_free(&state.rules);
            mh_kernel_close(&state.kernel);
        }
    }
    return 0;
}

/* --- clients, in the main thread -------------------------------------------------------------- */

static void mark_held(struct hash_bucket* bucket, void* arg) {
    struct zebra_pbr_rule* rule = bucket->data;
    const int* sock = arg;

    if (rule->sock == *sock && rule->rule.ifname[0] == '/')
        rule->rule.filter.dsfield = HOLD_MARK;
}

/* A client that has announced graceful restart and not taken it back has not left on purpose. */
static int on_client_close(struct zserv* client) {
    bool stopping;
    int sock = client->sock;

    frr_with_mutex(&state.lock) {
        stopping = state.stopping;
    }
    if (DYNAMIC_CLIENT_GR_DISABLED(client) || (stopping && !retain_mode))
        return 0;
    hash_iterate(zrouter.rules_hash, mark_held, &sock);
    if (!stopping)
        mh_sweep_client_gone(client, mh_module_grace());
    return 0;
}

void mh_module_status(struct mh_status* status) {
    memset(status, 0, sizeof(*status));
    status->swept = mh_sweep_count();
    frr_with_mutex(&state.lock) {
        const struct mh_rules* rules = &state.rules;
        int64_t oldest = mh_rules_oldest(rules);

        status->counters = rules->counters;
        status->rejected = state.rejected;
        status->held = mh_rules_held(rules);
        status->grace = state.grace;
        status->grace_left = -1;
        if (oldest >= 0)
            status->grace_left = MAX(0, oldest + (int64_t)state.grace * 1000 - now_ms());
        for (size_t i = 0; i < rules->n_entries; i++)
            if (rules->entries[i].users > 0)
                *(rules->entries[i].rule.family == AF_INET ? &status->installed_v4
                                                           : &status->installed_v6) += 1;
    }
}

uint32_t mh_module_grace(void) {
    uint32_t grace = 0;

    frr_with_mutex(&state.lock) {
        grace = state.grace;
    }
    return grace;
}

void mh_module_set_grace(uint32_t seconds) {
    frr_with_mutex(&state.lock) {
        state.grace = seconds;
    }
    if (dplane_get_thread_master()) /* not yet while zebra reads its configuration */
        mh_event_add_event(dplane_get_thread_master(), on_new_grace, NULL, 0, NULL);
}

static int late_init(mh_loop* loop) {
    int error;

    (void)loop;
    error = dplane_provider_register("multihome", DPLANE_PRIO_PRE_KERNEL, DPLANE_PROV_FLAGS_DEFAULT,
                                     start, process, finish, NULL, &provider);
    if (error) {
        zlog_err("multihome: no dataplane provider: %s", safe_strerror(error));
        return 0;
    }
    hook_register_prio(zserv_client_close, BEFORE_ZEBRA, on_client_close);
    mh_module_vty_init();
    return 0;
}

static int init(void) {
    if (!mh_frr_version_matches()) {
        fprintf(stderr, "zebra_multihome was built for another version of FRR\n");
        return -1;
    }
    hook_register(frr_late_init, late_init);
    return 0;
}

FRR_MODULE_SETUP(.name = "zebra_multihome", .version = MULTIHOMED_VERSION,
                 .description = "policy rules for multihomed", .init = init, );
