#include "registers.h"

#include "console.h"

#define GPRS_PER_LINE 4

void print_registers(const struct vcpu *v)
{
    static const char *const gpr[GPR_COUNT] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                               "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    static const char *const segment[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
    printk("engram: rip %016lx rflags %08lx cr0 %08lx cr2 %lx cr3 %lx cr4 %lx efer %lx\n", v->rip, v->rflags,
           v->cr0, v->cr2, v->cr3, v->cr4, v->efer);
    for (int i = 0; i < GPR_COUNT; i++)
        printk("%s%3s %016lx%s", i % GPRS_PER_LINE == 0 ? "engram: " : " ", gpr[i], v->gpr[i],
               i % GPRS_PER_LINE == GPRS_PER_LINE - 1 ? "\n" : "");
    for (int i = 0; i < SEG_COUNT; i++)
        printk("%s%s %04x base %lx%s", i % GPRS_PER_LINE == 0 ? "engram: " : " | ", segment[i],
               v->seg[i].selector, v->seg[i].base, i % GPRS_PER_LINE == GPRS_PER_LINE - 1 ? "\n" : "");
    printk("engram: gdt %lx+%x idt %lx+%x dr7 %lx\n", v->gdtr.base, v->gdtr.limit, v->idtr.base,
           v->idtr.limit, v->dr7);
}
