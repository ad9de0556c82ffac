#pragma once
// Waiting: always asleep, and never for ever.

#include "interrupts.h"

enum {
    TICK_MICROSECONDS = 2000,
    // Ten seconds, so that only what never comes is late.
    TIMEOUT_TICKS = 5000,
};

// One place where an interrupt can arrive.
struct target {
    uint32_t processor;
    uint8_t vector;
};

static inline uint32_t count_at(struct target at) { return counts[at.processor][at.vector]; }

static inline uint32_t ticks(void) { return counts[0][VECTOR_TICK]; }

// Whether the count of `at` reached `wanted` in time.
bool wait_for_count(struct target at, uint32_t wanted);

// Whether the condition became true in time. It is asked after each interrupt of processor 0.
bool wait_until(bool (*condition)(uint64_t), uint64_t argument);

void wait_ticks(uint32_t number);

// Returns false unless every processor took all that its local APIC had accepted before.
bool drain(void);

// Gives what should not come the time to come: what is under way by eventfds included.
bool settle(void);
