#include "pci.h"

static void config_select(uint32_t slot, uint32_t function, uint32_t offset) {
    port_write32(PORT_CONFIG_ADDRESS, 1u << 31 | slot << 11 | function << 8 | (offset & 0xfc));
}

uint32_t config_port_read32(uint32_t slot, uint32_t function, uint32_t offset) {
    config_select(slot, function, offset);
    return port_read32(PORT_CONFIG_DATA);
}

uint8_t config_port_read8(uint32_t slot, uint32_t function, uint32_t offset) {
    config_select(slot, function, offset);
    return port_read8((uint16_t)(PORT_CONFIG_DATA + (offset & 3)));
}

void command_set(uint64_t config, uint16_t bits, bool on) {
    uint16_t now = read16(config + CONFIG_COMMAND);
    write16(config + CONFIG_COMMAND, (uint16_t)(on ? now | bits : now & ~bits));
}

// The list has at most one entry for each 4 bytes behind the header.
enum { CAPABILITIES_MAX = (256 - 64) / 4 };

// Walks the list to the capability wanted, or to its end with `identity` 0xff00, which none has.
static uint32_t capability_walk(uint64_t config, uint32_t identity, uint32_t *steps) {
    *steps = 0;
    if (!(read16(config + CONFIG_STATUS) & STATUS_CAPABILITIES)) return 0;
    uint32_t offset = read8(config + CONFIG_CAPABILITIES) & 0xfc;
    while (offset != 0) {
        *steps += 1;
        if (offset < 64 || *steps > CAPABILITIES_MAX) {
            *steps = UINT32_MAX;
            return 0;
        }
        uint16_t header = read16(config + offset);
        if ((header & 0xff) == identity) return offset;
        offset = header >> 8 & 0xfc;
    }
    return 0;
}

uint32_t capability_find(uint64_t config, uint32_t identity) {
    uint32_t steps;
    return capability_walk(config, identity, &steps);
}

uint32_t capability_count(uint64_t config) {
    uint32_t steps;
    capability_walk(config, 0xff00, &steps);
    return steps;
}

struct bar bar_size(uint64_t config, uint32_t number) {
    uint64_t at = config + CONFIG_BAR0 + 4 * number;
    uint32_t low = read32(at);
    struct bar bar = {0};
    if (low & BAR_IS_IO) return bar;
    bar.is_64 = (low & BAR_TYPE_MASK) == BAR_TYPE_64;
    uint32_t high = bar.is_64 ? read32(at + 4) : 0;
    bar.address = (uint64_t)high << 32 | (low & ~0xfu);
    write32(at, UINT32_MAX);
    if (bar.is_64) write32(at + 4, UINT32_MAX);
    uint64_t bits = read32(at) & ~0xfu;
    bits |= (uint64_t)(bar.is_64 ? read32(at + 4) : (bits ? UINT32_MAX : 0)) << 32;
    bar.size = ~bits + 1;
    write32(at, low);
    if (bar.is_64) write32(at + 4, high);
    return bar;
}

void bar_write(uint64_t config, uint32_t number, struct bar bar) {
    uint64_t at = config + CONFIG_BAR0 + 4 * number;
    write32(at, (uint32_t)bar.address);
    if (bar.is_64) write32(at + 4, (uint32_t)(bar.address >> 32));
}

uint32_t io_apic_pin(uint64_t config, uint32_t slot) {
    uint32_t pin = read8(config + CONFIG_INTERRUPT_PIN);
    return FIRST_PCI_PIN + ((slot + pin - 1) & 3);
}
