/*
 * Delivery of exceptions, interrupts and software interrupts (SDM Vol. 3A,
 * chapter 6; real mode: 21.1.4). One attempt checks everything, pushes the
 * frame, sets accessed bits and then changes the registers; what faults on the
 * way is combined with the first event as table 6-5 says.
 */
#include "dbt/sys/parts.h"
#include "trace/hook.h"
#include "x86/debug.h"

#define ERROR_IDT 2u

static bool is_software(const struct sys_event *e)
{
    return e->type == SYS_SOFTWARE_INTERRUPT || e->type == SYS_SOFTWARE_EXCEPTION;
}

static uint8_t cause_of(const struct sys_event *e)
{
    return e->type == SYS_EXTERNAL || e->type == SYS_NMI ? CAUSE_INTERRUPT : CAUSE_EXCEPTION;
}

static bool raise_gate(struct dbt_cpu *c, uint8_t vector, const struct sys_event *e)
{
    return dbt_raise_error(c, vector, e->vector * 8u | ERROR_IDT | c->event_external);
}

/* Faults show RF set, so that their instruction's breakpoint does not hit again (Vol. 3B, 17.3.1.1). */
static uint64_t flags_image(const struct dbt_cpu *c, const struct sys_event *e)
{
    bool fault = e->type == SYS_EXCEPTION && is_plain_fault(e->vector);
    return c->v.rflags | (fault ? RFLAGS_RF : 0);
}

/* Real-mode frames and those of the trace have no error code where none is pushed. */
static void record(struct dbt_cpu *c, const struct sys_event *e, bool has_error)
{
    const struct hook_event h = {.rip = c->v.seg[SEG_CS].base + c->v.rip,
                                 .error_code = has_error ? e->error : 0,
                                 .vector = e->vector,
                                 .type = e->type,
                                 .has_error_code = has_error};
    dbt_record_event(c, &h);
}

/* ---- real mode ---- */

static bool deliver_real(struct dbt_cpu *c, const struct sys_event *e)
{
    struct stack s = stack_current(c, cause_of(e));
    gva_t at = (uint32_t)(c->v.idtr.base + e->vector * 4u);
    uint16_t entry[2]; /* IP, CS */
    if (e->vector * 4u + 3 > c->v.idtr.limit)
        return raise_gate(c, VECTOR_GP, e);
    record(c, e, false);
    if (!stack_push(c, &s, c->v.rflags, 2) || !stack_push(c, &s, c->v.seg[SEG_CS].selector, 2) ||
        !stack_push(c, &s, e->return_rip, 2) ||
        !dbt_read(c, at, &entry[0], 2, DBT_READ | DBT_SYSTEM, cause_of(e)) ||
        !dbt_read(c, at + 2, &entry[1], 2, DBT_READ | DBT_SYSTEM, cause_of(e)))
        return false;
    stack_commit(c, &s);
    c->v.seg[SEG_CS].selector = entry[1];
    c->v.seg[SEG_CS].base = (uint32_t)entry[1] << 4;
    c->v.rip = entry[0];
    c->v.rflags &= ~(RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF);
    return true;
}

/* As in real mode, with the flags that the program believes in (Vol. 3B, 21.3.2). The table is at 0; that it
 * is read first is Bochs's way. */
static bool deliver_redirected(struct dbt_cpu *c, const struct sys_event *e)
{
    struct stack s = stack_current(c, cause_of(e));
    gva_t at = e->vector * 4u;
    uint16_t ip, cs;
    record(c, e, false);
    if (!dbt_read(c, at + 2, &cs, sizeof cs, DBT_READ | DBT_SYSTEM, cause_of(e)) ||
        !dbt_read(c, at, &ip, sizeof ip, DBT_READ | DBT_SYSTEM, cause_of(e)) ||
        !stack_push(c, &s, v86_flags(c, 2), 2) || !stack_push(c, &s, c->v.seg[SEG_CS].selector, 2) ||
        !stack_push(c, &s, e->return_rip, 2))
        return false;
    stack_commit(c, &s);
    v86_load(c, SEG_CS, cs);
    c->v.rip = ip;
    c->v.rflags &= ~(RFLAGS_TF | RFLAGS_RF | (v86_is_virtual_if(c) ? RFLAGS_VIF : RFLAGS_IF));
    return true;
}

