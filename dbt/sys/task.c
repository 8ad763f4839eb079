/*
 * Hardware task switches (SDM Vol. 3A, 7.3). Up to the point where the new task's
 * registers are there faults are the old task's, behind it they are the new one's. In
 * which order the TSSs and descriptors are touched is Bochs's way; the SDM leaves it open.
 */
#include "dbt/sys/parts.h"

#include "x86/debug.h"

#define TSS_LINK 0u
#define TSS32_CR3 0x1cu
#define TSS32_TRAP 0x64u
#define TSS_TRAP_FLAG 1u
#define DR7_LOCAL 0x155ull /* L0 to L3, LE */
#define RFLAGS_IN_TSS 0x3f7fd7ull

/* Where the two kinds of TSS have their fields (figures 7-2 and 7-10). */
struct layout {
    uint8_t word; /* bytes of a register */
    uint8_t ip, gpr, segments, segment_count, segment_stride, ldt;
    uint8_t limit; /* the least there may be */
};
static const struct layout layout32 = {.word = 4,
                                       .ip = 0x20,
                                       .gpr = 0x28,
                                       .segments = 0x48,
                                       .segment_count = 6,
                                       .segment_stride = 4,
                                       .ldt = 0x60,
                                       .limit = 0x67};
static const struct layout layout16 = {.word = 2,
                                       .ip = 0x0e,
                                       .gpr = 0x12,
                                       .segments = 0x22,
                                       .segment_count = 4,
                                       .segment_stride = 2,
                                       .ldt = 0x2a,
                                       .limit = 0x2b};

static const struct layout *layout_of(unsigned type)
{
    return type & TYPE_CODE ? &layout32 : &layout16; /* the same bit */
}

/* What the new task's TSS holds. */
struct task {
    const struct layout *layout;
    gva_t base;
    uint64_t cr3;
    uint32_t ip, flags, gpr[RDI + 1];
    uint16_t selector[SEG_GS + 1], ldt;
    bool traps;
};

static bool tss_read(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes)
{
    return dbt_read(c, (uint32_t)at, to, bytes, DBT_READ | DBT_SYSTEM, CAUSE_TASK_SWITCH);
}

static bool tss_write(struct dbt_cpu *c, gva_t at, uint64_t value, unsigned bytes)
{
    return dbt_write(c, (uint32_t)at, &value, bytes, DBT_WRITE | DBT_SYSTEM, CAUSE_TASK_SWITCH);
}

/* ---- which task ---- */

static bool tss_is(const struct descriptor *d, bool busy)
{
    unsigned type = descriptor_type(d);
    return !descriptor_is_segment(d) &&
           ((type & ~TYPE_BUSY) == TYPE_TSS16 || (type & ~TYPE_BUSY) == TYPE_TSS32) &&
           !!(type & TYPE_BUSY) == busy;
}

bool task_check(struct dbt_cpu *c, const struct descriptor *tss, uint8_t vector, bool busy)
{
    if ((tss->selector & SELECTOR_TI) || !tss_is(tss, busy))
        return raise_selector(c, vector, tss->selector);
    return descriptor_present(tss) || raise_selector(c, VECTOR_NP, tss->selector);
}

static bool read_tss(struct dbt_cpu *c, uint16_t selector, uint8_t vector, bool busy, struct descriptor *tss)
{
    if (selector & SELECTOR_TI)
        return raise_selector(c, vector, selector);
    return descriptor_read(c, selector, 8, vector, tss) && task_check(c, tss, vector, busy);
}

bool task_gate(struct dbt_cpu *c, const struct descriptor *gate, struct descriptor *tss)
{
    return read_tss(c, gate_selector(gate), VECTOR_GP, false, tss);
}

/* ---- the old task ---- */

static bool set_busy(struct dbt_cpu *c, gva_t at, bool busy)
{
    uint32_t high;
    if (!dbt_read(c, (uint32_t)(at + 4), &high, sizeof high, DBT_READ | DBT_SYSTEM, CAUSE_DESCRIPTOR))
        return false;
    high = busy ? high | TYPE_BUSY << 8 : high & ~(TYPE_BUSY << 8);
    return dbt_write(c, (uint32_t)(at + 4), &high, sizeof high, DBT_WRITE | DBT_SYSTEM, CAUSE_DESCRIPTOR);
}

static gva_t descriptor_of_tr(const struct dbt_cpu *c)
{
    return c->v.gdtr.base + (c->v.seg[SEG_TR].selector & ~7u);
}

static bool save(struct dbt_cpu *c, uint64_t ip, uint64_t flags)
{
    const struct layout *l = layout_of(c->v.seg[SEG_TR].access);
    gva_t base = c->v.seg[SEG_TR].base;
    if (!tss_write(c, base + l->ip, ip, l->word) || !tss_write(c, base + l->ip + l->word, flags, l->word))
        return false;
    for (unsigned r = RAX; r <= RDI; r++)
        if (!tss_write(c, base + l->gpr + r * l->word, c->v.gpr[r], l->word))
            return false;
    for (unsigned n = 0; n < l->segment_count; n++)
        if (!tss_write(c, base + l->segments + n * l->segment_stride, c->v.seg[n].selector, 2))
            return false;
    return true;
}

