# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes through zebra: what the client promises of them."""

import pytest

from lab.waiting import wait_for

from .harness import DEFAULT, GATEWAY, UNREACHABLE


@pytest.fixture(params=[4, 6])
def family(request):
    return request.param


def default(router, family, distance=1, table=1001):
    return (
        f"{table} {DEFAULT[family]} {distance} dev {router.ifindex} via {GATEWAY[family]} weight 1"
    )


def unreachable(family):
    return f"1001 {DEFAULT[family]} 254"


def is_unreachable(router, family, table=1001):
    return router.gateways(family, table) == [UNREACHABLE]


def test_unreachable_stands_behind_the_default(stock, family):
    client = stock.start_zebra().client().ready()
    client.send(f"route add {unreachable(family)}", f"route add {default(stock, family)}")
    wait_for(lambda: stock.gateways(family, 1001) == [GATEWAY[family]], what="default")
    client.send(f"route remove {default(stock, family)}")
    wait_for(lambda: is_unreachable(stock, family), what="unreachable")
    client.expect("route", table=1001, distance=254, note="installed")
    client.send(f"route add {default(stock, family)}")
    wait_for(lambda: stock.gateways(family, 1001) == [GATEWAY[family]], what="default again")
    client.send(f"route remove {unreachable(family)}")
    client.send(f"route remove {default(stock, family)}")
    wait_for(lambda: stock.route(family, 1001) == [], what="nothing")


def test_line_that_goes_down(stock, family):
    """zebra looks again at the routes of private tables only when it is asked to."""
    client = stock.start_zebra().client().ready()
    lines = [f"route add {unreachable(family)}", f"route add {default(stock, family)}"]
    client.send(*lines)
    wait_for(lambda: stock.gateways(family, 1001) == [GATEWAY[family]], what="default")
    stock.namespace.ip("link", "set", "v0", "down")
    wait_for(lambda: stock.route(family, 1001) == [], what="the kernel drops the route")
    client.send(*lines)
    client.expect("route", table=1001, distance=1, note="failed")
    wait_for(lambda: is_unreachable(stock, family), what="unreachable")
    stock.namespace.ip("link", "set", "v0", "up")
    wait_for(lambda: "v0 is up" in stock.vty("show interface v0").replace("Interface ", ""))
    client.send(*lines)
    wait_for(lambda: stock.gateways(family, 1001) == [GATEWAY[family]], what="default again")


def test_gateway_out_of_every_prefix_is_onlink(stock):
    client = stock.start_zebra().client().ready()
    index = stock.ifindex
    client.send(f"route add 254 0.0.0.0/0 5 dev {index} via 198.51.100.1 weight 1")
    client.send(f"route add 254 ::/0 5 dev {index} via fe80::1 weight 1")
    wait_for(lambda: stock.gateways(4, 254) == ["198.51.100.1"], what="IPv4")
    wait_for(lambda: stock.gateways(6, 254) == ["fe80::1"], what="IPv6")
    client.expect("route", table=254, to="0.0.0.0/0", distance=5, note="installed")


def test_shares(stock, family):
    stock.namespace.ip("link", "add", "w0", "type", "veth", "peer", "name", "w1")
    for link in ("w0", "w1"):
        stock.namespace.ip("link", "set", link, "up")
    client = stock.start_zebra().client().ready()
    second = stock.kernel.links()["w0"]["ifindex"]
    other = "198.51.100.1" if family == 4 else "2001:db8:2::1"
    client.send(
        f"route add 254 {DEFAULT[family]} 5 dev {stock.ifindex} via {GATEWAY[family]} weight 3"
        f" dev {second} via {other} weight 1"
    )

    def weights():
        routes = stock.route(family, 254)
        hops = routes[0].get("nexthops", []) if routes else []
        return {hop["gateway"]: hop["weight"] for hop in hops}

    wait_for(lambda: weights() == {GATEWAY[family]: 3, other: 1}, what="weights")


def test_connected_subnet_in_a_table(stock):
    client = stock.start_zebra().client().ready()
    client.send(f"route add 1001 192.0.2.0/24 1 dev {stock.ifindex} weight 1")
    wait_for(lambda: stock.route(4, 1001, "192.0.2.0/24"), what="subnet")
    (route,) = stock.route(4, 1001, "192.0.2.0/24")
    assert route["dev"] == "v0" and "gateway" not in route


def test_deleted_by_hand_comes_back(stock, family):
    client = stock.start_zebra().client().ready()
    client.send(f"route add {default(stock, family)}")
    wait_for(lambda: stock.gateways(family, 1001) == [GATEWAY[family]], what="default")
    stock.namespace.ip(f"-{family}", "route", "del", "default", "table", "1001")
    wait_for(lambda: stock.gateways(family, 1001) == [GATEWAY[family]], what="default again")


def test_unusable_next_hop_is_reported(stock):
    client = stock.start_zebra().client().ready()
    client.send("route add 1001 0.0.0.0/0 1 dev 4000 via 192.0.2.1 weight 1")
    failed = client.expect("route", table=1001, distance=1, note="failed")
    assert failed["error"]


def test_types(stock):
    """Main and 253 are redistributable, private tables collide with nothing."""
    client = stock.start_zebra().client().ready()
    for table in (254, 253, 1001):
        client.send(f"route add {default(stock, 4, 5, table)}")
    wait_for(lambda: all(stock.route(4, t) for t in (254, 253, 1001)), what="routes")
    names = [r["protocol"] for t in (254, 253, 1001) for r in stock.route(4, t)]
    assert names == ["197", "197", "194"]  # rtnetlink's numbers of openfabric and sharp
