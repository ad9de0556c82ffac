// Mask Bits, Function Mask and Pending Bits (PCIe 6.0 §6.1.4.5).

#include "scenarios.h"

// Masks the entry by its Mask Bit or by Function Mask.
static void hold(struct tester *tester, uint32_t entry, bool by_function, bool held) {
    if (by_function) {
        msix_control(tester, MSIX_ENABLE | (held ? MSIX_FUNCTION_MASK : 0));
    } else {
        msix_mask(tester, entry, held);
    }
}

static bool pends_once(struct tester *tester, uint32_t entry, bool by_function) {
    struct target at = target_of(entry);
    uint32_t before = count_at(at), all = counts_total();
    hold(tester, entry, by_function, true);
    fire(tester, entry);
    CHECK_AT(entry, "Pending Bit", true, msix_is_pending(tester, entry));
    CHECK_AT(entry, "Pending Bit read again", true, msix_is_pending(tester, entry));
    CHECK_SETTLES();
    CHECK_AT(entry, "handled while masked", all, counts_total());
    hold(tester, entry, by_function, false);
    CHECK_ARRIVES(entry, at, before + 1);
    CHECK_SETTLES();
    CHECK_AT(entry, "handled after unmasking", all + 1, counts_total());
    CHECK_AT(entry, "Pending Bit after unmasking", false, msix_is_pending(tester, entry));
    acknowledge(tester, entry);
    return true;
}

static bool withdraws(struct tester *tester, uint32_t entry, bool by_function) {
    uint32_t all = counts_total();
    hold(tester, entry, by_function, true);
    fire(tester, entry);
    CHECK_AT(entry, "Pending Bit", true, msix_is_pending(tester, entry));
    acknowledge(tester, entry);
    CHECK_AT(entry, "Pending Bit of what was withdrawn", false, msix_is_pending(tester, entry));
    hold(tester, entry, by_function, false);
    CHECK_SETTLES();
    CHECK_AT(entry, "handled although withdrawn", all, counts_total());
    return true;
}

bool scenario_msix_mask(struct tester *tester) {
    if (!tester->msix) return skip("no MSI-X");
    msix_control(tester, MSIX_ENABLE);
    counts_clear();
    for (uint32_t number = 0; number < SAMPLES; number++) {
        uint32_t entry = sample(number, tester->vectors);
        if (entry == UINT32_MAX) break;
        msix_open(tester, entry, target_of(entry));
        for (uint32_t way = 0; way < 2; way++) {
            CHECK_ALL(pends_once(tester, entry, way));
            CHECK_ALL(withdraws(tester, entry, way));
        }
        CHECK_AT(entry, "raised less what became of it", 0, tester_imbalance(tester, entry));
    }
    return true;
}
