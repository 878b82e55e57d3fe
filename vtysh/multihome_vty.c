/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every command of multihomed. This file and multihome_vty_*.c are compiled into the daemon;
 * vtysh/extract_commands.py reads them to teach the same commands to vtysh, which passes the typed
 * line on to the daemon. It knows the daemon by daemon/multihome.h only.
 *
 * To add a command:
 *  - DEFPY (or DEFPY_HIDDEN) with the name <x>_cmd, and install_element(<NODE>, &<x>_cmd) in
 *    mh_vty_init(): both are all that vtysh needs. The extraction reads this text, not the
 *    preprocessor's output: command and help are string literals or macros of multihome_nodes.h and
 *    FRR's command.h, the node is an identifier; no macro may hide a DEFPY or an install_element.
 *  - DEFUN_NOSH / DEFPY_NOSH are for what vtysh does itself (commands that enter a node; they have
 * a counterpart in multihome_vtysh.inc) or what it must not know.
 *  - `no <the full line>` has to be accepted for every line (frr-reload types it): write
 *    "[no] keyword WORD$x", or "[no] keyword ![WORD$x]" if `no keyword` shall do.
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
#include "multihome_vty_parts.h"

#include "multihome_vty_clippy.c"

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

DEFPY(mh_internal, mh_internal_cmd, "[no$no] internal <A.B.C.D/M|X:X::X:X/M>$prefix",
      NO_STR "Who is inside: sources to be translated, destinations reached without a line\n"
             "IPv4 prefix; the first one typed replaces the default list\n"
             "IPv6 prefix; the first one typed replaces the default list\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_internal(prefix_str, !no, &out));
}

DEFPY(mh_table_base, mh_table_base_cmd, "[no$no] table-base ![(256-4294966271)$base]",
      NO_STR "Routing tables of the uplinks\n"
             "Number of the first one (default 1001)\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_table_base(no ? MH_DEFAULT : base, &out));
}

DEFPY(mh_rule_priority, mh_rule_priority_cmd, "[no$no] rule-priority ![(1-31766)$base]",
      NO_STR "Policy rules; 1000 priorities are ours\n"
             "Priority of the first one (default 10000)\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_rule_priority(no ? MH_DEFAULT : base, &out));
}

DEFPY(mh_last_resort, mh_last_resort_cmd, "[no$no] last-resort ![<keep|withdraw>$what]",
      NO_STR "What becomes of the default route when no line passes its probes\n"
             "Lines with carrier, address and gateway go on being used (default)\n"
             "There is no default route: senders are told at once\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_last_resort(no ? NULL : what, &out));
}

DEFPY(mh_load_sharing, mh_load_sharing_cmd, "[no$no] load-sharing ![<per-flow|per-source>$what]",
      NO_STR "What new flows are shared by among lines of equal preference\n"
             "Addresses, protocol and ports (default)\n"
             "All flows of one host leave by one line\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_load_sharing(no ? NULL : what, &out));
}

DEFPY(mh_flow_affinity, mh_flow_affinity_cmd, "[no$no] flow-affinity [mask WORD$mask]",
      NO_STR "A flow stays on the line on which it began, as long as that line lives (default)\n"
             "Bits of packet and conntrack marks that are used for it\n"
             "32 bits, decimal or 0x... (default 0x3f000000)\n") {
    struct mh_out out = to_vty(vty);

    /* "no" before a mask takes back the mask only */
    return config_result(mh_config_flow_affinity(!no || mask, no ? NULL : mask, &out));
}

DEFPY(mh_failback, mh_failback_cmd,
      "[no$no] failback ![<drain$policy [deadline (1-86400)$deadline]|now$policy|never$policy>]",
      NO_STR MH_FAILBACK_STR "They stay until they end (default)\n"
                             "But no longer than this; those that can are moved then\n"
                             "Seconds\n"
                             "Those that can are moved at once\n"
                             "There is no going back: a line carries until it fails\n") {
    struct mh_out out = to_vty(vty);

    return config_result(
        mh_config_failback(no ? NULL : policy, no || !deadline_str ? MH_DEFAULT : deadline, &out));
}

