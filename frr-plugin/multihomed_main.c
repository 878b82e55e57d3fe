/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * multihomed as an FRR daemon: options, privileges, signals, event loop; wiring only. What the
 * daemon does is behind glue.h. After SIGTERM or SIGINT the loop goes on until the glue has removed
 * what is ours (or kStopDeadline has passed), see stop_begin().
 */
#include "glue.h"

#include "multihome_vty.h"

/* 2601 to 2623 are FRR's own daemons */
#define MULTIHOMED_VTY_PORT 2629

enum { kStopDeadlineMsec = 5000 };

DEFINE_MGROUP(MULTIHOMED, "multihomed");

static mh_loop* loop;
static mh_event* stop_event;
static bool stopping;

static zebra_capabilities_t capabilities[] = {ZCAP_NET_ADMIN, ZCAP_NET_RAW};

static struct zebra_privs_t privileges = {
#if defined(FRR_USER) && defined(FRR_GROUP)
    .user = FRR_USER,
    .group = FRR_GROUP,
#endif
#ifdef VTY_GROUP
    .vty_group = VTY_GROUP,
#endif
    .caps_p = capabilities,
    .cap_num_p = array_size(capabilities),
    .cap_num_i = 0,
};

static void on_hup(void);
static void on_term(void);
static void on_usr1(void);

static struct frr_signal_t signals[] = {
    {.signal = SIGHUP, .handler = on_hup},
    {.signal = SIGINT, .handler = on_term},
    {.signal = SIGTERM, .handler = on_term},
    {.signal = SIGUSR1, .handler = on_usr1},
};

static const struct frr_yang_module_info* const our_yang_modules[] = {
    &frr_interface_info,
    &frr_vrf_info,
};

FRR_DAEMON_INFO(multihomed, MULTIHOMED, .vty_port = MULTIHOMED_VTY_PORT,
                .proghelp = "multihomed " MULTIHOMED_VERSION
                            ": several Internet lines as one dependable connection.",
                .signals = signals, .n_signals = array_size(signals), .privs = &privileges,
                .yang_modules = our_yang_modules, .n_yang_modules = array_size(our_yang_modules), );

static void leave(void) {
    mh_event_cancel(&stop_event);
    mh_glue_fini();
    frr_fini();
    exit(0);
}

static void stop_deadline(mh_event* event) {
    (void)event;
    zlog_warn("teardown is not complete after %d ms, exiting nevertheless", kStopDeadlineMsec);
    leave();
}

static void stop_done(mh_event* event) {
    (void)event;
    leave();
}

static void stop_begin(void) {
    stopping = true;
    zlog_notice("Terminating on signal");
    frr_early_fini();
    mh_event_add_timer_msec(loop, stop_deadline, NULL, kStopDeadlineMsec, &stop_event);
    mh_glue_stop();
}

void mh_main_stopped(void) {
    if (!stopping)
        return;
    /* not from within the caller: leave() frees what it stands on */
    mh_event_cancel(&stop_event);
    mh_event_add_event(loop, stop_done, NULL, 0, &stop_event);
}

void mh_with_privs(void (*fn)(void*), void* arg) {
    frr_with_privs (&privileges) {
        fn(arg);
    }
}

struct zebra_privs_t* mh_main_privs(void) {
    return &privileges;
}

const char* mh_main_vty_directory(void) {
    return multihomed_di.vty_sock_path ? multihomed_di.vty_sock_path : frr_vtydir;
}

static void on_hup(void) {
    zlog_info("SIGHUP received");
    if (stopping)
        return;
    /* does nothing when the configuration is the integrated frr.conf, which vtysh sends */
    vty_read_config(NULL, multihomed_di.config_file, config_default);
    mh_glue_reload();
}

static void on_term(void) {
    if (stopping)
        leave(); /* asked twice: somebody is in a hurry */
    stop_begin();
}

static void on_usr1(void) {
    zlog_rotate();
}

/* A binary for another FRR would send messages of the wrong size to zebra. */
static void refuse_other_frr(const char* progname) {
    if (mh_frr_version_matches())
        return;
    fprintf(stderr,
            "%s: built for FRR " FRR_VERSION
            ", but libfrr here is %s; install the multihomed made for that version\n",
            progname, mh_frr_runtime_version());
    exit(1);
}

/* One descriptor for each line's probes; Debian's frr.service allows 1024 altogether. */
static void allow_many_descriptors(void) {
    const struct rlimit wanted = {.rlim_cur = 4096, .rlim_max = 4096};
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted.rlim_cur)
        return;
    if (limit.rlim_max > wanted.rlim_max)
        limit.rlim_cur = wanted.rlim_cur;
    else
        limit = wanted; /* root may; otherwise it stays as it was */
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Two would take each other's rules, routes and translation for leftovers. An abstract socket's name is
 * known in one network namespace and goes with its process, however that ends. unix(7) */
static void claim_network_namespace(const char* progname) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0multihomed"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || !bind(fd, (struct sockaddr*)&name, sizeof(name)) || errno != EADDRINUSE)
        return;
    fprintf(stderr, "%s: another multihomed is at work in this network namespace\n", progname);
    exit(1);
}

int main(int argc, char** argv) {
    static const struct option long_options[] = {{0}};

    refuse_other_frr(argv[0]);
    allow_many_descriptors();
    frr_preinit(&multihomed_di, argc, argv);
    frr_opt_add("", long_options, "");
    for (;;) {
        int opt = frr_getopt(argc, argv, NULL);

        if (opt == EOF)
            break;
        if (opt != 0)
            frr_help_exit(1);
    }
    snprintf(multihomed_di.startinfo, sizeof(multihomed_di.startinfo),
             ", multihomed " MULTIHOMED_VERSION);

    if (!multihomed_di.dryrun) {
        claim_network_namespace(argv[0]);
        mh_glue_prepare(multihomed_di.pathspace);
    }
    loop = frr_init();
    vrf_init(NULL, NULL, NULL, NULL);
    mh_vty_init();
    mh_glue_init(loop);

    frr_config_fork();
    frr_run(loop);
    return 0; /* not reached */
}
