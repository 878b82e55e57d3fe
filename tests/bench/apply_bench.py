#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a configuration of 2, 64 and 512 uplinks takes to be in force, to change and to go.

    MULTIHOME_BUILD=build tests/bench/apply_bench.py [--rounds N] [--uplinks N ...]

A benchmark, not a test: it prints medians and ranges and judges nothing.  Every uplink is a veth
with an IPv4 and an IPv6 gateway behind it, probed at the default rate by real zebra, module and
multihomed.  Beside it, in the same run, the floor: iproute2 and nft adding the same rules, routes
and table to an empty namespace, two batches and a transaction.  Central: measure().
"""

import argparse
import json
import pathlib
import re
import socket
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lab.frr import Frr  # noqa: E402
from lab.stage import Stage  # noqa: E402
from lab.waiting import wait_for  # noqa: E402

_LOAD, _MORE, _FAIL, _GO, _FLOOR = (
    "whole configuration by vtysh -b until in force",
    "one uplink more until in force",
    "a line's carrier lost until main's default has moved",
    "no router multihome until all is gone",
    "the same by ip -batch and nft -f",
)


class Office(Stage):
    """What tests/lab's Frr needs of a lab, with `count` lines instead of its two."""

    def __init__(self, count):
        self.count = count
        super().__init__(f"bench{count}", ("router", "far", "empty"))
        self.far, self.empty = self["far"], self["empty"]
        self._build()

    def _build(self):
        """One line more than counted: the one that is added."""
        everyone = range(self.count + 1)
        self.router.batch(
            f"link add u{i} address {mac(2, i)} type veth peer name p{i} address {mac(1, i)} "
            f"netns {self.far.name}"
            for i in everyone
        )
        for namespace, end, host, other in ((self.router, "u", 2, 1), (self.far, "p", 1, 2)):
            commands = []
            for i in everyone:
                commands.append(f"link set {end}{i} up")
                for net, length in zip(networks(i), (24, 64)):
                    commands += [
                        f"addr add {net}{host}/{length} dev {end}{i}",
                        # permanent: the kernel has room for 1024 others, in all namespaces
                        f"neigh replace {net}{other} lladdr {mac(other, i)} dev {end}{i}",
                    ]
            namespace.batch(commands)


def networks(i):
    """All but the host's part of the two prefixes of line i."""
    return f"10.{100 + i // 256}.{i % 256}.", f"2001:db8:{i:x}::"


def mac(host, i):
    return f"02:4d:{host:02x}:00:{i // 256:02x}:{i % 256:02x}"


def uplink(i):
    net4, net6 = networks(i)
    return f""" uplink line{i}
  interface u{i}
  preference {i + 1}
  ip gateway {net4}1
  ipv6 gateway {net6}1
 exit
"""


def configuration(count):
    uplinks = "".join(uplink(i) for i in range(count))
    return f"router multihome\n internal 172.16.0.0/12\n{uplinks}exit\n"


class Vty:
    """multihomed's own vty socket, without the start of a vtysh for every question."""

    def __init__(self, frr):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(frr.run_directory / "multihomed.vty"))
        self.ask("enable")

    def ask(self, command):
        """An answer ends with three zero bytes and the result."""
        self._socket.sendall(command.encode() + b"\0")
        answer = b""
        while len(answer) < 4 or answer[-4:-1] != b"\0\0\0":
            answer += self._socket.recv(1 << 20)
        return answer[:-4].decode()

    def is_settled(self, lines):
        overview = json.loads(self.ask("show multihome json"))
        return (
            overview.get("settlement", {}).get("settled") and len(overview["lines"]) == 2 * lines
        )


def spread(values, digits=0):
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({least:.{digits}f}-{most:.{digits}f})"


def until(condition, what):
    wait_for(condition, 120.0, what=what, interval=0.002)


def main_default(router):
    text = router.ip("-j", "route", "show", "default", "table", "main")
    return {route.get("dev") for route in json.loads(text or "[]")}


