#include "exit.h"

#include "control.h"
#include "guest_uart.h"
#include "ports.h"
#include "x86/cpu.h"

#define EXCEPTION_GP 13
#define EXCEPTION_UD 6

#define CPUID_1_ECX_VMX (1u << 5)
#define CPUID_1_ECX_OSXSAVE (1u << 27)

/* The machine's CPUID less what Engram keeps for itself. OSXSAVE mirrors the guest's CR4, not the host's. */
static void exit_cpuid(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    uint32_t leaf = (uint32_t)v->gpr[RAX];
    struct cpuid r = cpuid(leaf, (uint32_t)v->gpr[RCX]);
    if (leaf == 1) {
        engine->save_state(v);
        r.ecx &= ~(CPUID_1_ECX_VMX | CPUID_1_ECX_OSXSAVE);
        if (v->cr4 & CR4_OSXSAVE)
            r.ecx |= CPUID_1_ECX_OSXSAVE;
    }
    v->gpr[RAX] = r.eax;
    v->gpr[RBX] = r.ebx;
    v->gpr[RCX] = r.ecx;
    v->gpr[RDX] = r.edx;
    engine->advance(v, e);
}

/* Only MSRs that Engram hides come here: they do not exist for the guest (SDM Vol. 4: #GP), but for FEATURE_CONTROL,
 * which reads as locked with VMX off, as firmware leaves it where VMX is not wanted. */
static void exit_msr(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    if (e->kind == EXIT_RDMSR && (uint32_t)v->gpr[RCX] == IA32_FEATURE_CONTROL) {
        v->gpr[RAX] = 1;
        v->gpr[RDX] = 0;
        engine->advance(v, e);
        return;
    }
    engine->inject_exception(v, EXCEPTION_GP, true, 0);
}

/* XCR0 is the guest's alone: the hypervisor uses no extended state. Checks as in SDM Vol. 2D, XSETBV. */
static void exit_xsetbv(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    uint64_t value = v->gpr[RDX] << 32 | (uint32_t)v->gpr[RAX];
    struct cpuid supported = cpuid(0xd, 0);
    uint64_t valid = (uint64_t)supported.edx << 32 | supported.eax;
    const uint64_t sse = 1u << 1, avx = 1u << 2, avx512 = 7u << 5, bnd = 3u << 3;
    bool ok = (uint32_t)v->gpr[RCX] == 0 && (value & XCR0_X87) && !(value & ~valid) && !((value & avx) && !(value & sse)) &&
              !((value & avx512) && ((value & avx512) != avx512 || !(value & avx))) &&
              !((value & bnd) && (value & bnd) != bnd);
    if (!ok) {
        engine->inject_exception(v, EXCEPTION_GP, true, 0);
        return;
    }
    write_cr4(read_cr4() | CR4_OSXSAVE);
    xsetbv(0, value);
    v->xcr0 = value;
    engine->advance(v, e);
}

void handle_exit(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    switch (e->kind) {
    case EXIT_IO:
        ports_exit(engine, v, e);
        break;
    case EXIT_CPUID:
        exit_cpuid(engine, v, e);
        break;
    case EXIT_RDMSR:
    case EXIT_WRMSR:
        exit_msr(engine, v, e);
        break;
    case EXIT_XSETBV:
        exit_xsetbv(engine, v, e);
        break;
    case EXIT_HYPERCALL:
        engine->inject_exception(v, EXCEPTION_UD, false, 0);
        break;
    case EXIT_POLL:
        guest_uart_poll();
        control_poll();
        break;
    case EXIT_TRIGGER:
        control_trigger(e->trigger);
        break;
    case EXIT_HLT:
        control_end("the guest halted with interrupts off");
        break;
    case EXIT_TRIPLE_FAULT:
        control_end("the guest triple-faulted");
        break;
    case EXIT_RESET:
        control_end("the guest reset the processor (INIT)");
        break;
    case EXIT_FATAL:
        control_end("%s", e->text);
        break;
    }
}
