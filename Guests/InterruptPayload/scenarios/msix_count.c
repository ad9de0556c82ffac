// Every vector, several times, each event acknowledged before the next.

#include "scenarios.h"

enum { ROUNDS = 3 };

static uint64_t sent_before[SOURCES_MAX];

static void open_batch(struct tester *tester, uint32_t first, uint32_t count) {
    for (uint32_t number = 0; number < count; number++) {
        uint32_t entry = first + number;
        sent_before[entry] = tester_counter(tester, entry, REGISTER_SENT);
        msix_open(tester, entry, target_of(number));
    }
}

static bool fire_batch(struct tester *tester, uint32_t first, uint32_t count) {
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t number = 0; number < count; number++) {
            fire(tester, first + number);
            CHECK_ARRIVES(first + number, target_of(number), round);
            acknowledge(tester, first + number);
        }
    }
    return true;
}

static bool batch_counts(struct tester *tester, uint32_t first, uint32_t count) {
    for (uint32_t number = 0; number < count; number++) {
        uint32_t entry = first + number;
        uint64_t sent = tester_counter(tester, entry, REGISTER_SENT) - sent_before[entry];
        CHECK_AT(entry, "handled", ROUNDS, count_at(target_of(number)));
        CHECK_AT(entry, "sent", ROUNDS, sent);
        CHECK_AT(entry, "raised less what became of it", 0, tester_imbalance(tester, entry));
        msix_mask(tester, entry, true);
    }
    CHECK_AT(first, "handled in all", ROUNDS * count, counts_total());
    return true;
}

bool scenario_msix_count(struct tester *tester) {
    if (!tester->msix) return skip("no MSI-X");
    msix_control(tester, MSIX_ENABLE);
    uint32_t capacity = targets_count();
    for (uint32_t first = 0; first < tester->vectors; first += capacity) {
        uint32_t left = tester->vectors - first;
        uint32_t count = left < capacity ? left : capacity;
        counts_clear();
        open_batch(tester, first, count);
        CHECK_ALL(fire_batch(tester, first, count));
        CHECK_SETTLES();
        CHECK_ALL(batch_counts(tester, first, count));
    }
    return true;
}