DEFPY(mh_failback_class, mh_failback_class_cmd,
      "[no$no] failback now match WORD$protocol [port (1-65535)$port]",
      NO_STR MH_FAILBACK_STR "Those that can are moved at once\n"
                             "Only some of them, whatever becomes of the others\n"
                             "Protocol, by name or number\n"
                             "Destination port\n"
                             "Number of the port\n") {
    struct mh_out out = to_vty(vty);

    return config_result(
        mh_config_failback_class(protocol, port_str ? port : MH_DEFAULT, !no, &out));
}

/* --- uplink NAME --- */

/* The lines of a refused uplink have to be refused too. Outside the node `interface` would be FRR's
 * own command, and a `shutdown` behind it would take the interface down. No uplink has the empty
 * name. */
static int enter_uplink(struct vty* vty, const char* name) {
    struct mh_out out = to_vty(vty);
    bool accepted = mh_config_uplink(name, true, &out);

    strlcpy(name_in(vty), accepted ? name : "", sizeof(vty->xpath[0]));
    vty->node = MULTIHOME_UPLINK_NODE;
    return config_result(accepted);
}

DEFUN_NOSH(multihome_uplink, multihome_uplink_cmd, MH_UPLINK_CMD, MH_UPLINK_HELP) {
    return enter_uplink(vty, argv[1]->arg);
}

DEFUN_NOSH(multihome_uplink_words, multihome_uplink_words_cmd, MH_UPLINK_WORDS_CMD,
           MH_UPLINK_WORDS_HELP) {
    char* name = argv_concat(argv, argc, 1);
    int entered = enter_uplink(vty, name);

    XFREE(MTYPE_TMP, name);
    return entered;
}

DEFPY(no_multihome_uplink, no_multihome_uplink_cmd, "no uplink WORD$mh_uplink",
      NO_STR MH_UPLINK_HELP) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink(mh_uplink, false, &out));
}

DEFPY(uplink_interface, uplink_interface_cmd, "[no$no] interface ![IFNAME$ifname]",
      NO_STR "The interface of the line\n"
             "Interface name; it may come later\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_interface(uplink_of(vty), no ? NULL : ifname, &out));
}

DEFPY(uplink_description, uplink_description_cmd, "description LINE...",
      "A text of your own about the line\n"
      "Up to 200 bytes of UTF-8\n") {
    struct mh_out out = to_vty(vty);
    char* text = argv_concat(argv, argc, 1);
    bool accepted = mh_config_uplink_description(uplink_of(vty), text, &out);

    XFREE(MTYPE_TMP, text);
    return config_result(accepted);
}

DEFPY(no_uplink_description, no_uplink_description_cmd, "no description",
      NO_STR "A text of your own about the line\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_description(uplink_of(vty), NULL, &out));
}

/* parameters that vary in number cannot be optional */
DEFPY(no_uplink_description_line, no_uplink_description_line_cmd, "no description LINE...",
      NO_STR "A text of your own about the line\n"
             "Whatever it is\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_description(uplink_of(vty), NULL, &out));
}

DEFPY(uplink_shutdown, uplink_shutdown_cmd, "[no$no] shutdown",
      NO_STR "Do not use the line; the interface itself stays as it is\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_shutdown(uplink_of(vty), !no, &out));
}

DEFPY(uplink_standby, uplink_standby_cmd, "[no$no] standby",
      NO_STR "Carry new flows only when no other line is up\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_standby(uplink_of(vty), !no, &out));
}

static int set_number(struct vty* vty, enum mh_number which, int64_t value) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_number(uplink_of(vty), which, value, &out));
}

DEFPY(uplink_preference, uplink_preference_cmd, "[no$no] preference ![(0-65535)$value]",
      NO_STR "Which line is used first\n"
             "Lower is preferred, equal ones share (default 10)\n") {
    return set_number(vty, MH_PREFERENCE, no ? MH_DEFAULT : value);
}

