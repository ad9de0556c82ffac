// All vectors on all processors, as fast as the timer can.

#include "scenarios.h"

static uint64_t raised_before[SOURCES_MAX], sent_before[SOURCES_MAX];
static uint32_t handled_before[SOURCES_MAX];

// Fewer for many vectors, so that the device is done in a second.
static uint32_t storm_ticks(const struct tester *tester) {
    return tester->vectors > 256 ? 10 : 100;
}

static void open_all(struct tester *tester) {
    for (uint32_t entry = 0; entry < tester->vectors; entry++) {
        raised_before[entry] = tester_counter(tester, entry, REGISTER_RAISED);
        sent_before[entry] = tester_counter(tester, entry, REGISTER_SENT);
        msix_open(tester, entry, target_of(entry));
    }
}

// What the device says of each event. Returns what was sent, in all, by `sent`.
static bool books_are_right(struct tester *tester, uint64_t *sent) {
    *sent = 0;
    for (uint32_t entry = 0; entry < tester->vectors; entry++) {
        uint64_t raised = tester_counter(tester, entry, REGISTER_RAISED) - raised_before[entry];
        CHECK_AT(entry, "raised", storm_ticks(tester), raised);
        CHECK_AT(entry, "raised less what became of it", 0, tester_imbalance(tester, entry));
        CHECK_AT(entry, "state less its cause", 0, tester_state(tester, entry) & STATE_WAITS);
        sent_before[entry] = tester_counter(tester, entry, REGISTER_SENT) - sent_before[entry];
        *sent += sent_before[entry];
    }
    return true;
}

// Entries that share a target share its count.
static bool handled_no_more_than_sent(struct tester *tester) {
    uint32_t capacity = targets_count();
    for (uint32_t first = 0; first < capacity && first < tester->vectors; first++) {
        uint64_t sent = 0;
        for (uint32_t entry = first; entry < tester->vectors; entry += capacity) {
            sent += sent_before[entry];
        }
        // The last message of a device in another process may still be on its way.
        CHECK_ARRIVES(first, target_of(first), 1);
        CHECK_WITHIN(first, "handled", 1, sent, count_at(target_of(first)));
        handled_before[first] = count_at(target_of(first));
    }
    return true;
}

// After the storm, each target still hears the last message that is sent to it.
static bool all_are_heard(struct tester *tester) {
    uint32_t capacity = targets_count();
    tester_range(tester, 0, tester->vectors, RANGE_ACKNOWLEDGE);
    tester_range(tester, 0, tester->vectors, RANGE_FIRE);
    for (uint32_t first = 0; first < capacity && first < tester->vectors; first++) {
        CHECK_ARRIVES(first, target_of(first), handled_before[first] + 1);
    }
    tester_range(tester, 0, tester->vectors, RANGE_ACKNOWLEDGE);
    return true;
}

bool scenario_storm(struct tester *tester) {
    if (!tester->msix) return skip("no MSI-X");
    uint64_t sent;
    counts_clear();
    msix_control(tester, MSIX_ENABLE);
    open_all(tester);
    // One stays masked meanwhile: its events join the first of them.
    uint32_t held = tester->vectors - 1;
    msix_mask(tester, held, true);
    tester_start_timer(tester, tester->vectors, SHORTEST_PERIOD, storm_ticks(tester));
    CHECK(
        "timed out waiting for the timer to stop",
        wait_until(tester_timer_stopped, (uint64_t)tester));
    msix_mask(tester, held, false);
    CHECK_SETTLES();
    CHECK_ALL(books_are_right(tester, &sent));
    CHECK_WITHIN(0, "handled in all", 1, sent, counts_total());
    CHECK_ALL(handled_no_more_than_sent(tester));
    CHECK_ALL(all_are_heard(tester));
    CHECK_SETTLES();
    return true;
}
