# SPDX-License-Identifier: GPL-2.0-or-later
"""Links inside that lose 10 to 40 % of what they carry, each way, as a radio does.

    r2 ~~~.                            r2 learns the default by Babel, r3 by OSPF
    r3 ~~~ r1 --- charter ---.
    r4 ~~~'                  |--- inet
    r4 -------- att ---------'         r1's way to the other exit, with a probe by it

Whatever is lost inside, r1's line is well: its default stays, and so does what is said of it.
"""

import contextlib
import ipaddress
import os
import subprocess

import pytest

import igp
import multihome
from igp import gear
from lab import loss, plan
from lab.waiting import stays, wait_for
from lib.topogen import Topogen, get_topogen

pytestmark = [pytest.mark.multihomed, pytest.mark.babeld, pytest.mark.ospfd]
CWD = os.path.dirname(os.path.realpath(__file__))
CHARTER, ATT = plan.LINES
LOSSY = {"r2": "r1-eth0", "r3": "r1-eth1", "r4": "r1-eth2"}
SEED = 1
STEP_SECONDS = 3  # of each loss
CHANGES_TOLD = 4  # of what hosts are told of the other exit's prefix: then its penalty holds it


def build_topo(tgen):
    r1, r4 = (multihome.add_router(tgen, name) for name in ("r1", "r4"))
    r2, r3 = (tgen.add_router(name) for name in ("r2", "r3"))
    hosts = {name: multihome.add_bare_host(tgen, name) for name in ("charter", "att", "inet", "h")}
    for far in (r2, r3, r4):
        tgen.add_link(r1, far, LOSSY[far.name], f"{far.name}-eth0")
    tgen.add_link(r1, hosts["charter"], "r1-eth3", "charter-eth0")
    tgen.add_link(r1, hosts["h"], "r1-eth4", "h-eth0")
    tgen.add_link(r4, hosts["att"], "r4-eth1", "att-eth0")
    for line in plan.LINES:
        tgen.add_link(hosts[line.name], hosts["inet"], f"{line.name}-eth1", line.name)


def setup_module(mod):
    tgen = Topogen(build_topo, mod.__name__)
    tgen.start_topology()
    igp.address_outside(tgen.gears)
    for line in plan.LINES:
        via = ipaddress.ip_network(line.transit6)[1]
        for name, gateway in ((line.name, line.router6), ("inet", via)):
            gear(name).net.cmd_raises(f"ip -6 route add {line.delegated6} via {gateway}")
    for name in ("r1", "r2", "r3", "r4"):
        router = gear(name)
        router.net.cmd_raises("for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done")
        source = f"{CWD}/{name}/frr.conf"
        if name in ("r1", "r4"):
            multihome.load(router, source)
        else:
            router.load_frr_config(source)
    tgen.start_router()


def teardown_module():
    get_topogen().stop_topology()


def lose(percent):
    """On all links inside, both ways."""
    near = "".join(loss.ruleset(device, percent) for device in LOSSY.values())
    gear("r1").net.cmd_raises("nft -f -", stdin=near)
    for name in LOSSY:
        gear(name).net.cmd_raises("nft -f -", stdin=loss.ruleset(f"{name}-eth0", percent))


def announced():
    """What r1's default says of the line behind it, in both families."""
    ways = multihome.ask(gear("r1"))["ways"]
    return [(w["family"], w["announcement"]["withheld"], w["announcement"]["metric"]) for w in ways]


def theirs():
    """The state of the way to the other exit, and what hosts are told of its prefix."""
    told = multihome.ask(gear("r1"), "show multihome advertise json")["interfaces"][0]["prefixes"]
    prefix = next(p["state"] for p in told if p["prefix"].startswith("2001:db8:200:"))
    return multihome.states(gear("r1"))["theirs", "ipv6"], prefix


def has_default(name, families):
    return all(igp.default_at(gear(name), family) for family in families)


@contextlib.contextmanager
def defaults_of(*names):
    """Whatever happens meanwhile to the kernels' defaults in main: {router: [line]}."""
    found, monitors = {}, {}
    with contextlib.ExitStack() as stack:
        for name in names:
            argv = [*gear(name).net.pre_cmd, "ip", "monitor", "route"]
            process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
            monitors[name] = stack.enter_context(process)
        try:
            yield found
        finally:
            for name, monitor in monitors.items():
                monitor.terminate()
                lines = monitor.communicate()[0].splitlines()
                found[name] = [s for s in lines if "default" in s and "table" not in s]


def changes(values):
    return sum(one != other for one, other in zip(values, values[1:]))


def test_without_loss(tgen):
    del tgen
    wait_for(lambda: set(multihome.states(gear("r1")).values()) == {"up"}, 20, what="all is up")
    wait_for(lambda: has_default("r2", (4, 6)), 30, what="r2 has the default")
    wait_for(lambda: has_default("r3", (4,)), 30, what="r3 has the default")
    assert announced() == [("ipv4", False, 10), ("ipv6", False, 10)]


def test_loss_inside_is_no_news(tgen):
    del tgen
    seen = []

    def nothing_is_new():
        seen.append(theirs())
        return announced() == before

    before, steps = announced(), loss.steps(SEED)
    with defaults_of("r1", "r3") as touched:
        for percent in (next(steps) for _ in loss.PERCENTS):
            lose(percent)
            stays(nothing_is_new, STEP_SECONDS, f"what is announced, at {percent} % loss", 0.1)
    assert touched == {"r1": [], "r3": []}
    assert {state for state, _ in seen} != {"up"}, "the way to r4 has lost nothing"
    assert changes([told for _, told in seen]) <= CHANGES_TOLD


def test_r2_has_the_default_in_the_end(tgen):
    """Babel may have lost it for a moment: what it makes of lost hellos is its own affair."""
    del tgen
    lose(0)
    wait_for(lambda: has_default("r2", (4, 6)), 30, what="r2 has the default")


def test_a_dead_line_is_news(tgen):
    """So it would have been seen."""
    del tgen
    with defaults_of("r1") as touched:
        igp.silence(CHARTER)
        wait_for(lambda: all(withheld for _, withheld, _ in announced()), what="it is withheld")
        wait_for(lambda: not igp.default_at(gear("r1"), 4), what="main's default is gone")
    assert any(line.startswith("Deleted default") for line in touched["r1"])
