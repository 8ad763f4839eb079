/*
 * Events that are due: exceptions (all exit while recording), interrupts and
 * NMIs whose delivery ran into a locked page, interrupts that were held during
 * a step or ended a HLT, and what the core injects. Which comes next, and when
 * the guest can take it.
 */
#include "vmx/vmx.h"

#include "vmx/caps.h"
#include "x86/cpu.h"
#include "x86/debug.h"
#include "x86/exceptions.h"

void event_set(uint8_t vector, enum interruption_type type, bool has_error, uint32_t error, uint8_t length)
{
    vmx.event = (struct pending_event){.valid = true,
                                       .vector = vector,
                                       .type = (uint8_t)type,
                                       .has_error = has_error,
                                       .error = error,
                                       .length = length};
}

static enum interruption_type type_of(uint32_t info)
{
    return info >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK;
}

/*
 * An interrupt's frame shows RF set only if it came between two iterations of a REP (SDM Vol. 3B, 17.3.1.1).
 * The SDM wants the exit to save just that value (Vol. 3C, 28.3.3), but Bochs 3.0 saves RF set. Where no
 * breakpoint of the guest depends on RF, it is put right.
 */
static void correct_resume_flag(void)
{
    struct code_state c;
    if (!(vmx.v->rflags & RFLAGS_RF) || (guest_dr7() & DR7_ENABLES))
        return;
    code_state_load(&c);
    const struct insn *insn = insn_fetch(&c);
    if (insn && !insn->rep)
        vmx.v->rflags &= ~RFLAGS_RF;
}

void event_requeue(uint32_t idt_vectoring)
{
    enum interruption_type type = type_of(idt_vectoring);
    if (type == EVENT_EXTERNAL || type == EVENT_NMI)
        correct_resume_flag();
    bool software = type >= EVENT_SOFTWARE_INTERRUPT;
    bool has_error = idt_vectoring & INTERRUPTION_ERROR_CODE;
    event_set((uint8_t)idt_vectoring, type, has_error,
              has_error ? (uint32_t)vmread(VMCS_IDT_VECTORING_ERROR) : 0,
              software ? (uint8_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH) : 0);
    counters.events_requeued++;
}

/* The blocking that IRET ended comes back with it (SDM Vol. 3C, 28.2.3). */
void event_nmi_unblocked(void)
{
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, vmread(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKED_BY_NMI);
}

/* SDM Vol. 3A, table 6-5: what a second exception makes of a first one. */
enum combination { SERIAL, DOUBLE_FAULT, TRIPLE_FAULT };
static enum combination combine(uint32_t first_info, uint8_t second)
{
    uint8_t first = (uint8_t)first_info;
    bool second_counts = is_contributory(second) || second == VECTOR_PF;
    if (!(first_info & INTERRUPTION_VALID) || type_of(first_info) != EVENT_HARDWARE_EXCEPTION)
        return SERIAL;
    if (first == VECTOR_DF)
        return second_counts ? TRIPLE_FAULT : SERIAL;
    if (is_contributory(first) && is_contributory(second))
        return DOUBLE_FAULT;
    if (first == VECTOR_PF && second_counts)
        return DOUBLE_FAULT;
    return SERIAL;
}

/* What the CPU leaves to whoever intercepts #DB and #PF (SDM Vol. 3C, 28.1). */
static void load_debug_state(uint64_t bits)
{
    uint64_t dr6 = read_dr6();
    dr6 = (dr6 & ~(DR6_BREAKPOINTS | DR6_RTM)) | (bits & (DR6_BREAKPOINTS | DR6_BD | DR6_BS | DR6_BT));
    write_dr6(dr6 | (bits & DR6_RTM ? 0 : DR6_RTM));
    guest_set_dr7(guest_dr7() & ~DR7_GD);
}

/* What a HLT waits for is there: it is over. */
static void end_wait(void)
{
    if (!vmx.halted)
        return;
    vmx_set_pin(PIN_EXTERNAL_INTERRUPT, false);
    if (vmx.v->rip == vmx.halted_at) /* a breakpoint may have led away */
        vmx_skip_instruction(vmx.halted);
    vmx.halted = 0;
}

