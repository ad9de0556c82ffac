// A machine by bare ioctls, whose events and messages are what routed ones are compared with.
#define _GNU_SOURCE
#include "CFloor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    FIRST_ROUTE = 24,
    ROUTES_MAX = 2048,
    SPURIOUS_REGISTER = 0xf0,
    REQUEST_REGISTER = 0x200,
};

static int kvm = -1, machine = -1, processor = -1, count_of_events;
static int events[ROUTES_MAX];
static struct kvm_irq_routing *table;

static int answer(int result) { return result < 0 ? -errno : result; }

static int listen_to_messages(void) {
    struct kvm_lapic_state apic;
    if (ioctl(processor, KVM_GET_LAPIC, &apic) < 0) return -errno;
    apic.regs[SPURIOUS_REGISTER] = (char)0xff;
    apic.regs[SPURIOUS_REGISTER + 1] |= 1;
    memset(apic.regs + REQUEST_REGISTER, 0, 0x80);
    return answer(ioctl(processor, KVM_SET_LAPIC, &apic));
}

int floor_kvm_start(int count) {
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {FIRST_ROUTE}};
    if (count > ROUTES_MAX) return -EINVAL;
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) return -errno;
    machine = ioctl(kvm, KVM_CREATE_VM, 0UL);
    if (machine < 0 || ioctl(machine, KVM_ENABLE_CAP, &split) < 0) return -errno;
    processor = ioctl(machine, KVM_CREATE_VCPU, 0UL);
    if (processor < 0) return -errno;
    table = calloc(1, sizeof *table + ROUTES_MAX * sizeof table->entries[0]);
    if (!table) return -ENOMEM;
    for (count_of_events = 0; count_of_events < count; count_of_events++) {
        events[count_of_events] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (events[count_of_events] < 0) return -errno;
    }
    return listen_to_messages();
}

static int bind_event(int index, uint32_t flags) {
    struct kvm_irqfd irqfd = {
        .fd = (uint32_t)events[index], .gsi = (uint32_t)(FIRST_ROUTE + index), .flags = flags};
    return answer(ioctl(machine, KVM_IRQFD, &irqfd));
}

int floor_kvm_unmask(int count) {
    for (int index = 0; index < count; index++) {
        struct kvm_irq_routing_entry route = {
            .gsi = (uint32_t)(FIRST_ROUTE + index), .type = KVM_IRQ_ROUTING_MSI};
        route.u.msi.address_lo = 0xfee00000;
        route.u.msi.data = (uint32_t)(0x20 + index % 0xd0);
        table->entries[index] = route;
        table->nr = (uint32_t)(index + 1);
        if (ioctl(machine, KVM_SET_GSI_ROUTING, table) < 0) return -errno;
        int bound = bind_event(index, 0);
        if (bound < 0) return bound;
    }
    return 0;
}

int floor_kvm_mask(int count) {
    for (int index = 0; index < count; index++) {
        int bound = bind_event(index, KVM_IRQFD_FLAG_DEASSIGN);
        if (bound < 0) return bound;
    }
    return 0;
}

int floor_kvm_signal(uint64_t times) {
    uint64_t one = 1;
    for (uint64_t index = 0; index < times; index++)
        if (write(events[0], &one, sizeof one) != sizeof one) return -errno;
    return 0;
}

int floor_kvm_message(uint32_t data, uint64_t times) {
    struct kvm_msi message = {.address_lo = 0xfee00000, .data = data};
    for (uint64_t index = 0; index < times; index++) {
        int taken = ioctl(machine, KVM_SIGNAL_MSI, &message);
        if (taken != 1) return taken < 0 ? -errno : -EIO;
    }
    return 0;
}

int floor_kvm_requested(int vector) {
    struct kvm_lapic_state apic;
    if (ioctl(processor, KVM_GET_LAPIC, &apic) < 0) return -errno;
    int place = REQUEST_REGISTER + vector / 32 * 16 + vector % 32 / 8;
    int is_requested = (uint8_t)apic.regs[place] >> vector % 8 & 1;
    int emptied = listen_to_messages();
    return emptied < 0 ? emptied : is_requested;
}

void floor_kvm_stop(void) {
    while (count_of_events > 0) close(events[--count_of_events]);
    if (processor >= 0) close(processor);
    if (machine >= 0) close(machine);
    if (kvm >= 0) close(kvm);
    kvm = machine = processor = -1;
    free(table);
    table = NULL;
}
