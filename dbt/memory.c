/* Guest memory: the software TLB, and the accesses that C code makes for the guest. */
#include "dbt/dbt.h"

#include "dbt/sys/sys.h"
#include "decode/insn.h"

#include "trace/format.h"
#include "trace/hook.h"
#include "x86/cpu.h"

/* ---- TLB ---- */

/* Minus the page of a neighbouring entry: no address that is looked up here lies in it. */
static uint64_t no_page(unsigned index)
{
    return 0 - ((uint64_t)(index ^ 1u) << PAGE_SHIFT);
}

/* What a MOV to CR3 leaves stays: half of the entries and more are an operating system's own. */
static void tlb_flush_local(struct dbt *d)
{
    for (unsigned user = 0; user < 2; user++) {
        struct tlb *tlb = &d->tlb[user];
        struct fetch_tlb *fetch = &d->fetch[user];
        for (unsigned i = 0; i < TLB_ENTRIES; i++)
            if (!tlb->global[i])
                tlb->read[i] = tlb->write[i] = no_page(i);
        for (unsigned i = 0; i < FETCH_ENTRIES; i++)
            if (!fetch->global[i])
                fetch->page[i] = ~0ull;
    }
    d->counters.tlb_flushes++;
}

void tlb_forget_programs(struct dbt *d)
{
    struct tlb *kernel = &d->tlb[0];
    for (unsigned word = 0; word < TLB_ENTRIES / 64; word++)
        for (; kernel->programs[word]; kernel->programs[word] &= kernel->programs[word] - 1) {
            unsigned i = 64 * word + (unsigned)__builtin_ctzll(kernel->programs[word]);
            kernel->read[i] = kernel->write[i] = no_page(i);
        }
}

void tlb_flush_all(struct dbt *d)
{
    for (unsigned user = 0; user < 2; user++)
        for (unsigned i = 0; i < TLB_ENTRIES; i++)
            d->tlb[user].read[i] = d->tlb[user].write[i] = no_page(i);
    d->tlb_page_shift = PAGE_SHIFT;
    memset(d->untold, 0, sizeof(d->untold));
    memset(d->fetch, 0xff, sizeof(d->fetch));
    d->counters.tlb_flushes++;
}

bool fetch_translate(struct dbt *d, gva_t at, gpa_t *gpa)
{
    struct fetch_tlb *fetch = &d->fetch[(d->mode & MODE_USER) != 0];
    unsigned i = at >> PAGE_SHIFT & (FETCH_ENTRIES - 1);
    if (fetch->page[i] != (at & PAGE_MASK)) {
        if (!dbt_translate(&d->cpu, at, DBT_FETCH, gpa))
            return false;
        fetch->page[i] = at & PAGE_MASK;
        fetch->frame[i] = *gpa & PAGE_MASK;
        fetch->global[i] = d->cpu.page_global;
        if (d->cpu.page_shift > d->fetch_page_shift)
            d->fetch_page_shift = d->cpu.page_shift;
    }
    d->fetched_global = fetch->global[i];
    *gpa = fetch->frame[i] | (at & (PAGE_SIZE - 1));
    return true;
}

static void tlb_flush_callback(struct dbt_cpu *c, bool global)
{
    struct dbt *d = dbt_of(c);
    if (global) {
        tlb_flush_all(d);
        cache_forget_jumps(d);
    } else {
        tlb_flush_local(d);
        cache_forget_local_jumps(d);
    }
    sys_forget_walks(c, global);
    if (d->recorder.on && c->v.cr3 != d->recorded_cr3) {
        recorder_count(d);
        d->recorded_cr3 = c->v.cr3;
        recorder_number(d, RAW_CR3, c->v.cr3);
    }
}

/* An entry of the page of 2^shift bytes around `at`; of another one it does no harm. */
static void forget_entry(struct tlb *t, unsigned i, gva_t at, unsigned shift)
{
    if (((0 - t->read[i]) ^ at) >> shift == 0 || ((0 - t->write[i]) ^ at) >> shift == 0)
        t->read[i] = t->write[i] = no_page(i);
}

