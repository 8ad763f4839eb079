/*
 * Far RET and IRET, to every mode and privilege (SDM Vol. 2A, IRET; Vol. 2B, RET).
 *
 * The order in which the words of a frame are read, and that SS is mostly read
 * as two bytes, is Bochs's; the SDM's pseudocode pops upwards and word by word,
 * which no program can tell from it.
 */
#include "dbt/sys/parts.h"

/* What was popped so far. */
struct frame {
    struct stack stack;
    struct far_target target;
    uint64_t rip, selector, flags;
    unsigned bytes; /* of a word */
    bool iret;
};

/* RIP, CS and, for IRET, the flags: upwards where segments are those of the 8086, else downwards. */
static bool pop_frame(struct dbt_cpu *c, struct frame *f, unsigned bytes, bool with_flags)
{
    uint64_t *const words[] = {&f->rip, &f->selector, &f->flags};
    unsigned count = with_flags ? 3 : 2;
    f->stack = stack_current(c, CAUSE_INSTRUCTION);
    f->bytes = bytes;
    f->iret = with_flags;
    for (unsigned n = 0; n < count; n++) {
        unsigned word = real_segments(c) ? n : count - 1 - n;
        if (!stack_peek(c, &f->stack, word * bytes, words[word], bytes))
            return false;
    }
    stack_skip(&f->stack, count * bytes);
    f->selector &= 0xffff;
    return true;
}

static bool return_real(struct dbt_cpu *c, struct frame *f)
{
    struct segment *cs = &c->v.seg[SEG_CS];
    if (f->rip > cs->limit)
        return raise_gp(c);
    stack_commit(c, &f->stack);
    cs->selector = (uint16_t)f->selector;
    cs->base = f->selector << 4;
    c->v.rip = f->rip;
    c->mode_changed(c);
    return true;
}

static bool check_code(struct dbt_cpu *c, struct frame *f)
{
    uint16_t selector = (uint16_t)f->selector;
    struct descriptor *d = &f->target.code;
    unsigned rpl = selector & SELECTOR_RPL;
    if (is_null(selector))
        return raise_gp(c);
    if (!descriptor_read(c, selector, 8, VECTOR_GP, d))
        return false;
    unsigned dpl = descriptor_dpl(d);
    if (!descriptor_is_code(d) || rpl < dbt_cpl(c) ||
        (descriptor_is_conforming(d) ? dpl > rpl : dpl != rpl) || !code_mode_valid(c, d))
        return raise_selector(c, VECTOR_GP, selector);
    if (!descriptor_present(d))
        return raise_selector(c, VECTOR_NP, selector);
    f->target.rip = f->rip;
    f->target.cpl = rpl;
    return true;
}

/* The stack to return to: the next two words of the frame. */
struct outer_stack {
    uint64_t sp, selector;
    struct descriptor ss;
    struct segment segment;
};

/* A stack that is not present is #NP for IRET and #SS for RET (SDM Vol. 2, their exceptions). */
static bool check_outer_selector(struct dbt_cpu *c, const struct frame *f, struct outer_stack *o)
{
    const struct far_target *t = &f->target;
    uint16_t selector = (uint16_t)o->selector;
    if (!is_null(selector))
        return stack_segment_check(c, selector, t->cpl, VECTOR_GP, f->iret ? VECTOR_NP : VECTOR_SS, &o->ss);
    /* A null SS is for 64-bit code below level 3 only. */
    o->segment = segment_null(selector, t->cpl);
    return (target_is_64(c, t) && t->cpl != 3 && (selector & SELECTOR_RPL) == t->cpl) || raise_gp(c);
}

static bool check_outer_stack(struct dbt_cpu *c, const struct frame *f, struct outer_stack *o)
{
    bool legacy_iret = f->iret && !long_mode(c);
    unsigned selector_bytes = f->iret && long_mode(c) ? f->bytes : 2;
    if (!stack_peek(c, &f->stack, f->bytes, &o->selector, selector_bytes))
        return false;
    if (!legacy_iret && !stack_peek(c, &f->stack, 0, &o->sp, f->bytes))
        return false;
    if (!check_outer_selector(c, f, o))
        return false;
    return !legacy_iret || stack_peek(c, &f->stack, 0, &o->sp, f->bytes);
}

