#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# compare-commands.sh OUR_VTYSH [STOCK_VTYSH]: proves that our vtysh still has every command of the
# distribution's, node by node, and nothing more than multihomed's own. Needs no daemon.
set -euo pipefail
export LC_ALL=C

ours=${1:?usage: compare-commands.sh OUR_VTYSH [STOCK_VTYSH]}
stock=${2:-}
if [ -z "$stock" ]; then
    stock=$(dpkg-divert --truename /usr/bin/vtysh 2>/dev/null || echo /usr/bin/vtysh)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "  (node)  command" of all nodes; the daemon's name in lists of daemons is the one wanted change
commands() {
    "$1" -C -c 'find .' 2>/dev/null | sed -n '/^ *(/s/|multihomed>/>/;/^ *(/p' | sort || true
}
commands "$stock" >"$work/stock"
commands "$ours" >"$work/ours"
count=$(wc -l <"$work/stock")
if [ "$count" -lt 1000 ]; then
    echo "compare-commands: $stock lists $count commands only, that cannot be all" >&2
    exit 1
fi

status=0
if [ -n "$(comm -23 "$work/stock" "$work/ours")" ]; then
    echo "compare-commands: missing from $ours:" >&2
    comm -23 "$work/stock" "$work/ours" | head -n 40 >&2
    status=1
fi
comm -13 "$work/stock" "$work/ours" >"$work/added"
if grep -v multihome "$work/added" >&2; then
    echo "compare-commands: the commands above are new, but not multihomed's" >&2
    status=1
fi
if ! grep -q 'router multihome$' "$work/added"; then
    echo "compare-commands: $ours does not know \"router multihome\"" >&2
    status=1
fi
[ $status -ne 0 ] || echo "compare-commands: all $count stock commands are there, $(wc -l <"$work/added") are multihomed's"
exit $status
