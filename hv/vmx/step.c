/*
 * One instruction (of a REP: one iteration) under the open view, ended by the
 * MTF exit. Before it, its accesses are listed and located, and what memory holds
 * there is kept; page tables are walked as the CPU will, without changing them.
 * After it, what was read, what memory holds then, and the bits that have come
 * into the page tables are recorded. Of an instruction that ends in a fault that
 * is what it has done all the same.
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
#include "trace/hook.h"
#include "x86/cpu.h"

#include <string.h>

struct step_access {
    struct location place;
    uint8_t kind, flags, lane;
    bool is_known;                 /* `data` is what a write writes, not what it overwrites */
    uint8_t data[ACCESS_SIZE_MAX]; /* what memory held before */
};

/* An entry of a page table in which the walk for an access will set bits. */
struct step_walk {
    gpa_t at;
    uint64_t value, sets; /* the entry as it leaves it; the bits */
    uint8_t bytes;
    uint8_t before; /* number of the access it is made for */
};

/* Of code, each access, and an address of the CPU's own: two pages each. */
#define WALKS_MAX (2 * (ACCESS_LIST_MAX + 2) * WALK_LEVELS)

static struct {
    struct origin origin;
    unsigned count, walks;
    struct step_access access[ACCESS_LIST_MAX];
    struct step_walk walk[WALKS_MAX];
    bool listing;              /* walks belong to the list and change no memory */
    bool undecoded;            /* there is no list */
    bool rep;                  /* it is an iteration */
    struct insn_lanes lanes;   /* of a gather or scatter; else of kind LANES_NONE */
    uint64_t rip;              /* as vcpu.rip */
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
    if ((vmx.pin & PIN_EXTERNAL_INTERRUPT) || !(vmx.v->rflags & RFLAGS_IF))
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

bool step_writes_entry(gpa_t at, uint64_t value, unsigned bytes)
{
    if (!step.listing)
        return false;
    uint64_t old = guest_read_entry(at, bytes);
    step_reads_entry(at, &old);
    step.walk[step.walks++] = (struct step_walk){.at = at,
                                                 .value = value,
                                                 .sets = value & ~old,
                                                 .bytes = (uint8_t)bytes,
                                                 .before = (uint8_t)step.count};
    return true;
}

bool step_is_listing(void)
{
    return step.listing;
}

void step_reads_entry(gpa_t at, uint64_t *value)
{
    for (unsigned i = step.listing ? step.walks : 0; i-- > 0;)
        if (step.walk[i].at == at) {
            *value = step.walk[i].value;
            return;
        }
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

static bool is_indexed(const struct insn *insn)
{
    return insn->form == FORM_LANES && insn->lanes.kind == LANES_INDEXED;
}

/* Elements of a scatter may lie over each other: what each writes is in the register. */
static bool data_is_known(const struct insn *insn, const struct insn_access *a, uint8_t *data)
{
    const struct insn_lanes *l = &insn->lanes;
    uint8_t bytes[64];
    if (!is_indexed(insn) || a->kind != ACCESS_WRITE)
        return false;
    vector_environment()->vector_register(l->data, false, bytes);
    memcpy(data, bytes + a->lane * l->bytes, l->bytes);
    return true;
}

static void list_access(const struct insn *insn, const struct code_state *c, const struct insn_access *a)
{
    struct step_access *s = &step.access[step.count];
    location_find(&s->place, &c->paging, a->linear, a->size);
    if (s->place.hidden)
        step_touches_sink(s->place.hidden);
    if (a->kind != ACCESS_WRITE && !vmx.records_reads)
        return;
    s->kind = a->kind;
    s->flags = a->flags;
    s->lane = a->lane;
    if (a->kind == ACCESS_WRITE)
        location_overwrite(&s->place);
    s->is_known = data_is_known(insn, a, s->data);
    if (!s->is_known && s->place.traced)
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
        list_access(insn, c, a);
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
    step.rip = vmx.v->rip;
    step.rep = insn && insn->rep;
    step.lanes.kind = LANES_NONE;
    if (insn && is_indexed(insn))
        step.lanes = insn->lanes;
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

/* The walks made for the accesses up to number `before`, as far as the CPU has set their bits: it need not,
 * where its TLB knows the page or it faults first. */
static void record_walks(unsigned *done, unsigned before)
{
    for (; *done < step.walks && step.walk[*done].before <= before; ++*done) {
        const struct step_walk *w = &step.walk[*done];
        if ((guest_read_entry(w->at, w->bytes) & w->sets) == w->sets)
            record_walk(&step.origin, w->at, w->value, w->bytes);
    }
}

static void record_one(const struct step_access *a)
{
    uint8_t now[ACCESS_SIZE_MAX];
    if (!a->place.traced)
        return;
    if (a->kind == ACCESS_WRITE && !a->is_known)
        location_read(&a->place, now);
    record_access(&step.origin, &a->place, a->kind, a->flags,
                  a->kind == ACCESS_WRITE && !a->is_known ? now : a->data);
}

/* All accesses, or those that `happened` says. */
static void record_step(bool (*happened)(const struct step_access *a))
{
    unsigned walks = 0;
    for (unsigned i = 0; i < step.count; i++) {
        record_walks(&walks, i);
        if (!happened || happened(&step.access[i]))
            record_one(&step.access[i]);
    }
    record_walks(&walks, step.count);
}

void step_finish(void)
{
    bool traced = vmx.step == STEP_INSTRUCTION;
    release_interrupts(true);
    step_close();
    counters.steps++;
    vmx.looked = vmx.pin & PIN_EXTERNAL_INTERRUPT;
    if (!traced)
        return;
    /* Only between iterations is it still set (SDM Vol. 3B, 17.3.1.1). Bochs 3.0 keeps it. */
    if (!step.rep || vmx.v->rip != step.rip)
        vmx.v->rflags &= ~RFLAGS_RF;
    if (step.undecoded)
        counters.undecoded++;
    record_step(NULL);
}

/* Of an instruction that did not complete: a gather or scatter takes the elements that are done out of its
 * mask (SDM Vol. 2C); of others a write shows where it changed something. */
static bool happened_before_fault(const struct step_access *a)
{
    uint8_t now[ACCESS_SIZE_MAX];
    if (step.lanes.kind != LANES_NONE)
        return !(lanes_selected(&step.lanes, vector_environment()) >> a->lane & 1);
    if (a->kind != ACCESS_WRITE || !a->place.traced)
        return false;
    location_read(&a->place, now);
    return memcmp(now, a->data, a->place.size) != 0;
}

void step_abandon(void)
{
    if (vmx.step == STEP_NONE)
        return;
    bool traced = vmx.step == STEP_INSTRUCTION;
    release_interrupts(false);
    step_close();
    counters.steps_abandoned++;
    if (traced)
        record_step(happened_before_fault);
}
