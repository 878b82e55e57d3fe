#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# record_netlink.py: what this kernel says over rtnetlink, as test data.
# Runs ip(8) commands in a network namespace of its own and prints the messages that they cause, one
# a line: "<name> <hex>", with the command above it. Names that a kernel cannot make (no VLAN, no
# VRF) are left out, with the reason. The tests say what each must decode to: they know the command.
#   ./record_netlink.py > netlink-$(uname -r | cut -d. -f1,2).txt
import os
import select
import socket
import struct
import subprocess
import sys

NEWLINK, NEWADDR, NEWROUTE, NEWNEIGH, GETNEIGH, NEWRULE, NEWNEXTHOP = 16, 20, 24, 28, 30, 32, 104
ERROR, DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
# RTNLGRP_* of links, neighbours, addresses, routes, rules, nexthops
GROUPS = (1, 3, 5, 7, 8, 9, 11, 19, 32)
SOL_NETLINK, ADD_MEMBERSHIP, EXT_ACK, CAP_ACK, STRICT = 270, 1, 11, 10, 12

SETUP = """
ip link set lo up
ip link add line0 index 10 address 02:00:00:00:00:0a \
    type veth peer name far0 index 20 address 02:00:00:00:00:14
ip link set line0 up
ip link set far0 up
ip address add 192.0.2.1/24 dev line0
ip address add 2001:db8::1/64 dev line0 nodad
ip link add line1 index 30 address 02:00:00:00:00:1e \
    type veth peer name far1 index 40 address 02:00:00:00:00:28
ip link set line1 up
ip link set far1 up
ip address add 198.51.100.1/24 dev line1
ip address add 2001:db8:1::1/64 dev line1 nodad
"""


