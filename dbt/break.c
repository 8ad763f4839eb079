/*
 * Places in the code where translated code must not pass unseen: where the host
 * wants to be asked, and the guest's instruction breakpoints. Blocks end before
 * them, and one that begins there is entered from the dispatcher alone.
 */
#include "dbt/run.h"

#include "dbt/sys/sys.h"
#include "x86/cpu.h"
#include "x86/debug.h"

static bool host_breaks(const struct dbt *d, gva_t at, unsigned *n)
{
    for (*n = 0; *n < DBT_BREAKS; ++*n)
        if (d->break_armed[*n] && d->break_at[*n] == at)
            return true;
    return false;
}

bool dbt_is_break(const struct dbt *d, gva_t at)
{
    unsigned n;
    return host_breaks(d, at, &n) || sys_breaks_before(&d->cpu, at);
}

bool break_is_at(const struct dbt *d, const struct block *b)
{
    return dbt_is_break(d, code_linear(b->mode, b->cs_base, b->ip));
}

void dbt_set_break(struct dbt *d, unsigned n, bool armed, gva_t at)
{
    d->break_armed[n] = armed;
    d->break_at[n] = at;
    cache_flush(d);
}

static gva_t here(const struct dbt *d)
{
    gva_t ip = d->cpu.v.rip;
    return sys_code_size(&d->cpu) == CODE_64 ? ip : (uint32_t)(ip + d->cpu.v.seg[SEG_CS].base);
}

bool break_ask_host(struct dbt *d)
{
    unsigned n;
    if (!host_breaks(d, here(d), &n))
        return false;
    d->host->at_break(d, n);
    return true;
}

/* Not with RF, behind MOV SS, or in the middle of a REP. The frame shows RF as it is: so that the instruction
 * gets on, the handler sets it there (SDM Vol. 3B, 17.3.1.1; Vol. 3A, 6.8.3). */
bool break_deliver(struct dbt *d)
{
    struct dbt_cpu *c = &d->cpu;
    if (!(c->v.dr7 & DR7_ENABLES) || c->v.rflags & RFLAGS_RF || c->shadow_is_mov_ss || d->between_iterations)
        return false;
    uint64_t hit = sys_breaks_before(c, here(d));
    if (!hit)
        return false;
    d->quiet_block = false;
    sys_deliver_debug(c, hit);
    d->mode_dirty = true;
    return true;
}

static bool is_on_code(const struct sys_breakpoint *b)
{
    return b->bytes && b->kind == BREAK_BEFORE;
}

bool breakpoints_changed(struct dbt *d, bool *on_code)
{
    struct sys_breakpoint now[SYS_BREAKPOINTS];
    sys_breakpoints(&d->cpu, now);
    *on_code = false;
    if (memcmp(now, d->breakpoints, sizeof now) == 0)
        return false;
    for (unsigned n = 0; n < SYS_BREAKPOINTS; n++)
        if (memcmp(&now[n], &d->breakpoints[n], sizeof now[n]) != 0)
            *on_code = *on_code || is_on_code(&now[n]) || is_on_code(&d->breakpoints[n]);
    memcpy(d->breakpoints, now, sizeof now);
    return true;
}
