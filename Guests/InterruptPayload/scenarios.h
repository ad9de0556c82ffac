#pragma once
// Each scenario returns whether it passed. What it was told of failed checks is in `failure`.

#include "check.h"
#include "messages.h"

// Ends a scenario that the tester has not the means for; counts as passed.
bool skip(const char *reason);

// The bus and the processors; the tester is not looked at.
bool scenario_enumerate(struct tester *tester);
bool scenario_self(struct tester *tester);

bool scenario_bars(struct tester *tester);
bool scenario_msix_count(struct tester *tester);
bool scenario_msix_mask(struct tester *tester);
bool scenario_msix_retarget(struct tester *tester);
bool scenario_msix_same_message(struct tester *tester);
bool scenario_msi(struct tester *tester);
bool scenario_intx(struct tester *tester);
bool scenario_ims(struct tester *tester);
bool scenario_mechanisms(struct tester *tester);
bool scenario_reset(struct tester *tester);
bool scenario_bad_messages(struct tester *tester);
bool scenario_storm(struct tester *tester);
bool scenario_unmask_many(struct tester *tester);
// Only when it is asked for by name.
bool scenario_hold(struct tester *tester);

// How many entries of a table are looked at where all would take too long.
enum { SAMPLES = 5 };

// A few of `count` things, the first and the last among them; UINT32_MAX if there are fewer.
static inline uint32_t sample(uint32_t number, uint32_t count) {
    if (count <= SAMPLES) return number < count ? number : UINT32_MAX;
    return number == SAMPLES - 1 ? count - 1 : number * (count / (SAMPLES - 1));
}
