# SPDX-License-Identifier: GPL-2.0-or-later
"""The small office as a topotest: topology, and kernel state as sorted lines of text to compare.

    lan --- r1-eth0 r1-eth1 --- charter ---
                  r1              |        inet
    srv --- r1-eth3 r1-eth2 --- att -------

Addresses are those of tests/lab/plan.py.  The providers are hosts that forward.  Expected state
lies in r1/*.txt, one object a line, so that a difference reads like a patch.
"""

import ipaddress
import os
import pathlib

import multihome
from lab import plan

CWD = os.path.dirname(os.path.realpath(__file__))
INTERFACES = ("lo", "r1-eth0", "r1-eth1", "r1-eth2", "r1-eth3")
KERNEL_RULES = {(4, 0), (4, 32766), (4, 32767), (6, 0), (6, 32766)}


def build_topo(tgen):
    r1 = multihome.add_router(tgen, "r1")
    hosts = ("lan", "charter", "att", "srv")
    for number, name in enumerate(hosts):
        host = multihome.add_bare_host(tgen, name)
        tgen.add_link(r1, host, f"r1-eth{number}", f"{name}-eth0")
    multihome.add_bare_host(tgen, "inet")
    for line in plan.LINES:
        tgen.add_link(tgen.gears[line.name], tgen.gears["inet"], f"{line.name}-eth1", line.name)


def _commands(gear, text):
    for command in text.strip().splitlines():
        gear.net.cmd_raises(f"ip {command.strip()}")


def address_hosts(tgen):
    """Addresses and routes of everybody but the router, whose are in its frr.conf."""
    inet = tgen.gears["inet"]
    for address in (plan.INTERNET4, plan.INTERNET6, *plan.TARGETS4, *plan.TARGETS6):
        _commands(inet, f"addr add {address} dev lo")
    for line in plan.LINES:
        far4, far6 = (ipaddress.ip_network(n) for n in (line.transit4, line.transit6))
        _commands(
            tgen.gears[line.name],
            f"""addr add {line.gateway4}/29 dev {line.name}-eth0
            addr add {line.gateway6}/64 dev {line.name}-eth0 nodad
            addr add {far4[1]}/30 dev {line.name}-eth1
            addr add {far6[1]}/64 dev {line.name}-eth1 nodad
            route add {line.public4} via {line.router4}
            route add {line.delegated6} via {line.router6}
            route add default via {far4[2]}
            route add default via {far6[2]}""",
        )
        _commands(
            inet,
            f"""addr add {far4[2]}/30 dev {line.name}
            addr add {far6[2]}/64 dev {line.name} nodad""",
        )
        for prefix in line.prefixes(4):
            _commands(inet, f"route add {prefix} via {far4[1]}")
        for prefix in line.prefixes(6):
            _commands(inet, f"route add {prefix} via {far6[1]}")
    _commands(
        tgen.gears["lan"],
        f"""addr add {plan.LAN4_HOST}/24 dev lan-eth0
        route add default via {plan.LAN4_ROUTER}""",
    )
    for line in plan.LINES:
        _commands(tgen.gears["srv"], f"addr add {line.server(4)}/29 dev srv-eth0")
        gateway = ipaddress.ip_network(line.public4)[1]
        _commands(tgen.gears["srv"], f"route append default via {gateway}")


def expected(name):
    """The lines of r1/NAME without comments; IIF stands for each ingress interface."""
    text = pathlib.Path(CWD, "r1", name).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return sorted(
        {line.replace("IIF", iif) for line in lines for iif in INTERFACES}, key=_natural
    )


def _natural(line):
    family, key, rest = line.split(" ", 2)
    return int(family), int(key.rstrip(":")), rest


def rules(router):
    """Every rule but the kernel's own."""
    found = []
    for family in (4, 6):
        text = multihome.kernel(router).namespace.ip("-N", f"-{family}", "rule", "show")
        for line in text.splitlines():
            words = line.split()
            if (family, int(words[0].rstrip(":"))) not in KERNEL_RULES or "proto" in words:
                found.append(f"{family} {' '.join(words)}")
    return sorted(found, key=_natural)


def routes(router):
    """The routes of our tables, and main's defaults."""
    found = []
    for family in (4, 6):
        for table in (253, 254, 1001, 1002):
            for route in multihome.kernel(router).routes(family, table):
                if table == 254 and route["dst"] != "default":
                    continue
                found.append(f"{family} {table}: {_route_text(route)}")
    return sorted(found, key=_natural)


def _route_text(route):
    words = [route["type"]] if route.get("type", "unicast") not in ("unicast", "1") else []
    words.append(route["dst"])
    words += ["via", route["gateway"]] if "gateway" in route else []
    words += ["dev", route["dev"]] if "dev" in route else []
    return " ".join(words)


def nft_sets(router):
    """The sets and maps of our nft table: {name: sorted elements as text}."""
    items = multihome.kernel(router).nft() or []
    found = {}
    for item in items:
        body = item.get("set") or item.get("map")
        if body:
            found[body["name"]] = sorted(_element_text(e) for e in body.get("elem", []))
    return found


def _element_text(element):
    if isinstance(element, list):
        return " : ".join(_element_text(part) for part in element)
    if isinstance(element, dict):
        if "elem" in element:
            return _element_text(element["elem"]["val"])
        if "concat" in element:
            return " . ".join(_element_text(part) for part in element["concat"])
        if "prefix" in element:
            return f"{element['prefix']['addr']}/{element['prefix']['len']}"
        if "range" in element:
            return "-".join(_element_text(part) for part in element["range"])
    return str(element)
