#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# demo.sh [--keep] [--clean] [--rounds N]: a small office with two Internet lines, in network
# namespaces; the better line fails in three ways and comes back. Needs root and a Debian.
# Installs the Debian packages that are missing, builds, then runs tests/lab/demo.py, which ends with
# a table. Exit status 0 only if every promise held.
#
#   --keep    leave the lab running, and say how to enter it
#   --clean   remove every trace of the lab; build/ and the cache of FRR's headers stay
#   --rounds  trials of each fault (5)
#
# Builds in build/ (MULTIHOME_BUILD_ROOT puts it elsewhere).
set -euo pipefail
cd "$(dirname "$0")"
top=$PWD
export MULTIHOME_BUILD=${MULTIHOME_BUILD_ROOT:-$top}/build

say() { printf '== %s\n' "$*"; }
# Takes the place of this shell, so that whoever ends this process ends the demo.
demo() { cd "$top/tests" && exec /usr/bin/python3 -B -m lab.demo "$@"; }

[ "$(id -u)" = 0 ] || {
    echo "demo.sh: root is needed, for network namespaces" >&2
    exit 1
}
case " $* " in
*" --clean "* | *" --help "* | *" -h "*)
    demo "$@"
    ;;
esac

say "packages"
tools/setup.sh
say "FRR's headers"
tools/frr-headers.sh >/dev/null
say "building in $MULTIHOME_BUILD (the first time takes a few minutes)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake -S . -B "$MULTIHOME_BUILD" -DMULTIHOME_LAB=ON >"$log" 2>&1 || {
    cat "$log"
    exit 1
}
nice cmake --build "$MULTIHOME_BUILD" -j"$(nproc)"
rm -f "$log" # exec leaves no one to do it on exit
say "running"
demo "$@"
