// The processors by themselves: timer and interrupts from one to another.

#include "apic.h"
#include "scenarios.h"

static bool timer_ticks(void) {
    CHECK_ARRIVES(VECTOR_TICK, ((struct target){0, VECTOR_TICK}), ticks() + 3);
    return true;
}

bool scenario_self(struct tester *tester) {
    (void)tester;
    CHECK_ALL(timer_ticks());
    for (uint32_t processor = 0; processor < information->processors; processor++) {
        struct target at = {processor, VECTOR_FIRST};
        for (uint32_t round = 0; round < 3; round++) {
            uint32_t wanted = count_at(at) + 1;
            apic_send(processor, at.vector);
            CHECK_ARRIVES(processor, at, wanted);
        }
    }
    CHECK_SETTLES();
    for (uint32_t processor = 0; processor < information->processors; processor++) {
        CHECK_AT(processor, "interrupts from processor 0", 3, counts[processor][VECTOR_FIRST]);
        counts[processor][VECTOR_FIRST] = 0;
    }
    return true;
}
