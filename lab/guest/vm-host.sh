#!/bin/sh
# Runs machines of /carillon in a guest that has KVM itself. The guest's processor must be one with
# nested virtualization: `-cpu max` of QEMU's own emulation is an AMD one that has it.
#
# The modules irqbypass, ccp, kvm and kvm-amd are loaded from /modules, as far as the kernel has not
# got them. Each file /NAME.args has the arguments of one run, one on a line; --json is added. The
# runs come one after the other, by name. /tmp/disk-0 and /tmp/disk-1 are files of 4 MiB for them.
# Each line of a file /NAME.serve is what `carillon serve` is to serve meanwhile, at the socket
# /tmp/served-N, N being 1 for the first line.

. /words

for module in irqbypass ccp kvm kvm-amd; do
    file=/modules/$module.ko
    [ -e $file ] || continue
    loaded=/sys/module/$(printf '%s' $module | tr - _)
    [ -e "$loaded" ] || insmod $file || say unloaded $module
done

mkdir -p /dev/shm /tmp /run
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
ip link set lo up 2>/dev/null
truncate -s 4M /tmp/disk-0 /tmp/disk-1

if ! patience=100 wait_for [ -c /dev/kvm ]; then
    say failed there is no /dev/kvm
    grep -o -w -m 1 -e svm -e vmx /proc/cpuinfo || say processor without virtualization
    say host.done 1
    exit 1
fi
say kvm "$(cut -d ' ' -f 1 /proc/uptime)"

# serve NAME: starts the servers of a run, and waits until clients can connect.
serve() {
    number=0 servers=''
    [ -e "/$1.serve" ] || return 0
    while read -r words || [ -n "$words" ]; do
        number=$((number + 1))
        # shellcheck disable=SC2086 # a list of words
        /carillon serve $words --socket /tmp/served-$number --once --json \
            >/tmp/served-$number.json 2>/tmp/served-$number.log </dev/null &
        servers="$servers $!"
    done <"/$1.serve"
    for server in $(seq 1 $number); do
        log=/tmp/served-$server.log
        patience=6000 wait_for grep -q 'verbs are answered' "$log" || say failed "$(cat "$log")"
    done
}

# run NAME: one machine. What its guest and the program say comes as it is; the reports follow.
run() {
    serve "$1"
    name=$1
    shift
    while IFS= read -r argument || [ -n "$argument" ]; do
        set -- "$@" "$argument"
    done <"/$name.args"
    say "$name.begins" "$(cut -d ' ' -f 1 /proc/uptime)"
    /carillon "$@" --json >/tmp/report </dev/null
    status=$?
    say "$name.status" $status
    say "$name.report" "$(cat /tmp/report)"
    # Servers end with their client; one that never came leaves them there.
    # shellcheck disable=SC2086 # a list of numbers
    [ $status = 0 ] || kill $servers 2>/dev/null
    wait
    for report in $(seq 1 $number); do say "$name.served" "$(cat "/tmp/served-$report.json")"; done
    rm -f /tmp/served-*
    say "$name.ends" "$(cut -d ' ' -f 1 /proc/uptime)"
}

for file in /*.args; do run "$(basename "$file" .args)"; done
say host.done 0
