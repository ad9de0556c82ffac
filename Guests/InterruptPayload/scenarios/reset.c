// A reset of the function (PCIe 6.0 §6.6.2) while it fires.

#include "scenarios.h"

static bool entries_are_reset(struct tester *tester) {
    for (uint32_t number = 0; number < SAMPLES; number++) {
        uint32_t entry = sample(number, tester->vectors);
        if (entry == UINT32_MAX) break;
        CHECK_AT(entry, "Vector Control", 1, read32(tester->table + 16 * entry + 12) & 1);
        CHECK_AT(entry, "Pending Bit", false, msix_is_pending(tester, entry));
        CHECK_AT(entry, "state of the source", 0, tester_state(tester, entry));
    }
    return true;
}

static bool fires_again(struct tester *tester) {
    uint32_t before = counts_total();
    struct target at = target_of(3);
    uint32_t wanted = count_at(at) + 1;
    msix_open(tester, 0, at);
    fire(tester, 0);
    CHECK_ARRIVES(0, at, wanted);
    CHECK_SETTLES();
    CHECK_EQUAL("handled after the reset", before + 1, counts_total());
    return true;
}

bool scenario_reset(struct tester *tester) {
    if (!tester->msix) return skip("no MSI-X");
    if (!tester_can_reset(tester)) return skip("no FLR");
    counts_clear();
    msix_control(tester, MSIX_ENABLE);
    // Entry 0 is delivered, the last one waits, if they are two; the timer goes on for ever.
    msix_open(tester, 0, target_of(0));
    fire(tester, tester->vectors - 1);
    tester_start_timer(tester, 1, 1000, 0);
    CHECK_ARRIVES(0, target_of(0), 3);
    CHECK("the function answers after the reset", tester_reset(tester));
    CHECK_SETTLES();
    uint32_t all = counts_total();
    uint16_t control = read16(tester->config + tester->msix + 2);
    CHECK_EQUAL("MSI-X Enable and Function Mask", 0, control >> 14);
    CHECK_EQUAL("Timer Control", 0, tester_read(tester, REGISTER_TIMER_CONTROL));
    CHECK_ALL(entries_are_reset(tester));
    command_set(tester->config, COMMAND_BUS_MASTER, true);
    msix_control(tester, MSIX_ENABLE);
    CHECK_SETTLES();
    CHECK_EQUAL("handled although reset", all, counts_total());
    return fires_again(tester);
}
