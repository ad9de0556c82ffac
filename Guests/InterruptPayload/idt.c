#include "apic.h"
#include "console.h"
#include "interrupts.h"

enum { CODE_SELECTOR = 0x10, GATE_PRESENT_INTERRUPT = 0x8e00, STUB_BYTES = 16 };

// Intel SDM volume 3, 6.14.1.
struct gate {
    uint16_t offset_low, selector, attributes, offset_middle;
    uint32_t offset_high, reserved;
};

struct frame {
    uint64_t error, rip, cs, flags, rsp, ss;
};

extern const char interrupt_stubs[];
void interrupt_taken(uint64_t vector, const struct frame *frame);

volatile uint32_t counts[PROCESSORS_MAX][256];
interrupt_handler *volatile pin_handler;
volatile bool ends_at_delivery;
static struct gate gates[256] __attribute__((aligned(16)));

void interrupts_build(void) {
    for (uint32_t vector = 0; vector < 256; vector++) {
        uint64_t stub = (uint64_t)interrupt_stubs + vector * STUB_BYTES;
        gates[vector] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = CODE_SELECTOR,
            .attributes = GATE_PRESENT_INTERRUPT,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
}

void interrupts_load(void) {
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } descriptor = {sizeof gates - 1, (uint64_t)gates};
    __asm__ volatile("lidt %0" : : "m"(descriptor));
}

static _Noreturn void report_exception(uint64_t vector, const struct frame *frame) {
    uint64_t fault_address;
    __asm__ volatile("movq %%cr2, %0" : "=r"(fault_address));
    print("exception ");
    print_decimal(vector);
    print(" on processor ");
    print_decimal(apic_id());
    print(" at ");
    print_hex(frame->rip);
    print(", error ");
    print_hex(frame->error);
    print(", address ");
    print_hex(fault_address);
    print("\n");
    finish(0x1000 + (uint32_t)vector);
}

void interrupt_taken(uint64_t vector, const struct frame *frame) {
    if (vector < 32) report_exception(vector, frame);
    uint32_t processor = apic_id();
    counts[processor][vector] += 1;
    // It sets no bit in service that an end of interrupt could clear (Intel SDM volume 3, 11.9).
    if (vector == VECTOR_SPURIOUS) return;
    if (vector == VECTOR_DRAIN) ends_at_delivery = !apic_is_in_service(VECTOR_DRAIN);
    if (vector == VECTOR_PIN && pin_handler) pin_handler((uint32_t)vector);
    apic_end_of_interrupt();
    // The first processor sleeps until something happens, and this may be what it waits for.
    if (processor != 0) apic_send(0, VECTOR_WAKE);
}
