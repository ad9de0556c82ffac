#!/bin/sh
# The guest of a machine of ours: uses disks and entropy devices through Linux's own drivers, moves
# the interrupts of the latter from processor to processor while they come, and says what it sees.
# Variables: steps, for each disk as in virtio-blk.sh, done on each processor; moves (default 4), of
# each entropy device's interrupt.

. /words

rng=/sys/class/misc/hw_random
# Processors that are emulated twice are slow; what waits for so long waits for ever.
patience=6000

# interrupts WHEN: one line for each interrupt of a device, with the count of each processor.
interrupts() {
    awk -v cpus="$cpus" -v when="$1" '/virtio|ttyS/ {
        total = 0
        for (i = 2; i < 2 + cpus; i++) {
            total += $i
            counts = (i == 2 ? "" : counts ",") $i
        }
        action = $(4 + cpus)
        for (i = 5 + cpus; i <= NF; i++) action = action " " $i
        printf "CARILLON interrupts.%s irq=%d chip=%s line=%s count=%d cpus=%s name=%s\n",
            when, $1, $(2 + cpus), $(3 + cpus), total, counts, action
    }' /proc/interrupts
}

# count_of CPU: how often $irq came there.
count_of() {
    awk -v irq="$irq:" -v field=$((2 + $1)) '$1 == irq { print $field }' /proc/interrupts
}

# came_to CPU COUNT: true once the count there is greater than that.
came_to() { [ "$(count_of "$1")" -gt "$2" ]; }

# move FROM TO: true once $irq comes to the processor TO, and not to FROM any more.
move() {
    count=$(count_of "$2")
    echo "$2" >"/proc/irq/$irq/smp_affinity_list" || return 1
    wait_for came_to "$2" "$count" || return 1
    left=$(count_of "$1")
    wait_for came_to "$2" $((count + 5)) && [ "$(count_of "$1")" = "$left" ]
}

# A request whose interrupt is lost leaves the reader waiting for ever.
use_rng() {
    irq=$(awk -v name="^$1(-input)?\$" '$NF ~ name { print $1 + 0; exit }' /proc/interrupts)
    echo "$2" >$rng/rng_current
    dd if=/dev/hwrng of=/tmp/bytes bs=256 count=8 2>/dev/null
    echo 0 >"/proc/irq/$irq/smp_affinity_list"
    while :; do cat /dev/hwrng; done >/dev/null 2>&1 &
    reader=$!
    moved=0 from=0
    while [ $moved -lt "${moves:-4}" ] && move $from $(((from + 1) % cpus)); do
        from=$(((from + 1) % cpus))
        moved=$((moved + 1))
    done
    kill $reader
    wait $reader 2>/dev/null
    say "$1" "bytes=$(wc -c </tmp/bytes) irq=$irq moved=$moved" \
        "mode=$(cat "/sys/bus/virtio/devices/$1/../msi_irqs/"* 2>/dev/null | sort -u)"
}

has_rng() { grep -q virtio_rng $rng/rng_current 2>/dev/null; }

if ! wait_for [ -e /sys/block/vda ] || ! wait_for has_rng; then
    say failed a device was not bound
    ls -l /sys/bus/virtio/devices /sys/bus/pci/devices
    say done 1
    exit 1
fi
cpus=$(nproc)
say online "$(cat /sys/devices/system/cpu/online)"
interrupts before

status=0
for disk in /sys/block/vd*; do
    disk=${disk##*/}
    cpu=0
    while [ $cpu -lt "$cpus" ]; do
        for step in $(printf '%s' "$steps" | tr / ' '); do
            words=$(printf '%s' "$step" | tr , ' ')
            # shellcheck disable=SC2086 # a list of words
            taskset -c $cpu /block-verify "/dev/$disk" $words || status=$?
            echo 3 >/proc/sys/vm/drop_caches
        done
        cpu=$((cpu + 1))
    done
done

number=0
for driver in /sys/bus/virtio/drivers/virtio_rng/virtio*; do
    use_rng "${driver##*/}" virtio_rng.$number
    number=$((number + 1))
done

interrupts after
awk '$1 == "ERR:" || $1 == "MIS:" { printf "CARILLON errors %s%s\n", $1, $2 }' /proc/interrupts
dmesg | grep -i -E -e 'no irq handler|nobody cared|spurious|apic error|lost interrupt' \
    -e 'apic.*(fail|bug|broken)|request timeout|i/o error|virtio.*(fail|error)' |
    sed 's/^/CARILLON complaint /'
say done $status
exit $status
