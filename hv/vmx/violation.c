/*
 * EPT violations. What they can be:
 *
 *   a write to RAM in the locked view        a traced write: carried out or stepped
 *   the same, with IDT-vectoring             an event on its way: delivered here
 *   hidden memory (plain, locked)            stepped with the sink in its place
 *   nothing mapped                           MMIO beyond the memory map: mapped now
 */
#include "vmx/vmx.h"

#define EPT_VIOLATION_MAPPED (7ull << 3) /* the entry's permissions: none means nothing is mapped */

/* What is no plain store. */
static bool go_on(const struct insn *insn, const struct code_state *c, const struct violation *violation,
                  struct vm_exit *e)
{
    bool ends = false;
    vmx.exit_use = USE_STEP;
    if (!insn || !system_carry_out(insn, e, &ends))
        step_begin(insn, c, violation);
    return ends;
}

static __attribute__((noinline)) bool traced_write(const struct exit_info *x, struct vm_exit *e, gpa_t gpa)
{
    struct code_state c;
    const struct violation violation = {
        .linear = vmread(VMCS_GUEST_LINEAR_ADDRESS),
        .linear_valid = x->qualification & EPT_VIOLATION_LINEAR_VALID,
        .is_write = x->qualification & EPT_VIOLATION_FINAL,
    };

    vmx.exit_use = USE_EMULATED_STORE;
    code_state_load(&c);
    const struct insn *insn = insn_fetch(&c);
    if (insn && violation.is_write && emulate_store(insn, &c, violation.linear, gpa))
        return false;
    return go_on(insn, &c, &violation, e);
}

static bool hidden_touch(const struct exit_info *x, struct vm_exit *e, gpa_t gpa)
{
    if (x->idt_vectoring & INTERRUPTION_VALID)
        event_requeue(x->idt_vectoring);
    if (!vmx.recording) {
        step_touches_sink(gpa);
        step_begin_untraced();
        return false;
    }
    if (x->idt_vectoring & INTERRUPTION_VALID)
        return false;
    struct code_state c;
    code_state_load(&c);
    bool ends = go_on(insn_fetch(&c), &c, &(struct violation){0}, e);
    if (vmx.step == STEP_INSTRUCTION)
        step_touches_sink(gpa); /* if the list does not say so */
    return ends;
}

static __attribute__((noinline)) bool other_violation(const struct exit_info *x, struct vm_exit *e, gpa_t gpa)
{
    bool delivering = x->idt_vectoring & INTERRUPTION_VALID;

    if (!delivering && (x->qualification & EPT_VIOLATION_NMI_UNBLOCKED))
        event_nmi_unblocked();
    if (!(x->qualification & EPT_VIOLATION_MAPPED)) {
        if (ept_is_hidden(gpa))
            return hidden_touch(x, e, gpa);
        if (!ept_map_device(gpa))
            return vmx_fatal(x, e, "the guest's access to physical memory cannot be mapped");
        counters.device_maps++;
        if (delivering)
            event_requeue(x->idt_vectoring);
        return false;
    }
    if (vmx.step != STEP_NONE || !vmx.recording || !(x->qualification & EPT_VIOLATION_WRITE))
        return vmx_fatal(x, e, "an EPT violation that should not be");
    if (delivering) {
        vmx.exit_use = USE_EVENT;
        event_requeue(x->idt_vectoring);
        return false;
    }
    return traced_write(x, e, gpa);
}

/* By far the most are writes that nothing complicates; where something does, the order of the questions
 * matters. */
bool vmx_ept_violation(const struct exit_info *x, struct vm_exit *e)
{
    gpa_t gpa = vmread(VMCS_GUEST_PHYSICAL_ADDRESS);
    uint64_t q = x->qualification;
    bool plain = (q & (EPT_VIOLATION_WRITE | EPT_VIOLATION_NMI_UNBLOCKED)) == EPT_VIOLATION_WRITE &&
                 (q & EPT_VIOLATION_MAPPED) && !(x->idt_vectoring & INTERRUPTION_VALID);
    if (plain && vmx.step == STEP_NONE && vmx.recording)
        return traced_write(x, e, gpa);
    return other_violation(x, e, gpa);
}
