// The interrupt pin: a level, through the I/O APIC, shared (PCIe 6.0 §6.1.3).

#include "pin.h"
#include "scenarios.h"

// How often a handler may find nothing to do after it has acknowledged.
static uint32_t spurious_runs(void) { return ends_at_delivery; }

static bool acknowledged_at_once(struct tester *tester) {
    pin_open(tester, 1, false);
    for (uint32_t round = 1; round <= 5; round++) {
        uint32_t before = pin_runs();
        fire(tester, 0);
        CHECK_ARRIVES(round, pin_target, before + 1);
        CHECK_SETTLES();
        uint32_t most = 1 + spurious_runs();
        CHECK_WITHIN(round, "runs after an acknowledged event", 1, most, pin_runs() - before);
        CHECK_AT(round, "state of the source", 0, tester_state(tester, 0));
    }
    return true;
}

static bool kept(struct tester *tester) {
    enum { PATIENCE = 4 };
    pin_open(tester, PATIENCE, false);
    fire(tester, 0);
    CHECK_ARRIVES(0, pin_target, PATIENCE);
    CHECK_SETTLES();
    uint32_t most = PATIENCE + spurious_runs();
    CHECK_WITHIN(0, "runs of a cause kept for some", PATIENCE, most, pin_runs());
    CHECK_EQUAL("state of the source", 0, tester_state(tester, 0));
    return true;
}

static bool masked_at_io_apic(struct tester *tester) {
    pin_open(tester, 1, true);
    fire(tester, 0);
    CHECK_SETTLES();
    CHECK_EQUAL("runs while the I/O APIC masks", 0, pin_runs());
    pin_mask(false);
    CHECK_ARRIVES(0, pin_target, 1);
    CHECK_SETTLES();
    uint32_t runs = pin_runs();
    CHECK_WITHIN(0, "runs after unmasking", 1, 1 + spurious_runs(), runs);
    pin_mask(true);
    fire(tester, 0);
    acknowledge(tester, 0);
    pin_mask(false);
    CHECK_SETTLES();
    // The machine may not learn that the cause has ended before somebody handles the pin, as with
    // VFIO (INTX-2).
    uint32_t most = 1 + spurious_runs();
    CHECK_WITHIN(0, "runs after what was withdrawn", 0, most, pin_runs() - runs);
    return true;
}

static bool disabled(struct tester *tester) {
    pin_open(tester, 1, false);
    command_set(tester->config, COMMAND_INTERRUPT_DISABLE, true);
    fire(tester, 0);
    CHECK_SETTLES();
    CHECK_EQUAL("runs with Interrupt Disable", 0, pin_runs());
    uint16_t status = read16(tester->config + CONFIG_STATUS);
    CHECK_EQUAL("Interrupt Status", STATUS_INTERRUPT, status & STATUS_INTERRUPT);
    command_set(tester->config, COMMAND_INTERRUPT_DISABLE, false);
    CHECK_ARRIVES(0, pin_target, 1);
    CHECK_SETTLES();
    CHECK_WITHIN(0, "runs after Interrupt Disable", 1, 1 + spurious_runs(), pin_runs());
    status = read16(tester->config + CONFIG_STATUS);
    CHECK_EQUAL("Interrupt Status after", 0, status & STATUS_INTERRUPT);
    return true;
}

static bool all_causes_ended(uint64_t tester) {
    for (uint32_t number = 0; number < testers_found; number++) {
        if (!pin_is_shared((const struct tester *)tester, &testers[number])) continue;
        if (tester_read(&testers[number], REGISTER_CAUSES) & 1) return false;
    }
    return true;
}

// All functions of the pin fire; the handler finds them all, together or one after the other.
static bool shared(struct tester *tester) {
    uint32_t sharing = 0;
    for (uint32_t number = 0; number < testers_found; number++) {
        if (!pin_is_shared(tester, &testers[number])) continue;
        if (&testers[number] != tester) {
            CHECK_AT(number, "another tester answers", true, tester_prepare(&testers[number]));
        }
        sharing += 1;
    }
    pin_open(tester, 1, false);
    for (uint32_t round = 1; round <= 3; round++) {
        uint32_t before = pin_runs();
        for (uint32_t number = 0; number < testers_found; number++) {
            if (pin_is_shared(tester, &testers[number])) fire(&testers[number], 0);
        }
        CHECK_AT(
            round, "timed out waiting for all causes to end", true,
            wait_until(all_causes_ended, (uint64_t)tester));
        CHECK_SETTLES();
        uint32_t most = sharing * (1 + spurious_runs());
        CHECK_WITHIN(round, "runs for all causes", 1, most, pin_runs() - before);
    }
    return true;
}

bool scenario_intx(struct tester *tester) {
    if (!tester->pin) return skip("no pin");
    bool passed = acknowledged_at_once(tester) && kept(tester) && masked_at_io_apic(tester) &&
                  disabled(tester) && shared(tester);
    pin_close();
    return passed;
}
