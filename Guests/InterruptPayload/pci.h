#pragma once
// Configuration space of bus 0, by ports and as memory.

#include "machine.h"

enum {
    CONFIG_ID = 0x00,
    CONFIG_COMMAND = 0x04,
    CONFIG_STATUS = 0x06,
    CONFIG_HEADER_TYPE = 0x0e,
    CONFIG_BAR0 = 0x10,
    CONFIG_CAPABILITIES = 0x34,
    CONFIG_INTERRUPT_PIN = 0x3d,
    COMMAND_MEMORY = 1 << 1,
    COMMAND_BUS_MASTER = 1 << 2,
    COMMAND_INTERRUPT_DISABLE = 1 << 10,
    STATUS_INTERRUPT = 1 << 3,
    STATUS_CAPABILITIES = 1 << 4,
    CAPABILITY_MSI = 0x05,
    CAPABILITY_PCI_EXPRESS = 0x10,
    CAPABILITY_MSIX = 0x11,
    BARS = 6,
    BAR_IS_IO = 1,
    BAR_TYPE_MASK = 6,
    BAR_TYPE_64 = 4,
};

// One memory BAR; size 0 if there is none.
struct bar {
    uint64_t address, size;
    bool is_64;
};

// Address of the configuration space of a function in the memory window (PCIe 6.0 §7.2.2).
static inline uint64_t config_of(uint32_t slot, uint32_t function) {
    return information->config_window + (slot << 15 | function << 12);
}

uint32_t config_port_read32(uint32_t slot, uint32_t function, uint32_t offset);
uint8_t config_port_read8(uint32_t slot, uint32_t function, uint32_t offset);

// Changes bits of Command and leaves Status alone, whose bits a written 1 would clear.
void command_set(uint64_t config, uint16_t bits, bool on);

// The offset of a capability, 0 if there is none or the list does not end.
uint32_t capability_find(uint64_t config, uint32_t identity);

// How many capabilities there are, or UINT32_MAX if the list is broken.
uint32_t capability_count(uint64_t config);

// Sizes a BAR; memory decode must be off (PCIe 6.0 §7.5.1.2.1).
struct bar bar_size(uint64_t config, uint32_t number);
void bar_write(uint64_t config, uint32_t number, struct bar bar);

// The pin of the I/O APIC that the function's interrupt pin goes to.
uint32_t io_apic_pin(uint64_t config, uint32_t slot);
