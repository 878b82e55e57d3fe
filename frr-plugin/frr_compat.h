/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Everything that differs between the FRR versions we build for (8.4.4 and 10.3; MH_FRR is 80404 or
 * 100300), for C and C++. No other file asks for the version.
 *
 * This is the one way to include FRR: it brings libfrr's basics in the order they need (string.h,
 * json-c, zebra.h). C++ files include their standard headers before it, because FRR wraps nested
 * includes in extern "C"; any further header of FRR comes after it, as "lib/x.h". ZEBRA_ROUTE_* and
 * message numbers differ between versions: always the names. zapi_route is up to 160 kB: never on
 * the stack.
 */
#ifndef MULTIHOMED_FRR_COMPAT_H
#define MULTIHOMED_FRR_COMPAT_H

#ifdef __cplusplus
#include <atomic>
#endif
#include <string.h>
#include <json-c/json.h>
#include <zebra.h>

#include "lib/version.h"
#include "lib/command.h"
#include "lib/if.h"
#include "lib/libfrr.h"
#include "lib/linklist.h"
#include "lib/log.h"
#include "lib/memory.h"
#include "lib/module.h"
#include "lib/nexthop.h"
#include "lib/pbr.h"
#include "lib/prefix.h"
#include "lib/privs.h"
#include "lib/sigevent.h"
#include "lib/stream.h"
#include "lib/vrf.h"
#include "lib/vty.h"
#include "lib/zclient.h"
#include "lib/zlog.h"

#ifndef MH_FRR
#error "MH_FRR is set by the build: the FRR version as a number, 80404 for 8.4.4"
#endif
#if MH_FRR < 80400
#error "FRR 8.4 or newer is needed"
#endif

/* --- events: lib/thread.h became lib/frrevent.h in 9.0 --- */
#if MH_FRR < 90000
#include "lib/thread.h"
typedef struct thread mh_event;
typedef struct thread_master mh_loop;
#define mh_event_add_read thread_add_read
#define mh_event_add_write thread_add_write
#define mh_event_add_timer_msec thread_add_timer_msec
#define mh_event_add_event thread_add_event
#define mh_event_cancel thread_cancel
#define mh_event_fetch thread_fetch
#define mh_event_call thread_call
#define mh_loop_create thread_master_create
#define MH_EVENT_ARG THREAD_ARG
#define MH_EVENT_FD THREAD_FD
#else
#include "lib/frrevent.h"
typedef struct event mh_event;
typedef struct event_loop mh_loop;
#define mh_event_add_read event_add_read
#define mh_event_add_write event_add_write
#define mh_event_add_timer_msec event_add_timer_msec
#define mh_event_add_event event_add_event
#define mh_event_cancel event_cancel
#define mh_event_fetch event_fetch
#define mh_event_call event_call
#define mh_loop_create event_master_create
#define MH_EVENT_ARG EVENT_ARG
#define MH_EVENT_FD EVENT_FD
#endif

/* --- interface names inside ZAPI messages: 20 bytes before 9.0, IFNAMSIZ since --- */
#if MH_FRR < 90000
#define MH_ZAPI_IFNAMSIZ INTERFACE_NAMSIZ
#else
#define MH_ZAPI_IFNAMSIZ IFNAMSIZ
#endif

/* --- neighbour messages lost their NHRP prefix in 10.0 --- */
#if MH_FRR < 100000
#define MH_ZEBRA_NEIGH_ADDED ZEBRA_NHRP_NEIGH_ADDED
#define MH_ZEBRA_NEIGH_REMOVED ZEBRA_NHRP_NEIGH_REMOVED
#define MH_ZEBRA_NEIGH_GET ZEBRA_NHRP_NEIGH_GET
#else
#define MH_ZEBRA_NEIGH_ADDED ZEBRA_NEIGH_ADDED
#define MH_ZEBRA_NEIGH_REMOVED ZEBRA_NEIGH_REMOVED
#define MH_ZEBRA_NEIGH_GET ZEBRA_NEIGH_GET
#endif

