#!/bin/sh
# Uses a virtio entropy device through Linux's own driver and reports what the guest sees of it:
# the device's place and driver, the bytes read, every interrupt of the device before and after.
# Variables: bytes (default 4096), reads of 256 bytes; hold, not to power off in the end.

. /words

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
rng=/sys/class/misc/hw_random
echo virtio_rng.0 >$rng/rng_current
say rng_current "$(cat $rng/rng_current)"
other=$(tr ' ' '\n' <$rng/rng_available | grep -vx -e virtio_rng.0 -e none -e '' | head -n 1)

# settled: true once the counts have stood still for a second.
settled() {
    now=$(interrupts now)
    [ "$now" = "$last" ] && unchanged=$((unchanged + 1)) || unchanged=0
    last=$now
    [ $unchanged -ge 20 ]
}

interrupts before
dd if=/dev/hwrng of=/tmp/bytes bs=256 count=$((${bytes:-4096} / 256)) 2>/dev/null
say bytes "$(wc -c </tmp/bytes)"

# The kernel has a thread that reads the current device now and then; a device of someone else's is
# given to it. The interrupt of our driver's last buffer, of which it asks for one more than it
# reads, may still be on its way.
[ -z "$other" ] || echo "$other" >$rng/rng_current
say rng_current "$(cat $rng/rng_current)"
last='' unchanged=0
wait_for settled || say failed the interrupts never came to rest
interrupts after

say distinct "$(hexdump -v -e '1/1 "%02x\n"' /tmp/bytes | sort -u | wc -l)"
say msi_irqs "$(ls "$function/msi_irqs" 2>/dev/null | wc -l)"
say msi_mode "$(cat "$function"/msi_irqs/* 2>/dev/null | sort -u | paste -s -d ,)"
if [ -n "$hold" ]; then
    say holding 1
    while :; do sleep 3600; done
fi
say done 0
