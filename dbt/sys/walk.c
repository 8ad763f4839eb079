/*
 * Page walks in every paging mode (SDM Vol. 3A, chapter 4): where a linear
 * address leads, whether the access may be made, and the accessed and dirty
 * bits it sets.
 *
 * Accessed bits are set only once the whole walk has been found good, from the
 * root down, one write per entry that changes. The SDM (4.8) leaves open
 * whether a walk that faults sets them on its way; Bochs does not.
 */
#include "dbt/sys/parts.h"
#include "x86/paging.h"

#define LEVELS_MAX 5
#define ENTRY_RESERVED_PAT_2M 0x1fe000ull   /* bits 20:13 of a 2-MiB page's entry */
#define ENTRY_RESERVED_PAT_1G 0x3fffe000ull /* bits 29:13 of a 1-GiB page's entry */

struct step {
    gpa_t at;
    uint64_t entry;
};

struct walk {
    struct step step[LEVELS_MAX]; /* the last of them may be absent or malformed */
    unsigned count;
    unsigned entry_bytes;
    gpa_t gpa;
    uint8_t page_shift;
    bool writable, user, no_execute;
};

enum walk_result { WALK_MAPPED, WALK_ABSENT, WALK_RESERVED };

/* Bits from MAXPHYADDR up to bit 51. */
static uint64_t address_reserved(const struct dbt_cpu *c)
{
    return PTE_ADDRESS & ~((1ull << c->physical_bits) - 1);
}

static bool nx_enabled(const struct dbt_cpu *c)
{
    return c->v.efer & EFER_NXE;
}

static void note(struct walk *w, gpa_t at, uint64_t entry)
{
    w->step[w->count++] = (struct step){.at = at, .entry = entry};
    w->writable = w->writable && (entry & PTE_WRITABLE);
    w->user = w->user && (entry & PTE_USER);
    w->no_execute = w->no_execute || (entry & PTE_NO_EXECUTE);
}

static void finish(struct walk *w, gpa_t frame, unsigned shift, gva_t linear)
{
    uint64_t offset = (1ull << shift) - 1;
    w->page_shift = (uint8_t)shift;
    w->gpa = (frame & ~offset) | (linear & offset);
}

/* 4-MiB pages (table 4-4): bits 13 and up hold physical-address bits 32 to 39, as far as there are any. */
static uint64_t pse_reserved(const struct dbt_cpu *c)
{
    unsigned high_bits = c->physical_bits > 40 ? 8 : c->physical_bits - 32u;
    return 0x3fe000ull & ~(((1ull << high_bits) - 1) << 13);
}

static enum walk_result walk_32(struct dbt_cpu *c, gva_t linear, struct walk *w)
{
    w->entry_bytes = 4;
    gpa_t at = (c->v.cr3 & 0xfffff000u) + ((linear >> 22) & 0x3ff) * 4;
    uint64_t e = dbt_physical_read(c, at, 4);
    note(w, at, e);
    if (!(e & PTE_PRESENT))
        return WALK_ABSENT;
    if ((e & PTE_PAGE_SIZE) && (c->v.cr4 & CR4_PSE)) {
        if (e & pse_reserved(c))
            return WALK_RESERVED;
        finish(w, (e & 0xffc00000u) | ((e >> 13) & 0xff) << 32, 22, linear);
        return WALK_MAPPED;
    }
    at = (e & 0xfffff000u) + ((linear >> 12) & 0x3ff) * 4;
    e = dbt_physical_read(c, at, 4);
    note(w, at, e);
    if (!(e & PTE_PRESENT))
        return WALK_ABSENT;
    finish(w, e & 0xfffff000u, PAGE_SHIFT, linear);
    return WALK_MAPPED;
}

/* Reserved bits of an 8-byte entry (figure 4-11 and table 4-15 and those around it; PAE: figure 4-7). */
static uint64_t reserved_bits(const struct dbt_cpu *c, unsigned level, uint64_t entry)
{
    uint64_t reserved = address_reserved(c);
    if (!nx_enabled(c))
        reserved |= PTE_NO_EXECUTE;
    if (!(c->v.efer & EFER_LMA))
        reserved |= 0x7ff0000000000000ull; /* bits 62:52, ignored in IA-32e mode */
    if (!(entry & PTE_PAGE_SIZE) || level == 1)
        return reserved;
    if (level == 2)
        return reserved | ENTRY_RESERVED_PAT_2M;
    if (level == 3 && c->has_gib_pages)
        return reserved | ENTRY_RESERVED_PAT_1G;
    return reserved | PTE_PAGE_SIZE;
}