DEFPY(uplink_weight, uplink_weight_cmd, "[no$no] weight ![(1-255)$value]",
      NO_STR "Share of new flows among lines of equal preference\n"
             "Relative share (default 1)\n") {
    return set_number(vty, MH_WEIGHT, no ? MH_DEFAULT : value);
}

DEFPY(uplink_table, uplink_table_cmd, "[no$no] table ![(1-4294967295)$value]",
      NO_STR "Routing table of the line\n"
             "Table number (default: the next free one from table-base on)\n") {
    return set_number(vty, MH_TABLE, no ? MH_DEFAULT : value);
}

/* --- uplink NAME: addresses, once for each family --- */

/* gateway and learned: NULL unless typed; table 0: none typed */
static int set_gateway(struct vty* vty, enum mh_family family, bool no, const char* gateway,
                       bool onlink, const char* learned, int64_t table) {
    struct mh_out out = to_vty(vty);

    if (!no && learned)
        return config_result(mh_config_uplink_gateway_auto(uplink_of(vty), family,
                                                           table != 0 ? table : MH_DEFAULT, &out));
    return config_result(
        mh_config_uplink_gateway(uplink_of(vty), family, no ? NULL : gateway, onlink, &out));
}

DEFPY(uplink_ip_gateway, uplink_ip_gateway_cmd,
      "[no$no] ip gateway ![<A.B.C.D$gateway [onlink$onlink]|auto$learned [table "
      "(1-4294967295)$table]|router A.B.C.D$router>]",
      NO_STR IP_STR MH_GATEWAY_STR) {
    struct mh_out out = to_vty(vty);

    if (!no && router_str)
        return config_result(
            mh_config_uplink_gateway_router(uplink_of(vty), MH_IPV4, router_str, &out));
    return set_gateway(vty, MH_IPV4, no != NULL, gateway_str, onlink != NULL, learned, table);
}

DEFPY(uplink_ip_nat, uplink_ip_nat_cmd,
      "[no$no] ip nat ![<masquerade$kind|none$kind|source$kind A.B.C.D$first [A.B.C.D$last]>]",
      NO_STR IP_STR MH_NAT_STR) {
    struct mh_out out = to_vty(vty);

    return config_result(
        mh_config_uplink_nat(uplink_of(vty), MH_IPV4, no ? NULL : kind, first_str, last_str, &out));
}

DEFPY(uplink_ip_source, uplink_ip_source_cmd, "[no$no] ip source A.B.C.D/M$prefix",
      NO_STR IP_STR MH_SOURCE_STR) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_source(uplink_of(vty), MH_IPV4, prefix_str, !no, &out));
}

DEFPY(uplink_ipv6_gateway, uplink_ipv6_gateway_cmd,
      "[no$no] ipv6 gateway ![<X:X::X:X$gateway [onlink$onlink]|auto$learned [table "
      "(1-4294967295)$table]|router X:X::X:X$router>]",
      NO_STR IPV6_STR MH_GATEWAY_STR) {
    struct mh_out out = to_vty(vty);

    if (!no && router_str)
        return config_result(
            mh_config_uplink_gateway_router(uplink_of(vty), MH_IPV6, router_str, &out));
    return set_gateway(vty, MH_IPV6, no != NULL, gateway_str, onlink != NULL, learned, table);
}

DEFPY(uplink_ipv6_nat, uplink_ipv6_nat_cmd,
      "[no$no] ipv6 nat ![<masquerade$kind|none$kind|source$kind X:X::X:X$first [X:X::X:X$last]>]",
      NO_STR IPV6_STR MH_NAT_STR) {
    struct mh_out out = to_vty(vty);

    if (no && !kind &&
        !mh_config_uplink_prefix_nat(uplink_of(vty), MH_IPV6, NULL, NULL, false, &out))
        return CMD_WARNING_CONFIG_FAILED;
    return config_result(
        mh_config_uplink_nat(uplink_of(vty), MH_IPV6, no ? NULL : kind, first_str, last_str, &out));
}

