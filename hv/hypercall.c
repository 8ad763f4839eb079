/*
 * Hypercalls may come from any program of the guest: whatever the registers hold,
 * only the recording changes, and the guest learns of the machine no more than the
 * address of its own page tables.
 */
#include "hypercall.h"

#include "control.h"
#include "hypercall_numbers.h"
#include "trace/filter.h"
#include "trace/format.h"
#include "trace/hook.h"
#include "x86/cpu.h"

static const struct options *options;

void hypercall_init(const struct options *o)
{
    options = o;
}

static void set32(struct vcpu *v, enum gpr r, uint64_t value)
{
    v->gpr[r] = (uint32_t)value;
}

static enum hypercall_result query(struct vcpu *v)
{
    uint64_t events = control_events();
    set32(v, RBX,
          HYPERCALL_VERSION | (control_is_recording() ? HYPERCALL_IS_RECORDING : 0) |
              (options->record & RECORD_READS ? HYPERCALL_READS : 0) |
              (options->record & RECORD_WRITES ? HYPERCALL_WRITES : 0) |
              (control_filter()->has_cr3 ? HYPERCALL_PROCESSES : 0));
    set32(v, RCX, events);
    set32(v, RDX, events >> 32);
    return HYPERCALL_DONE;
}

static enum hypercall_result mark(const struct engine *engine, struct vcpu *v)
{
    static char text[HYPERCALL_MARK_MAX];
    uint32_t bytes = (uint32_t)v->gpr[RDX];
    if (bytes > sizeof text)
        return HYPERCALL_BAD_ARGUMENT;
    gva_t at = v->efer & EFER_LMA ? v->gpr[RSI] : (uint32_t)v->gpr[RSI];
    if (!engine->read_guest(v, at, text, bytes))
        return HYPERCALL_BAD_ADDRESS;
    control_before_mark(text, bytes);
    if (!control_is_recording())
        return HYPERCALL_NOT_RECORDING;
    hook_mark(MARK_HYPERCALL, text, bytes);
    control_after_mark(text, bytes);
    return HYPERCALL_DONE;
}

/* A process may have two tables, one for the kernel and one for its program: the other's address is said by
 * what is different in it. */
static enum hypercall_result add_process(struct vcpu *v)
{
    uint64_t other = v->gpr[RDX], cr3 = (v->cr3 & CR3_ADDRESS) ^ other;
    if (other & ~CR3_ADDRESS)
        return HYPERCALL_BAD_ARGUMENT;
    if (!control_add_process(cr3))
        return HYPERCALL_FULL;
    set32(v, RBX, cr3);
    set32(v, RDX, cr3 >> 32);
    return HYPERCALL_DONE;
}

static enum hypercall_result remove_process(const struct vcpu *v)
{
    if (v->gpr[RDX] & ~CR3_ADDRESS)
        return HYPERCALL_BAD_ARGUMENT;
    control_remove_process(v->gpr[RDX]);
    return HYPERCALL_DONE;
}

static enum hypercall_result carry_out(const struct engine *engine, struct vcpu *v)
{
    switch ((uint32_t)v->gpr[RCX]) {
    case HYPERCALL_QUERY:
        return query(v);
    case HYPERCALL_START:
        control_start();
        return HYPERCALL_DONE;
    case HYPERCALL_STOP:
        control_pause();
        return HYPERCALL_DONE;
    case HYPERCALL_MARK:
        return mark(engine, v);
    case HYPERCALL_ADD_PROCESS:
        return add_process(v);
    case HYPERCALL_REMOVE_PROCESS:
        return remove_process(v);
    case HYPERCALL_ALL_PROCESSES:
        control_all_processes();
        return HYPERCALL_DONE;
    default:
        return HYPERCALL_UNKNOWN;
    }
}

/* SS.DPL is the CPL in every mode (SDM Vol. 3C, 25.4.1). */
static bool may_call(const struct vcpu *v)
{
    unsigned cpl = v->seg[SEG_SS].access >> SEGMENT_DPL_SHIFT & 3;
    return options->hypercalls == HYPERCALLS_USER || (options->hypercalls == HYPERCALLS_KERNEL && cpl == 0);
}

bool hypercall_execute(const struct engine *engine, struct vcpu *v)
{
    if ((uint32_t)v->gpr[RAX] != HYPERCALL_MAGIC || !may_call(v))
        return false;
    enum hypercall_result result = carry_out(engine, v);
    set32(v, RAX, result);
    return true;
}
