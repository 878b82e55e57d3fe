# SPDX-License-Identifier: GPL-2.0-or-later
"""extract_commands.py COMMANDS.c OUT: the commands of COMMANDS.c for vtysh, as DEFSH and install_element lines.

Run by FRR's clippy, which is a Python with FRR's own parser of DEFPY and DEFUN. Works alike for FRR 8,
whose vtysh is otherwise fed by extract.pl, and FRR 10, where the table comes from the daemons' xrefs.
"""
import sys

import _clippy

DEFINING = {
    "DEFUN": "DEFSH", "DEFPY": "DEFSH", "DEFPY_ATTR": "DEFSH",
    "DEFUN_HIDDEN": "DEFSH_HIDDEN", "DEFPY_HIDDEN": "DEFSH_HIDDEN",
}


def main():
    source, target = sys.argv[1:3]
    definitions, installs, known = [], [], set()
    for item in _clippy.parse(source)["data"]:
        args = item.get("args")
        if item["type"] in DEFINING:
            name, command, text = args[1][0], args[2], args[3]
            known.add(name)
            definitions.append("%s (VTYSH_MULTIHOMED, %s_vtysh, %s, %s)" % (
                DEFINING[item["type"]], name, " ".join(command), " ".join(text)))
        elif item["type"] == "install_element":
            installs.append((args[0][0], args[1][-1]))
    if not definitions or not installs:
        sys.exit("%s: no commands found" % source)
    installed = {name for _, name in installs}
    if known - installed:
        sys.exit("%s: never installed: %s" % (source, ", ".join(sorted(known - installed))))
    with open(target, "w") as out:
        out.write("\n".join(definitions))
        out.write("\n\nstatic void multihome_install_commands(void)\n{\n")
        for node, name in installs:
            if name in known:
                out.write("\tinstall_element(%s, &%s_vtysh);\n" % (node, name))
        out.write("}\n")


main()
