/*
 * Alignment checks (SDM Vol. 3A, 6.15, #AC). Whether an operand of 16 bytes or more
 * that need not be aligned raises #AC is left to the processor: here it has to be
 * aligned to 16 bytes.
 */
#include "dbt/sys/parts.h"

#define ALIGNMENT_MAX 16u
#define EXTENDED_BYTES 10u /* x87 */

bool sys_checks_alignment(const struct dbt_cpu *c)
{
    return (c->v.cr0 & CR0_AM) && (c->v.rflags & RFLAGS_AC) && protected_mode(c) && dbt_cpl(c) == 3;
}

bool sys_aligned(struct dbt_cpu *c, gva_t at, unsigned alignment)
{
    return !(at & (alignment - 1)) || !sys_checks_alignment(c) || dbt_raise_error(c, VECTOR_AC, 0);
}

/* Of other sizes than these are only accesses with a rule of their own. */
static unsigned alignment_of(unsigned bytes)
{
    if (bytes == EXTENDED_BYTES)
        return 8;
    return bytes < ALIGNMENT_MAX ? bytes : ALIGNMENT_MAX;
}

bool sys_access_aligned(struct dbt_cpu *c, gva_t at, unsigned bytes, unsigned access)
{
    return access & (DBT_SYSTEM | DBT_UNALIGNED) || sys_aligned(c, at, alignment_of(bytes));
}
