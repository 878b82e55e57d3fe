# SPDX-License-Identifier: GPL-2.0-or-later
"""A host inside that has nothing but SLAAC chooses its source address after what it is told.

Two prefixes, one of each line, and a ULA stand on the router's LAN interface; the host is a Linux
kernel with accept_ra=1.  What goes over the wire is read by radvdump.
"""

import ipaddress
import json
import os
import re
import statistics

import pytest

from . import BLACKHOLE, CABLE, FAULTS, Connector, now_ns, plan, wait_for
from .trial import running_office
from .waiting import stays

CHARTER, ATT = plan.LINES
ULA = ipaddress.ip_network(plan.LAN6)
ROUNDS = int(os.environ.get("MULTIHOME_ROUNDS", "1"))
LIMIT_S = 1.5
SAVED_S = 9  # of silence after which a change may go out at once whatever was told before

CONFIGURATION = f"""
router multihome
 ipv6 advertise {plan.LAN_INTERFACE}
  rdnss {plan.LAN6_ROUTER}
  rdnss {CHARTER.lan6[0x53]} uplink charter
  dnssl example.org
  router-preference high
 exit
exit
"""


class Host:
    """The kernel of the LAN's host."""

    def __init__(self, lab):
        self.namespace = lab["lan"]

    def forget_everything(self):
        """Addresses and routes by hand go; what is left comes from router advertisements."""
        self.namespace.sysctl(net__ipv6__conf__eth0__accept_ra=1)
        self.namespace.ip(*"-6 address flush dev eth0".split())
        self.namespace.ip(*"-6 route flush dev eth0".split(), check=False)
        self.namespace.ip(*"link set eth0 down".split())
        self.namespace.ip(*"link set eth0 up".split())

    def addresses(self):
        """{prefix: preferred} of the addresses made of router advertisements."""
        links = json.loads(self.namespace.ip(*"-6 -j address show dev eth0 scope global".split()))
        return {
            ipaddress.ip_interface(f"{a['local']}/64").network: not a.get("deprecated", False)
            for link in links
            for a in link.get("addr_info", [])
            if "local" in a
        }

    def prefers(self, **lines):
        seen = self.addresses()
        wanted = {line.lan6: lines[line.name] for line in plan.LINES if line.name in lines}
        return all(seen.get(prefix) is preferred for prefix, preferred in wanted.items())

    def has_default(self):
        return "default" in self.namespace.ip(*"-6 route show default".split())


class Dump:
    """radvdump beside the host: what an independent program reads out of the advertisements."""

    def __init__(self, lab):
        self._log = lab.log("radvdump")
        self._log.write_text("")
        self._ledger = lab.ledger
        argv = lab["lan"].argv(["stdbuf", "-oL", "radvdump"])
        self._process = lab.ledger.spawn(argv, self._log)

    def stop(self):
        self._ledger.end(self._process.pid)

    def messages(self):
        """One dictionary an advertisement, oldest first; incomplete ones are left out."""
        found = []
        for text in self._log.read_text().split("Router Advertisement from ")[1:]:
            if "}; # End of interface definition" in text:
                found.append(self._parse(text))
        return found

    @staticmethod
    def _parse(text):
        prefixes = {}
        for name, body in re.findall(r"prefix (\S+)\s*\{(.*?)\};", text, re.S):
            prefixes[ipaddress.ip_network(name)] = dict(re.findall(r"(Adv\w+) (\w+);", body))
        head = text.split("prefix ")[0]
        return {
            "source": text.split()[0],
            **dict(re.findall(r"(Adv\w+) (\w+);", head)),
            "prefixes": prefixes,
            "rdnss": {
                name: re.search(r"AdvRDNSSLifetime (\w+);", body).group(1)
                for name, body in re.findall(r"RDNSS (\S+)\s*\{(.*?)\};", text, re.S)
            },
            "dnssl": re.findall(r"DNSSL (\S+)\s*\{", text),
        }

    def newest(self):
        messages = self.messages()
        return messages[-1] if messages else None


@pytest.fixture(scope="module")
def office(lab):
    with running_office(lab) as driver:
        driver.frr.configure(CONFIGURATION)
        yield driver


