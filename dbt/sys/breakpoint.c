/*
 * Breakpoints in the debug registers (SDM Vol. 3B, 17.2.4 and 17.2.5). Those for
 * instructions are faults; the others are noted while the instruction makes its
 * accesses, and trap behind it.
 */
#include "dbt/sys/sys.h"

#include "x86/cpu.h"
#include "x86/debug.h"

#include <string.h>

static struct sys_breakpoint breakpoint(const struct dbt_cpu *c, unsigned n)
{
    static const uint8_t bytes[4] = {1, 2, 8, 4};
    unsigned type = c->v.dr7 >> (16 + 4 * n) & 15;
    struct sys_breakpoint b = {.kind = (uint8_t)(type & 3), .bytes = bytes[type >> 2]};
    if (!(c->v.dr7 & DR7_BOTH(n)) || (b.kind == BREAK_IO && !(c->v.cr4 & CR4_DE)))
        return (struct sys_breakpoint){0};
    if (b.kind == BREAK_BEFORE)
        b.bytes = 1;
    b.at = c->v.dr[n] & ~(b.bytes - 1ull);
    return b;
}

void sys_breakpoints(const struct dbt_cpu *c, struct sys_breakpoint b[SYS_BREAKPOINTS])
{
    memset(b, 0, SYS_BREAKPOINTS * sizeof *b);
    for (unsigned n = 0; n < SYS_BREAKPOINTS && c->v.dr7 & DR7_ENABLES; n++)
        b[n] = breakpoint(c, n);
}

static bool overlap(const struct sys_breakpoint *b, uint64_t at, unsigned bytes)
{
    return b->bytes && at < b->at + b->bytes && b->at < at + bytes;
}

/* DR6's bits for breakpoints of the `kinds` (bit mask) in that range. */
static uint8_t hits(const struct dbt_cpu *c, unsigned kinds, uint64_t at, unsigned bytes)
{
    struct sys_breakpoint b[SYS_BREAKPOINTS];
    uint8_t hit = 0;
    if (!(c->v.dr7 & DR7_ENABLES))
        return 0;
    sys_breakpoints(c, b);
    for (unsigned n = 0; n < SYS_BREAKPOINTS; n++)
        if (kinds >> b[n].kind & 1 && overlap(&b[n], at, bytes))
            hit |= (uint8_t)(1u << n);
    return hit;
}

uint64_t sys_breaks_before(const struct dbt_cpu *c, gva_t at)
{
    return hits(c, 1u << BREAK_BEFORE, at, 1);
}

bool sys_breaks_page(const struct dbt_cpu *c, gva_t page)
{
    return hits(c, 1u << BREAK_WRITE | 1u << BREAK_ACCESS, page, PAGE_SIZE);
}

void sys_note_access(struct dbt_cpu *c, gva_t at, unsigned bytes, bool write)
{
    c->debug_traps |= hits(c, (write ? 1u << BREAK_WRITE : 0) | 1u << BREAK_ACCESS, at, bytes);
}

void sys_note_port(struct dbt_cpu *c, uint16_t port, unsigned bytes)
{
    c->debug_traps |= hits(c, 1u << BREAK_IO, port, bytes);
}
