/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The border between multihomed_main.c (C: what FRR's macros allow in C only) and the C++ of the
 * daemon. main calls the mh_glue_* functions, in the order in which they stand here; the glue may
 * call the mh_main_* ones. Everything runs in the one thread of libfrr's event loop, and no C++
 * exception may leave any of these functions.
 */
#ifndef MULTIHOMED_GLUE_H
#define MULTIHOMED_GLUE_H

#include "frr_compat.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- implemented by the glue --- */

/* Still root, before privileges are dropped and before logging works (stderr does): make the
 * directories and files that user frr must be able to write later. pathspace is NULL without -N. */
void mh_glue_prepare(const char* pathspace);

/* The event loop exists and commands can be installed; configuration has not been read. */
void mh_glue_init(mh_loop* loop);

/* SIGHUP, after our own configuration file (if there is one) has been read again: compare
 * everything with the kernel and mend it. */
void mh_glue_reload(void);

/* SIGTERM, SIGINT: begin to remove everything of ours from kernel and zebra. The event loop goes on
 * running; call mh_main_stopped() when it is done, also from within this function. main waits for
 * it no longer than kStopDeadline and is not impressed by a second call. */
void mh_glue_stop(void);

/* Last call, after the teardown or its deadline: cancel events, close sockets, free memory. */
void mh_glue_fini(void);

/* --- implemented by multihomed_main.c --- */

/* The teardown that mh_glue_stop() began is complete. */
void mh_main_stopped(void);

/* Runs fn(arg) with CAP_NET_ADMIN and CAP_NET_RAW in force. */
void mh_with_privs(void (*fn)(void*), void* arg);

/* For zclient_init(). */
struct zebra_privs_t* mh_main_privs(void);

/* Where FRR's daemons have their vty sockets. */
const char* mh_main_vty_directory(void);

#ifdef __cplusplus
}
#endif

#endif /* MULTIHOMED_GLUE_H */
