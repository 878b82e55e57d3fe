# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with native IPv6 and two tunnels that somebody else makes (scenario S2).

    r1-eth0 --- isp ----------- inet
       :    sixxs0  broker0 ---- |
       :    sixxs1  broker1 ---- |

The native provider drops what does not bear its own prefix, each broker what does not bear the one
address it has given.  The tunnels come after multihomed, and are made anew while it runs.  Answers
leave by the tunnel that the question came in by, and what the machine sends by its source.  Needs
a kernel with sit tunnels.
"""

import os

import pytest

import multihome
import tunnels
from lab.waiting import wait_for
from lib.topogen import Topogen, get_topogen

pytestmark = [pytest.mark.multihomed]
CWD = os.path.dirname(os.path.realpath(__file__))
INTERNET = "2001:db8:ffff::9"
NATIVE = "2001:db8:a::2"
TUNNELS = {"sixxs0": "2001:db8:b0::2", "sixxs1": "2001:db8:b1::2"}


def broker_of(name):
    number = int(name[-1])
    return number, f"203.0.113.{1 + 4 * number}"


def build_topo(tgen):
    r1 = multihome.add_router(tgen, "r1")
    isp, inet = (multihome.add_bare_host(tgen, name) for name in ("isp", "inet"))
    tgen.add_link(r1, isp, "r1-eth0", "isp-eth0")
    tgen.add_link(isp, inet, "isp-eth1", "isp")
    for number in range(2):
        broker = multihome.add_bare_host(tgen, f"broker{number}")
        tgen.add_link(broker, inet, f"broker{number}-eth0", f"broker{number}")


def prepare_isp(tgen):
    tunnels.sh(
        tgen.gears["isp"],
        """ip addr add 192.0.2.1/24 dev isp-eth0
        ip addr add 2001:db8:a::1/64 dev isp-eth0 nodad
        ip addr add 198.51.100.1/30 dev isp-eth1
        ip addr add 2001:db8:1::1/64 dev isp-eth1 nodad
        ip route add default via 198.51.100.2
        ip route add default via 2001:db8:1::2""",
    )
    tunnels.load_nft(
        tgen.gears["isp"],
        """table inet provider {
            counter wrong_v4 { }
            counter wrong_v6 { }
            chain in {
                type filter hook prerouting priority raw;
                iifname != "isp-eth0" accept
                ip saddr != 192.0.2.0/24 counter name wrong_v4 drop
                ip6 saddr != { 2001:db8:a::/64, fe80::/10, ::/128 } counter name wrong_v6 drop
            }
        }""",
    )


def prepare_inet(tgen):
    tunnels.sh(
        tgen.gears["inet"],
        f"""ip addr add 198.51.100.9/32 dev lo
        ip addr add {INTERNET}/128 dev lo
        ip addr add 198.51.100.2/30 dev isp
        ip addr add 2001:db8:1::2/64 dev isp nodad
        ip route add 192.0.2.0/24 via 198.51.100.1
        ip route add 2001:db8:a::/64 via 2001:db8:1::1""",
    )


def prepare_broker(tgen, name, address):
    number, public = broker_of(name)
    near, far = f"203.0.113.{2 + 4 * number}", f"2001:db8:b{number}:ff::"
    broker = tgen.gears[f"broker{number}"]
    tunnels.sh(
        broker,
        f"""ip addr add {public}/30 dev broker{number}-eth0
        ip addr add {far}1/64 dev broker{number}-eth0 nodad
        ip route add default via {near}
        ip route add default via {far}2
        ip tunnel add customer mode sit local {public} remote 192.0.2.2 ttl 64
        ip link set customer up
        ip route add {address}/128 dev customer""",
    )
    tunnels.load_nft(
        broker,
        f"""table inet provider {{
            counter wrong {{ }}
            chain in {{
                type filter hook prerouting priority raw;
                iifname "customer" ip6 saddr != {{ {address}, fe80::/10 }} counter name wrong drop
            }}
        }}""",
    )
    tunnels.sh(
        tgen.gears["inet"],
        f"""ip addr add {near}/30 dev broker{number}
        ip addr add {far}2/64 dev broker{number} nodad
        ip route add {address}/128 via {far}1""",
    )


def setup_module(mod):
    tgen = Topogen(build_topo, mod.__name__)
    tgen.start_topology()
    prepare_isp(tgen)
    prepare_inet(tgen)
    for name, address in TUNNELS.items():
        prepare_broker(tgen, name, address)
    multihome.load(tgen.gears["r1"], f"{CWD}/r1/frr.conf")
    tgen.start_router()


def teardown_module():
    get_topogen().stop_topology()


def make_tunnel(r1, name):
    """As the broker's client does; returns the interface's index."""
    _, public = broker_of(name)
    tunnels.sh(
        r1,
        f"""ip tunnel add {name} mode sit local 192.0.2.2 remote {public} ttl 64
        ip addr add {TUNNELS[name]}/128 dev {name}
        ip link set {name} up""",
    )
    return tunnels.link(r1, name)["ifindex"]


def bound(r1):
    """{source: table} of the rules for single addresses."""
    rules = multihome.kernel(r1).rules(6)
    return {r["src"]: r["table"] for r in rules if r.get("src") in TUNNELS.values()}


def everything_is_reached(tgen):
    """From outside to every address, and from every address to the outside."""
    r1, inet = tgen.gears["r1"], tgen.gears["inet"]
    for address in (NATIVE, *TUNNELS.values()):
        tunnels.reaches(inet, INTERNET, address)
        tunnels.reaches(r1, address, INTERNET)


def nobody_saw_a_wrong_source(tgen):
    providers = [tgen.gears[name] for name in ("isp", "broker0", "broker1")]
    assert not tunnels.wrong(*providers)


def test_tunnels_that_are_not_there_yet(tgen, r1):
    tunnels.wait_for_states(r1, {("native", "ipv6"): "up", ("native", "ipv4"): "up"})
    assert "sixxs0 does not exist" in tunnels.reason(r1, "sixxs0", "ipv4")
    tunnels.reaches(tgen.gears["inet"], INTERNET, NATIVE)


def test_tunnels_come_late(tgen, r1):
    for name in TUNNELS:
        make_tunnel(r1, name)
    tunnels.wait_for_states(r1, {(name, "ipv6"): "up" for name in TUNNELS})
    everything_is_reached(tgen)
    wait_for(lambda: len(bound(r1)) == 2, what="a rule for each tunnel's address")
    assert len(set(bound(r1).values())) == 2
    nobody_saw_a_wrong_source(tgen)


def test_tunnels_are_made_anew(tgen, r1):
    for name in TUNNELS:
        before = tunnels.link(r1, name)["ifindex"]
        tunnels.sh(r1, f"ip tunnel del {name}")
        assert make_tunnel(r1, name) != before
    tunnels.wait_for_states(r1, {(name, "ipv6"): "up" for name in TUNNELS})
    everything_is_reached(tgen)
    nobody_saw_a_wrong_source(tgen)


def way6(r1):
    """The interface of main's IPv6 default."""
    routes = multihome.kernel(r1).routes(6, 254)
    return next((route["dev"] for route in routes if route["dst"] == "default"), None)