/* ---- protected and IA-32e mode: the gate ---- */

struct gate {
    struct descriptor d;
    unsigned bytes; /* of a pushed word */
    bool clears_if;
    unsigned ist;
};

static bool gate_type_valid(const struct dbt_cpu *c, unsigned type)
{
    if (type == TYPE_INTERRUPT_GATE32 || type == TYPE_TRAP_GATE32)
        return true;
    return !long_mode(c) &&
           (type == TYPE_INTERRUPT_GATE16 || type == TYPE_TRAP_GATE16 || type == TYPE_TASK_GATE);
}

static bool read_gate(struct dbt_cpu *c, const struct sys_event *e, struct gate *g)
{
    unsigned bytes = long_mode(c) ? 16 : 8;
    uint32_t words[4] = {0};
    gva_t at = c->v.idtr.base + e->vector * bytes;

    if (e->vector * bytes + bytes - 1 > c->v.idtr.limit)
        return raise_gate(c, VECTOR_GP, e);
    for (unsigned done = 0; done < bytes; done += 8)
        if (!dbt_read(c, long_mode(c) ? at + done : (uint32_t)(at + done), &words[done / 4], 8,
                      DBT_READ | DBT_SYSTEM, CAUSE_DESCRIPTOR))
            return false;
    g->d = (struct descriptor){.low = words[0], .high = words[1], .base_high = words[2], .top = words[3]};
    unsigned type = descriptor_type(&g->d);
    if (descriptor_is_segment(&g->d) || !gate_type_valid(c, type) || (long_mode(c) && (g->d.top & 0x1f00)))
        return raise_gate(c, VECTOR_GP, e);
    if (is_software(e) && descriptor_dpl(&g->d) < dbt_cpl(c))
        return raise_gate(c, VECTOR_GP, e);
    if (!descriptor_present(&g->d))
        return raise_gate(c, VECTOR_NP, e);
    g->bytes = long_mode(c) ? 8 : type & TYPE_CODE ? 4 : 2;
    g->clears_if = !(type & 1);
    g->ist = long_mode(c) ? g->d.high & 7 : 0;
    return true;
}

static bool find_handler(struct dbt_cpu *c, const struct gate *g, struct far_target *t)
{
    uint16_t selector = gate_selector(&g->d);
    const struct descriptor *d = &t->code;
    if (is_null(selector))
        return raise_gp(c);
    if (!descriptor_read(c, selector, 8, VECTOR_GP, &t->code))
        return false;
    /* Out of virtual-8086 mode they go to level 0. */
    bool wrong_level = virtual_8086(c) && (descriptor_is_conforming(d) || descriptor_dpl(d) != 0);
    if (!descriptor_is_code(d) || descriptor_dpl(d) > dbt_cpl(c) || wrong_level ||
        (long_mode(c) && (!descriptor_is_64(d) || descriptor_is_32(d))))
        return raise_selector(c, VECTOR_GP, selector);
    if (!descriptor_present(d))
        return raise_selector(c, VECTOR_NP, selector);
    t->cpl = descriptor_is_conforming(d) ? dbt_cpl(c) : descriptor_dpl(d);
    t->rip = gate_offset(&g->d, g->bytes > 2) | (uint64_t)g->d.base_high << 32;
    return target_check_rip(c, t);
}

/* ---- the frame ---- */

#define STACK_ALIGNMENT 16u /* of 64-bit frames (6.14.2) */

