# SPDX-License-Identifier: GPL-2.0-or-later
"""Two routers with a line each, and a gateway address of the LAN that vrrpd moves.

    h --- lan --- ra --- charter --- inet
               `- rb --- att ------´

IPv4 is translated where it leaves.  ra announces its default by OSPF, and rb prefers that to its
own (`announce distance`): so all leaves by ra's line, whoever has the gateway address, and ra alone
translates.  IPv6 has the addresses of a line, and each router knows the other's
(`gateway router`).  No state is shared.  The tests run in the order written.
"""

import contextlib
import os
import pathlib

import pytest

import igp
import multihome
import vrrp
from igp import gear, packets
from lab import plan
from lab.meters import Connector
from lab.netns import now_ns
from lab.waiting import wait_for
from lib.topogen import get_topogen
from vrrp import ATT, CHARTER, HOST4, ROUTERS

pytestmark = [pytest.mark.multihomed, pytest.mark.ospfd, pytest.mark.ospf6d]
CWD = os.path.dirname(os.path.realpath(__file__))
VRID = 1
GATEWAYS = {4: vrrp.GATEWAY4, 6: "fd00:1::1"}
VRRP_MACS = {family: vrrp.mac(VRID, family) for family in (4, 6)}
NETWORKS = {
    "lan": {"lan-h": "h-eth0", "lan-ra": "ra-eth1", "lan-rb": "rb-eth1"},
    "between": {"between-ra": "ra-eth0", "between-rb": "rb-eth0"},
    "isp1": {"isp1-ra": "ra-eth2", "isp1-far": "charter-eth0"},
    "isp2": {"isp2-rb": "rb-eth2", "isp2-far": "att-eth0"},
}
LINES = {"ra": CHARTER, "rb": ATT}


def setup_module(mod):
    tgen = vrrp.setup(mod, NETWORKS)
    for name in ROUTERS:
        router = gear(name)
        vrrp.add_macvlan(router, f"{name}-eth1", "lan4", VRID, 4)
        vrrp.add_macvlan(router, f"{name}-eth1", "lan6", VRID, 6)
        # Or else each interface on the LAN answers ARP for the address of lan4, the backup's too.
        for interface in (f"{name}-eth1", "lan6"):
            router.net.cmd_raises(f"sysctl -q -w net.ipv4.conf.{interface}.arp_ignore=1")
        multihome.load(router, f"{CWD}/own_lines/{name}/frr.conf")
        router.net.daemons["vrrpd"] = 1
    gear("h").net.cmd_raises("sysctl -q -w net.ipv6.conf.h-eth0.accept_ra=0")
    gear("h").net.cmd_raises(f"ip -6 route add default via {GATEWAYS[6]}")
    tgen.start_router()


def teardown_module():
    get_topogen().stop_topology()


@pytest.fixture(scope="module")
def office():
    office = vrrp.Office(pathlib.Path(get_topogen().logdir))
    office.serve()
    yield office
    office.end_all()


@pytest.fixture(autouse=True)
def running(tgen):
    """Every test fails once a router has."""


def roles(name):
    """What the router is for each family."""
    (group,) = gear(name).vtysh_cmd("show vrrp json", isjson=True)
    return [group[family]["status"] for family in ("v4", "v6")]


def wait_master(name):
    (other,) = set(ROUTERS) - {name}
    wait_for(lambda: roles(name) == ["Master"] * 2, what=f"{name} has the gateway addresses")
    wait_for(lambda: "Master" not in roles(other), what=f"{other} has not")


def make_master(name):
    """By rb's priority; ra's is 200."""
    priority = {"ra": 100, "rb": 250}[name]
    gear("rb").vtysh_cmd(f"configure terminal\ninterface rb-eth1\nvrrp {VRID} priority {priority}")
    wait_master(name)


def leaves_by(name, interface):
    route = igp.default_at(gear(name), 4)
    return route and [hop["interfaceName"] for hop in route["nexthops"]] == [interface]


