#include "interrupts.h"

#include "console.h"
#include "fixup.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

#define VECTORS 32
#define ENTRY_BYTES 16
#define STACK_BYTES 8192

/* 64-bit interrupt gate (SDM Vol. 3A, 6.14.1). */
struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};
#define PRESENT_INTERRUPT_GATE 0x8e

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

/* As interrupts.asm pushes it. */
struct exception_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};

void load_descriptor_tables(const struct table_pointer *idt);
void exception_handler(struct exception_frame *f);
extern uint8_t exception_entries[];

static struct gate idt[VECTORS];
volatile unsigned host_nmis;

/* Named by interrupts.asm. */
static uint8_t fault_stack[STACK_BYTES] __attribute__((aligned(16), used));
static uint8_t nmi_stack[STACK_BYTES] __attribute__((aligned(16), used));
__asm__(".global fault_stack_top, nmi_stack_top\n"
        ".set fault_stack_top, fault_stack + 8192\n"
        ".set nmi_stack_top, nmi_stack + 8192\n");

static void set_gate(unsigned vector, unsigned ist)
{
    uint64_t entry = (uint64_t)exception_entries + vector * ENTRY_BYTES;
    idt[vector] = (struct gate){.offset_low = (uint16_t)entry,
                                .selector = HOST_CODE_SELECTOR,
                                .ist = (uint8_t)ist,
                                .type = PRESENT_INTERRUPT_GATE,
                                .offset_middle = (uint16_t)(entry >> 16),
                                .offset_high = (uint32_t)(entry >> 32)};
}

void interrupts_init(void)
{
    for (unsigned v = 0; v < VECTORS; v++)
        set_gate(v, v == VECTOR_NMI ? 2 : v == VECTOR_DF ? 1 : 0);
    struct table_pointer pointer = {sizeof idt - 1, (uint64_t)idt};
    load_descriptor_tables(&pointer);
}

uint64_t idt_address(void)
{
    return (uint64_t)idt;
}

static bool fix_up(struct exception_frame *f)
{
    for (const struct fixup *x = fixups; x < fixups_end; x++) {
        if (x->faulting == f->rip) {
            f->rip = x->resume;
            return true;
        }
    }
    return false;
}

void exception_handler(struct exception_frame *f)
{
    if (f->vector == VECTOR_NMI) {
        host_nmis++;
        return;
    }
    if (fix_up(f))
        return;
    panic("exception %lu in the hypervisor at 0x%lx (error code 0x%lx, CR2 0x%lx, RSP 0x%lx, RAX 0x%lx, RDI "
          "0x%lx); "
          "please report this with the console's text",
          f->vector, f->rip, f->error_code, read_cr2(), f->rsp, f->rax, f->rdi);
}