/* Tables of 8-byte entries from `level` (1 maps 4-KiB pages) downwards. */
static enum walk_result walk_64(struct dbt_cpu *c, gpa_t table, unsigned level, gva_t linear, struct walk *w)
{
    w->entry_bytes = 8;
    for (;; level--) {
        unsigned shift = PAGE_SHIFT + 9 * (level - 1);
        gpa_t at = (table & PTE_ADDRESS) + ((linear >> shift) & 0x1ff) * 8;
        uint64_t e = dbt_physical_read(c, at, 8);
        note(w, at, e);
        if (!(e & PTE_PRESENT))
            return WALK_ABSENT;
        if (e & reserved_bits(c, level, e))
            return WALK_RESERVED;
        if (level == 1 || (e & PTE_PAGE_SIZE)) {
            finish(w, e & PTE_ADDRESS, shift, linear);
            return WALK_MAPPED;
        }
        table = e;
    }
}

static enum walk_result walk(struct dbt_cpu *c, gva_t linear, struct walk *w)
{
    *w = (struct walk){.writable = true, .user = true};
    if (c->v.efer & EFER_LMA)
        return walk_64(c, c->v.cr3, c->v.cr4 & CR4_LA57 ? 5 : 4, linear, w);
    if (!(c->v.cr4 & CR4_PAE))
        return walk_32(c, linear, w);
    uint64_t pdpte = c->pdpte[(linear >> 30) & 3];
    return pdpte & PTE_PRESENT ? walk_64(c, pdpte, 2, linear, w) : WALK_ABSENT;
}

static bool is_user(const struct dbt_cpu *c, unsigned access)
{
    return !(access & DBT_SYSTEM) && dbt_cpl(c) == 3;
}

/* SDM Vol. 3A, 4.6.1. */
static bool permitted(const struct dbt_cpu *c, const struct walk *w, unsigned access)
{
    uint64_t cr4 = c->v.cr4;
    if ((access & DBT_FETCH) && w->no_execute)
        return false;
    if (is_user(c, access))
        return w->user && (w->writable || !(access & DBT_WRITE));
    if (access & DBT_FETCH)
        return !(w->user && (cr4 & CR4_SMEP));
    /* Implicit supervisor accesses do not heed AC. */
    if (w->user && (cr4 & CR4_SMAP) && ((access & DBT_SYSTEM) || !(c->v.rflags & RFLAGS_AC)))
        return false;
    return w->writable || !(access & DBT_WRITE) || !(c->v.cr0 & CR0_WP);
}

static uint32_t error_code(const struct dbt_cpu *c, enum walk_result result, unsigned access)
{
    bool nx = nx_enabled(c) && (c->v.cr4 & CR4_PAE);
    return (result == WALK_ABSENT ? 0 : FAULT_PRESENT) | (result == WALK_RESERVED ? FAULT_RESERVED : 0) |
           (access & DBT_WRITE ? FAULT_WRITE : 0) | (is_user(c, access) ? FAULT_USER : 0) |
           ((access & DBT_FETCH) && (nx || (c->v.cr4 & CR4_SMEP)) ? FAULT_FETCH : 0);
}

/* The i-th entry as the access leaves it. */
static uint64_t entry_after(const struct walk *w, unsigned i, unsigned access)
{
    bool leaf = i + 1 == w->count;
    return w->step[i].entry | PTE_ACCESSED | (leaf && (access & DBT_WRITE) ? PTE_DIRTY : 0);
}

static void set_accessed_and_dirty(struct dbt_cpu *c, const struct walk *w, unsigned access)
{
    for (unsigned i = 0; i < w->count; i++) {
        const struct step *s = &w->step[i];
        uint64_t entry = entry_after(w, i, access);
        if (entry == s->entry)
            continue;
        dbt_physical_write(c, s->at, entry, w->entry_bytes);
        dbt_record_walk(c, s->at, entry, w->entry_bytes, true);
    }
}

static bool is_global(const struct dbt_cpu *c, const struct walk *w)
{
    return (c->v.cr4 & CR4_PGE) && (w->step[w->count - 1].entry & PTE_GLOBAL);
}

/* ---- the reads ---- */

#define SERVES_READS 1u
#define SERVES_WRITES 2u /* and reads: the dirty bit is set */
#define SERVES_GLOBALLY 4u

/* Where the page's entry stands, if it has one. */
static uint64_t *walk_tlb_entry(struct dbt_cpu *c, gva_t page, unsigned access)
{
    uint64_t *entry = access & DBT_FETCH ? c->walk_tlb->code : c->walk_tlb->data;
    return &entry[page >> PAGE_SHIFT & (WALK_TLB_ENTRIES - 1)];
}

static bool in_walk_tlb(struct dbt_cpu *c, gva_t at, unsigned access)
{
    uint64_t entry = *walk_tlb_entry(c, at, access);
    uint64_t serves = access & DBT_WRITE ? SERVES_WRITES : SERVES_READS | SERVES_WRITES;
    return ((entry ^ at) & PAGE_MASK) == 0 && (entry & serves);
}

