#include "uapi_kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static int answer(int result) { return result < 0 ? -errno : result; }

// MARK: /dev/kvm

int uapi_kvm_extension(int fd, int capability) {
    return answer(ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)capability));
}

int uapi_kvm_create_vm(int kvm) { return answer(ioctl(kvm, KVM_CREATE_VM, 0UL)); }

int uapi_kvm_run_bytes(int kvm) { return answer(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0UL)); }

// MARK: A machine

int uapi_kvm_enable(int fd, uint32_t capability, uint64_t argument) {
    struct kvm_enable_cap enable = {.cap = capability, .args = {argument}};
    return answer(ioctl(fd, KVM_ENABLE_CAP, &enable));
}

int uapi_kvm_create_chip(int vm) { return answer(ioctl(vm, KVM_CREATE_IRQCHIP, 0UL)); }

int uapi_kvm_set_private_pages(int vm, uint64_t address) {
    uint64_t identity = address;
    int result = ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    if (result < 0) return -errno;
    return answer(ioctl(vm, KVM_SET_TSS_ADDR, (unsigned long)address + 0x1000));
}

int uapi_kvm_set_memory(
    int vm, uint32_t slot, uint32_t flags, uint64_t guest, uint64_t bytes, uint64_t host) {
    struct kvm_userspace_memory_region region = {
        .slot = slot,
        .flags = flags,
        .guest_phys_addr = guest,
        .memory_size = bytes,
        .userspace_addr = host,
    };
    return answer(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
}

int uapi_kvm_irqfd(int vm, int event, uint32_t gsi, uint32_t flags, int resample) {
    struct kvm_irqfd irqfd = {
        .fd = (uint32_t)event,
        .gsi = gsi,
        .flags = flags,
        .resamplefd = resample < 0 ? 0 : (uint32_t)resample,
    };
    return answer(ioctl(vm, KVM_IRQFD, &irqfd));
}

int uapi_kvm_ioeventfd(
    int vm, int event, uint64_t address, uint32_t bytes, uint64_t value, uint32_t flags) {
    struct kvm_ioeventfd ioeventfd = {
        .datamatch = value, .addr = address, .len = bytes, .fd = event, .flags = flags};
    return answer(ioctl(vm, KVM_IOEVENTFD, &ioeventfd));
}

int uapi_kvm_signal_msi(int vm, uint64_t address, uint32_t data) {
    struct kvm_msi message = {
        .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data};
    return answer(ioctl(vm, KVM_SIGNAL_MSI, &message));
}

int uapi_kvm_irq_line(int vm, uint32_t gsi, int level) {
    struct kvm_irq_level line = {.irq = gsi, .level = (uint32_t)level};
    int result = ioctl(vm, KVM_IRQ_LINE_STATUS, &line);
    // The kernel answers in the structure, with -1 for a line that is masked.
    return result < 0 ? -errno : (int)line.status > 0;
}

struct kvm_irq_routing *uapi_kvm_routes_create(uint32_t capacity) {
    return calloc(1, sizeof(struct kvm_irq_routing) +
                         capacity * sizeof(struct kvm_irq_routing_entry));
}

void uapi_kvm_routes_free(struct kvm_irq_routing *routes) { free(routes); }

void uapi_kvm_route_message(
    struct kvm_irq_routing *routes, uint32_t index, uint32_t gsi, uint64_t address, uint32_t data) {
    struct kvm_irq_routing_entry route = {.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI};
    route.u.msi.address_lo = (uint32_t)address;
    route.u.msi.address_hi = (uint32_t)(address >> 32);
    route.u.msi.data = data;
    routes->entries[index] = route;
}

void uapi_kvm_route_pin(
    struct kvm_irq_routing *routes, uint32_t index, uint32_t gsi, uint32_t chip, uint32_t pin) {
    struct kvm_irq_routing_entry route = {.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP};
    route.u.irqchip.irqchip = chip;
    route.u.irqchip.pin = pin;
    routes->entries[index] = route;
}

void uapi_kvm_route_move(struct kvm_irq_routing *routes, uint32_t to, uint32_t from) {
    routes->entries[to] = routes->entries[from];
}

int uapi_kvm_routes_commit(int vm, struct kvm_irq_routing *routes, uint32_t count) {
    routes->nr = count;
    routes->flags = 0;
    return answer(ioctl(vm, KVM_SET_GSI_ROUTING, routes));
}

// MARK: A processor

int uapi_kvm_create_vcpu(int vm, uint32_t id) {
    return answer(ioctl(vm, KVM_CREATE_VCPU, (unsigned long)id));
}

int uapi_kvm_map_run(int vcpu, size_t bytes, struct kvm_run **run) {
    void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (place == MAP_FAILED) return -errno;
    *run = place;
    return 0;
}

void uapi_kvm_unmap_run(struct kvm_run *run, size_t bytes) { munmap(run, bytes); }

int uapi_kvm_run(int vcpu) { return answer(ioctl(vcpu, KVM_RUN, 0UL)); }

int uapi_kvm_get_registers(int vcpu, struct kvm_regs *registers) {
    return answer(ioctl(vcpu, KVM_GET_REGS, registers));
}

int uapi_kvm_set_registers(int vcpu, const struct kvm_regs *registers) {
    return answer(ioctl(vcpu, KVM_SET_REGS, registers));
}

int uapi_kvm_get_system_registers(int vcpu, struct kvm_sregs *registers) {
    return answer(ioctl(vcpu, KVM_GET_SREGS, registers));
}

int uapi_kvm_set_system_registers(int vcpu, const struct kvm_sregs *registers) {
    return answer(ioctl(vcpu, KVM_SET_SREGS, registers));
}

int uapi_kvm_get_local_apic(int vcpu, struct kvm_lapic_state *state) {
    return answer(ioctl(vcpu, KVM_GET_LAPIC, state));
}

int uapi_kvm_set_local_apic(int vcpu, const struct kvm_lapic_state *state) {
    return answer(ioctl(vcpu, KVM_SET_LAPIC, state));
}

int uapi_kvm_set_runnable(int vcpu, int runnable) {
    struct kvm_mp_state state = {
        .mp_state = runnable ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED};
    return answer(ioctl(vcpu, KVM_SET_MP_STATE, &state));
}

int uapi_kvm_set_msr(int vcpu, uint32_t index, uint64_t value) {
    uint64_t buffer[(sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)) / 8] = {0};
    struct kvm_msrs *msrs = (struct kvm_msrs *)buffer;
    msrs->nmsrs = 1;
    msrs->entries[0].index = index;
    msrs->entries[0].data = value;
    int set = ioctl(vcpu, KVM_SET_MSRS, msrs);
    if (set < 0) return -errno;
    return set == 1 ? 0 : -EINVAL;
}

