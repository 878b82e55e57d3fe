#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vtysh-commands.sh SRC: makes the table of stock vtysh's commands, SRC/b/vtysh/vtysh_cmd*.c.
# FRR 8 extracts it from the sources; FRR 10 from the xrefs in the daemons, which the distribution's
# binaries keep, so that nothing of FRR has to be compiled.
set -euo pipefail
src=$(cd "$1" && pwd)
if [ -e "$src/vtysh/extract.pl.in" ]; then
    exec nice make -C "$src/b" vtysh/vtysh_cmd.c
fi

# xrefs name their files relative to the build directory: ../lib/x.c
tree=$src/xref
rm -rf "$tree"
mkdir -p "$tree" "$src/b/vtysh"
cd "$tree"
libdir=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/frr
link() { # link <file> <place>
    [ -e "$1" ] || return 0
    mkdir -p "$(dirname "$2")"
    ln -s "$1" "$2"
}
link "$libdir/libfrr.so.0" lib/libfrr.so
link "$libdir/libfrrcares.so.0" lib/libfrrcares.so
link "$libdir/libmgmt_be_nb.so.0" mgmtd/libmgmt_be_nb.so
for daemon in zebra bgpd ripd ripngd ospfd ospf6d ldpd nhrpd babeld eigrpd pimd pbrd staticd bfdd vrrpd pathd mgmtd watchfrr; do
    link "/usr/lib/frr/$daemon" "$daemon/$daemon"
done
link /usr/lib/frr/isisd isisd/isisd
link /usr/lib/frr/fabricd isisd/fabricd
link /usr/lib/frr/pim6d pimd/pim6d
for module in "$libdir"/modules/*.so; do
    name=$(basename "$module")
    daemon=${name%%_*}
    [ "$daemon" != dplane ] || daemon=zebra
    link "$module" "$daemon/$name"
done
mapfile -t binaries < <(find . -type l | sed 's|^\./||' | sort)
"$src/b/lib/clippy" "$src/python/xrelfo.py" -o "$src/b/vtysh/frr.xref" \
    -c "$src/b/vtysh/vtysh_cmd.c" "$src"/b/vtysh/vtysh_cmd.{1,2,3,4,5,6,7,8}.c -- "${binaries[@]}"
cd /
rm -rf "$tree"
