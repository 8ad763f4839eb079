/*
 * Every instruction stepped: how reads are recorded. Each is either carried out
 * by the system side or gets its list and its step before the CPU sees it, so
 * nothing has to be protected: it works on every CPU with MTF, page walks are
 * foreseen, and neither a fetch nor a walk is taken for a read of the program.
 */
#include "vmx/vmx.h"

#include "x86/cpu.h"

/* A debug exception that comes before the instruction is the CPU's to raise: it has to be stepped. */
static bool breaks_before(gva_t rip)
{
    return vmread(VMCS_GUEST_PENDING_DEBUG) || (!(vmx.v->rflags & RFLAGS_RF) && trigger_breaks_before(rip));
}

bool single_begin(struct vm_exit *e, bool *ends)
{
    struct code_state c;
    *ends = false;
    if (vmread(VMCS_GUEST_ACTIVITY) != ACTIVITY_ACTIVE)
        return true;
    code_state_load(&c);
    const struct insn *insn = insn_fetch(&c);
    vmx.exit_use = USE_STEP;
    if (insn && !breaks_before(c.rip) && system_carry_out(insn, e, ends))
        return false;
    if (insn)
        system_note_port(insn);
    step_begin(insn, &c, &(struct violation){0});
    return true;
}
