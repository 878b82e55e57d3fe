# SPDX-License-Identifier: GPL-2.0-or-later
"""Two routers with a line each, and a router behind both that goes by destination only.

              .--- ra --- charter ---.
    h --- c --|     |                |--- inet
              '--- rb --- att -------'

h has an IPv4 address, which whoever lets it out translates, and an IPv6 address of either line.
OSPF and OSPFv3 run between the three routers; ra's default is the better one.  The tests run in
the order written.
"""

import functools
import ipaddress
import os
import subprocess

import pytest

import igp
import multihome
from igp import gear, packets, pings
from lab import plan
from lab.waiting import stays, wait_for
from lib.topogen import Topogen, get_topogen

pytestmark = [pytest.mark.multihomed, pytest.mark.ospfd, pytest.mark.ospf6d]
CWD = os.path.dirname(os.path.realpath(__file__))
CHARTER, ATT = plan.LINES
ROUTERS = {CHARTER: "ra", ATT: "rb"}
HOST4 = "10.10.0.10"


def build_topo(tgen):
    routers = {name: multihome.add_router(tgen, name) for name in ("ra", "rb")}
    c = tgen.add_router("c")
    hosts = {name: multihome.add_bare_host(tgen, name) for name in ("charter", "att", "inet", "h")}
    tgen.add_link(routers["ra"], routers["rb"], "ra-eth0", "rb-eth0")
    for number, (line, name) in enumerate(ROUTERS.items()):
        tgen.add_link(routers[name], c, f"{name}-eth1", f"c-eth{number}")
        tgen.add_link(routers[name], hosts[line.name], f"{name}-eth2", f"{line.name}-eth0")
        tgen.add_link(hosts[line.name], hosts["inet"], f"{line.name}-eth1", line.name)
    tgen.add_link(c, hosts["h"], "c-eth2", "h-eth0")


def setup_module(mod):
    tgen = Topogen(build_topo, mod.__name__)
    tgen.start_topology()
    igp.address_outside(tgen.gears)
    h = gear("h").net
    h.cmd_raises(f"ip addr add {HOST4}/24 dev h-eth0")
    for line in plan.LINES:
        via = ipaddress.ip_network(line.transit6)[1]
        for name, gateway in ((line.name, line.router6), ("inet", via)):
            gear(name).net.cmd_raises(f"ip -6 route add {line.delegated6} via {gateway}")
        h.cmd_raises(f"ip addr add {line.lan_host6()}/64 dev h-eth0 nodad")
    h.cmd_raises("ip route add default via 10.10.0.1")
    h.cmd_raises("ip -6 route add default via 2001:db8:100:20::1")
    for name in ("ra", "rb", "c"):
        router = gear(name)
        router.net.cmd_raises("for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done")
        source = f"{CWD}/{name}/frr.conf"
        if name == "c":
            router.load_frr_config(source)
        else:
            multihome.load(router, source)
    tgen.start_router()


def teardown_module():
    get_topogen().stop_topology()


@pytest.fixture(autouse=True)
def running(tgen):
    """Every test fails once a router has."""


def states(name):
    return multihome.states(gear(name))


def reaches(*sources):
    """Whether h is answered with each of these sources."""
    return all(
        pings(gear("h"), plan.internet(6 if ":" in source else 4), source) for source in sources
    )


def uses(router, interface, family=4):
    """Whether the router's default leads there."""
    route = igp.default_at(router, family)
    return route and [hop["interfaceName"] for hop in route["nexthops"]] == [interface]


def default_by(interface, family):
    return uses(gear("c"), interface, family)


def everything():
    return (HOST4, CHARTER.lan_host6(), ATT.lan_host6())


def wait_whole():
    for name in ROUTERS.values():
        wait_for(
            lambda n=name: list(states(n).values()) == ["up"] * 3,
            30,
            what=f"{name}'s line and the way to the other's are up",
        )
    for family in (4, 6):
        wait_for(functools.partial(default_by, "c-eth0", family), 30, what="c prefers ra")
    wait_for(lambda: reaches(*everything()), 10, what="h reaches the Internet with all addresses")


def refused(source):
    """Whether h is told, instead of hearing nothing; a packet that goes round is told so too."""
    text = gear("h").net.cmd(f"ping -n -c1 -W1 -I {source} {plan.INTERNET6}")
    return ("nreachable" in text or "prohibited" in text) and "exceeded" not in text


def crossings(name, source):
    """Packets with this source that the router has been asked to pass on, so far."""
    text = gear(name).net.cmd_raises("nft list counter inet seen " + key(source))
    return int(text.split("packets", 1)[1].split()[0])


def key(source):
    return "s" + str(everything().index(source))


def count_crossings(name):
    counters = "".join(f"counter {key(s)} {{ }}\n" for s in everything())
    rules = "".join(
        f"{'ip6' if ':' in s else 'ip'} saddr {s} counter name {key(s)}\n" for s in everything()
    )
    gear(name).net.cmd_raises("nft -f -", stdin=f"""
        table inet seen {{
            {counters}
            chain forward {{ type filter hook prerouting priority -400; {rules} }}
        }}""")


