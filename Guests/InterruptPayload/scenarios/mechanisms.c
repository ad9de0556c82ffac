// From the pin to MSI to MSI-X and back, with a cause that nobody has handled yet (INTX-14,
// INTX-18, INTX-20).

#include "pin.h"
#include "scenarios.h"

static const struct target msi_place = {0, VECTOR_FIRST + 0x20};
static const struct target msix_place = {0, VECTOR_FIRST + 0x21};

// What the pin has told of, and nobody heard because the I/O APIC masks it, leaves as a message.
static bool pin_to_msi(struct tester *tester) {
    fire(tester, 0);
    CHECK_SETTLES();
    msi_enable(tester, 0, message_to(msi_place));
    CHECK_ARRIVES(0, msi_place, 1);
    CHECK_SETTLES();
    CHECK_EQUAL("handled after the move to MSI", 1, counts_total());
    acknowledge(tester, 0);
    return true;
}

// The pin is disabled meanwhile, as drivers do.
static bool msi_to_msix(struct tester *tester) {
    uint32_t before = counts_total();
    command_set(tester->config, COMMAND_INTERRUPT_DISABLE, true);
    if (msi_has_masks(tester)) msi_mask(tester, 1);
    if (!msi_has_masks(tester)) msi_disable(tester);
    fire(tester, 0);
    msi_disable(tester);
    msix_open(tester, 0, msix_place);
    msix_control(tester, MSIX_ENABLE);
    CHECK_ARRIVES(0, msix_place, 1);
    CHECK_SETTLES();
    CHECK_EQUAL("handled after the move to MSI-X", before + 1, counts_total());
    acknowledge(tester, 0);
    command_set(tester->config, COMMAND_INTERRUPT_DISABLE, false);
    return true;
}

static bool msix_to_pin(struct tester *tester) {
    uint32_t before = counts_total();
    msix_mask(tester, 0, true);
    fire(tester, 0);
    CHECK_EQUAL("Pending Bit", true, msix_is_pending(tester, 0));
    msix_control(tester, 0);
    pin_mask(false);
    CHECK_ARRIVES(0, pin_target, 1);
    CHECK_SETTLES();
    CHECK_WITHIN(0, "runs after the move to the pin", 1, 2, pin_runs());
    CHECK_EQUAL("state of the source", 0, tester_state(tester, 0));
    msix_mask(tester, 0, false);
    msix_control(tester, MSIX_ENABLE);
    CHECK_SETTLES();
    CHECK_EQUAL("messages of an event that the pin told", before, counts_total());
    CHECK_EQUAL("raised less what became of it", 0, tester_imbalance(tester, 0));
    return true;
}

bool scenario_mechanisms(struct tester *tester) {
    if (!tester->pin || !tester->msi || !tester->msix) return skip("not all mechanisms");
    counts_clear();
    pin_open(tester, 1, true);
    bool passed = pin_to_msi(tester) && msi_to_msix(tester) && msix_to_pin(tester);
    pin_close();
    return passed;
}
