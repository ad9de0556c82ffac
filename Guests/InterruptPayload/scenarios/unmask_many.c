// Events that wait in every vector, released by one write or one by one.

#include "scenarios.h"

static bool all_pend(struct tester *tester) {
    for (uint32_t entry = 0; entry < tester->vectors; entry++) {
        CHECK_AT(entry, "Pending Bit", true, msix_is_pending(tester, entry));
    }
    return true;
}

static void program_all(struct tester *tester, bool masked) {
    for (uint32_t entry = 0; entry < tester->vectors; entry++) {
        msix_mask(tester, entry, true);
        msix_write(tester, entry, message_to(target_of(entry)));
        if (!masked) msix_mask(tester, entry, false);
    }
}

// Vectors of different targets arrive exactly once; those that share one can join in its APIC.
static bool by_function_mask(struct tester *tester) {
    uint32_t capacity = targets_count();
    counts_clear();
    msix_control(tester, MSIX_ENABLE | MSIX_FUNCTION_MASK);
    tester_range(tester, 0, tester->vectors, RANGE_FIRE);
    program_all(tester, false);
    CHECK_ALL(all_pend(tester));
    CHECK_SETTLES();
    CHECK_EQUAL("handled under Function Mask", 0, counts_total());
    msix_control(tester, MSIX_ENABLE);
    for (uint32_t first = 0; first < capacity && first < tester->vectors; first++) {
        CHECK_ARRIVES(first, target_of(first), 1);
    }
    CHECK_SETTLES();
    for (uint32_t first = 0; first < capacity && first < tester->vectors; first++) {
        uint32_t sharing = (tester->vectors - first + capacity - 1) / capacity;
        CHECK_WITHIN(first, "handled", 1, sharing, count_at(target_of(first)));
    }
    tester_range(tester, 0, tester->vectors, RANGE_ACKNOWLEDGE);
    return true;
}

static bool one_by_one(struct tester *tester) {
    uint32_t capacity = targets_count();
    counts_clear();
    msix_control(tester, MSIX_ENABLE);
    program_all(tester, true);
    tester_range(tester, 0, tester->vectors, RANGE_FIRE);
    CHECK_ALL(all_pend(tester));
    CHECK_SETTLES();
    CHECK_EQUAL("handled while all are masked", 0, counts_total());
    for (uint32_t entry = 0; entry < tester->vectors; entry++) {
        msix_mask(tester, entry, false);
        CHECK_ARRIVES(entry, target_of(entry), entry / capacity + 1);
        CHECK_AT(entry, "Pending Bit after unmasking", false, msix_is_pending(tester, entry));
    }
    CHECK_SETTLES();
    CHECK_EQUAL("handled in all", tester->vectors, counts_total());
    tester_range(tester, 0, tester->vectors, RANGE_ACKNOWLEDGE);
    return true;
}

bool scenario_unmask_many(struct tester *tester) {
    if (!tester->msix) return skip("no MSI-X");
    CHECK_ALL(by_function_mask(tester));
    return one_by_one(tester);
}
