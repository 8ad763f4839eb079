#include "exit.h"

#include "control.h"
#include "cpuid.h"
#include "deliver.h"
#include "fixup.h"
#include "guest_uart.h"
#include "hypercall.h"
#include "monitor/monitor.h"
#include "ports.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

static void exit_cpuid(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    engine->save_state(v);
    struct cpuid r = guest_cpuid(cpuid, (uint32_t)v->gpr[RAX], (uint32_t)v->gpr[RCX], v->cr4);
    v->gpr[RAX] = r.eax;
    v->gpr[RBX] = r.ebx;
    v->gpr[RCX] = r.ecx;
    v->gpr[RDX] = r.edx;
    engine->advance(v, e);
}

/* Only MSRs that Engram hides come here: they do not exist for the guest (SDM Vol. 4: #GP), but for
 * FEATURE_CONTROL, which reads as locked with VMX off, as firmware leaves it where VMX is not wanted. */
static void exit_msr(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    if (e->kind == EXIT_RDMSR && (uint32_t)v->gpr[RCX] == IA32_FEATURE_CONTROL) {
        v->gpr[RAX] = 1;
        v->gpr[RDX] = 0;
        engine->advance(v, e);
        return;
    }
    engine->inject_exception(v, VECTOR_GP, true, 0);
}

/* XCR0 is the guest's alone: the hypervisor uses no extended state. Which combinations are valid the CPU
 * knows. */
static void exit_xsetbv(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    uint64_t value = v->gpr[RDX] << 32 | (uint32_t)v->gpr[RAX];
    write_cr4(read_cr4() | CR4_OSXSAVE);
    if ((value & ~guest_xcr0_mask(cpuid)) || !try_xsetbv((uint32_t)v->gpr[RCX], value)) {
        engine->inject_exception(v, VECTOR_GP, true, 0);
        return;
    }
    v->xcr0 = xgetbv(0);
    engine->advance(v, e);
}

static void exit_hypercall(const struct engine *engine, struct vcpu *v, const struct vm_exit *e)
{
    engine->save_state(v);
    if (hypercall_execute(engine, v))
        engine->advance(v, e);
    else
        engine->inject_exception(v, VECTOR_UD, false, 0);
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
    case EXIT_TEXT:
        for (size_t i = 0; i < e->sent.bytes; i++)
            control_console_byte(e->sent.text[i]);
        break;
    case EXIT_HYPERCALL:
        exit_hypercall(engine, v, e);
        break;
    case EXIT_POLL:
        guest_uart_poll();
        monitor_poll(v);
        control_poll();
        deliver_poll();
        break;
    case EXIT_TRIGGER:
        control_trigger(e->trigger);
        break;
    case EXIT_COUNT:
        control_count();
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