/*
 * Without the activity state HLT, RIP stays at the HLT, which exits again and again, until an exit tells of
 * an interrupt or NMI. The instruction behind an STI is blocked no longer: it would wait for ever.
 */
static void wait_at_hlt(unsigned hlt_bytes)
{
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~(uint64_t)(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
    vmx_set_pin(PIN_EXTERNAL_INTERRUPT, true);
    vmx.halted = hlt_bytes;
    vmx.halted_at = vmx.v->rip;
}

void event_wait(unsigned hlt_bytes)
{
    bool is_due = vmx.nmi_pending || vmx.held_count || (vmx.v->rflags & RFLAGS_TF);
    if (!is_due && !vmx_caps.has_hlt_state) {
        wait_at_hlt(hlt_bytes);
        return;
    }
    vmx_skip_instruction(hlt_bytes);
    if (!is_due)
        vmwrite(VMCS_GUEST_ACTIVITY, ACTIVITY_HLT);
}

void event_offer_held(void)
{
    vmx_set_proc(PROC_INTERRUPT_WINDOW, vmx.held_count != 0 && !vmx.steps_all);
}

bool event_hold_interrupt(void)
{
    counters.interrupts_held++;
    if (vmx.held_count == HELD_INTERRUPTS_MAX)
        return false;
    vmx.held[vmx.held_count++] = (uint8_t)vmread(VMCS_EXIT_INTERRUPTION_INFO);
    end_wait();
    if (vmx.step == STEP_NONE)
        event_offer_held();
    return true;
}

void event_interrupt_window(void)
{
    event_set(vmx.held[--vmx.held_count], EVENT_EXTERNAL, false, 0, 0);
    event_offer_held();
}

static bool handle_nmi(const struct exit_info *x)
{
    if (x->idt_vectoring & INTERRUPTION_VALID)
        event_requeue(x->idt_vectoring);
    else if (vmx.step == STEP_NONE)
        correct_resume_flag();
    if (vmx.step != STEP_NONE)
        counters.nmis_held++;
    vmx.nmi_pending = true;
    return false;
}

static bool handle_debug(uint64_t bits, struct vm_exit *e)
{
    enum trigger t;
    if (!trigger_hit(&bits, &t)) {
        load_debug_state(bits);
        return false;
    }
    e->kind = EXIT_TRIGGER;
    e->trigger = t;
    if (trigger_leaves(bits)) {
        load_debug_state(bits);
        event_set(VECTOR_DB, EVENT_HARDWARE_EXCEPTION, false, 0, 0);
    } else {
        vmx.v->rflags |= RFLAGS_RF; /* or it would hit again at once */
    }
    return true;
}

bool event_exception_exit(const struct exit_info *x, struct vm_exit *e)
{
    uint32_t info = (uint32_t)vmread(VMCS_EXIT_INTERRUPTION_INFO);
    uint8_t vector = (uint8_t)info;
    if (type_of(info) == EVENT_NMI)
        return handle_nmi(x);

    step_abandon();
    if ((info & INTERRUPTION_NMI_UNBLOCKED) && !(x->idt_vectoring & INTERRUPTION_VALID) &&
        vector != VECTOR_DF)
        event_nmi_unblocked();
    if (vector == VECTOR_DB && handle_debug(x->qualification, e))
        return true;
    /* Also of a page fault that ends in #DF (SDM Vol. 3A, interrupt 14). */
    if (vector == VECTOR_PF)
        write_cr2(x->qualification);
    switch (combine(x->idt_vectoring, vector)) {
    case TRIPLE_FAULT:
        e->kind = EXIT_TRIPLE_FAULT;
        return true;
    case DOUBLE_FAULT:
        event_set(VECTOR_DF, EVENT_HARDWARE_EXCEPTION, true, 0, 0);
        return false;
    case SERIAL:
        break;
    }
    bool has_error = info & INTERRUPTION_ERROR_CODE;
    enum interruption_type type = type_of(info);
    event_set(vector, type, has_error, has_error ? (uint32_t)vmread(VMCS_EXIT_ERROR_CODE) : 0,
              type >= EVENT_SOFTWARE_INTERRUPT ? (uint8_t)vmread(VMCS_EXIT_INSTRUCTION_LENGTH) : 0);
    return false;
}

static void inject(void)
{
    const struct pending_event *p = &vmx.event;
    bool has_error = p->has_error && (vmread(VMCS_GUEST_CR0) & CR0_PE);
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t clear = BLOCKED_BY_STI | BLOCKED_BY_MOV_SS | (p->type == EVENT_NMI ? BLOCKED_BY_NMI : 0u);

    if (blocked & clear)
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~clear);
    vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, p->vector | (uint32_t)p->type << INTERRUPTION_TYPE_SHIFT |
                                              (has_error ? INTERRUPTION_ERROR_CODE : 0) | INTERRUPTION_VALID);
    if (has_error)
        vmwrite(VMCS_ENTRY_ERROR_CODE, p->error);
    if (p->type >= EVENT_SOFTWARE_INTERRUPT)
        vmwrite(VMCS_ENTRY_INSTRUCTION_LENGTH, p->length);
    /* The frame shows RF set for faults and clear for software events (SDM Vol. 3B, 17.3.1.1). */
    if (p->type == EVENT_HARDWARE_EXCEPTION && is_plain_fault(p->vector))
        vmx.v->rflags |= RFLAGS_RF;
    else if (p->type >= EVENT_SOFTWARE_INTERRUPT)
        vmx.v->rflags &= ~RFLAGS_RF;
    vmx.event.valid = false;
}

