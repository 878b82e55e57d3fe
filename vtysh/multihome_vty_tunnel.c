/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The commands about tunnels, in an uplink's node. The rules at the top of multihome_vty.c hold here
 * as well.
 */
#include "multihome_nodes.h"
#include "multihome_vty_parts.h"

#include "multihome_vty_tunnel_clippy.c"

static int set_tunnel(struct vty* vty, const struct mh_tunnel* tunnel, bool present) {
    struct mh_out out = to_vty(vty);

    return config_result(mh_config_uplink_tunnel(uplink_of(vty), present ? tunnel : NULL, &out));
}

static int64_t typed(const char* text, long value) {
    return text ? value : MH_DEFAULT;
}

DEFPY(uplink_tunnel_6rd, uplink_tunnel_6rd_cmd,
      "[no$no] tunnel 6rd prefix X:X::X:X/M$prefix [ipv4-mask-length (0-32)$mask] relay A.B.C.D$relay uplink WORD$mh_uplink [ttl (1-255)$ttl] [mtu (1280-65515)$mtu]",
      NO_STR MH_TUNNEL_STR
      "6rd (RFC 5969): the provider's own prefix holds the IPv4 address\n"
      "IPv6 prefix of the provider's 6rd domain\n"
      "IPv6 prefix\n"
      "Leading bits that the IPv4 addresses of all customers share\n"
      "Number of bits (default 0)\n"
      "Border relay of the provider\n"
      "IPv4 address\n" MH_TUNNEL_CARRIER_STR MH_TUNNEL_NUMBERS_STR) {
    return set_tunnel(vty,
                      &(struct mh_tunnel){.kind = "6rd",
                                          .carrier = mh_uplink,
                                          .prefix = prefix_str,
                                          .mask_length = typed(mask_str, mask),
                                          .relay = relay_str,
                                          .ttl = typed(ttl_str, ttl),
                                          .mtu = typed(mtu_str, mtu)},
                      !no);
}

DEFPY(uplink_tunnel_6to4, uplink_tunnel_6to4_cmd,
      "[no$no] tunnel 6to4 [relay A.B.C.D$relay] uplink WORD$mh_uplink [ttl (1-255)$ttl] [mtu (1280-65515)$mtu]",
      NO_STR MH_TUNNEL_STR "6to4 (RFC 3056): 2002::/16 holds the IPv4 address, which has to be public\n"
                           "Relay to the rest of the IPv6 Internet\n"
                           "IPv4 address (default 192.88.99.1)\n" MH_TUNNEL_CARRIER_STR
                               MH_TUNNEL_NUMBERS_STR) {
    return set_tunnel(vty,
                      &(struct mh_tunnel){.kind = "6to4",
                                          .carrier = mh_uplink,
                                          .mask_length = MH_DEFAULT,
                                          .relay = relay_str,
                                          .ttl = typed(ttl_str, ttl),
                                          .mtu = typed(mtu_str, mtu)},
                      !no);
}

DEFPY(uplink_tunnel_sit, uplink_tunnel_sit_cmd,
      "[no$no] tunnel sit remote A.B.C.D$relay uplink WORD$mh_uplink [address X:X::X:X/M$address] [ttl (1-255)$ttl] [mtu (1280-65515)$mtu]",
      NO_STR MH_TUNNEL_STR "A tunnel broker's, to a fixed other end (RFC 4213)\n"
                           "The other end\n"
                           "IPv4 address\n" MH_TUNNEL_CARRIER_STR
                           "Own address on the tunnel, if nobody else gives it one\n"
                           "IPv6 address and length of its prefix\n" MH_TUNNEL_NUMBERS_STR) {
    return set_tunnel(vty,
                      &(struct mh_tunnel){.kind = "sit",
                                          .carrier = mh_uplink,
                                          .mask_length = MH_DEFAULT,
                                          .relay = relay_str,
                                          .address = address_str,
                                          .ttl = typed(ttl_str, ttl),
                                          .mtu = typed(mtu_str, mtu)},
                      !no);
}

DEFPY(no_uplink_tunnel, no_uplink_tunnel_cmd, "no tunnel", NO_STR MH_TUNNEL_STR) {
    return set_tunnel(vty, NULL, false);
}

void mh_vty_tunnel_init(void) {
    install_element(MULTIHOME_UPLINK_NODE, &uplink_tunnel_6rd_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_tunnel_6to4_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &uplink_tunnel_sit_cmd);
    install_element(MULTIHOME_UPLINK_NODE, &no_uplink_tunnel_cmd);
}
