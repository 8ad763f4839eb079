/*
 * One instruction (of a REP: one iteration) under the open view, ended by the
 * MTF exit. Before it, its accesses are listed and located, page tables walked
 * for them, and what is read kept; after it, what memory holds is recorded.
 *
 * Nothing else may happen in between. An interrupt delivered first would make
 * the MTF exit come before the instruction, for ever if interrupts come fast.
 * With IF=1 the guest therefore gets blocking-by-STI for this one instruction.
 * With TF=1 that would need a pending single-step exception at VM entry (SDM
 * Vol. 3C, 27.3.1.5). Then an interrupt exits instead and is acknowledged; the
 * step goes on, and the interrupt is delivered at the next boundary at which
 * the guest takes one (event.c). What the CPU takes from the interrupt
 * controller meanwhile has a higher priority than what it took before, so these
 * exits come to an end. Where every instruction is stepped (single.c), interrupts
 * exit as soon as the guest would take them, and end the step before it began.
 */
#include "vmx/vmx.h"

#include "console.h"
#include "dbt/memory.h"
#include "x86/cpu.h"

#include <string.h>

struct step_access {
    struct location place;
    uint8_t kind, flags;
    uint8_t data[ACCESS_SIZE_MAX]; /* what is read */
};

/* An entry of a page table in which the walk for an access has set bits. */
struct step_walk {
    gpa_t at;
    uint64_t value;
    uint8_t bytes;
    uint8_t before; /* number of the access it was made for */
};

/* Of code, each access, and an address of the CPU's own: two pages each. */
#define WALKS_MAX (2 * (ACCESS_LIST_MAX + 2) * WALK_LEVELS)

