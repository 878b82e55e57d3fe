# SPDX-License-Identifier: GPL-2.0-or-later
"""staticd, pbrd and fabricd beside us, with routes and rules of their own; topology of ../igp.py.

Each daemon ends and comes back, by SIGTERM and by a crash, and nobody else loses anything by it.
fabricd is the exception, and the user guide says so: main's default of ours has its route type,
and zebra removes all routes of a type when a client that speaks for it goes.
"""

import pytest

import igp
import multihome
from lab.waiting import stays, wait_for
from lib.topogen import get_topogen

pytestmark = [pytest.mark.multihomed, pytest.mark.staticd]
RTPROT_ZSTATIC = "196"
STATIC = ["4 10.77.0.0/16 172.16.1.2", "4 10.78.0.0/16 None", "6 fd77::/48 fd5a:1b2c:3d4e:1::2"]
PBR = ["4 304 10.79.0.0 r1-eth0 10000", "4 default 172.16.1.2"]
ENDS = pytest.mark.parametrize("number", [15, 9], ids=["stopped", "killed"])


def setup_module(mod):
    igp.start(mod, [("r1", "staticd"), ("r1", "pbrd"), ("r2", "fabricd")])


def teardown_module():
    get_topogen().stop_topology()


def static_routes(router):
    """What staticd has in the kernel; the default behind ours is in zebra only."""
    kernel = multihome.kernel(router)
    return [
        f"{family} {route['dst']} {route.get('gateway')}"
        for family in (4, 6)
        for route in kernel.routes(family, 254)
        if route["protocol"] == RTPROT_ZSTATIC and route["dst"] != "default"
    ]


def pbr(router):
    """The rule of pbrd's map and the table that it leads to."""
    kernel = multihome.kernel(router)
    found = [
        f"4 {rule['priority']} {rule['dst']} {rule.get('iif')} {rule['table']}"
        for rule in kernel.rules(4)
        if rule.get("table") == "10000"
    ]
    return found + [f"4 {r['dst']} {r.get('gateway')}" for r in kernel.routes(4, 10000)]


NEIGHBOURS = {"staticd": (static_routes, STATIC), "pbrd": (pbr, PBR)}


def has_its_own(router, daemon):
    look, wanted = NEIGHBOURS[daemon]
    return look(router) == wanted


def all_have_their_own(router):
    return all(has_its_own(router, daemon) for daemon in NEIGHBOURS)


def test_neighbours_have_their_routes_and_rules(r1):
    for daemon in NEIGHBOURS:
        wait_for(lambda d=daemon: has_its_own(r1, d), what=f"{daemon} has its own")


@ENDS
@pytest.mark.parametrize("daemon", NEIGHBOURS)
def test_end_of_a_neighbour(r1, daemon, number):
    before = igp.ours(r1)
    others = [other for other in NEIGHBOURS if other != daemon]
    multihome.end_daemon(r1, daemon, number)
    wait_for(lambda: NEIGHBOURS[daemon][0](r1) == [], what=f"what {daemon} had is gone")
    assert _without_table(igp.ours(r1)) == _without_table(before)
    assert all(has_its_own(r1, other) for other in others)
    igp.start_again(r1, daemon)
    wait_for(lambda: all_have_their_own(r1), what=f"what {daemon} had is back")
    assert igp.ours(r1) == before


def _without_table(lines):
    """Without the rule of pbrd, which igp.ours() has as it has every rule."""
    return [line for line in lines if "lookup 10000" not in line]


@ENDS
def test_end_of_multihomed(r1, number):
    before = igp.ours(r1)
    multihome.end_daemon(r1, "multihomed", number)
    assert all_have_their_own(r1)
    igp.start_again(r1, "multihomed")
    igp.wait_until_up(r1)
    wait_for(lambda: igp.ours(r1) == before, what="what multihomed had is back")
    stays(lambda: all_have_their_own(r1), 0.5, "the neighbours have their own")


def test_static_default_behind_ours_takes_over_at_stop(r1):
    """`ip route 0.0.0.0/0 172.16.1.2 200`: a distance above 5 is for the time without us."""
    multihome.end_daemon(r1, "multihomed", 15)
    kernel = multihome.kernel(r1)
    wait_for(lambda: kernel.route_get("198.51.100.1").get("dev") == "r1-eth0", what="its turn")
    igp.start_again(r1, "multihomed")
    igp.wait_until_up(r1)
    wait_for(lambda: kernel.route_get("198.51.100.1").get("dev") == "r1-eth1", what="ours again")


def knows_host():
    """fabricd's routes; the framework's FRR has it for IPv4 and IPv6 alike, one family will do."""
    return igp.knows_host(4)


def age_of_fabricd_route(router):
    (route,) = router.vtysh_cmd("show ip route 10.10.0.0/24 json", isjson=True)["10.10.0.0/24"]
    return route["uptime"]


def test_fabricd_starts(r1):
    before = igp.ours(r1)
    r1.net.daemons["fabricd"] = 1
    igp.start_again(r1, "fabricd")
    wait_for(knows_host, 30, what="r1 knows h by fabricd")
    assert igp.ours(r1) == before
    assert igp.pings(r1, igp.HOST[4])


@ENDS
def test_end_of_fabricd_takes_our_defaults_for_a_moment(r1, number):
    """zebra removes them with fabricd's own; they come back as whatever somebody else deletes."""
    before = igp.ours(r1)
    multihome.end_daemon(r1, "fabricd", number)
    wait_for(lambda: not knows_host(), what="what fabricd taught is gone")
    wait_for(lambda: igp.ours(r1) == before, 2, what="our defaults are back")
    igp.start_again(r1, "fabricd")
    wait_for(knows_host, 30, what="r1 knows h by fabricd again")
    assert igp.ours(r1) == before


@ENDS
def test_end_of_multihomed_takes_what_fabricd_has(r1, number):
    """Not wanted, but so it is: at once after a stop, at our return after a crash.

    zebra counts in seconds which routes are older than the crash.
    """
    wait_for(lambda: age_of_fabricd_route(r1) > "00:00:02", what="a route of some age")
    multihome.end_daemon(r1, "multihomed", number)
    igp.start_again(r1, "multihomed")
    igp.wait_until_up(r1)
    wait_for(lambda: not knows_host(), what="what fabricd taught is gone")
    multihome.end_daemon(r1, "fabricd")
    igp.start_again(r1, "fabricd")
    wait_for(knows_host, 30, what="r1 knows h by fabricd again")