static unsigned last_saved(const struct layout *l)
{
    return l->segments + (l->segment_count - 1u) * l->segment_stride + 1u;
}

/* Both TSSs must be there before anything is changed, as far as they are written and read: a byte at each end
 * tells, as they are less than a page. */
static bool check_tss(struct dbt_cpu *c, const struct descriptor *tss, const struct task *t, bool links)
{
    const struct segment *tr = &c->v.seg[SEG_TR];
    const struct layout *old = layout_of(tr->access);
    if (descriptor_segment(tss).limit < t->layout->limit)
        return raise_selector(c, VECTOR_TS, tss->selector);
    if (tr->limit < old->ldt - 1u)
        return raise_selector(c, VECTOR_TS, tr->selector);
    return sys_readable(c, (uint32_t)t->base, 1, DBT_SYSTEM) &&
           sys_readable(c, (uint32_t)(t->base + t->layout->limit), 1, DBT_SYSTEM) &&
           (!links || sys_writable(c, (uint32_t)(t->base + TSS_LINK), 2, DBT_SYSTEM)) &&
           sys_writable(c, (uint32_t)(tr->base + old->ip), 1, DBT_SYSTEM) &&
           sys_writable(c, (uint32_t)(tr->base + last_saved(old)), 1, DBT_SYSTEM);
}

/* ---- the new task ---- */

static bool load(struct dbt_cpu *c, struct task *t)
{
    const struct layout *l = t->layout;
    uint16_t trap = 0;
    t->cr3 = c->v.cr3;
    if (l == &layout32 && c->v.cr0 & CR0_PG) {
        uint32_t cr3;
        if (!tss_read(c, t->base + TSS32_CR3, &cr3, sizeof cr3))
            return false;
        t->cr3 = cr3;
    }
    if (!tss_read(c, t->base + l->ip, &t->ip, l->word) ||
        !tss_read(c, t->base + l->ip + l->word, &t->flags, l->word))
        return false;
    for (unsigned r = RAX; r <= RDI; r++) {
        t->gpr[r] = 0xffff0000; /* what a 16-bit TSS does not say */
        if (!tss_read(c, t->base + l->gpr + r * l->word, &t->gpr[r], l->word))
            return false;
    }
    for (unsigned n = 0; n < l->segment_count; n++)
        if (!tss_read(c, t->base + l->segments + n * l->segment_stride, &t->selector[n], 2))
            return false;
    if (!tss_read(c, t->base + l->ldt, &t->ldt, 2) ||
        (l == &layout32 && !tss_read(c, t->base + TSS32_TRAP, &trap, sizeof trap)))
        return false;
    t->traps = trap & TSS_TRAP_FLAG;
    return true;
}

/* The registers, which from here on are the new task's; segments without their descriptors, which may be
 * found wanting. The CPL is 3 until SS is there: what faults before that has a stack out of the TSS. */
static void commit(struct dbt_cpu *c, const struct task *t, const struct descriptor *tss, uint64_t nested)
{
    c->v.seg[SEG_TR] = descriptor_segment(tss);
    c->v.seg[SEG_TR].access |= TYPE_BUSY;
    c->v.cr0 |= CR0_TS;
    c->v.dr7 &= ~DR7_LOCAL;
    c->v.rip = t->ip;
    c->v.rflags = (t->flags & RFLAGS_IN_TSS) | nested | RFLAGS_ONE;
    for (unsigned r = RAX; r <= RDI; r++)
        c->v.gpr[r] = t->gpr[r];
    for (unsigned n = SEG_ES; n <= SEG_GS; n++)
        c->v.seg[n] = segment_null(t->selector[n], 3);
    c->v.seg[SEG_LDTR] = segment_null(t->ldt, 0);
    c->delivered = true;
    c->mode_changed(c);
}

/* Reserved bits of PDPTEs are for MOV CR3 a #GP(0), which leaves it as it is; here the SDM does not say. */
static bool load_cr3(struct dbt_cpu *c, uint64_t cr3)
{
    if (cr3 == c->v.cr3)
        return true;
    if (pae_paging_on(c) && !sys_load_pdptes(c, cr3))
        return false;
    c->v.cr3 = cr3;
    c->tlb_flush(c, false);
    return true;
}

static bool load_ldt(struct dbt_cpu *c, uint16_t selector)
{
    struct descriptor d;
    if (is_null(selector))
        return true;
    if (selector & SELECTOR_TI)
        return raise_selector(c, VECTOR_TS, selector);
    if (!descriptor_read(c, selector, 8, VECTOR_TS, &d))
        return false;
    if (descriptor_is_segment(&d) || descriptor_type(&d) != TYPE_LDT || !descriptor_present(&d))
        return raise_selector(c, VECTOR_TS, selector);
    c->v.seg[SEG_LDTR] = descriptor_segment(&d);
    return true;
}

