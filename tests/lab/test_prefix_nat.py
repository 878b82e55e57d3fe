# SPDX-License-Identifier: GPL-2.0-or-later
"""ULA inside, and on each line a prefix that stands for it (NPTv6): the office with real traffic.

The host on the LAN talks from its ULA. Whatever moves, its address outside is that of the line with
the host's own part, and what comes in for it by a line is answered by the same.
"""

import errno
import ipaddress
import socket

import pytest

from . import BLACKHOLE, CABLE, SILENT, Connector, Flow, Server, now_ns, plan, wait_for
from .netns import in_namespace
from .trial import begins_by, lines_of, running_office, translate_prefixes

CHARTER, ATT = plan.LINES
INSIDE = plan.ULA6
OUTSIDE = plan.OUTSIDE6
NEXT = "2001:db8:100:38::/61"
SERVED = 7000


def outside(prefix, inside=plan.LAN6_HOST):
    """The host's address within the prefix that stands for INSIDE."""
    host = int(ipaddress.ip_address(inside)) - int(ipaddress.ip_network(INSIDE)[0])
    return str(ipaddress.ip_network(prefix)[host])


@pytest.fixture(scope="module")
def office(lab):
    with running_office(lab) as driver:
        translate_prefixes(driver)
        yield driver


def from_inside(traffic, kind="udp", **options):
    return traffic(Flow, kind, plan.INTERNET6, bind=plan.LAN6_HOST, **options)


def from_outside(traffic, kind, to, name):
    return traffic(Flow, kind, to, role="internet", port=SERVED, name=f"{kind}-to-{name}")


def back_on_charter(lab, traffic):
    new = traffic(Connector, plan.INTERNET6, bind=plan.LAN6_HOST, name="new")
    return new, begins_by(new, CHARTER)


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_the_host_part_of_an_address_is_kept(office, traffic, kind):
    flow = from_inside(traffic, kind, name=f"out-{kind}")
    flow.wait_flowing()
    assert set(flow.sources()) == {outside(OUTSIDE["charter"])}
    flows = office.frr.shown("conntrack uplink charter")
    assert outside(OUTSIDE["charter"]) in {entry["translated_to"] for entry in flows["flows"]}


def test_a_host_is_reached_by_every_line_and_answers_by_the_same(lab, traffic):
    server = Server(lab, role="lan", addresses=[plan.LAN6_HOST], port=SERVED)
    try:
        for kind in ("tcp", "udp"):
            for line in (ATT, CHARTER):
                asked = from_outside(traffic, kind, outside(OUTSIDE[line.name]), line.name)
                asked.wait_flowing()
                assert not asked.broken
    finally:
        server.stop()


def test_the_routers_own_packets_keep_their_address(lab, office, traffic):
    """It has an address in the prefix that stands for the LAN, and one in the LAN's."""
    own = str(ipaddress.ip_network(OUTSIDE["charter"])[0x99])
    lab.router.ip("address", "add", f"{own}/128", "dev", plan.LAN_INTERFACE, "nodad")
    server = Server(lab, role="router", addresses=[own], port=SERVED, name="router-serves")
    try:
        asked = from_outside(traffic, "tcp", own, "router")
        asked.wait_flowing()
        asking = traffic(Flow, "udp", plan.INTERNET6, role="router", bind=own, name="from-router")
        asking.wait_flowing()
        assert set(asking.sources()) == {own}
    finally:
        server.stop()
        lab.router.ip("address", "del", f"{own}/128", "dev", plan.LAN_INTERFACE)


@pytest.mark.parametrize("fault", [CABLE, SILENT, BLACKHOLE])
def test_flows_fail_over_as_those_of_ipv4_do(lab, office, traffic, fault):
    new, _ = back_on_charter(lab, traffic)
    six = from_inside(traffic, name="udp6")
    four = traffic(Flow, "udp", plan.INTERNET4, name="udp4")
    for flow in (six, four):
        flow.wait_flowing()
    office.forgive(CHARTER)
    broken = lab.break_line(CHARTER, fault)
    for flow in (six, four):
        wait_for(lambda flow=flow: ATT in lines_of(flow, broken.at), what=f"{flow.name} has moved")
    ours = {outside(prefix) for prefix in OUTSIDE.values()}
    assert set(six.sources(broken.at + 1_000_000)) <= ours
    moved = begins_by(new, ATT)
    gaps = six.gap(broken.at, moved), four.gap(broken.at, moved)
    print(f"{fault}: silent for {gaps[0]} (IPv6), {gaps[1]} (IPv4)")
    # Each family is judged by its own probes: neither waits for the other, both are as quick.
    assert max(gap.ms for gap in gaps) < 1500
    kept = from_inside(traffic, "tcp", name="kept")
    begun = kept.wait_flowing()
    lab.heal(CHARTER)
    returned = begins_by(new, CHARTER)
    for flow in (six, kept):
        flow.wait_flowing(returned)
    assert not kept.broken
    assert lines_of(kept, begun) == {ATT} and lines_of(six, returned) == {ATT}


