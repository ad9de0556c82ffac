#!/bin/sh
# Builds the initial RAM file system of one guest run: busybox, kernel modules and a scenario.
#
#   lab/initramfs.sh KERNEL SCENARIO [FILE...] OUT
#
# KERNEL is a name below the lab's kernels/, SCENARIO a script that the guest's init runs, each FILE
# lands in the guest's root directory under its own name with its permissions, OUT is the archive.
# CARILLON_MODULES names the modules that init loads (drivers the kernel has built in are skipped).
set -eu

fail() {
    printf 'initramfs: %s\n' "$2" >&2
    exit "$1"
}
[ $# -ge 3 ] || fail 64 "usage: lab/initramfs.sh KERNEL SCENARIO [FILE...] OUT"

CACHE=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
LAB=${CARILLON_LAB:-$CACHE/carillon/lab}
MODULES=${CARILLON_MODULES:-virtio_pci virtio-rng virtio_blk virtio_console vfio-pci vfio_iommu_type1 uio_pci_generic}
GUEST=${0%/*}/guest
LAB=$(cd "$LAB" 2>/dev/null && pwd) || fail 69 "there is no lab; run lab/setup.sh"
KERNEL=$LAB/kernels/$1
SCENARIO=$2
shift 2
[ -r "$KERNEL/modules/modules.dep" ] || fail 69 "no such kernel: $KERNEL; run lab/setup.sh"

for OUT in "$@"; do :; done # the last argument
ROOT=$(mktemp -d)
trap 'rm -rf "$ROOT"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$ROOT/bin" "$ROOT/dev" "$ROOT/modules" "$ROOT/proc" "$ROOT/sys" "$ROOT/tmp"
cp "$LAB/busybox" "$ROOT/bin/busybox"
ln -s busybox "$ROOT/bin/sh"
cp "$GUEST/init" "$ROOT/init"
cp "$SCENARIO" "$ROOT/scenario"
cp "$GUEST/words.sh" "$ROOT/words"
chmod 755 "$ROOT" "$ROOT/init" "$ROOT/bin/busybox"
while [ $# -gt 1 ]; do
    cp -p "$1" "$ROOT/"
    shift
done

# modules.dep names with each module everything it needs, directly or not.
for module in $MODULES; do
    pattern=$(printf '%s' "$module" | sed 's/[-_]/[-_]/g')
    line=$(grep "^$pattern\.ko:" "$KERNEL/modules/modules.dep" || :)
    [ -n "$line" ] || continue
    printf '%s\n' "${line%%.ko:*}" >>"$ROOT/modules/load"
    printf '%s\n' "$line" | tr -d ':' | tr ' ' '\n' | sed '/^$/d' >>"$ROOT/modules/needed"
done
if [ -e "$ROOT/modules/needed" ]; then
    (cd "$KERNEL/modules" && sort -u "$ROOT/modules/needed" | xargs cp -t "$ROOT/modules")
    cp "$KERNEL/modules/modules.dep" "$ROOT/modules"
    rm "$ROOT/modules/needed"
fi

# Device nodes are missing on purpose: the kernel brings /dev/console itself, init mounts the rest.
(cd "$ROOT" && find . | sort | "$LAB/busybox" cpio -o -H newc -R 0:0 2>/dev/null) >"$OUT.$$"
mv "$OUT.$$" "$OUT"
