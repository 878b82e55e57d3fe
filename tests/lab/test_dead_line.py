# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has an address of a dead line hears of it at once; nobody else hears anything."""

import errno

import pytest

from . import BLACKHOLE, CABLE, SILENT, Connector, Flow, Kernel, drivers, now_ns, plan, wait_for
from .trial import running_office

CHARTER, ATT = plan.LINES
UNICAST, UNREACHABLE = "1", "7"  # RTN_*

# who cannot be moved: the host on the LAN with its line's IPv6 address, the servers outside NAT
PEOPLE = [
    pytest.param("lan", CHARTER.lan_host6(), ATT.lan_host6(), plan.INTERNET6, id="lan-ipv6"),
    pytest.param("srv", CHARTER.server(4), ATT.server(4), plan.INTERNET4, id="servers-ipv4"),
]


@pytest.fixture(scope="module")
def office(lab):
    with running_office(lab) as driver:
        yield driver


@pytest.mark.parametrize("fault", [SILENT, BLACKHOLE, CABLE])
@pytest.mark.parametrize("role,dead,alive,target", PEOPLE)
def test_connections_of_a_dead_line_fail_at_once(
    lab, office, traffic, role, dead, alive, target, fault
):
    office.forgive(CHARTER)  # the test before this one broke it, perhaps in the other family
    office.wait_up()
    flow = traffic(Flow, "tcp", target, role=role, bind=dead, name="bound")
    other = traffic(Flow, "tcp", target, role=role, bind=alive, name="other")
    moving = traffic(Flow, "udp", plan.INTERNET4, name="moving")
    new = traffic(Connector, target, role=role, bind=dead, timeout_ms=3000, name="new")
    for meter in (flow, other, moving):
        meter.wait_flowing()
    new.wait_working()
    broken = lab.break_line(CHARTER, fault)
    wait_for(lambda: flow.refresh() or flow.broken, what="the connection is reset")
    assert flow.broken[1] == errno.ECONNRESET
    assert flow.broken[0] - broken.at < 3e9
    wait_for(lambda: refused(new, broken.at), what="new connections are refused")
    told = now_ns()
    moving.wait_flowing(told)
    other.wait_flowing(told)
    assert not other.broken
    lab.heal(CHARTER)
    new.wait_working(now_ns(), timeout=20)
    assert not other.broken


def test_a_line_that_lost_its_cable_unwatched_has_no_way_out(lab, office):
    """zebra still has the dead daemon's default, and takes it for one that it could install."""
    office.forgive(CHARTER)
    office.wait_up()

    def ways_out():
        routes = [Kernel(lab.router).routes(family, 1001) for family in (4, 6)]
        return [[r.get("type", UNICAST) for r in each if r["dst"] == "default"] for each in routes]

    assert ways_out() == [[UNICAST], [UNICAST]]
    office.frr.kill("multihomed")
    lab.break_line(CHARTER, CABLE)
    wait_for(lambda: ways_out() == [[], []], what="the kernel has dropped both defaults")
    office.frr.restart("multihomed")
    office.frr.load(drivers.office_configuration(lab, ["probe stable-for 300"]))
    dead = [[UNREACHABLE], [UNREACHABLE]]
    wait_for(lambda: ways_out() == dead, 20, what="both are unreachable")
    lab.heal(CHARTER)
    office.wait_up()
    wait_for(lambda: ways_out() == [[UNICAST], [UNICAST]], what="both lead out again")


def refused(connector, since):
    return [code for begun, code in connector.failures(since) if code == errno.ECONNREFUSED]