class Clock:
    def __init__(self):
        self._begun = time.monotonic()

    def milliseconds(self):
        return (time.monotonic() - self._begun) * 1e3


def floor(office, count):
    """Adds what multihomed has put into the router's namespace to an empty one."""
    office.empty.batch(
        command
        for i in range(count)
        for command in (
            f"link add u{i} type veth peer name q{i}",
            f"link set u{i} up",
            f"link set q{i} up",
            f"addr add {networks(i)[0]}2/24 dev u{i}",
            f"addr add {networks(i)[1]}2/64 dev u{i}",
        )
    )
    batches = {}
    for family in (4, 6):
        rules = office.router.ip(f"-{family}", "-N", "rule").splitlines()
        commands = [
            "rule add priority " + line.replace(":\t", " ", 1).replace("proto 97", "protocol 97")
            for line in rules
            if "proto 97" in line
        ]
        for table in [254, 253, *range(1001, 1001 + count)]:
            listed = office.router.ip(f"-{family}", "-N", "route", "show", "table", str(table))
            commands += [
                "route add " + re.sub(r"nhid \d+|proto \S+|pref \S+|linkdown", "", line)
                + f" table {table}"
                for line in listed.splitlines()
                if table != 254 or line.startswith("default")
            ]
        batches[family] = commands
    table = office.router.run("nft", "list", "table", "inet", "multihome")
    clock = Clock()
    for family, commands in batches.items():
        office.empty.batch(commands, family)
    office.empty.nft(table)
    return clock.milliseconds()


def measure(count, rounds):
    """{what: [milliseconds]} for so many uplinks."""
    office = Office(count)
    frr = Frr(office)
    figures = {what: [] for what in (_LOAD, _MORE, _FAIL, _GO, _FLOOR)}
    try:
        frr.start_zebra(True, "--v6-rr-semantics", "-K", "60")
        frr.start_multihomed()
        vty = Vty(frr)
        for _ in range(rounds):
            measure_round(office, frr, vty, figures)
        figures[_FLOOR].append(floor_of_loaded(office, frr, vty))
        frr.stop_all()
    finally:
        office.close()
    return figures


def floor_of_loaded(office, frr, vty):
    frr.load(configuration(office.count))
    until(lambda: vty.is_settled(office.count), "in force")
    return floor(office, office.count)


def measure_round(office, frr, vty, figures):
    count = office.count
    clock = Clock()
    frr.load(configuration(count))
    until(lambda: vty.is_settled(count), "in force")
    figures[_LOAD].append(clock.milliseconds())

    clock = Clock()
    frr.configure("router multihome\n" + uplink(count))
    until(lambda: vty.is_settled(count + 1), "one more in force")
    figures[_MORE].append(clock.milliseconds())

    until(lambda: main_default(office.router) == {"u0"}, "the first line carries")
    clock = Clock()
    office.far.ip("link", "set", "p0", "down")
    until(lambda: main_default(office.router) == {"u1"}, "the next line carries")
    figures[_FAIL].append(clock.milliseconds())
    office.far.ip("link", "set", "p0", "up")

    clock = Clock()
    frr.vtysh("configure terminal", "no router multihome")
    until(lambda: vty.is_settled(0), "gone")
    figures[_GO].append(clock.milliseconds())


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--uplinks", type=int, nargs="+", default=[2, 64, 511])
    options = options.parse_args()
    print("| milliseconds | " + " | ".join(f"{n} uplinks" for n in options.uplinks) + " |")
    print("|---|" + "---|" * len(options.uplinks))
    columns = []
    for count in options.uplinks:
        print(f"measuring {count} uplinks ...", file=sys.stderr)
        columns.append(measure(count, options.rounds))
    for what in columns[0]:
        print(f"| {what} | " + " | ".join(spread(column[what]) for column in columns) + " |")


if __name__ == "__main__":
    main()
