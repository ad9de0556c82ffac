// MSI with every count of messages (PCIe 6.0 §7.7.1).

#include "scenarios.h"

// A multiple of 32, as many messages need.
enum { MSI_VECTOR = 0x60 };

static struct target msi_target(uint32_t log2, uint32_t message) {
    return (struct target){log2 % information->processors, (uint8_t)(MSI_VECTOR + message)};
}

// The low bits that the device replaces are written as ones (MSI-14).
static void enable(struct tester *tester, uint32_t log2) {
    struct message message = message_to(msi_target(log2, 0));
    message.data |= (1u << log2) - 1;
    msi_enable(tester, log2, message);
}

static bool messages_arrive(struct tester *tester, uint32_t log2) {
    uint32_t granted = 1u << log2;
    counts_clear();
    for (uint32_t source = 0; source < tester->messages; source++) {
        uint32_t message = source % granted;
        fire(tester, source);
        CHECK_ARRIVES(source, msi_target(log2, message), source / granted + 1);
        acknowledge(tester, source);
    }
    CHECK_SETTLES();
    CHECK_AT(granted, "handled in all", tester->messages, counts_total());
    return true;
}

static bool mask_holds(struct tester *tester, uint32_t log2, uint32_t message) {
    struct target at = msi_target(log2, message);
    uint32_t all = counts_total(), before = count_at(at);
    msi_mask(tester, 1u << message);
    fire(tester, message);
    CHECK_AT(message, "Pending Bits", 1u << message, msi_pending(tester));
    CHECK_AT(message, "Pending Bits read again", 1u << message, msi_pending(tester));
    CHECK_SETTLES();
    CHECK_AT(message, "handled while masked", all, counts_total());
    msi_mask(tester, 0);
    CHECK_ARRIVES(message, at, before + 1);
    acknowledge(tester, message);
    msi_mask(tester, 1u << message);
    fire(tester, message);
    acknowledge(tester, message);
    CHECK_AT(message, "Pending Bits of what was withdrawn", 0, msi_pending(tester));
    msi_mask(tester, 0);
    CHECK_SETTLES();
    CHECK_AT(message, "handled after unmasking", all + 1, counts_total());
    return true;
}

bool scenario_msi(struct tester *tester) {
    if (!tester->msi) return skip("no MSI");
    for (uint32_t log2 = 0; 1u << log2 <= tester->messages; log2++) {
        enable(tester, log2);
        CHECK_ALL(messages_arrive(tester, log2));
        if (!msi_has_masks(tester)) continue;
        CHECK_ALL(mask_holds(tester, log2, 0));
        if (log2) CHECK_ALL(mask_holds(tester, log2, (1u << log2) - 1));
    }
    msi_disable(tester);
    return true;
}
