// Sizes, addresses and moves of BARs.

#include "scenarios.h"

static bool bar_is_placed(struct bar bar, uint32_t number) {
    uint64_t base = bar.is_64 ? HIGH_DEVICE_WINDOW_BASE : DEVICE_WINDOW_BASE;
    uint64_t end = bar.is_64 ? HIGH_DEVICE_WINDOW_END : DEVICE_WINDOW_END;
    CHECK_AT(number, "size is a power of two", 0, bar.size & (bar.size - 1));
    CHECK_WITHIN(number, "size", 16, 1ull << 36, bar.size);
    CHECK_AT(number, "address is a multiple of the size", 0, bar.address & (bar.size - 1));
    CHECK_WITHIN(number, "address", base, end - bar.size, bar.address);
    return true;
}

// Whether an address that any BAR of the bus has lies near the range.
static bool is_taken(uint64_t address, uint64_t size) {
    for (uint32_t slot = 0; slot < PCI_SLOTS; slot++) {
        uint64_t config = config_of(slot, 0);
        if (read32(config) == UINT32_MAX) continue;
        for (uint32_t number = 0; number < BARS; number++) {
            uint32_t low = read32(config + CONFIG_BAR0 + 4 * number);
            bool is_64 = (low & BAR_TYPE_MASK) == BAR_TYPE_64 && number + 1 < BARS;
            uint32_t high = is_64 ? read32(config + CONFIG_BAR0 + 4 * number + 4) : 0;
            uint64_t base = (uint64_t)high << 32 | (low & ~0xfu);
            if (base + (16 << 20) > address && base < address + size) return true;
            if (is_64) number += 1;
        }
    }
    return false;
}

// The highest free place of the window.
static uint64_t free_place(struct bar bar) {
    uint64_t place = (bar.is_64 ? HIGH_DEVICE_WINDOW_END : DEVICE_WINDOW_END) - bar.size;
    while (is_taken(place, bar.size)) place -= bar.size;
    return place;
}

static void place(struct tester *tester, uint32_t number, struct bar bar) {
    command_set(tester->config, COMMAND_MEMORY, false);
    bar_write(tester->config, number, bar);
    command_set(tester->config, COMMAND_MEMORY, true);
}

// Moves a BAR and looks for the DWORD at `offset` of it at the new address and at the old one.
static bool bar_moves(struct tester *tester, uint32_t number, uint64_t offset) {
    struct bar old = tester->bars[number], moved = old;
    moved.address = free_place(old);
    uint32_t value = read32(old.address + offset);
    CHECK_AT(number, "there is something to see", true, value != UINT32_MAX);
    place(tester, number, moved);
    uint32_t there = read32(moved.address + offset), here = read32(old.address + offset);
    place(tester, number, old);
    CHECK_AT(number, "decodes at the new address", value, there);
    CHECK_AT(number, "does not decode at the old address", UINT32_MAX, here);
    CHECK_AT(number, "decodes at the old address again", value, read32(old.address + offset));
    return true;
}

static bool decode_is_off(struct tester *tester) {
    command_set(tester->config, COMMAND_MEMORY, false);
    uint32_t value = read32(tester->registers);
    command_set(tester->config, COMMAND_MEMORY, true);
    CHECK_EQUAL("without memory decode", UINT32_MAX, value);
    CHECK_EQUAL("with memory decode", TESTER_IDENTIFICATION, read32(tester->registers));
    return true;
}

bool scenario_bars(struct tester *tester) {
    for (uint32_t number = 0; number < BARS; number++) {
        if (tester->bars[number].size) CHECK_ALL(bar_is_placed(tester->bars[number], number));
    }
    CHECK_ALL(decode_is_off(tester));
    CHECK_ALL(bar_moves(tester, 0, REGISTER_IDENTIFICATION));
    if (!tester->msix) return true;
    uint32_t number = read32(tester->config + tester->msix + 4) & 7;
    uint64_t offset = tester->table - tester->bars[number].address;
    write32(tester->table, 0x12345678);
    CHECK_EQUAL("the table is written", 0x12345678, read32(tester->table));
    return bar_moves(tester, number, offset);
}
