/* MOV DR (SDM Vol. 3B, 17.2). */
#include "x86/debug.h"

#include "dbt/sys/parts.h"

#define DR6_FIXED_1 0xffff0ff0ull
#define DR6_WRITABLE (DR6_BREAKPOINTS | DR6_BD | DR6_BS | DR6_BT)
#define DR7_FIXED_0 0xd800ull /* bits 11, 12, 14, 15 */

/* DR4 and DR5 are other names of DR6 and DR7, unless CR4.DE makes them #UD. */
static bool allowed(struct dbt_cpu *c, const struct sys_insn *i, unsigned *number)
{
    *number = i->reg;
    if (*number > 7)
        return raise_ud(c);
    if (*number == 4 || *number == 5) {
        if (c->v.cr4 & CR4_DE)
            return raise_ud(c);
        *number += 2;
    }
    if (!require_cpl0(c))
        return false;
    if (c->v.dr7 & DR7_GD) {
        c->v.dr6 |= DR6_BD;
        return dbt_raise(c, VECTOR_DB);
    }
    return true;
}

bool op_mov_from_dr(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned n;
    if (!allowed(c, i, &n))
        return false;
    write_gpr(c, i->rm, n == 6 ? c->v.dr6 : n == 7 ? c->v.dr7 : c->v.dr[n & 3], code_is_64(c) ? 8 : 4);
    return true;
}

bool op_mov_to_dr(struct dbt_cpu *c, const struct sys_insn *i)
{
    unsigned n;
    if (!allowed(c, i, &n))
        return false;
    uint64_t value = truncate_to(c->v.gpr[i->rm], code_is_64(c) ? 8 : 4);
    if (n < 4) {
        c->v.dr[n] = value;
    } else if (value >> 32) {
        return raise_gp(c);
    } else if (n == 6) {
        c->v.dr6 = (value & DR6_WRITABLE) | DR6_FIXED_1;
    } else {
        c->v.dr7 = (value & ~DR7_FIXED_0) | DR7_FIXED_1;
    }
    c->mode_changed(c);
    return true;
}
