# SPDX-License-Identifier: GPL-2.0-or-later
"""A routing protocol inside: one router with two lines, a client router, a host behind it.

    h --- r2 --- r1 --- charter --- inet
                   `--- att ------'

r1 runs multihomed, r2 is FRR as it comes.  What r1 knows of h's networks it knows by the protocol,
and r2 knows the default by it.  The folders mh_PROTOCOL hold a PROTOCOL and its lines of r1's and
r2's frr.conf; what they share is here: igp/r1.conf and igp/r2.conf, the topology, and the tests,
which run in the order written.  Addresses of the lines are those of tests/lab/plan.py.  Each line
asks a target of its own: one that fails on all lines would be taken for a bad target.
"""

import contextlib
import dataclasses
import functools
import ipaddress
import pathlib
import subprocess

import pytest

import multihome
from lab import plan
from lab.waiting import stays, wait_for
from lib.topogen import Topogen, get_topogen

COMMON = pathlib.Path(__file__).with_name("igp")
CHARTER, ATT = plan.LINES
R1_INSIDE = {4: "172.16.1.1", 6: "fd5a:1b2c:3d4e:1::1"}
# h's networks: one of ours by `internal`, one that looks like anybody's on the Internet.
HOST = {4: "10.10.0.10", 6: "fd5a:1b2c:3d4e:10::10"}
PUBLIC_HOST = {4: "198.19.20.10", 6: "2001:db8:300:20::10"}
R2_INSIDE = {4: "172.16.1.2", 6: "fd5a:1b2c:3d4e:1::2"}
R2_HOSTSIDE = {4: "10.10.0.1", 6: "fd5a:1b2c:3d4e:10::1"}
PREFIX_LENGTH = {4: 24, 6: 64}
ANY = {4: "0.0.0.0/0", 6: "::/0"}
TABLES = (253, 254, 1001, 1002)  # standby, main, and one for each line


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What differs: its name in zebra, and how long it may take to tell that a route is gone."""

    name: str
    families: tuple
    withdraws_within: float = 10.0

    @property
    def daemon(self):
        return f"{self.name}d"


# -- building -----------------------------------------------------------------------------------


def build_topo(tgen):
    r1 = multihome.add_router(tgen, "r1")
    r2 = tgen.add_router("r2")
    hosts = {name: multihome.add_bare_host(tgen, name) for name in ("charter", "att", "inet", "h")}
    tgen.add_link(r1, r2, "r1-eth0", "r2-eth0")
    for number, line in enumerate(plan.LINES, 1):
        tgen.add_link(r1, hosts[line.name], f"r1-eth{number}", f"{line.name}-eth0")
        tgen.add_link(hosts[line.name], hosts["inet"], f"{line.name}-eth1", line.name)
    tgen.add_link(r2, hosts["h"], "r2-eth1", "h-eth0")


def start(mod, unnamed=()):
    """Build the topology, start both routers, wait until the lines are up.

    `unnamed` are (router, daemon) that the framework does not find by a `router NAME` in frr.conf.
    """
    tgen = Topogen(build_topo, mod.__name__)
    tgen.start_topology()
    address_hosts(tgen.gears)
    for name in ("r1", "r2"):
        _load(tgen.gears[name], pathlib.Path(mod.__file__).parent)
    for name, daemon in unnamed:
        tgen.gears[name].net.daemons[daemon] = 1
    tgen.start_router()
    wait_until_up(tgen.gears["r1"])


def setup_module(mod):
    """Of the folders that take the tests from here as they are."""
    start(mod)


def teardown_module():
    get_topogen().stop_topology()


def _load(router, folder):
    """The common configuration and the protocol's, as the one file that FRR reads."""
    router.net.cmd_raises("for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done")
    texts = [COMMON / f"{router.name}.conf", folder / router.name / "frr.conf"]
    whole = pathlib.Path(router.logdir, router.name, "whole.conf")
    whole.write_text("".join(path.read_text() for path in texts))
    if router.name == "r1":
        multihome.load(router, str(whole))
    else:
        router.load_frr_config(str(whole))


