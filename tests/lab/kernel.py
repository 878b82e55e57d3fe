# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel of a namespace holds, as values to compare.

Thin readers over the JSON of iproute2 and nft and the XML of conntrack(8): independent of our own
decoders on purpose.  Central: Kernel.
"""

import json
import pathlib
import xml.etree.ElementTree

from .netns import run


class Kernel:
    """Reads the state of one namespace."""

    def __init__(self, namespace):
        self.namespace = namespace

    def _ip_json(self, *args):
        text = self.namespace.ip("-j", *args, check=False).strip()
        # Of a table that does not exist it begins a list and says so elsewhere.
        return json.loads(text) if text not in ("", "[") else []

    def rules(self, family):
        """`ip -j rule`, with numeric protocols and tables."""
        return self._ip_json("-N", f"-{family}", "rule", "show")

    def routes(self, family, table="all"):
        return self._ip_json("-N", f"-{family}", "route", "show", "table", str(table))

    def route_get(self, destination, source=None, interface=None, mark=None):
        """The kernel's own answer to "where would this go?"; {} if nowhere."""
        args = ["route", "get", destination]
        args += ["from", source] if source else []
        args += ["iif", interface] if interface else []
        args += ["mark", str(mark)] if mark is not None else []
        answer = self._ip_json(*args)
        return answer[0] if answer else {}

    def addresses(self):
        return self._ip_json("address", "show")

    def links(self):
        return {link["ifname"]: link for link in self._ip_json("-d", "link", "show")}

    def neighbours(self, family):
        return self._ip_json(f"-{family}", "neigh", "show")

    def nft(self, table=("inet", "multihome")):
        """A table's objects without handles; None if the table does not exist."""
        tables = json.loads(self.namespace.run("nft", "-j", "list", "tables"))["nftables"]
        found = [t["table"] for t in tables if "table" in t]
        if not any((t["family"], t["name"]) == tuple(table) for t in found):
            return None
        text = self.namespace.run("nft", "-j", "list", "table", *table)
        items = [item for item in json.loads(text)["nftables"] if "metainfo" not in item]
        for item in items:
            for body in item.values():
                body.pop("handle", None)
        return items

    def nft_tables(self):
        """(family, name) of every nft table."""
        items = json.loads(self.namespace.run("nft", "-j", "list", "tables"))["nftables"]
        return [(i["table"]["family"], i["table"]["name"]) for i in items if "table" in i]

    def conntrack(self, family=None):
        """Entries as {original: {...}, reply: {...}, mark, state}, addresses and ports as text."""
        args = ["conntrack", "-L", "-o", "xml"]
        args += ["-f", "ipv6" if family == 6 else "ipv4"] if family else []
        text = self.namespace.run(*args, check=False)
        if "<flow" not in text:
            return []
        return [_flow(node) for node in xml.etree.ElementTree.fromstring(text).iter("flow")]

    def sysctl(self, path):
        """A sysctl by its path below /proc/sys; interface names keep their dots."""
        return self.namespace.read_sysctl(path)

    def namespaced_rt_tables(self):
        """The names of routing tables that are configured on this machine: {number: name}."""
        names = {}
        files = [pathlib.Path("/etc/iproute2/rt_tables")]
        files += sorted(pathlib.Path("/etc/iproute2/rt_tables.d").glob("*.conf"))
        for file in files:
            for line in file.read_text().splitlines() if file.exists() else []:
                words = line.split("#")[0].split()
                if len(words) == 2:
                    names[int(words[0], 0)] = words[1]
        return names

    def snapshot(self):
        """Everything a well-behaved daemon must leave as it found it."""
        return {
            "rules": {family: self.rules(family) for family in (4, 6)},
            "routes": {family: _stable(self.routes(family)) for family in (4, 6)},
            "nft": run(self.namespace.argv(["nft", "-s", "list", "ruleset"])),
        }


def _stable(routes):
    """Routes in an order of their own, without what changes by itself."""
    kept = [{k: v for k, v in r.items() if k not in ("expires", "flags")} for r in routes]
    return sorted(kept, key=lambda r: json.dumps(r, sort_keys=True))


def _flow(node):
    entry = {"mark": 0, "state": None}
    for meta in node.iter("meta"):
        layer = {}
        for child in meta.iter():
            if child.tag in ("src", "dst", "sport", "dport"):
                layer[child.tag] = child.text
            elif child.tag in ("layer3", "layer4"):
                layer[child.tag] = child.get("protoname")
            elif child.tag == "mark":
                entry["mark"] = int(child.text)
            elif child.tag == "state":
                entry["state"] = child.text
        if meta.get("direction") in ("original", "reply"):
            entry[meta.get("direction")] = layer
    return entry
