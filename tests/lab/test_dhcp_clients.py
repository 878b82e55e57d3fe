# SPDX-License-Identifier: GPL-2.0-or-later
"""Real DHCP clients on the preferred line, and servers that hand out another lease or prefix.

What test_learned.py and test_delegated.py do by hand, Debian's clients do in their own way: other
orders, other protocols and metrics of the default, routes flushed in between, prefixes that a
reply brings with a lifetime of 0.  MULTIHOME_RENEWALS_REAL says how often each client's lease
changes (2).
"""

import ipaddress
import json
import os
import pathlib
import statistics

import pytest

from . import Connector, Flow, drivers, now_ns, plan, wait_for
from .dhcp import Dhclient, Dhcpcd, Dhcpcd6, Dhcpd6, DhcpServer, Udhcpc
from .kernel import Kernel
from .test_delegated import HALVES, HOSTS, flows_from, rules_from
from .test_delegated import known as phases
from .test_learned import LEASES, details, flows_of, steering
from .trial import begins_by, running_office
from .waiting import Timeout, stays

CHARTER, ATT = plan.LINES
CHANGES = int(os.environ.get("MULTIHOME_RENEWALS_REAL", "2"))
TURNS = range(2 * ((CHANGES + 1) // 2))  # even: the last one brings back what the first took
AUTO = "ipv6 source auto grace 1"


@pytest.fixture(scope="module")
def office(lab):
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


@pytest.fixture
def server(lab, tmp_path):
    server = DhcpServer(lab, tmp_path)
    server.offer(*LEASES[0])
    yield server
    server.stop()


@pytest.fixture(params=[Udhcpc, Dhclient, Dhcpcd])
def client(lab, request, server, tmp_path):
    client = request.param(lab, tmp_path)
    client.start()
    yield client
    client.stop()
    lab.router.ip("-4", "addr", "flush", "dev", CHARTER.interface)


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


def record(record_property, name, gaps):
    figure = f"{name}: {statistics.median(gaps):.0f} (to {max(gaps):.0f}; {len(gaps)} times)"
    record_property("traffic_back_ms", figure)
    print(figure, [round(gap) for gap in gaps])


def test_a_real_client_gets_another_lease(lab, office, server, client, new, record_property):
    kernel = Kernel(lab.router)
    office.forgive(CHARTER)
    wait_for(lambda: details(office, CHARTER)["ipv4"]["line"]["state"] == "up", 30, what="a lease")
    begins_by(new, CHARTER)
    lab.reset_counters()
    before = steering(kernel)
    gaps = []
    for turn in TURNS:
        old, lease = LEASES[turn % 2], LEASES[(turn + 1) % 2]
        lasting = Flow(lab, "udp", plan.INTERNET4, name="lasting")
        lasting.wait_flowing()
        server.offer(*lease)
        client.renew()
        known = when_known(lab, lease[1])

        def by_the_new_one():
            return [stands for _, stands, source in new.successes(known) if source == lease[1]]

        stands = min(wait_for(by_the_new_one, 10, what="connections by it"))
        gaps.append((stands - known) / 1e6)
        lasting.wait_flowing(known)
        wait_for(lambda: not holds(lab, old[1]), what="the old address is gone")
        wait_for(lambda: not flows_of(kernel, old[1]), what="old flows are cut")
        wait_for(lambda: old[1] not in held_by(kernel), what="nothing has the old address")
        lasting.stop()
        office.forgive(CHARTER)
        begins_by(new, CHARTER)
    wait_for(lambda: steering(kernel) == before, what="rules and routes are as they were")
    record(record_property, type(client).__name__, gaps)
    assert statistics.median(gaps) < 1000, gaps
    assert lab.spoofed() == {}


@pytest.fixture
def server6(lab, tmp_path):
    server = Dhcpd6(lab, tmp_path)
    server.offer(HALVES[0])
    yield server
    server.stop()


@pytest.fixture
def client6(lab, office, server6, tmp_path):
    client = Dhcpcd6(lab, tmp_path, office.frr)
    client.start()
    wait_for(lambda: phases(office).get(HALVES[0]) == "current", 30, what="a prefix is delegated")
    yield client
    client.stop()


def router6(half):
    """The address that dhcpcd gives the router's LAN interface."""
    return str(ipaddress.ip_network(half)[1])


def still_works(flow):
    """Does the flow get an echo within half a second?"""
    since = now_ns()
    try:
        return flow.wait_flowing(since, 0.5)
    except Timeout:
        return None


def test_a_real_client_is_delegated_another_prefix(lab, office, server6, client6, record_property):
    """dhcpcd gets both in one reply: the new one, and the old one with lifetimes of 0."""
    lab.reset_counters()
    gaps = []
    for turn in TURNS:
        old, fresh = turn % 2, (turn + 1) % 2
        lasting = Flow(lab, "tcp", plan.INTERNET6, bind=HOSTS[old], name="lasting")
        new = Connector(lab, plan.INTERNET6, bind=HOSTS[fresh], name="fresh")
        lasting.wait_flowing()
        assert flows_from(lab, HALVES[old])
        server6.offer(HALVES[fresh])
        client6.renew()
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
    record(record_property, type(client6).__name__, gaps)
    assert max(gaps) < 1000, gaps
    assert lab.spoofed() == {}


def test_who_still_uses_the_old_prefix_is_told(lab, server6, client6):
    """dhcpcd has taken the LAN's address away with the prefix: the host is reached all the same."""
    flow = Flow(lab, "tcp", plan.INTERNET6, bind=HOSTS[0], name="told")
    flow.wait_flowing()
    server6.offer(HALVES[1])
    client6.renew()
    when_known(lab, router6(HALVES[1]))
    wait_for(lambda: flow.refresh() or flow.broken, 5, what="the connection is reset")
    flow.stop()


def test_a_prefix_that_is_not_renewed_ends_by_its_lifetimes(lab, office, server6, client6):
    """The server falls silent: T1 and T2 pass in vain."""
    server6.offer(HALVES[1], preferred=2, valid=5)
    client6.renew()
    wait_for(lambda: phases(office).get(HALVES[1]) == "current", 30, what="a short lease")
    server6.stop()
    wait_for(lambda: phases(office)[HALVES[1]] == "deprecated", what="it is deprecated")
    assert rules_from(lab, HALVES[1]), "as long as it is valid it is the line's"
    wait_for(lambda: phases(office)[HALVES[1]] == "gone", what="it is gone")
    wait_for(lambda: not rules_from(lab, HALVES[1]), what="no rule is left")


def test_a_prefix_that_is_released_has_its_grace(lab, office, client6):
    client6.release()
    wait_for(lambda: phases(office)[HALVES[0]] == "deprecated", what="it is deprecated")
    assert rules_from(lab, HALVES[0]), "for its grace it is the line's"
    wait_for(lambda: phases(office)[HALVES[0]] == "gone", what="its grace is over")
    wait_for(lambda: not rules_from(lab, HALVES[0]), what="no rule is left")


def test_without_the_hook_one_line_takes_what_dhcpcd_makes_unreachable(
    lab, office, server6, tmp_path
):
    client = Dhcpcd6(lab, tmp_path, office.frr, hook=False)
    client.start()
    try:
        when_known(lab, router6(HALVES[0]))
        stays(lambda: not rules_from(lab, HALVES[0]), 0.5, "it is nobody's: two lines have `auto`")
        office.frr.change("uplink att", f"no {AUTO}")
        wait_for(lambda: rules_from(lab, HALVES[0]), what="it is the line's")
    finally:
        client.stop()
        office.frr.change("uplink att", AUTO)
