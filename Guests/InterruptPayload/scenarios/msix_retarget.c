// A vector moves between processors and vectors while the device's timer fires it.
//
// Each tick is waited for and acknowledged before the next is ordered, so every message can be
// counted; the moves go on until it has come, and so race with it.

#include "scenarios.h"

enum { PLACES = 8, EVENTS = 60, MOVES_MIN = 2, PERIOD = 400 };

// How often each place was interrupted when the entry had left it.
static uint32_t counts_left[PLACES];
static uint32_t place_now;

// Of processor and vector, so that a mixture of two messages is a place that nothing has.
static struct target place(uint32_t number) {
    return target_of(number * (targets_count() / PLACES + 1) % targets_count());
}

static uint32_t handled_at_places(void) {
    uint32_t total = 0;
    for (uint32_t number = 0; number < PLACES; number++) total += count_at(place(number));
    return total;
}

static bool stale_places_are_quiet(void) {
    for (uint32_t number = 0; number < PLACES; number++) {
        if (number == place_now) continue;
        CHECK_AT(
            number, "handled at a place that was left", counts_left[number],
            count_at(place(number)));
    }
    return true;
}

static bool move(struct tester *tester, bool masking) {
    uint32_t next = (place_now + 1) % PLACES;
    if (masking) msix_mask(tester, 0, true);
    if (!masking) msix_write(tester, 0, message_to(place(next)));
    // Whatever the device decided before is in a local APIC once it has answered a read.
    read32(tester->table);
    CHECK("timed out waiting for a processor to drain", drain());
    counts_left[place_now] = count_at(place(place_now));
    place_now = next;
    if (masking) {
        msix_write(tester, 0, message_to(place(next)));
        msix_mask(tester, 0, false);
    }
    return stale_places_are_quiet();
}

// Orders one tick, and moves until it was handled.
static bool event_arrives(struct tester *tester, bool masking) {
    uint32_t before = handled_at_places(), end = ticks() + TIMEOUT_TICKS;
    tester_start_timer(tester, 1, PERIOD, 1);
    for (uint32_t moves = 0; handled_at_places() == before || moves < MOVES_MIN; moves++) {
        if ((int32_t)(ticks() - end) >= 0) {
            CHECK_EQUAL("handled at no place", handled_at_places(), counts_total());
            CHECK("timed out waiting for the timer's event", false);
        }
        CHECK_ALL(move(tester, masking));
    }
    CHECK("timed out waiting for a processor to drain", drain());
    CHECK_EQUAL("handled after one tick", before + 1, handled_at_places());
    acknowledge(tester, 0);
    return true;
}

static bool moves_while_firing(struct tester *tester, bool masking) {
    counts_clear();
    for (uint32_t number = 0; number < PLACES; number++) counts_left[number] = 0;
    place_now = 0;
    msix_open(tester, 0, place(0));
    uint64_t sent = tester_counter(tester, 0, REGISTER_SENT);
    for (uint32_t event = 0; event < EVENTS; event++) CHECK_ALL(event_arrives(tester, masking));
    CHECK_SETTLES();
    CHECK_ALL(stale_places_are_quiet());
    CHECK_EQUAL("sent", EVENTS, tester_counter(tester, 0, REGISTER_SENT) - sent);
    CHECK_EQUAL("handled at all places", EVENTS, handled_at_places());
    CHECK_EQUAL("handled anywhere", EVENTS, counts_total());
    return true;
}

bool scenario_msix_retarget(struct tester *tester) {
    if (!tester->msix) return skip("no MSI-X");
    msix_control(tester, MSIX_ENABLE);
    CHECK_ALL(moves_while_firing(tester, true));
    return moves_while_firing(tester, false);
}
