#include "messages.h"

// More would take long to look through, and an 8-bit destination ends at 254.
enum { TARGET_PROCESSORS_MAX = 16 };

static uint32_t target_processors(void) {
    uint32_t all = information->processors;
    return all < TARGET_PROCESSORS_MAX ? all : TARGET_PROCESSORS_MAX;
}

uint32_t targets_count(void) { return target_processors() * VECTORS; }

struct target target_of(uint32_t number) {
    uint32_t processors = target_processors();
    return (struct target){
        number % processors, (uint8_t)(VECTOR_FIRST + number / processors % VECTORS)};
}

struct message message_to(struct target target) {
    return (struct message){MESSAGE_WINDOW_BASE | target.processor << 12, target.vector};
}

void counts_clear(void) {
    for (uint32_t processor = 0; processor < target_processors(); processor++) {
        for (uint32_t vector = VECTOR_FIRST; vector <= VECTOR_LAST; vector++) {
            counts[processor][vector] = 0;
        }
    }
}

uint32_t counts_total(void) {
    uint32_t total = 0;
    for (uint32_t processor = 0; processor < target_processors(); processor++) {
        for (uint32_t vector = VECTOR_FIRST; vector <= VECTOR_LAST; vector++) {
            total += counts[processor][vector];
        }
    }
    return total;
}

// MARK: MSI-X (PCIe 6.0 §7.7.2)

enum { ENTRY_UPPER = 4, ENTRY_DATA = 8, ENTRY_CONTROL = 12, ENTRY_BYTES = 16 };

void msix_control(const struct tester *tester, uint16_t bits) {
    uint64_t at = tester->config + tester->msix + 2;
    uint16_t others = read16(at) & (uint16_t)~(MSIX_ENABLE | MSIX_FUNCTION_MASK);
    write16(at, (uint16_t)(others | bits));
    read16(at);
}

// Data last: a device that is live then never sends a mixture of two messages (MSIX-12).
void msix_write(const struct tester *tester, uint32_t entry, struct message message) {
    uint64_t at = tester->table + ENTRY_BYTES * entry;
    write32(at, (uint32_t)message.address);
    write32(at + ENTRY_UPPER, (uint32_t)(message.address >> 32));
    write32(at + ENTRY_DATA, message.data);
}

void msix_mask(const struct tester *tester, uint32_t entry, bool masked) {
    uint64_t at = tester->table + ENTRY_BYTES * entry + ENTRY_CONTROL;
    write32(at, masked);
    read32(at);
}

bool msix_is_pending(const struct tester *tester, uint32_t entry) {
    return read64(tester->pending + entry / 64 * 8) >> (entry % 64) & 1;
}

void msix_open(const struct tester *tester, uint32_t entry, struct target target) {
    msix_mask(tester, entry, true);
    msix_write(tester, entry, message_to(target));
    msix_mask(tester, entry, false);
}

// MARK: MSI (PCIe 6.0 §7.7.1)

enum { MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_UPPER_ADDRESS = 8, MSI_GRANT_SHIFT = 4 };

static uint16_t msi_control(const struct tester *tester) {
    return read16(tester->config + tester->msi + MSI_CONTROL);
}

// What follows the address is 4 bytes later with an upper address.
static uint64_t msi_after_address(const struct tester *tester) {
    uint32_t upper = msi_control(tester) & MSI_64_BIT ? 4 : 0;
    return tester->config + tester->msi + MSI_UPPER_ADDRESS + upper;
}

void msi_disable(const struct tester *tester) {
    write16(tester->config + tester->msi + MSI_CONTROL, 0);
    msi_control(tester);
}

void msi_enable(const struct tester *tester, uint32_t log2, struct message message) {
    uint64_t at = tester->config + tester->msi;
    msi_disable(tester);
    write32(at + MSI_ADDRESS, (uint32_t)message.address);
    if (msi_control(tester) & MSI_64_BIT) {
        write32(at + MSI_UPPER_ADDRESS, (uint32_t)(message.address >> 32));
    }
    write16(msi_after_address(tester), (uint16_t)message.data);
    write16(at + MSI_CONTROL, (uint16_t)(log2 << MSI_GRANT_SHIFT | MSI_ENABLE));
    msi_control(tester);
}

bool msi_has_masks(const struct tester *tester) { return msi_control(tester) & MSI_MASKING; }

void msi_mask(const struct tester *tester, uint32_t masks) {
    uint64_t at = msi_after_address(tester) + 4;
    write32(at, masks);
    read32(at);
}

uint32_t msi_pending(const struct tester *tester) { return read32(msi_after_address(tester) + 8); }

// MARK: The message store (docs/specifications/ims.md)

// A record of a store in memory.
struct record {
    volatile uint32_t sequence, control, address, upper, data, unused;
};

static struct record records[SOURCES_MAX] __attribute__((aligned(64)));

enum { SLOT_BYTES = 16, SLOT_CONTROL = 12, SLOT_PENDING = 1 << 1 };

static void record_write(
    const struct tester *tester, uint32_t slot, struct message message, bool masked) {
    struct record *record = &records[slot];
    record->sequence += 1;
    record->control = masked;
    record->address = (uint32_t)message.address;
    record->upper = (uint32_t)(message.address >> 32);
    record->data = message.data;
    record->sequence += 1;
    tester_write(tester, REGISTER_RECORDS, (uint32_t)(uint64_t)records);
    tester_write(tester, REGISTER_RECORDS_UPPER, (uint32_t)((uint64_t)records >> 32));
    tester_write(tester, REGISTER_DOORBELL, slot);
}

void slot_write(
    const struct tester *tester, uint32_t slot, struct message message, bool masked) {
    if (tester->store == STORE_IN_MEMORY) return record_write(tester, slot, message, masked);
    uint64_t at = tester->slot_array + SLOT_BYTES * slot;
    write32(at, (uint32_t)message.address);
    write32(at + 4, (uint32_t)(message.address >> 32));
    write32(at + 8, message.data);
    write32(at + SLOT_CONTROL, masked);
    read32(at + SLOT_CONTROL);
}

bool slot_is_pending(const struct tester *tester, uint32_t slot) {
    if (tester->store == STORE_IN_MEMORY) {
        return tester_state(tester, SLOT_BIT | slot) & STATE_WAITS;
    }
    return read32(tester->slot_array + SLOT_BYTES * slot + SLOT_CONTROL) & SLOT_PENDING;
}