/* --- for (struct connected *c ...) over an interface's addresses: a list before 10.0 --- */
#if MH_FRR < 100000
#define MH_FOR_EACH_CONNECTED(ifp, c)                                                              \
    for (struct listnode* c##_node = listhead((ifp)->connected);                                   \
         c##_node && ((c) = (struct connected*)listgetdata(c##_node)) != NULL;                     \
         c##_node = listnextnode(c##_node))
#else
#define MH_FOR_EACH_CONNECTED(ifp, c) frr_each (if_connected, (ifp)->connected, c)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the libfrr this process runs with; before frr_preinit() already. */
static inline const char* mh_frr_runtime_version(void) {
    /* libfrr describes itself as the first module; NULL would be a libfrr without modules */
    return frrmod_list && frrmod_list->info ? frrmod_list->info->version : "unknown";
}

/* Same major and minor version at run time as at build time: the sizes of ZAPI's structures depend
 * on them, while the soname never changes. */
static inline bool mh_frr_version_matches(void) {
    int major = 0, minor = 0;

    if (sscanf(mh_frr_runtime_version(), "%d.%d", &major, &minor) != 2)
        return false;
    return major == MH_FRR / 10000 && minor == MH_FRR / 100 % 100;
}

/* Interface events. Each callback returns 0; zebra announces interfaces twice on connect. */
static inline void mh_if_callbacks(int (*create)(struct interface*), int (*up)(struct interface*),
                                   int (*down)(struct interface*),
                                   int (*destroy)(struct interface*)) {
#if MH_FRR < 100000
    if_zapi_callbacks(create, up, down, destroy);
#else
    hook_register_prio(if_real, 0, create);
    hook_register_prio(if_up, 0, up);
    hook_register_prio(if_down, 0, down);
    hook_register_prio(if_unreal, 0, destroy);
#endif
}

/* A client that wants to hear what became of its routes. Call mh_zclient_connected() in its
 * zebra_connected callback. */
static inline struct zclient* mh_zclient_new(mh_loop* loop, zclient_handler* const* handlers,
                                             size_t n_handlers) {
    struct zclient_options options = zclient_options_default;

#if MH_FRR < 100000
    options.receive_notify = true;
#endif
    return zclient_new(loop, &options, handlers, n_handlers);
}

static inline void mh_zclient_connected(struct zclient* zclient) {
    zclient_send_reg_requests(zclient, VRF_DEFAULT);
    zebra_route_notify_send(ZEBRA_ROUTE_NOTIFY_REQUEST, zclient, true);
}

/* Next hop tracking: before 10.0 a message handler, since then a callback of the client. Define one
 * with MH_NEXTHOP_UPDATE(name) { ... match, route ... } and install it with MH_SET_NEXTHOP_UPDATE
 * in both the handler table (before mh_zclient_new) and the client (after it). */
#if MH_FRR < 100000
#define MH_NEXTHOP_UPDATE(name)                                                                    \
    static void name##_decoded(const struct prefix* match, const struct zapi_route* route);        \
    static int name(ZAPI_CALLBACK_ARGS) {                                                          \
        /* too big for the stack; the event loop is one thread */                                  \
        static struct zapi_route nhr;                                                              \
        struct prefix matched;                                                                     \
        if (!zapi_nexthop_update_decode(zclient->ibuf, &matched, &nhr))                            \
            return -1;                                                                             \
        name##_decoded(&matched, &nhr);                                                            \
        return 0;                                                                                  \
    }                                                                                              \
    static void name##_decoded(const struct prefix* match, const struct zapi_route* route)
#define MH_SET_NEXTHOP_UPDATE_HANDLER(handlers, name) (handlers)[ZEBRA_NEXTHOP_UPDATE] = name
#define MH_SET_NEXTHOP_UPDATE_CLIENT(zclient, name) (void)0
#else
#define MH_NEXTHOP_UPDATE(name)                                                                    \
    static void name##_decoded(const struct prefix* match, const struct zapi_route* route);        \
    static void name(struct vrf*, struct prefix* match, struct zapi_route* route) {                \
        name##_decoded(match, route);                                                              \
    }                                                                                              \
    static void name##_decoded(const struct prefix* match, const struct zapi_route* route)
#define MH_SET_NEXTHOP_UPDATE_HANDLER(handlers, name) (void)0
#define MH_SET_NEXTHOP_UPDATE_CLIENT(zclient, name) (zclient)->nexthop_update = name
#endif

/* Announces or withdraws interest in the neighbour table of one address family. */
static inline void mh_zclient_register_neigh(struct zclient* zclient, afi_t afi, bool want) {
#if MH_FRR < 100000
    struct stream* s = zclient->obuf;

    stream_reset(s);
    zclient_create_header(s, want ? ZEBRA_NHRP_NEIGH_REGISTER : ZEBRA_NHRP_NEIGH_UNREGISTER,
                          VRF_DEFAULT);
    stream_putw(s, afi);
    stream_putw_at(s, 0, (uint16_t)stream_get_endp(s));
    zclient_send_message(zclient);
#else
    zclient_register_neigh(zclient, VRF_DEFAULT, afi, want);
#endif
}

/* Empties a route before it is filled. Give every next hop a weight when there are several: 10.5+
 * does not take 0 for "equal". */
static inline void mh_zapi_route_init(struct zapi_route* route) {
#if MH_FRR >= 100500
    zapi_route_init(route);
#else
    memset(route, 0, sizeof(*route));
#endif
}

static inline void mh_zapi_nexthop_init(struct zapi_nexthop* nexthop) {
#if MH_FRR >= 100500
    zapi_nexthop_init(nexthop);
#else
    memset(nexthop, 0, sizeof(*nexthop));
#endif
}

/* A policy rule as ZAPI carries it. A prefix of length 0 means "not given" to zebra; ifname is the
 * ingress interface, or what the zebra module agreed upon with us. */
struct mh_zapi_rule {
    int family; /* AF_INET, AF_INET6 */
    uint32_t seq;
    uint32_t priority;
    uint32_t unique;
    struct prefix src;
    struct prefix dst;
    uint16_t src_port;
    uint16_t dst_port;
    uint8_t ip_proto;
    uint8_t dsfield;
    uint32_t fwmark;
    uint32_t table;
    char ifname[MH_ZAPI_IFNAMSIZ];
};

#if MH_FRR < 90100
static inline void mh_stream_put_rule_prefix(struct stream* s, const struct prefix* p, int family) {
    struct prefix any;

    if (!p->family) {
        memset(&any, 0, sizeof(any));
        any.family = (uint8_t)family;
        p = &any;
    }
    stream_putc(s, p->family);
    stream_putc(s, (uint8_t)p->prefixlen);
    stream_put(s, &p->u.prefix, prefix_blen(p));
}
#endif

/* Writes a whole ZEBRA_RULE_ADD or ZEBRA_RULE_DELETE message into the client's output buffer; send
 * it with zclient_send_message(). libfrr's own encoder before 9.1 does not write what zebra reads.
 */
static inline void mh_zapi_rule_encode(struct zclient* zclient, bool add,
                                       const struct mh_zapi_rule* rule) {
    struct stream* s = zclient->obuf;

    stream_reset(s);
    zclient_create_header(s, add ? ZEBRA_RULE_ADD : ZEBRA_RULE_DELETE, VRF_DEFAULT);
#if MH_FRR < 90100
    stream_putl(s, 1); /* rules in this message */
    stream_putl(s, rule->seq);
    stream_putl(s, rule->priority);
    stream_putl(s, rule->unique);
    stream_putc(s, rule->ip_proto);
    mh_stream_put_rule_prefix(s, &rule->src, rule->family);
    stream_putw(s, rule->src_port);
    mh_stream_put_rule_prefix(s, &rule->dst, rule->family);
    stream_putw(s, rule->dst_port);
    stream_putc(s, rule->dsfield);
    stream_putl(s, rule->fwmark);
    stream_putl(s, 0); /* queue */
    stream_putw(s, 0); /* VLAN id, flags, priority */
    stream_putw(s, 0);
    stream_putw(s, 0);
    stream_putl(s, rule->table);
    stream_put(s, rule->ifname, MH_ZAPI_IFNAMSIZ);
    stream_putw_at(s, 0, (uint16_t)stream_get_endp(s));
#else
    struct pbr_rule r;

    memset(&r, 0, sizeof(r));
    r.vrf_id = VRF_DEFAULT;
    r.seq = rule->seq;
    r.priority = rule->priority;
    r.unique = rule->unique;
    /* all three families have to be set, or the encoder aborts */
    r.family = (uint8_t)rule->family;
    r.filter.src_ip.family = r.filter.dst_ip.family = (uint8_t)rule->family;
    if (rule->src.family) {
        prefix_copy(&r.filter.src_ip, &rule->src);
        r.filter.filter_bm |= PBR_FILTER_SRC_IP;
    }
    if (rule->dst.family) {
        prefix_copy(&r.filter.dst_ip, &rule->dst);
        r.filter.filter_bm |= PBR_FILTER_DST_IP;
    }
    if ((r.filter.src_port = rule->src_port))
        r.filter.filter_bm |= PBR_FILTER_SRC_PORT;
    if ((r.filter.dst_port = rule->dst_port))
        r.filter.filter_bm |= PBR_FILTER_DST_PORT;
    if ((r.filter.ip_proto = rule->ip_proto))
        r.filter.filter_bm |= PBR_FILTER_IP_PROTOCOL;
    if ((r.filter.dsfield = rule->dsfield))
        r.filter.filter_bm |= PBR_FILTER_DSCP;
    if ((r.filter.fwmark = rule->fwmark))
        r.filter.filter_bm |= PBR_FILTER_FWMARK;
    r.action.flags = PBR_ACTION_TABLE;
    r.action.table = rule->table;
    strlcpy(r.ifname, rule->ifname, sizeof(r.ifname));
    zapi_pbr_rule_encode(s, &r);
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_FRR_COMPAT_H */
