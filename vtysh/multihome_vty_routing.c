/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands about routing protocols inside: what they are told and what they teach, in the node of
 * `router multihome`. The rules at the top of multihome_vty.c hold here as well.
 */
#include "multihome_nodes.h"
#include "multihome_vty_parts.h"

#include "multihome_vty_routing_clippy.c"

static int set_number(struct vty* vty, enum mh_announce_number which, int64_t value) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_announce_number(which, value, &out));
}

DEFPY(mh_announce_while, mh_announce_while_cmd,
      "[no$no] announce while ![<any|usable|up>$least]",
      NO_STR MH_ANNOUNCE_STR "It is there as long as there is behind it\n"
                             "Any line, such as the last resort keeps\n"
                             "A line that passes its probes (default)\n"
                             "A line that is up: neither degraded nor just back\n") {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_announce_while(no ? NULL : least, &out));
}

DEFPY(mh_announce_distance, mh_announce_distance_cmd,
      "[no$no] announce distance ![(1-253)$distance]",
      NO_STR MH_ANNOUNCE_STR "Administrative distance\n"
                             "Lower wins against other routes of this router (default 5)\n") {
    return set_number(vty, MH_ANNOUNCE_DISTANCE, no ? MH_DEFAULT : distance);
}

DEFPY(mh_announce_metric, mh_announce_metric_cmd,
      "[no$no] announce metric ![<fixed (0-16777214)$metric|quality$quality>]",
      NO_STR MH_ANNOUNCE_STR "Metric\n"
                             "Always the same\n"
                             "Lower is better (default 0)\n"
                             "10, 20, 40 or 80, by the state of the line behind it\n") {
    struct mh_out out = to_vty(vty);

    if (!no && quality)
        return config_result(mh_config_announce_quality(&out));
    return set_number(vty, MH_ANNOUNCE_METRIC, no ? MH_DEFAULT : metric);
}

DEFPY(mh_announce_tag, mh_announce_tag_cmd, "[no$no] announce tag ![(1-4294967292)$tag]",
      NO_STR MH_ANNOUNCE_STR "Tag, for route-maps (default: none)\n"
                             "With a metric by quality also the next three\n") {
    return set_number(vty, MH_ANNOUNCE_TAG, no ? MH_DEFAULT : tag);
}

DEFPY(mh_learn, mh_learn_cmd,
      "[no$no] learn <all|babel|bgp|eigrp|isis|ospf|ospf6|rip|ripng|static>$protocol "
      "[within <A.B.C.D/M|X:X::X:X/M>$within]",
      NO_STR "Networks that routing teaches are inside, besides those of `internal`\n"
             "Of all these protocols\n"
             "Babel\nBGP\nEIGRP\nIS-IS\nOSPF\nOSPFv3\nRIP\nRIPng\nStatic routes\n"
             "Only those within a prefix\nIPv4 prefix\nIPv6 prefix\n") {
    struct mh_out out = to_vty(vty);

    return config_result(
        mh_config_learn(strcmp(protocol, "all") ? protocol : NULL, within_str, !no, &out));
}

void mh_vty_routing_init(void) {
    install_element(MULTIHOME_NODE, &mh_learn_cmd);
    install_element(MULTIHOME_NODE, &mh_announce_while_cmd);
    install_element(MULTIHOME_NODE, &mh_announce_distance_cmd);
    install_element(MULTIHOME_NODE, &mh_announce_metric_cmd);
    install_element(MULTIHOME_NODE, &mh_announce_tag_cmd);
}
