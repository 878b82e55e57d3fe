# SPDX-License-Identifier: GPL-2.0-or-later
"""A line with a peer that connects anew again and again, as one that pppd makes; see session.py.

MULTIHOME_RECONNECTS says how often (20).
"""

import contextlib
import ipaddress
import itertools
import json
import os
import re
import socket
import statistics
import struct
import threading

import pytest

from . import Connector, Flow, Server, drivers, now_ns, plan, wait_for
from .kernel import Kernel
from .netns import in_namespace
from .session import Ends, Session
from .trial import begins_by
from .waiting import Timeout

CHARTER, ATT = plan.LINES
RECONNECTS = int(os.environ.get("MULTIHOME_RECONNECTS", "20"))
FAMILIES = (4, 6)
HOST = CHARTER.lan_host6()
PEERS = {4: "192.0.2.49", 6: "fe80::a"}


def ends(number):
    """Another address, and another interface identifier; the prefix stays."""
    return Ends({4: f"192.0.2.{51 + number % 3}", 6: f"fe80::{100 + number}"},
                {**PEERS, 6: f"fe80::{200 + number}"}, CHARTER.delegated6)  # fmt: skip


def configuration(lab):
    # Sessions end here, and nothing else: what a busy machine does to probes is not the matter.
    probes = ["probe stable-for 300", "probe dampening half-life 0", "probe fail-after 30"]
    text = drivers.office_configuration(lab, probes)
    for old, new in [
        (CHARTER.interface, "ppp0"),
        (f"ip gateway {CHARTER.gateway4}", "ip gateway auto"),
        (f"ip nat source {CHARTER.router4}", "ip nat masquerade"),
        (f"  ip source {CHARTER.public4}\n", ""),
        (f"ipv6 gateway {CHARTER.gateway6}", "ipv6 gateway auto"),
    ]:
        assert old in text
        text = text.replace(old, new)
    return text


class Telco:
    """charter's sessions: at most one at a time, and what it saw of the customer in it."""

    def __init__(self, lab):
        self._lab = lab
        self._numbers = itertools.count()
        self.provider = lab.provider(CHARTER)
        self.session = None

    def connect(self, same=False, **options):
        """The address is another one, unless it is to be the same."""
        self.close()
        fresh = self.session.ends if same and self.session else ends(next(self._numbers))
        self._filter(fresh)
        self.session = Session(self.provider, self._lab.router, fresh, **options)
        return self.session

    def close(self):
        if self.session:
            self.session.close()

    def _filter(self, fresh):
        self.provider.nft(
            f"""table inet session {{
                counter wrong {{ }}
                set wrong_sources {{ typeof ip saddr; flags dynamic; size 999; }}
                set wrong_sources6 {{ typeof ip6 saddr; flags dynamic; size 999; }}
                chain in {{
                    type filter hook prerouting priority raw;
                }}
            }}
            flush chain inet session in
            table inet session {{
                chain in {{
                    iifname != "ppp*" accept
                    ip saddr {fresh.mine[4]} accept
                    ip6 saddr {{ {fresh.prefix}, fe80::/10, :: }} accept
                    counter name wrong
                    add @wrong_sources {{ ip saddr }} drop
                    add @wrong_sources6 {{ ip6 saddr }} drop
                }}
            }}
            """
        )

    def wrong(self):
        text = self.provider.run("nft", "-j", "list", "table", "inet", "session")
        items = json.loads(text)["nftables"]
        sources = [each for i in items for each in i.get("set", {}).get("elem", [])]
        return sources or sum(i["counter"]["packets"] for i in items if "counter" in i)


@pytest.fixture(scope="module")
def telco(lab):
    lab.router.ip("link", "set", CHARTER.interface, "down")
    telco = Telco(lab)
    yield telco
    telco.close()


@pytest.fixture(scope="module")
def office(lab, telco):
    telco.connect()
    driver = drivers.Multihomed(configuration=configuration(lab), waits=False).start(lab)
    driver.wait_up()
    server = Server(lab)
    yield driver
    server.stop()
    driver.stop()