def ip(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


# "name what: command"; the message's bytes must contain `what` (an address or an interface), which
# tells it from others of its type.  Without a name, nothing is recorded.
STEPS = """
link_lower_down line0: ip link set far0 down
link_half_up line1: ip link set line1 down; ip link set far1 down; ip link set line1 up
: ip link set far1 up; ip address replace 2001:db8:1::1/64 dev line1 nodad
link_up line0: ip link set far0 up
link_renamed cable0: ip link add spare0 index 50 address 02:00:00:00:00:32 \
    type veth peer name spare1 index 60; ip link set spare0 name cable0
link_admin_down cable0: ip link set cable0 up; ip link set cable0 down
bridge_port_joined cable0: ip link add br0 type bridge; ip link set cable0 master br0
bridge_port_left cable0: ip link set cable0 nomaster
link_gone cable0: ip link delete cable0
link_tun tun7: ip tuntap add dev tun7 mode tun; ip link set tun7 up
link_vlan_lower_down line1.5: ip link add link line1 name line1.5 type vlan id 5; \
    ip link set line1.5 up; ip link set line1 down; ip link set line1 up; ip link set far1 down
: ip link set far1 up; ip address replace 2001:db8:1::1/64 dev line1 nodad; \
    ip address replace 198.51.100.1/24 dev line1
link_sit six0: ip tunnel add six0 mode sit local 192.0.2.1 remote 192.0.2.9; ip link set six0 up
addr_v4 203.0.113.5: ip address add 203.0.113.5/29 dev line0
addr_v4_gone 203.0.113.5: ip address delete 203.0.113.5/29 dev line0
addr_v4_peer 203.0.113.9: ip address add 203.0.113.9 peer 203.0.113.10 dev line0
addr_v6_peer 2001:db8:2::1: ip address add 2001:db8:2::1 peer 2001:db8:2::2 dev line0 nodad
addr_v6_tentative 2001:db8:3::1: ip address add 2001:db8:3::1/64 dev line0
addr_v6_deprecated 2001:db8:4::1: ip address add 2001:db8:4::1/64 dev line0 nodad \
    preferred_lft 0 valid_lft 600
addr_v6_gone 2001:db8:4::1: ip address delete 2001:db8:4::1/64 dev line0
neighbour_stale 192.0.2.2: ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 nud stale dev line0
neighbour_reachable 192.0.2.2: ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 \
    nud reachable dev line0
neighbour_permanent 192.0.2.2: ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:02 \
    nud permanent dev line0
neighbour_gone 192.0.2.2: ip neighbour delete 192.0.2.2 dev line0
neighbour_v6_probe 2001:db8::2: ip neighbour add 2001:db8::2 lladdr 02:00:00:00:00:02 \
    nud probe dev line0
neighbour_learned 192.0.2.3: ip neighbour add 192.0.2.3 lladdr 02:00:00:00:00:03 \
    nud stale extern_learn dev line0
neighbour_managed 192.0.2.4: ip neighbour add 192.0.2.4 managed dev line0
rule_source: ip rule add priority 10100 from 203.0.113.0/29 lookup 1001 protocol 97
rule_source_gone: ip rule delete priority 10100 from 203.0.113.0/29 lookup 1001 protocol 97
rule_source_v6: ip -6 rule add priority 10100 from 2001:db8:4430::/59 lookup 1001 protocol 97
rule_goto: ip rule add priority 10000 to 192.0.2.0/24 goto 32766
rule_suppress: ip rule add priority 10010 lookup main suppress_prefixlength 0
rule_mark: ip rule add priority 10200 fwmark 0x100/0xff00 iif line0 lookup 1002
rule_mark_whole: ip rule add priority 10201 fwmark 7 lookup 100
exotic_not: ip rule add priority 20000 not from 203.0.113.0/29 lookup 1001
exotic_tos: ip rule add priority 20001 tos 0x10 lookup 1001
exotic_oif: ip rule add priority 20002 oif line0 lookup 1001
exotic_ipproto: ip rule add priority 20003 ipproto tcp lookup 1001
exotic_sport: ip rule add priority 20004 sport 53 lookup 1001
exotic_dport: ip rule add priority 20005 dport 5060-5061 lookup 1001
exotic_uid: ip rule add priority 20006 uidrange 33-33 lookup 1001
exotic_ifgroup: ip rule add priority 20007 lookup main suppress_ifgroup 5
exotic_blackhole: ip rule add priority 20008 from 203.0.113.0/29 blackhole
exotic_unreachable: ip -6 rule add priority 20009 from 2001:db8::/32 unreachable
exotic_nop: ip rule add priority 20010 from 203.0.113.0/29 nop
exotic_realms: ip rule add priority 20011 from 203.0.113.0/29 lookup 1001 realms 5
exotic_tun_id: ip rule add priority 20012 tun_id 5 lookup 1001
exotic_l3mdev: ip rule add priority 20013 l3mdev
route_default: ip route add default via 192.0.2.2 dev line0 metric 20 proto dhcp src 192.0.2.1
route_default_gone: ip route delete default metric 20
route_table: ip route add 10.16.0.0/12 via 192.0.2.2 dev line0 table 1001
route_multipath: ip route add default table 1003 nexthop via 192.0.2.2 weight 1 \
    nexthop via 198.51.100.2 dev line1 weight 30
route_via_v6: ip route add default via inet6 fe80::1 dev line0 table 1004
route_unreachable: ip route add unreachable default table 1001 metric 4278198272
route_throw: ip route add throw 10.0.0.0/8 table 1001
route_tos: ip route add default tos 0x10 via 192.0.2.2 table 1001
route_v6_default: ip -6 route add default via fe80::1 dev line0 table 1001
route_v6_multipath: ip -6 route add default table 1003 nexthop via 2001:db8::2 weight 2 \
    nexthop via 2001:db8:1::2 weight 3
route_v6_unreachable: ip -6 route add unreachable default table 1004 metric 4278198272
route_v6_source: ip -6 route add default from 2001:db8:4430::/59 via fe80::1 dev line0 table 1001
nexthop_v4: ip nexthop add id 7 via 192.0.2.2 dev line0 protocol zebra
nexthop_v6: ip nexthop add id 8 via fe80::1 dev line1
nexthop_device: ip nexthop add id 9 dev line1
nexthop_blackhole: ip nexthop add id 10 blackhole
nexthop_group: ip nexthop add id 11 group 7/9,20
nexthop_replaced: ip nexthop replace id 7 via 192.0.2.3 dev line0 protocol zebra
route_object: ip route add default nhid 7 table 1005
route_object_v6: ip -6 route add default nhid 8 table 1005
route_object_group: ip route add default nhid 11 table 1006
route_object_only: sysctl -qw net.ipv4.nexthop_compat_mode=0; ip route add default nhid 7 table 1007
route_object_only_v6: ip -6 route add default nhid 8 table 1007
nexthop_gone: ip nexthop delete id 10
"""

# by the first word of a name
KINDS = {"link": NEWLINK, "bridge": NEWLINK, "addr": NEWADDR, "neighbour": NEWNEIGH}
KINDS |= {"rule": NEWRULE, "exotic": NEWRULE, "route": NEWROUTE, "nexthop": NEWNEXTHOP}


def steps():
    """(name, command, message type, what it contains) of each step; DEL* are NEW* + 1."""
    for line in STEPS.strip().splitlines():
        head, _, command = line.partition(": ")
        name, _, what = head.partition(" ")
        kind = KINDS.get(name.split("_")[0], 0) + name.endswith(("_gone", "_left"))
        yield name, " ".join(command.split()), kind, bytes_of(what)


def bytes_of(what):
    try:
        return ip(what)
    except OSError:
        return what.encode() + b"\0" if what else b""


def run(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


def messages(datagram):
    while len(datagram) >= 16:
        length = struct.unpack_from("=I", datagram)[0]
        if not 16 <= length <= len(datagram):
            return
        yield datagram[:length]
        datagram = datagram[(length + 3) & ~3:]


def is_wanted(message, kind, contains):
    return struct.unpack_from("=H", message, 4)[0] == kind and contains in message


def caused_by(events, command, kind, contains):
    """The last message of its kind that the command caused, or the command's error."""
    while select.select([events], [], [], 0.2)[0]:
        events.recv(65536)
    error = run(command)
    if error or not kind:
        return None, error
    found = None
    # carrier changes come up to a second late
    while select.select([events], [], [], 0.3 if found else 2.5)[0]:
        for message in messages(events.recv(65536)):
            if is_wanted(message, kind, contains):
                found = message
    return found, "" if found else "no such message"


def answers(kind, flags, body):
    asking = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    for option in (EXT_ACK, CAP_ACK, STRICT):
        asking.setsockopt(SOL_NETLINK, option, 1)
    asking.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, 1, 0) + body)
    asking.settimeout(2)
    while True:
        for message in messages(asking.recv(65536)):
            yield message
            if struct.unpack_from("=H", message, 4)[0] in (ERROR, DONE):
                return