DEFPY(uplink_ipv6_nat_prefix, uplink_ipv6_nat_prefix_cmd,
      "[no$no] ipv6 nat prefix <auto$automatic|X:X::X:X/M$outside> [inside X:X::X:X/M$inside]",
      NO_STR IPV6_STR MH_PREFIX_NAT_STR) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_prefix_nat(
        uplink_of(vty), MH_IPV6, automatic ? automatic : outside_str, inside_str, !no, &out));
}

DEFPY(uplink_ipv6_source, uplink_ipv6_source_cmd, "[no$no] ipv6 source X:X::X:X/M$prefix",
      NO_STR IPV6_STR MH_SOURCE_STR) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_source(uplink_of(vty), MH_IPV6, prefix_str, !no, &out));
}

DEFPY(uplink_ipv6_source_auto, uplink_ipv6_source_auto_cmd,
      "[no$no] ipv6 source auto [grace (0-86400)$grace]",
      NO_STR IPV6_STR
      "A prefix that belongs to the line, beside the interface's own\n"
      "Those that the provider delegates: see 'multihome prefix'\n"
      "How long one stays the line's when it is no longer delegated\n"
      "Seconds (default 300)\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_delegation(
        uplink_of(vty), !no, !no && grace_str ? grace : MH_DEFAULT, &out));
}

/* --- what clients of the providers' servers tell --- */

DEFPY(multihome_prefix, multihome_prefix_cmd,
      "multihome prefix <add$add|del> <uplink WORD$mh_uplink|interface IFNAME$ifname> X:X::X:X/M$prefix [preferred (0-4294967295)$preferred] [valid (0-4294967295)$valid]",
      MH_STR "A prefix that the provider has delegated (DHCPv6), for 'ipv6 source auto'\n"
             "It is delegated, or its lifetimes are new\n"
             "It is delegated no longer\n" MH_UPLINK_STR MH_UPLINK_NAME_STR
             "The line by its interface\n"
             "Interface name\n"
             "The prefix\n"
             "Preferred lifetime (default: for ever)\n"
             "Seconds from now; 4294967295: for ever\n"
             "Valid lifetime (default: for ever)\n"
             "Seconds from now; 4294967295: for ever\n") {
    struct mh_out out = to_vty(vty);
    struct mh_delegated delegated = {
        .uplink = mh_uplink,
        .interface = ifname,
        .prefix = prefix_str,
        .preferred = preferred_str ? preferred : MH_DEFAULT,
        .valid = valid_str ? valid : MH_DEFAULT,
    };

    return result(mh_prefix(&delegated, add != NULL, &out));
}

/* --- show, clear --- */

DEFPY(show_multihome, show_multihome_cmd, "show multihome [json$json]", SHOW_STR MH_STR JSON_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_show_status(json != NULL, &out));
}

DEFPY(show_multihome_uplink, show_multihome_uplink_cmd,
      "show multihome uplink [WORD$mh_uplink] [json$json]",
      SHOW_STR MH_STR "Everything about the lines\n" MH_UPLINK_NAME_STR JSON_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_show_uplinks(mh_uplink, json != NULL, &out));
}

DEFPY(show_multihome_rules, show_multihome_rules_cmd, "show multihome rules [json$json]",
      SHOW_STR MH_STR "Policy rules: wanted, and what the kernel holds\n" JSON_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_show_rules(json != NULL, &out));
}

DEFPY(show_multihome_routes, show_multihome_routes_cmd, "show multihome routes [json$json]",
      SHOW_STR MH_STR "Routes: wanted, and what the kernel holds\n" JSON_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_show_routes(json != NULL, &out));
}

DEFPY(show_multihome_nat, show_multihome_nat_cmd, "show multihome nat [json$json]",
      SHOW_STR MH_STR "Translation, and what the egress guard dropped\n" JSON_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_show_nat(json != NULL, &out));
}

