#!/bin/sh
# Talks over a virtio console: says what it is told, line by line, until it is told "end".

. /words

wait_for [ -e /dev/hvc0 ] || {
    say failed no virtio console was bound
    ls -l /sys/bus/virtio/devices
    say done 1
    exit 1
}
# With nobody there, output must not keep the guest.
dd if=/dev/zero bs=4096 count=16 2>/dev/null | tr '\0' '-' >/dev/hvc0
say unheard 65536
# The last close resets the terminal's modes.
exec 3<>/dev/hvc0
stty raw -echo <&3
say ready 1
while read -r line <&3; do
    [ "$line" = end ] && break
    printf '%s\n' "$line" >>/tmp/heard
    printf 'heard %s\n' "$line" >&3
done
say lines "$(wc -l </tmp/heard)"
grep -E 'virtio[0-9]+-(input|output|config|virtqueues)' /proc/interrupts | sed 's/^/CARILLON irq /'
say done 0