static void tlb_flush_page_callback(struct dbt_cpu *c, gva_t at)
{
    struct dbt *d = dbt_of(c);
    unsigned first = at >> PAGE_SHIFT & (TLB_ENTRIES - 1), last = first;
    if (d->tlb_page_shift > PAGE_SHIFT) { /* all parts of a large page (SDM Vol. 3A, 4.10.4.1) */
        first = 0;
        last = TLB_ENTRIES - 1;
    }
    for (unsigned i = first; i <= last; i++)
        for (unsigned user = 0; user < 2; user++)
            forget_entry(&d->tlb[user], i, at, d->tlb_page_shift);
    for (unsigned i = 0; i < FETCH_ENTRIES; i++)
        for (unsigned user = 0; user < 2; user++)
            if ((d->fetch[user].page[i] ^ at) >> d->fetch_page_shift == 0)
                d->fetch[user].page[i] = ~0ull;
    sys_forget_walk(c, at, d->tlb_page_shift);
    cache_forget_jumps_to(d, at, d->fetch_page_shift);
}

static void mode_changed_callback(struct dbt_cpu *c)
{
    dbt_of(c)->mode_dirty = true;
}

static bool is_ram(const struct dbt *d, gpa_t gpa, unsigned bytes)
{
    return gpa < d->ram_bytes && d->ram_bytes - gpa >= bytes &&
           !(d->page_flags[gpa >> PAGE_SHIFT] & (PAGE_HIDDEN | PAGE_DEVICE));
}

static bool is_device(const struct dbt *d, gpa_t gpa)
{
    return gpa < d->ram_bytes ? d->page_flags[gpa >> PAGE_SHIFT] & PAGE_DEVICE : gpa < d->window_bytes;
}

static struct raw_map mapping_at(const struct dbt *d, bool user, unsigned i)
{
    const struct tlb *tlb = &d->tlb[user];
    return (struct raw_map){.id = RAW_MAP,
                            .user = user,
                            .page = (0 - tlb->read[i]) >> PAGE_SHIFT,
                            .frame = (tlb->host[i] - (uint64_t)(uintptr_t)d->ram) >> PAGE_SHIFT};
}

/* No entry holds a page that belongs into another one, but for those that are empty. */
static bool is_filled(const struct tlb *tlb, unsigned i)
{
    return ((0 - tlb->read[i]) >> PAGE_SHIFT) % TLB_ENTRIES == i;
}

unsigned tlb_mappings(const struct dbt *d, struct raw_map *to)
{
    unsigned n = 0;
    for (unsigned user = 0; user < 2; user++)
        for (unsigned i = 0; i < TLB_ENTRIES; i++)
            if (is_filled(&d->tlb[user], i))
                to[n++] = mapping_at(d, user, i);
    return n;
}

/* What a reader of the records must know of a new entry, where records without a guest-physical address come.
 * Also of a page that is not traced: it may take the place of one that was. */
static struct raw_map news_of(struct dbt *d, bool user, unsigned i)
{
    const struct raw_map none = {.id = RAW_NONE};
    if (!d->recorder.on || !(d->mode & MODE_PAGING))
        return none;
    if (d->mode & MODE_DROPPED) {
        d->untold[user][i / 64] |= 1ull << i % 64;
        return none;
    }
    d->untold[user][i / 64] &= ~(1ull << i % 64);
    return mapping_at(d, user, i);
}

void tlb_tell(struct dbt *d)
{
    bool user = d->mode & MODE_USER;
    for (unsigned i = 0; i < TLB_ENTRIES; i++) {
        if (!(d->untold[user][i / 64] >> i % 64 & 1) || !is_filled(&d->tlb[user], i))
            continue;
        struct raw_map map = news_of(d, user, i);
        recorder_map(d, &map);
    }
}

