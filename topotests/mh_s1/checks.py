# SPDX-License-Identifier: GPL-2.0-or-later
"""What both dataplanes must show in the small office; imported by the two test files.

The tests run in the order written: the state that the configuration yields, packets that take it,
repair of what others delete, a crash, and a stop that leaves the kernel as it was found.
"""

import difflib
import json
import pathlib

import pytest

import multihome
import office
from lab import plan
from lab.waiting import stays, wait_for
from lib.topogen import Topogen

CHARTER, ATT = plan.LINES
FOREIGN_RULE = "from 198.18.0.0/15 lookup 254 priority 9000"


def start(module_name, with_module):
    """Build the office and start r1; a rule, a route and an nft table of others are in it."""
    tgen = Topogen(office.build_topo, module_name)
    tgen.start_topology()
    office.address_hosts(tgen)
    r1 = tgen.gears["r1"]
    r1.net.cmd_raises(f"ip rule add {FOREIGN_RULE}")
    r1.net.cmd_raises("ip route add blackhole 198.18.0.0/15 table 77")
    r1.net.cmd_raises("nft add table inet others")
    multihome.load(r1, f"{office.CWD}/r1/frr.conf", with_module)
    tgen.start_router()
    r1.with_module = with_module
    wait_until_proven(r1)


def wait_until_proven(r1):
    """Until then the providers' own duplicate address detection may make a line look dead."""
    wait_for(
        lambda: list(multihome.states(r1).values()) == ["up"] * 4, 30, what="all lines answer"
    )


def same(actual, wanted, what, timeout=20):
    """Wait until actual() equals wanted; a failure shows the difference line by line."""
    try:
        wait_for(lambda: actual() == wanted, timeout, what=what)
    except AssertionError as error:
        lines = difflib.unified_diff(_lines(wanted), _lines(actual()), n=1, lineterm="")
        pytest.fail("\n".join([str(error), *lines]))


def _lines(value):
    return value if isinstance(value, list) else json.dumps(value, indent=1).splitlines()


def wanted_rules(r1):
    name = "rules_module.txt" if r1.with_module else "rules_stock.txt"
    foreign = "4 9000: from 198.18.0.0/15 lookup 254"
    return [foreign, *office.expected(name)]


def test_rules(r1):
    same(lambda: office.rules(r1), wanted_rules(r1), "rules")


def test_routes(r1):
    same(lambda: office.routes(r1), office.expected("routes.txt"), "routes")


def test_nat_and_guard(r1):
    wanted = json.loads(pathlib.Path(office.CWD, "r1/nft_sets.json").read_text())
    same(lambda: {k: v for k, v in office.nft_sets(r1).items() if k in wanted}, wanted, "nft sets")


def test_table_names(r1):
    names = multihome.kernel(r1).namespace.run("ip", "route", "show", "table", "charter")
    assert f" via {CHARTER.gateway4} dev " in names  # iproute2 puts "nhid N" before it


def sees(source, target, interface="r1-eth0"):
    """Arguments of `ip route get` for a forwarded packet."""
    return {"destination": target, "source": source, "interface": interface}


@pytest.mark.parametrize(
    ("question", "out"),
    [
        (sees(plan.LAN4_HOST, plan.INTERNET4), "r1-eth1"),
        (sees(ATT.server(4), plan.INTERNET4, "r1-eth3"), "r1-eth2"),
        (sees(CHARTER.server(4), plan.INTERNET4, "r1-eth3"), "r1-eth1"),
        (sees(ATT.server(4), plan.INNER4_HOST, "r1-eth3"), "r1-eth0"),
        (sees(ATT.server(4), CHARTER.gateway4, "r1-eth3"), "r1-eth2"),
        (sees(ATT.lan_host6(), plan.INTERNET6), "r1-eth2"),
        (sees(CHARTER.lan_host6(), plan.INTERNET6), "r1-eth1"),
        (sees(ATT.lan_host6(), CHARTER.gateway6), "r1-eth2"),
    ],
)
def test_packets_take_their_line(r1, question, out):
    assert multihome.kernel(r1).route_get(**question).get("dev") == out


def test_packets_arrive(tgen):
    lan, srv = (tgen.gears[name] for name in ("lan", "srv"))
    for host, source in ((lan, plan.LAN4_HOST), (srv, ATT.server(4)), (srv, CHARTER.server(4))):
        command = f"ping -n -c1 -W2 -I {source} {plan.INTERNET4}"
        wait_for(lambda h=host, c=command: ", 1 received" in h.run(c), what=command)


def test_what_others_delete_comes_back(r1):
    kernel = multihome.kernel(r1)
    rule = wanted_rules(r1)[-2].split(": ", 1)[1].replace(" proto ", " protocol ")
    kernel.namespace.ip("-6", "rule", "del", *rule.split())
    kernel.namespace.ip("route", "del", "default", "table", "1002")
    kernel.namespace.run("nft", "delete", "table", "inet", "multihome")
    same(lambda: office.rules(r1), wanted_rules(r1), "rules are back", timeout=2)
    same(lambda: office.routes(r1), office.expected("routes.txt"), "routes are back", timeout=2)
    wait_for(lambda: kernel.nft(), 2, what="the nft table is back")


@pytest.mark.parametrize("daemon", ["multihomed", "zebra"])
def test_crash_leaves_no_leftovers_and_no_duplicates(r1, daemon):
    multihome.end_daemon(r1, daemon)
    r1.startDaemons([daemon])
    r1.run("vtysh -b")
    wait_until_proven(r1)
    test_rules(r1)
    test_routes(r1)
    test_nat_and_guard(r1)
    stays(lambda: office.rules(r1) == wanted_rules(r1), 1.0, f"rules after a crash of {daemon}")


def test_stop_removes_ours_and_nothing_else(r1):
    multihome.end_daemon(r1, "multihomed", 15)
    same(lambda: office.rules(r1), ["4 9000: from 198.18.0.0/15 lookup 254"], "rules after stop")
    same(lambda: office.routes(r1), [], "routes after stop")
    kernel = multihome.kernel(r1)
    assert kernel.nft_tables() == [("inet", "others")]
    assert kernel.routes(4, 77) != []
    assert "charter" not in kernel.namespace.run("sh", "-c", "cat /etc/iproute2/rt_tables.d/*")
