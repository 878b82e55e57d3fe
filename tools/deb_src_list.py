#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints, as a deb822 .sources file, the source repositories that belong to this machine's apt set-up.

Reads sources.list and sources.list.d of /etc/apt (one-line and deb822 forms) and writes one
deb-src stanza for every entry, whether the machine lists it as deb or deb-src. Nothing is changed.

  deb_src_list.py own [/etc/apt]   entries that are Debian's own archive
  deb_src_list.py all [/etc/apt]   every entry
  deb_src_list.py default          Debian's public mirrors for this release
"""
import glob
import re
import sys

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
KEPT = ("Signed-By", "Trusted", "Check-Valid-Until", "Allow-Insecure", "Allow-Weak")


def one_line(text):
    """`deb [option=value ...] URI suite component...`"""
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        found = re.match(r"(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$", line)
        if not found:
            continue
        _, options, uri, suite, components = found.groups()
        stanza = {"URIs": uri, "Suites": suite, "Components": components}
        for option in (options or "").split():
            name, _, value = option.partition("=")
            stanza[name.title()] = value.replace(",", " ")
        yield stanza


def deb822(text):
    for block in re.split(r"\n[ \t]*\n", text):
        stanza, name = {}, None
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t") and name:
                stanza[name] += "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip()
                stanza[name] = value.strip()
        by_lower = {key.lower(): value for key, value in stanza.items()}
        if "uris" not in by_lower or by_lower.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        result = {"URIs": by_lower["uris"], "Suites": by_lower.get("suites", ""),
                  "Components": by_lower.get("components", "")}
        result.update({key: by_lower[key.lower()] for key in KEPT if key.lower() in by_lower})
        yield result


def machine(directory):
    for path in [f"{directory}/sources.list"] + sorted(glob.glob(f"{directory}/sources.list.d/*")):
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                text = handle.read()
        except OSError:
            continue
        if path.endswith(".sources"):
            yield from deb822(text)
        elif path.endswith(".list"):
            yield from one_line(text)


def default():
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', open("/etc/os-release").read(), re.M))
    codename = release.get("VERSION_CODENAME", "")
    if release.get("ID") == "debian" and codename:
        for uri, suites in (("http://deb.debian.org/debian", f"{codename} {codename}-updates"),
                            ("http://deb.debian.org/debian-security", f"{codename}-security")):
            yield {"URIs": uri, "Suites": suites, "Components": "main", "Signed-By": KEYRING}


def is_debian(stanza):
    uris = stanza["URIs"].split()
    return "debian-archive" in stanza.get("Signed-By", "") or any(
        re.search(r"/debian(-security)?/?$|/mirrors/debian(-security)?\.list$", uri) for uri in uris)


def main():
    which = sys.argv[1] if len(sys.argv) > 1 else ""
    if which not in ("own", "all", "default"):
        sys.exit(__doc__)
    directory = sys.argv[2] if len(sys.argv) > 2 else "/etc/apt"
    stanzas = default() if which == "default" else machine(directory)
    seen = set()
    for stanza in stanzas:
        if which == "own" and not is_debian(stanza) or stanza["URIs"].startswith("cdrom:"):
            continue
        fields = ["Types: deb-src"]
        for key in ("URIs", "Suites", "Components", *KEPT):
            if stanza.get(key):
                fields.append(f"{key}: {stanza[key]}")
        text = "\n".join(fields)
        if text not in seen:
            seen.add(text)
            print(text + "\n")


main()