enum { FEATURE_LEAVES = 256 };

// What differs from processor to processor: its APIC id (Intel SDM volume 2, CPUID leaves 1, 0x0b
// and 0x1f; AMD APM volume 3, leaf 0x8000001e). All are threads of one package, a core each.
static void number_leaf(struct kvm_cpuid_entry2 *leaf, uint32_t id, uint32_t count) {
    switch (leaf->function) {
    case 1:
        leaf->ebx = (leaf->ebx & 0x0000ffff) | (count > 255 ? 255 : count) << 16 | id << 24;
        leaf->ecx |= 1u << 21 | 1u << 31;  // x2APIC, and a hypervisor
        leaf->edx |= count > 1 ? 1u << 28 : 0;
        break;
    case 0xb:
    case 0x1f:
        leaf->edx = id;
        if (leaf->index == 0) {
            leaf->eax = 0;
            leaf->ebx = 1;
            leaf->ecx = 1 << 8;
        } else if (leaf->index == 1) {
            uint32_t shift = 0;
            while ((1u << shift) < count) shift++;
            leaf->eax = shift;
            leaf->ebx = count;
            leaf->ecx = 2 << 8 | 1;
        }
        break;
    case 0x8000001e:
        leaf->eax = id;
        leaf->ebx = id & 0xff;
        leaf->ecx = 0;
        break;
    default:
        break;
    }
}

int uapi_kvm_set_features(int kvm, int vcpu, uint32_t id, uint32_t count) {
    struct kvm_cpuid2 *leaves =
        calloc(1, sizeof *leaves + FEATURE_LEAVES * sizeof(struct kvm_cpuid_entry2));
    if (!leaves) return -ENOMEM;
    leaves->nent = FEATURE_LEAVES;
    int result = answer(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, leaves));
    if (result == 0) {
        for (uint32_t index = 0; index < leaves->nent; index++)
            number_leaf(&leaves->entries[index], id, count);
        result = answer(ioctl(vcpu, KVM_SET_CPUID2, leaves));
    }
    free(leaves);
    return result;
}
