# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of equal preference share new flows by weight, and each flow stays where it began.

The topology is the tests' own: any number of lines between the router and one far end, which sees
by the source into which a flow was translated by which line it came.  A flow is a UDP socket of the
host inside; the far end never answers, so nothing but the router decides.  Central: Sharing.send().
"""

import contextlib
import itertools
import json
import os
import socket

import pytest

from .frr import Frr
from .netns import in_namespace
from .stage import Stage
from .waiting import wait_for

FLOWS = 10_000
SERVER = {4: "198.51.100.1", 6: "2001:db8:ffff::1"}
PORT = 7000
_numbers = itertools.count()
_FREEBIND = {4: (socket.IPPROTO_IP, 15), 6: (socket.IPPROTO_IPV6, 78)}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def line_net(family, line):
    return f"10.100.{line}." if family == 4 else f"2001:db8:{line + 1:x}::"


def source(family, number):
    """One of 65,536 inside addresses, all of the host's."""
    if family == 4:
        return f"172.20.{number // 256}.{number % 256}"
    return f"fd00:20::{number:x}"


class Sharing(Stage):
    """The router with `weights` lines of equal preference, and both ends."""

    def __init__(self, weights, options=()):
        self.weights = weights
        super().__init__(f"s{next(_numbers)}x{os.getpid()}", ("router", "inside", "far"))
        self.inside, self.far = self["inside"], self["far"]
        self._build()
        self._servers = {family: in_namespace(self.far.name, lambda f=family: self._server(f))
                         for family in (4, 6)}  # fmt: skip
        self.frr = Frr(self)
        self._options = options

    def start(self, with_module=True):
        self.frr.start_zebra(with_module, "--v6-rr-semantics", "-K", "60")
        self.frr.start_multihomed()
        self.frr.load(self._configuration())
        self.wait_carrying(set(range(len(self.weights))))
        # long enough for a flow that waits between two of its packets
        self.router.sysctl(net__netfilter__nf_conntrack_udp_timeout=300)

    def close(self):
        self.frr.stop_all()
        for server in self._servers.values():
            server.close()
        super().close()

    # -- what is asked of it ----------------------------------------------------------------------

    def send(self, family, flows):
        """One datagram of each (source, port); {flow: line by which it came}, all of them."""
        flows = list(flows)
        server = self._servers[family]

        def body():
            lines = {}
            for first in range(0, len(flows), 100):
                batch = flows[first : first + 100]
                for flow in batch:
                    self._send_one(family, flow)
                for _ in batch:
                    word, sender = server.recvfrom(100)
                    address, port = word.decode().split()
                    lines[address, int(port)] = self._line_of(family, sender[0])
            return lines

        return in_namespace(self.inside.name, body)

    @staticmethod
    def _send_one(family, flow):
        with socket.socket(_FAMILY[family], socket.SOCK_DGRAM) as sock:
            sock.setsockopt(*_FREEBIND[family], 1)
            sock.bind(flow)
            sock.sendto(f"{flow[0]} {flow[1]}".encode(), (SERVER[family], PORT))

    def _line_of(self, family, address):
        nets = [line_net(family, line) for line in range(len(self.weights))]
        return next(line for line, net in enumerate(nets) if address.startswith(net))

    def shares(self, lines):
        """Percentage of each line."""
        values = list(lines.values())
        return [100 * values.count(line) / len(values) for line in range(len(self.weights))]

    def wait_carrying(self, lines):
        """Wait until exactly these lines are in main's defaults and all is in place."""

        def carries():
            overview = self.frr.shown()
            if not overview.get("settlement", {}).get("settled"):
                return False
            return all(self.default(family) == lines for family in (4, 6))

        wait_for(carries, 20, what=f"lines {sorted(lines)} carry")

    def default(self, family):
        text = self.router.ip(f"-{family}", "-j", "route", "show", "default", "table", "main")
        return {
            int(hop["dev"][1:])
            for route in json.loads(text or "[]")
            for hop in route.get("nexthops", [route])
            if hop.get("dev")
        }

    def set_cable(self, line, is_plugged):
        self.far.ip("link", "set", f"p{line}", "up" if is_plugged else "down")
        if is_plugged:  # addresses of IPv6 and neighbours go with the link
            self._furnish(line)

    # -- building -------------------------------------------------------------------------------

    def _build(self):
        self.router.ip(
            *"link add lan address 02:4d:00:00:00:01 type veth peer name eth0".split(),
            *f"address 02:4d:00:00:00:02 netns {self.inside.name}".split(),
        )
        self.router.batch(
            """
            link set lan up
            addr add 172.31.0.1/24 dev lan
            addr add fd00:31::1/64 dev lan nodad
            neigh replace 172.31.0.2 lladdr 02:4d:00:00:00:02 dev lan
            neigh replace fd00:31::2 lladdr 02:4d:00:00:00:02 dev lan
            route add 172.20.0.0/16 via 172.31.0.2
            route add fd00:20::/64 via fd00:31::2
            """.splitlines()
        )
        self.inside.batch(
            """
            link set eth0 up
            addr add 172.31.0.2/24 dev eth0
            addr add fd00:31::2/64 dev eth0 nodad
            neigh replace 172.31.0.1 lladdr 02:4d:00:00:00:01 dev eth0
            neigh replace fd00:31::1 lladdr 02:4d:00:00:00:01 dev eth0
            route add default via 172.31.0.1
            route add default via fd00:31::1
            route add local 172.20.0.0/16 dev lo
            route add local fd00:20::/64 dev lo
            """.splitlines()
        )
        self.far.batch(f"addr add {address} dev lo" for address in SERVER.values())
        for line in range(len(self.weights)):
            self.router.ip(
                *f"link add u{line} address {mac(2, line)} type veth peer name p{line}".split(),
                *f"address {mac(1, line)} netns {self.far.name}".split(),
            )
            self.router.ip("link", "set", f"u{line}", "up")
            self.far.ip("link", "set", f"p{line}", "up")
            self._furnish(line)

    def _furnish(self, line):
        for namespace, end, host, other in ((self.router, "u", 2, 1), (self.far, "p", 1, 2)):
            commands = []
            for family, length in ((4, 24), (6, 64)):
                net = line_net(family, line)
                commands += [
                    f"addr replace {net}{host}/{length} dev {end}{line}",
                    f"neigh replace {net}{other} lladdr {mac(other, line)} dev {end}{line}",
                ]
            namespace.batch(commands)

    @staticmethod
    def _server(family):
        server = socket.socket(_FAMILY[family], socket.SOCK_DGRAM)
        server.bind((SERVER[family], PORT))
        server.settimeout(5)
        return server

    def _configuration(self):
        uplinks = "".join(
            f""" uplink line{line}
  interface u{line}
  weight {weight}
  ip gateway {line_net(4, line)}1
  ipv6 gateway {line_net(6, line)}1
  ipv6 nat masquerade
  probe stable-for 300
 exit
"""
            for line, weight in enumerate(self.weights)
        )
        options = "".join(f" {option}\n" for option in self._options)
        internal = " internal 172.16.0.0/12\n internal fd00::/8\n"
        return f"router multihome\n{internal}{options}{uplinks}exit\n"


