/*
 * One instruction (of a REP: one iteration) under the open view, ended by the
 * MTF exit. Before it, its accesses are listed and located; after it, what
 * memory holds is recorded.
 *
 * Nothing else may happen in between. An interrupt delivered first would make
 * the MTF exit come before the instruction, for ever if interrupts come fast.
 * With IF=1 the guest therefore gets blocking-by-STI for this one instruction.
 * With TF=1 that would need a pending single-step exception at VM entry (SDM
 * Vol. 3C, 27.3.1.5); then an interrupt exits instead, the step is given up,
 * the interrupt is delivered, and the instruction comes again.
 */
#include "vmx/vmx.h"

#include "console.h"
#include "x86/cpu.h"
#include "x86/paging.h"

#include <string.h>

#define WALKS_MAX 8
#define DESCRIPTOR_BYTES 8u
#define ACCESS_BYTE 5u /* of a descriptor: type, S, DPL, P (SDM Vol. 3A, figure 3-8) */

static struct {
    struct origin origin;
    unsigned count;
    struct location place[ACCESS_LIST_MAX];
    uint8_t flags[ACCESS_LIST_MAX];
    /* Page-table entries as they were, for the A and D bits that the CPU sets. */
    unsigned walks;
    struct walk walk[WALKS_MAX];
    /* The descriptor whose accessed or busy bit the instruction is about to set. */
    struct location descriptor;
    uint8_t descriptor_before;
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
    if (step.exits_interrupts)
        vmx_set_pin(PIN_EXTERNAL_INTERRUPT, false);
    if (step.blocked_interrupts && !completed) {
        uint64_t now = vmread(VMCS_GUEST_INTERRUPTIBILITY);
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, now & ~(uint64_t)BLOCKED_BY_STI);
    }
    step.blocked_interrupts = step.exits_interrupts = false;
}

static void note_walk(const struct paging_state *s, gva_t linear)
{
    if (!(s->cr0 & CR0_PG) || step.walks == WALKS_MAX)
        return;
    for (unsigned i = 0; i < step.walks; i++) {
        const struct walk *w = &step.walk[i];
        if (w->levels && w->page_linear == (linear & PAGE_MASK))
            return;
    }
    struct walk *w = &step.walk[step.walks];
    if (!guest_walk(s, linear, w))
        return;
    w->page_linear = linear & PAGE_MASK;
    step.walks++;
}

static void note_accesses(const struct insn *insn, const struct code_state *c, gva_t violating,
                          bool violating_valid)
{
    static const struct insn_environment environment = {.vector_register = vector_register};
    struct access_list list;
    bool explained = !violating_valid;

    insn_accesses(insn, vmx.v, &environment, &list);
    if (list.incomplete)
        counters.incomplete_lists++;
    for (unsigned i = 0; i < list.count; i++) {
        const struct insn_access *a = &list.a[i];
        struct location *p = &step.place[step.count];
        /* What is read before the first write would have exited by itself. */
        if (a->kind != ACCESS_WRITE && step.count == 0)
            continue;
        location_find(p, &c->paging, a->linear, a->size);
        if (p->hidden)
            step_touches_sink(p->hidden);
        if (a->kind != ACCESS_WRITE)
            continue;
        step.flags[step.count++] = a->flags;
        note_walk(&c->paging, a->linear);
        note_walk(&c->paging, a->linear + a->size - 1);
        explained = explained || violating - a->linear < a->size;
    }
    if (!explained && !step.descriptor.traced && counters.unexplained_writes++ == 0)
        printk("engram: warning: the write to 0x%lx by the instruction at 0x%lx (%02x %02x %02x) is not "
               "understood and "
               "not recorded; please report it\n",
               (unsigned long)violating, (unsigned long)c->rip, insn->bytes[0], insn->bytes[1],
               insn->bytes[2]);
}

/* Segment loads set the accessed bit, LTR the busy bit, of the descriptor at `violating`. */
static void note_descriptor(const struct code_state *c, gva_t violating)
{
    gva_t base = vmread(VMCS_GUEST_GDTR_BASE);
    uint64_t limit = vmread(VMCS_GUEST_GDTR_LIMIT);
    if (violating - base > limit) {
        base = vmread_nth(VMCS_GUEST_ES_BASE, SEG_LDTR);
        limit = vmread_nth(VMCS_GUEST_ES_LIMIT, SEG_LDTR);
        if (violating - base > limit)
            return;
    }
    gva_t at = base + align_down(violating - base, DESCRIPTOR_BYTES) + ACCESS_BYTE;
    location_find(&step.descriptor, &c->paging, at, 1);
    guest_read(step.descriptor.gpa, &step.descriptor_before, 1);
}

void step_begin(const struct insn *insn, const struct code_state *c, gva_t violating, bool violating_valid)
{
    step.count = step.walks = 0;
    step.descriptor.traced = false;
    step.origin = (struct origin){
        .rip = c->rip, .cr3 = c->paging.cr3, .context = c->context, .cause = CAUSE_INSTRUCTION};
    note_walk(&c->paging, c->rip);
    if (violating_valid && insn && insn->loads_segment)
        note_descriptor(c, violating);
    if (insn)
        note_accesses(insn, c, violating, violating_valid);
    else {
        counters.undecoded++;
        step.sink = true; /* it may be */
    }
    if (violating_valid)
        note_walk(&c->paging, violating);
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

/* An entry may have been seen by several walks: it is recorded for the first of them. */
static bool seen_before(unsigned walk, gpa_t entry)
{
    for (unsigned i = 0; i < walk; i++)
        for (unsigned level = 0; level < step.walk[i].levels; level++)
            if (step.walk[i].entry_gpa[level] == entry)
                return true;
    return false;
}

/* A page-table entry has no linear address: its physical one stands in the address's place. */
static void record_walks(void)
{
    struct origin o = step.origin;
    o.cause = CAUSE_PAGE_WALK;
    for (unsigned i = 0; i < step.walks; i++) {
        const struct walk *w = &step.walk[i];
        for (unsigned level = 0; level < w->levels; level++) {
            gpa_t at = w->entry_gpa[level];
            uint64_t now = 0;
            guest_read(at, &now, w->entry_bytes);
            if (!((now ^ w->entry[level]) & (PTE_ACCESSED | PTE_DIRTY)) || !ept_is_traced(at) ||
                seen_before(i, at))
                continue;
            const struct location p = {.linear = at, .gpa = at, .size = w->entry_bytes, .traced = true};
            record_write(&o, &p, 0);
        }
    }
}

static void record_descriptor(void)
{
    uint8_t now;
    if (!step.descriptor.traced)
        return;
    guest_read(step.descriptor.gpa, &now, 1);
    if (now == step.descriptor_before)
        return;
    struct origin o = step.origin;
    o.cause = CAUSE_DESCRIPTOR;
    record_write(&o, &step.descriptor, 0);
}

void step_finish(void)
{
    bool traced = vmx.step == STEP_INSTRUCTION;
    release_interrupts(true);
    step_close();
    counters.steps++;
    if (!traced)
        return;
    record_walks();
    record_descriptor();
    for (unsigned i = 0; i < step.count; i++)
        if (step.place[i].traced)
            record_write(&step.origin, &step.place[i], step.flags[i]);
}

void step_abandon(void)
{
    if (vmx.step == STEP_NONE)
        return;
    release_interrupts(false);
    if (vmx.step == STEP_EVENT)
        step.sink = true; /* the delivery may have come as far as writing there */
    step_close();
    counters.steps_abandoned++;
}
