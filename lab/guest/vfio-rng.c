/*
 * Drives a modern virtio entropy device from user space through the guest's vfio-pci, so that every
 * interrupt and every DMA passes the guest's own VFIO and its IOMMU.
 *
 *   vfio-rng /dev/vfio/GROUP DDDD:BB:DD.F REQUESTS
 *
 * Says what it saw in lines "CARILLON key value"; exit status 0 only when every request was
 * answered. A vector the device refuses (reads back 0xffff, virtio 1.3 section 4.1.4.3) is reported
 * and survived: the queue then shares vector 0, and without any vector the used ring is polled.
 *
 * Not modelled: packed rings, indirect descriptors, more than one queue.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    MEMORY_BYTES = 0x10000,
    DESCRIPTORS_AT = 0x0000,
    AVAILABLE_AT = 0x1000,
    USED_AT = 0x2000,
    DATA_AT = 0x4000,
    QUEUE_ENTRIES = 8,
    REQUEST_BYTES = 256,
    VECTORS = 2, /* 0 configuration changes, 1 the queue */
    TIMEOUT_MS = 5000,
};
#define IOVA 0x400000000ULL /* above the guest's RAM: an untranslated access reaches nothing */

static int device;
static off_t config_at, common_at, notify_at; /* in the device's VFIO file */
static uint64_t notify_multiplier;
static _Alignas(4096) uint8_t memory[MEMORY_BYTES];
static int events[VECTORS];
static unsigned long counts[VECTORS];

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("CARILLON ", stdout);
    vprintf(format, arguments);
    va_end(arguments);
    fputs("\n", stdout);
}

static _Noreturn void fail_because(const char *step, int reason)
{
    say("failed %s: %s", step, strerror(reason));
    exit(1);
}

#define fail(step) fail_because(step, errno)

static uint64_t load(off_t at, size_t width)
{
    uint64_t value = 0;
    if (pread(device, &value, width, at) != (ssize_t)width)
        fail("register read");
    return le64toh(value);
}

static void store(off_t at, size_t width, uint64_t value)
{
    value = htole64(value);
    if (pwrite(device, &value, width, at) != (ssize_t)width)
        fail("register write");
}

/* Two 32-bit accesses: a device need not accept a 64-bit one (virtio 1.3 section 4.1.3.1). */
static void store_address(off_t at, size_t width, uint64_t address)
{
    store(at, width, address & 0xffffffff);
    store(at + (off_t)width, width, address >> 32);
}

#define COMMON(field) \
    (common_at + (off_t)offsetof(struct virtio_pci_common_cfg, field)), \
        sizeof(((struct virtio_pci_common_cfg *)0)->field)

static void open_device(const char *group_path, const char *address)
{
    int container = open("/dev/vfio/vfio", O_RDWR);
    int group = open(group_path, O_RDWR);
    if (container < 0 || group < 0)
        fail("open container and group");
    if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
        fail("set container");
    if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
        fail("set type1v2");
    struct vfio_iommu_type1_dma_map map = {
        .argsz = sizeof map,
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .vaddr = (uintptr_t)memory,
        .iova = IOVA,
        .size = MEMORY_BYTES,
    };
    if (ioctl(container, VFIO_IOMMU_MAP_DMA, &map))
        fail("map DMA");
    device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address);
    if (device < 0)
        fail("device descriptor");
}

static off_t region_at(uint32_t index)
{
    struct vfio_region_info region = {.argsz = sizeof region, .index = index};
    if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region))
        fail("region info");
    if (region.size == 0)
        fail_because("region is empty", ENXIO);
    return (off_t)region.offset;
}

static uint32_t describe_interrupts(uint32_t index, const char *name)
{
    struct vfio_irq_info info = {.argsz = sizeof info, .index = index};
    if (ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info))
        fail("interrupt info");
    say("irqinfo index=%s flags=0x%x count=%u", name, info.flags, info.count);
    return info.count;
}

