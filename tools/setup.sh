#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# setup.sh: installs the Debian packages that building and testing need, those that are missing only.
# Does nothing on a machine that has them. A service that comes in this way (frr, keepalived ...) is not started:
# while packages are installed, services are kept from starting by a policy-rc.d of ours, unless the
# machine has one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

build=(ca-certificates cmake dpkg-dev g++ gcc libboost-dev libcurl4-gnutls-dev libgnutls28-dev libjson-c-dev libnftables-dev libnl-3-dev libnl-nf-3-dev
    libnl-route-3-dev libprotobuf-dev make pkg-config protobuf-compiler python3)
test=(conntrack conntrackd dhcpcd-base dnsmasq-base iproute2 iputils-ping isc-dhcp-client isc-dhcp-server keepalived
    libgtest-dev nftables openssl ppp pppoe procps python3-pytest radvdump systemd udhcpc)

find_missing() {
    local installed package
    installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' | sed -n 's/^installed //p' | tr -s ',\n' '  ') "
    missing=()
    for package in frr "${build[@]}" "${test[@]}" $("$here/frr-headers.sh" --packages); do
        [[ $installed == *" $package "* ]] || missing+=("$package")
    done
}
find_missing
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "setup: packages are missing; as root: apt-get install ${missing[*]}" >&2
    exit 1
fi
policy=/usr/sbin/policy-rc.d
mark="# multihomed setup, safe to delete"
if [ -e $policy ] && grep -qxF "$mark" $policy; then
    rm -f $policy # left by a run that was killed
fi
log=$(mktemp)
made=("$log")
trap 'rm -f "${made[@]}"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ ! -e $policy ]; then
    made+=("$policy")
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >$policy
    chmod 755 $policy
fi

export DEBIAN_FRONTEND=noninteractive
run() {
    "$@" >"$log" 2>&1 && return
    tail -n 30 "$log" >&2
    echo "setup: $1 $2 failed" >&2
    exit 1
}
run apt-get -q -o DPkg::Lock::Timeout=600 update
find_missing # again: which FRR there will be was not known before
echo "setup: installing ${#missing[@]} packages: ${missing[*]}" >&2
run apt-get -q -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "${missing[@]}"
