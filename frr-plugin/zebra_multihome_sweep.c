/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Routes of a client that vanished and did not come back for them.
 *
 * With graceful restart zebra keeps such a client's routes and removes them after the client's
 * stale time - those of the main table (zebra_gr.c walks no other). In every other table they
 * would stay for as long as zebra runs. So when the grace time is over, what is left there of the
 * vanished client and was not sent again since is removed. Everything here runs in zebra's main
 * thread.
 */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "frr_compat.h"

#include "lib/monotime.h"
#include "lib/srcdest_table.h"
#include "zebra/rib.h"
#include "zebra/zebra_router.h"
#include "zebra/zserv.h"

#include "zebra_multihome.h"

/* The route types that multihomed speaks for, see zebra_client.hpp. */
static struct vanished {
    uint8_t type;
    uint16_t instance;
    time_t since; /* as route_entry's uptime */
    mh_event* event;
} vanished[] = {{.type = ZEBRA_ROUTE_SHARP}, {.type = ZEBRA_ROUTE_OPENFABRIC}};

static uint64_t swept;

/* Calls visit(node, route, gone) for every route of a vanished client outside the main table. */
static void each_route(struct vanished* gone,
                       void (*visit)(struct route_node*, struct route_entry*, struct vanished*)) {
    struct zebra_router_table* table;
    struct route_node* node;
    struct route_entry *route, *next;

    RB_FOREACH(table, zebra_router_table_head, &zrouter.tables) {
        if (table->tableid == RT_TABLE_MAIN || table->safi != SAFI_UNICAST ||
            (table->afi != AFI_IP && table->afi != AFI_IP6))
            continue;
        for (node = route_top(table->table); node; node = srcdest_route_next(node)) {
            RNODE_FOREACH_RE_SAFE(node, route, next) {
                if (!CHECK_FLAG(route->status, ROUTE_ENTRY_REMOVED) && route->type == gone->type &&
                    route->instance == gone->instance)
                    visit(node, route, gone);
            }
        }
    }
}

/* zebra counts a route's age in whole seconds. One that is as young as its client's end has to be
 * told from what a successor sends within the same second. */
static void age(struct route_node* node, struct route_entry* route, struct vanished* gone) {
    (void)node;
    if (route->uptime >= gone->since)
        route->uptime = gone->since - 1;
}

static void sweep(struct route_node* node, struct route_entry* route, struct vanished* gone) {
    if (route->uptime >= gone->since)
        return;
    rib_delnode(node, route);
    swept++;
}

static void on_sweep(mh_event* event) {
    struct vanished* gone = MH_EVENT_ARG(event);
    uint64_t before = swept;

    each_route(gone, sweep);
    if (swept != before)
        zlog_notice("multihome: removed %" PRIu64 " %s routes that nobody asks for any more",
                    swept - before, zebra_route_string(gone->type));
}

void mh_sweep_client_gone(const struct zserv* client, uint32_t grace) {
    for (size_t i = 0; i < array_size(vanished); i++) {
        struct vanished* gone = &vanished[i];

        if (client->proto != gone->type)
            continue;
        gone->instance = client->instance;
        gone->since = monotime(NULL);
        each_route(gone, age);
        mh_event_cancel(&gone->event);
        mh_event_add_timer_msec(zrouter.master, on_sweep, gone, (long)grace * 1000, &gone->event);
    }
}

uint64_t mh_sweep_count(void) {
    return swept;
}

void mh_sweep_stop(void) {
    for (size_t i = 0; i < array_size(vanished); i++)
        mh_event_cancel(&vanished[i].event);
}
