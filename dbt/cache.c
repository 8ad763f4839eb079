/*
 * The code cache: translated blocks, found by IP and mode, chained to each other,
 * and dropped when their code is written. Memory is bounded: when it is used up,
 * everything is flushed and begins anew.
 */
#include "dbt/switch.h"
#include "dbt/vector.h"

static unsigned hash_of(uint64_t ip, uint64_t mode)
{
    return (unsigned)((ip ^ (mode ^ mode >> 20) << 40) * 0x9e3779b97f4a7c15ull >> (64 - HASH_BITS));
}

/* ---- jump tables ---- */

static void empty_table(struct dbt *d, unsigned table)
{
    for (unsigned i = 0; i < JUMP_ENTRIES; i++)
        d->jump_target[table][i] = (uint64_t)(uintptr_t)d->leave_indirect;
    d->jump_filled &= ~(1u << table);
    d->jump_local &= ~(1u << table);
}

static void forget_tables(struct dbt *d, uint32_t which)
{
    for (unsigned t = 1; t < JUMP_TABLES; t++)
        if (which & 1u << t)
            empty_table(d, t);
}

void cache_forget_jumps(struct dbt *d)
{
    forget_tables(d, d->jump_filled);
    memset(d->jump_regions, 0, sizeof(d->jump_regions));
}

void cache_forget_local_jumps(struct dbt *d)
{
    forget_tables(d, d->jump_local);
}

#define REGION_SHIFT 22u
#define HUGE_REGION_SHIFT 30u

static unsigned region_of(gva_t at, unsigned shift)
{
    return at >> shift & (JUMP_REGIONS - 1);
}

static void note_region(struct dbt *d, gva_t at)
{
    unsigned region = region_of(at, REGION_SHIFT), huge = region_of(at, HUGE_REGION_SHIFT);
    d->jump_regions[0][region / 64] |= 1ull << region % 64;
    d->jump_regions[1][huge / 64] |= 1ull << huge % 64;
}

/* Most pages that are invalidated hold data. */
void cache_forget_jumps_to(struct dbt *d, gva_t at, unsigned shift)
{
    bool huge = shift > REGION_SHIFT;
    unsigned region = region_of(at, huge ? HUGE_REGION_SHIFT : REGION_SHIFT);
    if (d->jump_regions[huge][region / 64] >> region % 64 & 1)
        cache_forget_jumps(d);
}

static uint64_t *jump_entry(struct dbt *d, const struct block *b)
{
    return &d->jump_target[b->jump_table][b->ip & d->jump_mask];
}

void cache_offer(struct dbt *d, const struct block *b, bool global)
{
    if (b->jump_table == 0)
        return;
    *jump_entry(d, b) = (uint64_t)(uintptr_t)b->indirect;
    d->jump_filled |= 1u << b->jump_table;
    d->jump_local |= global ? 0 : 1u << b->jump_table;
    note_region(d, code_linear(b->mode, b->cs_base, b->ip));
}

void cache_choose_jump_table(struct dbt *d)
{
    d->jump_table = 0;
    if (d->mode & (MODE_TF | MODE_STEP))
        return;
    for (unsigned t = 1; t < d->jump_tables; t++)
        if (d->jump_mode[t] == d->mode) {
            d->jump_table = t;
            return;
        }
    if (d->jump_tables == JUMP_TABLES)
        cache_flush(d);
    d->jump_mode[d->jump_tables] = d->mode;
    d->jump_table = d->jump_tables++;
}

bool cache_init(struct dbt *d, void *code, size_t code_bytes)
{
    d->cache = code;
    d->cache_end = d->cache + code_bytes;
    d->e = (struct emit){.p = d->cache, .end = d->cache_end};
    switch_init(d, &d->e);
    vector_init(d, &d->e);
    d->cache_start = d->e.p;
    for (unsigned t = 0; t < JUMP_TABLES; t++)
        empty_table(d, t);
    cache_flush(d);
    return !d->e.full;
}

void cache_flush(struct dbt *d)
{
    d->e = (struct emit){.p = d->cache_start, .end = d->cache_end};
    d->block_count = d->insn_count = 0;
    memset(d->exits, 0, EXIT_SITES_FIXED * sizeof(d->exits[0]));
    d->exits[EXIT_SITE_INDIRECT].kind = DBT_EXIT_INDIRECT;
    d->exits[EXIT_SITE_TRAP].kind = DBT_EXIT_TRAP;
    d->exit_count = EXIT_SITES_FIXED;
    memset(d->hash, 0, sizeof(d->hash));
    for (uint64_t page = 0; page < d->ram_bytes >> PAGE_SHIFT; page++) {
        d->page_flags[page] &= (uint8_t)~PAGE_HAS_CODE;
        d->page_blocks[page] = NULL;
    }
    cache_forget_jumps(d);
    d->jump_tables = 1;
    d->jump_table = 0;
    d->mode_dirty = true;
    tlb_flush_all(d);
    d->counters.flushes++;
}

