#pragma once
// The local APIC in x2APIC mode (Intel SDM volume 3, 11.12), and the pins of the I/O APIC.

#include "interrupts.h"

enum {
    MSR_X2APIC_ID = 0x802,
    MSR_X2APIC_EOI = 0x80b,
    MSR_X2APIC_ISR = 0x810,
    MSR_X2APIC_ICR = 0x830,
};

static inline uint32_t apic_id(void) { return (uint32_t)msr_read(MSR_X2APIC_ID); }
static inline void apic_end_of_interrupt(void) { msr_write(MSR_X2APIC_EOI, 0); }

// Whether the vector has been taken and its end not yet been told.
static inline bool apic_is_in_service(uint32_t vector) {
    return msr_read(MSR_X2APIC_ISR + vector / 32) >> vector % 32 & 1;
}

// Sends an interrupt to the processor with the id, which may be the one that runs.
static inline void apic_send(uint32_t id, uint32_t vector) {
    msr_write(MSR_X2APIC_ICR, (uint64_t)id << 32 | vector);
}

void apic_enable(void);

// Lets the timer of this processor tick every TICK_MICROSECONDS.
void apic_start_ticks(void);

// Routes a pin, level-triggered and active high, to VECTOR_PIN of processor 0; masked or not.
void io_apic_route(uint32_t pin, bool masked);