def address_hosts(gears):
    """Addresses and routes of everybody but the routers, whose are in their frr.conf."""
    address_outside(gears)
    lines = []
    for family in (4, 6):
        for address in (HOST[family], PUBLIC_HOST[family]):
            lines.append(_address(address, PREFIX_LENGTH[family], "h-eth0"))
        lines.append(f"route add default via {R2_HOSTSIDE[family]}")
    gears["h"].net.cmd_raises("ip -batch -", stdin="\n".join(lines) + "\n")


def address_outside(gears):
    """The providers and the Internet."""
    commands = {name: [] for name in ("charter", "att", "inet")}
    for address in (plan.INTERNET4, plan.INTERNET6, *plan.TARGETS4, *plan.TARGETS6):
        commands["inet"].append(f"addr add {address} dev lo")
    for line in plan.LINES:
        for family in (4, 6):
            transit = ipaddress.ip_network(line.transit4 if family == 4 else line.transit6)
            near, far, length = transit[1], transit[2], transit.prefixlen
            commands[line.name] += [
                _address(line.gateway(family), line.link_length(family), f"{line.name}-eth0"),
                _address(near, length, f"{line.name}-eth1"),
                f"route add default via {far}",
            ]
            commands["inet"].append(_address(far, length, line.name))
            link = line.link4 if family == 4 else line.link6
            commands["inet"].append(f"route add {link} via {near}")
    for name, lines in commands.items():
        gears[name].net.cmd_raises("ip -batch -", stdin="\n".join(lines) + "\n")
    for line in plan.LINES:
        gears[line.name].net.cmd_raises("nft -f -", stdin=_provider(line))


def _address(address, length, device):
    return f"addr add {address}/{length} dev {device}{' nodad' if ':' in str(address) else ''}"


def _provider(line):
    """Counts by source what comes from the customer; the chain `silent` is for the fault."""
    return f"""
        table inet provider {{
            counter good {{ }}
            counter wrong {{ }}
            chain silent {{ }}
            chain customer {{
                type filter hook prerouting priority raw; policy accept;
                iifname != "{line.name}-eth0" accept
                jump silent
                ip6 saddr {{ ::, fe80::/10 }} accept
                ip saddr {line.link4} counter name good accept
                ip6 saddr {{ {", ".join(line.prefixes(6))} }} counter name good accept
                counter name wrong drop
            }}
        }}"""


# -- looking and acting -------------------------------------------------------------------------


def wait_until_up(r1):
    wait_for(lambda: list(multihome.states(r1).values()) == ["up"] * 4, 30, what="all lines answer")


def start_again(router, daemon):
    """As watchfrr does it: only this daemon's part of frr.conf is read again."""
    router.startDaemons([daemon])
    router.net.cmd_raises(f"vtysh -b -d {daemon}")


def silence(line):
    """The provider takes every packet and says nothing; the carrier stays."""
    gear(line.name).net.cmd_raises("nft add rule inet provider silent drop")


def heal(line):
    gear(line.name).net.cmd_raises("nft flush chain inet provider silent")


def packets(line, counter):
    """What the provider has counted from the customer: "good" or "wrong" sources."""
    text = gear(line.name).net.cmd_raises(f"nft list counter inet provider {counter}")
    return int(text.split("packets", 1)[1].split()[0])


def pings(node, target, source=None, wait=1):
    """Whether one packet is answered."""
    command = f"ping -n -c1 -W{wait} {f'-I {source}' if source else ''} {target}"
    return ", 1 received" in node.net.cmd(command)


def host_reaches_internet(families, timeout=10):
    """From the address that is translated; IPv6 hosts would choose the other one."""
    for family in families:
        target, source = plan.internet(family), HOST[family]
        reaches = functools.partial(pings, gear("h"), target, source)
        wait_for(reaches, timeout, what=f"h reaches {target}")


