#!/bin/sh
# Uses a virtio entropy device through Linux's own driver and reports what the guest sees of it:
# the device's place and driver, the bytes read, every interrupt of the device before and after.
# Variables: bytes (default 4096), reads of 256 bytes.

say() { printf 'CARILLON %s\n' "$*"; }

# wait_for COMMAND...: true as soon as the command is, false after about 10 seconds.
wait_for() {
    attempts=200
    until "$@"; do
        attempts=$((attempts - 1))
        [ $attempts -gt 0 ] || return 1
        usleep 50000
    done
}
has_rng() { grep -q virtio_rng /sys/class/misc/hw_random/rng_current 2>/dev/null; }

# interrupts WHEN: one line per interrupt whose action belongs to virtio0, counts summed over CPUs.
interrupts() {
    cpus=$(head -n 1 /proc/interrupts | wc -w)
    awk -v cpus="$cpus" -v when="$1" '/virtio0/ {
        count = 0
        for (i = 2; i < 2 + cpus; i++) count += $i
        action = $(4 + cpus)
        for (i = 5 + cpus; i <= NF; i++) action = action " " $i
        printf "CARILLON interrupts.%s irq=%d chip=%s line=%s count=%d name=%s\n",
            when, $1, $(2 + cpus), $(3 + cpus), count, action
    }' /proc/interrupts
}

device=/sys/bus/virtio/devices/virtio0
if ! wait_for [ -e $device/driver ] || ! wait_for has_rng; then
    say failed no virtio entropy device was bound
    ls -l /sys/bus/virtio/devices /sys/bus/pci/devices
    say done 1
    exit 1
fi
function=$(readlink -f $device/..)
say device "${function##*/}"
driver=$(readlink -f $device/driver)
say driver "${driver##*/}"
say rng_current "$(cat /sys/class/misc/hw_random/rng_current)"

interrupts before
dd if=/dev/hwrng of=/tmp/bytes bs=256 count=$((${bytes:-4096} / 256)) 2>/dev/null
interrupts after

say bytes "$(wc -c </tmp/bytes)"
say distinct "$(hexdump -v -e '1/1 "%02x\n"' /tmp/bytes | sort -u | wc -l)"
say msi_irqs "$(ls "$function/msi_irqs" 2>/dev/null | wc -l)"
say msi_mode "$(cat "$function"/msi_irqs/* 2>/dev/null | sort -u | paste -s -d ,)"
say done 0