bool tlb_fill(struct dbt *d, gva_t at, unsigned access, bool *fast, struct raw_map *map)
{
    bool user = d->mode & MODE_USER;
    unsigned i = at >> PAGE_SHIFT & (TLB_ENTRIES - 1);
    struct tlb *tlb = &d->tlb[user];
    gpa_t gpa;

    *fast = false;
    map->id = RAW_NONE;
    if (!dbt_translate(&d->cpu, at, access & DBT_WRITE, &gpa))
        return false;
    gva_t page = at & PAGE_MASK;
    gpa_t frame = gpa & PAGE_MASK;
    if (!is_ram(d, frame, PAGE_SIZE) || sys_breaks_page(&d->cpu, page))
        return true;
    if (access & DBT_WRITE && d->page_flags[frame >> PAGE_SHIFT] & PAGE_HAS_CODE)
        return true;
    if (tlb->read[i] != 0 - page)
        tlb->write[i] = no_page(i); /* another page's */
    tlb->read[i] = 0 - page;
    if (access & DBT_WRITE)
        tlb->write[i] = 0 - page;
    tlb->host[i] = (uint64_t)(uintptr_t)d->ram + frame;
    tlb->addend[i] = tlb->host[i] - page;
    tlb->global[i] = d->cpu.page_global;
    tlb->programs[i / 64] &= ~(1ull << i % 64);
    tlb->programs[i / 64] |= (uint64_t)d->cpu.page_user << i % 64;
    tlb->traced[i] = filter_page(&d->recorder.filter, page, frame) ? TRACED : 0;
    if (d->cpu.page_shift > d->tlb_page_shift)
        d->tlb_page_shift = d->cpu.page_shift;
    *fast = true;
    d->counters.fills++;
    *map = news_of(d, user, i);
    return true;
}

/* ---- accesses by C code ---- */

static void read_physical(struct dbt *d, gpa_t at, void *to, unsigned bytes)
{
    if (is_ram(d, at, bytes))
        memcpy(to, d->ram + at, bytes);
    else if (is_device(d, at))
        dbt_copy_at_once(to, d->ram + at, bytes);
    else
        memset(to, 0xff, bytes);
}

static void write_physical(struct dbt *d, gpa_t at, const void *from, unsigned bytes)
{
    if (is_ram(d, at, bytes)) {
        memcpy(d->ram + at, from, bytes);
        cache_invalidate(d, at, bytes);
    } else if (is_device(d, at)) {
        dbt_copy_at_once(d->ram + at, from, bytes);
    }
}

static void record_in_ram(struct dbt *d, gva_t at, const struct dbt_place *p, const uint8_t *data,
                          unsigned bytes, uint8_t kind, uint8_t cause)
{
    struct access a = {.rip = code_linear(d->mode, d->cpu.v.seg[SEG_CS].base, d->cpu.v.rip),
                       .gva = at,
                       .gpa = p->gpa[0],
                       .gpa2 = p->gpa[1] & PAGE_MASK,
                       .cr3 = d->cpu.v.cr3,
                       .icount = dbt_icount(d),
                       .kind = kind,
                       .cause = cause,
                       .size = (uint8_t)bytes,
                       .context = sys_context(&d->cpu),
                       .has_data = 1};
    a.flags = cause == CAUSE_INSTRUCTION ? d->access_flags : 0;
    if (cause == CAUSE_EXCEPTION || cause == CAUSE_INTERRUPT)
        a.vector = d->cpu.event_vector;
    if (p->first != bytes)
        a.flags |= ACCESS_CROSSES;
    memcpy(a.data, data, bytes);
    if (filter_access(&d->recorder.filter, &a))
        recorder_access(d, &a);
    else
        d->recorder.filtered++;
}

/* Of an access that leads from RAM into what is none, or out of it, the part in RAM (docs/format.md). */
static void record(struct dbt *d, gva_t at, const struct dbt_place *p, const uint8_t *data, unsigned bytes,
                   uint8_t kind, uint8_t cause)
{
    bool crosses = p->first != bytes, low = is_ram(d, p->gpa[0], 1),
         high = crosses && is_ram(d, p->gpa[1], 1);
    const struct dbt_place low_part = {.gpa = {p->gpa[0]}, .first = p->first},
                           high_part = {.gpa = {p->gpa[1]}, .first = bytes - p->first};
    if (low == high || (low && !crosses)) {
        if (low)
            record_in_ram(d, at, p, data, bytes, kind, cause);
    } else if (low) {
        record_in_ram(d, at, &low_part, data, low_part.first, kind, cause);
    } else {
        record_in_ram(d, at + p->first, &high_part, data + p->first, high_part.first, kind, cause);
    }
}

