/* BOUND and ARPL, which 64-bit mode does not have (SDM Vol. 2A). */
#include "dbt/sys/parts.h"

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
