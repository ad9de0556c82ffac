// Where every processor begins: long mode, ring 0, interrupts off, its own stack in RSP, its index
// in RDI and the address of the payload information in RSI.

    .section .text.entry, "ax", @progbits
    .globl _start
_start:
    xorl %ebp, %ebp
    andq $-16, %rsp
    call payload_start
1:  cli
    hlt
    jmp 1b

// One stub for each vector. Exceptions that push no error code get a 0 in its place, so that all
// frames look alike (Intel SDM volume 3, 6.13).
    .text
    .balign 16
    .globl interrupt_stubs
interrupt_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
    .else
    pushq $0
    .endif
    pushq $vector
    jmp common_stub
    .set vector, vector + 1
    .endr

// Saves what C may change, which is all general registers that it need not preserve; nothing here
// uses any others.
common_stub:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    movq 72(%rsp), %rdi
    leaq 80(%rsp), %rsi
    cld
    // The processor aligned the stack to 16 bytes before it pushed five quadwords; eleven more
    // make it even again.
    call interrupt_taken
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

    .section .note.GNU-stack, "", @progbits
