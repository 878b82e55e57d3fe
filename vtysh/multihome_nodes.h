/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The nodes of our commands and the commands that enter them, shared by daemon and vtysh: they have
 * to agree on names, prompts and help.
 */
#ifndef MULTIHOMED_MULTIHOME_NODES_H
#define MULTIHOMED_MULTIHOME_NODES_H

/* Behind FRR's own nodes, so they collide with none; they only have to be unique inside one
 * process. */
#define MULTIHOME_NODE ((enum node_type)(NODE_TYPE_MAX + 1))
#define MULTIHOME_UPLINK_NODE ((enum node_type)(NODE_TYPE_MAX + 2))
#define MULTIHOME_PROFILE_NODE ((enum node_type)(NODE_TYPE_MAX + 3))
#define MULTIHOME_ADVERTISE_NODE ((enum node_type)(NODE_TYPE_MAX + 4))

#define MH_STR "Several Internet lines as one connection\n"
#define MH_UPLINK_STR "An Internet line\n"
#define MH_UPLINK_NAME_STR "Name of the line\n"

#define MH_GATEWAY_STR                                                                             \
    "Next hop of the line\n"                                                                       \
    "Its address\n"                                                                                \
    "Reachable although it lies in no connected prefix\n"                                          \
    "Learned from the default route of a DHCP client, of pppd, or of router advertisements\n"      \
    "Another table than main\n"                                                                    \
    "Its number\n"                                                                                \
    "Another router inside, which has the line; routing finds the way to it\n"                     \
    "Its address\n"
#define MH_ANNOUNCE_STR "Main's default route, which routing protocols redistribute\n"
#define MH_NAT_STR                                                                                 \
    "Translate the source of what leaves by the line\n"                                            \
    "To the address of the interface\n"                                                            \
    "Not at all\n"                                                                                 \
    "To an address of the line, or a pool of them\n"                                               \
    "The address, or the first one of the pool\n"                                                  \
    "The last one of the pool\n"
#define MH_PREFIX_NAT_STR                                                                          \
    "Translate the source of what leaves by the line\n"                                            \
    "A prefix inside to one of the line, host by host and both ways (NPTv6)\n"                     \
    "To the first prefix of the line\n"                                                            \
    "To this prefix of the line\n"                                                                 \
    "The prefix inside, of the same length (default: the internal network)\n"                      \
    "The prefix inside\n"
#define MH_SOURCE_STR                                                                              \
    "A prefix that belongs to the line, beside the interface's own\n"                              \
    "The prefix\n"
#define MH_PROBE_STR "How the line is probed\n"

#define MH_FAILBACK_STR "Flows on a line that works when a better one is back\n"
#define MH_PROFILE_STR "Numbers for probing that lines share\n"
#define MH_PROFILE_NAME_STR "Name of the profile; default, fast and metered are built in\n"
#define MH_TARGET_STR                                                                              \
    "IPv4 target\n"                                                                                \
    "IPv6 target\n"
#define MH_TARGET_INTERVAL_STR                                                                     \
    "Time between two probes to this target\n"                                                     \
    "Milliseconds\n"

#define MH_ROUTER_CMD "router multihome"
#define MH_ROUTER_HELP "Enable a routing process\n" MH_STR
#define MH_UPLINK_CMD "uplink WORD$mh_uplink"
#define MH_UPLINK_HELP MH_UPLINK_STR MH_UPLINK_NAME_STR
/* what no name can be: known in order to be refused as one */
#define MH_UPLINK_WORDS_CMD "uplink WORD LINE..."
#define MH_UPLINK_WORDS_HELP MH_UPLINK_HELP "A name is one word\n"

#define MH_PROFILE_CMD "probe profile WORD$mh_profile"
#define MH_PROFILE_HELP MH_PROBE_STR MH_PROFILE_STR MH_PROFILE_NAME_STR

#define MH_ADVERTISE_CMD "ipv6 advertise IFNAME"
#define MH_ADVERTISE_HELP                                                                          \
    IPV6_STR "Router advertisements to hosts inside\n"                                             \
             "Interface on which they are sent; it may come later\n"

#define MH_NODE_FIELDS                                                                             \
    .name = "multihome", .node = MULTIHOME_NODE, .parent_node = CONFIG_NODE,                       \
    .prompt = "%s(config-multihome)# "
#define MH_UPLINK_NODE_FIELDS                                                                      \
    .name = "multihome uplink", .node = MULTIHOME_UPLINK_NODE, .parent_node = MULTIHOME_NODE,      \
    .prompt = "%s(config-multihome-uplink)# "
#define MH_PROFILE_NODE_FIELDS                                                                     \
    .name = "multihome probe profile", .node = MULTIHOME_PROFILE_NODE,                             \
    .parent_node = MULTIHOME_NODE, .prompt = "%s(config-multihome-profile)# "
#define MH_ADVERTISE_NODE_FIELDS                                                                   \
    .name = "multihome ipv6 advertise", .node = MULTIHOME_ADVERTISE_NODE,                          \
    .parent_node = MULTIHOME_NODE, .prompt = "%s(config-multihome-advertise)# "

#define MH_TUNNEL_STR "Make the interface: a tunnel for IPv6 in the IPv4 of another uplink\n"
#define MH_TUNNEL_CARRIER_STR                                                                      \
    "The uplink whose IPv4 carries it\n"                                                           \
    "Name of the uplink\n"
#define MH_TUNNEL_NUMBERS_STR                                                                      \
    "TTL of the IPv4 packets\n"                                                                    \
    "TTL (default 64)\n"                                                                           \
    "Largest IPv6 packet\n"                                                                        \
    "Bytes (default: what the carrier's interface takes, less 20)\n"

#endif /* MULTIHOMED_MULTIHOME_NODES_H */