DEFPY(show_multihome_conntrack, show_multihome_conntrack_cmd,
      "show multihome conntrack [uplink WORD$mh_uplink [limit (1-100000)$limit]] [json$json]",
      SHOW_STR MH_STR "Translated flows by line\n"
                      "List the flows of one line\n" MH_UPLINK_NAME_STR
                      "How many flows are listed\n"
                      "Number of flows (default 20)\n" JSON_STR) {
    struct mh_out out = to_vty(vty);

    return result(
        mh_show_conntrack(mh_uplink, limit_str ? (uint32_t)limit : 20, json != NULL, &out));
}

DEFPY(clear_multihome_uplink, clear_multihome_uplink_cmd, "clear multihome uplink WORD$mh_uplink",
      CLEAR_STR MH_STR
      "Judge a line anew, with empty statistics and without waiting\n" MH_UPLINK_NAME_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_clear_uplink(mh_uplink, &out));
}

DEFPY(clear_multihome_penalty, clear_multihome_penalty_cmd,
      "clear multihome uplink WORD$mh_uplink penalty",
      CLEAR_STR MH_STR
      "Judge a line anew, with empty statistics and without waiting\n" MH_UPLINK_NAME_STR
      "Only forget that it came and went\n") {
    struct mh_out out = to_vty(vty);

    return result(mh_clear_penalty(mh_uplink, &out));
}

DEFPY(clear_multihome_failback, clear_multihome_failback_cmd, "clear multihome failback",
      CLEAR_STR MH_STR "Take the preferred line back now, where nothing fails back\n") {
    struct mh_out out = to_vty(vty);

    return result(mh_clear_failback(&out));
}

DEFPY(clear_multihome_counters, clear_multihome_counters_cmd, "clear multihome counters",
      CLEAR_STR MH_STR "Counters of the egress guard\n") {
    struct mh_out out = to_vty(vty);

    return result(mh_clear_counters(&out));
}

DEFPY(clear_multihome_conntrack, clear_multihome_conntrack_cmd,
      "clear multihome conntrack uplink WORD$mh_uplink",
      CLEAR_STR MH_STR "Forget translated flows\n"
                       "Those of one line, whether it is well or not\n" MH_UPLINK_NAME_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_clear_conntrack(mh_uplink, &out));
}

/* --- debug --- */

static const struct {
    enum mh_debug which;
    const char* name;
} debug_kinds[] = {
    {MH_DEBUG_ZEBRA, "zebra"},
    {MH_DEBUG_KERNEL, "kernel"},
    {MH_DEBUG_PROBE, "probe"},
    {MH_DEBUG_DECISION, "decision"},
};

DEFPY(debug_multihome, debug_multihome_cmd,
      "[no$no] debug multihome [<zebra|kernel|probe|decision>$what]",
      NO_STR DEBUG_STR MH_STR "What is exchanged with zebra\n"
                              "What the kernel reports\n"
                              "Probes and their answers\n"
                              "Decisions and changes\n") {
    unsigned int which = what ? 0 : MH_DEBUG_ALL;

    for (size_t i = 0; what && i < array_size(debug_kinds); i++)
        if (strmatch(what, debug_kinds[i].name))
            which = debug_kinds[i].which;
    mh_debug_set(which, no == NULL);
    return CMD_SUCCESS;
}

DEFUN_NOSH(show_debugging_multihome, show_debugging_multihome_cmd, "show debugging [multihome]",
           SHOW_STR DEBUG_STR MH_STR) {
    vty_out(vty, "Multihome debugging status:\n");
    for (size_t i = 0; i < array_size(debug_kinds); i++)
        if (mh_debug_get() & debug_kinds[i].which)
            vty_out(vty, "  Multihome %s debugging is on\n", debug_kinds[i].name);
    return CMD_SUCCESS;
}

/* --- nodes --- */