def default_at(router, family):
    """The route that zebra has chosen for the default, None if there is none."""
    command = f"show {'ip' if family == 4 else 'ipv6'} route {ANY[family]} json"
    routes = router.vtysh_cmd(command, isjson=True).get(ANY[family], [])
    return next((route for route in routes if route.get("selected")), None)


def learned_default(protocol, family):
    """Whether r2 sends by r1 what it does not know, as the protocol taught it."""
    route = default_at(gear("r2"), family)
    if route is None or route["protocol"] != protocol.name:
        return False
    (nexthop,) = route["nexthops"]
    return nexthop["ip"] == _inside_address(family) and nexthop["interfaceName"] == "r2-eth0"


def _inside_address(family):
    """r1's address towards r2 as next hop: link-local in IPv6."""
    if family == 4:
        return R1_INSIDE[4]
    interfaces = {a["ifname"]: a["addr_info"] for a in multihome.kernel(gear("r1")).addresses()}
    (local,) = {a["local"] for a in interfaces["r1-eth0"] if a["local"].startswith("fe80:")}
    return local


def knows_host(family):
    """Whether r1 has both of h's networks by r2; nobody but the protocol can have told it."""
    routes = multihome.kernel(gear("r1")).routes(family, 254)
    found = {r["dst"] for r in routes if r.get("dev") == "r1-eth0" and "gateway" in r}
    wanted = {_network(address, family) for address in (HOST[family], PUBLIC_HOST[family])}
    return wanted <= found


def _network(address, family):
    return str(ipaddress.ip_network(f"{address}/{PREFIX_LENGTH[family]}", strict=False))


def wait_converged(protocol):
    patience = max(30, 2 * protocol.withdraws_within)
    for family in protocol.families:
        learned = functools.partial(learned_default, protocol, family)
        wait_for(learned, patience, what=f"r2 has the IPv{family} default")
        wait_for(functools.partial(knows_host, family), 30, what=f"r1 knows h, IPv{family}")


def ours(r1):
    """Every rule, the lines' tables and main's defaults, and whether our nft table is there."""
    kernel = multihome.kernel(r1)
    found = [f"nft {kernel.nft() is not None}"]
    for family in (4, 6):
        rules = kernel.namespace.ip("-N", f"-{family}", "rule", "show")
        found += [f"{family} rule {' '.join(line.split())}" for line in rules.splitlines()]
        for table in TABLES:
            for r in kernel.routes(family, table):
                if table != 254 or r["dst"] == "default":
                    found.append(f"{family} {table} {r['dst']} {r.get('gateway')} {r.get('dev')}")
    return sorted(found)


