# SPDX-License-Identifier: GPL-2.0-or-later
"""The client on a zebra that knows nothing of us."""

import signal
import time

from lab.waiting import wait_for

from .harness import GATEWAY, PROTOCOL, ZEBRA_PROTOCOL

RULES = {
    "4 10100 from 203.0.113.0/29 iif lo table 1001": (
        "4 10100: from 203.0.113.0/29 iif lo lookup 1001"
    ),
    "4 10010 to 10.0.0.0/8 iif v0 table 254": "4 10010: from all to 10.0.0.0/8 iif v0 lookup 254",
    "6 10100 from 2001:db8:113::/59 iif v0 table 1001": (
        "6 10100: from 2001:db8:113::/59 iif v0 lookup 1001"
    ),
    "6 10010 to fc00::/7 iif lo table 254": "6 10010: from all to fc00::/7 iif lo lookup 254",
}
BEYOND = [
    "4 10100 from 203.0.113.0/29 table 1001",
    "4 10010 iif v0 table 254 suppress 0",
    "6 10000 to 2001:db8:1::/64 iif v0 goto 10100",
    "4 10200 iif v0 mark 16/240 table 1001",
]


def rules(router):
    return sorted(router.rules(ZEBRA_PROTOCOL))


def test_handshake_leaves_no_trace(stock):
    before = stock.kernel.rules(4)
    client = stock.start_zebra().client()
    known = client.expect("dataplane", known=True)
    assert not known["module"] and known["version"] == ""
    wait_for(lambda: stock.kernel.rules(4) == before, what="the handshake's rule is gone")


def test_rules(stock):
    client = stock.start_zebra().client().ready()
    client.add_rules(*RULES)
    assert rules(stock) == sorted(RULES.values())
    assert stock.rules(PROTOCOL) == []
    for text in RULES:
        assert client.rule(text, "remove")["note"] == "removed"
    assert rules(stock) == []


def test_what_stock_zebra_cannot_do_is_refused(stock):
    before = stock.kernel.rules(4), stock.kernel.rules(6)
    client = stock.start_zebra().client().ready()
    wait_for(lambda: stock.kernel.rules(4) == before[0], what="handshake over")
    for text in BEYOND:
        answer = client.rule(text)
        assert answer["note"] == "failed" and "without the multihome module" in answer["error"]
    assert (stock.kernel.rules(4), stock.kernel.rules(6)) == before


def test_rules_deleted_by_hand_come_back_on_asking_again(stock):
    client = stock.start_zebra().client().ready()
    client.add_rules(*RULES)
    for family in ("-4", "-6"):
        stock.namespace.ip(family, "rule", "del", "pref", "10100")
    client.add_rules(*RULES)
    assert rules(stock) == sorted(RULES.values())


def test_crash_of_the_client_keeps_routes(stock):
    client = stock.start_zebra().client().ready()
    route = f"route add 1001 0.0.0.0/0 1 dev {stock.ifindex} via {GATEWAY[4]} weight 1"
    client.send(route)
    client.add_rules(*RULES)
    wait_for(lambda: stock.gateways(4, 1001) == [GATEWAY[4]], what="route")
    client.end()
    wait_for(lambda: rules(stock) == [], what="stock zebra drops rules with their client")
    assert stock.gateways(4, 1001) == [GATEWAY[4]]
    again = stock.client().ready()
    again.send(route)
    again.add_rules(*RULES)
    again.send("complete")
    assert rules(stock) == sorted(RULES.values())
    assert again.stop() == 0
    wait_for(lambda: stock.gateways(4, 1001) == [], what="an orderly leave takes the route along")
    wait_for(lambda: rules(stock) == [], what="and the rules")


def test_restart_of_zebra(stock):
    client = stock.start_zebra().client().ready()
    client.add_rules(*RULES)
    stock.end_zebra(signal.SIGKILL)
    client.expect("dataplane", connected=False, timeout=1.0)
    stock.start_zebra()
    began = time.monotonic()
    assert client.expect("dataplane", known=True)["at"] - began < 1.0
    client.add_rules(*RULES)
    wait_for(lambda: rules(stock) == sorted(RULES.values()), what="rules, once each")


def test_module_loaded_meanwhile(stock):
    client = stock.start_zebra().client()
    assert not client.expect("dataplane", known=True)["module"]
    assert stock.end_zebra() == 0
    stock.module = True
    stock.start_zebra()
    assert client.expect("dataplane", known=True)["module"]
