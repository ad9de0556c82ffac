#!/bin/sh
# Configures DSA devices through sysfs, binds their work queues to dmaengine, and copies with dmatest.
# init loads idxd before (CARILLON_MODULES); only copying needs an instruction that TCG lacks.
# Variable steps, separated by slashes, arguments by commas; default: enable/report.
#
#   enable                   configure and bind all devices and all their work queues
#   retry                    bind the work queues that are not bound
#   dma,COPIES,THREADS       run dmatest on every channel, so many copies in each of its threads
#                            (words after these are more of dmatest's parameters: timeout=500)
#   start,COPIES,THREADS     the same in the background; join waits for its end
#   join
#   wait,WORD                wait until the host sends a line WORD to the serial port
#   disable                  unbind work queues and devices; kernel 6.12 crashes when it does that
#   report                   say states, interrupt counts and channels
#
# Variables: input, the port for wait (default /dev/console); hold, not to power off.

. /words
bus=/sys/bus/dsa
status=0

# put VALUE FILE: writes an attribute; $error has the reason when that fails.
put() { error=$({ echo "$1" >"$2"; } 2>&1) || { error=${error#*error: }; return 1; }; }
# get FILE: an attribute's value, or nothing.
get() { cat "$1" 2>/dev/null; }
configure() {
    put "$1" "$2" && return
    say failed "write $1 to ${2#"$bus"/devices/}: $error"
    status=1
}

# Names of devices, and of a device's parts: work queues, engines, groups.
devices() { for device in "$bus"/devices/dsa*; do [ ! -e "$device" ] || echo "${device##*/}"; done; }
parts() { for part in "$bus/devices/$1/$2"*; do [ ! -e "$part" ] || echo "${part##*/}"; done; }

# bind WORD DRIVER NAME: says what became of it; a name that is bound already is no failure.
bind() {
    result=0 error=
    [ -e "$bus/devices/$3/driver" ] || put "$3" "$bus/drivers/$2/bind" || result=1 status=1
    say "$1.bind" "name=$3 status=$result state=$(get "$bus/devices/$3/state") error=$error"
}
unbind() {
    result=0 error=
    [ ! -e "$bus/devices/$3/driver" ] || put "$3" "$bus/drivers/$2/unbind" || result=1 status=1
    say "$1.unbind" "name=$3 status=$result state=$(get "$bus/devices/$3/state") error=$error"
}

# configure_queues DEVICE: every work queue dedicated and of the same size. As many groups are used
# as there are engines for; engines and work queues take them in turn.
configure_queues() {
    device=$bus/devices/$1
    queues=$(get "$device/max_work_queues")
    groups=$(get "$device/max_groups")
    engines=$(get "$device/max_engines")
    [ "$groups" -le "$engines" ] || groups=$engines
    configurable=$(get "$device/configurable")
    if [ "$configurable" = 1 ]; then
        for engine in $(parts "$1" engine); do
            configure $((${engine##*.} % groups)) "$device/$engine/group_id"
        done
    fi
    for queue in $(parts "$1" wq); do
        if [ "$configurable" = 1 ]; then
            configure $((${queue##*.} % groups)) "$device/$queue/group_id"
            configure dedicated "$device/$queue/mode"
            configure $(($(get "$device/max_work_queues_size") / queues)) "$device/$queue/size"
            configure 10 "$device/$queue/priority"
        fi
        name_queue "$device/$queue"
    done
}
# A work queue loses its type, and with it its name, when it cannot be bound.
name_queue() {
    configure kernel "$1/type"
    configure dmaengine "$1/name"
    [ ! -e "$1/driver_name" ] || configure dmaengine "$1/driver_name"
}

enable() {
    for name in $(devices); do
        if [ ! -e "$bus/devices/$name/driver" ]; then
            configure_queues "$name"
            bind device idxd "$name"
        fi
        retry_device "$name"
    done
}
retry_device() {
    for queue in $(parts "$1" wq); do
        [ ! -e "$bus/devices/$queue/driver" ] || continue
        name_queue "$bus/devices/$queue"
        bind wq dmaengine "$queue"
        say "$1.cmd_status" "$(get "$bus/devices/$1/cmd_status")"
    done
}
retry() { for name in $(devices); do retry_device "$name"; done; }
disable() {
    for name in $(devices); do
        for queue in $(parts "$name" wq); do unbind wq dmaengine "$queue"; done
        unbind device idxd "$name"
    done
}

# start COPIES THREADS [PARAMETER...]: each run loads dmatest anew, so that it takes all channels
# there are. run comes last: it starts with the parameters before it.
start() {
    copies=$1 threads=$2
    shift 2
    dmesg -c >>/tmp/messages
    [ ! -e /sys/module/dmatest ] || rmmod dmatest # init may have loaded it
    modprobe dmatest "iterations=$copies" "threads_per_chan=$threads" "$@" run=1 || status=1
}
# join: reading the parameter waits for the end. Says a line for each thread, and failed copies (the first ten), and the sums.
join() {
    get /sys/module/dmatest/parameters/wait >/dev/null
    dmesg -c >/tmp/dmatest
    rmmod dmatest
    awk '
        / summary / {
            name = $0; sub(/: summary.*/, "", name); sub(/.* /, "", name)
            thread = name; sub(/.*-/, "", thread); sub(/-[^-]*$/, "", name)
            values = $0; sub(/.* summary /, "", values); split(values, value, " ")
            sub(/.*\(/, "", values); sub(/\).*/, "", values)
            printf "CARILLON dma channel=%s thread=%s tests=%d failures=%d status=%s\n",
                name, thread, value[1], value[3], values
            threads++; tests += value[1]; failures += value[3]
        }
        / result #/ && ++results <= 10 { sub(/.*dmatest: /, ""); print "CARILLON dma.failed " $0 }
        END {
            printf "CARILLON dma.total threads=%d tests=%d failures=%d\n", threads, tests, failures
            exit threads == 0 || failures > 0
        }' /tmp/dmatest || status=1
    cat /tmp/dmatest >>/tmp/messages
}
dma() { start "$@" && join; }

wait_for_word() {
    say waiting "$1"
    while read -r line; do
        [ "${line%"$(printf '\r')"}" != "$1" ] || return 0
    done <"${input:-/dev/console}"
    say failed "the serial port ended before $1"
    status=1
}

# interrupts DEVICE: one line for each vector that has a handler, counts summed over CPUs.
interrupts() {
    function=$(readlink -f "$bus/devices/$1/..")
    cpus=$(head -n 1 /proc/interrupts | wc -w)
    vector=0
    for irq in $(ls "$function/msi_irqs" | sort -n); do
        awk -v cpus="$cpus" -v irq="$irq:" -v vector=$vector -v device="$1" '$1 == irq {
            count = 0
            for (i = 2; i < 2 + cpus; i++) count += $i
            printf "CARILLON %s.interrupts vector=%d count=%d name=%s\n", device, vector, count, $NF
        }' /proc/interrupts
        vector=$((vector + 1))
    done
}

report() {
    for name in $(devices); do
        device=$bus/devices/$name
        function=$(readlink -f "$device/..")
        say "$name.function" "${function##*/}"
        say "$name.vectors" "$(ls "$function/msi_irqs" 2>/dev/null | wc -l)"
        for attribute in version state cmd_status errors clients configurable max_work_queues \
            max_work_queues_size max_groups max_engines max_transfer_size max_batch_size op_cap; do
            [ ! -e "$device/$attribute" ] || say "$name.$attribute" "$(get "$device/$attribute")"
        done
        for queue in $(parts "$name" wq); do
            say "$queue" "state=$(get "$device/$queue/state") size=$(get "$device/$queue/size")" \
                "mode=$(get "$device/$queue/mode") group=$(get "$device/$queue/group_id")"
        done
        interrupts "$name"
    done
    for channel in /sys/class/dma/*; do
        [ -e "$channel" ] || continue
        function=$(readlink -f "$channel/device")
        say channel "name=${channel##*/} function=${function##*/}"
    done
    # The driver's own words, of all levels.
    { cat /tmp/messages 2>/dev/null; dmesg; } | grep -E 'idxd|dsa[0-9]|wq[0-9]' |
        sed 's/^/CARILLON log /'
}

is_there() { [ -n "$(devices)" ]; }
wait_for is_there || {
    say failed no DSA device was bound
    ls -l /sys/bus/pci/devices
    dmesg | grep idxd
    say done 1
    exit 1
}
for step in $(printf '%s' "${steps:-enable/report}" | tr / ' '); do
    say step "$step"
    # shellcheck disable=SC2046 # a list of words
    set -- $(printf '%s' "$step" | tr , ' ')
    word=$1
    shift
    case $word in
    enable | retry | disable | report | join) "$word" ;;
    dma | start) "$word" "$@" ;;
    wait) wait_for_word "$1" ;;
    *) say failed "there is no step $word" && status=1 ;;
    esac
done
say status "$status"
if [ -n "$hold" ]; then
    say holding 1
    while :; do sleep 3600; done
fi
say done "$status"
exit "$status"