static bool choose_stack(struct dbt_cpu *c, const struct gate *g, const struct far_target *t, uint8_t cause,
                         struct inner_stack *n, bool *switched)
{
    *switched = t->cpl < dbt_cpl(c) || g->ist;
    if (*switched) {
        if (!inner_stack_find(c, t->cpl, g->ist, cause, n))
            return false;
    } else {
        n->stack = stack_current(c, cause);
        n->stack.flat64 = long_mode(c);
        n->segment = c->v.seg[SEG_SS];
    }
    if (long_mode(c))
        n->stack.sp &= ~(uint64_t)(STACK_ALIGNMENT - 1);
    return true;
}

static bool push_frame(struct dbt_cpu *c, const struct sys_event *e, struct stack *s, unsigned bytes,
                       bool with_stack)
{
    if (virtual_8086(c) && !v86_push_segments(c, s, bytes))
        return false;
    if (with_stack &&
        (!stack_push(c, s, c->v.seg[SEG_SS].selector, bytes) || !stack_push(c, s, c->v.gpr[RSP], bytes)))
        return false;
    return stack_push(c, s, flags_image(c, e), bytes) && stack_push(c, s, c->v.seg[SEG_CS].selector, bytes) &&
           stack_push(c, s, e->return_rip, bytes) && (!e->has_error || stack_push(c, s, e->error, bytes));
}

/* The old task's TSS stands for the frame; of that only the error code is pushed. */
static bool deliver_to_task(struct dbt_cpu *c, const struct sys_event *e, const struct gate *g)
{
    struct descriptor tss;
    if (!task_gate(c, &g->d, &tss))
        return false;
    record(c, e, e->has_error);
    return task_deliver(c, &tss, e, flags_image(c, e), cause_of(e));
}

static bool deliver_protected(struct dbt_cpu *c, const struct sys_event *e)
{
    struct gate g;
    struct far_target t;
    struct inner_stack n;
    bool switched;

    if (!read_gate(c, e, &g))
        return false;
    if (descriptor_type(&g.d) == TYPE_TASK_GATE)
        return deliver_to_task(c, e, &g);
    if (!find_handler(c, &g, &t) || !choose_stack(c, &g, &t, cause_of(e), &n, &switched))
        return false;
    record(c, e, e->has_error);
    if (!push_frame(c, e, &n.stack, g.bytes, switched || long_mode(c)) || !target_touch(c, &t) ||
        (switched && !inner_stack_touch(c, &n)))
        return false;
    if (virtual_8086(c))
        v86_drop_segments(c);
    c->v.seg[SEG_SS] = n.segment;
    stack_commit(c, &n.stack);
    target_commit(c, &t);
    c->v.rflags &= ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | (g.clears_if ? RFLAGS_IF : 0));
    return true;
}

bool event_deliver_once(struct dbt_cpu *c, const struct sys_event *e)
{
    c->event_vector = e->vector;
    c->event_external = !is_software(e);
    bool done = e->redirected       ? deliver_redirected(c, e)
                : protected_mode(c) ? deliver_protected(c, e)
                                    : deliver_real(c, e);
    c->event_vector = c->event_external = 0;
    if (!done)
        return false;
    if (e->type == SYS_EXCEPTION && e->vector == VECTOR_DB) { /* Vol. 3B, 17.2.4 and 17.4.3 */
        c->v.dr7 &= ~DR7_GD;
        c->debugctl &= ~(DEBUGCTL_LBR | DEBUGCTL_BTF);
    }
    c->interrupt_shadow = c->shadow_is_mov_ss = c->halted = false;
    c->delivered = true;
    c->mode_changed(c);
    return true;
}

/* ---- exceptions on the way ---- */

/* Table 6-5: what `second` makes of `first`. */
enum combination { SERIAL, DOUBLE_FAULT, TRIPLE_FAULT };
static enum combination combine(const struct sys_event *first, uint8_t second)
{
    bool second_counts = is_contributory(second) || second == VECTOR_PF;
    if (first->type != SYS_EXCEPTION)
        return SERIAL;
    if (first->vector == VECTOR_DF)
        return second_counts ? TRIPLE_FAULT : SERIAL;
    if (is_contributory(first->vector) && is_contributory(second))
        return DOUBLE_FAULT;
    return first->vector == VECTOR_PF && second_counts ? DOUBLE_FAULT : SERIAL;
}

