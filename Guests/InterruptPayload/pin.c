#include "pin.h"

#include "apic.h"

static const struct tester *of_pin;
static volatile uint32_t runs, patience_of_pin;

static void handle(uint32_t vector) {
    (void)vector;
    runs += 1;
    if (runs >= PIN_RUNS_MAX) return pin_mask(true);
    if (runs % patience_of_pin != 0) return;
    for (uint32_t number = 0; number < testers_found; number++) {
        const struct tester *tester = &testers[number];
        if (!pin_is_shared(of_pin, tester)) continue;
        if (tester_read(tester, REGISTER_CAUSES) & 1) acknowledge(tester, 0);
    }
}

void pin_open(const struct tester *tester, uint32_t patience, bool masked) {
    of_pin = tester;
    patience_of_pin = patience;
    runs = 0;
    counts[0][VECTOR_PIN] = 0;
    pin_handler = handle;
    pin_mask(masked);
}

void pin_mask(bool masked) { io_apic_route(io_apic_pin(of_pin->config, of_pin->slot), masked); }

void pin_close(void) {
    pin_mask(true);
    pin_handler = 0;
}

uint32_t pin_runs(void) { return runs; }
