# SPDX-License-Identifier: GPL-2.0-or-later
"""S1 whole: two VLANs of one port, IPv4 and 6rd on both, then 6to4; see tunnel_office.py.

The tests run in the order written.  multihomed makes the tunnels, follows the IPv4 address of the
line that carries them, and takes them away at its end.  Needs a kernel with VLANs and sit tunnels.
"""

import pytest

import multihome
import tunnel_office as office
import tunnels
from lab.waiting import wait_for
from lib.topogen import Topogen, get_topogen
from tunnel_office import ATT, CHARTER, INTERNET4, INTERNET6, LAN_HOST

pytestmark = [pytest.mark.multihomed]
FIRST, SECOND = CHARTER.own
ATT_OWN = next(iter(ATT.own))
LINES = [("charter", "ipv4"), ("charter6", "ipv6"), ("att", "ipv4"), ("att6", "ipv6")]


def setup_module(mod):
    tgen = Topogen(office.build_topo, mod.__name__)
    tgen.start_topology()
    for provider in office.PROVIDERS:
        office.prepare_provider(tgen, provider)
    office.prepare_inet(tgen)
    r1 = tgen.gears["r1"]
    office.prepare_lan(tgen)
    office.add_vlan(r1, "r1-eth1", CHARTER.vlan)
    multihome.load(r1, f"{office.CWD}/r1/frr.conf")
    tgen.start_router()


def teardown_module():
    get_topogen().stop_topology()


def nobody_saw_a_wrong_source(tgen):
    assert not tunnels.wrong(*(tgen.gears[p.name] for p in office.PROVIDERS))


def configure(r1, *lines):
    r1.vtysh_cmd("\n".join(["configure terminal", "router multihome", *lines]))


def carried(tgen, provider):
    return tunnels.counters(tgen.gears[provider.name])["carried"]


def lan_reaches(tgen, source, target=INTERNET6):
    tunnels.reaches(tgen.gears["lan"], source, target)


def way6(r1):
    """(interface, gateway) of main's IPv6 default."""
    routes = multihome.kernel(r1).routes(6, 254)
    return next(((r["dev"], r.get("gateway")) for r in routes if r["dst"] == "default"), None)


def test_a_line_that_comes_later_than_multihomed(r1):
    tunnels.wait_for_states(r1, {("charter", "ipv4"): "up", ("charter6", "ipv6"): "up"})
    assert "r1-eth1.4 does not exist" in tunnels.reason(r1, "att", "ipv4")
    assert "uplink att, which carries the tunnel" in tunnels.reason(r1, "att6", "ipv6")
    office.add_vlan(r1, "r1-eth1", ATT.vlan)
    tunnels.wait_for_states(r1, {line: "up" for line in LINES})


def test_tunnels_bear_what_the_addresses_mean(r1):
    made = tunnels.link(r1, "charter6rd")
    assert made["ifalias"] == "multihomed charter6"
    assert (made["mtu"], made["linkinfo"]["info_data"]["local"]) == (1480, FIRST)
    assert tunnels.addresses(r1, "charter6rd") - {f"::{FIRST}"} == {f"{CHARTER.prefix(FIRST)}1"}
    assert tunnels.addresses(r1, "att6rd") - {f"::{ATT_OWN}"} == {f"{ATT.prefix(ATT_OWN)}1"}
    wait_for(lambda: way6(r1) == ("charter6rd", f"::{CHARTER.relay}"), what="the default")


def test_packets_take_their_line(tgen):
    for provider, address in ((CHARTER, FIRST), (ATT, ATT_OWN)):
        office.give_lan(tgen, provider.prefix(address))
        before = carried(tgen, provider)
        lan_reaches(tgen, provider.host(address))
        assert carried(tgen, provider) > before
    lan_reaches(tgen, LAN_HOST, INTERNET4)
    nobody_saw_a_wrong_source(tgen)


def test_the_carrier_fails_and_returns(tgen, r1):
    charter = tgen.gears["charter"]
    tunnels.sh(charter, f"ip link set {CHARTER.far} down")
    tunnels.wait_for_states(r1, {("charter", "ipv4"): "down", ("charter6", "ipv6"): "down"})
    because = "uplink charter, which carries the tunnel, is down: "
    wait_for(lambda: because in tunnels.reason(r1, "charter6", "ipv6"), what="the reason")
    wait_for(lambda: way6(r1) == ("att6rd", f"::{ATT.relay}"), what="the default by att6")
    lan_reaches(tgen, LAN_HOST, INTERNET4)
    lan_reaches(tgen, ATT.host(ATT_OWN))
    tunnels.sh(
        charter,
        f"""ip link set {CHARTER.far} up
        ip addr replace 2001:db8:f{CHARTER.number}::1/64 dev {CHARTER.far} nodad
        ip route replace default via 198.51.100.{128 + 4 * CHARTER.number + 2}
        ip route replace default via 2001:db8:f{CHARTER.number}::2""",
    )
    tunnels.wait_for_states(r1, {line: "up" for line in LINES})
    lan_reaches(tgen, CHARTER.host(FIRST))
    nobody_saw_a_wrong_source(tgen)


