/*
 * The gate between the core and CPL 3: code and data that are mapped, for the
 * supervisor, in both address spaces.
 */
#ifndef ENGRAM_HV_DBT_GATE_H
#define ENGRAM_HV_DBT_GATE_H

#include "types.h"

/* CPL 3's registers while it does not run, as the gate pushes them. The vector has GATE_NO_ERROR_CODE where
 * the CPU pushed none: that is how interrupts and exceptions with the same vector differ. */
struct gate_context {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};
#define GATE_NO_ERROR_CODE 0x100u

#define GATE_CODE_SELECTOR 0x33u
#define GATE_DATA_SELECTOR 0x2bu

extern struct gate_context gate_context, gate_native_context;
extern uint64_t gate_core_cr3, gate_user_cr3;
extern volatile uint32_t gate_nmis;     /* that came while the core ran */
extern volatile int32_t gate_interrupt; /* vector that ended gate_wait(), -1: none */

/* Which ports CPL 3 must not touch: a bit for each. At first all. */
extern uint8_t gate_ports[];

/* Builds and loads GDT, TSS and an IDT with 256 entries. */
void gate_init(void);

/* Runs CPL 3 from gate_context until an exception or an interrupt. */
void gate_enter(void);

/* Runs CPL 3 from gate_native_context, in the core's address space and with all ports, until an exception. */
void gate_enter_natively(void);
/* Where that begins: calls rax, then raises #UD at gate_native_done. */
extern const uint8_t gate_native_call[], gate_native_done[];

/* Takes interrupts until one has come or the time-stamp counter has reached `until`. */
void gate_wait(uint64_t until);

/* The pages to map: text, and data (written by the core and the CPU only). */
extern uint8_t gate_text_start[], gate_text_end[], gate_data_start[], gate_data_end[];

#endif
