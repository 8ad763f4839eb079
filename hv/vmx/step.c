/*
 * One instruction (of a REP: one iteration) under the open view, ended by the
 * MTF exit. Before it, its accesses are listed and located; after it, what
 * memory holds is recorded.
 *
 * Nothing else may happen in between. An interrupt delivered first would make
 * the MTF exit come before the instruction, for ever if interrupts come fast.
 * With IF=1 the guest therefore gets blocking-by-STI for this one instruction.
 * With TF=1 that would need a pending single-step exception at VM entry (SDM
 * Vol. 3C, 27.3.1.5). Then an interrupt exits instead and is acknowledged; the
 * step goes on, and the interrupt is delivered at the next boundary at which
 * the guest takes one (event.c). What the CPU takes from the interrupt
 * controller meanwhile has a higher priority than what it took before, so these
 * exits come to an end.
 */
#include "vmx/vmx.h"

#include "console.h"
#include "trace/hook.h"
#include "x86/cpu.h"

static struct {
    struct origin origin;
    unsigned count;
    struct location place[ACCESS_LIST_MAX];
    uint8_t flags[ACCESS_LIST_MAX];
    uint64_t interruptibility; /* as it was, if changed */
    bool blocked_interrupts, exits_interrupts;
    bool sink; /* to be made clean afterwards */
} step;

void step_open(void)
{
    vmx_set_view(VIEW_OPEN);
    vmx_set_proc(PROC_MTF, true);
}

void step_close(void)
{
    vmx_set_view(vmx_resting_view());
    vmx_set_proc(PROC_MTF, false);
    vmx.step = STEP_NONE;
    if (step.sink) {
        ept_clean_sink();
        step.sink = false;
    }
}

void step_touches_sink(gpa_t p)
{
    if (step.sink)
        return;
    step.sink = true;
    if (counters.sink_touches++ == 0)
        printk("engram: the guest touched hidden memory at 0x%lx (RIP 0x%lx): it reads ones, writes are "
               "dropped; "
               "further touches are only counted\n",
               (unsigned long)p, (unsigned long)vmx.v->rip);
}

static void hold_interrupts(void)
{
    step.blocked_interrupts = step.exits_interrupts = false;
    if (!(vmx.v->rflags & RFLAGS_IF))
        return;
    step.interruptibility = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    if (step.interruptibility & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS))
        return;
    if (vmx.v->rflags & RFLAGS_TF) {
        vmx_set_pin(PIN_EXTERNAL_INTERRUPT, true);
        step.exits_interrupts = true;
    } else {
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, step.interruptibility | BLOCKED_BY_STI);
        step.blocked_interrupts = true;
    }
}

/* `completed`: the CPU has ended the blocking itself. */
static void release_interrupts(bool completed)
{
    if (step.exits_interrupts) {
        vmx_set_pin(PIN_EXTERNAL_INTERRUPT, false);
        event_offer_held();
    }
    if (step.blocked_interrupts && !completed) {
        uint64_t now = vmread(VMCS_GUEST_INTERRUPTIBILITY);
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, now & ~(uint64_t)BLOCKED_BY_STI);
    }
    step.blocked_interrupts = step.exits_interrupts = false;
}

/* The write half of a read-modify-write stands right behind its read: the CPU walks once, for the write. */
static bool modified_next(const struct access_list *list, unsigned i)
{
    const struct insn_access *next = &list->a[i + 1];
    return i + 1 < list->count && next->kind == ACCESS_WRITE && next->linear == list->a[i].linear;
}

static void find(struct location *p, const struct code_state *c, const struct insn_access *a)
{
    location_find(p, &c->paging, a->linear, a->size);
    if (p->hidden)
        step_touches_sink(p->hidden);
}

static void before_write(const struct location *p)
{
    unsigned first = p->crosses ? (unsigned)(PAGE_SIZE - (p->gpa & ~PAGE_MASK)) : p->size;
    if (!p->traced)
        return;
    hook_overwrite(p->gpa, first);
    hook_overwrite(p->gpa2, p->size - first);
}

