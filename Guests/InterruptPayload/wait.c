#include "wait.h"

#include "apic.h"

enum { SETTLE_TICKS = 2 };

static bool is_before(uint32_t first, uint32_t second) { return (int32_t)(first - second) < 0; }

bool wait_for_count(struct target at, uint32_t wanted) {
    uint32_t end = ticks() + TIMEOUT_TICKS;
    while (is_before(count_at(at), wanted)) {
        if (!is_before(ticks(), end)) return false;
        halt_once();
    }
    return true;
}

bool wait_until(bool (*condition)(uint64_t), uint64_t argument) {
    uint32_t end = ticks() + TIMEOUT_TICKS;
    while (!condition(argument)) {
        if (!is_before(ticks(), end)) return false;
        halt_once();
    }
    return true;
}

void wait_ticks(uint32_t number) {
    uint32_t end = ticks() + number;
    while (is_before(ticks(), end)) halt_once();
}

// A processor takes the vector of the highest priority first, so the lowest comes after all that
// waited with it.
static bool drain_processor(uint32_t processor) {
    struct target at = {processor, VECTOR_DRAIN};
    uint32_t wanted = count_at(at) + 1;
    apic_send(processor, VECTOR_DRAIN);
    return wait_for_count(at, wanted);
}

bool drain(void) {
    for (uint32_t processor = information->processors; processor-- > 0;) {
        if (!drain_processor(processor)) return false;
    }
    return true;
}

bool settle(void) {
    wait_ticks(SETTLE_TICKS);
    return drain();
}
