# SPDX-License-Identifier: GPL-2.0-or-later
"""A line that pppd makes, and makes anew with other addresses; see telephone_office.py.

The tests run in the order written.  pppd runs with `defaultroute`, with `nodefaultroute` and with
`replacedefaultroute`, of which none may come between multihomed and its default.
MULTIHOME_RECONNECTS says how often it connects anew (3).  Needs a kernel with PPPoE.
"""

import ipaddress
import itertools
import json
import os
import re
import statistics
import time

import pytest

import multihome
import telephone_office as office
import tunnels
from lab.waiting import wait_for
from lib.topogen import Topogen, get_topogen
from lib.topolog import logger

pytestmark = [pytest.mark.multihomed]
RECONNECTS = int(os.environ.get("MULTIHOME_RECONNECTS", "3"))
FAMILIES = (4, 6)
KERNEL, BOOT = "2", "3"  # RTPROT_*; pppd says nothing of itself, which is "boot"
# The promise is one second. An emulated processor takes ten times as long for everything.
LIMIT_MS = 10_000


def setup_module(mod):
    tgen = Topogen(office.build_topo, mod.__name__)
    tgen.start_topology()
    office.prepare(tgen)
    r1 = tgen.gears["r1"]
    tgen.telco, tgen.pppd, tgen.meters = office.Telco(tgen), office.Pppd(tgen), office.Meters(tgen)
    tgen.telco.start()
    multihome.load(r1, f"{office.CWD}/r1/frr.conf")
    tgen.start_router()
    tgen.meters.server()
    hosts = {4: None, 6: office.host_in(tgen.telco.prefix)}
    tgen.new = {family: tgen.meters.connector(family, hosts[family]) for family in FAMILIES}


def teardown_module():
    get_topogen().stop_topology()


def lines(uplink, state, families=FAMILIES):
    return {(uplink, f"ipv{family}"): state for family in families}


def configure(r1, *words):
    r1.vtysh_cmd("\n".join(["configure terminal", "router multihome", *words]))


def hook(r1, verb, prefix):
    """As a DHCPv6 client's does."""
    assert multihome.ask(r1, f"multihome prefix {verb} uplink dsl {prefix}") == ""


def nobody_saw_a_wrong_source(tgen):
    assert not tunnels.wrong(tgen.gears["cable"])
    assert tgen.telco.wrong_sources() == []


def seen_as(tgen):
    """Who is seen outside when the telco's line carries, by family."""
    return {4: tgen.pppd.session().addresses[4], 6: office.host_in(tgen.telco.prefix)}


def new_connections_bear(tgen, addresses):
    for family, address in addresses.items():
        office.begins_by(tgen.new[family], address)


def is_up_and_carries(tgen):
    """The telco's line, with the addresses that it has now."""
    tunnels.wait_for_states(tgen.gears["r1"], lines("dsl", "up"))
    new_connections_bear(tgen, seen_as(tgen))


def way(r1, family):
    ways = multihome.ask(r1)["ways"]
    return next(each for each in ways if each["family"] == f"ipv{family}")


def protocol(route):
    """iproute2 leaves this one out."""
    return route.get("protocol", BOOT)


def defaults(r1, family=4):
    """main's: [(interface, protocol)], the first is asked first."""
    routes = multihome.kernel(r1).routes(family, 254)
    return [(r["dev"], protocol(r)) for r in routes if r["dst"] == "default" and "dev" in r]


def pppds(r1, family):
    """What of main's routes is not ours and leads into the session."""
    routes = multihome.kernel(r1).routes(family, 254)
    return [r for r in routes if r.get("dev") == "ppp0" and protocol(r) in (KERNEL, BOOT)]


def detail(r1, family):
    """Of the telco's line."""
    uplink = multihome.ask(r1, "show multihome uplink dsl json")["uplinks"][0]
    return next(each for each in uplink["lines"] if each["line"]["family"] == f"ipv{family}")


def test_a_line_that_does_not_exist_yet(tgen):
    r1 = tgen.gears["r1"]
    tunnels.wait_for_states(r1, {**lines("cable", "up"), **lines("dsl", "no-carrier")})
    assert "ppp0 does not exist" in tunnels.reason(r1, "dsl", "ipv4")
    office.begins_by(tgen.new[4], office.CABLE[4])


def test_pppd_connects(tgen):
    """It finds an IPv4 default in main, ours, and puts in none of its own."""
    r1 = tgen.gears["r1"]
    tgen.pppd.start("defaultroute")
    tgen.pppd.next_session()
    hook(r1, "add", tgen.telco.prefix)
    is_up_and_carries(tgen)
    assert [each for each in defaults(r1) if each[1] == BOOT] == []
    nobody_saw_a_wrong_source(tgen)