static int write_config(struct vty* vty) {
    struct mh_out out = to_vty(vty);

    return mh_config_write(&out);
}

static int write_debug(struct vty* vty) {
    if (mh_debug_get() == MH_DEBUG_ALL) {
        vty_out(vty, "debug multihome\n");
        return 1;
    }
    for (size_t i = 0; i < array_size(debug_kinds); i++)
        if (mh_debug_get() & debug_kinds[i].which)
            vty_out(vty, "debug multihome %s\n", debug_kinds[i].name);
    return mh_debug_get() != 0;
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

static void complete_profile(vector completions, struct cmd_token* token) {
    (void)token;
    mh_profile_names(add_completion, completions);
}

static const struct cmd_variable_handler completion[] = {
    {.varname = "mh_uplink", .completions = complete_uplink},
    {.varname = "mh_profile", .completions = complete_profile},
    {.completions = NULL},
};

void mh_vty_init(void) {
    cmd_init_config_callbacks(mh_config_begin, mh_config_end); /* vtysh -b, -f */
    cmd_variable_handler_register(completion);

    install_node(&multihome_node);
    install_node(&multihome_uplink_node);
    install_node(&debug_node);
    install_default(MULTIHOME_NODE);
    install_default(MULTIHOME_UPLINK_NODE);

    install_element(CONFIG_NODE, &router_multihome_cmd);
    install_element(CONFIG_NODE, &no_router_multihome_cmd);

    install_element(MULTIHOME_NODE, &mh_internal_cmd);
    install_element(MULTIHOME_NODE, &mh_table_base_cmd);
    install_element(MULTIHOME_NODE, &mh_rule_priority_cmd);
    install_element(MULTIHOME_NODE, &mh_last_resort_cmd);
    install_element(MULTIHOME_NODE, &mh_flow_affinity_cmd);
    install_element(MULTIHOME_NODE, &mh_load_sharing_cmd);
    install_element(MULTIHOME_NODE, &mh_failback_cmd);
    install_element(MULTIHOME_NODE, &mh_failback_class_cmd);
    install_element(MULTIHOME_NODE, &multihome_uplink_cmd);
    install_element(MULTIHOME_NODE, &multihome_uplink_words_cmd);
    install_element(MULTIHOME_NODE, &no_multihome_uplink_cmd);

    install_element(MULTIHOME_UPLINK_NODE, &uplink_interface_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_description_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &no_uplink_description_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &no_uplink_description_line_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_shutdown_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_standby_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_preference_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_weight_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_table_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_ip_gateway_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_ipv6_gateway_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_ip_nat_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_ipv6_nat_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_ipv6_nat_prefix_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_ip_source_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_ipv6_source_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_ipv6_source_auto_cmd);

    mh_vty_probe_init();
    mh_vty_tunnel_init();
    mh_vty_advertise_init();
    mh_vty_routing_init();

    install_element(VIEW_NODE, &show_multihome_cmd);
    install_element(VIEW_NODE, &show_multihome_uplink_cmd);
    install_element(VIEW_NODE, &show_multihome_rules_cmd);
    install_element(VIEW_NODE, &show_multihome_routes_cmd);
    install_element(VIEW_NODE, &show_multihome_nat_cmd);
    install_element(VIEW_NODE, &show_multihome_conntrack_cmd);
    install_element(ENABLE_NODE, &show_debugging_multihome_cmd);
    install_element(ENABLE_NODE, &multihome_prefix_cmd);
    install_element(ENABLE_NODE, &clear_multihome_uplink_cmd);
    install_element(ENABLE_NODE, &clear_multihome_penalty_cmd);
    install_element(ENABLE_NODE, &clear_multihome_failback_cmd);
    install_element(ENABLE_NODE, &clear_multihome_counters_cmd);
    install_element(ENABLE_NODE, &clear_multihome_conntrack_cmd);
    install_element(ENABLE_NODE, &debug_multihome_cmd);
    install_element(CONFIG_NODE, &debug_multihome_cmd);
}