@contextlib.contextmanager
def default_untouched_at_r2():
    """Nothing happens to r2's defaults meanwhile, not even a withdrawal that comes back at once."""
    argv = [*gear("r2").net.pre_cmd, "ip", "monitor", "route"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as monitor:
        try:
            yield
        finally:
            monitor.terminate()
            text = monitor.communicate()[0]
    touched = [line for line in text.splitlines() if "default" in line]
    assert not touched, touched


def gear(name):
    return get_topogen().gears[name]


# -- the tests ----------------------------------------------------------------------------------


def pytest_generate_tests(metafunc):
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", metafunc.module.PROTOCOL.families)


@pytest.fixture
def protocol(request, tgen):
    del tgen  # fails where a router or a test before this one has
    return request.module.PROTOCOL


def test_client_router_learns_the_default(protocol):
    wait_converged(protocol)


def test_internal_routes_win_over_the_lines(protocol, family):
    """Whatever source, mark or interface would choose a line."""
    del protocol
    kernel = multihome.kernel(gear("r1"))
    for target in (HOST[family], PUBLIC_HOST[family]):
        for number, line in enumerate(plan.LINES, 1):
            address, gateway = line.router(family), f"r1-eth{number}"
            asked = [
                {"source": address},
                {"interface": gateway, "source": plan.internet(family)},
                {"interface": "r1-eth0", "source": R2_INSIDE[family], "mark": number << 24},
            ]
            for question in asked:
                assert kernel.route_get(target, **question).get("dev") == "r1-eth0", question
            assert pings(gear("r1"), target, address), f"{address} to {target}"


def test_host_reaches_the_internet_by_the_preferred_line(protocol):
    before = packets(CHARTER, "good")
    host_reaches_internet(protocol.families)
    assert packets(CHARTER, "good") > before


def test_a_foreign_source_stays_at_home(protocol, family):
    """A network that is nobody's to translate; the last test counts what a provider saw."""
    del protocol
    assert not pings(gear("h"), plan.internet(family), PUBLIC_HOST[family], wait=0.2)


def test_a_network_that_is_learned_is_translated(protocol, family):
    r1, target = gear("r1"), plan.internet(family)
    reaches = functools.partial(pings, gear("h"), target, PUBLIC_HOST[family])
    r1.vtysh_cmd(f"configure terminal\nrouter multihome\nlearn {protocol.name}")
    wait_for(reaches, what="h's network is inside")
    taught = r1.vtysh_cmd("show multihome json", isjson=True)["taught"]
    assert taught["networks"] == len(protocol.families) and taught["left_out"] == 0
    r1.vtysh_cmd(f"configure terminal\nrouter multihome\nno learn {protocol.name}")
    wait_for(lambda: not reaches(wait=0.2), what="it is nobody's to translate")


def test_failover_and_return_are_not_noticed_inside(protocol):
    r1 = gear("r1")
    with default_untouched_at_r2():
        silence(CHARTER)
        wait_for(lambda: "down" in multihome.states(r1).values(), what="charter is down")
        host_reaches_internet(protocol.families)
        heal(CHARTER)
        wait_until_up(r1)
        host_reaches_internet(protocol.families)


def test_crash_of_multihomed_is_not_noticed_inside(protocol):
    r1 = gear("r1")
    before = ours(r1)
    with default_untouched_at_r2():
        multihome.end_daemon(r1, "multihomed")
        host_reaches_internet(protocol.families)
        start_again(r1, "multihomed")
        wait_until_up(r1)
        wait_for(lambda: ours(r1) == before, what="all is as it was")
        stays(lambda: ours(r1) == before, 0.5, "as it was")


def test_default_is_gone_while_no_line_works(protocol):
    """`last-resort withdraw`; what is inside goes on."""
    r1, r2 = gear("r1"), gear("r2")
    for line in plan.LINES:
        silence(line)
    for family in protocol.families:
        wait_for(lambda f=family: default_at(r1, f) is None, what=f"r1 has no IPv{family} default")
        limit = protocol.withdraws_within
        wait_for(lambda f=family: default_at(r2, f) is None, limit, what=f"nor has r2, IPv{family}")
        assert pings(gear("h"), R1_INSIDE[family])
    heal(ATT)
    wait_converged(protocol)
    host_reaches_internet(protocol.families)
    heal(CHARTER)
    wait_until_up(r1)


def test_crash_of_the_protocol_changes_nothing_of_ours(protocol):
    r1 = gear("r1")
    before = ours(r1)
    multihome.end_daemon(r1, protocol.daemon)
    wait_for(
        lambda: not any(knows_host(f) for f in protocol.families),
        what="zebra has removed what the dead daemon taught",
    )
    assert ours(r1) == before
    start_again(r1, protocol.daemon)
    wait_converged(protocol)
    assert ours(r1) == before
    host_reaches_internet(protocol.families)


def test_no_provider_saw_a_foreign_source(protocol):
    del protocol
    assert [packets(line, "wrong") for line in plan.LINES] == [0, 0]


def test_stop_leaves_nothing(protocol):
    r1 = gear("r1")
    multihome.end_daemon(r1, "multihomed", 15)
    left = ["4 rule 0: from all lookup 255", "4 rule 32766: from all lookup 254"]
    left += ["4 rule 32767: from all lookup 253"]
    left += ["6 rule 0: from all lookup 255", "6 rule 32766: from all lookup 254", "nft False"]
    wait_for(lambda: ours(r1) == left, what="rules, routes and nft are as they were")
    for family in protocol.families:
        assert knows_host(family)
