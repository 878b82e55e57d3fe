/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands about router advertisements: the node `ipv6 advertise IFNAME`, in FRR's words for
 * `ipv6 nd` where it has them. The rules at the top of multihome_vty.c hold here as well.
 */
#include "multihome_nodes.h"
#include "multihome_vty_parts.h"

#include "multihome_vty_advertise_clippy.c"

/* As with an uplink, the lines of a refused interface are refused too. */
DEFUN_NOSH(multihome_advertise, multihome_advertise_cmd, MH_ADVERTISE_CMD, MH_ADVERTISE_HELP) {
    struct mh_out out = to_vty(vty);
    bool accepted = mh_config_advertise(argv[2]->arg, true, &out);

    strlcpy(name_in(vty), accepted ? argv[2]->arg : "", sizeof(vty->xpath[0]));
    vty->node = MULTIHOME_ADVERTISE_NODE;
    return config_result(accepted);
}

DEFPY(no_multihome_advertise, no_multihome_advertise_cmd, "no ipv6 advertise IFNAME$ifname",
      NO_STR MH_ADVERTISE_HELP) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_advertise(ifname, false, &out));
}

static int set_number(struct vty* vty, enum mh_advertise_number which, int64_t value) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_advertise_number(name_in(vty), which, value, &out));
}

static int set_flag(struct vty* vty, enum mh_advertise_flag which, bool present) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_advertise_flag(name_in(vty), which, present, &out));
}

DEFPY(advertise_interval, advertise_interval_cmd, "[no$no] ra-interval ![(4-1800)$value]",
      NO_STR "The longest time between two advertisements that nobody asked for\n"
             "Seconds (default 200)\n") {
    return set_number(vty, MH_RA_INTERVAL, no ? MH_DEFAULT : value);
}

DEFPY(advertise_lifetime, advertise_lifetime_cmd, "[no$no] ra-lifetime ![(0-9000)$value]",
      NO_STR "How long hosts use this router for what is not inside\n"
             "Seconds (default 1800); 0: not at all\n") {
    return set_number(vty, MH_RA_LIFETIME, no ? MH_DEFAULT : value);
}

DEFPY(advertise_valid, advertise_valid_cmd, "[no$no] valid-lifetime ![(60-2592000)$value]",
      NO_STR "How long addresses of a prefix of the interface can be used at all\n"
             "Seconds (default 5400)\n") {
    return set_number(vty, MH_RA_VALID_LIFETIME, no ? MH_DEFAULT : value);
}

DEFPY(advertise_preferred, advertise_preferred_cmd,
      "[no$no] preferred-lifetime ![(60-2592000)$value]",
      NO_STR "How long addresses of a prefix of a line that lives are preferred\n"
             "Seconds (default 2700)\n") {
    return set_number(vty, MH_RA_PREFERRED_LIFETIME, no ? MH_DEFAULT : value);
}

DEFPY(advertise_hop_limit, advertise_hop_limit_cmd, "[no$no] ra-hop-limit ![(0-255)$value]",
      NO_STR "Hop limit of what hosts send\n"
             "Hops (default 64); 0: as they like\n") {
    return set_number(vty, MH_RA_HOP_LIMIT, no ? MH_DEFAULT : value);
}

DEFPY(advertise_reachable, advertise_reachable_cmd, "[no$no] reachable-time ![(0-3600000)$value]",
      NO_STR "How long hosts take a neighbour for reachable\n"
             "Milliseconds (default 0: as they like)\n") {
    return set_number(vty, MH_RA_REACHABLE_TIME, no ? MH_DEFAULT : value);
}

DEFPY(advertise_retrans, advertise_retrans_cmd,
      "[no$no] ra-retrans-interval ![(0-4294967295)$value]",
      NO_STR "Time between two solicitations of a neighbour\n"
             "Milliseconds (default 0: as they like)\n") {
    return set_number(vty, MH_RA_RETRANS_INTERVAL, no ? MH_DEFAULT : value);
}

