#!/bin/sh
# Runs /carillon in a guest that has KVM itself. The guest's processor must be one with nested
# virtualization: `-cpu max` of QEMU's own emulation is an AMD one that has it.
#
# The modules irqbypass, ccp, kvm and kvm-amd are loaded from /modules, as far as the kernel has not
# got them. The arguments are in /vm.args, one on a line, or else in the variable `vm` from the
# kernel's command line, separated by commas. Variables: program (default /carillon).
# The program's exit status is the scenario's; init reports it and powers off.

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

if ! patience=100 wait_for [ -c /dev/kvm ]; then
    say failed there is no /dev/kvm
    grep -o -w -m 1 -e svm -e vmx /proc/cpuinfo || say processor without virtualization
    say done 1
    exit 1
fi
say kvm "$(cut -d ' ' -f 1 /proc/uptime)"

set --
if [ -r /vm.args ]; then
    while IFS= read -r argument || [ -n "$argument" ]; do set -- "$@" "$argument"; done </vm.args
elif [ -n "${vm:-}" ]; then
    IFS=,
    set -f
    # shellcheck disable=SC2086 # split at commas
    set -- $vm
    set +f
    unset IFS
fi

"${program:-/carillon}" "$@"
status=$?
say ended "$(cut -d ' ' -f 1 /proc/uptime)"
say done $status
exit $status
