#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# record_ctnetlink.py: what this kernel says in a dump of tracked flows, as test data.
# Makes four flows with conntrack(8) in a network namespace of its own and prints their entries, one
# a line: "protocol_<number> <hex>". The tests say what each must decode to: they know these flows.
#   ./record_ctnetlink.py > ctnetlink-$(uname -r | cut -d. -f1,2).txt
import os
import socket
import struct
import subprocess
import sys

from record_netlink import DONE, ERROR, messages

NETFILTER, GET_FLOWS, REQUEST_DUMP = 12, 0x0101, 0x301
NATED = "-n 192.0.2.50"
TCP = "-p tcp --sport 40001 --dport 443 --state ESTABLISHED"
FLOWS = [
    (6, f"-s 10.0.0.1 -d 203.0.113.1 {TCP} {NATED}"),
    (1, f"-s 10.0.0.2 -d 203.0.113.2 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 77 {NATED}"),
    (17, "-s fd00::3 -d 2001:db8:f::1 -p udp --sport 1003 --dport 53 -n 2001:db8:a::1 -w 9"),
    (58, "-s fd00::4 -d 2001:db8:f::1 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 78"),
]


def dump(family):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER) as kernel:
        kernel.send(struct.pack("=IHHIIBBH", 20, GET_FLOWS, REQUEST_DUMP, 1, 0, family, 0, 0))
        while True:
            for message in messages(kernel.recv(1 << 16)):
                kind = struct.unpack_from("=H", message, 4)[0]
                if kind in (DONE, ERROR):
                    return
                yield message


def main():
    if "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, "--inside"])
    for _, flow in FLOWS:
        options = ["-t", "3600", "-u", "SEEN_REPLY,ASSURED"]
        subprocess.run(
            ["conntrack", "-I", *options, *flow.split()], check=True, stdout=subprocess.DEVNULL
        )
    release = ".".join(os.uname().release.split(".")[:2])
    print(f"# entries of a conntrack dump of Linux {release}")
    for family in (socket.AF_INET, socket.AF_INET6):
        for message in dump(family):
            protocol = next(number for number, flow in FLOWS if marker(flow) in message)
            print(f"protocol_{protocol} {message.hex()}")


def marker(flow):
    """Its source, which no other has."""
    source = flow.split()[1]
    return socket.inet_pton(socket.AF_INET6 if ":" in source else socket.AF_INET, source)


if __name__ == "__main__":
    main()
