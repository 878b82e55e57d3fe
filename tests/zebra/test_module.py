# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules through zebra with our module, seen in the kernel by iproute2."""

import signal
import time

import pytest

from lab.waiting import stays, wait_for

from .harness import DEFAULT, GATEWAY, PROTOCOL, ZEBRA_PROTOCOL, Monitor

# what the client sends -> what `ip rule` shows
SHAPES = {
    "4 10000 to 198.51.100.0/24 goto 10100": "4 10000: from all to 198.51.100.0/24 goto 10100",
    "4 10010 table 254 suppress 0": "4 10010: from all lookup 254 suppress_prefixlength 0",
    "4 10100 from 203.0.113.0/29 table 1001": "4 10100: from 203.0.113.0/29 lookup 1001",
    "4 10101 from 203.0.113.9/32 to 10.0.0.0/8 table 4294967280": (
        "4 10101: from 203.0.113.9 to 10.0.0.0/8 lookup 4294967280"
    ),
    "4 10200 mark 16/240 table 1001": "4 10200: from all fwmark 0x10/0xf0 lookup 1001",
    "4 10201 mark 0/2147483648 table 1001": "4 10201: from all fwmark 0/0x80000000 lookup 1001",
    "4 10300 iif v0 table 1001": "4 10300: from all iif v0 lookup 1001",
    "6 10000 to 2001:db8:1::/64 goto 10100": "6 10000: from all to 2001:db8:1::/64 goto 10100",
    "6 10010 table 254 suppress 0": "6 10010: from all lookup 254 suppress_prefixlength 0",
    "6 10100 from 2001:db8:113::/59 table 1001": "6 10100: from 2001:db8:113::/59 lookup 1001",
    "6 10200 mark 1/4294967295 table 1001": "6 10200: from all fwmark 0x1 lookup 1001",
    "6 10300 iif lo table 1001 suppress 64": (
        "6 10300: from all iif lo lookup 1001 suppress_prefixlength 64"
    ),
    "6 32767 table 253": "6 32767: from all lookup 253",
}
PAIR = ("4 10100 from 203.0.113.0/29 table 1001", "6 10100 from 2001:db8:113::/59 table 1001")


def shown(*texts):
    return sorted(SHAPES[text] for text in texts)


def test_handshake(router):
    client = router.start_zebra().client()
    known = client.expect("dataplane", known=True)
    assert known["module"] and known["version"] == router.status()["version"]
    assert router.rules() == [] and router.rules(ZEBRA_PROTOCOL) == []


def test_every_shape_of_rule(router):
    client = router.start_zebra().client().ready()
    client.add_rules(*SHAPES)
    assert sorted(router.rules()) == shown(*SHAPES)
    for text in SHAPES:
        assert client.rule(text, "remove")["note"] == "removed"
    assert router.rules() == []


def test_refusals_carry_the_reason(router):
    client = router.start_zebra().client().ready()
    backwards = client.rule("4 10100 goto 10000")
    assert backwards["note"] == "failed" and "Invalid argument" in backwards["error"]
    nowhere = client.rule("4 10100 iif nosuch table 1001")
    assert nowhere["note"] == "failed" and "does not exist" in nowhere["error"]
    status = router.status()
    assert status["failures"] == 1 and status["lastErrno"] == 22
    assert status["lastFailure"] == "add goto 10000 pref 10100"
    # and what was refused can be given up
    assert client.rule("4 10100 goto 10000", "remove")["note"] == "removed"


def test_foreign_rules_are_left_alone(router):
    by_hand = [
        "pref 10100 from 203.0.113.0/29 lookup 1001",
        "pref 10100 from 203.0.113.0/29 lookup 1001 protocol 50",
        "pref 10010 lookup main suppress_prefixlength 0 protocol 50",
    ]
    for rule in by_hand:
        router.namespace.ip("rule", "add", *rule.split())
    client = router.start_zebra(config="zebra multihome grace 1").client().ready()
    # zebra itself deletes such a rule when it starts
    router.namespace.ip(*"rule add pref 10100 iif v0 lookup 1001 protocol 11".split())
    before = router.kernel.rules(4)
    mine = [t for t in SHAPES if t.startswith("4 100") or t.startswith("4 101")]
    client.add_rules(*mine)
    for text in mine[:2]:
        assert client.rule(text, "remove")["note"] == "removed"
    client.end()
    wait_for(lambda: router.rules() == [], what="held rules expire")
    assert router.kernel.rules(4) == before