static struct sys_event event_of_fault(const struct dbt_cpu *c)
{
    const struct dbt_fault *f = &c->fault;
    return (struct sys_event){.vector = f->vector,
                              .type = SYS_EXCEPTION,
                              .has_error = f->has_error,
                              .error = f->error,
                              .address = f->address,
                              .return_rip = c->v.rip};
}

bool sys_deliver(struct dbt_cpu *c, const struct sys_event *e)
{
    struct sys_event now = *e;
    for (;;) {
        if (now.type == SYS_EXCEPTION && now.vector == VECTOR_PF)
            c->v.cr2 = now.address;
        if (event_deliver_once(c, &now))
            return true;
        if (c->stop != DBT_RUNS)
            return false;
        if (c->fault.vector == VECTOR_PF)
            c->v.cr2 = c->fault.address;
        switch (combine(&now, c->fault.vector)) {
        case SERIAL:
            now = event_of_fault(c);
            break;
        case DOUBLE_FAULT:
            now = (struct sys_event){
                .vector = VECTOR_DF, .type = SYS_EXCEPTION, .has_error = true, .return_rip = c->v.rip};
            break;
        case TRIPLE_FAULT:
            c->stop = DBT_TRIPLE_FAULT;
            c->stop_text = "the guest triple-faulted";
            return false;
        }
    }
}

bool sys_deliver_fault(struct dbt_cpu *c)
{
    struct sys_event e = event_of_fault(c);
    return sys_deliver(c, &e);
}

bool sys_deliver_debug(struct dbt_cpu *c, uint64_t dr6)
{
    const struct sys_event e = {.vector = VECTOR_DB, .type = SYS_EXCEPTION, .return_rip = c->v.rip};
    c->v.dr6 = (c->v.dr6 & ~DR6_BREAKPOINTS) | dr6;
    return sys_deliver(c, &e);
}

bool sys_deliver_interrupt(struct dbt_cpu *c, uint8_t vector)
{
    const struct sys_event e = {.vector = vector, .type = SYS_EXTERNAL, .return_rip = c->v.rip};
    return sys_deliver(c, &e);
}

bool sys_deliver_nmi(struct dbt_cpu *c)
{
    const struct sys_event e = {.vector = VECTOR_NMI, .type = SYS_NMI, .return_rip = c->v.rip};
    c->nmi_blocked = true;
    return sys_deliver(c, &e);
}

/* ---- INT n, INT3, INTO, INT1: exceptions of their delivery are theirs, not the event's ---- */

static bool software(struct dbt_cpu *c, const struct sys_insn *i, uint8_t vector, enum sys_event_type type)
{
    const struct sys_event e = {.vector = vector, .type = (uint8_t)type, .return_rip = next_rip(c, i)};
    return event_deliver_once(c, &e);
}

bool op_int(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct sys_event e = {
        .vector = i->immediate[0], .type = SYS_SOFTWARE_INTERRUPT, .return_rip = next_rip(c, i)};
    return v86_redirects(c, e.vector, &e.redirected) && event_deliver_once(c, &e);
}

bool op_int3(struct dbt_cpu *c, const struct sys_insn *i)
{
    return software(c, i, VECTOR_BP, SYS_SOFTWARE_EXCEPTION);
}

bool op_int1(struct dbt_cpu *c, const struct sys_insn *i)
{
    return software(c, i, VECTOR_DB, SYS_PRIVILEGED_SOFTWARE);
}

#define RFLAGS_OF (1ull << 11)
bool op_into(struct dbt_cpu *c, const struct sys_insn *i)
{
    if (c->v.rflags & RFLAGS_OF)
        return software(c, i, VECTOR_OF, SYS_SOFTWARE_EXCEPTION);
    c->v.rip = next_rip(c, i);
    return true;
}