def wait_whole():
    for name, line in LINES.items():
        wanted = {(line.name, "ipv4"): "up", (line.name, "ipv6"): "up", ("theirs", "ipv6"): "up"}
        vrrp.wait_lines_up(name, wanted)
    wait_for(lambda: leaves_by("ra", "ra-eth2"), 30, what="ra uses its own line")
    wait_for(lambda: leaves_by("rb", "rb-eth0"), 30, what="rb leaves by ra")


def test_one_router_has_the_gateway_addresses(office):
    wait_whole()
    wait_master("ra")
    with all_flows(office):
        assert gateway_macs() == VRRP_MACS


def gateway_macs():
    """Whom h takes for its gateways."""
    found = {}
    for family, gateway in GATEWAYS.items():
        known = {n["dst"]: n.get("lladdr") for n in multihome.kernel(gear("h")).neighbours(family)}
        found[family] = known.get(gateway)
    return found


@contextlib.contextmanager
def all_flows(office):
    """One that ra translates, and one with an address of either line."""
    with contextlib.ExitStack() as stack:
        sources = {"v4": HOST4, **{line.name: line.lan_host6() for line in plan.LINES}}
        yield [stack.enter_context(office.flow(source, name)) for name, source in sources.items()]


def test_flows_go_on_when_the_gateway_addresses_move(office):
    with all_flows(office) as flows:
        with office.undisturbed(flows, 2000):
            make_master("rb")
        assert gateway_macs() == VRRP_MACS
        ((outside, mark),) = vrrp.tracked("ra", flows[:1]).values()
        assert outside == CHARTER.router4 and mark, "ra translates"
        assert [*vrrp.tracked("rb", flows[:1]).values()] == [(HOST4, 0)], "rb passes it on"
        with office.undisturbed(flows, 2000):
            make_master("ra")


def test_flows_go_on_when_the_master_loses_the_lan(office):
    """ra's line is in use all the same, and the way back to h leads by rb."""
    with all_flows(office) as flows:
        with office.undisturbed(flows, 2000):
            vrrp.unplug("lan-ra")
            wait_for(lambda: roles("rb") == ["Master"] * 2, what="rb has the gateway addresses")
        for address in (HOST4, CHARTER.lan_host6()):
            assert multihome.kernel(gear("ra")).route_get(address)["dev"] == "ra-eth0"
        with office.undisturbed(flows, 2000):
            vrrp.plug_in("lan-ra")
            wait_master("ra")


def test_a_flow_stays_on_the_second_line(office):
    """It began while the first was dead, and rb has the gateway address when that is back."""
    igp.silence(CHARTER)
    wait_for(lambda: leaves_by("ra", "ra-eth0"), 30, what="ra leaves by rb")
    with office.flow(HOST4, "second") as flow:
        assert flow.sources().keys() == {ATT.router4}
        with office.undisturbed([flow], 2000):
            make_master("rb")
        with office.undisturbed([flow], 2000):
            igp.heal(CHARTER)
            wait_whole()
    make_master("ra")


def test_a_router_that_dies_takes_its_line_along(office):
    ports = ("lan-ra", "between-ra", "isp1-ra")
    new = Connector(office, plan.INTERNET4, role="h")
    with office.flow(ATT.lan_host6(), "survives") as flow:
        new.wait_working()
        with office.undisturbed([flow], 5000):
            vrrp.unplug(*ports)
            unplugged = now_ns()
            new.wait_working(unplugged)
        assert new.successes(unplugged)[-1][2] == ATT.router4
        vrrp.plug_in(*ports)
        wait_whole()
        wait_master("ra")
        flow.wait_flowing(now_ns())
    new.stop()


def test_no_provider_saw_a_foreign_source():
    assert [packets(line, "wrong") for line in plan.LINES] == [0, 0]


def test_a_stop_leaves_nothing():
    for name in ROUTERS:
        router = gear(name)
        multihome.end_daemon(router, "multihomed", 15)
        wait_for(lambda r=router: not multihome.kernel(r).nft(), what="the nft table is gone")
        assert not [line for line in igp.ours(router) if "lookup 10" in line]
