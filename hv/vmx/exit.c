/* VM exits: from the reason to what is done. */
#include "vmx/vmx.h"

#include "console.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

bool vmx_fatal(const struct exit_info *x, struct vm_exit *e, const char *what)
{
    static char text[160];
    step_abandon();
    format_text(text, sizeof text, "%s (VM exit %u at RIP 0x%lx)", what, x->reason & EXIT_REASON_MASK,
                (unsigned long)vmx.v->rip);
    printk(
        "engram: VM exit %u, qualification 0x%lx, IDT-vectoring 0x%x, guest-physical 0x%lx, linear 0x%lx\n",
        x->reason, (unsigned long)x->qualification, x->idt_vectoring,
        (unsigned long)vmread(VMCS_GUEST_PHYSICAL_ADDRESS), (unsigned long)vmread(VMCS_GUEST_LINEAR_ADDRESS));
    printk("engram: interruption 0x%lx, interruptibility 0x%lx, activity %lu, controls 0x%x 0x%x, step %u\n",
           (unsigned long)vmread(VMCS_EXIT_INTERRUPTION_INFO),
           (unsigned long)vmread(VMCS_GUEST_INTERRUPTIBILITY), (unsigned long)vmread(VMCS_GUEST_ACTIVITY),
           vmx.pin, vmx.proc, vmx.step);
    e->kind = EXIT_FATAL;
    e->text = text;
    return true;
}

static unsigned instruction_length(void)
{
    return (unsigned)vmread(VMCS_EXIT_INSTRUCTION_LENGTH);
}

static bool to_core(struct vm_exit *e, enum exit_kind kind)
{
    e->kind = kind;
    e->instruction_bytes = (uint8_t)instruction_length();
    return true;
}

static bool end(struct vm_exit *e, enum exit_kind kind)
{
    step_abandon();
    e->kind = kind;
    return true;
}

/* With IF=1 the CPU waits for the interrupt itself, in the activity state HLT. */
static bool handle_hlt(struct vm_exit *e)
{
    if (!(vmx.v->rflags & RFLAGS_IF))
        return to_core(e, EXIT_HLT);
    event_wait(instruction_length());
    return false;
}

/* Exit qualification of I/O instructions (SDM Vol. 3C, table 28-5). */
static bool handle_io(const struct exit_info *x, struct vm_exit *e)
{
    uint64_t q = x->qualification;
    e->io.port = (uint16_t)(q >> 16);
    e->io.size = (uint8_t)((q & 7) + 1);
    e->io.in = q & 8;
    e->io.string = q & 16;
    e->io.rep = q & 32;
    if (e->io.string) {
        /* Address size: bits 7 to 9 of the instruction information (table 28-9). */
        e->io.address_bytes = (uint8_t)(2u << (vmread(VMCS_EXIT_INSTRUCTION_INFO) >> 7 & 7));
        e->io.linear = vmread(VMCS_GUEST_LINEAR_ADDRESS);
        uint64_t mask = e->io.address_bytes == 8 ? ~0ull : (1ull << (8 * e->io.address_bytes)) - 1;
        if (e->io.rep && !(vmx.v->gpr[RCX] & mask)) {
            vmx_skip_instruction(instruction_length());
            return false;
        }
    }
    return to_core(e, EXIT_IO);
}

static bool undefined_opcode(void)
{
    event_set(VECTOR_UD, EVENT_HARDWARE_EXCEPTION, false, 0, 0);
    return false;
}

/* The instruction writes nothing back; the guest's memory must not lose its cache lines. */
static bool handle_invd(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
    vmx_skip_instruction(instruction_length());
    return false;
}

/* Only asked for while a step with TF=1 is under way, where every instruction is stepped, or a HLT waits. */
static bool handle_external_interrupt(const struct exit_info *x, struct vm_exit *e)
{
    if (vmx.steps_all)
        step_abandon(); /* the instruction has not begun */
    if (!event_hold_interrupt())
        return vmx_fatal(x, e, "more interrupts than there are priorities");
    return false;
}

