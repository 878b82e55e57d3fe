#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# frr-headers.sh: provides the configured source tree of exactly the FRR package that is installed,
# and prints its path on standard output (build directory: b/ in it). Debian ships no FRR headers, and
# the size of ZAPI's structures depends on version and configure flags, so the flags are those that
# the installed zebra reports of itself.
#
# The tree holds what we build from: headers, lib/clippy, the command table of stock vtysh, and FRR's
# topotest framework. It is kept in ${MULTIHOME_CACHE:-${XDG_CACHE_HOME:-~/.cache}/multihomed}, made in a
# temporary directory under a lock and renamed when complete. The machine's apt set-up is read, never
# changed; no root is needed.
#
# frr-headers.sh --packages: prints the Debian packages that this needs, and does nothing.
set -euo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
here=$(cd "$(dirname "$0")" && pwd)
layout=1 # raise when the contents of the tree change

say() { printf 'frr-headers: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

version=$(dpkg-query -W -f '${db:Status-Status} ${source:Version}' frr 2>/dev/null | sed -n 's/^installed //p' || true)
need=(autoconf automake bison dpkg-dev flex gcc libc-ares-dev libcap-dev libelf-dev libjson-c-dev libpam0g-dev
    libpcre2-dev libreadline-dev librtr-dev libsnmp-dev libtool make perl pkg-config python3-dev)
# without an installed frr, the version is the one that would be; from 9 on vtysh's command table is made
# from the binaries, those of the extra packages' modules too (tools/vtysh-commands.sh)
case ${version:-$(apt-cache show --no-all-versions frr 2>/dev/null | sed -n 's/^Version: //p')} in
8.* | '') need+=(libyang2-dev) ;;
*) need+=(libyang-dev libprotobuf-c-dev protobuf-c-compiler liblua5.3-dev lua5.3 frr-rpki-rtrlib frr-snmp) ;;
esac
if [ "${1:-}" = --packages ]; then
    printf '%s\n' "${need[@]}"
    exit 0
fi

[ -n "$version" ] ||
    die "the package frr is not installed (apt-get install frr); for an FRR built by hand give its configured source tree: -DFRR_SOURCE_DIR=DIR"
zebra=/usr/lib/frr/zebra
[ -x $zebra ] || die "$zebra is missing; reinstall the package frr"

cache=${MULTIHOME_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/multihomed}
final=$cache/frr-$version-$layout
done_() { printf '%s\n' "$final/src"; exit 0; }
[ ! -e "$final/src" ] || done_

# a renamed package counts when an installed one provides it (pkg-config is pkgconf)
installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' | sed -n 's/^installed //p' | tr -s ',\n' '  ') "
missing=()
for package in "${need[@]}"; do
    [[ $installed == *" $package "* ]] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] || die "build tools are missing: apt-get install ${missing[*]}"

mkdir -p "$cache"
exec 9>"$cache/.lock-$version"
if ! flock -n 9; then
    say "another run is preparing frr $version, waiting for it"
    flock 9
    [ ! -e "$final/src" ] || done_
fi
# left by a run that was killed; a compiler it left behind may still write there, then the next run clears it
rm -rf "$cache/.making-$version".* 2>/dev/null || true
work=$(mktemp -d "$cache/.making-$version.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

run() { # run <what> <command>...: quiet, unless it fails
    local what=$1
    shift
    "$@" >"$work/log" 2>&1 9>&- || {
        tail -n 30 "$work/log" >&2
        die "$what failed"
    }
}

# apt with a configuration of our own: the machine's Acquire settings (proxies, certificates) and keys
# are taken over, its hooks and lists are not.
apt_setup() {
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/apt/sources" "$work/apt/none" "$work/download"
    {
        apt-config dump | grep '^Acquire::' | grep -v '^Acquire::\(IndexTargets\|Languages\)' || true
        printf '%s\n' "Dir::Etc::parts \"$work/apt/none\";" 'Dir::Etc::main "/dev/null";' \
            'Dir::Etc::sourcelist "/dev/null";' "Dir::Etc::sourceparts \"$work/apt/sources\";" \
            "Dir::State::lists \"$work/apt/lists\";" "Dir::Cache \"$work/apt/cache\";" \
            "APT::Sandbox::User \"$(id -un)\";" 'Acquire::Languages "none";' 'Acquire::Retries "2";'
    } >"$work/apt.conf"
    export APT_CONFIG=$work/apt.conf
}

# fetch_from <own|all|default>: true when the source package of $version is in $work/download.
fetch_from() {
    python3 "$here/deb_src_list.py" "$1" >"$work/apt/sources/frr.sources"
    [ -s "$work/apt/sources/frr.sources" ] || return 1
    # one unreachable repository must not spoil the others
    apt-get -q update >"$work/log" 2>&1 9>&- || true
    (cd "$work/download" && apt-get -q source --download-only --only-source "frr=$version" >>"$work/log" 2>&1 9>&-) &&
        compgen -G "$work/download/*.dsc" >/dev/null
}

say "[1/4] fetching the source of frr $version"
apt_setup
for place in own all default; do
    if fetch_from $place; then break; fi
done
compgen -G "$work/download/*.dsc" >/dev/null || {
    grep -E '^(E|W|Err)' "$work/log" | tail -n 5 >&2 || true
    die "no repository has the source of frr $version. If the mirrors carry a newer frr, upgrade it (apt-get install frr); or give a configured source tree of this version: -DFRR_SOURCE_DIR=DIR"
}
unset APT_CONFIG

src=$work/tree/src
mkdir -p "$work/tree"
run "unpacking" dpkg-source --no-check -x "$work"/download/*.dsc "$src"

say "[2/4] bootstrap and configure (about 45 s)"
run "bootstrap" env -C "$src" ./bootstrap.sh
mapfile -d '' -t flags < <($zebra --version | python3 -c '
import shlex, sys
flags = shlex.split(sys.stdin.read().split("configured with:", 1)[1])
skip = ("--enable-doc", "--disable-maintainer-mode")
sys.stdout.write("".join(f + "\0" for f in flags if not f.startswith(skip)))')
[ ${#flags[@]} -gt 0 ] || die "$zebra --version does not tell how it was configured"
mkdir "$src/b"
run "configure" env -C "$src/b" ../configure "${flags[@]}" --disable-doc --disable-doc-html

say "[3/4] building clippy and generated headers"
generated=(lib/route_types.h lib/version.h lib/clippy)
generated+=("$(grep -oE '(lib|vtysh)/vtysh_daemons\.h' "$src/vtysh/vtysh.c")")
case $version in
8.*) ;;
*) generated+=(lib/mgmt.pb-c.h) ;;
esac
run "make" nice make -C "$src/b" -j2 "${generated[@]}"

say "[4/4] extracting the commands of stock vtysh"
run "extracting commands" "$here/vtysh-commands.sh" "$src"

rm -rf "$src/autom4te.cache" "$src/.git" "$src/.pc"
mv "$work/tree" "$final"
say "done: $final"
done_
