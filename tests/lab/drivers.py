# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways to run the lab's router, all with the same handle: start(lab) and stop().

ByHand      ip(8) and nft(8) set up what the design asks for, and a person moves the default: it
            proves the lab, and is the yardstick of what "right" looks like in the kernel.
KernelAlone the kernel's ignore_routes_with_linkdown and MASQUERADE, nothing else.
FrrStatic   FRR's static routes and MASQUERADE.
Multihomed  this product, with the zebra module or on stock zebra.

The peers are set up as their users do it: no source rules, no guard.  Central: Driver.
"""

import time

from . import plan
from .frr import Frr
from .kernel import Kernel
from .netns import now_ns
from .waiting import wait_for

_PRIVATE = "{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 }"


class Driver:
    """One way to run the router."""

    name = "nothing"
    steers_by_source = False  # whether a packet leaves by the line that its source belongs to

    def start(self, lab):
        self.lab = lab
        self._start(lab.router)
        return self

    def stop(self):
        self._stop(self.lab.router)

    def forgive(self, line):
        """The line's next failure counts as its first, where the driver keeps such accounts."""

    def _start(self, router):
        raise NotImplementedError

    def _stop(self, router):
        raise NotImplementedError


def masquerade(lab):
    interfaces = ", ".join(f'"{line.interface}"' for line in lab.lines)
    lab.router.nft(
        f"""
        table ip peer {{
            chain nat {{
                type nat hook postrouting priority srcnat; policy accept;
                oifname {{ {interfaces} }} ip saddr {_PRIVATE} masquerade
            }}
        }}
        """
    )


def ignore_dead_links(lab, value=1):
    lab.router.sysctl(
        **{
            f"net__ipv{family}__conf__{line.interface}__ignore_routes_with_linkdown": value
            for line in lab.lines
            for family in (4, 6)
        }
    )


class KernelAlone(Driver):
    name = "kernel alone"

    def _start(self, router):
        ignore_dead_links(self.lab)
        router.batch(
            f"route add default via {line.gateway(family)} dev {line.interface} "
            f"metric {line.preference}"
            for line in self.lab.lines
            for family in (4, 6)
        )
        masquerade(self.lab)

    def _stop(self, router):
        router.nft("delete table ip peer")
        ignore_dead_links(self.lab, 0)
        for family in (4, 6):
            for line in self.lab.lines:
                router.ip(f"-{family}", *"route del default dev".split(), line.interface)


class FrrStatic(Driver):
    name = "FRR static routes + MASQUERADE"

    def _start(self, router):
        self.frr = Frr(self.lab)
        self.frr.start_zebra()
        self.frr.start("staticd")
        self.frr.configure(
            "\n".join(
                f"{'ip' if family == 4 else 'ipv6'} route {everything} {line.gateway(family)} "
                f"{line.interface} {line.preference}"
                for line in self.lab.lines
                for family, everything in ((4, "0.0.0.0/0"), (6, "::/0"))
            )
        )
        for family in (4, 6):
            wait_for(
                lambda family=family: _default_interface(self.lab, family)
                == self.lab.lines[0].interface,
                what=f"IPv{family} default of staticd",
            )
        masquerade(self.lab)

    def _stop(self, router):
        self.frr.stop_all()
        router.nft("delete table ip peer")


def _default_interface(lab, family):
    """Where main's default points, None if there is none."""
    routes = Kernel(lab.router).routes(family, "main")
    defaults = [r for r in routes if r["dst"] == "default"]
    return min(defaults, key=lambda r: r.get("metric", 0)).get("dev") if defaults else None