/* A masked store may exit for a byte that its mask leaves out: Bochs 3.0 writes such a byte back. */
static bool masked_store_reaches(const struct insn *insn, gva_t linear)
{
    const struct insn_lanes *l = &insn->lanes;
    return insn->form == FORM_LANES && l->kind != LANES_INDEXED &&
           linear - insn_linear(insn, &insn->memory[0], vmx.v) < (unsigned)l->elements * l->bytes;
}

static void note_accesses(const struct insn *insn, const struct code_state *c,
                          const struct violation *violation)
{
    struct access_list list;
    bool explained = !violation->is_write || masked_store_reaches(insn, violation->linear);
    bool loads_segment = insn->loads_segment;

    insn_accesses(insn, vmx.v, vector_environment(), &list);
    if (list.incomplete)
        counters.incomplete_lists++;
    for (unsigned i = 0; i < list.count; i++) {
        const struct insn_access *a = &list.a[i];
        struct location *p = &step.place[step.count];
        if (a->kind != ACCESS_WRITE) {
            if (!modified_next(&list, i))
                tables_note(a->linear, a->size, false);
            if (step.count) /* what is read before the first write would have exited by itself */
                find(p, c, a);
            continue;
        }
        if (loads_segment) /* before the far call's pushes */
            tables_note_segment_load(violation->linear);
        loads_segment = false;
        find(p, c, a);
        before_write(p);
        step.flags[step.count++] = a->flags;
        tables_note(a->linear, a->size, true);
        explained = explained || violation->linear - a->linear < a->size;
    }
    if (loads_segment)
        tables_note_segment_load(violation->linear);
    if (!explained && !tables_explain(violation->linear) && counters.unexplained_writes++ == 0)
        printk("engram: warning: the write to 0x%lx by the instruction at 0x%lx (%02x %02x %02x) is not "
               "understood and "
               "not recorded; please report it\n",
               (unsigned long)violation->linear, (unsigned long)c->rip, insn->bytes[0], insn->bytes[1],
               insn->bytes[2]);
}

void step_begin(const struct insn *insn, const struct code_state *c, const struct violation *violation)
{
    const struct origin origin = {
        .rip = c->rip, .cr3 = c->paging.cr3, .context = c->context, .cause = CAUSE_INSTRUCTION};
    step.count = 0;
    step.origin = origin;
    tables_begin(&origin, &c->paging);
    tables_note(c->rip, insn ? insn->length : 1, false);
    if (insn) {
        note_accesses(insn, c, violation);
    } else {
        counters.undecoded++;
        step.sink = true; /* it may be */
    }
    tables_note_descriptor_writes();
    if (violation->linear_valid && !tables_noted(violation->linear))
        tables_note(violation->linear, 1, true);
    vmx.step = STEP_INSTRUCTION;
    hold_interrupts();
    step_open();
}

void step_begin_untraced(void)
{
    vmx.step = STEP_UNTRACED;
    hold_interrupts();
    step_open();
}

void step_finish(void)
{
    bool traced = vmx.step == STEP_INSTRUCTION;
    release_interrupts(true);
    step_close();
    counters.steps++;
    if (!traced)
        return;
    for (unsigned i = 0; i < step.count; i++) {
        if (!step.place[i].traced)
            continue;
        tables_record_walks_before(&step.place[i]);
        record_write(&step.origin, &step.place[i], step.flags[i]);
    }
    tables_record_rest();
}

/* Of an instruction or delivery that ends in a fault, what the CPU wrote into its tables stays. */
void step_abandon(void)
{
    if (vmx.step == STEP_NONE)
        return;
    bool traced = vmx.step != STEP_UNTRACED;
    release_interrupts(false);
    if (vmx.step == STEP_EVENT)
        step.sink = true; /* the delivery may have come as far as writing there */
    step_close();
    counters.steps_abandoned++;
    if (traced)
        tables_record_rest();
}