static bool load_stack(struct dbt_cpu *c, uint16_t selector, unsigned cpl)
{
    struct descriptor d;
    if (is_null(selector))
        return raise_selector(c, VECTOR_TS, selector);
    if (!stack_segment_check(c, selector, cpl, VECTOR_TS, VECTOR_SS, &d) || !descriptor_set_accessed(c, &d))
        return false;
    c->v.seg[SEG_SS] = descriptor_segment(&d);
    return true;
}

static bool load_data(struct dbt_cpu *c, unsigned segment, uint16_t selector)
{
    struct descriptor d;
    if (is_null(selector))
        return true;
    if (!data_segment_check(c, selector, VECTOR_TS, &d) || !descriptor_set_accessed(c, &d))
        return false;
    c->v.seg[segment] = descriptor_segment(&d);
    return true;
}

static bool load_code(struct dbt_cpu *c, uint16_t selector)
{
    struct descriptor d;
    if (is_null(selector))
        return raise_selector(c, VECTOR_TS, selector);
    if (!descriptor_read(c, selector, 8, VECTOR_TS, &d))
        return false;
    unsigned dpl = descriptor_dpl(&d), cpl = selector & SELECTOR_RPL;
    if (!descriptor_is_code(&d) || (descriptor_is_conforming(&d) ? dpl > cpl : dpl != cpl))
        return raise_selector(c, VECTOR_TS, selector);
    if (!descriptor_present(&d))
        return raise_selector(c, VECTOR_NP, selector);
    if (!descriptor_set_accessed(c, &d))
        return false;
    c->v.seg[SEG_CS] = descriptor_segment(&d);
    return true;
}

/* Their faults are the new task's. */
static bool load_segments(struct dbt_cpu *c, const struct task *t)
{
    static const uint8_t data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
    if (!load_ldt(c, t->ldt))
        return false;
    if (virtual_8086(c)) {
        for (unsigned n = SEG_ES; n <= SEG_GS; n++)
            v86_load(c, n, t->selector[n]);
    } else {
        if (!load_stack(c, t->selector[SEG_SS], t->selector[SEG_CS] & SELECTOR_RPL))
            return false;
        for (unsigned n = 0; n < ARRAY_SIZE(data); n++)
            if (!load_data(c, data[n], t->selector[data[n]]))
                return false;
        if (!load_code(c, t->selector[SEG_CS]))
            return false;
    }
    c->mode_changed(c);
    return true;
}

/* ---- the switch ---- */

static bool switch_to(struct dbt_cpu *c, struct descriptor *tss, enum task_way way, uint64_t ip,
                      uint64_t flags)
{
    struct task t = {.layout = layout_of(descriptor_type(tss)), .base = descriptor_segment(tss).base};
    const bool nests = way == TASK_CALL;
    if (!check_tss(c, tss, &t, nests))
        return false;
    if (!nests && !set_busy(c, descriptor_of_tr(c), false))
        return false;
    if (way == TASK_IRET)
        flags &= ~RFLAGS_NT;
    if (!save(c, ip, flags))
        return false;
    if (nests && !tss_write(c, t.base + TSS_LINK, c->v.seg[SEG_TR].selector, 2))
        return false;
    if (!load(c, &t) || (way != TASK_IRET && !set_busy(c, tss->at, true)))
        return false;
    commit(c, &t, tss, nests ? RFLAGS_NT : 0);
    if (!load_cr3(c, t.cr3) || !load_segments(c, &t))
        return false;
    if (t.traps)
        c->debug_traps |= DR6_BT;
    return true;
}

static bool ip_is_within(struct dbt_cpu *c)
{
    return c->v.rip <= c->v.seg[SEG_CS].limit || raise_gp(c);
}

bool task_switch(struct dbt_cpu *c, struct descriptor *tss, enum task_way way, uint64_t ip)
{
    return switch_to(c, tss, way, ip, c->v.rflags) && ip_is_within(c);
}

/* On the new task's stack, in the width of its TSS. */
static bool push_error(struct dbt_cpu *c, const struct sys_event *e, uint8_t cause)
{
    struct stack s = stack_current(c, cause);
    if (!stack_push(c, &s, e->error, layout_of(c->v.seg[SEG_TR].access)->word))
        return false;
    stack_commit(c, &s);
    return true;
}

bool task_deliver(struct dbt_cpu *c, struct descriptor *tss, const struct sys_event *e, uint64_t flags,
                  uint8_t cause)
{
    return switch_to(c, tss, TASK_CALL, e->return_rip, flags) && (!e->has_error || push_error(c, e, cause)) &&
           ip_is_within(c);
}

bool task_return(struct dbt_cpu *c, uint64_t ip)
{
    struct descriptor tss;
    uint16_t selector;
    return tss_read(c, c->v.seg[SEG_TR].base + TSS_LINK, &selector, sizeof selector) &&
           read_tss(c, selector, VECTOR_TS, true, &tss) && task_switch(c, &tss, TASK_IRET, ip);
}
