#!/bin/sh
# Waits for a disk that is added while the guest runs, and removes and finds it again, each time
# with requests on their way. Variable: cycles (default 5).

. /words
patience=400

is_gone() { [ ! -e /sys/block/vda ]; }
# Reads have ended on the disk since it was found.
is_busy() { read -r reads _ </sys/block/vda/stat && [ "$reads" -gt 20 ]; }
fail() {
    say failed "$*"
    say done 1
    exit 1
}

say waiting 1
patience=1200
wait_for [ -e /sys/block/vda ] || fail no disk was added
patience=400
function=$(readlink -f /sys/block/vda/device/..)
bus=/sys/bus/pci
say found "${function##*/}"
/block-verify /dev/vda fill 5 || fail the disk was not filled
cycle=0
while [ $cycle -lt "${cycles:-5}" ]; do
    cycle=$((cycle + 1))
    # Reads alone, so that what fill wrote stays.
    (while /block-verify /dev/vda check 5 4; do :; done) >/tmp/log 2>&1 &
    reader=$!
    wait_for is_busy || fail "cycle $cycle: nobody reads"
    echo 1 >"$bus/devices/${function##*/}/remove"
    wait $reader
    wait_for is_gone || fail "cycle $cycle: the disk stays"
    [ $cycle -lt "${cycles:-5}" ] || break
    echo 1 >$bus/rescan
    wait_for [ -e /dev/vda ] || fail "cycle $cycle: the disk did not come back"
    if grep -q 'wrong=[1-9]' /tmp/log; then cat /tmp/log; fail "cycle $cycle: wrong sectors"; fi
done
say gone "$cycle"
# Who added it looks at what is left, and adds another.
patience=1200
wait_for [ -e /sys/block/vda ] || fail no second disk was added
/block-verify /dev/vda fill 6 && /block-verify /dev/vda check 6 || fail the second disk is wrong
/block-verify /dev/vda mix 6 2 0 >/dev/null 2>&1 &
wait_for is_busy || fail nobody writes
say busy 1
while :; do
    say tick 1
    sleep 1
done
