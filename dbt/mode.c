/*
 * What the state says of how code is to be translated and where the TLB is to be
 * asked. Derived anew whenever something may have changed it (dbt.mode_dirty).
 */
#include "dbt/run.h"

#include "dbt/sys/sys.h"
#include "x86/cpu.h"
#include "x86/debug.h"

/* Of CS: reads; that it cannot be written in protected mode the translator knows. */
static bool limited(const struct dbt *d, const struct segment *s, unsigned n)
{
    if ((d->mode & MODE_CODE_SIZE) == CODE_64)
        return false;
    bool data = !(s->access & 8), restricted = !(s->access & 2) || (!data && n != SEG_CS);
    return (s->access & SEGMENT_UNUSABLE) || s->limit != 0xffffffffu || (data && (s->access & 4)) ||
           (restricted && d->mode & MODE_PROTECTED);
}

/* SDM Vol. 3A, 2.5 and 2.6. */
static uint32_t vector_mode(const struct vcpu *v)
{
    const uint64_t avx = XCR0_SSE | XCR0_AVX;
    uint64_t enabled = v->cr4 & CR4_OSXSAVE ? v->xcr0 : 0;
    uint32_t mode = 0;
    if (v->cr0 & CR0_EM)
        mode |= MODE_EM;
    if (v->cr0 & CR0_TS)
        mode |= v->cr0 & CR0_MP ? MODE_TS | MODE_WAIT_NM : MODE_TS;
    if (!(v->cr4 & CR4_OSFXSR))
        mode |= MODE_NO_SSE;
    if (!(v->cr0 & CR0_PE) || (v->rflags & RFLAGS_VM))
        mode |= MODE_NO_VEX;
    if ((enabled & avx) != avx)
        mode |= MODE_NO_AVX;
    if ((enabled & (avx | XCR0_AVX512)) != (avx | XCR0_AVX512))
        mode |= MODE_NO_AVX512;
    return mode;
}

static uint64_t recording_mode(const struct dbt *d)
{
    const struct recorder *r = &d->recorder;
    uint64_t mode = (r->reads ? MODE_READS : 0) | (r->writes ? MODE_WRITES : 0);
    if (!r->on)
        return 0;
    if (!filter_context(&r->filter, sys_context(&d->cpu), d->cpu.v.cr3))
        return mode | MODE_DROPPED;
    return mode | (filter_has_ranges(&r->filter) ? MODE_RANGES : 0);
}

uint64_t dbt_mode(const struct dbt *d)
{
    const struct vcpu *v = &d->cpu.v;
    uint64_t mode = sys_code_size(&d->cpu);
    if (v->seg[SEG_SS].access & SEGMENT_DB)
        mode |= MODE_STACK32;
    if (v->cr0 & CR0_PE)
        mode |= (v->rflags & RFLAGS_VM ? 0 : MODE_PROTECTED) | (dbt_cpl(&d->cpu) == 3 ? MODE_USER : 0);
    if (v->cr0 & CR0_PG)
        mode |= MODE_PAGING;
    if (sys_checks_alignment(&d->cpu))
        mode |= MODE_ALIGNED;
    mode |= vector_mode(v);
    if (v->rflags & RFLAGS_DF)
        mode |= MODE_DF;
    if (v->rflags & RFLAGS_TF)
        mode |= MODE_TF;
    return mode | recording_mode(d);
}

static uint32_t segment_mode(const struct dbt *d)
{
    uint32_t mode = 0;
    for (unsigned n = SEG_ES; n <= SEG_GS; n++) {
        const struct segment *s = &d->cpu.v.seg[n];
        if ((d->mode & MODE_CODE_SIZE) != CODE_64 && s->base)
            mode |= MODE_BASED(n);
        if (limited(d, s, n))
            mode |= MODE_LIMITED(n);
    }
    return mode;
}

/* What decides over a page's rights besides its tables and the CPL, for which there are two TLBs. */
static uint64_t permissions(const struct vcpu *v)
{
    uint64_t key = (v->cr0 & CR0_WP) | (v->cr4 & (CR4_SMEP | CR4_SMAP)) << 32;
    return key | (v->cr4 & CR4_SMAP ? v->rflags & RFLAGS_AC : 0) | (v->efer & EFER_NXE) << 20;
}

/* AC alone changes with each access of a kernel to a program's memory: what it gives is found by misses, and
 * what it takes is little. */
static void update_permissions(struct dbt *d)
{
    uint64_t change = permissions(&d->cpu.v) ^ d->permissions;
    if (!change)
        return;
    d->permissions ^= change;
    if (change != RFLAGS_AC)
        tlb_flush_all(d);
    else if (!(d->permissions & RFLAGS_AC))
        tlb_forget_programs(d);
}

/* Blocks end before instruction breakpoints, and pages with others are in no TLB. Without paging these decide
 * as well whether accesses can show flags (translate.c). */
static void update_breakpoints(struct dbt *d)
{
    bool on_code;
    if (!breakpoints_changed(d, &on_code))
        return;
    if (on_code || !(d->cpu.v.cr0 & CR0_PG))
        cache_flush(d);
    tlb_flush_all(d);
}

static void update_code_segment(struct dbt *d)
{
    const struct segment *cs = &d->cpu.v.seg[SEG_CS];
    const bool flat = (d->mode & MODE_CODE_SIZE) == CODE_64;
    uint64_t base = flat ? 0 : cs->base;
    uint32_t limit = flat ? 0 : cs->limit;
    if (base != d->jump_cs_base || limit != d->jump_cs_limit)
        cache_forget_jumps(d);
    d->jump_cs_base = base;
    d->jump_cs_limit = limit;
}

void mode_update(struct dbt *d)
{
    update_permissions(d);
    update_breakpoints(d);
    const uint64_t before = d->mode, mode = dbt_mode(d);
    if ((mode ^ before) & (MODE_RECORDS | MODE_RANGES | MODE_DROPPED | MODE_USER))
        recorder_count(d);
    d->mode = mode;
    d->mode |= segment_mode(d);
    if (mode & MODE_RECORDS && !(mode & MODE_DROPPED) && before & MODE_DROPPED)
        tlb_tell(d);
    if (d->stepping || d->cpu.interrupt_shadow)
        d->mode |= MODE_STEP;
    update_code_segment(d);
    if (d->mode != before || d->jump_table == 0)
        cache_choose_jump_table(d);
    d->mode_dirty = false;
}