def test_both_are_up_and_each_address_leaves_by_its_line():
    wait_whole()
    for line in plan.LINES:
        before = packets(line, "good")
        assert reaches(line.lan_host6())
        assert packets(line, "good") > before


def test_what_bears_the_others_addresses_is_carried_to_it():
    """c sends all to ra."""
    count_crossings("ra")
    count_crossings("rb")
    before = crossings("rb", ATT.lan_host6())
    assert reaches(ATT.lan_host6())
    assert crossings("rb", ATT.lan_host6()) == before + 1
    assert crossings("ra", ATT.lan_host6()) >= 1


def test_inside_is_neither_translated_nor_guarded():
    shown = gear("ra").vtysh_cmd("show multihome nat json", isjson=True)
    assert {line["interface"] for line in shown["lines"]} == {"ra-eth2"}


def test_a_router_whose_line_is_dead_steps_aside():
    igp.silence(CHARTER)
    for family in (4, 6):
        wait_for(functools.partial(default_by, "c-eth1", family), 20, what="c's default is rb's")
    wait_for(lambda: reaches(HOST4, ATT.lan_host6()), 10, what="h has a way out by rb")
    wait_for(lambda: refused(CHARTER.lan_host6()), 10, what="nobody else takes charter's")
    wait_for(lambda: pings(gear("ra"), plan.INTERNET4), 10, what="ra itself leaves by rb")
    shown = gear("ra").vtysh_cmd("show multihome json", isjson=True)
    assert [way["announcement"]["withheld"] for way in shown["ways"]] == [True, True]
    assert "another router's default" in shown["ways"][0]["reason"]


def test_what_began_by_the_other_goes_on_when_the_line_is_back(tmp_path):
    """ra has tracked it as what need not be translated."""
    answers = tmp_path / "ping"
    source = f"stdbuf -oL ping -n -i 0.1 -I 172.16.1.1 {plan.INTERNET4}"
    argv = [*gear("ra").net.pre_cmd, *source.split()]
    with answers.open("w") as output, subprocess.Popen(argv, stdout=output) as ping:
        try:
            wait_for(lambda: "bytes from" in answers.read_text(), what="it is answered by rb")
            igp.heal(CHARTER)
            wait_for(lambda: uses(gear("ra"), "ra-eth2"), 20, what="ra has its line again")
            then = answers.read_text().count("bytes from")
            wait_for(lambda: answers.read_text().count("bytes from") > then + 10, what="it goes on")
        finally:
            ping.terminate()
    igp.silence(CHARTER)
    for family in (4, 6):
        wait_for(functools.partial(default_by, "c-eth1", family), 20, what="c's default is rb's")


def test_nothing_goes_round_when_both_lines_are_dead():
    igp.silence(ATT)
    for family in (4, 6):
        wait_for(lambda f=family: igp.default_at(gear("c"), f) is None, 20, what="no default at c")
    before = {(n, s): crossings(n, s) for n in ("ra", "rb") for s in everything()}
    assert not any(reaches(source) for source in everything())
    for (name, source), count in before.items():
        assert crossings(name, source) - count <= 1, (name, source)
    assert pings(gear("h"), "172.16.12.1", HOST4), "what is inside goes on"
    igp.heal(ATT)
    igp.heal(CHARTER)
    wait_whole()


def test_nothing_goes_round_when_the_link_between_is_cut():
    gear("rb").net.cmd_raises("ip link set rb-eth0 down")
    for name in ROUTERS.values():
        wait_for(
            lambda n=name: states(n)["theirs", "ipv6"] == "no-gateway", 20, what=f"{name} knows"
        )
    wait_for(lambda: reaches(HOST4, CHARTER.lan_host6()), 10, what="the rest goes on")
    wait_for(lambda: refused(ATT.lan_host6()), 10, what="h is told")
    before = crossings("ra", ATT.lan_host6())
    pings(gear("h"), plan.INTERNET6, ATT.lan_host6())
    assert crossings("ra", ATT.lan_host6()) - before <= 1
    gear("rb").net.cmd_raises("ip link set rb-eth0 up")
    wait_whole()


def test_a_crash_is_not_noticed():
    ra = gear("ra")
    before = igp.ours(ra)
    multihome.end_daemon(ra, "multihomed")
    assert reaches(*everything())
    igp.start_again(ra, "multihomed")
    wait_whole()
    wait_for(lambda: igp.ours(ra) == before, what="all is as it was")
    stays(lambda: igp.ours(ra) == before, 0.5, "as it was")


def test_no_provider_saw_a_foreign_source():
    assert [packets(line, "wrong") for line in plan.LINES] == [0, 0]


def test_a_stop_leaves_nothing():
    for name in ROUTERS.values():
        router = gear(name)
        multihome.end_daemon(router, "multihomed", 15)
        wait_for(lambda r=router: not multihome.kernel(r).nft(), what="the nft table is gone")
        assert not [line for line in igp.ours(router) if "lookup 10" in line]