@pytest.fixture(scope="module")
def host(lab, office):
    host = Host(lab)
    host.forget_everything()
    wait_for(
        lambda: len(host.addresses()) == 3 and host.has_default(), 5, what="the host has addresses"
    )
    return host


@pytest.fixture
def dump(lab):
    dump = Dump(lab)
    yield dump
    dump.stop()


@pytest.fixture
def healthy(lab, office, host):
    """Both lines are preferred, before the test and after it."""

    def all_well():
        return host.prefers(charter=True, att=True) and host.has_default()

    wait_for(all_well, 30, what="both lines are preferred")
    yield
    for line in plan.LINES:
        lab.heal(line)
        office.forgive(line)
    wait_for(all_well, 30, what="both lines are preferred again")


def load(office):
    """The whole configuration as one change, as at the boot."""
    office.frr.load(office._configuration + CONFIGURATION)


def shown(office):
    return office.frr.shown("advertise")["interfaces"][0]


def is_quiet(office):
    return shown(office).get("seconds_since_multicast", 0) > SAVED_S


def test_a_solicitation_is_answered_at_once(office, host, healthy):
    before = shown(office)["solicitations"]
    host.forget_everything()
    begun = now_ns()
    wait_for(lambda: len(host.addresses()) == 3 and host.has_default(), what="addresses are there")
    # the kernel asks when the link is up; the answer comes within half a second
    assert (now_ns() - begun) / 1e9 < 2.5
    assert shown(office)["solicitations"] > before


@pytest.mark.parametrize("fault", FAULTS)
def test_new_connections_work_again_when_a_line_dies(lab, office, host, healthy, fault):
    outages, deprecations = [], []
    for _ in range(ROUNDS):
        wait_for(lambda: is_quiet(office), 60, what="nothing is being told")
        connector = Connector(lab, plan.INTERNET6, name="slaac")
        try:
            begun = connector.wait_working(now_ns())
            source = connector.successes(begun)[-1][2]
            line = plan.line_of(source)
            office.forgive(line)
            broken = lab.break_line(line, fault)

            def moved():
                good = [s for s in connector.successes(broken.at) if plan.line_of(s[2]) is not line]
                return good and good[0][0]

            again = wait_for(moved, 10, what="new connections bear the other line's address")
            outages.append((again - broken.at) / 1e9)
            wait_for(lambda: host.prefers(**{line.name: False}), what="its address is deprecated")
            deprecations.append((now_ns() - broken.at) / 1e9)
            lab.heal(line)
            wait_for(
                lambda: host.prefers(charter=True, att=True), 20, what="it is preferred again"
            )
        finally:
            connector.stop()
            lab.heal(line)
    print(
        f"{fault}: new IPv6 connections of a SLAAC host after "
        f"{statistics.median(outages):.2f} s (median of {ROUNDS}; {min(outages):.2f} to "
        f"{max(outages):.2f})"
    )
    assert statistics.median(outages) <= LIMIT_S
    assert lab.spoofed() == {}


def test_radvdump_reads_what_was_meant(lab, office, host, healthy, dump):
    lab.break_line(CHARTER, CABLE)
    told = wait_for(
        lambda: (dump.newest() or {}).get("prefixes", {}).get(CHARTER.lan6, {}).get(
            "AdvPreferredLifetime") == "0" and dump.newest(),
        what="an advertisement that deprecates",
    )
    assert told["source"].startswith("fe80::1")
    assert told["AdvDefaultLifetime"] == "1800"
    assert told["AdvDefaultPreference"] == "high"
    assert told["AdvCurHopLimit"] == "64"
    assert told["AdvManagedFlag"] == "off"
    preferred = {p: told["prefixes"][p]["AdvPreferredLifetime"] for p in told["prefixes"]}
    assert preferred == {CHARTER.lan6: "0", ATT.lan6: "2700", ULA: "2700"}
    for prefix in told["prefixes"].values():
        assert prefix["AdvValidLifetime"] == "5400"
        assert (prefix["AdvOnLink"], prefix["AdvAutonomous"]) == ("on", "on")
    assert told["rdnss"] == {plan.LAN6_ROUTER: "1800", str(CHARTER.lan6[0x53]): "0"}
    assert told["dnssl"] == ["example.org"]