static void tell_hidden(struct dbt *d, const struct dbt_place *p, unsigned bytes)
{
    for (unsigned i = 0; i < (p->first == bytes ? 1u : 2u); i++)
        if (p->gpa[i] < d->ram_bytes && d->page_flags[p->gpa[i] >> PAGE_SHIFT] & PAGE_HIDDEN) {
            d->host->hidden(d, p->gpa[i]);
            return;
        }
}

bool dbt_read(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes, unsigned access, uint8_t cause)
{
    struct dbt *d = dbt_of(c);
    struct dbt_place p;
    if (!dbt_locate(c, at, bytes, access, &p))
        return false;
    tell_hidden(d, &p, bytes);
    read_physical(d, p.gpa[0], to, p.first);
    if (p.first != bytes)
        read_physical(d, p.gpa[1], (uint8_t *)to + p.first, bytes - p.first);
    if (recorder_wants(d, ACCESS_READ))
        record(d, at, &p, to, bytes, ACCESS_READ, cause);
    sys_note_access(c, at, bytes, false);
    return true;
}

bool dbt_peek(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes)
{
    struct dbt *d = dbt_of(c);
    for (unsigned done = 0, part; done < bytes; done += part) {
        gpa_t gpa;
        unsigned in_page = (unsigned)(PAGE_SIZE - ((at + done) & (PAGE_SIZE - 1)));
        part = bytes - done < in_page ? bytes - done : in_page;
        if (!dbt_translate(c, at + done, DBT_READ, &gpa) || !is_ram(d, gpa, part))
            return false;
        memcpy((uint8_t *)to + done, d->ram + gpa, part);
    }
    return true;
}

bool dbt_write(struct dbt_cpu *c, gva_t at, const void *from, unsigned bytes, unsigned access, uint8_t cause)
{
    struct dbt *d = dbt_of(c);
    struct dbt_place p;
    if (!dbt_locate(c, at, bytes, access | DBT_WRITE, &p))
        return false;
    tell_hidden(d, &p, bytes);
    write_physical(d, p.gpa[0], from, p.first);
    if (p.first != bytes)
        write_physical(d, p.gpa[1], (const uint8_t *)from + p.first, bytes - p.first);
    if (recorder_wants(d, ACCESS_WRITE))
        record(d, at, &p, from, bytes, ACCESS_WRITE, cause);
    sys_note_access(c, at, bytes, true);
    return true;
}

uint64_t dbt_physical_read(struct dbt_cpu *c, gpa_t at, unsigned bytes)
{
    uint64_t v = 0;
    read_physical(dbt_of(c), at & ~c->a20_closed, &v, bytes);
    return v;
}

void dbt_physical_write(struct dbt_cpu *c, gpa_t at, uint64_t value, unsigned bytes)
{
    write_physical(dbt_of(c), at & ~c->a20_closed, &value, bytes);
}

void dbt_record_walk(struct dbt_cpu *c, gpa_t entry, uint64_t value, unsigned bytes, bool written)
{
    struct dbt *d = dbt_of(c);
    const struct dbt_place p = {.gpa = {entry}, .first = bytes};
    if (!written || recorder_wants(d, ACCESS_WRITE))
        record(d, entry, &p, (const uint8_t *)&value, bytes, written ? ACCESS_WRITE : ACCESS_READ,
               CAUSE_PAGE_WALK);
}

void dbt_record_event(struct dbt_cpu *c, const struct hook_event *e)
{
    struct dbt *d = dbt_of(c);
    if (d->recorder.on)
        recorder_event(d, e, c->read_tsc(c));
}

void memory_init(struct dbt *d)
{
    d->cpu.port_in = port_in;
    d->cpu.port_out = port_out;
    d->cpu.mode_changed = mode_changed_callback;
    d->cpu.tlb_flush = tlb_flush_callback;
    d->cpu.tlb_flush_page = tlb_flush_page_callback;
    d->page_mask = PAGE_MASK;
    d->jump_mask = JUMP_ENTRIES - 1;
    tlb_flush_all(d);
}