def test_rules_deleted_by_hand_come_back_on_asking_again(router):
    client = router.start_zebra().client().ready()
    client.add_rules(*PAIR)
    for family in ("-4", "-6"):
        router.namespace.ip(family, "rule", "del", "pref", "10100")
    assert router.rules() == []
    client.add_rules(*PAIR)
    assert sorted(router.rules()) == shown(*PAIR)
    client.add_rules(*PAIR)  # also when they have not gone
    assert sorted(router.rules()) == shown(*PAIR)
    for text in PAIR:
        assert client.rule(text, "remove")["note"] == "removed"
    assert router.rules() == []


def test_ingress_that_vanished(router):
    client = router.start_zebra().client().ready()
    router.namespace.ip("link", "add", "w0", "type", "veth", "peer", "name", "w1")
    client.add_rules("4 10300 iif w0 table 1001", "6 10300 iif w1 table 1001")
    router.namespace.ip("link", "del", "w0")
    assert len(router.rules()) == 2
    assert client.rule("4 10300 iif w0 table 1001", "remove")["note"] == "removed"
    assert len(router.rules()) == 1
    # and one that has come back with another index
    router.namespace.ip("link", "add", "w0", "type", "veth", "peer", "name", "w1")
    client.add_rules("6 10300 iif w1 table 1001")
    assert router.rules() == ["6 10300: from all iif w1 lookup 1001"]
    assert client.rule("6 10300 iif w1 table 1001", "remove")["note"] == "removed"
    assert router.rules() == []


def test_update_makes_before_it_breaks(router):
    client = router.start_zebra().client().ready()
    name = "/r--AAAAAAAAAA".encode().hex()
    client.send(f"raw add 4 7 10100 1001 0 {name} from 203.0.113.0/29")
    client.expect("raw", unique=7, note="installed")
    monitor = Monitor(router)
    client.send(f"raw add 4 7 10100 1002 0 {name} from 203.0.113.0/29")
    client.expect("raw", unique=7, note="installed")
    assert router.rules() == ["4 10100: from 203.0.113.0/29 lookup 1002"]
    heard = [line for line in monitor.stop() if "203.0.113.0/29" in line]
    assert len(heard) == 2 and "lookup 1002" in heard[0] and heard[1].startswith("Deleted")
    # a new one that is refused does not take the old one's place at once
    jump = "/g--AAAAAAAAAA".encode().hex()
    client.send(f"raw add 4 8 10200 10300 0 {jump}", f"raw add 4 8 10200 10100 0 {jump}")
    client.expect("raw", unique=8, note="failed", ifname="/!22")
    assert "4 10200: from all goto 10300" in router.rules()
    assert router.status()["rulesHeld"] == 1


# -- the end of a client --------------------------------------------------------------------------


def routes_of(router):
    """A default in a private table, main and 253, per family: lines for the client."""
    index = router.ifindex
    return [
        f"route add {table} {DEFAULT[family]} {distance} dev {index} via {GATEWAY[family]} weight 1"
        for family in (4, 6)
        for table, distance in ((1001, 1), (254, 5), (253, 5))
    ]


def routed(router, tables=(1001, 254, 253)):
    return all(router.gateways(f, t) == [GATEWAY[f]] for f in (4, 6) for t in tables)


def age_routes(router):
    """zebra tells stale routes of the main table by their age in whole seconds."""
    wait_for(lambda: "00:00:00" not in router.vty("show ip route table 254"), what="a second")
    wait_for(lambda: "00:00:00" not in router.vty("show ipv6 route table 254"), what="a second")


def test_crash_of_the_client_loses_nothing(router):
    # zebra's default is to replace an IPv6 route by deleting it first
    client = router.start_zebra("--v6-rr-semantics").client().ready()
    client.send(*routes_of(router))
    client.add_rules(*SHAPES)
    wait_for(lambda: routed(router), what="routes")
    monitor = Monitor(router)
    client.end()
    wait_for(lambda: router.status()["rulesHeld"] == len(SHAPES), what="rules held")
    assert sorted(router.rules()) == shown(*SHAPES) and routed(router)

    again = router.client().ready()
    again.send(*routes_of(router))
    again.add_rules(*SHAPES)
    again.send("complete")
    wait_for(lambda: router.status()["rulesHeld"] == 0, what="nothing held")
    status = router.status()
    assert status["reclaimed"] == len(SHAPES) and status["expired"] == 0
    assert sorted(router.rules()) == shown(*SHAPES) and routed(router)
    assert [line for line in monitor.stop() if line.startswith("Deleted")] == []


