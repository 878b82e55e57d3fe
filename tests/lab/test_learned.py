# SPDX-License-Identifier: GPL-2.0-or-later
"""Gateways and addresses that DHCP clients and router advertisements bring, change and take away.

What a client does to the kernel is done here by ip(8): addresses, and a default of its own in main.
MULTIHOME_RENEWALS says how often the lease changes (20).
"""

import json
import os
import statistics

import pytest

from . import BLACKHOLE, Flow, drivers, now_ns, plan, wait_for
from .kernel import Kernel
from .trial import begins_by, running_office

CHARTER, ATT = plan.LINES
RENEWALS = int(os.environ.get("MULTIHOME_RENEWALS", "20"))
# what the provider hands out in turn: (gateway, address)
LEASES = [("192.0.2.49", "192.0.2.50"), ("192.0.2.54", "192.0.2.51")]


def configuration(lab):
    text = drivers.office_configuration(lab, ["probe stable-for 300"])
    for line in lab.lines:
        text = text.replace(f"ip gateway {line.gateway4}", "ip gateway auto")
        text = text.replace(f"ipv6 gateway {line.gateway6}", "ipv6 gateway auto")
        text = text.replace(f"ip nat source {line.router4}", "ip nat masquerade")
    return text


def clients_defaults(lab, verb):
    for metric, line in enumerate(lab.lines, 100):
        for route in (
            f"-4 route {verb} default via {line.gateway4} proto dhcp metric {metric}",
            f"-6 route {verb} default via fe80::1 proto ra metric {metric + 900}",
        ):
            lab.router.ip(*route.split(), "dev", line.interface)


@pytest.fixture(scope="module")
def office(lab):
    clients_defaults(lab, "add")
    lab.provider(CHARTER).ip("addr", "add", f"{LEASES[1][0]}/29", "dev", "cust")
    with running_office(lab, configuration=configuration(lab)) as driver:
        yield driver
    clients_defaults(lab, "del")
    lab.provider(CHARTER).ip("addr", "del", f"{LEASES[1][0]}/29", "dev", "cust")


def leaves_by(office):
    ways = office.frr.shown()["ways"]
    return {way["family"]: [exit["uplink"] for exit in way["leaves_by"]] for way in ways}


def details(office, line):
    uplinks = office.frr.shown(f"uplink {line.name}")["uplinks"]
    return {detail["line"]["family"]: detail for detail in uplinks[0]["lines"]}


def test_gateways_are_learned(office):
    charter = details(office, CHARTER)
    assert charter["ipv4"]["gateway"] == CHARTER.gateway4
    assert charter["ipv4"]["gateway_learned_from"] == "dhcp"
    assert charter["ipv6"]["gateway"] == "fe80::1"
    assert charter["ipv6"]["gateway_learned_from"] == "ra"


def test_the_clients_default_does_not_hold_traffic_on_a_dead_line(lab, office, new):
    """main has the clients' defaults the whole time, charter's first."""
    lab.reset_counters()
    moving = Flow(lab, "udp", plan.INTERNET6, bind=ATT.lan_host6(), name="udp6")
    begins_by(new, CHARTER)
    lab.break_line(CHARTER, BLACKHOLE)
    begins_by(new, ATT)
    assert Kernel(lab.router).routes(4, "main")[0]["dev"] == CHARTER.interface
    wait_for(lambda: leaves_by(office) == {"ipv4": ["att"], "ipv6": ["att"]})
    for way in office.frr.shown()["ways"]:
        assert way["foreign_default"]["uplink"] == "charter"
        assert way["foreign_default_passed_over"] is True
    assert "is passed over" in office.frr.vtysh("show multihome")
    moving.wait_flowing(now_ns())
    lab.heal(CHARTER)
    begins_by(new, CHARTER)
    moving.stop()
    assert lab.spoofed() == {}


def test_without_a_client_the_line_waits(lab, office, new):
    route = f"default via {ATT.gateway4} dev {ATT.interface} proto dhcp metric 101".split()
    lab.router.ip("route", "del", *route)
    wait_for(lambda: details(office, ATT)["ipv4"]["line"]["state"] == "no-gateway")
    assert "no default route by eth2.4 in main" in details(office, ATT)["ipv4"]["line"]["reason"]
    lab.router.ip("route", "add", *route)
    wait_for(lambda: details(office, ATT)["ipv4"]["line"]["state"] == "up", 20)


def renew(lab, old, new):
    """A client whose server gave it another address and router; returns when the kernel knew."""
    interface = CHARTER.interface
    lab.router.batch(
        [
            f"route del default via {old[0]} dev {interface} proto dhcp metric 100",
            f"addr del {old[1]}/29 dev {interface}",
            f"addr add {new[1]}/29 dev {interface}",
            f"route add default via {new[0]} dev {interface} proto dhcp metric 100",
        ]
    )
    return now_ns()


def test_a_new_lease_is_followed(lab, office, new, record_property):
    """The only line there is gets another address and gateway, again and again."""
    kernel = Kernel(lab.router)
    before = steering(kernel)
    office.frr.change("uplink att", "shutdown")
    begins_by(new, CHARTER)
    lab.reset_counters()
    gaps = []
    try:
        for turn in range(RENEWALS):
            old, lease = LEASES[turn % 2], LEASES[(turn + 1) % 2]
            lasting = Flow(lab, "udp", plan.INTERNET4, name="lasting")
            lasting.wait_flowing()
            known = renew(lab, old, lease)
            gaps.append((new.wait_working(known) - known) / 1e6)
            lasting.wait_flowing(known)
            assert {source for _, _, source in new.successes(known)} == {lease[1]}
            wait_for(lambda: not flows_of(kernel, old[1]), what="old flows are cut")
            lasting.stop()
    finally:
        if json.loads(lab.router.ip("-j", "-4", "addr", "show", "to", f"{LEASES[1][1]}/32")):
            renew(lab, LEASES[1], LEASES[0])
        office.frr.change("uplink att", "no shutdown")
    wait_for(lambda: steering(kernel) == before, what="all is as it was")
    record_property("traffic_back_ms", f"{statistics.median(gaps):.0f} (to {max(gaps):.0f})")
    assert max(gaps) < 1000, gaps
    assert lab.spoofed() == {}


def steering(kernel):
    """Rules and charter's routes, whatever order they came in."""
    everything = kernel.rules(4) + kernel.routes(4, 1001)
    for each in everything:
        each.pop("nhid", None)
    return sorted(json.dumps(each, sort_keys=True) for each in everything)


def flows_of(kernel, address):
    """What is translated to this address; the router's own probes are not."""
    flows = kernel.conntrack(4)
    return [flow for flow in flows if flow["reply"]["dst"] == address != flow["original"]["src"]]