static void set_event_descriptors(uint32_t count)
{
    _Alignas(struct vfio_irq_set) char space[sizeof(struct vfio_irq_set) + sizeof events];
    struct vfio_irq_set *set = (void *)space;
    *set = (struct vfio_irq_set){
        .argsz = (uint32_t)(sizeof *set + count * sizeof events[0]),
        .flags = VFIO_IRQ_SET_ACTION_TRIGGER
            | (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
        .index = VFIO_PCI_MSIX_IRQ_INDEX,
        .count = count,
    };
    memcpy(space + sizeof *set, events, count * sizeof events[0]);
    if (ioctl(device, VFIO_DEVICE_SET_IRQS, set))
        fail("set interrupts");
}

/* The first virtio capability of a type is the one to use (virtio 1.3 section 4.1.4). */
static off_t find_capability(unsigned type)
{
    off_t at = config_at;
    for (unsigned visited = 0; visited < 48; visited++) {
        at = config_at + (off_t)load(at + (visited ? PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST), 1);
        if (at == config_at)
            break;
        if (load(at, 1) == PCI_CAP_ID_VNDR && load(at + VIRTIO_PCI_CAP_CFG_TYPE, 1) == type)
            return at;
    }
    fail_because("virtio capability", ENODEV);
}

static off_t structure_at(off_t capability)
{
    return region_at((uint32_t)load(capability + VIRTIO_PCI_CAP_BAR, 1))
        + (off_t)load(capability + VIRTIO_PCI_CAP_OFFSET, 4);
}

static void find_structures(void)
{
    off_t notify = find_capability(VIRTIO_PCI_CAP_NOTIFY_CFG);
    notify_at = structure_at(notify);
    notify_multiplier = load(notify + VIRTIO_PCI_NOTIFY_CAP_MULT, 4);
    common_at = structure_at(find_capability(VIRTIO_PCI_CAP_COMMON_CFG));
}

static void negotiate_features(void)
{
    uint64_t offered = 0;
    for (unsigned word = 0; word < 2; word++) {
        store(COMMON(device_feature_select), word);
        offered |= load(COMMON(device_feature)) << (32 * word);
    }
    uint64_t wanted = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM;
    uint64_t accepted = offered & wanted;
    for (unsigned word = 0; word < 2; word++) {
        store(COMMON(guest_feature_select), word);
        store(COMMON(guest_feature), accepted >> (32 * word) & 0xffffffff);
    }
    say("features offered=0x%llx accepted=0x%llx", (unsigned long long)offered,
        (unsigned long long)accepted);
    uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER
        | VIRTIO_CONFIG_S_FEATURES_OK;
    store(COMMON(device_status), status);
    if (load(COMMON(device_status)) != status)
        fail_because("features were not accepted", ENOTSUP);
}

static void reset(void)
{
    store(COMMON(device_status), 0);
    if (load(COMMON(device_status)) != 0)
        fail_because("virtio reset did not finish", EIO);
}

/* Writes one of the two vector registers; false when the device refused. */
static bool assign_vector(const char *name, off_t at, size_t width, unsigned vector)
{
    store(at, width, vector);
    uint64_t read_back = load(at, width);
    say("vector %s wrote=%u read=0x%llx", name, vector, (unsigned long long)read_back);
    if (read_back == vector)
        return true;
    if (read_back != VIRTIO_MSI_NO_VECTOR)
        fail_because("vector register read-back", EPROTO);
    say("refused %s vector=%u", name, vector);
    return false;
}

/* Sets the queue up; the vector that announces its buffers, or -1. */
static int set_up_queue(void)
{
    store(COMMON(queue_select), 0);
    if (load(COMMON(queue_size)) < QUEUE_ENTRIES)
        fail_because("queue size", ENOSPC);
    store(COMMON(queue_size), QUEUE_ENTRIES);
    store_address(COMMON(queue_desc_lo), IOVA + DESCRIPTORS_AT);
    store_address(COMMON(queue_avail_lo), IOVA + AVAILABLE_AT);
    store_address(COMMON(queue_used_lo), IOVA + USED_AT);
    int vector = -1;
    for (int candidate = VECTORS - 1; candidate >= 0 && vector < 0; candidate--)
        if (assign_vector("queue", COMMON(queue_msix_vector), (unsigned)candidate))
            vector = candidate;
    store(COMMON(queue_enable), 1);
    return vector;
}

/* Waits for the queue's interrupt, or without a vector for the used index itself. */
static void wait_for_used(int vector, uint16_t expected)
{
    struct vring_used *used = (void *)(memory + USED_AT);
    if (vector >= 0) {
        struct pollfd waiting = {.fd = events[vector], .events = POLLIN};
        uint64_t count;
        if (poll(&waiting, 1, TIMEOUT_MS) != 1)
            fail_because("no interrupt for a request", ETIMEDOUT);
        if (read(events[vector], &count, sizeof count) != sizeof count)
            fail("eventfd read");
        counts[vector] += count;
    }
    int attempts = vector >= 0 ? 1 : TIMEOUT_MS;
    while (le16toh(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE)) != expected) {
        if (--attempts <= 0)
            fail_because("used index did not advance", EPROTO);
        poll(NULL, 0, 1);
    }
}