def test_successor_gives_up_what_it_does_not_want(router):
    client = router.start_zebra().client().ready()
    client.send(*routes_of(router))
    client.add_rules(*SHAPES)
    wait_for(lambda: routed(router), what="routes")
    age_routes(router)
    client.end()
    wait_for(lambda: router.status()["rulesHeld"] == len(SHAPES), what="rules held")
    again = router.client().ready()
    wanted = [line for line in routes_of(router) if " 253 " in line or " 1001 " in line]
    again.send(*wanted)
    again.add_rules(*PAIR)
    again.send("complete")
    wait_for(lambda: sorted(router.rules()) == shown(*PAIR), what="unwanted rules gone")
    wait_for(lambda: not router.gateways(4, 254) and not router.gateways(6, 254), what="main")
    assert routed(router, (1001, 253))
    assert router.status()["expired"] == len(SHAPES) - len(PAIR)


def test_held_rules_and_stale_routes_end_with_the_grace_time(router):
    client = router.start_zebra(config="zebra multihome grace 2").client().ready()
    client.send(*routes_of(router))
    client.add_rules(*SHAPES)
    wait_for(lambda: routed(router), what="routes")
    ended = time.monotonic()
    client.end()
    wait_for(lambda: router.rules() == [], what="rules expire")
    assert time.monotonic() - ended > 1.9
    wait_for(lambda: router.status()["routesSwept"] == 4, what="stale routes")
    for family in (4, 6):
        for table in (1001, 253):
            wait_for(lambda: router.gateways(family, table) == [], what="routes gone")
    assert router.status()["expired"] == len(SHAPES)


def test_successor_keeps_its_routes_beyond_the_grace_time(router):
    client = router.start_zebra(config="zebra multihome grace 2").client().ready()
    stale = f"route add 1002 0.0.0.0/0 1 dev {router.ifindex} via {GATEWAY[4]} weight 1"
    client.send(*routes_of(router), stale)
    wait_for(lambda: routed(router) and router.gateways(4, 1002), what="routes")
    client.end()
    again = router.client().ready()
    again.send(*routes_of(router), "complete")
    wait_for(lambda: router.gateways(4, 1002) == [], what="the unwanted route goes")
    assert routed(router)
    assert router.status()["routesSwept"] == 1


def test_orderly_leave_takes_everything_along(router):
    client = router.start_zebra().client().ready()
    client.send(*routes_of(router))
    client.add_rules(*SHAPES)
    wait_for(lambda: routed(router), what="routes")
    assert client.stop() == 0
    wait_for(lambda: router.rules() == [], what="rules gone")
    for family in (4, 6):
        for table in (1001, 254, 253):
            wait_for(lambda: router.gateways(family, table) == [], what="routes gone")
    status = router.status()
    assert status["rulesHeld"] == 0 and status["heldBack"] == 0


def test_client_without_graceful_restart_leaves_no_rules(router):
    client = router.start_zebra().client().ready()
    name = "/r--AAAAAAAAAA".encode().hex()
    client.send(f"raw add 4 7 10100 1001 0 {name}")
    client.expect("raw", unique=7, note="installed")
    client.add_rules(*PAIR)
    client.end()
    wait_for(lambda: sorted(router.rules()) == shown(*PAIR), what="only the other's are held")
    assert router.status()["rulesHeld"] == 2


def test_crashes_in_quick_succession(router):
    router.start_zebra()
    for _ in range(20):
        client = router.client().ready()
        client.send(*routes_of(router)[:3], *(f"rule add {text}" for text in PAIR))
        client.expect("rule", rule=PAIR[1], note="installed")
        client.end()
    assert router.zebra_lives()
    wait_for(lambda: router.status()["rulesHeld"] == 2, what="held")
    assert sorted(router.rules()) == shown(*PAIR)
    client = router.client().ready()
    client.add_rules(*PAIR)
    assert client.stop() == 0
    wait_for(lambda: router.rules() == [], what="rules gone")


# -- the end of zebra -----------------------------------------------------------------------------


