#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test.sh [PART...]: all tests, on a bare Debian with root; ends with one line "N passed, N failed".
# Installs the Debian packages that are missing (tools/setup.sh), builds, and runs the parts:
#   unit       unit tests and tests of the appliers against the kernel, with ASan and UBSan
#   commands   every command of stock vtysh is still in ours
#   python     tests/**/test_*.py: lab, zebra module and client, installation, frrinit
#   topotests  topotests/, in FRR's own framework
#   kernel     those of topotests/ that need Debian's stock kernel (tunnels, VLANs), under that kernel
#              in QEMU; both are fetched into build-kernel/, and where they cannot be had, the part says
#              so. It runs beside the unit tests, which use one processor.
# and, only when it is named, since it takes five minutes more:
#   ppp        a line that pppd makes, under the same kernel
# A part that crashes, cannot be built or has no test counts as failed. Traffic and daemons stay in
# namespaces of the tests; the machine's own frr is not touched.
#
# Builds in build/ and build-unit/ (MULTIHOME_BUILD_ROOT puts them, and build-kernel/, elsewhere).
set -uo pipefail
cd "$(dirname "$0")" || exit 1
top=$PWD
root=${MULTIHOME_BUILD_ROOT:-$top}
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(unit commands python topotests kernel)

passed=0
failed=0
started=$SECONDS
results=$(mktemp -d)
beside=() # what runs beside the rest, first come first
guest=()  # where pytest runs
cleanup() {
    [ ${#beside[@]} -eq 0 ] || kill "${beside[@]}" 2>/dev/null
    rm -rf "$results"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '== %4d s  %s\n' $((SECONDS - started)) "$*"; }
count() { # count <part> <passed> <failed>
    say "$1: $2 passed, $3 failed"
    passed=$((passed + $2))
    failed=$((failed + $3))
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
give_up() {
    say "$*"
    failed=$((failed + 1))
    finish
}
wants() { [[ " ${parts[*]} " == *" $1 "* ]]; }

build() { # build <dir> <option>...
    local dir=$1
    shift
    say "building in $dir"
    cmake -S "$top" -B "$dir" "$@" >"$results/configure.log" || {
        tail -n 30 "$results/configure.log"
        return 1
    }
    # what is compiled is progress enough; warnings and errors come in full
    nice cmake --build "$dir" -j"$(nproc)"
}

for part in "${parts[@]}"; do
    case $part in
    unit | commands | python | topotests | kernel | ppp) ;;
    *) give_up "there is no part \"$part\": unit, commands, python, topotests, kernel, ppp" ;;
    esac
done
[ "$(id -u)" = 0 ] || give_up "root is needed, for network namespaces"
"$top/tools/setup.sh" || give_up "the packages needed could not be installed"

export MULTIHOME_BUILD=$root/build
guests=()
if wants kernel; then guests+=(kernel_s1 kernel_s2); fi
if wants ppp; then guests+=(kernel_ppp); fi
if wants commands || wants python || wants topotests || [ ${#guests[@]} -gt 0 ]; then
    MULTIHOME_FRR_SOURCE=$("$top/tools/frr-headers.sh") || give_up "no FRR headers"
    export MULTIHOME_FRR_SOURCE
    build "$MULTIHOME_BUILD" -DMULTIHOME_LAB=ON || give_up "the build failed"
fi

run_gtest() { # run_gtest <program>
    local name status good bad skipped fixed
    name=$(basename "$1")
    say "$name"
    # without address randomisation: the sanitizer's fixed shadow collides with it now and then
    fixed=(setarch "$(uname -m)" -R)
    "${fixed[@]}" true 2>/dev/null || fixed=()
    UBSAN_OPTIONS=print_stacktrace=1 "${fixed[@]}" "$1" --gtest_brief=0 >"$results/$name.log" 2>&1
    status=$?
    good=$(grep -c '^\[       OK \]' "$results/$name.log")
    bad=$(grep -cE '^\[  FAILED  \] .* \([0-9]+ ms\)$' "$results/$name.log")
    skipped=$(grep -cE '^\[  SKIPPED \] .* \([0-9]+ ms\)$' "$results/$name.log")
    if [ $status -ne 0 ]; then
        grep -vE '^\[( RUN      |       OK |----------)' "$results/$name.log" | tail -n 100
        # a crash has no FAILED line of its own
        [ "$bad" -ne 0 ] || bad=1
    fi
    [ "$skipped" -eq 0 ] || say "$name: $skipped SKIPPED"
    [ $((good + bad)) -ne 0 ] || bad=1
    count "$name" "$good" "$bad"
}

count_pytest() { # count_pytest <part> <exit status>
    local counts
    # no result file: it crashed
    counts=$(/usr/bin/python3 "$top/tools/junit_counts.py" "$results/$1.xml" "$2") || counts="0 1"
    # shellcheck disable=SC2086
    count "$1" $counts
}

pytest() { # pytest <part> <argument>...
    local part=$1
    shift
    exec "${guest[@]}" /usr/bin/python3 -B -m pytest -q -rsfE -p no:cacheprovider --junitxml="$results/$part.xml" "$@"
}

run_pytest() { # run_pytest <part> <directory> <argument>...
    say "$1 tests"
    (cd "$top/$2" && pytest "$1" "${@:3}")
    count_pytest "$1" $?
}

begin_pytest() { # the same beside what follows, until finish_pytest
    say "$1 tests begin"
    (cd "$top/$2" && pytest "$1" "${@:3}") >"$results/$1.log" 2>&1 &
    beside+=("$!")
}

finish_pytest() { # finish_pytest <part>: what began first
    local status
    say "$1 tests"
    wait "${beside[0]}"
    status=$?
    beside=("${beside[@]:1}")
    cat "$results/$1.log"
    count_pytest "$1" $status
}

# One start of the guest for all of them: there, everything takes ten times as long.
start_kernel() {
    export MULTIHOME_KERNEL_STATE=$root/build-kernel
    if ! "$top/tools/run-in-kernel.sh" --prepare; then
        say "kernel: NOT TESTED: QEMU or Debian's kernel cannot be had here, so tunnels and VLANs were not tried"
        return
    fi
    export MULTIHOME_STOCK_KERNEL=1 MULTIHOME_KERNEL_SHARE=$results MULTIHOME_KERNEL_LIMIT=1500
    guest=("$top/tools/run-in-kernel.sh")
    begin_pytest kernel topotests --tb=short "${guests[@]}"
    guest=()
    unset MULTIHOME_STOCK_KERNEL MULTIHOME_KERNEL_SHARE MULTIHOME_KERNEL_LIMIT
}

unit_built=1
if wants unit; then
    build "$root/build-unit" -DMULTIHOME_FRR=OFF -DMULTIHOME_TESTS=ON -DMULTIHOME_LAB=OFF -DMULTIHOME_SANITIZE=ON || unit_built=0
fi
if [ ${#guests[@]} -gt 0 ]; then start_kernel; fi
if wants unit; then
    programs=()
    [ $unit_built = 0 ] || mapfile -t programs < <(find "$root/build-unit/tests" -type f -name '*_tests' -executable | sort)
    [ ${#programs[@]} -gt 0 ] || count unit 0 1
    for program in "${programs[@]}"; do run_gtest "$program"; done
fi
[ ${#beside[@]} -eq 0 ] || finish_pytest kernel

if wants commands; then
    if "$top/tools/compare-commands.sh" "$MULTIHOME_BUILD/vtysh/vtysh"; then count commands 1 0; else count commands 0 1; fi
fi
if wants python; then run_pytest python tests .; fi
if wants topotests; then
    # Two at a time: most of it is waiting for protocols' timers.
    protocols=(mh_babel mh_bgp mh_isis mh_ospf mh_ospf6 mh_rip mh_ripng)
    mapfile -t others < <(cd "$top/topotests" && printf '%s\n' mh_*/ | grep -vxF "$(printf '%s/\n' "${protocols[@]}")")
    begin_pytest protocols topotests "${protocols[@]}"
    run_pytest topotests topotests "${others[@]}"
    finish_pytest protocols
fi
finish
