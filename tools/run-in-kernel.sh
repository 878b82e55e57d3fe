#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run-in-kernel.sh CMD [ARG...]: runs CMD as root under Debian's stock kernel, in QEMU without
# hardware help, for tests of what this machine's kernel may lack (tunnels, VLANs, netem).
# run-in-kernel.sh --prepare: only fetches what that needs.
#
# The guest's root is this machine's root file system, read-only, below a tmpfs: what CMD writes is
# gone afterwards, except in the directories of $MULTIHOME_KERNEL_SHARE. CMD's output and exit status
# are passed through; 124: the time was up, 125: the kernel did not start, 77: kernel or QEMU cannot
# be had.
#
# Kernel and QEMU are Debian's packages, fetched and unpacked into the state directory. Nothing is
# installed, and nothing outside that directory is changed.
#
#   MULTIHOME_KERNEL_STATE    state directory (build-kernel)
#   MULTIHOME_KERNEL_SHARE    directories, by colons, in which what is written stays
#   MULTIHOME_KERNEL_LIMIT    seconds for a run (600)
#   MULTIHOME_KERNEL_CPUS     of the guest (all)
#   MULTIHOME_KERNEL_CONSOLE  1: the guest's console goes to stderr
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=${MULTIHOME_KERNEL_STATE:-$here/../build-kernel}
limit=${MULTIHOME_KERNEL_LIMIT:-600}
say() { echo "run-in-kernel: $*" >&2; }
[ $# -gt 0 ] || { sed -n '4,22p' "${BASH_SOURCE[0]}"; exit 2; }

# --- what is needed, once ---

# Prints the packages: the image that linux-image-amd64 stands for, and QEMU with what it needs and
# this machine lacks.
needed_packages() {
    apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
    echo busybox-static kmod libkmod2
    apt-get install -s --no-install-recommends qemu-system-x86 | awk '/^Inst/ {print $2}'
}

fetch() { # into the current directory
    local try packages
    for try in 1 2; do
        packages=$(needed_packages)
        # shellcheck disable=SC2086
        [[ $packages == *linux-image-* ]] && apt-get -qq -o APT::Sandbox::User=root download $packages && return
        [ $try = 2 ] || apt-get -qq update
    done
    say "the packages could not be fetched"
    return 1
}

# The kernel without its compression: unpacking takes long in an emulated processor.
unpack_kernel() { # unpack_kernel <vmlinuz> <to>
    python3 - "$1" "$2" <<'PY'
import lzma
import sys

image = open(sys.argv[1], "rb").read()
kernel = lzma.LZMADecompressor().decompress(image[image.index(b"\xfd7zXZ\x00"):])
assert kernel[:4] == b"\x7fELF"
open(sys.argv[2], "wb").write(kernel)
PY
}

# Modules and kmod, laid over this machine's root.
make_layer() { # in the new state directory
    local release libraries=usr/lib/x86_64-linux-gnu tool
    release=$(ls image/lib/modules)
    mkdir -p layer/usr/{bin,sbin} layer/usr/lib/modules "layer/$libraries" root/lib
    mv "image/lib/modules/$release" layer/usr/lib/modules/
    cp tools/bin/kmod layer/usr/bin/
    find tools -name 'libkmod.so*' -exec cp -d {} "layer/$libraries/" \;
    for tool in modprobe insmod rmmod lsmod modinfo depmod; do ln -s ../bin/kmod layer/usr/sbin/$tool; done
    ln -s ../../layer/usr/lib/modules root/lib/modules
    LD_LIBRARY_PATH="layer/$libraries" layer/usr/sbin/depmod -b "$PWD/root" "$release"
    rm -r root
}

guest_init() {
    cat <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc p /proc; $b mount -t sysfs s /sys; $b mount -t devtmpfs d /dev
fail() { echo "run-in-kernel: $*" >/dev/kmsg; $b reboot -f; }
share() { $b mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"; }
for m in $($b cat /mods); do $b insmod /mod/$m.ko 2>/dev/null; done
n=0; while [ ! -e /dev/vport0p1 ] && [ $n -lt 200 ]; do $b usleep 20000; n=$((n+1)); done
share root /r ro,cache=loose && share layer /l ro,cache=loose && share run /t cache=none || fail "no root"
$b mkdir /o; $b mount -t tmpfs -o size=75% t /o; $b mkdir /o/u /o/w
$b mount -t overlay -o lowerdir=/l:/r,upperdir=/o/u,workdir=/o/w o /n || fail "no overlay"
for d in proc sys dev; do $b mount --move /$d /n/$d; done
cd /n
$b mkdir -p dev/pts dev/shm dev/net
$b mount -t devpts -o mode=620,ptmxmode=666,gid=5 d dev/pts; $b mount -t tmpfs t dev/shm
[ -e dev/fd ] || $b ln -s /proc/self/fd dev/fd
for x in 0.stdin 1.stdout 2.stderr; do $b ln -sf /proc/self/fd/${x%.*} dev/${x#*.}; done
[ -e dev/net/tun ] || $b mknod dev/net/tun c 10 200
$b mount -t tmpfs t run; $b mkdir -p run/lock run/netns run/host
$b mount -t cgroup2 c sys/fs/cgroup 2>/dev/null
$b mount --move /t run/host
i=0; while IFS= read -r d; do
  $b mkdir -p "./$d"; share rw$i "./$d" cache=mmap || echo "run-in-kernel: cannot share $d" >/dev/kmsg
  i=$((i+1)); done <run/host/shared
$b mount --move . / 2>/dev/null
$b cp /bin/busybox run/busybox
exec $b chroot . /bin/bash /run/host/stage2
INIT
}

make_initrd() { # in the new state directory
    local module file
    mkdir -p initrd/{bin,mod,dev,proc,sys,l,r,t,n}
    cp tools/bin/busybox initrd/bin/
    for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_console netfs \
        fscache 9pnet 9p 9pnet_virtio overlay; do
        file=$(find layer/usr/lib/modules -name "$module.ko")
        [ -z "$file" ] || { cp "$file" initrd/mod/ && echo $module >>initrd/mods; }
    done
    guest_init >initrd/init
    chmod +x initrd/init
    (cd initrd && find . | ../tools/bin/busybox cpio -o -H newc 2>/dev/null) >initrd.img
    rm -r initrd
}

prepare() (
    set -e
    rm -rf "$state.new"
    mkdir -p "$state.new/packages"
    cd "$state.new/packages"
    fetch
    for package in *.deb; do
        case $package in
        linux-image-*) dpkg -x "$package" ../image ;;
        *) dpkg -x "$package" ../tools ;;
        esac
    done
    cd ..
    unpack_kernel image/boot/vmlinuz-* vmlinux
    make_layer
    make_initrd
    rm -rf packages image "$state"
    mv "$state.new" "$state"
)

mkdir -p "$(dirname "$state")" || exit 77
exec 8>"$state.lock"
flock 8
if [ ! -s "$state/initrd.img" ]; then
    say "fetching Debian's kernel and QEMU"
    # not in a list with ||, which would switch its set -e off
    prepare >&2
    [ -s "$state/initrd.img" ] || exit 77
fi
flock -u 8
exec 8>&-
state=$(cd "$state" && pwd)
qemu=$state/tools/usr/bin/qemu-system-x86_64
firmware=(-L "$state/tools/usr/share/qemu" -L "$state/tools/usr/share/seabios")
libraries=$state/tools/usr/lib/x86_64-linux-gnu:$state/tools/lib/x86_64-linux-gnu
if [ ! -x "$qemu" ]; then # this machine has it
    qemu=$(command -v qemu-system-x86_64) || exit 77
    firmware=()
    libraries=
fi
LD_LIBRARY_PATH=$libraries "$qemu" --version >/dev/null || exit 77
[ "$1" != --prepare ] || exit 0

# --- a run ---

run=$(mktemp -d) || exit 125
pid=
cleanup() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

{
    printf 'cd %q 2>/dev/null || cd /\n' "$PWD"
    export -p | grep -vE '^declare -x (MULTIHOME_KERNEL_|_=|BASH|SHLVL|OLDPWD|PWD|TMPDIR)'
    printf 'exec'
    printf ' %q' "$@"
    printf '\n'
} >"$run/command"
cat >"$run/stage2" <<'STAGE2'
ip link set lo up
hostname guest
mount -o remount,rw / 2>/dev/null
port() { for p in /sys/class/virtio-ports/*; do [ "$(cat "$p/name")" != "$1" ] || echo "/dev/${p##*/}"; done; }
mkfifo /run/o /run/e
/run/busybox cat /run/o >"$(port out)" & o=$!
/run/busybox cat /run/e >"$(port err)" & e=$!
setsid bash /run/host/command </dev/null >/run/o 2>/run/e
status=$?
for i in 1 2 3 4 5 6 7 8 9 10; do # what the command left behind may hold the pipes open
    kill -0 $o 2>/dev/null || kill -0 $e 2>/dev/null || break
    /run/busybox usleep 50000
done
echo $status >/run/host/status
sync
/run/busybox reboot -f
STAGE2

arguments=("${firmware[@]}" -nodefaults -no-user-config -display none -no-reboot
    -M pc,usb=off,vmport=off -accel tcg,thread=multi,tb-size=256 -cpu max,la57=off
    -m 1280 -smp "${MULTIHOME_KERNEL_CPUS:-$(nproc)}" -kernel "$state/vmlinux" -initrd "$state/initrd.img"
    -append "console=ttyS0 quiet loglevel=4 panic=-1 reboot=t nokaslr mitigations=off nopti random.trust_cpu=on no_timer_check tsc=reliable"
    -chardev "file,id=console,path=$run/console" -serial chardev:console
    -chardev "file,id=out,path=$run/out" -chardev "file,id=err,path=$run/err" -device virtio-serial-pci
    -device virtserialport,chardev=out,name=out -device virtserialport,chardev=err,name=err)
share() { # share <tag> <path> [<option>]
    arguments+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap${3:-}"
        -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}
share root / ,readonly=on
share layer "$state/layer" ,readonly=on
share run "$run"
: >"$run/shared"
IFS=: read -ra shared <<<"${MULTIHOME_KERNEL_SHARE:-}"
for directory in "${shared[@]}"; do
    share "rw$(wc -l <"$run/shared")" "$(realpath "$directory")"
    realpath "$directory" >>"$run/shared"
done

mkfifo "$run/out" "$run/err"
cat "$run/out" &
readers=$!
cat "$run/err" >&2 &
readers+=" $!"
if [ "${MULTIHOME_KERNEL_CONSOLE:-0}" = 1 ]; then
    : >"$run/console"
    tail -f "$run/console" >&2 &
    tail=$!
fi
# QEMU ends with this script, even if that is killed
LD_LIBRARY_PATH=$libraries setpriv --pdeathsig TERM -- timeout -k 5 "$limit" "$qemu" "${arguments[@]}" \
    </dev/null >"$run/qemu.log" 2>&1 &
pid=$!
wait "$pid"
ended=$?
pid=
[ -z "${tail:-}" ] || kill "$tail"
# QEMU has closed its ends; if it never opened them, let the readers go
(: >"$run/out" & : >"$run/err" & sleep .1; kill %1 %2 2>/dev/null) 2>/dev/null
# shellcheck disable=SC2086
wait $readers 2>/dev/null
[ ! -s "$run/status" ] || exit "$(cat "$run/status")"
say "no exit status (QEMU ended with $ended)"
tail -n 25 "$run/console" >&2
tail -n 5 "$run/qemu.log" >&2
case $ended in 124 | 137) exit 124 ;; *) exit 125 ;; esac
