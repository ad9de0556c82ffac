#include "apic.h"

#include "wait.h"

enum {
    MSR_APIC_BASE = 0x1b,
    MSR_X2APIC_TPR = 0x808,
    MSR_X2APIC_SVR = 0x80f,
    MSR_X2APIC_TIMER = 0x832,
    MSR_X2APIC_INITIAL_COUNT = 0x838,
    MSR_X2APIC_DIVIDE = 0x83e,
    APIC_BASE_X2APIC = 1 << 10,
    APIC_BASE_ENABLE = 1 << 11,
    SVR_ENABLE = 1 << 8,
    TIMER_PERIODIC = 1 << 17,
    DIVIDE_BY_1 = 0xb,
    COUNTS_PER_MICROSECOND = 1000,
};

void apic_enable(void) {
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC | APIC_BASE_ENABLE);
    msr_write(MSR_X2APIC_TPR, 0);
    msr_write(MSR_X2APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

// The timer of KVM counts nanoseconds. Another clock makes time-outs longer or shorter, no more.
void apic_start_ticks(void) {
    msr_write(MSR_X2APIC_DIVIDE, DIVIDE_BY_1);
    msr_write(MSR_X2APIC_TIMER, TIMER_PERIODIC | VECTOR_TICK);
    msr_write(MSR_X2APIC_INITIAL_COUNT, (uint64_t)TICK_MICROSECONDS * COUNTS_PER_MICROSECOND);
}

enum {
    IO_REGISTER_SELECT = 0,
    IO_WINDOW = 0x10,
    IO_REDIRECTION_TABLE = 0x10,
    REDIRECTION_LEVEL = 1 << 15,
    REDIRECTION_MASK = 1 << 16,
};

static void io_apic_write(uint32_t number, uint32_t value) {
    write32(information->io_apic + IO_REGISTER_SELECT, number);
    write32(information->io_apic + IO_WINDOW, value);
}

void io_apic_route(uint32_t pin, bool masked) {
    uint32_t entry = IO_REDIRECTION_TABLE + 2 * pin;
    // The destination is in bits 31:24 of the upper half: processor 0.
    io_apic_write(entry + 1, 0);
    io_apic_write(entry, VECTOR_PIN | REDIRECTION_LEVEL | (masked ? REDIRECTION_MASK : 0));
}