/* An NMI waits until no step is under way and the guest can take it. STI does not hold it back: a CPU may
 * give the NMI-window exit although STI blocks (SDM Vol. 3C, 26.2), and would give it again for ever. */
static void offer_nmi(void)
{
    if (vmx.step != STEP_NONE)
        return;
    if (vmread(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKED_BY_NMI | BLOCKED_BY_MOV_SS)) {
        vmx_set_proc(PROC_NMI_WINDOW, true);
        return;
    }
    vmx_set_proc(PROC_NMI_WINDOW, false);
    end_wait();
    vmx.nmi_pending = false;
    event_set(VECTOR_NMI, EVENT_NMI, false, 0, 0);
}

/* What an interrupt has interrupted gets on even where the next one waits already: a step takes so long that
 * it may always do. */
#define INSTRUCTIONS_BETWEEN_INTERRUPTS 8u

/* Asked before each instruction: reckoned from the first one at which the guest could be interrupted again.
 */
static bool goes_on_first(bool open)
{
    bool waits = vmx.halted || vmread(VMCS_GUEST_ACTIVITY) != ACTIVITY_ACTIVE;
    bool first = vmx.going_on != 0;
    if (open && vmx.interrupted) {
        vmx.interrupted = false;
        vmx.going_on = INSTRUCTIONS_BETWEEN_INTERRUPTS;
        first = true;
    }
    if (vmx.going_on)
        vmx.going_on--;
    return first && !waits && !(vmx.v->rflags & RFLAGS_TF);
}

/* Where every instruction is stepped interrupts exit when the guest would take them, and only then. */
void event_take_interrupts(void)
{
    uint64_t blocked = vmread(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS);
    bool open = (vmx.v->rflags & RFLAGS_IF) && !blocked;
    if (goes_on_first(open))
        open = false;
    if (open && vmx.held_count && !vmx.event.valid) {
        event_set(vmx.held[--vmx.held_count], EVENT_EXTERNAL, false, 0, 0);
        vmx.interrupted = true;
    }
    vmx_set_pin(PIN_EXTERNAL_INTERRUPT, open);
}

bool event_may_wait(void)
{
    bool unseen = vmx.steps_all && (vmx.pin & PIN_EXTERNAL_INTERRUPT) && !vmx.looked;
    vmx.looked = false;
    return unseen;
}

bool event_prepare_entry(struct vm_exit *e)
{
    if (vmx.nmi_pending && !vmx.event.valid)
        offer_nmi();
    if (!vmx.event.valid)
        return false;
    if (!vmx.event.to_task && (!vmx.recording || vmx.step != STEP_NONE)) {
        inject();
        return false;
    }
    const struct pending_event due = vmx.event;
    vmx.event.valid = false;
    vmx.exit_use = USE_EVENT;
    return system_deliver(&due, e);
}
