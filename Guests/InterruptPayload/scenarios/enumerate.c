// Configuration space by ports and as memory.

#include "scenarios.h"

static bool function_is_absent(uint32_t slot, uint32_t function) {
    CHECK_AT(slot, "absent by ports", UINT32_MAX, config_port_read32(slot, function, 0));
    CHECK_AT(slot, "absent as memory", UINT32_MAX, read32(config_of(slot, function)));
    CHECK_AT(slot, "absent BAR", UINT32_MAX, read32(config_of(slot, function) + CONFIG_BAR0));
    return true;
}

static bool function_agrees(uint32_t slot, uint32_t function) {
    uint64_t config = config_of(slot, function);
    for (uint32_t offset = 0; offset < 256; offset += 4) {
        CHECK_AT(
            slot << 16 | offset, "DWORD by ports and as memory",
            config_port_read32(slot, function, offset), read32(config + offset));
    }
    for (uint32_t offset = 0; offset < 16; offset += 1) {
        CHECK_AT(
            slot << 16 | offset, "byte by ports and as memory",
            config_port_read8(slot, function, offset), read8(config + offset));
    }
    uint32_t capabilities = capability_count(config);
    CHECK_AT(slot, "the list of capabilities ends", true, capabilities != UINT32_MAX);
    return true;
}

// A function with bit 7 of Header Type clear is the only one of its slot (PCIe 6.0 §7.5.1.1.9).
static bool slot_agrees(uint32_t slot) {
    if (read32(config_of(slot, 0)) == UINT32_MAX) return function_is_absent(slot, 0);
    CHECK_ALL(function_agrees(slot, 0));
    bool has_more = read8(config_of(slot, 0) + CONFIG_HEADER_TYPE) & 0x80;
    for (uint32_t function = 1; function < 8; function++) {
        if (!has_more) {
            CHECK_ALL(function_is_absent(slot, function));
        } else if (read32(config_of(slot, function)) != UINT32_MAX) {
            CHECK_ALL(function_agrees(slot, function));
        }
    }
    return true;
}

bool scenario_enumerate(struct tester *tester) {
    (void)tester;
    for (uint32_t slot = 0; slot < PCI_SLOTS; slot++) CHECK_ALL(slot_agrees(slot));
    return true;
}
