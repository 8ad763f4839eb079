/* Stacks of inner privilege levels and of the IST, out of the TSS (SDM Vol. 3A, 7.2.1, 7.7 and 6.14.5). */
#include "dbt/sys/parts.h"

#define TSS16_STACKS 2u
#define TSS32_STACKS 4u
#define TSS64_STACKS 4u
#define TSS64_IST 0x24u

static bool read_tss(struct dbt_cpu *c, unsigned offset, void *to, unsigned bytes, uint8_t cause)
{
    const struct segment *tr = &c->v.seg[SEG_TR];
    gva_t at = tr->base + offset;
    if (offset + bytes - 1 > tr->limit)
        return raise_selector(c, VECTOR_TS, tr->selector);
    return dbt_read(c, long_mode(c) ? at : (uint32_t)at, to, bytes, DBT_READ | DBT_SYSTEM, cause);
}

static bool find_long(struct dbt_cpu *c, unsigned cpl, unsigned ist, uint8_t cause, struct inner_stack *n)
{
    uint64_t rsp;
    unsigned offset = ist ? TSS64_IST + 8 * (ist - 1) : TSS64_STACKS + 8 * cpl;
    if (!read_tss(c, offset, &rsp, sizeof rsp, cause))
        return false;
    bool inner = cpl != dbt_cpl(c);
    /* With a change of level SS becomes null, its RPL the new CPL; an IST alone leaves it (6.14.2). */
    n->segment = inner ? segment_null((uint16_t)cpl, cpl) : c->v.seg[SEG_SS];
    n->stack = stack_new(&n->segment, rsp, true, inner, cause);
    n->stack.error = 0;
    return true;
}

static bool find_legacy(struct dbt_cpu *c, unsigned cpl, uint8_t cause, struct inner_stack *n)
{
    bool wide = c->v.seg[SEG_TR].access & TYPE_CODE; /* the same bit tells a 32-bit TSS */
    unsigned pointer_bytes = wide ? 4 : 2;
    unsigned offset = wide ? TSS32_STACKS + 8 * cpl : TSS16_STACKS + 4 * cpl;
    uint32_t sp = 0;
    uint16_t ss;
    if (!read_tss(c, offset + pointer_bytes, &ss, sizeof ss, cause) ||
        !read_tss(c, offset, &sp, pointer_bytes, cause))
        return false;
    if (is_null(ss))
        return raise_selector(c, VECTOR_TS, 0);
    if (!stack_segment_check(c, ss, cpl, VECTOR_TS, VECTOR_SS, &n->ss))
        return false;
    n->segment = descriptor_segment(&n->ss);
    n->stack = stack_new(&n->segment, sp, false, true, cause);
    return true;
}

bool inner_stack_find(struct dbt_cpu *c, unsigned cpl, unsigned ist, uint8_t cause, struct inner_stack *n)
{
    return long_mode(c) ? find_long(c, cpl, ist, cause, n) : find_legacy(c, cpl, cause, n);
}

bool inner_stack_touch(struct dbt_cpu *c, struct inner_stack *n)
{
    if (long_mode(c))
        return true;
    if (!descriptor_set_accessed(c, &n->ss))
        return false;
    n->segment.access |= TYPE_ACCESSED;
    return true;
}