def test_another_ipv4_address_is_another_tunnel(tgen, r1):
    before = tunnels.link(r1, "charter6rd")["ifindex"]
    tunnels.sh(
        r1,
        f"""ip addr del {FIRST}/29 dev r1-eth1.5
        ip addr add {SECOND}/29 dev r1-eth1.5""",
    )
    wanted = f"{CHARTER.prefix(SECOND)}1"
    wait_for(lambda: wanted in tunnels.addresses(r1, "charter6rd"), 10, "the new address")
    assert tunnels.link(r1, "charter6rd")["ifindex"] != before
    assert f"{CHARTER.prefix(FIRST)}1" not in tunnels.addresses(r1, "charter6rd")
    office.give_lan(tgen, CHARTER.prefix(SECOND))
    tunnels.wait_for_states(r1, {line: "up" for line in LINES})
    lan_reaches(tgen, CHARTER.host(SECOND))
    nobody_saw_a_wrong_source(tgen)


def test_no_address_no_tunnel(r1):
    tunnels.sh(r1, f"ip addr del {SECOND}/29 dev r1-eth1.5")
    wait_for(lambda: not tunnels.link(r1, "charter6rd"), 10, "the tunnel is gone")
    assert "has no IPv4 address" in tunnels.reason(r1, "charter6", "ipv6")
    tunnels.sh(r1, f"ip addr add {SECOND}/29 dev r1-eth1.5")
    tunnels.wait_for_states(r1, {line: "up" for line in LINES})


def test_a_crash_leaves_the_tunnels_to_the_next_start(r1):
    before = {name: tunnels.link(r1, name)["ifindex"] for name in ("charter6rd", "att6rd")}
    multihome.end_daemon(r1, "multihomed")
    assert all(tunnels.link(r1, name) for name in before)
    r1.startDaemons(["multihomed"])
    r1.run("vtysh -b")
    tunnels.wait_for_states(r1, {("charter6", "ipv6"): "up", ("att6", "ipv6"): "up"})
    assert {name: tunnels.link(r1, name)["ifindex"] for name in before} == before


def test_6to4(tgen, r1):
    configure(r1, "uplink charter6", "tunnel 6to4 uplink charter")
    wanted = f"{CHARTER.prefix(SECOND, six_to_four=True)}1"
    wait_for(lambda: wanted in tunnels.addresses(r1, "charter6rd"), 10, "the 6to4 address")
    office.give_lan(tgen, CHARTER.prefix(SECOND, six_to_four=True))
    tunnels.wait_for_states(r1, {line: "up" for line in LINES})
    lan_reaches(tgen, CHARTER.host(SECOND, six_to_four=True))
    wait_for(lambda: way6(r1) == ("charter6rd", f"::{office.ANYCAST_RELAY}"), what="the default")
    nobody_saw_a_wrong_source(tgen)


def test_what_others_made_is_left_alone(r1):
    configure(r1, "uplink att6", "no tunnel")
    wait_for(lambda: not tunnels.link(r1, "att6rd"), 10, "the tunnel is gone")
    tunnels.sh(r1, "ip tunnel add att6rd mode sit local 203.0.113.57 remote 198.51.100.66")
    theirs = tunnels.link(r1, "att6rd")
    configure(r1, "uplink att6", "tunnel sit remote 198.51.100.66 uplink att")
    wait_for(
        lambda: "did not make" in tunnels.reason(r1, "att6", "ipv6"), what="the reason is shown"
    )
    assert tunnels.link(r1, "att6rd") == theirs


def test_a_stop_takes_ours_away(tgen, r1):
    nobody_saw_a_wrong_source(tgen)
    multihome.end_daemon(r1, "multihomed", 15)
    assert not tunnels.link(r1, "charter6rd")
    assert tunnels.link(r1, "att6rd")
    kernel = multihome.kernel(r1)
    assert kernel.nft_tables() == []
    assert {rule["priority"] for rule in kernel.rules(6)} == {0, 32766}
    assert way6(r1) is None
