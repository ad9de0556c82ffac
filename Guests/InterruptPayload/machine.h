#pragma once
// The machine as its layout fixes it, and the instructions that C has no words for.

#include <stdbool.h>
#include <stdint.h>

enum {
    PORT_SERIAL = 0x3f8,
    PORT_CONFIG_ADDRESS = 0xcf8,
    PORT_CONFIG_DATA = 0xcfc,
    PORT_VERDICT = 0xf4,
    FIRST_PCI_PIN = 16,
    PCI_SLOTS = 32,
    PROCESSORS_MAX = 1024,
};

#define DEVICE_WINDOW_BASE 0xc0000000ull
#define DEVICE_WINDOW_END 0xe0000000ull
#define HIGH_DEVICE_WINDOW_BASE 0x1000000000ull
#define HIGH_DEVICE_WINDOW_END 0x1400000000ull
#define MESSAGE_WINDOW_BASE 0xfee00000ull

// What the monitor says of the machine, at the address in RSI.
struct payload_information {
    uint32_t magic; // "CAPL"
    uint32_t version;
    uint64_t memory_bytes;
    uint32_t processors;
    uint32_t flags; // bit 0: the interrupt chip is split
    uint64_t config_window;
    uint64_t io_apic;
    uint64_t stack_top;
    uint64_t arguments; // address of a string that ends with NUL
    uint32_t arguments_length;
    uint32_t reserved;
};

#define PAYLOAD_MAGIC 0x4c504143u
#define PAYLOAD_VERSION 1u

extern const struct payload_information *information;

static inline void port_write8(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
}

static inline void port_write32(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %1" : : "a"(value), "d"(port) : "memory");
}

static inline uint8_t port_read8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
    return value;
}

static inline uint32_t port_read32(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "d"(port) : "memory");
    return value;
}

static inline uint64_t msr_read(uint32_t number) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t number, uint64_t value) {
    __asm__ volatile(
        "wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

// Device memory. A `mov` of the width, whatever the optimiser thinks.
static inline uint8_t read8(uint64_t address) {
    uint8_t value;
    __asm__ volatile("movb (%1), %0" : "=q"(value) : "r"(address) : "memory");
    return value;
}

static inline uint16_t read16(uint64_t address) {
    uint16_t value;
    __asm__ volatile("movw (%1), %0" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline uint32_t read32(uint64_t address) {
    uint32_t value;
    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline uint64_t read64(uint64_t address) {
    uint64_t value;
    __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline void write16(uint64_t address, uint16_t value) {
    __asm__ volatile("movw %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

static inline void write32(uint64_t address, uint32_t value) {
    __asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

// Waits for one interrupt or more. STI takes effect after the next instruction (Intel SDM volume 2,
// STI), so that none can come between the two and be slept through.
static inline void halt_once(void) { __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory"); }

static inline void relax(void) { __asm__ volatile("pause" : : : "memory"); }
