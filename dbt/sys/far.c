/*
 * Far JMP and CALL, direct and through call gates (SDM Vol. 2A, CALL and JMP;
 * Vol. 3A, 5.8). All checks and pushes come first, then the accessed bits, then
 * the registers: whatever faults leaves the registers as they were.
 */
#include "dbt/sys/parts.h"

bool code_mode_valid(const struct dbt_cpu *c, const struct descriptor *code)
{
    return !(long_mode(c) && descriptor_is_64(code) && descriptor_is_32(code));
}

bool target_check_rip(struct dbt_cpu *c, const struct far_target *t)
{
    if (target_is_64(c, t))
        return is_canonical(c, t->rip) || raise_gp(c);
    return t->rip <= descriptor_segment(&t->code).limit || raise_gp(c);
}

bool target_touch(struct dbt_cpu *c, struct far_target *t)
{
    return descriptor_set_accessed(c, &t->code);
}

void target_commit(struct dbt_cpu *c, const struct far_target *t)
{
    struct segment cs = descriptor_segment(&t->code);
    cs.selector = (uint16_t)((cs.selector & ~SELECTOR_RPL) | t->cpl);
    c->v.seg[SEG_CS] = cs;
    c->v.rip = t->rip;
    struct segment *ss = &c->v.seg[SEG_SS];
    ss->access = (ss->access & ~(3u << SEGMENT_DPL_SHIFT)) | t->cpl << SEGMENT_DPL_SHIFT;
    c->mode_changed(c);
}

/* A far pointer, in the instruction or in memory. */
struct far_pointer {
    uint16_t selector;
    uint64_t offset;
};

static struct far_pointer direct_pointer(const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes;
    return (struct far_pointer){.offset = immediate_value(i->immediate, bytes),
                                .selector = (uint16_t)immediate_value(i->immediate + bytes, 2)};
}

/* Offset, then selector: two reads, as Bochs makes them. */
static bool indirect_pointer(struct dbt_cpu *c, const struct sys_insn *i, struct far_pointer *p)
{
    unsigned bytes = i->insn->operand_bytes;
    p->offset = 0;
    if (!i->memory)
        return raise_ud(c);
    return read_operand(c, i, 0, &p->offset, bytes) && read_operand(c, i, bytes, &p->selector, 2);
}

/* ---- where it goes ---- */

/* The pointer names a code segment itself. */
static bool code_target(struct dbt_cpu *c, const struct far_pointer *p, struct far_target *t)
{
    const struct descriptor *d = &t->code;
    unsigned cpl = dbt_cpl(c), dpl = descriptor_dpl(d), rpl = p->selector & SELECTOR_RPL;
    bool allowed = descriptor_is_conforming(d) ? dpl <= cpl : dpl == cpl && rpl <= cpl;
    if (!allowed || !code_mode_valid(c, d))
        return raise_selector(c, VECTOR_GP, p->selector);
    if (!descriptor_present(d))
        return raise_selector(c, VECTOR_NP, p->selector);
    t->cpl = cpl;
    t->rip = p->offset;
    return target_check_rip(c, t);
}

static bool gate_code(struct dbt_cpu *c, uint16_t selector, bool call, struct far_target *t)
{
    const struct descriptor *d = &t->code;
    unsigned cpl = dbt_cpl(c);
    if (is_null(selector))
        return raise_gp(c);
    if (!descriptor_read(c, selector, 8, VECTOR_GP, &t->code))
        return false;
    unsigned dpl = descriptor_dpl(d);
    bool inward = call || descriptor_is_conforming(d);
    if (!descriptor_is_code(d) || (inward ? dpl > cpl : dpl != cpl))
        return raise_selector(c, VECTOR_GP, selector);
    if (long_mode(c) && (!descriptor_is_64(d) || descriptor_is_32(d)))
        return raise_selector(c, VECTOR_GP, selector);
    if (!descriptor_present(d))
        return raise_selector(c, VECTOR_NP, selector);
    t->cpl = descriptor_is_conforming(d) ? cpl : dpl;
    return true;
}