static bool touch_outer_stack(struct dbt_cpu *c, struct outer_stack *o)
{
    if (is_null((uint16_t)o->selector))
        return true;
    if (!descriptor_set_accessed(c, &o->ss))
        return false;
    o->segment = descriptor_segment(&o->ss);
    return true;
}

/* Data segments that the outer level may not use become null (Vol. 3A, 5.8.6). */
static void drop_inner_segments(struct dbt_cpu *c, unsigned cpl)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (unsigned n = 0; n < sizeof data; n++) {
        struct segment *s = &c->v.seg[data[n]];
        bool conforming = (s->access & TYPE_CODE) && (s->access & TYPE_CONFORMING);
        if (!(s->access & SEGMENT_UNUSABLE) && !conforming && (s->access >> SEGMENT_DPL_SHIFT & 3) < cpl)
            *s = segment_null(0, 0);
    }
}

/* `release`: bytes of parameters that RET gives back on both stacks. */
static bool return_protected(struct dbt_cpu *c, struct frame *f, bool always_outer, unsigned release)
{
    struct far_target *t = &f->target;
    struct outer_stack o;

    if (!check_code(c, f))
        return false;
    stack_skip(&f->stack, release);
    bool outer = t->cpl > dbt_cpl(c);
    bool new_stack = outer || always_outer;
    if ((new_stack && !check_outer_stack(c, f, &o)) || !target_check_rip(c, t) || !target_touch(c, t) ||
        (new_stack && !touch_outer_stack(c, &o)))
        return false;
    if (new_stack) {
        struct stack s = stack_new(&o.segment, o.sp, target_is_64(c, t), false, CAUSE_INSTRUCTION);
        stack_skip(&s, release);
        c->v.seg[SEG_SS] = o.segment;
        stack_commit(c, &s);
    } else {
        stack_commit(c, &f->stack);
    }
    target_commit(c, t);
    if (outer)
        drop_inner_segments(c, t->cpl);
    return true;
}

static bool far_return(struct dbt_cpu *c, const struct sys_insn *i, unsigned release)
{
    struct frame f;
    if (!pop_frame(c, &f, i->insn->operand_bytes, false))
        return false;
    if (!real_segments(c))
        return return_protected(c, &f, false, release);
    stack_skip(&f.stack, release);
    return return_real(c, &f);
}

bool op_far_ret(struct dbt_cpu *c, const struct sys_insn *i)
{
    return far_return(c, i, 0);
}

bool op_far_ret_pop(struct dbt_cpu *c, const struct sys_insn *i)
{
    return far_return(c, i, (unsigned)immediate_value(i->immediate, 2));
}

/* IRET's flags beyond POPF's: RF, and at CPL 0 VIF and VIP. */
static uint64_t iret_flags(const struct dbt_cpu *c, unsigned bytes)
{
    uint64_t mask = changeable_flags(c, bytes);
    if (bytes > 2)
        mask |= RFLAGS_RF | (protected_mode(c) && dbt_cpl(c) == 0 ? RFLAGS_VIF | RFLAGS_VIP : 0);
    return mask;
}

static bool returns_to_v86(const struct dbt_cpu *c, const struct frame *f)
{
    return (f->flags & RFLAGS_VM) && f->bytes > 2 && protected_mode(c) && dbt_cpl(c) == 0 && !long_mode(c);
}

bool op_iret(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes;
    struct frame f;

    /* NMIs are unblocked even if IRET faults (Vol. 3A, 6.7.1). */
    c->nmi_blocked = false;
    if (!v86_allows(c, bytes))
        return false;
    if (!real_segments(c) && (c->v.rflags & RFLAGS_NT)) {
        if (long_mode(c))
            return raise_gp(c);
        return task_return(c, next_rip(c, i));
    }
    if (!pop_frame(c, &f, bytes, true) || !v86_check_flags(c, f.flags, bytes))
        return false;
    uint64_t mask = iret_flags(c, bytes);
    if (returns_to_v86(c, &f)) {
        mask |= RFLAGS_VM;
        if (!v86_return(c, &f.stack, f.rip, (uint16_t)f.selector))
            return false;
    } else if (!(real_segments(c) ? return_real(c, &f) : return_protected(c, &f, code_is_64(c), 0))) {
        return false;
    }
    v86_set_flags(c, f.flags, mask, bytes);
    return v86_check_pending(c);
}
