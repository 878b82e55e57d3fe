# SPDX-License-Identifier: GPL-2.0-or-later
"""Prefixes that a provider delegates and takes back: whose they are, and who still uses an old one.

What a DHCPv6 client's hook does is done here: `multihome prefix add` and `del` in vtysh.
MULTIHOME_RENEWALS says how often the prefix changes (20).
"""

import errno
import ipaddress
import os
import statistics

import pytest

from . import Connector, Flow, drivers, now_ns, plan, wait_for
from .kernel import Kernel
from .trial import running_office

CHARTER, ATT = plan.LINES
RENEWALS = int(os.environ.get("MULTIHOME_RENEWALS", "20"))
# halves of what the provider routes to the router; the LAN has a /64 of each
HALVES = [str(half) for half in ipaddress.ip_network(CHARTER.delegated6).subnets(new_prefix=60)]
HOSTS = [str(ipaddress.ip_network(half)[0x10]) for half in HALVES]


def configuration(lab):
    text = drivers.office_configuration(lab, ["probe stable-for 300"])
    return text.replace(f"ipv6 source {CHARTER.delegated6}", "ipv6 source auto grace 0")


@pytest.fixture(scope="module")
def office(lab):
    own = f"{ipaddress.ip_network(HALVES[1])[1]}/64"
    lan = [("lan", "eth0", f"{HOSTS[1]}/64"), ("router", plan.LAN_INTERFACE, own)]
    for role, interface, address in lan:
        lab[role].ip("addr", "add", address, "dev", interface, "nodad")
    with running_office(lab, configuration=configuration(lab)) as driver:
        yield driver
    for role, interface, address in lan:
        lab[role].ip("addr", "del", address, "dev", interface)


def hook(office, verb, prefix, *words):
    office.frr.vtysh(" ".join(["multihome prefix", verb, "uplink charter", prefix, *words]))
    return now_ns()


def set_grace(office, seconds):
    office.frr.change("uplink charter", f"ipv6 source auto grace {seconds}")


def known(office):
    uplinks = office.frr.shown("uplink charter")["uplinks"]
    line = next(detail for detail in uplinks[0]["lines"] if detail["line"]["family"] == "ipv6")
    return {each["prefix"]: each["phase"] for each in line["delegated"]}


def rules_from(lab, prefix):
    network = ipaddress.ip_network(prefix)
    source = {"src": str(network[0]), "srclen": network.prefixlen}
    return [rule for rule in Kernel(lab.router).rules(6) if source.items() <= rule.items()]


def flows_from(lab, prefix):
    network = ipaddress.ip_network(prefix)
    flows = Kernel(lab.router).conntrack(6)
    return [flow for flow in flows if ipaddress.ip_address(flow["original"]["src"]) in network]


def test_a_prefix_is_the_lines_as_long_as_it_is_delegated_and_for_its_grace(lab, office):
    set_grace(office, 3600)
    hook(office, "add", HALVES[0], "preferred 3600 valid 7200")
    wait_for(lambda: rules_from(lab, HALVES[0]), what="a rule for the prefix")
    assert known(office) == {HALVES[0]: "current"}
    flow = Flow(lab, "tcp", plan.INTERNET6, bind=HOSTS[0], name="bound")
    flow.wait_flowing()
    hook(office, "del", HALVES[0])
    assert known(office) == {HALVES[0]: "deprecated"}
    flow.wait_flowing(now_ns())
    set_grace(office, 0)
    wait_for(lambda: known(office) == {HALVES[0]: "gone"}, what="its grace is over")
    wait_for(lambda: flow.refresh() or flow.broken, what="the connection is reset")
    assert flow.broken[1] == errno.ECONNRESET
    wait_for(lambda: not rules_from(lab, HALVES[0]), what="no rule is left")
    wait_for(lambda: not flows_from(lab, HALVES[0]), what="no flow is left")
    flow.stop()
    assert lab.spoofed() == {}


def test_it_outlives_a_killed_daemon(lab, office):
    hook(office, "add", HALVES[0], "preferred 3600 valid 7200")
    wait_for(lambda: rules_from(lab, HALVES[0]), what="a rule for the prefix")
    office.frr.kill("multihomed")
    office.frr.restart("multihomed")
    office.frr.configure(configuration(lab))
    wait_for(lambda: known(office) == {HALVES[0]: "current"}, what="the prefix is known again")
    assert rules_from(lab, HALVES[0])
    hook(office, "del", HALVES[0])
    wait_for(lambda: known(office) == {HALVES[0]: "gone"}, what="its grace is over")


def test_lifetimes_end_by_themselves(office):
    hook(office, "add", HALVES[0], "preferred 1 valid 3600")
    wait_for(lambda: known(office)[HALVES[0]] == "deprecated", what="its preferred time is over")
    hook(office, "add", HALVES[0], "preferred 0 valid 1")
    wait_for(lambda: known(office)[HALVES[0]] == "gone", what="its valid time is over")
    hook(office, "del", HALVES[0])


@pytest.mark.parametrize(
    "words,reason",
    [
        ("add uplink charter 2001:db8:200:40::/60", "overlaps 2001:db8:200:40::/59 of uplink att"),
        ("add uplink att 2001:db8:100:28::/61", "delegated to uplink charter"),
        ("add uplink charter 2001:db8:1::/80", "no delegated prefix"),
        ("add uplink charter 2001:db8:1::/48 preferred 9 valid 8", "longer than the valid one"),
        ("del uplink charter 2001:db8:1::/48", "not delegated"),
    ],
)
def test_what_cannot_be_one_is_refused(office, words, reason):
    hook(office, "add", HALVES[0])
    assert reason in office.frr.vtysh(f"multihome prefix {words}", check=False)
    assert "2001:db8:1::/48" not in known(office)
    hook(office, "del", HALVES[0])


def test_a_new_prefix_at_every_reconnect(lab, office, record_property):
    hook(office, "add", HALVES[0])
    wait_for(lambda: rules_from(lab, HALVES[0]), what="a rule for the prefix")
    lab.reset_counters()
    gaps = []
    for turn in range(RENEWALS):
        old, fresh = turn % 2, (turn + 1) % 2
        lasting = Flow(lab, "tcp", plan.INTERNET6, bind=HOSTS[old], name="lasting")
        new = Connector(lab, plan.INTERNET6, bind=HOSTS[fresh], name="fresh")
        lasting.wait_flowing()
        hook(office, "del", HALVES[old])
        told = hook(office, "add", HALVES[fresh])
        gaps.append((new.wait_working(told) - told) / 1e6)
        wait_for(lambda flow=lasting: flow.refresh() or flow.broken, what="the old one is cut")
        wait_for(lambda old=old: not rules_from(lab, HALVES[old]), what="no rule is left")
        wait_for(lambda old=old: not flows_from(lab, HALVES[old]), what="no flow is left")
        new.stop()
        lasting.stop()
    record_property("traffic_back_ms", f"{statistics.median(gaps):.0f} (to {max(gaps):.0f})")
    assert max(gaps) < 1000, gaps
    assert lab.spoofed() == {}
