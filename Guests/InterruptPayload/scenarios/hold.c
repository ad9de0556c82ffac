// Stands still with an interrupt that was taken and one that waits, to be looked at from outside,
// until something is typed.

#include "console.h"
#include "scenarios.h"

enum { TAKEN, WAITING, ENTRIES };

bool scenario_hold(struct tester *tester) {
    if (!tester->msix || tester->vectors < ENTRIES) return skip("fewer than two vectors");
    msix_control(tester, MSIX_ENABLE);
    counts_clear();
    for (uint32_t entry = 0; entry < ENTRIES; entry++) msix_open(tester, entry, target_of(entry));
    fire(tester, TAKEN);
    CHECK_ARRIVES(TAKEN, target_of(TAKEN), 1);
    msix_mask(tester, WAITING, true);
    fire(tester, WAITING);
    CHECK_AT(WAITING, "Pending Bit", true, msix_is_pending(tester, WAITING));
    print("holds slot ");
    print_decimal(tester->slot);
    print(" until a byte is typed\n");
    while (!is_typed()) halt_once();
    CHECK_EQUAL("handled while masked", 1, counts_total());
    msix_mask(tester, WAITING, false);
    CHECK_ARRIVES(WAITING, target_of(WAITING), 1);
    return true;
}
