#include "tester.h"

#include "messages.h"

struct tester testers[TESTERS_MAX];
uint32_t testers_found;

enum {
    DEVICE_CAPABILITIES = 4,
    DEVICE_CAPABILITIES_FLR = 1 << 28,
    DEVICE_CONTROL = 8,
    DEVICE_CONTROL_FLR = 1 << 15,
};

static void size_bars(struct tester *tester) {
    command_set(tester->config, COMMAND_MEMORY, false);
    for (uint32_t number = 0; number < BARS; number++) {
        tester->bars[number] = bar_size(tester->config, number);
        if (tester->bars[number].is_64) number += 1;
    }
}

// Where a structure lies that a capability names by offset and BIR (PCIe 6.0 §7.7.2.3).
static uint64_t structure_at(const struct tester *tester, uint32_t word) {
    return tester->bars[word & 7].address + (word & ~7u);
}

static void describe(struct tester *tester, uint32_t slot) {
    tester->slot = slot;
    tester->config = config_of(slot, 0);
    size_bars(tester);
    tester->registers = tester->bars[0].address;
    tester->slot_array = tester->bars[4].address;
    command_set(tester->config, COMMAND_MEMORY, true);
    tester->msi = capability_find(tester->config, CAPABILITY_MSI);
    tester->msix = capability_find(tester->config, CAPABILITY_MSIX);
    tester->pci_express = capability_find(tester->config, CAPABILITY_PCI_EXPRESS);
    if (tester->msix) {
        tester->table = structure_at(tester, read32(tester->config + tester->msix + 4));
        tester->pending = structure_at(tester, read32(tester->config + tester->msix + 8));
    }
    tester->vectors = tester->msix ? tester_read(tester, REGISTER_VECTORS) : 0;
    tester->messages = tester->msi ? tester_read(tester, REGISTER_MESSAGES) : 0;
    tester->sources = tester_read(tester, REGISTER_SOURCES);
    tester->slots = tester_read(tester, REGISTER_SLOTS);
    tester->store = tester_read(tester, REGISTER_STORE) & STORE_KIND;
    tester->pin = read8(tester->config + CONFIG_INTERRUPT_PIN);
}

void testers_find(void) {
    for (uint32_t slot = 0; slot < PCI_SLOTS; slot++) {
        if (read32(config_of(slot, 0)) == TESTER_ID) describe(&testers[testers_found++], slot);
    }
}

bool tester_can_reset(const struct tester *tester) {
    if (!tester->pci_express) return false;
    uint64_t capability = tester->config + tester->pci_express;
    return read32(capability + DEVICE_CAPABILITIES) & DEVICE_CAPABILITIES_FLR;
}

static bool is_there(uint64_t config) { return read32(config + CONFIG_ID) == TESTER_ID; }

bool tester_reset(struct tester *tester) {
    command_set(tester->config, COMMAND_BUS_MASTER, false);
    uint64_t control = tester->config + tester->pci_express + DEVICE_CONTROL;
    write16(control, (uint16_t)(read16(control) | DEVICE_CONTROL_FLR));
    if (!wait_until(is_there, tester->config)) return false;
    for (uint32_t number = 0; number < BARS; number++) {
        if (tester->bars[number].size) bar_write(tester->config, number, tester->bars[number]);
    }
    command_set(tester->config, COMMAND_MEMORY, true);
    return true;
}

// For a function that has no FLR: ends every cause and masks every message.
static void quiet(struct tester *tester) {
    tester_write(tester, REGISTER_TIMER_CONTROL, 0);
    tester_range(tester, 0, tester->sources, RANGE_ACKNOWLEDGE);
    if (tester->slots) tester_range(tester, SLOT_BIT, tester->slots, RANGE_ACKNOWLEDGE);
    for (uint32_t entry = 0; entry < tester->vectors; entry++) msix_mask(tester, entry, true);
    if (tester->msix) msix_control(tester, 0);
    if (tester->msi) msi_disable(tester);
    command_set(tester->config, COMMAND_INTERRUPT_DISABLE, false);
}

bool tester_prepare(struct tester *tester) {
    if (!tester_can_reset(tester)) {
        quiet(tester);
    } else if (!tester_reset(tester)) {
        return false;
    }
    command_set(tester->config, COMMAND_MEMORY | COMMAND_BUS_MASTER, true);
    return tester_read(tester, REGISTER_IDENTIFICATION) == TESTER_IDENTIFICATION;
}

static void set_range(const struct tester *tester, uint32_t first, uint32_t count) {
    tester_write(tester, REGISTER_RANGE_FIRST, first);
    tester_write(tester, REGISTER_RANGE_COUNT, count);
}

void tester_range(const struct tester *tester, uint32_t first, uint32_t count, uint32_t command) {
    set_range(tester, first, count);
    tester_write(tester, REGISTER_COMMAND, command);
}

void tester_start_timer(
    const struct tester *tester, uint32_t count, uint32_t period, uint32_t number) {
    set_range(tester, 0, count);
    tester_write(tester, REGISTER_TIMER_PERIOD, period);
    tester_write(tester, REGISTER_TIMER_COUNT, number);
    tester_write(tester, REGISTER_TIMER_CONTROL, 1);
}

bool tester_timer_stopped(uint64_t tester) {
    return !(tester_read((const struct tester *)tester, REGISTER_TIMER_CONTROL) & 1);
}

uint64_t tester_counter(const struct tester *tester, uint32_t source, uint32_t counter) {
    tester_write(tester, REGISTER_SELECT, source);
    return read64(tester->registers + counter);
}

uint32_t tester_state(const struct tester *tester, uint32_t source) {
    tester_write(tester, REGISTER_SELECT, source);
    return tester_read(tester, REGISTER_STATE);
}

uint64_t tester_imbalance(const struct tester *tester, uint32_t source) {
    tester_write(tester, REGISTER_SELECT, source);
    uint64_t waiting = tester_read(tester, REGISTER_STATE) & STATE_WAITS ? 1 : 0;
    return read64(tester->registers + REGISTER_RAISED) - waiting -
           read64(tester->registers + REGISTER_SENT) -
           read64(tester->registers + REGISTER_COALESCED) -
           read64(tester->registers + REGISTER_DISCARDED) -
           read64(tester->registers + REGISTER_HANDED_OVER);
}