def attribute(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def record_answers():
    def show(name, what, message):
        print(f"# {what}\n{name} {message.hex()}")

    link = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + attribute(29, struct.pack("=I", 8))
    links = list(answers(18, NLM_F_DUMP, link))
    loopback = [m for m in links if b"lo\0" in m and is_wanted(m, NEWLINK, b"")]
    show("link_loopback", "from a dump of links", loopback[0])
    show("done", "end of a dump", links[-1])
    header = struct.pack("=BxxxiHBB", socket.AF_INET, 10, 0, 0, 0)
    absent = list(answers(GETNEIGH, NLM_F_ACK, header + attribute(1, ip("192.0.2.77"))))
    show("error_no_entry", "RTM_GETNEIGH 192.0.2.77 on line0", absent[-1])
    without_address = list(answers(GETNEIGH, NLM_F_ACK, header))
    show("error_with_text", "RTM_GETNEIGH without an address", without_address[-1])
    routes = list(dump_of_routes(4242, socket.AF_INET))
    show("done_no_table", "dump of the routes of table 4242, which is not there", routes[-1])
    proxy = "ip neighbour add proxy 192.0.2.66 dev line0"
    run(proxy)
    header = struct.pack("=BxxxiHBB", socket.AF_INET, 0, 0, 8, 0)
    proxies = list(answers(GETNEIGH, NLM_F_DUMP, header))
    show("neighbour_proxy", f"from a dump of proxies: {proxy}", proxies[0])


def dump_of_routes(table, family):
    header = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
    return answers(26, NLM_F_DUMP, header + attribute(15, struct.pack("=I", table)))


def record_link_states(events):
    """Flags that dumps show but no message announces: next hops that are down."""

    def record(name, command, *families):
        caused_by(events, command, NEWLINK, b"line0\0")
        for suffix, family in families:
            routes = [m for m in dump_of_routes(1003, family) if is_wanted(m, NEWROUTE, b"")]
            print(f"# {command}; dump of table 1003\nroute_{name}{suffix} {routes[0].hex()}")

    record("linkdown", "ip link set far0 down", ("", socket.AF_INET), ("_v6", socket.AF_INET6))
    record("dead", "ip link set line0 down", ("", socket.AF_INET))


def main():
    if "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, "--inside"])
    print(f"# rtnetlink messages of Linux {os.uname().release.split('-')[0]}, by record_netlink.py")
    error = run("set -e; " + SETUP)
    if error:
        sys.exit(error)
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    events.bind((0, 0))
    for group in GROUPS:
        events.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
    for name, command, kind, contains in steps():
        message, error = caused_by(events, command, kind, contains)
        if not name:
            continue
        print(f"# {command}")
        print(f"{name} {message.hex()}" if message else f"# not here: {' '.join(error.split())}")
    record_answers()
    record_link_states(events)


if __name__ == "__main__":
    main()