@pytest.fixture
def new(lab):
    """New connections of both families."""
    meters = {4: Connector(lab, plan.INTERNET4), 6: Connector(lab, plan.INTERNET6, bind=HOST)}
    yield meters
    for meter in meters.values():
        meter.stop()


def held(lab, session):
    """Rules, routes and NAT, with names for what changes with the session."""
    kernel = Kernel(lab.router)
    items = [*kernel.rules(4), *kernel.rules(6), *kernel.routes(4), *kernel.routes(6)]
    items += [item for item in kernel.nft() if "counter" not in item]
    texts = [json.dumps(item, sort_keys=True) for item in items]
    for name, address in [*session.ends.mine.items(), *session.ends.peers.items()]:
        texts = [re.sub(rf'"{re.escape(address)}(?=["/])', f'"#{name}', text) for text in texts]
    # not who is well: a busy machine may lose a probe
    texts = [text for text in texts if not re.search('"name": "(dead|lost)_', text)]
    return sorted(re.sub(r'"nhid": \d+', "", text) for text in texts)


def expect_held(lab, office, session, wanted):
    """Nothing is left of an earlier session, and nothing is missing."""
    seen = set()

    def differ():
        seen.clear()
        seen.update(set(held(lab, session)) ^ set(wanted))
        return not seen

    with contextlib.suppress(Timeout):
        wait_for(differ, what="the same as before")
    assert not seen, office.frr.vtysh("show multihome")


def translated_to(lab, address):
    return [flow for flow in Kernel(lab.router).conntrack(4)
            if flow["reply"]["dst"] == address != flow["original"]["src"]]  # fmt: skip


def spoof(lab, sources, ended):
    """A hundred packets a second by each source, whoever has it; the kernel routes them as it
    routes what it forwards."""

    def open_sockets():
        raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        raw6.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL
        return {4: raw4, 6: raw6}

    def packet(source):
        udp = struct.pack("!HHHH", 5001, 5001, 8, 0)
        if source.version == 4:
            header = struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, socket.IPPROTO_UDP, 0)
        else:
            header = struct.pack("!IHBB", 6 << 28, 8, socket.IPPROTO_UDP, 64)
        target = {4: plan.INTERNET4, 6: plan.INTERNET6}[source.version]
        return header + source.packed + ipaddress.ip_address(target).packed + udp, target

    sockets = in_namespace(lab.router.name, open_sockets)
    packets = [(sockets[s.version], *packet(s)) for s in map(ipaddress.ip_address, sources)]
    while not ended.wait(0.01):
        for sock, data, target in packets:
            with contextlib.suppress(OSError):  # no route, or dropped on its way out
                sock.sendto(data, (target, 0))
    for sock in sockets.values():
        sock.close()


@contextlib.contextmanager
def all_kinds_of_traffic(lab, old):
    """Five hundred packets a second of each kind, and what bears the session's address `old`."""
    flows = [
        Flow(lab, "udp", plan.INTERNET4, name="natted"),
        Flow(lab, "udp", plan.INTERNET6, bind=HOST, name="bound6"),
        Flow(lab, "udp", plan.INTERNET6, bind=ATT.lan_host6(), name="atts6"),
        Flow(lab, "udp", plan.INTERNET4, role="router", bind=old, name="routers"),
        Flow(lab, "tcp", plan.INTERNET4, role="router", bind=old, name="routers-tcp"),
    ]
    ping = ["ping", "-nq", "-i", "0.01", "-I", old, plan.INTERNET4]
    process = lab.ledger.spawn(lab.router.argv(ping), lab.log("ping"))
    ended = threading.Event()
    sources = [old, ATT.router4, ATT.lan_host6()]
    spoofer = threading.Thread(target=spoof, args=(lab, sources, ended))
    spoofer.start()
    yield flows
    ended.set()
    spoofer.join()
    lab.ledger.end(process.pid)
    for flow in flows:
        flow.stop()


