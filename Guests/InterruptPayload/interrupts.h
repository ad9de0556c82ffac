#pragma once
// Vectors, and how often each was taken where.

#include "machine.h"

enum {
    // Below all others in priority: what has one of these delivered has had everything else first
    // (Intel SDM volume 3, 11.8.3).
    VECTOR_DRAIN = 0x21,
    VECTOR_TICK = 0x22,
    VECTOR_WAKE = 0x23,
    VECTOR_PIN = 0x30,
    // For devices.
    VECTOR_FIRST = 0x40,
    VECTOR_LAST = 0xdf,
    VECTORS = VECTOR_LAST - VECTOR_FIRST + 1,
    VECTOR_SPURIOUS = 0xff,
};

// Each row is written by its processor alone.
extern volatile uint32_t counts[PROCESSORS_MAX][256];

typedef void interrupt_handler(uint32_t vector);

// Called for VECTOR_PIN before the end of the interrupt is told.
extern interrupt_handler *volatile pin_handler;

// Whether this machine ends an interrupt when it delivers it, before the handler says so. Some
// hosts of nested machines do. A pin that is still asserted then is told of once more. Known after
// the first interrupt of VECTOR_DRAIN.
extern volatile bool ends_at_delivery;

void interrupts_build(void);
void interrupts_load(void);
