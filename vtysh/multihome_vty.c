/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every command of multihomed. This file is compiled into the daemon; vtysh/extract_commands.py
 * reads it to teach the same commands to vtysh, which passes the typed line on to the daemon. It
 * knows the daemon by daemon/multihome.h only.
 *
 * To add a command:
 *  - DEFPY (or DEFPY_HIDDEN) with the name <x>_cmd, and install_element(<NODE>, &<x>_cmd) in
 *    mh_vty_init(): both are all that vtysh needs. The extraction reads this text, not the
 *    preprocessor's output: command and help are string literals or macros of multihome_nodes.h and
 *    FRR's command.h, the node is an identifier; no macro may hide a DEFPY or an install_element.
 *  - DEFUN_NOSH / DEFPY_NOSH are for what vtysh does itself (commands that enter a node; they have
 * a counterpart in multihome_vtysh.inc) or what it must not know.
 *  - `no <the full line>` has to be accepted for every line (frr-reload types it): write
 *    "[no] keyword WORD$x", or "no keyword [WORD]" if the value is optional.
 *  - show commands go to VIEW_NODE, clear and debug to ENABLE_NODE, debug to CONFIG_NODE as well.
 *    Operational commands take [json$json].
 *  - Lines of a block have one blank before them, lines of an uplink two: mh_config_write().
 *  - Completion: name the variable $mh_uplink, or use the token IFNAME.
 *  - In an uplink's node, uplink_of(vty) is the uplink.
 */
#include "frr_compat.h"

#include "multihome.h"
#include "multihome_nodes.h"
#include "multihome_vty.h"

#include "multihome_vty_clippy.c"

static void print_to_vty(void* to, const char* text) {
    vty_out((struct vty*)to, "%s", text);
}

static struct mh_out to_vty(struct vty* vty) {
    return (struct mh_out){.print = print_to_vty, .to = vty};
}

/* The node's context: the name of the uplink being configured, kept where FRR keeps an xpath. */
static const char* uplink_of(struct vty* vty) {
    return VTY_CURR_XPATH;
}

static int config_result(bool accepted) {
    return accepted ? CMD_SUCCESS : CMD_WARNING_CONFIG_FAILED;
}

static int result(bool done) {
    return done ? CMD_SUCCESS : CMD_WARNING;
}

/* --- router multihome --- */

DEFUN_NOSH(router_multihome, router_multihome_cmd, MH_ROUTER_CMD, MH_ROUTER_HELP) {
    struct mh_out out = to_vty(vty);

    if (!mh_config_router(true, &out))
        return CMD_WARNING_CONFIG_FAILED;
    vty->node = MULTIHOME_NODE;
    return CMD_SUCCESS;
}

DEFPY(no_router_multihome, no_router_multihome_cmd, "no router multihome", NO_STR MH_ROUTER_HELP) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_router(false, &out));
}

/* --- uplink NAME --- */

DEFUN_NOSH(multihome_uplink, multihome_uplink_cmd, MH_UPLINK_CMD, MH_UPLINK_HELP) {
    const char* name = argv[1]->arg;
    struct mh_out out = to_vty(vty);

    if (!mh_config_uplink(name, true, &out))
        return CMD_WARNING_CONFIG_FAILED;
    VTY_PUSH_XPATH(MULTIHOME_UPLINK_NODE, name);
    return CMD_SUCCESS;
}

DEFPY(no_multihome_uplink, no_multihome_uplink_cmd, "no uplink WORD$mh_uplink",
      NO_STR MH_UPLINK_HELP) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink(mh_uplink, false, &out));
}

DEFPY(uplink_interface, uplink_interface_cmd, "interface IFNAME$ifname",
      "The interface of the line\n"
      "Interface name; it may come later\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_interface(uplink_of(vty), ifname, &out));
}

DEFPY(no_uplink_interface, no_uplink_interface_cmd, "no interface [IFNAME]",
      NO_STR "The interface of the line\n"
             "Interface name\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_interface(uplink_of(vty), NULL, &out));
}

/* --- show, clear, debug --- */

DEFPY(show_multihome, show_multihome_cmd, "show multihome [json$json]", SHOW_STR MH_STR JSON_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_show_status(json != NULL, &out));
}

DEFPY(clear_multihome_uplink, clear_multihome_uplink_cmd, "clear multihome uplink WORD$mh_uplink",
      CLEAR_STR MH_STR MH_UPLINK_HELP) {
    struct mh_out out = to_vty(vty);

    return result(mh_clear_uplink(mh_uplink, &out));
}

DEFPY(debug_multihome, debug_multihome_cmd, "[no$no] debug multihome", NO_STR DEBUG_STR MH_STR) {
    mh_debug_set(no == NULL);
    return CMD_SUCCESS;
}

DEFUN_NOSH(show_debugging_multihome, show_debugging_multihome_cmd, "show debugging [multihome]",
           SHOW_STR DEBUG_STR MH_STR) {
    vty_out(vty, "Multihome debugging status:\n");
    if (mh_debug_get())
        vty_out(vty, "  Multihome debugging is on\n");
    return CMD_SUCCESS;
}

/* --- nodes --- */

static int write_config(struct vty* vty) {
    struct mh_out out = to_vty(vty);

    return mh_config_write(&out);
}

static int write_debug(struct vty* vty) {
    if (!mh_debug_get())
        return 0;
    vty_out(vty, "debug multihome\n");
    return 1;
}

static struct cmd_node multihome_node = {MH_NODE_FIELDS, .config_write = write_config};
static struct cmd_node multihome_uplink_node = {MH_UPLINK_NODE_FIELDS};
static struct cmd_node debug_node = {
    .name = "debug", .node = DEBUG_NODE, .prompt = "", .config_write = write_debug};

static void add_completion(void* to, const char* name) {
    vector_set((vector)to, XSTRDUP(MTYPE_COMPLETION, name));
}

static void complete_uplink(vector completions, struct cmd_token* token) {
    (void)token;
    mh_uplink_names(add_completion, completions);
}

static const struct cmd_variable_handler completion[] = {
    {.varname = "mh_uplink", .completions = complete_uplink},
    {.completions = NULL},
};

static int own_file_begins(mh_loop* loop) {
    (void)loop;
    mh_config_begin();
    return 0;
}

static int own_file_ends(mh_loop* loop) {
    (void)loop;
    mh_config_end();
    return 0;
}

void mh_vty_init(void) {
    cmd_init_config_callbacks(mh_config_begin, mh_config_end); /* vtysh -b, -f */
    hook_register(frr_config_pre, own_file_begins);
    hook_register(frr_config_post, own_file_ends);
    cmd_variable_handler_register(completion);

    install_node(&multihome_node);
    install_node(&multihome_uplink_node);
    install_node(&debug_node);
    install_default(MULTIHOME_NODE);
    install_default(MULTIHOME_UPLINK_NODE);

    install_element(CONFIG_NODE, &router_multihome_cmd);
    install_element(CONFIG_NODE, &no_router_multihome_cmd);

    install_element(MULTIHOME_NODE, &multihome_uplink_cmd);
    install_element(MULTIHOME_NODE, &no_multihome_uplink_cmd);

    install_element(MULTIHOME_UPLINK_NODE, &uplink_interface_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &no_uplink_interface_cmd);

    install_element(VIEW_NODE, &show_multihome_cmd);
    install_element(ENABLE_NODE, &show_debugging_multihome_cmd);
    install_element(ENABLE_NODE, &clear_multihome_uplink_cmd);
    install_element(ENABLE_NODE, &debug_multihome_cmd);
    install_element(CONFIG_NODE, &debug_multihome_cmd);
}