class ByHand(Driver):
    """Tables 1001.., rules at 10000.., defaults in main and 253, NAT by interface, guard."""

    name = "by hand"
    steers_by_source = True

    def _start(self, router):
        ignore_dead_links(self.lab)
        for family in (4, 6):
            router.batch(self._rules(family) + self._routes(family), family)
        self._defaults(self.lab.lines[0], self.lab.lines[1], "add")
        router.nft(self._ruleset())

    def _rules(self, family):
        lines = list(enumerate(self.lab.lines, 1001))
        link = (lambda line: line.link4) if family == 4 else (lambda line: line.link6)
        rules = [f"to {link(line)} priority 10001 goto 10100" for _, line in lines]
        rules += ["priority 10010 lookup main suppress_prefixlength 0"]
        rules += [
            f"from {prefix} priority 10100 lookup {table}"
            for table, line in lines
            for prefix in line.prefixes(family)
        ]
        rules += ["priority 32767 lookup 253"] if family == 6 else []
        return [f"rule add {rule} protocol 97" for rule in rules]

    def _routes(self, family):
        commands = []
        for table, line in enumerate(self.lab.lines, 1001):
            link = line.link4 if family == 4 else line.link6
            commands += [
                f"route add {link} dev {line.interface} table {table}",
                f"route add default via {line.gateway(family)} dev {line.interface} "
                f"metric 10 table {table}",
                f"route add unreachable default metric 4000 table {table}",
            ]
        return commands

    def _defaults(self, first, second, verb):
        for family in (4, 6):
            self.lab.router.batch(
                [
                    f"route {verb} default via {line.gateway(family)} dev {line.interface} "
                    f"onlink metric 20 table {table}"
                    for line, table in ((first, 254), (second, 253))
                ],
                family,
            )

    def _ruleset(self):
        lines = self.lab.lines
        nat = ", ".join(f'"{line.interface}" : {line.router4}' for line in lines)
        guard = "\n".join(
            f"""
            oifname "{line.interface}" ip saddr != {{ {", ".join(line.prefixes(4))} }} counter drop
            oifname "{line.interface}" ip6 saddr != {{ {", ".join(line.prefixes(6))}, fe80::/10,
                :: }} counter drop
            """
            for line in lines
        )
        return f"""
        table inet byhand {{
            chain nat {{
                type nat hook postrouting priority srcnat; policy accept;
                ip saddr {_PRIVATE} snat ip to oifname map {{ {nat} }}
            }}
            chain guard {{
                type filter hook postrouting priority srcnat + 10; policy accept;
                {guard}
            }}
        }}
        """

    def prefer(self, line):
        """Move the default and cut the flows translated to the other line; returns when done."""
        first = self.lab.line(line)
        second = next(other for other in self.lab.lines if other is not first)
        self._defaults(first, second, "replace")
        self.lab.router.run(
            "conntrack", "-D", "-f", "ipv4", "--reply-dst", second.router4, check=False
        )
        return now_ns()

    def _stop(self, router):
        router.nft("delete table inet byhand")
        ignore_dead_links(self.lab, 0)
        for family in (4, 6):
            router.batch(
                [command.replace("rule add ", "rule del ") for command in self._rules(family)],
                family,
            )
            for table in (1001, 1002):
                router.ip(f"-{family}", "route", "flush", "table", str(table))
            for table in ("254", "253"):
                router.ip(f"-{family}", *"route del default metric 20 table".split(), table)


class Multihomed(Driver):
    """This product: zebra (with our module unless told), multihomed, configured through vtysh."""

    steers_by_source = True

    with_bfd = None  # what bfdd is configured with, below `bfd`; None: it does not run

    def __init__(self, with_module=True, configuration=None, waits=True):
        """Unless it `waits`, start() returns before the lines are up."""
        self.with_module = with_module
        self.name = "multihomed" if with_module else "multihomed on stock zebra"
        self._configuration = configuration
        self._waits = waits

    def _start(self, router):
        self.frr = Frr(self.lab)
        # as docs/install.md recommends
        self.frr.start_zebra(self.with_module, "--v6-rr-semantics", "-K", "60")
        self.frr.start("staticd")
        if self.with_bfd:
            self.frr.start("bfdd")
            self.frr.configure(f"bfd\n{self.with_bfd}")
        self.frr.start_multihomed()
        self.frr.configure(self._configuration or office_configuration(self.lab))
        if self._waits:
            self.wait_settled()
            self.wait_up()

    def wait_up(self):
        wait_for(self._all_up, 20.0, what="every line is up")

    def forgive(self, line):
        self.frr.vtysh(f"clear multihome uplink {line.name} penalty")

    def _all_up(self):
        lines = self.frr.shown()["lines"]
        return lines and all(line["state"] == "up" for line in lines)

    def wait_settled(self, timeout=15.0):
        """Wait until main's defaults lead to the preferred line; returns the seconds it took."""
        begun = time.monotonic()
        for family in (4, 6):
            wait_for(
                lambda family=family: _default_interface(self.lab, family)
                == self.lab.lines[0].interface,
                timeout,
                what=f"IPv{family} default by the preferred line",
            )
        return time.monotonic() - begun

    def _stop(self, router):
        self.frr.stop_all()


def office_configuration(lab, extra=()):
    """The small office's configuration as its owner would type it; `extra` lines per uplink."""
    text = ["router multihome", " internal 172.16.0.0/12", " internal 10.0.0.0/8"]
    for line in lab.lines:
        text += [
            f" uplink {line.name}",
            f"  interface {line.interface}",
            f"  preference {line.preference}",
            f"  ip gateway {line.gateway4}",
            f"  ip nat source {line.router4}",
            f"  ip source {line.public4}",
            f"  ipv6 gateway {line.gateway6}",
            f"  ipv6 source {line.delegated6}",
            f"  probe icmp {plan.TARGETS4[0]}",
            f"  probe icmp {plan.TARGETS4[1]}",
            f"  probe icmp {plan.TARGETS6[0]}",
            f"  probe icmp {plan.TARGETS6[1]}",
            *(f"  {word}" for word in extra),
            " exit",
        ]
    return "\n".join([*text, "exit", ""])
