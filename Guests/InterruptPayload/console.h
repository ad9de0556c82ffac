#pragma once
// Text at the serial port.

#include <stdbool.h>
#include <stdint.h>

void print(const char *text);
void print_decimal(uint64_t value);
void print_hex(uint64_t value);

// Takes a byte that was typed; false if none was.
bool is_typed(void);

// Ends the machine with a verdict: 0 for success.
_Noreturn void finish(uint32_t verdict);
