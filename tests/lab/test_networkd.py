# SPDX-License-Identifier: GPL-2.0-or-later
"""A real systemd-networkd has the preferred line, and gives the LAN its part of a prefix.

As it comes it removes what is not its own when it takes an interface: every rule, and the routes,
nexthops and addresses of the interface.  MULTIHOME_RENEWALS_REAL says how often each lease
changes (2).
"""

import json

import pytest

from . import Flow, now_ns, plan, wait_for
from .kernel import Kernel
from .leases import AUTO, CHARTER, holds, judge, lease_changes, prefix_changes
from .leases import office  # noqa: F401  (a fixture)
from .leases import router6, wait_for_a_lease
from .managers import LEAVES_US_ALONE, HastyServer, HastyServer6, Networkd, Networkd6, Watcher
from .managers import clients_defaults
from .test_delegated import HALVES, rules_from
from .test_delegated import known as phases
from .test_learned import LEASES, details
from .waiting import stays

CHARTERS_ADDRESS = f"Address={CHARTER.router6}/64\n"  # it keeps no address that it does not know
DEFAULTS = {
    "": "",
    "UseGateway=no": "[DHCPv4]\nUseGateway=no\n",
    "RouteTable=201": "[DHCPv4]\nRouteTable=201\n",
}


@pytest.fixture
def server(lab, tmp_path):
    server = HastyServer(lab, tmp_path)
    server.offer(*LEASES[0])
    yield server
    server.stop()


@pytest.fixture
def networkd(lab, server, tmp_path):
    client = Networkd(lab, tmp_path)
    yield client
    client.stop()
    lab.router.ip("-4", "addr", "flush", "dev", CHARTER.interface)


def start_up(office, client, default=""):
    client.line = f"DHCP=ipv4\n{CHARTERS_ADDRESS}{DEFAULTS[default]}"
    client.start()
    wait_for_a_lease(office)


@pytest.fixture
def monitor(lab):
    """What `ip monitor` says of the kernel's rules and routes."""
    log = lab.log("monitor")
    log.unlink(missing_ok=True)
    pid = lab.ledger.spawn(lab.router.argv(["ip", "-N", "-o", "monitor", "rule", "route"]), log).pid
    marker = "203.0.113.250"

    def listens():
        lab.router.ip("route", "replace", "blackhole", marker)
        lab.router.ip("route", "del", "blackhole", marker)
        return marker in log.read_text()

    wait_for(listens, what="ip monitor listens")
    yield lambda: log.read_text().splitlines()
    lab.ledger.end(pid)


def removed(said, words):
    return [line for line in said if line.startswith("Deleted") and words in line]


OURS = "proto 97"  # of rules
BY_THE_LINE = f"dev {CHARTER.interface} table 1001"


@pytest.mark.parametrize("settings", ["", LEAVES_US_ALONE])
def test_what_it_removes_is_there_again_at_once(lab, office, networkd, monitor, settings):
    """Rules only as it comes; the line's routes in any case, since it removes zebra's nexthops."""
    kernel = Kernel(lab.router)
    wait_for(lambda: details(office, CHARTER)["ipv6"]["line"]["state"] == "up", what="IPv6 is up")
    rules = sorted(json.dumps(rule) for rule in kernel.rules(6))
    moving = Flow(lab, "udp", plan.INTERNET4, name="att")
    moving.wait_flowing()
    lab.reset_counters()
    begun = now_ns()
    networkd.settings = settings
    start_up(office, networkd)
    said = monitor()
    assert bool(removed(said, "suppress_prefixlength 0 " + OURS)) == (not settings)
    assert removed(said, BY_THE_LINE)
    wait_for(lambda: sorted(json.dumps(rule) for rule in kernel.rules(6)) == rules,
             what="rules are as they were")  # fmt: skip
    wait_for(lambda: details(office, CHARTER)["ipv6"]["line"]["state"] == "up", what="IPv6 is up")
    count = len(removed(monitor(), OURS))
    stays(lambda: len(removed(monitor(), OURS)) == count, 1, "nobody fights")
    moving.wait_flowing(now_ns())
    print("longest gap", moving.gap(begun))
    assert moving.gap(begun).ms < 1000
    assert lab.spoofed() == {}
    moving.stop()


@pytest.mark.parametrize("default", ["", "RouteTable=201"])
def test_another_lease(lab, office, server, networkd, new, default, record_property):
    gateway = "gateway auto table 201" if default else "gateway auto"
    office.frr.change("uplink charter", f"ip {gateway}")
    start_up(office, networkd, default)
    assert clients_defaults(lab, "main") == ([] if default else [CHARTER.interface])
    gaps = lease_changes(lab, office, new, server.offer)
    office.frr.change("uplink charter", "ip gateway auto")
    judge(lab, record_property, f"networkd {default}", gaps)


def test_it_can_do_without_a_default(lab, office, networkd):
    office.frr.change("uplink charter", f"ip gateway {CHARTER.gateway4}")
    start_up(office, networkd, "UseGateway=no")
    assert not clients_defaults(lab, "all")
    office.frr.change("uplink charter", "ip gateway auto")


# networkd 252 keeps what it made unreachable until the prefix would have ended
WHO_TELLS = {"the unreachable route": {"preferred": 4, "valid": 6}, "the hook": {}}


@pytest.fixture(params=WHO_TELLS)
def delegate(lab, request, office, tmp_path):
    """delegate(prefix): the provider has another one from now on."""
    server, client = HastyServer6(lab, tmp_path), Networkd6(lab, tmp_path)
    server.offer(HALVES[0], **WHO_TELLS[request.param])
    client.start()
    wait_for(lambda: holds(lab, router6(HALVES[0])), 30, what="a prefix is delegated")
    watcher = None
    if request.param == "the hook":
        stays(lambda: not rules_from(lab, HALVES[0]), 0.5, "it is nobody's: two lines have `auto`")
        watcher = Watcher(lab, tmp_path, office.frr)
    else:
        office.frr.change("uplink att", f"no {AUTO}")
    wait_for(lambda: rules_from(lab, HALVES[0]), what="it is the line's")
    yield lambda prefix: server.offer(prefix, **WHO_TELLS[request.param])
    server.stop()
    client.stop()
    wait_for(lambda: "current" not in phases(office).values(), what="nothing is delegated")
    if watcher:
        watcher.stop()
    office.frr.change("uplink att", AUTO)


def test_another_prefix(lab, office, delegate, request, record_property):
    judge(lab, record_property, request.node.name, prefix_changes(lab, office, delegate))


def test_a_number_inside_tells_whose_a_prefix_is(lab, office, tmp_path):
    """wide-dhcpv6's dhcp6c says no prefix, and gives what is inside addresses with it."""
    address = f"{router6(HALVES[0])[:-1]}5/64"
    watcher = Watcher(lab, tmp_path, office.frr, [f"{CHARTER.interface}=::5"])
    for verb, phase in (("add", "current"), ("del", "gone")):
        lab.router.ip("addr", verb, address, "dev", plan.LAN_INTERFACE)
        known = {f"{HALVES[0][:-3]}/64": phase}
        wait_for(lambda: known.items() <= phases(office).items(), what=f"it is {phase}")
    watcher.stop()