def test_crash_of_zebra(router):
    client = router.start_zebra().client().ready()
    client.send(*routes_of(router))
    client.add_rules(*SHAPES)
    wait_for(lambda: routed(router), what="routes")
    died = time.monotonic()
    router.end_zebra(signal.SIGKILL)
    lost = client.expect("dataplane", connected=False)
    assert lost["at"] - died < 1.0
    assert sorted(router.rules()) == shown(*SHAPES)

    monitor = Monitor(router)
    router.start_zebra()
    back = time.monotonic()
    found = client.expect("dataplane", known=True)
    assert found["module"] and found["at"] - back < 1.0
    assert router.status()["rulesHeld"] == len(SHAPES)
    client.send(*routes_of(router))
    client.add_rules(*SHAPES)
    client.send("complete")
    wait_for(lambda: routed(router), what="routes")
    assert sorted(router.rules()) == shown(*SHAPES)
    gone = [line for line in monitor.stop() if line.startswith("Deleted")]
    assert [line for line in gone if line.endswith(f"proto {PROTOCOL}")] == []
    assert router.status()["expired"] == 0


def test_crash_of_zebra_that_keeps_routes(router):
    """zebra -K SECONDS leaves its routes in the kernel for so long after a restart."""
    client = router.start_zebra("--v6-rr-semantics").client().ready()
    client.send(*routes_of(router))
    wait_for(lambda: routed(router), what="routes")
    router.end_zebra(signal.SIGKILL)
    monitor = Monitor(router)
    router.start_zebra("--v6-rr-semantics", "-K", "3")
    client.expect("dataplane", connected=False)
    client.expect("dataplane", known=True)
    client.send(*routes_of(router), "complete")
    stays(lambda: routed(router), 4.0, what="routes, also when zebra sweeps")
    assert [line for line in monitor.stop() if line.startswith("Deleted")] == []


def test_leftovers_of_a_crash_without_a_client(router):
    client = router.start_zebra().client().ready()
    client.add_rules(*SHAPES)
    client.end()
    wait_for(lambda: router.status()["rulesHeld"] == len(SHAPES), what="held")
    router.end_zebra(signal.SIGKILL)
    assert sorted(router.rules()) == shown(*SHAPES)
    router.start_zebra(config="zebra multihome grace 1")
    wait_for(lambda: router.rules() == [], what="leftovers expire")
    assert router.status()["expired"] == len(SHAPES)


@pytest.mark.parametrize("alive", [True, False])
def test_orderly_end_of_zebra(router, alive):
    client = router.start_zebra().client().ready()
    client.add_rules(*SHAPES)
    if not alive:
        client.end()
        wait_for(lambda: router.status()["rulesHeld"] == len(SHAPES), what="held")
    assert router.end_zebra() == 0
    assert router.rules() == []


def test_zebra_that_retains(router):
    client = router.start_zebra("-r").client().ready()
    client.add_rules(*SHAPES)
    assert router.end_zebra() == 0
    assert sorted(router.rules()) == shown(*SHAPES)


# -- configuration, figures, abuse ----------------------------------------------------------------


def test_grace_time_is_configurable(router):
    router.start_zebra(config="zebra multihome grace 77")
    assert router.status()["graceSeconds"] == 77
    assert "zebra multihome grace 77\n" in router.vty("show running-config")
    client = router.client().ready()
    client.add_rules(*PAIR)
    client.end()
    wait_for(lambda: router.status()["rulesHeld"] == 2, what="held")
    assert "another 7" in router.vty("show zebra multihome")
    stays(lambda: len(router.rules()) == 2, 0.5)
    router.configure("zebra multihome grace 0")
    wait_for(lambda: router.rules() == [], what="the new time counts at once")
    router.configure("no zebra multihome grace")
    assert router.status()["graceSeconds"] == 120
    assert "multihome" not in router.vty("show running-config")


def test_commands_in_vtysh(router):
    router.start_zebra()
    assert "rulesHeld" in router.vtysh("show zebra multihome json")
    router.vtysh("configure terminal", "zebra multihome grace 33")
    assert "zebra multihome grace 33\n" in router.vtysh("show running-config")
    router.vtysh("configure terminal", "no zebra multihome grace 33")
    assert "zebra multihome" not in router.vtysh("show running-config")
    (router.config_directory / "frr.conf").write_text("zebra multihome grace 44\n")
    router.vtysh("-b")
    assert router.status()["graceSeconds"] == 44


