# SPDX-License-Identifier: GPL-2.0-or-later
"""Two routers on the same two lines, of which one has the addresses, by keepalived and conntrackd.

    h --- lan --- ra -+- charter --- inet
               `- rb -+- att ------´

keepalived moves the LAN's gateway addresses and those that the lines' traffic bears, all in one
group; each router has an address of its own on every link besides, so that it knows how the lines
are before it is asked.  Who has the gateway addresses advertises IPv6 to hosts.  conntrackd tells
the other router what is translated to what, and by which line a flow leaves.  The tests run in the
order written.
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
from lab.waiting import wait_for
from lib.topogen import get_topogen
from vrrp import ATT, CHARTER, GATEWAY4, HOST4, ROUTERS

pytestmark = [pytest.mark.multihomed]
CONF = f"{os.path.dirname(os.path.realpath(__file__))}/shared_lines"
NETWORKS = {
    "lan": {"lan-h": "h-eth0", "lan-ra": "ra-eth1", "lan-rb": "rb-eth1"},
    "between": {"between-ra": "ra-eth0", "between-rb": "rb-eth0"},
    "isp1": {"isp1-ra": "ra-eth2", "isp1-rb": "rb-eth2", "isp1-far": "charter-eth0"},
    "isp2": {"isp2-ra": "ra-eth3", "isp2-rb": "rb-eth3", "isp2-far": "att-eth0"},
}
GATEWAY6 = "fe80::1"
MOVED_WITHIN_MS = 2000
MOVED = {
    "eth1": {GATEWAY4, GATEWAY6},
    "eth2": {CHARTER.router4, CHARTER.router6},
    "eth3": {ATT.router4, ATT.router6},
}


def setup_module(mod):
    tgen = vrrp.setup(mod, NETWORKS)
    for name in ROUTERS:
        # Else what goes on at the other router looks out of window when it comes back to this one.
        gear(name).net.cmd_raises("sysctl -q -w net.netfilter.nf_conntrack_tcp_be_liberal=1")
        multihome.load(gear(name), f"{CONF}/{name}/frr.conf")
    gear("h").net.cmd_raises("sysctl -q -w net.ipv6.conf.h-eth0.accept_ra=2")
    tgen.start_router()


def teardown_module():
    get_topogen().stop_topology()


@pytest.fixture(scope="module")
def office():
    office = vrrp.Office(pathlib.Path(get_topogen().logdir))
    office.serve()
    for name in ROUTERS:
        start_conntrackd(office, name)
    yield office
    office.end_all()


@pytest.fixture(scope="module")
def keepalived():
    """{router: process}"""
    return {}


@pytest.fixture(autouse=True)
def running(tgen):
    """Every test fails once a router has."""


def start(office, name, *argv):
    return office.spawn([*gear(name).net.pre_cmd, *argv], office.log(f"{name}-{argv[0]}"))


def start_keepalived(office, name):
    run = "/var/run/frr/keepalived"
    files = ["-f", f"{CONF}/{name}/keepalived.conf", "-p", f"{run}.pid", "-r", f"{run}-vrrp.pid"]
    return start(office, name, "keepalived", "-n", "-l", "-P", *files)


def conntrackd(name):
    return ["conntrackd", "-C", f"{CONF}/{name}/conntrackd.conf"]


def start_conntrackd(office, name):
    start(office, name, *conntrackd(name))
    argv = [*conntrackd(name), "-s"]
    wait_for(lambda: gear(name).net.cmd_raises(argv), what=f"{name}'s conntrackd answers")


def has_the_addresses(name):
    found = {
        address["ifname"]: {each["local"] for each in address["addr_info"]}
        for address in multihome.kernel(gear(name)).addresses()
    }
    held = [found[f"{name}-{end}"] & wanted for end, wanted in MOVED.items()]
    assert held in (list(MOVED.values()), [set()] * len(MOVED)), held
    return any(held)


def wait_master(name):
    (other,) = set(ROUTERS) - {name}
    wait_for(lambda: has_the_addresses(name), what=f"{name} has the addresses")
    wait_for(lambda: not has_the_addresses(other), what=f"{other} has not")


def move(office, keepalived, name):
    """As an operator moves it: stop keepalived on the other router, and start it again."""
    (other,) = set(ROUTERS) - {name}
    office.end(keepalived[other].pid)
    wait_master(name)
    keepalived[other] = start_keepalived(office, other)


def test_both_routers_know_the_lines_and_one_has_the_addresses(office, keepalived):
    for name in ROUTERS:
        vrrp.wait_lines_up(name, vrrp.LINES_UP)
        keepalived[name] = start_keepalived(office, name)
        wait_for(lambda: has_the_addresses("ra"), what="ra has the addresses")
    assert not has_the_addresses("rb")
    for name in ROUTERS:
        vrrp.wait_lines_up(name, vrrp.LINES_UP)
    assert marks("ra") == marks("rb") != {}
    wait_told_the_gateway()


def wait_told_the_gateway():
    """Router advertisements come from the shared address, and none is left of another one."""
    wait_for(lambda: gateways6() == [GATEWAY6], what="h has the IPv6 gateway")


def gateways6():
    routes = multihome.kernel(gear("h")).routes(6)
    return [route.get("gateway") for route in routes if route["dst"] == "default"]


def marks(name):
    """{mark: table}"""
    rules = multihome.kernel(gear(name)).rules(4)
    return {rule["fwmark"]: rule["table"] for rule in rules if "fwmark" in rule}


@contextlib.contextmanager
def all_flows(office):
    """Of each line: one that is translated, and one that is not.  Charter is preferred."""
    with contextlib.ExitStack() as stack:
        flows = []
        igp.silence(CHARTER)
        for name in ROUTERS:
            wanted = {key: "down" if CHARTER.name in key else "up" for key in vrrp.LINES_UP}
            vrrp.wait_lines_up(name, wanted)
        flows.append(stack.enter_context(office.flow(HOST4, "att4")))
        igp.heal(CHARTER)
        for name in ROUTERS:
            vrrp.wait_lines_up(name, vrrp.LINES_UP)
        flows.append(stack.enter_context(office.flow(HOST4, "charter4")))
        for line in plan.LINES:
            flows.append(stack.enter_context(office.flow(line.lan_host6(), f"{line.name}6")))
        assert [set(flow.sources()) for flow in flows[:2]] == [{ATT.router4}, {CHARTER.router4}]
        yield flows


def wait_told(flows):
    """Both routers know the same of these flows: translation and mark."""
    wait_for(
        lambda: vrrp.tracked("ra", flows) == vrrp.tracked("rb", flows),
        what="both routers know the same",
    )
    known = vrrp.tracked("ra", flows).values()
    assert len(known) == len(flows) and all(mark for _, mark in known)


def test_flows_go_on_when_the_addresses_move(office, keepalived):
    with all_flows(office) as flows:
        for name in ("rb", "ra"):
            wait_told(flows)
            with office.undisturbed(flows, MOVED_WITHIN_MS):
                move(office, keepalived, name)
            wait_told_the_gateway()
        for name in ROUTERS:
            vrrp.wait_lines_up(name, vrrp.LINES_UP)


def test_flows_go_on_when_the_router_dies(office):
    ports = [port for ports in NETWORKS.values() for port in ports if port.endswith("-ra")]
    with all_flows(office) as flows:
        wait_told(flows)
        with office.undisturbed(flows, 5000):
            vrrp.unplug(*ports)
            wait_for(lambda: has_the_addresses("rb"), what="rb has the addresses")
        with office.undisturbed(flows, MOVED_WITHIN_MS):
            vrrp.plug_in(*ports)
            vrrp.wait_lines_up("ra", vrrp.LINES_UP)
            wait_master("rb")
            gear("ra").net.cmd_raises([*conntrackd("ra"), "-n"])
            wait_told(flows)


def test_flows_go_on_by_the_router_that_has_been_away(office, keepalived):
    with all_flows(office) as flows:
        wait_told(flows)
        with office.undisturbed(flows, MOVED_WITHIN_MS):
            move(office, keepalived, "ra")


def test_no_provider_saw_a_foreign_source():
    assert [packets(line, "wrong") for line in plan.LINES] == [0, 0]


def test_a_stop_leaves_nothing(office):
    office.end_all()
    for name in ROUTERS:
        router = gear(name)
        assert not has_the_addresses(name)
        multihome.end_daemon(router, "multihomed", 15)
        wait_for(lambda r=router: not multihome.kernel(r).nft(), what="the nft table is gone")
        assert not [line for line in igp.ours(router) if "lookup 10" in line]