/* With an NMI window the next entry offers the NMI; with the timer the run loop looks at the clock. */
static bool handle_window_or_timer(const struct exit_info *x)
{
    if (x->idt_vectoring & INTERRUPTION_VALID)
        event_requeue(x->idt_vectoring);
    return false;
}

/* By an event through a task gate, or by the instruction at RIP: carried out, whether or not it is recorded.
 */
static bool handle_task_switch(const struct exit_info *x, struct vm_exit *e)
{
    struct code_state c;
    bool ends = false;
    step_abandon();
    if (x->idt_vectoring & INTERRUPTION_VALID) {
        event_requeue(x->idt_vectoring);
        vmx.event.to_task = true;
        return false;
    }
    code_state_load(&c);
    const struct insn *insn = insn_fetch(&c);
    vmx.exit_use = USE_STEP;
    if (!insn || !system_carry_out(insn, e, &ends))
        return vmx_fatal(x, e, "a task switch by an instruction that makes none");
    return ends;
}

static bool handle_mtf(const struct exit_info *x, struct vm_exit *e)
{
    switch (vmx.step) {
    case STEP_INSTRUCTION:
        vmx.exit_use = USE_STEP;
        step_finish();
        return false;
    case STEP_UNTRACED:
        step_finish();
        return false;
    default:
        return vmx_fatal(x, e, "an MTF exit without a step");
    }
}

static bool ends_instruction(const struct exit_info *x, struct vm_exit *e)
{
    step_abandon(); /* nothing of the instruction happened */
    if (x->idt_vectoring & INTERRUPTION_VALID)
        event_requeue(x->idt_vectoring);
    switch (x->reason) {
    case REASON_CPUID:
        return to_core(e, EXIT_CPUID);
    case REASON_HLT:
        return handle_hlt(e);
    case REASON_INVD:
        return handle_invd();
    case REASON_VMCALL:
        return to_core(e, EXIT_HYPERCALL);
    case REASON_CR_ACCESS:
        return vmx_cr_access(x, e);
    case REASON_MOV_DR:
        vmx_mov_dr(x);
        return false;
    case REASON_IO:
        return handle_io(x, e);
    case REASON_RDMSR:
        return to_core(e, EXIT_RDMSR);
    case REASON_WRMSR:
        return to_core(e, EXIT_WRMSR);
    case REASON_XSETBV:
        return to_core(e, EXIT_XSETBV);
    case REASON_GETSEC:
    case REASON_INVEPT:
    case REASON_INVVPID:
        return undefined_opcode();
    default:
        if (x->reason >= REASON_VMCLEAR && x->reason <= REASON_VMXON)
            return undefined_opcode();
        return vmx_fatal(x, e, "a VM exit that nobody handles");
    }
}

bool vmx_handle_exit(const struct exit_info *x, struct vm_exit *e)
{
    if (x->reason >= REASON_COUNT)
        return vmx_fatal(x, e,
                         x->reason & EXIT_REASON_ENTRY_FAILURE ? "VM entry failed on the guest's state"
                                                               : "a VM exit that nobody handles");
    counters.exits[x->reason]++;

    switch (x->reason) {
    case REASON_EPT_VIOLATION:
        return vmx_ept_violation(x, e);
    case REASON_MTF:
        return handle_mtf(x, e);
    case REASON_EXCEPTION_OR_NMI:
        return event_exception_exit(x, e);
    case REASON_EXTERNAL_INTERRUPT:
        return handle_external_interrupt(x, e);
    case REASON_INTERRUPT_WINDOW:
        event_interrupt_window();
        return false;
    case REASON_NMI_WINDOW:
    case REASON_PREEMPTION_TIMER:
        return handle_window_or_timer(x);
    case REASON_TRIPLE_FAULT:
        return end(e, EXIT_TRIPLE_FAULT);
    case REASON_INIT:
    case REASON_SIPI:
        return end(e, EXIT_RESET);
    case REASON_TASK_SWITCH:
        return handle_task_switch(x, e);
    case REASON_EPT_MISCONFIGURATION:
        return vmx_fatal(x, e, "an EPT entry is malformed");
    default:
        return ends_instruction(x, e);
    }
}