def test_another_prefix_is_for_what_begins_now_and_a_lost_one_for_all(lab, office, traffic):
    back_on_charter(lab, traffic)
    old = from_inside(traffic, name="old")
    old.wait_flowing()
    office.frr.change("uplink charter", f"ipv6 nat prefix {NEXT} inside {INSIDE}")
    sources = [f"ipv6 source {part}" for part in (NEXT, "2001:db8:100:20::/60")]
    try:
        wait_for(lambda: NEXT in str(office.frr.shown("nat")), what="the next prefix is wanted")
        fresh = from_inside(traffic, name="fresh")
        fresh.wait_flowing()
        assert set(fresh.sources()) == {outside(NEXT)}
        at = now_ns()
        old.wait_flowing(at)
        assert set(old.sources(at)) == {outside(OUTSIDE["charter"])}
        office.frr.change("uplink charter", *sources)
        lost = now_ns()
        office.frr.change("uplink charter", f"no ipv6 source {CHARTER.delegated6}")
        wait_for(lambda: outside(NEXT) in old.sources(lost), what="the old flow begins anew")
        took = old.gap(lost)
        print(f"renumbered: silent for {took}")
        assert took.ms < 1000
        assert lines_of(old, now_ns() - 50_000_000) == {CHARTER}
    finally:
        office.frr.change(
            "uplink charter",
            f"ipv6 source {CHARTER.delegated6}",
            *(f"no {source}" for source in sources),
            f"ipv6 nat prefix {OUTSIDE['charter']} inside {INSIDE}",
        )


def test_the_rest_is_stopped_unless_masquerade_is_for_it(lab, office, traffic):
    back_on_charter(lab, traffic)
    before = dropped(office)
    new = traffic(Connector, plan.INTERNET6, bind=plan.INNER6_HOST, name="inner")
    wait_for(lambda: dropped(office) > before, what="the guard has stopped it")
    assert not new.successes()
    office.frr.change("uplink charter", "ipv6 nat masquerade")
    try:
        new.wait_working()
        assert {source for _, _, source in new.successes()} == {CHARTER.router6}
        flow = from_inside(traffic, name="fits")
        flow.wait_flowing()
        assert set(flow.sources()) == {outside(OUTSIDE["charter"])}
    finally:
        office.frr.change("uplink charter", "no ipv6 nat masquerade")


def dropped(office):
    lines = office.frr.shown("nat")["lines"]
    [line] = [each for each in lines if (each["uplink"], each["family"]) == ("charter", "ipv6")]
    return line["dropped"]["packets"]


def test_errors_come_back_to_the_host(lab, office, traffic):
    """Of the provider's first router: time exceeded, and packet too big."""
    back_on_charter(lab, traffic)
    provider = lab.provider(CHARTER)
    assert told(lab, hops=2) == errno.EHOSTUNREACH
    provider.ip("link", "set", "far", "mtu", "1300")
    try:
        assert told(lab, size=1400) == errno.EMSGSIZE
    finally:
        provider.ip("link", "set", "far", "mtu", "1500")


def told(lab, hops=64, size=10):
    """The error that a datagram from the LAN host to the Internet's server comes back with."""

    def ask():
        asking = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        asking.settimeout(3)
        asking.setsockopt(socket.IPPROTO_IPV6, 25, 1)  # IPV6_RECVERR
        asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        asking.bind((plan.LAN6_HOST, 0))
        asking.connect((plan.INTERNET6, 9))
        asking.send(bytes(size))
        try:
            asking.recv(2000)
        except OSError as error:
            if not isinstance(error, TimeoutError):
                return error.errno
        return None

    return in_namespace(lab["lan"].name, ask)
