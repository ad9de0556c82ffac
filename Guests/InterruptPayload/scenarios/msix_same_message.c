// Two entries that spell the same message both send it (MSIX-39).

#include "scenarios.h"

bool scenario_msix_same_message(struct tester *tester) {
    if (!tester->msix) return skip("no MSI-X");
    if (tester->vectors < 2) return skip("one vector");
    struct target at = target_of(1);
    uint32_t entries[] = {0, tester->vectors - 1}, wanted = 0;
    counts_clear();
    msix_control(tester, MSIX_ENABLE);
    for (uint32_t number = 0; number < 2; number++) msix_open(tester, entries[number], at);
    for (uint32_t round = 0; round < 6; round++) {
        fire(tester, entries[round % 2]);
        CHECK_ARRIVES(entries[round % 2], at, ++wanted);
        acknowledge(tester, entries[round % 2]);
    }
    for (uint32_t number = 0; number < 2; number++) {
        msix_mask(tester, entries[number], true);
        fire(tester, entries[number]);
    }
    for (uint32_t number = 0; number < 2; number++) {
        CHECK_AT(entries[number], "Pending Bit", true, msix_is_pending(tester, entries[number]));
        msix_mask(tester, entries[number], false);
        CHECK_ARRIVES(entries[number], at, ++wanted);
        acknowledge(tester, entries[number]);
    }
    CHECK_SETTLES();
    CHECK_EQUAL("handled in all", wanted, counts_total());
    return true;
}
