/*
 * The core's long work at CPL 3, where CPL 0 is emulated (natively.h). The core's
 * tables are open to CPL 3 then, but nothing of the DBT engine ever runs in them:
 * it has its own (space.c).
 */
#include "console.h"
#include "dbt/dbt_engine.h"
#include "memory.h"
#include "natively.h"
#include "pace.h"
#include "paging.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

static uint8_t stack[KIB(32)] __attribute__((aligned(16)));

static void run(void (*work)(void *context), void *context)
{
    uint8_t vector;
    gate_native_context.rip = (uint64_t)gate_native_call;
    gate_native_context.rax = (uint64_t)work;
    gate_native_context.rdi = (uint64_t)context;
    gate_native_context.rsp = (uint64_t)(stack + sizeof stack);
    gate_native_context.rflags = RFLAGS_ONE;
    gate_native_context.cs = GATE_CODE_SELECTOR;
    gate_native_context.ss = GATE_DATA_SELECTOR;
    do {
        gate_enter_natively();
        vector = (uint8_t)gate_native_context.vector;
        if (vector == VECTOR_NMI)
            gate_nmis++;
    } while (vector == VECTOR_NMI);
    if (vector != VECTOR_UD || gate_native_context.rip != (uint64_t)gate_native_done)
        panic("exception %u in the hypervisor at 0x%lx, which works at CPL 3 here (error code 0x%lx, CR2 "
              "0x%lx); "
              "please report this with the console's text",
              vector, (unsigned long)gate_native_context.rip, (unsigned long)gate_native_context.error_code,
              (unsigned long)read_cr2());
}

void native_init(void)
{
    if (!pace_is_emulated())
        return;
    paging_open_to_cpl3();
    natively_by(run);
}
