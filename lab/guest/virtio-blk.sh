#!/bin/sh
# Uses virtio block devices through Linux's own driver and reports what the guest sees of them.
# Variables: steps, words for block-verify with commas for spaces, one step after the other
# separated by a slash, run on each device: fill,7/check,7/mix,1,4,500; hold, not to power off.

. /words

# interrupts DISK: counts of the device behind it, summed over CPUs, one line for each interrupt.
interrupts() {
    name=$(basename "$(readlink -f "/sys/block/$1/device")")
    cpus=$(head -n 1 /proc/interrupts | wc -w)
    awk -v cpus="$cpus" -v name="$name" -v disk="$1" '$0 ~ name {
        count = 0
        for (i = 2; i < 2 + cpus; i++) count += $i
        printf "CARILLON %s.interrupts line=%s count=%d name=%s\n", disk, $(3 + cpus), count, $NF
    }' /proc/interrupts
}

wait_for [ -e /sys/block/vda ] || {
    say failed no virtio block device was bound
    ls -l /sys/bus/virtio/devices /sys/bus/pci/devices
    say done 1
    exit 1
}
status=0
for disk in /sys/block/vd*; do
    disk=${disk##*/}
    queue=/sys/block/$disk/queue
    say "$disk.sectors" "$(cat "/sys/block/$disk/size")"
    say "$disk.serial" "$(cat "/sys/block/$disk/serial")"
    say "$disk.ro" "$(cat "/sys/block/$disk/ro")"
    say "$disk.queues" "$(ls "/sys/block/$disk/mq" | wc -l)"
    say "$disk.cache" "$(cat $queue/write_cache)"
    say "$disk.discard_max" "$(cat $queue/discard_max_bytes)"
    say "$disk.zeroes_max" "$(cat $queue/write_zeroes_max_bytes)"
    for step in $(printf '%s' "$steps" | tr / ' '); do
        # shellcheck disable=SC2046 # a list of words
        /block-verify "/dev/$disk" $(printf '%s' "$step" | tr , ' ') || status=$?
    done
    interrupts "$disk"
done
say status "$status"
if [ -n "$hold" ]; then
    say holding 1
    while :; do sleep 3600; done
fi
say done "$status"
