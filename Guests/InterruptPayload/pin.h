#pragma once
// The handler of the interrupt pin that testers share.

#include "tester.h"

// Begins to handle the pin of `tester` at the I/O APIC, masked or not. From then on the handler
// acknowledges source 0 of every tester that shares the pin, but only each `patience`-th time.
void pin_open(const struct tester *tester, uint32_t patience, bool masked);
void pin_mask(bool masked);
void pin_close(void);

// How often the handler ran since then. It masks the pin when it has run PIN_RUNS_MAX times: that
// is a storm.
uint32_t pin_runs(void);

enum { PIN_RUNS_MAX = 100 };

static const struct target pin_target = {0, VECTOR_PIN};

static inline bool pin_is_shared(const struct tester *one, const struct tester *other) {
    return one->pin && other->pin &&
           io_apic_pin(one->config, one->slot) == io_apic_pin(other->config, other->slot);
}