def test_while_it_is_away_the_other_line_carries(tgen):
    r1 = tgen.gears["r1"]
    before = tgen.pppd.session()
    tgen.telco.stop()
    office.begins_by(tgen.new[4], office.CABLE[4])
    wait_for(lambda: "ppp0 does not exist" in tunnels.reason(r1, "dsl", "ipv4"), what="the reason")
    tgen.telco.start()
    tgen.pppd.next_session(before)
    is_up_and_carries(tgen)
    nobody_saw_a_wrong_source(tgen)


def translated_to(r1, address):
    """Tracked flows that bear this address outside and another one inside."""
    flows = multihome.kernel(r1).conntrack(4)
    return [f for f in flows if f["reply"]["dst"] == address != f["original"]["src"]]


def everything(r1):
    """Rules, routes and NAT."""
    kernel = multihome.kernel(r1)
    items = [*kernel.rules(4), *kernel.rules(6), *kernel.routes(4), *kernel.routes(6)]
    items += [item for item in kernel.nft() if "counter" not in item]
    for item in items:
        item.pop("nhid", None)  # another one each time
    return [json.dumps(item, sort_keys=True) for item in items]


def held(r1, session):
    """The same, with names for what changes with the session, and without who is well."""
    texts = [t for t in everything(r1) if not re.search('"name": "(dead|lost)_', t)]
    for name, address in [*session.addresses.items(), *session.peers.items()]:
        texts = [re.sub(rf'"{re.escape(address)}(?=["/])', f'"#{name}', text) for text in texts]
    return sorted(texts)


def expect_nothing_left(r1, before, after, wanted):
    """Of an earlier session, by any name; and nothing is missing."""
    ends = [{*s.addresses.values(), *s.peers.values()} for s in (before, after)]
    old = [f'"{address}' for address in ends[0] - ends[1]]
    seen = set()

    def remains():
        seen.clear()
        seen.update(set(held(r1, after)) ^ set(wanted))
        seen.update(text for text in everything(r1) if any(address in text for address in old))
        return seen

    try:
        wait_for(lambda: not remains(), 60, "nothing is left of the old session", 0.5)
    except AssertionError as error:
        text = "\n".join([*sorted(seen), multihome.ask(r1, "show multihome")])
        raise AssertionError(f"{error}\n{text}") from None


class Lasting:
    """A flow in each family, which shall be forgotten or go on."""

    def __init__(self, tgen):
        host = office.host_in(tgen.telco.prefix)
        meters = tgen.meters
        self._flows = {4: meters.flow(4), 6: meters.flow(6, bind=host)}

    def wait_flowing(self, since=0):
        for flow in self._flows.values():
            flow.wait_flowing(since, 60)

    def stop(self):
        for flow in self._flows.values():
            flow.stop()


def gap_ms(connector, known, source):
    """From when the kernel knew until a new connection, by this source."""
    connector.wait_working(known, 60)
    good = connector.successes(known)
    assert {seen for _, _, seen in good} == {source}
    return (min(established for _, established, _ in good) - known) / 1e6


def reconnect(tgen, end):
    """`end` ends the session.  Returns the new one, and by family how many milliseconds after the
    kernel the office knew."""
    r1, before = tgen.gears["r1"], tgen.pppd.session()
    lasting = Lasting(tgen)
    lasting.wait_flowing()
    assert translated_to(r1, before.addresses[4])
    tunnels.wait_for_states(r1, lines("dsl", "up"))  # on a busy machine it may have been down
    wanted = held(r1, before)
    tgen.telco.remember()
    end()
    after = tgen.pppd.next_session(before)
    known = {f: tgen.pppd.known_ns(after.addresses[f], after.index) for f in FAMILIES}
    gaps = {f: gap_ms(tgen.new[f], known[f], seen_as(tgen)[f]) for f in FAMILIES}
    logger.info("back after %s ms; %s", gaps, after.addresses)
    lasting.wait_flowing(max(known.values()))
    if after.addresses[4] != before.addresses[4]:
        wait_for(lambda: not translated_to(r1, before.addresses[4]), 60, "old flows are cut", 0.5)
    expect_nothing_left(r1, before, after, wanted)
    lasting.stop()
    nobody_saw_a_wrong_source(tgen)
    return after, gaps