static struct {
    struct origin origin;
    unsigned count, walks;
    struct step_access access[ACCESS_LIST_MAX];
    struct step_walk walk[WALKS_MAX];
    bool listing;   /* walks belong to the list */
    bool undecoded; /* there is none */
    bool rep;       /* of a REP, and its RIP */
    uint64_t rip;
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

void touch_hidden(gpa_t p)
{
    if (counters.sink_touches++ == 0)
        printk("engram: the guest touched hidden memory at 0x%lx (RIP 0x%lx): it reads ones, writes are "
               "dropped; "
               "further touches are only counted\n",
               (unsigned long)p, (unsigned long)vmx.v->rip);
}

void step_touches_sink(gpa_t p)
{
    if (step.sink)
        return;
    step.sink = true;
    touch_hidden(p);
}

static void hold_interrupts(void)
{
    step.blocked_interrupts = step.exits_interrupts = false;
    if (vmx.steps_all || !(vmx.v->rflags & RFLAGS_IF))
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

/* ---- the list ---- */

bool step_note_walk(gpa_t at, uint64_t value, unsigned bytes)
{
    if (!step.listing)
        return false;
    step.walk[step.walks++] =
        (struct step_walk){.at = at, .value = value, .bytes = (uint8_t)bytes, .before = (uint8_t)step.count};
    return true;
}

/* The write half of a read-modify-write stands right behind its read: the CPU walks once, for the write. */
static bool modified_next(const struct access_list *list, unsigned i)
{
    const struct insn_access *next = &list->a[i + 1];
    return i + 1 < list->count && next->kind == ACCESS_WRITE && next->linear == list->a[i].linear;
}

/* A masked store may exit for a byte that its mask leaves out: Bochs 3.0 writes such a byte back. */
static bool masked_store_reaches(const struct insn *insn, gva_t linear)
{
    const struct insn_lanes *l = &insn->lanes;
    return insn->form == FORM_LANES && l->kind != LANES_INDEXED &&
           linear - insn_linear(insn, &insn->memory[0], vmx.v) < (unsigned)l->elements * l->bytes;
}

static void list_access(const struct code_state *c, const struct insn_access *a)
{
    struct step_access *s = &step.access[step.count];
    location_find(&s->place, &c->paging, a->linear, a->size);
    if (s->place.hidden)
        step_touches_sink(s->place.hidden);
    if (a->kind != ACCESS_WRITE && !vmx.records_reads)
        return;
    s->kind = a->kind;
    s->flags = a->flags;
    if (a->kind != ACCESS_WRITE && s->place.traced)
        location_read(&s->place, s->data);
    step.count++;
}

/* Where a walk faults the CPU will: what comes after it is listed without. */
static void list_accesses(const struct insn *insn, const struct code_state *c,
                          const struct violation *violation)
{
    struct access_list list;
    bool explained = !violation->is_write || masked_store_reaches(insn, violation->linear);
    bool walks = system_walk(c, c->rip, insn->length, DBT_FETCH);

    insn_accesses(insn, vmx.v, vector_environment(), &list);
    if (list.incomplete)
        counters.incomplete_lists++;
    for (unsigned i = 0; i < list.count; i++) {
        const struct insn_access *a = &list.a[i];
        bool writes = a->kind == ACCESS_WRITE;
        walks = walks &&
                system_walk(c, a->linear, a->size, writes || modified_next(&list, i) ? DBT_WRITE : DBT_READ);
        list_access(c, a);
        explained = explained || (writes && violation->linear - a->linear < a->size);
    }
    if (!explained && counters.unexplained_writes++ == 0)
        printk("engram: warning: the write to 0x%lx by the instruction at 0x%lx (%02x %02x %02x) is not "
               "understood and "
               "not recorded; please report it\n",
               (unsigned long)violation->linear, (unsigned long)c->rip, insn->bytes[0], insn->bytes[1],
               insn->bytes[2]);
}

void step_begin(const struct insn *insn, const struct code_state *c, const struct violation *violation)
{
    step.count = step.walks = 0;
    step.origin = (struct origin){
        .rip = c->rip, .cr3 = c->paging.cr3, .context = c->context, .cause = CAUSE_INSTRUCTION};
    step.listing = true;
    step.undecoded = !insn;
    step.rep = insn && insn->rep;
    step.rip = vmx.v->rip;
    if (insn)
        list_accesses(insn, c, violation);
    else
        step.sink = true; /* it may be */
    /* What the CPU reads for itself, such as the TSS's I/O bitmap. */
    if (violation->linear_valid && !violation->is_write)
        system_walk(c, violation->linear, 1, DBT_READ | DBT_SYSTEM);
    step.listing = false;
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

/* ---- afterwards ---- */

/* The walks made for the accesses up to number `before`. */
static void record_walks(unsigned *done, unsigned before)
{
    for (; *done < step.walks && step.walk[*done].before <= before; ++*done) {
        const struct step_walk *w = &step.walk[*done];
        record_walk(&step.origin, w->at, w->value, w->bytes);
    }
}

static void record_step(void)
{
    unsigned walks = 0;
    for (unsigned i = 0; i < step.count; i++) {
        struct step_access *a = &step.access[i];
        record_walks(&walks, i);
        if (!a->place.traced)
            continue;
        if (a->kind == ACCESS_WRITE)
            location_read(&a->place, a->data);
        record_access(&step.origin, &a->place, a->kind, a->flags, a->data);
    }
    record_walks(&walks, step.count);
}

void step_finish(void)
{
    bool traced = vmx.step == STEP_INSTRUCTION;
    release_interrupts(true);
    step_close();
    counters.steps++;
    if (!traced)
        return;
    /* Only between iterations is it still set (SDM Vol. 3B, 17.3.1.1). Bochs 3.0 keeps it. */
    if (!step.rep || vmx.v->rip != step.rip)
        vmx.v->rflags &= ~RFLAGS_RF;
    if (step.undecoded)
        counters.undecoded++;
    record_step();
}

/* Of an instruction that ends in a fault the bits that its walks have set stay. */
void step_abandon(void)
{
    if (vmx.step == STEP_NONE)
        return;
    bool traced = vmx.step == STEP_INSTRUCTION;
    unsigned walks = 0;
    release_interrupts(false);
    step_close();
    counters.steps_abandoned++;
    if (traced)
        record_walks(&walks, step.count);
}
