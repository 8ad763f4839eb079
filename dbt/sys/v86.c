/*
 * Virtual-8086 mode (SDM Vol. 3B, 21.2): segments as on the 8086, at CPL 3. It is
 * entered by IRET at CPL 0 or by a task switch, and left by events alone.
 *
 * Its extensions (CR4.VME, 21.3) keep an interrupt flag of the program's own, VIF, where
 * IOPL leaves IF to the monitor, and let INT n go to the program's own handlers.
 */
#include "dbt/sys/parts.h"

#define V86_ACCESS 0xf3u /* present, DPL 3, writable data, accessed */

void v86_load(struct dbt_cpu *c, unsigned segment, uint16_t selector)
{
    c->v.seg[segment] = (struct segment){
        .base = (uint32_t)selector << 4, .limit = 0xffff, .selector = selector, .access = V86_ACCESS};
}

static bool is_extended(const struct dbt_cpu *c)
{
    return protected_mode(c) && dbt_cpl(c) == 3 && (c->v.cr4 & (virtual_8086(c) ? CR4_VME : CR4_PVI));
}

bool v86_is_virtual_if(const struct dbt_cpu *c)
{
    return is_extended(c) && iopl(c) < 3;
}

/* What depends on IOPL, with an operand of `bytes`. */
static bool has_virtual_flags(const struct dbt_cpu *c, unsigned bytes)
{
    return virtual_8086(c) && v86_is_virtual_if(c) && bytes == 2;
}

bool v86_allows(struct dbt_cpu *c, unsigned bytes)
{
    return !virtual_8086(c) || iopl(c) == 3 || has_virtual_flags(c, bytes) || raise_gp(c);
}

uint64_t v86_flags(const struct dbt_cpu *c, unsigned bytes)
{
    uint64_t flags = c->v.rflags;
    if (!has_virtual_flags(c, bytes))
        return flags;
    return (flags & ~RFLAGS_IF) | (flags & RFLAGS_VIF ? RFLAGS_IF : 0) | RFLAGS_IOPL;
}

bool v86_check_flags(struct dbt_cpu *c, uint64_t flags, unsigned bytes)
{
    bool interrupt_is_pending = (c->v.rflags & RFLAGS_VIP) && (flags & RFLAGS_IF);
    return !has_virtual_flags(c, bytes) || !(interrupt_is_pending || (flags & RFLAGS_TF)) || raise_gp(c);
}

void v86_set_flags(struct dbt_cpu *c, uint64_t flags, uint64_t mask, unsigned bytes)
{
    if (has_virtual_flags(c, bytes)) {
        flags |= flags & RFLAGS_IF ? RFLAGS_VIF : 0;
        mask = (mask & ~RFLAGS_IF) | RFLAGS_VIF;
    }
    set_flags(c, flags, mask);
}

/* Whatever IOPL is, as in Bochs. */
bool v86_check_pending(struct dbt_cpu *c)
{
    if (!is_extended(c) || !(c->v.rflags & RFLAGS_VIF) || !(c->v.rflags & RFLAGS_VIP))
        return true;
    c->delivered = true;
    return raise_gp(c);
}

/* ---- INT n ---- */

#define TSS_IO_MAP_BASE 0x66u
#define REDIRECTION_BYTES 32u /* before the I/O permission bitmap */

static bool read_tss(struct dbt_cpu *c, uint32_t offset, void *to, unsigned bytes)
{
    return dbt_read(c, (uint32_t)(c->v.seg[SEG_TR].base + offset), to, bytes, DBT_READ | DBT_SYSTEM,
                    CAUSE_INSTRUCTION);
}

bool v86_redirects(struct dbt_cpu *c, uint8_t vector, bool *redirected)
{
    const struct segment *tr = &c->v.seg[SEG_TR];
    uint16_t map;
    uint8_t bits = 0xff;
    *redirected = false;
    if (!virtual_8086(c))
        return true;
    if (c->v.cr4 & CR4_VME) {
        if (tr->limit < TSS_IO_MAP_BASE + 1)
            return raise_gp(c);
        if (!read_tss(c, TSS_IO_MAP_BASE, &map, sizeof map))
            return false;
        uint32_t at = map - REDIRECTION_BYTES + vector / 8u;
        if (at > tr->limit)
            return raise_gp(c);
        if (!read_tss(c, at, &bits, sizeof bits))
            return false;
    }
    *redirected = !(bits >> (vector & 7) & 1);
    return *redirected || iopl(c) == 3 || raise_gp(c);
}

/* ---- out by an event, in by IRET ---- */

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
