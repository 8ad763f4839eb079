/*
 * Virtual-8086 mode (SDM Vol. 3B, 21.2), without its extensions (CR4.VME): segments
 * as on the 8086, at CPL 3. It is entered by IRET at CPL 0 or by a task switch, and left by
 * events alone.
 */
#include "dbt/sys/parts.h"

#define V86_ACCESS 0xf3u /* present, DPL 3, writable data, accessed */

void v86_load(struct dbt_cpu *c, unsigned segment, uint16_t selector)
{
    c->v.seg[segment] = (struct segment){
        .base = (uint32_t)selector << 4, .limit = 0xffff, .selector = selector, .access = V86_ACCESS};
}

bool v86_allows(struct dbt_cpu *c)
{
    return !virtual_8086(c) || iopl(c) == 3 || raise_gp(c);
}

/* In the order of the frame, above ESP and SS. */
static const uint8_t data_segments[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
#define DATA_SEGMENTS sizeof data_segments

bool v86_push_segments(struct dbt_cpu *c, struct stack *s, unsigned bytes)
{
    for (unsigned n = DATA_SEGMENTS; n-- > 0;)
        if (!stack_push(c, s, c->v.seg[data_segments[n]].selector, bytes))
            return false;
    return true;
}

void v86_drop_segments(struct dbt_cpu *c)
{
    for (unsigned n = 0; n < DATA_SEGMENTS; n++)
        c->v.seg[data_segments[n]] = segment_null(0, 0);
}

bool v86_return(struct dbt_cpu *c, const struct stack *frame, uint64_t ip, uint16_t cs)
{
    uint64_t sp, ss, selector[DATA_SEGMENTS];
    if (!stack_peek(c, frame, 0, &sp, 4) || !stack_peek(c, frame, 4, &ss, 4))
        return false;
    for (unsigned n = 0; n < DATA_SEGMENTS; n++)
        if (!stack_peek(c, frame, 8 + 4 * n, &selector[n], 4))
            return false;
    if (ip > 0xffff)
        return raise_gp(c);
    for (unsigned n = 0; n < DATA_SEGMENTS; n++)
        v86_load(c, data_segments[n], (uint16_t)selector[n]);
    v86_load(c, SEG_CS, cs);
    v86_load(c, SEG_SS, (uint16_t)ss);
    c->v.gpr[RSP] = sp;
    c->v.rip = ip;
    c->mode_changed(c);
    return true;
}
