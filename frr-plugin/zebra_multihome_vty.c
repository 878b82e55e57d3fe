/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The zebra module's commands. vtysh has to be built with this file, as one of zebra's.
 */
#include <arpa/inet.h>
#include <net/if.h>

#include "frr_compat.h"

#include "lib/json.h"

#include "rule_descriptor.h"
#include "zebra_multihome.h"

enum { ZEBRA_MULTIHOME_NODE = NODE_TYPE_MAX + 1 };

static void show_json(struct vty* vty, const struct mh_status* status) {
    const struct mh_counters* counters = &status->counters;
    json_object* json = json_object_new_object();

    json_object_string_add(json, "version", MULTIHOMED_VERSION);
    json_object_int_add(json, "dialect", MH_DIALECT);
    json_object_int_add(json, "ruleProtocol", MH_RULE_PROTOCOL);
    json_object_int_add(json, "rulesIpv4", (int64_t)status->installed_v4);
    json_object_int_add(json, "rulesIpv6", (int64_t)status->installed_v6);
    json_object_int_add(json, "rulesHeld", (int64_t)status->held);
    json_object_int_add(json, "graceSeconds", status->grace);
    if (status->grace_left >= 0)
        json_object_int_add(json, "graceLeftMsec", status->grace_left);
    json_object_int_add(json, "adds", (int64_t)counters->adds);
    json_object_int_add(json, "updates", (int64_t)counters->updates);
    json_object_int_add(json, "deletes", (int64_t)counters->deletes);
    json_object_int_add(json, "heldBack", (int64_t)counters->held);
    json_object_int_add(json, "reclaimed", (int64_t)counters->reclaimed);
    json_object_int_add(json, "expired", (int64_t)counters->expired);
    json_object_int_add(json, "failures", (int64_t)counters->failures);
    json_object_int_add(json, "failuresForeignRule", (int64_t)counters->foreign);
    json_object_int_add(json, "rejected", (int64_t)status->rejected);
    json_object_int_add(json, "routesSwept", (int64_t)status->swept);
    if (counters->last_error) {
        json_object_string_add(json, "lastFailure", counters->last_failure);
        json_object_string_add(json, "lastError", safe_strerror(counters->last_error));
        json_object_int_add(json, "lastErrno", counters->last_error);
    }
    vty_json(vty, json);
}

static void show_text(struct vty* vty, const struct mh_status* status) {
    const struct mh_counters* counters = &status->counters;

    vty_out(vty, "multihome module %s, dialect %d\n", MULTIHOMED_VERSION, MH_DIALECT);
    vty_out(vty, "  Rules installed: %zu IPv4, %zu IPv6 (protocol %d)\n", status->installed_v4,
            status->installed_v6, MH_RULE_PROTOCOL);
    vty_out(vty, "  Rules held:      %zu", status->held);
    if (status->grace_left >= 0)
        vty_out(vty, ", the first for another %" PRId64 ".%" PRId64 " s", status->grace_left / 1000,
                status->grace_left % 1000 / 100);
    vty_out(vty, "\n  Grace time:      %u s\n", status->grace);
    vty_out(vty, "  Added %" PRIu64 ", asked for again %" PRIu64 ", deleted %" PRIu64 "\n",
            counters->adds, counters->updates, counters->deletes);
    vty_out(vty,
            "  Held back %" PRIu64 ", reclaimed %" PRIu64 ", expired %" PRIu64
            ", stale routes removed %" PRIu64 "\n",
            counters->held, counters->reclaimed, counters->expired, status->swept);
    vty_out(vty,
            "  Failures %" PRIu64 ", of them for another program's rule %" PRIu64
            "; senseless requests %" PRIu64 "\n",
            counters->failures, counters->foreign, status->rejected);
    if (counters->last_error)
        vty_out(vty, "  Last failure: %s: %s\n", counters->last_failure,
                safe_strerror(counters->last_error));
}

DEFUN(show_zebra_multihome, show_zebra_multihome_cmd, "show zebra multihome [json]",
      SHOW_STR "Zebra information\n"
               "Policy rules of multihomed\n" JSON_STR) {
    struct mh_status status;

    mh_module_status(&status);
    if (use_json(argc, argv))
        show_json(vty, &status);
    else
        show_text(vty, &status);
    return CMD_SUCCESS;
}

DEFUN(zebra_multihome_grace, zebra_multihome_grace_cmd, "zebra multihome grace (0-3600)",
      "Zebra information\n"
      "Policy rules of multihomed\n"
      "How long rules stay when multihomed has vanished\n"
      "Seconds, default 120\n") {
    mh_module_set_grace((uint32_t)strtoul(argv[3]->arg, NULL, 10));
    return CMD_SUCCESS;
}

DEFUN(no_zebra_multihome_grace, no_zebra_multihome_grace_cmd, "no zebra multihome grace [(0-3600)]",
      NO_STR "Zebra information\n"
             "Policy rules of multihomed\n"
             "How long rules stay when multihomed has vanished\n"
             "Seconds, default 120\n") {
    mh_module_set_grace(MH_DEFAULT_GRACE);
    return CMD_SUCCESS;
}

static int write_config(struct vty* vty) {
    if (mh_module_grace() == MH_DEFAULT_GRACE)
        return 0;
    vty_out(vty, "zebra multihome grace %u\n", mh_module_grace());
    return 1;
}

static struct cmd_node node = {
    .name = "zebra multihome",
    .node = (enum node_type)ZEBRA_MULTIHOME_NODE,
    .prompt = "",
    .config_write = write_config,
};

void mh_module_vty_init(void) {
    install_node(&node);
    install_element(VIEW_NODE, &show_zebra_multihome_cmd);
    install_element(CONFIG_NODE, &zebra_multihome_grace_cmd);
    install_element(CONFIG_NODE, &no_zebra_multihome_grace_cmd);
}
