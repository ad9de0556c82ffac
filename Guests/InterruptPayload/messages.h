#pragma once
// Messages: MSI-X, MSI and the slots of a tester, and where their interrupts go.

#include "tester.h"

enum {
    MSIX_ENABLE = 1 << 15,
    MSIX_FUNCTION_MASK = 1 << 14,
    MSI_ENABLE = 1 << 0,
    MSI_64_BIT = 1 << 7,
    MSI_MASKING = 1 << 8,
};

// Intel SDM volume 3, 11.11.
struct message {
    uint64_t address;
    uint32_t data;
};

// How many different targets there are.
uint32_t targets_count(void);

// The target of a number: each has another one, up to `targets_count`, after which they repeat.
// Successive numbers go to different processors.
struct target target_of(uint32_t number);

struct message message_to(struct target target);

// Sets the counts of all device vectors to 0. Nothing may be under way.
void counts_clear(void);

// Interrupts taken by device vectors, on all processors, since then.
uint32_t counts_total(void);

// Sets MSI-X Enable and Function Mask.
void msix_control(const struct tester *tester, uint16_t bits);
void msix_write(const struct tester *tester, uint32_t entry, struct message message);

// Writes the Mask Bit and reads it back, so that the device has seen it (PCIe 6.0 §6.1.4.6).
void msix_mask(const struct tester *tester, uint32_t entry, bool masked);
bool msix_is_pending(const struct tester *tester, uint32_t entry);

// Programs and unmasks an entry.
void msix_open(const struct tester *tester, uint32_t entry, struct target target);

void msi_disable(const struct tester *tester);

// Enables 1 << log2 messages, the first of which has `message`.
void msi_enable(const struct tester *tester, uint32_t log2, struct message message);
bool msi_has_masks(const struct tester *tester);
void msi_mask(const struct tester *tester, uint32_t masks);
uint32_t msi_pending(const struct tester *tester);

// Writes a slot of the message store, wherever that is, and reads it back.
void slot_write(
    const struct tester *tester, uint32_t slot, struct message message, bool masked);
bool slot_is_pending(const struct tester *tester, uint32_t slot);
