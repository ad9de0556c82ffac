#!/bin/sh
# Hands the first modern virtio entropy device to the guest's vfio-pci and drives it from user space
# (/vfio-rng). The kernel needs intel_iommu=on. Variables: requests (default 16).

. /words

for function in /sys/bus/pci/devices/*; do
    [ "$(cat "$function/vendor"):$(cat "$function/device")" = 0x1af4:0x1044 ] && break
    function=
done
if [ -z "$function" ] || [ ! -e "$function/iommu_group" ]; then
    say failed "no virtio entropy device in an IOMMU group"
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
/vfio-rng "/dev/vfio/${group##*/}" "$address" "${requests:-16}"
status=$?
say done $status
exit $status