bool cache_is_nearly_full(const struct dbt *d)
{
    return (size_t)(d->e.end - d->e.p) < FLUSH_MARGIN || d->block_count + 2 >= d->block_max ||
           d->insn_count + BLOCK_INSNS_MAX >= d->insn_max ||
           d->exit_count + 4 * BLOCK_INSNS_MAX >= d->exit_max;
}

struct block *cache_find(struct dbt *d, uint64_t ip, gpa_t gpa)
{
    const struct segment *cs = &d->cpu.v.seg[SEG_CS];
    const bool flat = (d->mode & MODE_CODE_SIZE) == CODE_64;
    uint64_t base = flat ? 0 : cs->base;
    for (struct block *b = d->hash[hash_of(ip, d->mode)]; b; b = b->next_hash)
        if (b->ip == ip && b->mode == d->mode && b->valid && b->gpa == gpa && b->cs_base == base &&
            (flat || b->cs_limit == cs->limit))
            return b;
    return NULL;
}

static void enter_page(struct dbt *d, struct block *b, unsigned which, gpa_t gpa)
{
    uint64_t page = gpa >> PAGE_SHIFT;
    b->next_page[which] = d->page_blocks[page];
    d->page_blocks[page] = b;
    if (!(d->page_flags[page] & PAGE_HAS_CODE)) {
        d->page_flags[page] |= PAGE_HAS_CODE;
        tlb_flush_all(d); /* the page may be in it as writable, under any address */
    }
}

void cache_insert(struct dbt *d, struct block *b)
{
    unsigned h = hash_of(b->ip, b->mode);
    b->next_hash = d->hash[h];
    d->hash[h] = b;
    enter_page(d, b, 0, b->gpa);
    if (b->crosses)
        enter_page(d, b, 1, b->gpa2);
}

void cache_chain(struct dbt *d, struct exit_site *from, struct block *to)
{
    if (from->linked)
        return;
    from->linked = to;
    from->next_incoming = to->incoming;
    to->incoming = from;
    emit_patch(from->jump, to->chain);
    d->counters.chains++;
}

static void unlink_outgoing(struct dbt *d, struct block *b)
{
    for (uint32_t i = 0; i < b->exit_count; i++) {
        struct exit_site *x = &d->exits[b->first_exit + i];
        if (!x->linked)
            continue;
        for (struct exit_site **p = &x->linked->incoming; *p; p = &(*p)->next_incoming)
            if (*p == x) {
                *p = x->next_incoming;
                break;
            }
        emit_patch(x->jump, x->stub);
        x->linked = NULL;
    }
}

static void invalidate(struct dbt *d, struct block *b)
{
    for (struct exit_site *x = b->incoming; x; x = x->next_incoming) {
        emit_patch(x->jump, x->stub);
        x->linked = NULL;
        d->counters.unlinked++;
    }
    b->incoming = NULL;
    unlink_outgoing(d, b);
    for (struct block **p = &d->hash[hash_of(b->ip, b->mode)]; *p; p = &(*p)->next_hash)
        if (*p == b) {
            *p = b->next_hash;
            break;
        }
    b->valid = false;
    if (*jump_entry(d, b) == (uint64_t)(uintptr_t)b->indirect)
        *jump_entry(d, b) = (uint64_t)(uintptr_t)d->leave_indirect;
    d->counters.invalidations++;
}

void cache_drop(struct dbt *d, struct block *b)
{
    invalidate(d, b);
}

static bool overlaps(const struct block *b, unsigned which, gpa_t at, unsigned bytes)
{
    uint64_t first = b->crosses ? PAGE_SIZE - (b->gpa & (PAGE_SIZE - 1)) : b->guest_bytes;
    gpa_t start = which ? b->gpa2 : b->gpa;
    uint64_t length = which ? b->guest_bytes - first : first;
    return at < start + length && start < at + bytes;
}

void cache_invalidate(struct dbt *d, gpa_t at, unsigned bytes)
{
    uint64_t page = at >> PAGE_SHIFT;
    if (at >= d->ram_bytes || !(d->page_flags[page] & PAGE_HAS_CODE))
        return;
    struct block **p = &d->page_blocks[page];
    while (*p) {
        struct block *b = *p;
        unsigned which = b->gpa >> PAGE_SHIFT == page ? 0 : 1;
        if (b->valid && overlaps(b, which, at, bytes))
            invalidate(d, b);
        if (b->valid)
            p = &b->next_page[which];
        else
            *p = b->next_page[which];
    }
    if (!d->page_blocks[page])
        d->page_flags[page] &= (uint8_t)~PAGE_HAS_CODE; /* the TLB learns of it at the next miss */
}

struct block *cache_block_at(struct dbt *d, uint64_t host_pc)
{
    uint32_t low = 0, high = d->block_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct block *b = &d->blocks[middle];
        uint64_t start = (uint64_t)(uintptr_t)b->indirect;
        if (host_pc < start)
            high = middle;
        else if (host_pc >= start + b->code_bytes)
            low = middle + 1;
        else
            return &d->blocks[middle];
    }
    return NULL;
}
