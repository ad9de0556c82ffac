// Messages that no local APIC takes. They harm nothing else.

#include "scenarios.h"

// Intel SDM volume 3, 11.11; VT-d 5.1.5.1 for the remappable format.
static const struct message bad_messages[] = {
    {0, 0},
    {MESSAGE_WINDOW_BASE + 0x100000, VECTOR_FIRST},
    {MESSAGE_WINDOW_BASE - 0x1000, VECTOR_FIRST},
    {MESSAGE_WINDOW_BASE | 0xff00000000000000, VECTOR_FIRST},
    {MESSAGE_WINDOW_BASE, 0},
    {MESSAGE_WINDOW_BASE, 15},
    {MESSAGE_WINDOW_BASE, 3 << 8 | VECTOR_FIRST},
    {MESSAGE_WINDOW_BASE | 1 << 4, VECTOR_FIRST},
    {MESSAGE_WINDOW_BASE | 0xfe << 12, VECTOR_FIRST},
};

enum { BAD_MESSAGES = sizeof bad_messages / sizeof bad_messages[0] };

static bool nothing_arrives(struct tester *tester, uint32_t number) {
    uint32_t all = counts_total();
    msix_mask(tester, 0, true);
    msix_write(tester, 0, bad_messages[number]);
    msix_mask(tester, 0, false);
    for (uint32_t round = 0; round < 2; round++) {
        fire(tester, 0);
        acknowledge(tester, 0);
    }
    CHECK_SETTLES();
    CHECK_AT(number, "handled of a bad message", all, counts_total());
    CHECK_AT(number, "raised less what became of it", 0, tester_imbalance(tester, 0));
    return true;
}

static bool arrives(struct tester *tester, uint32_t entry) {
    uint32_t wanted = count_at(target_of(1)) + 1;
    fire(tester, entry);
    CHECK_ARRIVES(entry, target_of(1), wanted);
    acknowledge(tester, entry);
    return true;
}

bool scenario_bad_messages(struct tester *tester) {
    if (!tester->msix) return skip("no MSI-X");
    // 0xfe would be somebody.
    uint32_t count = BAD_MESSAGES - (information->processors > 0xfe);
    counts_clear();
    msix_control(tester, MSIX_ENABLE);
    if (tester->vectors > 1) msix_open(tester, 1, target_of(1));
    for (uint32_t number = 0; number < count; number++) {
        CHECK_ALL(nothing_arrives(tester, number));
        if (tester->vectors > 1) CHECK_ALL(arrives(tester, 1));
    }
    msix_open(tester, 0, target_of(1));
    return arrives(tester, 0);
}
