#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""patch_vtysh.py SRC DAEMONS OUT OUT_DAEMONS: FRR's vtysh with multihomed as one more client.

SRC/vtysh holds the sources, which go to OUT/vtysh; DAEMONS is the generated vtysh_daemons.h, which goes
to OUT_DAEMONS. Every change is a substitution that has to find its place (FRR 8.4 to 10.x), so that
another vtysh stops the build instead of being half patched. The new code itself is multihome_vtysh.inc,
included by vtysh.c.
"""
import pathlib
import re
import sys


class Source:
    def __init__(self, path, target):
        self.path, self.target = path, target
        self.text = path.read_text()

    def sub(self, pattern, replacement, optional=False):
        self.text, count = re.subn(pattern, replacement, self.text, count=1, flags=re.S)
        if not count and not optional:
            sys.exit(f"patch_vtysh.py: {self.path}: no place for {replacement!r}")

    def write(self):
        # an unchanged file keeps its time, so that nothing is compiled again
        if not self.target.exists() or self.target.read_text() != self.text:
            self.target.write_text(self.text)


def patch_header(header):
    # bit 28: FRR counts up from bit 0 and is at 22
    header.sub(r"(#define VTYSH_WAS_ACTIVE)", r"#define VTYSH_MULTIHOMED 0x10000000\n\n\1")
    header.sub(r"(#define VTYSH_ALL\s+\\?\s*)(VTYSH_ZEBRA)", r"\1VTYSH_MULTIHOMED | \2")
    found = re.search(r"vtysh_client\[(\d+)\]", header.text)
    if found:
        header.sub(r"vtysh_client\[\d+\]", f"vtysh_client[{int(found.group(1)) + 1}]")


def patch_vtysh(vtysh):
    # the last client of the table: the fields behind .flag are the same for all
    vtysh.sub(r'(\{\s*\.name = "pathd", \.flag = )VTYSH_PATHD([^}]*\},)',
              r'{.name = "multihomed", .flag = VTYSH_MULTIHOMED\2\n\t\1VTYSH_PATHD\2')
    vtysh.sub(r"\nvoid vtysh_init_vty\(void\)", r'\n#include "multihome_vtysh.inc"\n\nvoid vtysh_init_vty(void)')
    # a refused `uplink` is entered, at the prompt and from a file
    vtysh.sub(r'(#include "vtysh/vtysh.h"\n)', r'\1static bool mh_enters_refused(const struct cmd_element *cmd);\n')
    for function, failed in (("static int vtysh_execute_func", "cmd_stat != CMD_SUCCESS && cmd_stat != CMD_ERR_NO_DAEMON"),
                             ("int vtysh_config_from_file", "cmd_stat != CMD_SUCCESS")):
        vtysh.sub(rf"(\n{function}\(.*?if \({failed})(\)\s+break;\s+if \(cmd->func\))",
                  r"\1 && !mh_enters_refused(cmd)\2")
    vtysh.sub(r"(\tcmd_init\(0\);\n)", r"\1\tmultihome_vtysh_init();\n")


def patch_config(config):
    config.sub(r'(#include "vtysh/vtysh.h"\n)', r'\1#include "multihome_nodes.h"\n')
    config.sub(r'(\t\telse if \(strncmp\(line, "vrf", strlen\("vrf"\)\) == 0\))',
               r'\t\telse if (strncmp(line, "router multihome", strlen("router multihome")) == 0)\n'
               r'\t\t\tconfig = config_get(MULTIHOME_NODE, line);\n\1')


def patch_daemons(daemons):
    daemons.sub(r'(DAEMONS_LIST "<[^>"]*)>"', r'\1|multihomed>"')
    daemons.sub(r'(DAEMONS_STR "[^\n]*)"', r'\1For the multihomed daemon\\n"')


def main():
    src, daemons_header, out, out_daemons = (pathlib.Path(arg) for arg in sys.argv[1:5])
    target = out / "vtysh"
    target.mkdir(parents=True, exist_ok=True)
    out_daemons.parent.mkdir(parents=True, exist_ok=True)
    patches = {"vtysh.h": patch_header, "vtysh.c": patch_vtysh, "vtysh_config.c": patch_config}
    for path in sorted((src / "vtysh").glob("*.[ch]")):
        source = Source(path, target / path.name)
        patches.pop(path.name, lambda _: None)(source)
        source.write()
    if patches:
        sys.exit(f"patch_vtysh.py: {src}/vtysh has no {', '.join(patches)}")
    daemons = Source(daemons_header, out_daemons)
    patch_daemons(daemons)
    daemons.write()


main()