DEFPY(advertise_mtu, advertise_mtu_cmd, "[no$no] mtu ![(1280-65535)$value]",
      NO_STR "MTU of the link (default: not told)\n"
             "Bytes\n") {
    return set_number(vty, MH_RA_MTU, no ? MH_DEFAULT : value);
}

DEFPY(advertise_managed, advertise_managed_cmd, "[no$no] managed-config-flag",
      NO_STR "Hosts shall ask a DHCPv6 server for addresses\n") {
    return set_flag(vty, MH_RA_MANAGED, !no);
}

DEFPY(advertise_other, advertise_other_cmd, "[no$no] other-config-flag",
      NO_STR "Hosts shall ask a DHCPv6 server for all but addresses\n") {
    return set_flag(vty, MH_RA_OTHER, !no);
}

DEFPY(advertise_prefer_carrying, advertise_prefer_carrying_cmd, "[no$no] prefer-carrying",
      NO_STR "Only prefixes of lines that carry are preferred, not of all that live\n") {
    return set_flag(vty, MH_RA_PREFER_CARRYING, !no);
}

DEFPY(advertise_shutdown, advertise_shutdown_cmd, "[no$no] shutdown",
      NO_STR "Advertise nothing here; the interface itself stays as it is\n") {
    return set_flag(vty, MH_RA_SHUTDOWN, !no);
}

DEFPY(advertise_preference, advertise_preference_cmd,
      "[no$no] router-preference ![<high|medium|low>$preference]",
      NO_STR "Which one hosts take of several default routers\n"
             "This one rather than others\n"
             "As any other (default)\n"
             "Others rather than this one\n") {
    struct mh_out out = to_vty(vty);

    return config_result(
        mh_config_advertise_preference(name_in(vty), no ? NULL : preference, &out));
}

DEFPY(advertise_rdnss, advertise_rdnss_cmd,
      "[no$no] rdnss X:X::X:X$server [uplink WORD$mh_uplink]",
      NO_STR "A DNS server for hosts\n"
             "Its address\n"
             "It is of use only while this line lives\n" MH_UPLINK_NAME_STR) {
    struct mh_out out = to_vty(vty);

    return config_result(
        mh_config_advertise_rdnss(name_in(vty), server_str, mh_uplink, !no, &out));
}

DEFPY(advertise_dnssl, advertise_dnssl_cmd, "[no$no] dnssl WORD$domain",
      NO_STR "A domain that hosts search for names\n"
             "Its name\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_advertise_dnssl(name_in(vty), domain, !no, &out));
}

DEFPY(show_multihome_advertise, show_multihome_advertise_cmd,
      "show multihome advertise [IFNAME$ifname] [json$json]",
      SHOW_STR MH_STR "Router advertisements: what hosts are told, and why\n"
                      "Those of one interface\n" JSON_STR) {
    struct mh_out out = to_vty(vty);

    return result(mh_show_advertise(ifname, json != NULL, &out));
}

static struct cmd_node multihome_advertise_node = {MH_ADVERTISE_NODE_FIELDS};

void mh_vty_advertise_init(void) {
    install_node(&multihome_advertise_node);
    install_default(MULTIHOME_ADVERTISE_NODE);
    install_element(MULTIHOME_NODE, &multihome_advertise_cmd);
    install_element(MULTIHOME_NODE, &no_multihome_advertise_cmd);

    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_interval_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_lifetime_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_valid_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_preferred_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_hop_limit_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_reachable_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_retrans_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_mtu_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_managed_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_other_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_prefer_carrying_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_shutdown_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_preference_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_rdnss_cmd);
    install_element(MULTIHOME_ADVERTISE_NODE, &advertise_dnssl_cmd);

    install_element(VIEW_NODE, &show_multihome_advertise_cmd);
}
