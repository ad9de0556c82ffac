#!/bin/sh
# Hands every interrupt tester of the guest to vfio-pci and drives the first from user space
# (/interrupt-tester). The kernel needs intel_iommu=on. Variables: tests, such as "msix=8,intx=4".

. /words

for function in /sys/bus/pci/devices/*; do
    [ "$(cat "$function/vendor"):$(cat "$function/device")" = 0x1234:0x11e9 ] && break
    function=
done
if [ -z "$function" ] || [ ! -e "$function/iommu_group" ]; then
    say failed "no interrupt tester in an IOMMU group"
    say done 1
    exit 1
fi
address=${function##*/}
say device "$address"

[ ! -e "$function/driver" ] || echo "$address" >"$function/driver/unbind"
echo vfio-pci >"$function/driver_override"
echo "$address" >/sys/bus/pci/drivers_probe
driver=$(readlink -f "$function/driver")
say driver "${driver##*/}"

group=$(readlink -f "$function/iommu_group")
# The list becomes one argument a test.
# shellcheck disable=SC2046
/interrupt-tester "/dev/vfio/${group##*/}" "$address" $(echo "$tests" | tr , ' ')
status=$?
say done $status
exit $status
