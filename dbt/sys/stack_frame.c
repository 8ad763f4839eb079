/* PUSHA, POPA and ENTER (SDM Vol. 2): many accesses of the stack, each checked when it is made. What was
 * pushed before one of them faults stays in memory; the registers stay as they were. */
#include "dbt/sys/parts.h"

bool op_pusha(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    for (unsigned r = RAX; r <= RDI; r++)
        if (!stack_push(c, &s, c->v.gpr[r], i->insn->operand_bytes))
            return false;
    stack_commit(c, &s);
    return true;
}

/* The place of the stack pointer is read as well, and left out. The end has to be within the limit before
 * anything is read. */
bool op_popa(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct stack s = stack_current(c, CAUSE_INSTRUCTION);
    uint64_t value[RDI + 1];
    if (!stack_holds(c, &s, RDI * i->insn->operand_bytes, i->insn->operand_bytes))
        return false;
    for (unsigned r = RDI + 1; r-- > RAX;)
        if (!stack_pop(c, &s, &value[r], i->insn->operand_bytes))
            return false;
    for (unsigned r = RAX; r <= RDI; r++)
        if (r != RSP)
            write_gpr(c, r, value[r], i->insn->operand_bytes);
    stack_commit(c, &s);
    return true;
}

bool op_enter(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned bytes = i->insn->operand_bytes, nesting = i->insn->nesting;
    struct stack s = stack_current(c, CAUSE_INSTRUCTION), outer = s;

    outer.sp = c->v.gpr[RBP];
    if (!stack_push(c, &s, c->v.gpr[RBP], bytes))
        return false;
    uint64_t frame = s.sp;
    for (unsigned n = 1; n < nesting; n++) {
        uint64_t link;
        stack_skip(&outer, -(int64_t)bytes);
        if (!stack_peek(c, &outer, 0, &link, bytes) || !stack_push(c, &s, link, bytes))
            return false;
    }
    if (nesting && !stack_push(c, &s, frame, bytes))
        return false;
    stack_skip(&s, -(int64_t)immediate_value(i->immediate, 2));
    if (!stack_writable(c, &s, bytes))
        return false;
    write_gpr(c, RBP, frame, bytes);
    stack_commit(c, &s);
    return true;
}