def test_figures(router):
    client = router.start_zebra().client().ready()
    client.add_rules(*PAIR)
    client.add_rules(*PAIR)
    client.rule(PAIR[0], "remove")
    status = router.status()
    assert (status["rulesIpv4"], status["rulesIpv6"], status["rulesHeld"]) == (0, 1, 0)
    assert (status["adds"], status["updates"], status["deletes"]) == (2, 2, 1)
    assert status["failures"] == 0 and "lastFailure" not in status
    text = router.vty("show zebra multihome")
    assert "Rules installed: 0 IPv4, 1 IPv6 (protocol 97)" in text


HOSTILE = [
    "/",
    "//",
    "/r",
    "/r--AAAAAAAAA",
    "/r--AAAAAAAAAAA",
    "/r--AAAAAAAAA/",
    "/r-0AAAAAAAAAA",
    "/rffAAAAAAAAAA",
    "/r--_AAAAAAAAA",
    "/x--AAAAAAAAAA",
    "/!17",
    "/=1 9.9.9",
    "/?/?/?/?/?/?/?/?/?/?",
    "/" + "A" * 19,
    "/\x01\xff\xfe\x7f",
]


def test_bad_descriptors(router):
    client = router.start_zebra().client().ready()
    before = router.kernel.rules(4)
    for number, name in enumerate(HOSTILE):
        octets = name.encode("latin-1").hex()
        client.send(f"raw add 4 {number} 10100 1001 0 {octets}")
        client.expect("raw", unique=number, note="failed", ifname="/!22")
        client.send(f"raw delete 4 {number} 10100 1001 0 {octets}")
        client.expect("raw", unique=number, note="remove_failed", ifname="/!22")
    good = "/r--AAAAAAAAAA".encode().hex()
    client.send(f"raw add 4 90 0 1001 0 {good}")  # before the local table
    client.expect("raw", unique=90, note="failed", ifname="/!22")
    client.send(f"raw add 4 91 10100 0 0 {good}")  # no table
    client.expect("raw", unique=91, note="failed", ifname="/!22")
    client.send(f"raw add 4 92 10100 1001 5 {good}")  # a mark without a mask
    client.expect("raw", unique=92, note="failed", ifname="/!22")
    client.send("raw add 4 93 10100 1001 0 " + "/r--AAAAAA____".encode().hex())  # no such ifindex
    client.expect("raw", unique=93, note="failed", ifname="/!19")
    assert router.zebra_lives()
    assert router.kernel.rules(4) == before
    status = router.status()
    assert status["failures"] == 0 and status["rejected"] == 2 * len(HOSTILE) + 4
    assert router.log.read_text().count("makes no sense") < 10  # whoever repeats himself


def test_rules_that_are_not_ours_pass_untouched(router):
    client = router.start_zebra().client().ready()
    client.send("raw add 4 7 10100 1001 0 " + "v0".encode().hex() + " from 203.0.113.0/29")
    client.expect("raw", unique=7, note="installed", ifname="v0")
    assert router.rules(ZEBRA_PROTOCOL) == ["4 10100: from 203.0.113.0/29 iif v0 lookup 1001"]
    assert router.rules() == [] and router.status()["adds"] == 0
    client.send("raw delete 4 7 10100 1001 0 " + "v0".encode().hex() + " from 203.0.113.0/29")
    client.expect("raw", unique=7, note="removed", ifname="v0")
    assert router.rules(ZEBRA_PROTOCOL) == []


def test_a_thousand_rules(router, record_property):
    client = router.start_zebra().client().ready()
    texts = [f"4 10100 from 10.{n // 256}.{n % 256}.0/24 table {1001 + n}" for n in range(500)]
    texts += [f"6 10100 from 2001:db8:{n:x}::/48 table {1001 + n}" for n in range(500)]

    def all_answered(verb, note):
        since = len(client.events)
        began = time.monotonic()
        client.send(*(f"rule {verb} {text}" for text in texts))
        wait_for(lambda: client.count("rule", since, note=note) == 1000, 30, what=f"{verb} 1000")
        return round((time.monotonic() - began) * 1000)

    times = {"add": all_answered("add", "installed")}
    assert len(router.rules()) == 1000
    times["add again"] = all_answered("add", "installed")
    client.end()
    wait_for(lambda: router.status()["rulesHeld"] == 1000, what="held")
    client = router.client().ready()
    times["reclaim"] = all_answered("add", "installed")
    assert router.status()["reclaimed"] == 1000
    times["remove"] = all_answered("remove", "removed")
    assert router.rules() == []
    record_property("milliseconds for 1,000 rules", str(times))
    print("milliseconds for 1,000 rules:", times)
