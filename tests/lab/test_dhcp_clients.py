# SPDX-License-Identifier: GPL-2.0-or-later
"""Real DHCP clients on the preferred line, and servers that hand out another lease or prefix.

What test_learned.py and test_delegated.py do by hand, Debian's clients do in their own way: other
orders, other protocols and metrics of the default, routes flushed in between, prefixes that a
reply brings with a lifetime of 0.
"""

import pytest

from . import Flow, plan, wait_for
from .dhcp import Dhclient, Dhcpcd, Dhcpcd6, Dhcpd6, DhcpServer, Udhcpc
from .leases import AUTO, CHARTER, judge, lease_changes, prefix_changes, router6
from .leases import office  # noqa: F401  (a fixture)
from .leases import wait_for_a_lease, when_known
from .test_delegated import HALVES, HOSTS, rules_from
from .test_delegated import known as phases
from .test_learned import LEASES
from .waiting import stays


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


def test_a_real_client_gets_another_lease(lab, office, server, client, new, record_property):
    wait_for_a_lease(office)

    def give(gateway, address):
        server.offer(gateway, address)
        client.renew()

    gaps = lease_changes(lab, office, new, give)
    judge(lab, record_property, type(client).__name__, gaps)


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


def test_a_real_client_is_delegated_another_prefix(lab, office, server6, client6, record_property):
    """dhcpcd gets both in one reply: the new one, and the old one with lifetimes of 0."""

    def give(prefix):
        server6.offer(prefix)
        client6.renew()

    gaps = prefix_changes(lab, office, give)
    judge(lab, record_property, type(client6).__name__, gaps)
    assert max(gaps) < 1000, gaps


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