def mac(host, line):
    return f"02:4d:{host:02x}:00:00:{line:02x}"


@contextlib.contextmanager
def sharing(weights, options=(), with_module=True):
    office = Sharing(weights, options)
    try:
        office.start(with_module)
        yield office
    finally:
        office.close()


def of_one_host(count, family, first=10_000):
    return [(source(family, 1), port) for port in range(first, first + count)]


def of_many_hosts(count, family, port=20_000):
    return [(source(family, number), port + number) for number in range(1, count + 1)]


def expect_shares(office, lines):
    total = sum(office.weights)
    wanted = [100 * weight / total for weight in office.weights]
    assert office.shares(lines) == pytest.approx(wanted, abs=3)


@pytest.fixture(scope="module", params=[(2, 1), (1, 1, 1)], ids=["2-1", "1-1-1"])
def per_flow(request):
    with sharing(request.param) as office:
        yield office


@pytest.mark.parametrize("family", [4, 6])
def test_flows_of_one_host_are_shared_by_weight(per_flow, family):
    expect_shares(per_flow, per_flow.send(family, of_one_host(FLOWS, family)))


@pytest.mark.parametrize("family", [4, 6])
def test_a_flow_stays_while_lines_come_and_go(per_flow, family):
    """Flows of the other lines stay where they are, and none is lost."""
    flows = of_one_host(2000, family, first=30_000)
    everyone = set(range(len(per_flow.weights)))
    lost = len(per_flow.weights) - 1
    before = per_flow.send(family, flows)
    assert before == per_flow.send(family, flows)
    per_flow.set_cable(lost, False)
    per_flow.wait_carrying(everyone - {lost})
    without = per_flow.send(family, flows)
    assert {f: line for f, line in without.items() if before[f] != lost} == {
        f: line for f, line in before.items() if line != lost
    }
    assert lost not in without.values()
    per_flow.set_cable(lost, True)
    per_flow.wait_carrying(everyone)
    assert per_flow.send(family, flows) == without
    expect_shares(per_flow, per_flow.send(family, of_one_host(5000, family, first=50_000)))


def test_the_kernel_is_as_before_when_nothing_is_shared(per_flow):
    lost = len(per_flow.weights) - 1
    policies = [f"net/ipv{family}/fib_multipath_hash_policy" for family in (4, 6)]
    assert [per_flow.router.read_sysctl(policy) for policy in policies] == ["1", "1"]
    others = [f"uplink line{line}\n shutdown\nexit\n" for line in range(1, lost + 1)]
    per_flow.frr.change(*others)
    per_flow.wait_carrying({0})
    assert [per_flow.router.read_sysctl(policy) for policy in policies] == ["0", "0"]
    per_flow.frr.change(*(each.replace("shut", "no shut") for each in others))
    per_flow.wait_carrying(set(range(lost + 1)))
    assert [per_flow.router.read_sysctl(policy) for policy in policies] == ["1", "1"]


@pytest.mark.parametrize("weights", [(2, 1), (1, 1, 1)], ids=["2-1", "1-1-1"])
def test_all_flows_of_a_source_leave_by_one_line(weights):
    with sharing(weights, ["load-sharing per-source"]) as office:
        for family in (4, 6):
            first = office.send(family, of_many_hosts(FLOWS, family))
            expect_shares(office, first)
            line_of = {address: line for (address, _), line in first.items()}
            more = [
                (source(family, number), port)
                for number in range(1, 501)
                for port in range(60_000, 60_004)
            ]
            for (address, _), line in office.send(family, more).items():
                assert line == line_of[address], address


def test_flows_are_shared_on_stock_zebra():
    with sharing((2, 1), with_module=False) as office:
        for family in (4, 6):
            flows = of_one_host(FLOWS, family)
            lines = office.send(family, flows)
            expect_shares(office, lines)
            assert office.send(family, flows) == lines
