# SPDX-License-Identifier: GPL-2.0-or-later
"""A line whose address and prefix change under it, lease after lease, by whatever program has it.

MULTIHOME_RENEWALS_REAL says how often (2).  Central: lease_changes(), prefix_changes().
"""

import ipaddress
import json
import os
import pathlib
import statistics

import pytest

from . import Connector, Flow, drivers, now_ns, plan, wait_for
from .kernel import Kernel
from .test_delegated import HALVES, HOSTS, flows_from, rules_from
from .test_delegated import known as phases
from .test_learned import LEASES, details, flows_of, steering
from .trial import begins_by, running_office
from .waiting import Timeout

CHARTER, ATT = plan.LINES
CHANGES = int(os.environ.get("MULTIHOME_RENEWALS_REAL", "2"))
TURNS = range(2 * ((CHANGES + 1) // 2))  # even: the last one brings back what the first took
AUTO = "ipv6 source auto grace 1"


@pytest.fixture(scope="module")
def office(lab):
    """Charter's gateway is learned, and so are the prefixes of both lines."""
    pathlib.Path("/etc/netns", lab.router.name, "resolv.conf").touch()  # the lab removes it
    gateway, address = LEASES[1]
    lab.provider(CHARTER).ip("addr", "add", f"{gateway}/29", "dev", "cust")
    lab.router.ip("addr", "del", f"{CHARTER.router4}/29", "dev", CHARTER.interface)
    lab.router.ip("addr", "del", f"{CHARTER.lan6[1]}/64", "dev", plan.LAN_INTERFACE)
    lab["lan"].ip("addr", "add", f"{HOSTS[1]}/64", "dev", "eth0", "nodad")
    text = drivers.office_configuration(lab, ["probe stable-for 300"])
    text = text.replace(f"ip gateway {CHARTER.gateway4}", "ip gateway auto")
    text = text.replace(f"ip nat source {CHARTER.router4}", "ip nat masquerade")
    for line in plan.LINES:  # of both: then only the hook tells whose a prefix is
        text = text.replace(f"ipv6 source {line.delegated6}", AUTO)
    with running_office(lab, configuration=text, waits=False) as driver:  # charter has no address
        yield driver
    lab["lan"].ip("addr", "del", f"{HOSTS[1]}/64", "dev", "eth0")
    lab.router.ip("addr", "add", f"{CHARTER.lan6[1]}/64", "dev", plan.LAN_INTERFACE, "nodad")
    lab.router.ip("addr", "replace", f"{CHARTER.router4}/29", "dev", CHARTER.interface)
    lab.provider(CHARTER).ip("addr", "del", f"{gateway}/29", "dev", "cust")


def holds(lab, address):
    """Does the router's kernel know the address?"""
    return json.loads(lab.router.ip("-j", "addr", "show", "to", address))


def held_by(kernel):
    """Rules, routes and sets as text."""
    return json.dumps(steering(kernel) + kernel.nft())


def when_known(lab, address):
    """Wait until the router's kernel knows the address; returns when that is seen."""
    wait_for(lambda: holds(lab, address), 30, what=f"{address} is there", interval=0.002)
    return now_ns()


def router6(half):
    """The address that clients give the router's LAN interface."""
    return str(ipaddress.ip_network(half)[1])


def wait_for_a_lease(office):
    office.forgive(CHARTER)
    wait_for(lambda: details(office, CHARTER)["ipv4"]["line"]["state"] == "up", 30, what="a lease")


def still_works(flow):
    """Does the flow get an echo within half a second?"""
    since = now_ns()
    try:
        return flow.wait_flowing(since, 0.5)
    except Timeout:
        return None


def lease_changes(lab, office, new, give):
    """give(gateway, address) after another; how long each took until traffic was back, since the
    kernel knew (ms)."""
    kernel = Kernel(lab.router)
    begins_by(new, CHARTER)
    lab.reset_counters()
    before = steering(kernel)
    gaps = []
    for turn in TURNS:
        old, lease = LEASES[turn % 2], LEASES[(turn + 1) % 2]
        lasting = Flow(lab, "udp", plan.INTERNET4, name="lasting")
        lasting.wait_flowing()
        give(*lease)
        known = when_known(lab, lease[1])

        def by_the_new_one():
            return [stands for _, stands, source in new.successes(known) if source == lease[1]]

        gaps.append((min(wait_for(by_the_new_one, what="connections by it")) - known) / 1e6)
        lasting.wait_flowing(known)
        wait_for(lambda: not holds(lab, old[1]), what="the old address is gone")
        wait_for(lambda: not flows_of(kernel, old[1]), what="old flows are cut")
        wait_for(lambda: old[1] not in held_by(kernel), what="nothing has the old address")
        lasting.stop()
        office.forgive(CHARTER)
        begins_by(new, CHARTER)
    wait_for(lambda: steering(kernel) == before, what="rules and routes are as they were")
    return gaps


def prefix_changes(lab, office, give):
    """The same for give(prefix)."""
    lab.reset_counters()
    gaps = []
    for turn in TURNS:
        old, fresh = turn % 2, (turn + 1) % 2
        lasting = Flow(lab, "tcp", plan.INTERNET6, bind=HOSTS[old], name="lasting")
        new = Connector(lab, plan.INTERNET6, bind=HOSTS[fresh], name="fresh")
        lasting.wait_flowing()
        assert flows_from(lab, HALVES[old])
        give(HALVES[fresh])
        known = when_known(lab, router6(HALVES[fresh]))
        new.wait_working(known)
        gaps.append((min(stands for _, stands, _ in new.successes(known)) - known) / 1e6)
        now = {HALVES[old]: "gone", HALVES[fresh]: "current"}
        wait_for(lambda now=now: phases(office) == now, what="the old one is gone")
        wait_for(lambda old=old: not rules_from(lab, HALVES[old]), what="no rule is left")
        wait_for(lambda old=old: not flows_from(lab, HALVES[old]), what="no flow is left")
        assert not still_works(lasting)
        new.stop()
        lasting.stop()
    return gaps


def judge(lab, record_property, name, gaps):
    """They are short, and no provider saw a foreign source."""
    figure = f"{name}: {statistics.median(gaps):.0f} (to {max(gaps):.0f}; {len(gaps)} times)"
    record_property("traffic_back_ms", figure)
    print(figure, [round(gap) for gap in gaps])
    assert statistics.median(gaps) < 1000, gaps
    assert lab.spoofed() == {}