/* One buffer for the device to fill; the number of bytes it says it wrote. */
static uint32_t request(int vector, uint16_t number)
{
    struct vring_desc *descriptor = (void *)(memory + DESCRIPTORS_AT);
    struct vring_avail *available = (void *)(memory + AVAILABLE_AT);
    struct vring_used *used = (void *)(memory + USED_AT);
    uint16_t slot = number % QUEUE_ENTRIES;
    memset(memory + DATA_AT, 0, REQUEST_BYTES);
    descriptor[slot] = (struct vring_desc){
        .addr = htole64(IOVA + DATA_AT),
        .len = htole32(REQUEST_BYTES),
        .flags = htole16(VRING_DESC_F_WRITE),
    };
    available->ring[slot] = htole16(slot);
    __atomic_store_n(&available->idx, htole16((uint16_t)(number + 1)), __ATOMIC_RELEASE);
    uint64_t doorbell = load(COMMON(queue_notify_off)) * notify_multiplier;
    store(notify_at + (off_t)doorbell, sizeof(uint16_t), 0);

    wait_for_used(vector, (uint16_t)(number + 1));
    uint32_t length = le32toh(used->ring[slot].len);
    if (le32toh(used->ring[slot].id) != slot || length == 0 || length > REQUEST_BYTES)
        fail_because("used element", EPROTO);
    for (uint32_t index = 0; index < length; index++)
        if (memory[DATA_AT + index])
            return length;
    fail_because("only zeros arrived", EPROTO);
}

static void reset_function(void)
{
    struct vfio_device_info info = {.argsz = sizeof info};
    if (ioctl(device, VFIO_DEVICE_GET_INFO, &info))
        fail("device info");
    if (!(info.flags & VFIO_DEVICE_FLAGS_RESET)) {
        say("reset unsupported");
        return;
    }
    if (ioctl(device, VFIO_DEVICE_RESET))
        fail("device reset");
    say("reset done");
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 64;
    open_device(argv[1], argv[2]);
    unsigned requests = (unsigned)atoi(argv[3]);
    config_at = region_at(VFIO_PCI_CONFIG_REGION_INDEX);
    find_structures();
    uint64_t command = load(config_at + PCI_COMMAND, 2) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    store(config_at + PCI_COMMAND, 2, command);
    describe_interrupts(VFIO_PCI_INTX_IRQ_INDEX, "intx");
    uint32_t vectors = describe_interrupts(VFIO_PCI_MSIX_IRQ_INDEX, "msix");
    for (unsigned vector = 0; vector < VECTORS; vector++)
        if ((events[vector] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
            fail("eventfd");
    if (vectors)
        set_event_descriptors(vectors < VECTORS ? vectors : VECTORS);

    reset();
    store(COMMON(device_status), VIRTIO_CONFIG_S_ACKNOWLEDGE);
    store(COMMON(device_status), VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    negotiate_features();
    if (assign_vector("beyond", COMMON(msix_config), vectors))
        fail_because("the device took a vector outside its table", EPROTO);
    assign_vector("config", COMMON(msix_config), 0);
    int vector = set_up_queue();
    say("queue vector=%d", vector);
    store(COMMON(device_status), load(COMMON(device_status)) | VIRTIO_CONFIG_S_DRIVER_OK);

    uint64_t bytes = 0, late = 0;
    for (unsigned number = 0; number < requests; number++)
        bytes += request(vector, (uint16_t)number);
    reset();
    for (unsigned index = 0; index < VECTORS; index++) {
        if (read(events[index], &late, sizeof late) == sizeof late)
            counts[index] += late;
        say("irqs vector=%u count=%lu", index, counts[index]);
    }
    if (vectors)
        set_event_descriptors(0);
    reset_function();
    say("bytes %llu", (unsigned long long)bytes);
    return 0;
}
