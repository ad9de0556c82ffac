// The slots of a message store, which have messages of their own (docs/specifications/ims.md).

#include "scenarios.h"

static bool slot_pends(struct tester *tester, uint32_t slot) {
    struct target at = target_of(slot);
    uint32_t all = counts_total(), before = count_at(at), source = SLOT_BIT | slot;
    slot_write(tester, slot, message_to(at), true);
    fire(tester, source);
    CHECK_AT(slot, "Pending", true, slot_is_pending(tester, slot));
    CHECK_AT(slot, "Pending read again", true, slot_is_pending(tester, slot));
    CHECK_SETTLES();
    CHECK_AT(slot, "handled while masked", all, counts_total());
    slot_write(tester, slot, message_to(at), false);
    CHECK_ARRIVES(slot, at, before + 1);
    acknowledge(tester, source);
    slot_write(tester, slot, message_to(at), true);
    fire(tester, source);
    acknowledge(tester, source);
    CHECK_AT(slot, "Pending of what was withdrawn", false, slot_is_pending(tester, slot));
    slot_write(tester, slot, message_to(at), false);
    CHECK_SETTLES();
    CHECK_AT(slot, "handled after unmasking", all + 1, counts_total());
    CHECK_AT(slot, "raised less what became of it", 0, tester_imbalance(tester, source));
    return true;
}

static bool slots_count(struct tester *tester, uint32_t count) {
    for (uint32_t slot = 0; slot < count; slot++) {
        slot_write(tester, slot, message_to(target_of(slot)), false);
        uint64_t sent = tester_counter(tester, SLOT_BIT | slot, REGISTER_SENT);
        for (uint32_t round = 1; round <= 2; round++) {
            fire(tester, SLOT_BIT | slot);
            CHECK_ARRIVES(slot, target_of(slot), round);
            acknowledge(tester, SLOT_BIT | slot);
        }
        CHECK_AT(slot, "sent", 2, tester_counter(tester, SLOT_BIT | slot, REGISTER_SENT) - sent);
    }
    CHECK_SETTLES();
    CHECK_EQUAL("handled in all", 2 * count, counts_total());
    return true;
}

bool scenario_ims(struct tester *tester) {
    if (!tester->slots) return skip("no slots");
    if (!(tester_read(tester, REGISTER_STORE) & STORE_TAKES_MESSAGES)) {
        return skip("messages of slots cannot leave");
    }
    uint32_t capacity = targets_count();
    uint32_t count = tester->slots < capacity ? tester->slots : capacity;
    counts_clear();
    CHECK_ALL(slots_count(tester, count));
    for (uint32_t number = 0; number < SAMPLES; number++) {
        uint32_t slot = sample(number, tester->slots);
        if (slot == UINT32_MAX) break;
        CHECK_ALL(slot_pends(tester, slot));
    }
    return true;
}