def test_it_connects_anew(tgen):
    """The telco's is the only line.  Without a default in main pppd puts its own there, which ours
    was before.  The provider ends the session, or the customer does; each has other addresses."""
    r1 = tgen.gears["r1"]
    configure(r1, "uplink cable", "shutdown")
    tunnels.wait_for_states(r1, lines("cable", "shutdown"))
    before = tgen.pppd.session()
    tgen.telco.end_session()
    tgen.pppd.next_session(before)
    is_up_and_carries(tgen)
    wait_for(lambda: defaults(r1)[0] == ("ppp0", BOOT), what="pppd's default comes first in main")
    ends = itertools.cycle([tgen.telco.end_session, tgen.pppd.reconnect])
    all_gaps = []
    for end in itertools.islice(ends, RECONNECTS):
        before = tgen.pppd.session()
        after, gaps = reconnect(tgen, end)
        assert all(after.addresses[f] != before.addresses[f] for f in FAMILIES)
        all_gaps.append(gaps)
    for family in FAMILIES:
        gaps = [each[family] for each in all_gaps]
        figure = f"{statistics.median(gaps):.0f} (to {max(gaps):.0f}; {len(gaps)} times)"
        logger.info("IPv%d: new connections, ms after the kernel knew: %s", family, figure)
        assert max(gaps) < LIMIT_MS, gaps


def test_it_gets_the_same_address_again(tgen):
    tgen.telco.stop()
    before = tgen.pppd.session()
    tgen.telco.start(sessions=1)
    before = tgen.pppd.next_session(before)
    is_up_and_carries(tgen)
    after, gaps = reconnect(tgen, tgen.telco.end_session)
    assert after.addresses[4] == before.addresses[4]
    assert max(gaps.values()) < LIMIT_MS


def test_router_advertisements(tgen):
    """Without them a session needs no IPv6 gateway, with them it is the peer of this session."""
    r1 = tgen.gears["r1"]

    def is_learned(peer):
        line = detail(r1, 6)
        own = [a for a in line["addresses"] if ipaddress.ip_address(a) in link]
        return own and (line["gateway"], line["gateway_learned_from"]) == (peer, "ra")

    def leaves_by(table):
        routes = multihome.kernel(r1).routes(6, table)
        return [(r["dev"], r.get("gateway")) for r in routes if (r["dst"], r.get("dev")) == way_out]

    link, way_out = ipaddress.ip_network(office.LINK_PREFIX), ("default", "ppp0")
    line = detail(r1, 6)
    assert (line["gateway"], line["gateway_learned_from"]) == ("", "")
    assert line["probe_source"] == office.host_in(tgen.telco.prefix, 1)
    table = multihome.ask(r1, "show multihome uplink dsl json")["uplinks"][0]["table"]
    for _ in range(2):
        before = tgen.pppd.session()
        assert leaves_by(table) == [("ppp0", None)]
        tgen.telco.advertise()
        wait_for(lambda: is_learned(before.peers[6]), 60, "the gateway is the peer")
        assert ipaddress.ip_address(detail(r1, 6)["probe_source"]) in link
        wait_for(lambda: leaves_by(table) == [("ppp0", before.peers[6])], 30, "it is the next hop")
        is_up_and_carries(tgen)
        nobody_saw_a_wrong_source(tgen)
        tgen.telco.end_session()
        tgen.pppd.next_session(before)
        is_up_and_carries(tgen)
        wait_for(lambda: before.peers[6] not in str(everything(r1)), what="it is forgotten")
    nobody_saw_a_wrong_source(tgen)


def test_another_prefix(tgen):
    """Told as by a DHCPv6 client's hook, when the session that brings it is there."""
    r1, lan = tgen.gears["r1"], tgen.gears["lan"]
    old, new = tgen.telco.prefix, office.PREFIXES[1]
    before = tgen.pppd.session()
    tgen.telco.delegate(new)
    tunnels.sh(lan, f"ip addr add {office.host_in(new)}/64 dev lan-eth0 nodad")
    tgen.new[6].stop()
    tgen.new[6] = tgen.meters.connector(6, bind=office.host_in(new))
    tgen.telco.end_session()
    tgen.pppd.next_session(before)
    hook(r1, "del", old)
    tunnels.sh(
        r1,
        f"""ip addr del {office.host_in(old, 1)}/64 dev r1-eth0
        ip addr add {office.host_in(new, 1)}/64 dev r1-eth0 nodad""",
    )
    hook(r1, "add", new)
    known = tgen.pppd.known_ns(office.host_in(new, 1))
    gap = gap_ms(tgen.new[6], known, office.host_in(new))
    logger.info("IPv6: new connections out of another prefix, ms after the kernel knew: %.0f", gap)
    assert gap < LIMIT_MS
    is_up_and_carries(tgen)
    nobody_saw_a_wrong_source(tgen)


def a_default_of_pppds_is_passed_over(tgen):
    """It stays in main while its line is dead and the other one carries."""
    r1 = tgen.gears["r1"]
    wait_for(lambda: defaults(r1)[0] == ("ppp0", BOOT), what="pppd's default comes first in main")
    is_up_and_carries(tgen)
    tgen.telco.break_beyond()
    office.begins_by(tgen.new[4], office.CABLE[4])
    wait_for(lambda: way(r1, 4)["foreign_default_passed_over"], what="it is passed over")
    assert "none needed (learned: boot)" in multihome.ask(r1, "show multihome uplink dsl")
    assert defaults(r1)[0] == ("ppp0", BOOT)
    tgen.telco.heal()
    is_up_and_carries(tgen)
    nobody_saw_a_wrong_source(tgen)


