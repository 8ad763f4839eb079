/* PUSHA, POPA and ENTER, whose accesses are many, BOUND and ARPL (SDM Vol. 2). */
#include "dbt/sys/parts.h"

/* ---- PUSHA and POPA ---- */

#define GPRS_PUSHED 8u

/* What faults has pushed nothing. */
bool op_pusha(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes;
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    if (!stack_reserve(c, &s, GPRS_PUSHED, bytes))
        return false;
    for (unsigned r = RAX; r <= RDI; r++)
        if (!stack_push(c, &s, c->v.gpr[r], bytes))
            return false;
    stack_commit(c, &s);
    return true;
}

/* The slot of rSP is read, and its value not used. */
bool op_popa(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes;
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    uint64_t value[GPRS_PUSHED];
    for (unsigned r = GPRS_PUSHED; r-- > 0;)
        if (!stack_pop(c, &s, &value[r], bytes))
            return false;
    for (unsigned r = RAX; r <= RDI; r++)
        if (r != RSP)
            write_gpr(c, r, value[r], bytes);
    stack_commit(c, &s);
    return true;
}

/* ---- ENTER ---- */

static bool copy_frame_pointers(struct dbt_cpu *c, struct stack *s, unsigned count, unsigned bytes)
{
    struct stack from = stack_current(c, CAUSE_INSTRUCTION);
    from.sp = c->v.gpr[RBP];
    for (unsigned n = 0; n < count; n++) {
        uint64_t pointer;
        stack_skip(&from, -(int64_t)bytes);
        if (!stack_peek(c, &from, 0, &pointer, bytes) || !stack_push(c, s, pointer, bytes))
            return false;
    }
    return true;
}

#define NESTING_MASK 31u
bool op_enter(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes, nesting = i->immediate[2] & NESTING_MASK;
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    if (!stack_reserve(c, &s, nesting + 1, bytes) || !stack_push(c, &s, c->v.gpr[RBP], bytes))
        return false;
    uint64_t frame = s.sp;
    if (nesting && (!copy_frame_pointers(c, &s, nesting - 1, bytes) || !stack_push(c, &s, frame, bytes)))
        return false;
    stack_skip(&s, -(int64_t)immediate_value(i->immediate, 2));
    /* A write at the final stack pointer must be possible. */
    struct stack end = s;
    stack_skip(&end, bytes);
    if (!stack_reserve(c, &end, 1, bytes))
        return false;
    write_gpr(c, RBP, frame, bytes);
    stack_commit(c, &s);
    return true;
}

/* ---- BOUND and ARPL ---- */

/* Two reads, lower and upper bound, as Bochs makes them. */
bool op_bound(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes, unused = 64 - 8 * bytes;
    uint64_t low = 0, high = 0;
    if (!read_operand(c, i, 0, &low, bytes) || !read_operand(c, i, bytes, &high, bytes))
        return false;
    int64_t index = (int64_t)(c->v.gpr[i->reg] << unused), lower = (int64_t)(low << unused),
            upper = (int64_t)(high << unused);
    return (index >= lower && index <= upper) || dbt_raise(c, VECTOR_BR);
}

bool op_arpl(struct dbt_cpu *c, const struct sys_insn *i)
{
    uint16_t selector;
    if (!require_protected(c) || !read_rm16(c, i, &selector))
        return false;
    unsigned rpl = c->v.gpr[i->reg] & SELECTOR_RPL;
    bool raise = (selector & SELECTOR_RPL) < rpl;
    if (raise && i->memory) {
        if (!write_rm(c, i, (selector & ~SELECTOR_RPL) | rpl, 2))
            return false;
    } else if (raise) {
        write_gpr(c, i->rm, (selector & ~SELECTOR_RPL) | rpl, 2);
    }
    set_flags(c, raise ? RFLAGS_ZF : 0, RFLAGS_ZF);
    return true;
}