/* The pointer names a call gate; its offset is not used. */
static bool gate_target(struct dbt_cpu *c, struct descriptor *gate, bool call, struct far_target *t)
{
    uint16_t selector = gate->selector;
    unsigned dpl = descriptor_dpl(gate);
    if (dpl < dbt_cpl(c) || dpl < (selector & SELECTOR_RPL))
        return raise_selector(c, VECTOR_GP, selector);
    if (long_mode(c)) {
        if (!descriptor_read(c, selector, 16, VECTOR_GP, gate))
            return false;
        if (gate->top & 0x1f00) /* type of the upper half (figure 5-9) */
            return raise_selector(c, VECTOR_GP, selector);
    }
    if (!descriptor_present(gate))
        return raise_selector(c, VECTOR_NP, selector);
    if (!gate_code(c, gate_selector(gate), call, t))
        return false;
    t->rip = gate_offset(gate, descriptor_type(gate) == TYPE_CALL_GATE32) | (uint64_t)gate->base_high << 32;
    return target_check_rip(c, t);
}

/* The pointer names a TSS, or a task gate and that one. */
static bool task_target(struct dbt_cpu *c, struct descriptor *d)
{
    unsigned dpl = descriptor_dpl(d);
    if (dpl < dbt_cpl(c) || dpl < (d->selector & SELECTOR_RPL))
        return raise_selector(c, VECTOR_GP, d->selector);
    if (descriptor_type(d) != TYPE_TASK_GATE)
        return task_check(c, d, VECTOR_GP, false);
    const struct descriptor gate = *d;
    return descriptor_present(d) ? task_gate(c, &gate, d) : raise_selector(c, VECTOR_NP, d->selector);
}

enum way { WAY_NONE, WAY_CODE, WAY_GATE, WAY_TASK };

/* WAY_NONE: an exception. Of a task `gate` is the TSS. */
static enum way find_target(struct dbt_cpu *c, const struct far_pointer *p, bool call,
                            struct descriptor *gate, struct far_target *t)
{
    if (is_null(p->selector)) {
        raise_gp(c);
        return WAY_NONE;
    }
    if (!descriptor_read(c, p->selector, 8, VECTOR_GP, &t->code))
        return WAY_NONE;
    if (descriptor_is_code(&t->code))
        return code_target(c, p, t) ? WAY_CODE : WAY_NONE;
    *gate = t->code;
    unsigned type = descriptor_is_segment(gate) ? 0 : descriptor_type(gate);
    if (type == TYPE_CALL_GATE32 || (type == TYPE_CALL_GATE16 && !long_mode(c)))
        return gate_target(c, gate, call, t) ? WAY_GATE : WAY_NONE;
    if (!long_mode(c) && (type == TYPE_TASK_GATE || type == TYPE_TSS16 || type == TYPE_TSS32))
        return task_target(c, gate) ? WAY_TASK : WAY_NONE;
    raise_selector(c, VECTOR_GP, p->selector);
    return WAY_NONE;
}

/* ---- getting there ---- */

static bool real_target_valid(struct dbt_cpu *c, uint64_t offset)
{
    return offset <= c->v.seg[SEG_CS].limit || raise_gp(c);
}

/* Limit and rights of CS stay as they are (SDM Vol. 3A, 21.1.4). */
static void real_commit(struct dbt_cpu *c, const struct far_pointer *p)
{
    struct segment *cs = &c->v.seg[SEG_CS];
    cs->selector = p->selector;
    cs->base = (uint32_t)p->selector << 4;
    c->v.rip = p->offset;
    c->mode_changed(c);
}

static bool jump(struct dbt_cpu *c, const struct sys_insn *i, const struct far_pointer *p)
{
    struct descriptor gate;
    struct far_target t;
    if (real_segments(c)) {
        if (!real_target_valid(c, p->offset))
            return false;
        real_commit(c, p);
        return true;
    }
    switch (find_target(c, p, false, &gate, &t)) {
    case WAY_NONE:
        return false;
    case WAY_TASK:
        return task_switch(c, &gate, TASK_JMP, next_rip(c, i));
    default:
        if (!target_touch(c, &t))
            return false;
        target_commit(c, &t);
        return true;
    }
}