def break_off(host, packets):
    chain = "add chain inet fault in { type filter hook prerouting priority -400; }"
    rule = f"add rule inet fault in {packets} drop"
    tunnels.sh(host, f"nft 'add table inet fault; {chain}; {rule}'")


def mend(host):
    tunnels.sh(host, "nft delete table inet fault")


def test_native_ipv6_fails_and_returns(tgen, r1):
    inet, isp = tgen.gears["inet"], tgen.gears["isp"]
    assert way6(r1) == "r1-eth0"
    break_off(isp, "meta nfproto ipv6")
    tunnels.wait_for_states(r1, {("native", "ipv6"): "down", ("native", "ipv4"): "up"})
    wait_for(lambda: way6(r1) == "sixxs0", what="the default by the first tunnel")
    tunnels.reaches(r1, "sixxs0", INTERNET)
    for address in TUNNELS.values():
        tunnels.reaches(inet, INTERNET, address)
    mend(isp)
    tunnels.wait_for_states(r1, {("native", "ipv6"): "up"})
    wait_for(lambda: way6(r1) == "r1-eth0", what="the default by the native line")
    everything_is_reached(tgen)
    nobody_saw_a_wrong_source(tgen)


def test_a_broker_fails_and_returns(tgen, r1):
    inet, broker = tgen.gears["inet"], tgen.gears["broker0"]
    break_off(broker, "ip protocol 41")
    tunnels.wait_for_states(r1, {("sixxs0", "ipv6"): "down", ("sixxs1", "ipv6"): "up"})
    for address in (NATIVE, TUNNELS["sixxs1"]):
        tunnels.reaches(inet, INTERNET, address)
    mend(broker)
    tunnels.wait_for_states(r1, {("sixxs0", "ipv6"): "up"})
    everything_is_reached(tgen)
    nobody_saw_a_wrong_source(tgen)


def test_the_tunnels_stay_when_multihomed_goes_and_are_used_when_it_comes(tgen, r1):
    multihome.end_daemon(r1, "multihomed", 15)
    wait_for(lambda: not bound(r1), what="rules are gone")
    assert all(tunnels.link(r1, name) for name in TUNNELS)
    r1.startDaemons(["multihomed"])
    r1.run("vtysh -b")
    tunnels.wait_for_states(r1, {(name, "ipv6"): "up" for name in ("native", *TUNNELS)})
    wait_for(lambda: len(bound(r1)) == 2, what="a rule for each tunnel's address")
    everything_is_reached(tgen)
    nobody_saw_a_wrong_source(tgen)
