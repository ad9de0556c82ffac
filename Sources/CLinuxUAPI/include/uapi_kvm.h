/// KVM: the ioctls of /dev/kvm, of a virtual machine and of its processors (Linux
/// Documentation/virt/kvm/api.rst).
///
/// Every function answers 0 or a positive result, or -errno, where nothing else is said.
#ifndef CARILLON_UAPI_KVM_H
#define CARILLON_UAPI_KVM_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// MARK: /dev/kvm

/// KVM_CHECK_EXTENSION, of /dev/kvm or of a machine.
int uapi_kvm_extension(int fd, int capability);
int uapi_kvm_create_vm(int kvm);
/// Bytes to map of a processor's descriptor.
int uapi_kvm_run_bytes(int kvm);

// MARK: A machine

int uapi_kvm_enable(int fd, uint32_t capability, uint64_t argument);
int uapi_kvm_create_chip(int vm);
/// Three pages that processors with VMX need in the guest's address space.
int uapi_kvm_set_private_pages(int vm, uint64_t address);
int uapi_kvm_set_memory(
    int vm, uint32_t slot, uint32_t flags, uint64_t guest, uint64_t bytes, uint64_t host);
int uapi_kvm_irqfd(int vm, int event, uint32_t gsi, uint32_t flags, int resample);
int uapi_kvm_ioeventfd(
    int vm, int event, uint64_t address, uint32_t bytes, uint64_t value, uint32_t flags);
/// Answers how many local APICs took the message.
int uapi_kvm_signal_msi(int vm, uint64_t address, uint32_t data);
/// Answers 1 if the level was taken, 0 if it joined one that waits or is masked.
int uapi_kvm_irq_line(int vm, uint32_t gsi, int level);

/// A routing table with room for `capacity` routes, to be filled and committed as a whole; NULL
/// without memory.
struct kvm_irq_routing *_Nullable uapi_kvm_routes_create(uint32_t capacity);
void uapi_kvm_routes_free(struct kvm_irq_routing *routes);
/// Both overwrite the route at `index`.
void uapi_kvm_route_message(
    struct kvm_irq_routing *routes, uint32_t index, uint32_t gsi, uint64_t address, uint32_t data);
void uapi_kvm_route_pin(
    struct kvm_irq_routing *routes, uint32_t index, uint32_t gsi, uint32_t chip, uint32_t pin);
/// Overwrites the route at `to` with the one at `from`.
void uapi_kvm_route_move(struct kvm_irq_routing *routes, uint32_t to, uint32_t from);
/// KVM_SET_GSI_ROUTING with the first `count` routes.
int uapi_kvm_routes_commit(int vm, struct kvm_irq_routing *routes, uint32_t count);

// MARK: A processor

int uapi_kvm_create_vcpu(int vm, uint32_t id);
/// Maps what the kernel shares of a processor. `run` receives the place.
int uapi_kvm_map_run(int vcpu, size_t bytes, struct kvm_run *_Nullable *_Nonnull run);
void uapi_kvm_unmap_run(struct kvm_run *run, size_t bytes);
int uapi_kvm_run(int vcpu);
/// Has the next KVM_RUN, or one that a signal ends, return at once; from any thread.
static inline void uapi_kvm_request_exit(struct kvm_run *run, int request) {
    __atomic_store_n(&run->immediate_exit, (uint8_t)request, __ATOMIC_SEQ_CST);
}
/// A byte of a port access with `run->io`, at `index` bytes into it.
static inline uint8_t *uapi_kvm_port_bytes(struct kvm_run *run) {
    return (uint8_t *)run + run->io.data_offset;
}
int uapi_kvm_get_registers(int vcpu, struct kvm_regs *registers);
int uapi_kvm_set_registers(int vcpu, const struct kvm_regs *registers);
int uapi_kvm_get_system_registers(int vcpu, struct kvm_sregs *registers);
int uapi_kvm_set_system_registers(int vcpu, const struct kvm_sregs *registers);
int uapi_kvm_get_local_apic(int vcpu, struct kvm_lapic_state *state);
int uapi_kvm_set_local_apic(int vcpu, const struct kvm_lapic_state *state);
/// Whether the processor runs from the start, or waits for INIT and SIPI.
int uapi_kvm_set_runnable(int vcpu, int runnable);
int uapi_kvm_set_msr(int vcpu, uint32_t index, uint64_t value);
/// Gives the processor every feature that the kernel supports, as number `id` of `count`.
int uapi_kvm_set_features(int kvm, int vcpu, uint32_t id, uint32_t count);

#pragma clang assume_nonnull end
#endif
