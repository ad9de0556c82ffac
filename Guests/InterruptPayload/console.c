#include "console.h"

#include "machine.h"

enum { LINE_STATUS = 5, DATA_READY = 1 << 0, TRANSMITTER_EMPTY = 1 << 5 };

static void print_byte(uint8_t byte) {
    while (!(port_read8(PORT_SERIAL + LINE_STATUS) & TRANSMITTER_EMPTY)) relax();
    port_write8(PORT_SERIAL, byte);
}

void print(const char *text) {
    while (*text) print_byte((uint8_t)*text++);
}

static void print_number(uint64_t value, uint32_t base) {
    char digits[21];
    char *next = digits + sizeof digits - 1;
    *next = 0;
    do {
        *--next = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    print(next);
}

void print_decimal(uint64_t value) { print_number(value, 10); }

void print_hex(uint64_t value) {
    print("0x");
    print_number(value, 16);
}

bool is_typed(void) {
    if (!(port_read8(PORT_SERIAL + LINE_STATUS) & DATA_READY)) return false;
    port_read8(PORT_SERIAL);
    return true;
}

_Noreturn void finish(uint32_t verdict) {
    for (;;) {
        port_write32(PORT_VERDICT, verdict);
        __asm__ volatile("cli\n\thlt");
    }
}
