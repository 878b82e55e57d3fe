# SPDX-License-Identifier: GPL-2.0-or-later
"""What the topotests with tunnels share: commands in a router or host, counters, states of lines.

A provider drops what bears a source that is not its customer's, and counts it in a counter of its
nft table whose name begins with `wrong`.
"""

import json

import multihome
from lab.waiting import wait_for


def sh(gear, text):
    """Commands, one a line; the first that fails ends it.  One process runs them all: under
    emulation, to enter a namespace takes longer than what is done there."""
    gear.net.cmd_raises("set -ex\n" + "\n".join(line.strip() for line in text.strip().splitlines()))


def output(gear, *argv, check=True):
    """Past the framework's log, which a wait would fill."""
    return gear.net.output(argv, check=check)


def load_nft(gear, text):
    """Take a ruleset in the place of the present one."""
    path = f"{gear.logdir}/{gear.name}/ruleset.nft"
    with open(path, "w", encoding="utf-8") as file:
        file.write("flush ruleset\n" + text)
    gear.net.cmd_raises(f"nft -f {path}")


def counters(gear):
    """Packets of every named counter: {name: packets}."""
    items = json.loads(output(gear, "nft", "-j", "list", "counters"))["nftables"]
    return {i["counter"]["name"]: i["counter"]["packets"] for i in items if "counter" in i}


def wrong(*providers):
    """What the providers saw that they had to drop, without what they did not see."""
    seen = {f"{p.name} {name}": packets for p in providers for name, packets in counters(p).items()}
    return {name: packets for name, packets in seen.items() if " wrong" in name and packets}


def link(gear, name):
    """An interface as `ip -j link` has it; None: there is none."""
    found = json.loads(output(gear, "ip", "-j", "-d", "link", "show") or "[]")
    return next((each for each in found if each["ifname"] == name), None)


def addresses(gear, name):
    """Global IPv6 addresses of an interface."""
    text = output(gear, "ip", "-j", "-6", "address", "show", "scope", "global", check=False)
    found = [each for each in json.loads(text or "[]") if each.get("ifname") == name]
    return {a["local"] for each in found for a in each["addr_info"]}


def ping(gear, source, target):
    """One echo; true if it is answered."""
    command = ["ping", "-n", "-c1", "-W2", "-I", source, target]
    return ", 1 received" in output(gear, *command, check=False)


def reaches(gear, source, target, timeout=30):
    wait_for(lambda: ping(gear, source, target), timeout, f"{gear.name}: {source} -> {target}")


def reason(router, uplink, family):
    lines = multihome.ask(router)["lines"]
    return next(
        (e["reason"] for e in lines if (e["uplink"], e["family"]) == (uplink, family)), ""
    )


def wait_for_states(router, wanted, timeout=60):
    """Until these lines are in these states; others may be in any."""
    seen = {}

    def are_so():
        seen.update(multihome.states(router))
        return wanted.items() <= seen.items()

    try:
        wait_for(are_so, timeout, f"lines become {wanted}", interval=0.2)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{multihome.ask(router, 'show multihome')}") from None