def test_without_a_line_there_is_no_default_router(lab, office, host, healthy):
    for line in plan.LINES:
        lab.break_line(line, BLACKHOLE)
    wait_for(lambda: not host.has_default(), what="the host has no default router")
    assert shown(office)["router_lifetime_seconds"] == 0
    assert host.prefers(charter=True) or host.prefers(att=True)
    lab["lan"].run("ping", "-6", "-c1", "-W2", plan.LAN6_ROUTER)
    lab.heal(ATT)
    wait_for(host.has_default, what="the default router is back")


def test_a_prefix_that_vanishes_is_withdrawn(lab, office, host, healthy, dump):
    own = f"{CHARTER.lan6[1]}/64"
    lab.router.ip("address", "del", own, "dev", plan.LAN_INTERFACE)
    try:
        wait_for(lambda: host.prefers(charter=False, att=True), what="its address is deprecated")
        told = wait_for(dump.newest, what="an advertisement")
        assert told["prefixes"][CHARTER.lan6]["AdvValidLifetime"] == "0"
    finally:
        lab.router.ip("address", "add", own, "dev", plan.LAN_INTERFACE, "nodad")


def test_a_delegated_prefix_is_told_until_it_ends(lab, office, host, healthy, dump):
    delegated = ipaddress.ip_network("2001:db8:dd00::/56")
    own = next(delegated.subnets(new_prefix=64))
    address = f"{own[1]}/64"

    def told():
        entry = (dump.newest() or {"prefixes": {}})["prefixes"].get(own, {})
        return [int(entry.get(f"Adv{name}Lifetime", -1)) for name in ("Preferred", "Valid")]

    office.frr.change(f"uplink {CHARTER.name}", "ipv6 source auto grace 60")
    which = f"uplink {CHARTER.name} {delegated}"
    office.frr.vtysh(f"multihome prefix add {which} preferred 100 valid 200")
    lab.router.ip("address", "add", address, "dev", plan.LAN_INTERFACE, "nodad")
    try:
        wait_for(lambda: 90 <= told()[0] <= 100 and 190 <= told()[1] <= 200, what="both lifetimes")
        first = told()
        # what has changed is told three times, 3 s apart
        wait_for(lambda: told()[0] < first[0] and told()[1] < first[1], what="they count down")
        office.frr.vtysh(f"multihome prefix del {which}")
        wait_for(lambda: told()[0] == 0 and 50 <= told()[1] <= 60, what="deprecated, for its grace")
        wait_for(lambda: host.addresses().get(own) is False, what="its address is deprecated")
    finally:
        lab.router.ip("address", "del", address, "dev", plan.LAN_INTERFACE)
        office.frr.change(f"uplink {CHARTER.name}", "no ipv6 source auto")


def test_another_advertiser_on_the_router_is_noticed(lab, office, host, healthy):
    assert not [text for text in shown(office)["warnings"] if "another program" in text]
    office.frr.configure(
        f"interface {plan.LAN_INTERFACE}\n ipv6 nd ra-interval msec 500\n no ipv6 nd suppress-ra"
    )
    try:
        wait_for(
            lambda: [text for text in shown(office)["warnings"] if "another program" in text],
            25,
            what="zebra's advertisements are noticed",
        )
    finally:
        office.frr.configure(
            f"interface {plan.LAN_INTERFACE}\n ipv6 nd suppress-ra\n no ipv6 nd ra-interval"
        )


def test_a_daemon_that_ends_says_so(lab, office, host, healthy):
    office.frr.stop("multihomed")
    try:
        wait_for(lambda: not host.has_default(), what="the host has no default router")
    finally:
        office.frr.restart("multihomed")
    load(office)
    office.wait_settled()
    wait_for(host.has_default, what="the default router is back")


def test_a_daemon_that_is_killed_changes_nothing_for_hosts(lab, office, host, healthy):
    office.frr.kill("multihomed")
    stays(host.has_default, 0.5, what="the host keeps its default router")
    office.frr.restart("multihomed")
    load(office)
    office.wait_settled()
    assert host.prefers(charter=True, att=True)
