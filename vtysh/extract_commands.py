# SPDX-License-Identifier: GPL-2.0-or-later
"""extract_commands.py OUT DAEMON COMMANDS.c [DAEMON COMMANDS.c]...: the commands of COMMANDS.c for
vtysh, as DEFSH and install_element lines. DAEMON is vtysh's word for who has them, VTYSH_ZEBRA.

Run by FRR's clippy, which is a Python with FRR's own parser of DEFPY and DEFUN. Works alike for FRR 8,
whose vtysh is otherwise fed by extract.pl, and FRR 10, where the table comes from the daemons' xrefs.
"""
import sys

import _clippy

DEFINING = {
    "DEFUN": "DEFSH", "DEFPY": "DEFSH", "DEFPY_ATTR": "DEFSH",
    "DEFUN_HIDDEN": "DEFSH_HIDDEN", "DEFPY_HIDDEN": "DEFSH_HIDDEN",
}


def commands_of(source, daemon, definitions, installs):
    known, found = set(), []
    for item in _clippy.parse(source)["data"]:
        args = item.get("args")
        if item["type"] in DEFINING:
            name, command, text = args[1][0], args[2], args[3]
            known.add(name)
            definitions.append("%s (%s, %s_vtysh, %s, %s)" % (
                DEFINING[item["type"]], daemon, name, " ".join(command), " ".join(text)))
        elif item["type"] == "install_element":
            found.append((args[0][0], args[1][-1]))
    if not known or not found:
        sys.exit("%s: no commands found" % source)
    installed = {name for _, name in found}
    if known - installed:
        sys.exit("%s: never installed: %s" % (source, ", ".join(sorted(known - installed))))
    installs.extend(entry for entry in found if entry[1] in known)


def main():
    target, pairs = sys.argv[1], sys.argv[2:]
    definitions, installs = [], []
    for daemon, source in zip(pairs[::2], pairs[1::2]):
        commands_of(source, daemon, definitions, installs)
    with open(target, "w") as out:
        out.write("\n".join(definitions))
        out.write("\n\nstatic void multihome_install_commands(void)\n{\n")
        for node, name in installs:
            out.write("\tinstall_element(%s, &%s_vtysh);\n" % (node, name))
        out.write("}\n")


main()