static bool push_return(struct dbt_cpu *c, struct stack *s, uint64_t rip, unsigned bytes)
{
    return stack_push(c, s, c->v.seg[SEG_CS].selector, bytes) && stack_push(c, s, rip, bytes);
}

/* Parameters keep their order: the last one pushed by the caller ends up lowest (Vol. 3A, 5.8.5). */
static bool copy_parameters(struct dbt_cpu *c, struct stack *to, unsigned count, unsigned bytes)
{
    for (unsigned n = count; n-- > 0;) {
        struct stack from = stack_current(c, CAUSE_INSTRUCTION);
        uint64_t value;
        stack_skip(&from, (int64_t)n * bytes);
        if (!stack_pop(c, &from, &value, bytes) || !stack_push(c, to, value, bytes))
            return false;
    }
    return true;
}

#define GATE_PARAMETERS 31u
static bool call_inner(struct dbt_cpu *c, const struct descriptor *gate, struct far_target *t, uint64_t rip,
                       unsigned bytes)
{
    struct inner_stack n;
    unsigned parameters = long_mode(c) ? 0 : gate->high & GATE_PARAMETERS;
    if (!inner_stack_find(c, t->cpl, 0, CAUSE_INSTRUCTION, &n) ||
        !stack_push(c, &n.stack, c->v.seg[SEG_SS].selector, bytes) ||
        !stack_push(c, &n.stack, c->v.gpr[RSP], bytes) || !copy_parameters(c, &n.stack, parameters, bytes) ||
        !push_return(c, &n.stack, rip, bytes) || !inner_stack_touch(c, &n) || !target_touch(c, t))
        return false;
    c->v.seg[SEG_SS] = n.segment;
    stack_commit(c, &n.stack);
    target_commit(c, t);
    return true;
}

static bool call_same_level(struct dbt_cpu *c, struct far_target *t, uint64_t rip, unsigned bytes)
{
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    s.flat64 = target_is_64(c, t);
    if (!push_return(c, &s, rip, bytes) || !target_touch(c, t))
        return false;
    stack_commit(c, &s);
    target_commit(c, t);
    return true;
}

static bool call_real(struct dbt_cpu *c, const struct far_pointer *p, uint64_t rip, unsigned bytes)
{
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    if (!real_target_valid(c, p->offset) || !push_return(c, &s, rip, bytes))
        return false;
    stack_commit(c, &s);
    real_commit(c, p);
    return true;
}

static bool call(struct dbt_cpu *c, const struct sys_insn *i, const struct far_pointer *p)
{
    unsigned bytes = i->insn->operand_bytes;
    uint64_t rip = next_rip(c, i);
    struct descriptor gate;
    struct far_target t;
    if (real_segments(c))
        return call_real(c, p, rip, bytes);
    switch (find_target(c, p, true, &gate, &t)) {
    case WAY_CODE:
        return call_same_level(c, &t, rip, bytes);
    case WAY_TASK:
        return task_switch(c, &gate, TASK_CALL, rip);
    case WAY_GATE:
        bytes = long_mode(c) ? 8 : descriptor_type(&gate) == TYPE_CALL_GATE32 ? 4 : 2;
        return t.cpl < dbt_cpl(c) ? call_inner(c, &gate, &t, rip, bytes) : call_same_level(c, &t, rip, bytes);
    default:
        return false;
    }
}

bool op_far_jmp(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct far_pointer p = direct_pointer(i);
    return jump(c, i, &p);
}

bool op_far_call(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct far_pointer p = direct_pointer(i);
    return call(c, i, &p);
}

bool op_far_jmp_indirect(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct far_pointer p;
    return indirect_pointer(c, i, &p) && jump(c, i, &p);
}

bool op_far_call_indirect(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct far_pointer p;
    return indirect_pointer(c, i, &p) && call(c, i, &p);
}