/* A page fault leaves no entry (SDM Vol. 3A, 4.10.4.1). */
static void note_in_walk_tlb(struct dbt_cpu *c, gva_t at, unsigned access, bool good, bool global)
{
    uint64_t serves = (access & DBT_WRITE ? SERVES_WRITES : SERVES_READS) | (global ? SERVES_GLOBALLY : 0);
    *walk_tlb_entry(c, at, access) = good ? (at & PAGE_MASK) | serves : 0;
}

static void forget_local(uint64_t *entry)
{
    if (!(*entry & SERVES_GLOBALLY))
        *entry = 0;
}

void sys_forget_walks(struct dbt_cpu *c, bool global)
{
    if (!c->walk_tlb)
        return;
    if (global)
        memset(c->walk_tlb, 0, sizeof(*c->walk_tlb));
    for (unsigned i = 0; !global && i < WALK_TLB_ENTRIES; i++) {
        forget_local(&c->walk_tlb->code[i]);
        forget_local(&c->walk_tlb->data[i]);
    }
}

void sys_forget_walk(struct dbt_cpu *c, gva_t at, unsigned page_shift)
{
    if (!c->walk_tlb)
        return;
    for (unsigned i = 0; i < WALK_TLB_ENTRIES; i++) {
        if ((c->walk_tlb->code[i] ^ at) >> page_shift == 0)
            c->walk_tlb->code[i] = 0;
        if ((c->walk_tlb->data[i] ^ at) >> page_shift == 0)
            c->walk_tlb->data[i] = 0;
    }
}

static void record_reads(struct dbt_cpu *c, const struct walk *w)
{
    for (unsigned i = 0; i < w->count; i++)
        dbt_record_walk(c, w->step[i].at, w->step[i].entry, w->entry_bytes, false);
}

bool dbt_translate(struct dbt_cpu *c, gva_t at, unsigned access, gpa_t *gpa)
{
    struct walk w;

    if (!(c->v.cr0 & CR0_PG)) {
        *gpa = (uint32_t)at & ~c->a20_closed;
        c->page_shift = PAGE_SHIFT;
        c->page_user = c->page_global = false;
        return true;
    }
    if (!(c->v.efer & EFER_LMA))
        at = (uint32_t)at;
    else if (!is_canonical(c, at))
        return raise_gp(c);
    enum walk_result result = walk(c, at, &w);
    bool good = result == WALK_MAPPED && permitted(c, &w, access);
    if (c->walk_tlb && !(good && in_walk_tlb(c, at, access))) {
        record_reads(c, &w);
        note_in_walk_tlb(c, at, access, good, good && is_global(c, &w));
    }
    if (!good)
        return dbt_raise_page_fault(c, at, error_code(c, result, access));
    set_accessed_and_dirty(c, &w, access);
    *gpa = w.gpa & ~c->a20_closed;
    c->page_shift = w.page_shift;
    c->page_user = w.user;
    c->page_global = is_global(c, &w);
    return true;
}

bool dbt_locate(struct dbt_cpu *c, gva_t at, unsigned bytes, unsigned access, struct dbt_place *p)
{
    unsigned in_page = (unsigned)(PAGE_SIZE - (at & (PAGE_SIZE - 1)));
    p->first = bytes < in_page ? bytes : in_page;
    p->gpa[1] = 0;
    if (!sys_access_aligned(c, at, bytes, access) || !dbt_translate(c, at, access, &p->gpa[0]))
        return false;
    return p->first == bytes || dbt_translate(c, at + p->first, access, &p->gpa[1]);
}

bool dbt_walk_is_silent(struct dbt_cpu *c, gva_t at, unsigned access)
{
    struct walk w;

    if (!(c->v.cr0 & CR0_PG))
        return true;
    if (!(c->v.efer & EFER_LMA))
        at = (uint32_t)at;
    else if (!is_canonical(c, at))
        return false;
    if (c->walk_tlb && !in_walk_tlb(c, at, access))
        return false;
    if (walk(c, at, &w) != WALK_MAPPED || !permitted(c, &w, access))
        return false;
    for (unsigned i = 0; i < w.count; i++)
        if (entry_after(&w, i, access) != w.step[i].entry)
            return false;
    return true;
}

/* Table 4-8: P, PWT, PCD, an address below MAXPHYADDR, and the ignored bits 11:9. */
#define PDPTE_RESERVED 0x1e6ull
#define PDPTE_HIGH 0xfff0000000000000ull
bool sys_load_pdptes(struct dbt_cpu *c, uint64_t cr3)
{
    uint64_t pdpte[4];
    for (unsigned i = 0; i < 4; i++) {
        pdpte[i] = dbt_physical_read(c, (cr3 & 0xffffffe0u) + 8 * i, 8);
        if ((pdpte[i] & PTE_PRESENT) && (pdpte[i] & (PDPTE_RESERVED | PDPTE_HIGH | address_reserved(c))))
            return raise_gp(c);
    }
    for (unsigned i = 0; i < 4; i++)
        c->pdpte[i] = pdpte[i];
    return true;
}