def is_back(new, known, sources):
    """Milliseconds from `known` until a new connection was established, by family."""
    gaps = {}
    for family in FAMILIES:
        new[family].wait_working(known)
        good = new[family].successes(known)
        assert {seen for _, _, seen in good} == {sources[family]}
        gaps[family] = (min(established for _, established, _ in good) - known) / 1e6
    return gaps


def reconnect(lab, office, telco, new, **options):
    old = telco.session
    wanted = held(lab, old)
    fresh = telco.connect(**options)
    gaps = is_back(new, fresh.known, {4: fresh.ends.mine[4], 6: HOST})
    address = old.ends.mine[4]
    if fresh.ends.mine[4] != address:
        wait_for(lambda: not translated_to(lab, address), what="old flows are cut")
    expect_held(lab, office, fresh, wanted)
    assert not telco.wrong()
    return gaps


def overview(office):
    return json.loads(office.frr.vtysh("show multihome json"))


def is_settled(office):
    return overview(office)["settlement"]["settled"]


def states(office):
    """Of the lines of each uplink."""
    found = {}
    for line in overview(office)["lines"]:
        found.setdefault(line["uplink"], set()).add(line["state"])
    return found


def figure(all_gaps, family):
    gaps = [gaps[family] for gaps in all_gaps]
    return f"{statistics.median(gaps):.0f} (to {max(gaps):.0f}; {len(gaps)} times)"


# what pppd puts into main, which it does not if there is a default
DEFAULTS = {"nodefaultroute": [], "defaultroute": ["route add default dev ppp0",
                                                   "-6 route add default dev ppp0"]}  # fmt: skip


@pytest.mark.parametrize("default", DEFAULTS)
def test_it_connects_anew(lab, telco, office, new, record_property, default):
    """The only line there is: another address, and now and then the same one."""
    office.frr.configure("router multihome\nuplink att\nshutdown")
    telco.connect(options=DEFAULTS[default])
    wait_for(lambda: states(office) == {"charter": {"up"}, "att": {"shutdown"}}, what="it is alone")
    wait_for(lambda: is_settled(office), what="what was told is done")
    lab.reset_counters()
    with all_kinds_of_traffic(lab, telco.session.ends.mine[4]) as flows:
        flows[0].wait_flowing()
        gaps = [
            reconnect(lab, office, telco, new, same=turn % 5 == 4, options=DEFAULTS[default])
            for turn in range(RECONNECTS)
        ]
        flows[0].wait_flowing(now_ns())
        flows[1].wait_flowing(now_ns())
    office.frr.configure("router multihome\nuplink att\nno shutdown")
    for family in FAMILIES:
        record_property(f"back_ms_ipv{family}", figure(gaps, family))
        print(f"IPv{family}, {default}:", figure(gaps, family))
        assert max(each[family] for each in gaps) < 1000
    assert lab.spoofed() == {}


def carries_again(new, session):
    address = session.ends.mine[4]
    wait_for(lambda: new[4].successes(session.known)[-1][2] == address, 20, f"{address} is seen")


def test_beside_another_line(lab, telco, office, new):
    """The other line carries meanwhile; nothing of either leaves by the other one."""
    office.wait_up()
    lab.reset_counters()
    with all_kinds_of_traffic(lab, telco.session.ends.mine[4]) as flows:
        for _ in range(RECONNECTS // 4 + 1):
            telco.close()
            begins_by(new[4], ATT)
            carries_again(new, telco.connect())
            assert not telco.wrong()
        flows[2].wait_flowing(now_ns())
    assert lab.spoofed() == {}


def test_under_another_name(lab, telco, office, new):
    """The line is told first; nothing is left of the old name."""
    telco.close()
    office.frr.configure("router multihome\nuplink charter\ninterface ppp1")
    session = telco.connect(interface="ppp1")
    carries_again(new, session)
    wait_for(lambda: "ppp0" not in str(held(lab, session)), what="nothing is left of ppp0")
    assert not telco.wrong()