def test_pppds_default_does_not_hold_traffic_on_a_dead_line(tgen):
    r1 = tgen.gears["r1"]
    configure(r1, "uplink cable", "no shutdown")
    tunnels.wait_for_states(r1, lines("cable", "up"))
    a_default_of_pppds_is_passed_over(tgen)


def test_under_another_name(tgen):
    """The line is told so first; ppp0 is then nobody's."""
    r1 = tgen.gears["r1"]
    tgen.telco.remember()
    tgen.pppd.stop()
    configure(r1, "uplink dsl", "interface ppp1")
    wait_for(lambda: "ppp1 does not exist" in tunnels.reason(r1, "dsl", "ipv4"), what="the reason")
    assert "ppp0" not in str(everything(r1))
    tgen.pppd.start("nodefaultroute", interface="ppp1")
    tgen.pppd.next_session()
    is_up_and_carries(tgen)
    tgen.telco.remember()
    tgen.pppd.stop()
    configure(r1, "uplink dsl", "interface ppp0")
    assert "ppp1" not in str(everything(r1))
    nobody_saw_a_wrong_source(tgen)


def test_without_a_default_of_pppds(tgen):
    """A line to a peer needs none to learn from."""
    r1 = tgen.gears["r1"]
    office.begins_by(tgen.new[4], office.CABLE[4])
    tgen.pppd.start("nodefaultroute")
    tgen.pppd.next_session()
    is_up_and_carries(tgen)
    for family in FAMILIES:
        wait_for(lambda: [dev for dev, _ in defaults(r1, family)] == ["ppp0"], what="ours is there")
        assert defaults(r1, family)[0][1] != BOOT
    tgen.telco.break_beyond()
    office.begins_by(tgen.new[4], office.CABLE[4])
    tgen.telco.heal()
    is_up_and_carries(tgen)
    nobody_saw_a_wrong_source(tgen)


def test_a_pppd_that_replaces_the_default(tgen):
    """It puts in its own in any case, and tries to take ours out of main."""
    tgen.pppd.stop()
    office.begins_by(tgen.new[4], office.CABLE[4])
    tgen.pppd.start("defaultroute", "replacedefaultroute")
    before = tgen.pppd.next_session()
    a_default_of_pppds_is_passed_over(tgen)
    tgen.telco.end_session()
    tgen.pppd.next_session(before)
    a_default_of_pppds_is_passed_over(tgen)


def nothing_leaves_without_a_default_of_pppds(tgen):
    """As the guide advises: `nodefaultroute`, and ours goes with multihomed."""
    r1 = tgen.gears["r1"]
    tgen.telco.remember()
    tgen.pppd.stop()
    tunnels.sh(r1, "nft delete table ip own")
    tunnels.sh(tgen.gears["telco"], "nft flush set inet provider unrouted4")
    tgen.pppd.start("nodefaultroute")
    tgen.pppd.next_session()
    assert defaults(r1) == []
    since = time.monotonic_ns()
    wait_for(lambda: tgen.new[4].failures(since), 30, "new connections fail")
    assert "172.16.1.10" not in str(tgen.telco.unrouted())


def test_the_line_stays_when_multihomed_goes(tgen):
    """So does pppd's default: what hosts send by it leaves untranslated from now on, unless a rule
    of the operator's own translates it."""
    r1, kernel = tgen.gears["r1"], multihome.kernel(tgen.gears["r1"])
    nobody_saw_a_wrong_source(tgen)

    def pppds_own():
        line = [each for each in kernel.addresses() if each.get("ifname") == "ppp0"]
        return line, pppds(r1, 4), pppds(r1, 6), tgen.pppd.pid()

    before = pppds_own()
    assert before[0] and [r["dst"] for r in before[1]] == ["default", "198.51.100.65"]
    multihome.end_daemon(r1, "multihomed", 15)
    wait_for(lambda: {rule["priority"] for rule in kernel.rules(4)} == {0, 32766, 32767}, 30)
    assert kernel.nft_tables() == []
    assert pppds_own() == before and tgen.pppd.is_alive()
    address = tgen.pppd.session().addresses[4]
    tunnels.reaches(r1, address, office.INTERNET[4])
    wait_for(lambda: "172.16.1.10" in str(tgen.telco.unrouted()), 30, "a source of the LAN")
    tunnels.sh(
        r1,
        """nft add table ip own
        nft add chain ip own nat '{ type nat hook postrouting priority srcnat + 10; }'
        nft add rule ip own nat oifname ppp0 masquerade""",
    )
    office.begins_by(tgen.new[4], address)
    nothing_leaves_without_a_default_of_pppds(tgen)
