#pragma once
// The interrupt tester, whose registers docs/specifications/interrupt-tester.md describes.

#include "pci.h"
#include "wait.h"

enum {
    TESTER_ID = 0x11e91234,
    TESTER_IDENTIFICATION = 0x54534554,
    TESTERS_MAX = PCI_SLOTS,
    SOURCES_MAX = 2048,
    // Offsets of registers in BAR 0.
    REGISTER_IDENTIFICATION = 0x000,
    REGISTER_VECTORS = 0x008,
    REGISTER_MESSAGES = 0x00c,
    REGISTER_SOURCES = 0x010,
    REGISTER_SLOTS = 0x018,
    REGISTER_STORE = 0x01c,
    REGISTER_FIRE = 0x020,
    REGISTER_ACKNOWLEDGE = 0x024,
    REGISTER_RANGE_FIRST = 0x030,
    REGISTER_RANGE_COUNT = 0x034,
    REGISTER_COMMAND = 0x038,
    REGISTER_TIMER_PERIOD = 0x040,
    REGISTER_TIMER_COUNT = 0x044,
    REGISTER_TIMER_CONTROL = 0x048,
    REGISTER_SELECT = 0x060,
    REGISTER_STATE = 0x064,
    REGISTER_RAISED = 0x068,
    REGISTER_SENT = 0x070,
    REGISTER_COALESCED = 0x078,
    REGISTER_DISCARDED = 0x080,
    REGISTER_HANDED_OVER = 0x088,
    REGISTER_RECORDS = 0x0a0,
    REGISTER_RECORDS_UPPER = 0x0a4,
    REGISTER_DOORBELL = 0x0a8,
    REGISTER_CAUSES = 0x100,
    RANGE_FIRE = 1,
    RANGE_ACKNOWLEDGE = 2,
    STATE_CAUSE = 1,
    STATE_WAITS = 2,
    STORE_KIND = 3,
    STORE_IN_BAR = 1,
    STORE_IN_MEMORY = 2,
    STORE_TAKES_MESSAGES = 4,
    SHORTEST_PERIOD = 20,
};

#define SLOT_BIT 0x80000000u

struct tester {
    uint32_t slot;
    uint64_t config;
    struct bar bars[BARS];
    uint64_t registers, slot_array;
    uint32_t msi, pci_express;
    // The MSI-X capability, the table and the Pending Bit Array; 0 without.
    uint32_t msix;
    uint64_t table, pending;
    uint32_t vectors, messages, sources, slots, store, pin;
};

extern struct tester testers[TESTERS_MAX];
extern uint32_t testers_found;

// Finds all testers and switches their memory decode on.
void testers_find(void);

// Puts the function into the state after reset, with memory decode and bus master on: by FLR if it
// can, else by hand. Returns false if it does not answer again.
bool tester_prepare(struct tester *tester);

bool tester_can_reset(const struct tester *tester);

// Resets the function by FLR and gives it its addresses back (PCIe 6.0 §6.6.2). Only memory decode
// is on afterwards.
bool tester_reset(struct tester *tester);

static inline uint32_t tester_read(const struct tester *tester, uint32_t offset) {
    return read32(tester->registers + offset);
}

static inline void tester_write(const struct tester *tester, uint32_t offset, uint32_t value) {
    write32(tester->registers + offset, value);
}

// A source, or a slot with SLOT_BIT.
static inline void fire(const struct tester *tester, uint32_t source) {
    tester_write(tester, REGISTER_FIRE, source);
}

static inline void acknowledge(const struct tester *tester, uint32_t source) {
    tester_write(tester, REGISTER_ACKNOWLEDGE, source);
}

// Fires or acknowledges `count` sources, all at once.
void tester_range(const struct tester *tester, uint32_t first, uint32_t count, uint32_t command);

// Fires the first `count` sources each `period` microseconds, `number` times; 0 for ever.
void tester_start_timer(
    const struct tester *tester, uint32_t count, uint32_t period, uint32_t number);

bool tester_timer_stopped(uint64_t tester);

uint64_t tester_counter(const struct tester *tester, uint32_t source, uint32_t counter);
uint32_t tester_state(const struct tester *tester, uint32_t source);

// Raised less everything that became of it: 0 if the books are right.
uint64_t tester_imbalance(const struct tester *tester, uint32_t source);
