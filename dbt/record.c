/* The dictionary of records, and the way from records to accesses. */
#include "dbt/dbt.h"

#include "dbt/record.h"
#include "trace/bytes.h"
#include "trace/format.h"
#include "x86/cpu.h"

#include <string.h>

uint32_t recorder_define(struct dbt *d, const struct record_access *access, unsigned count, unsigned bytes,
                         uint8_t context)
{
    struct recorder *r = &d->recorder;
    if (r->block_count == RECORD_BLOCKS_MAX || r->access_count + count > RECORD_ACCESSES_MAX)
        return 0;
    memcpy(&r->access[r->access_count], access, count * sizeof(*access));
    r->block[r->block_count] = (struct record_block){
        .first = r->access_count, .count = (uint16_t)count, .bytes = (uint16_t)bytes, .context = context};
    r->access_count += count;
    return r->block_count++;
}

static unsigned bytes_of_prefix(const struct recorder *r, const struct record_block *b, unsigned count)
{
    if (!count)
        return 0;
    const struct record_access *a = &r->access[b->first + count - 1];
    return a->data + record_data_bytes(a->size);
}

uint32_t recorder_prefix(struct dbt *d, uint32_t id, unsigned count)
{
    struct recorder *r = &d->recorder;
    if (count == r->block[id].count)
        return id;
    for (uint32_t p = r->block[id].prefix; p; p = r->block[p].prefix)
        if (r->block[p].count == count)
            return p;
    if (r->block_count == RECORD_BLOCKS_MAX)
        return 0;
    uint32_t n = r->block_count++;
    r->block[n] = r->block[id];
    r->block[n].count = (uint16_t)count;
    r->block[n].bytes = (uint16_t)bytes_of_prefix(r, &r->block[id], count);
    r->block[id].prefix = n;
    return n;
}

void recorder_close(struct dbt *d, uint32_t id, unsigned count)
{
    if (!id || !count)
        return;
    uint32_t prefix = recorder_prefix(d, id, count);
    store32((void *)(uintptr_t)d->record, prefix);
    d->record += d->recorder.block[prefix].bytes;
}

static void make_room(struct dbt *d, unsigned bytes)
{
    if (d->record + bytes > (uint64_t)(uintptr_t)d->recorder.end)
        d->host->drain(d);
}

void recorder_spell(struct dbt *d, const struct access *a)
{
    struct spelled_record s = {.id = RECORD_SPELLED,
                               .kind = a->kind,
                               .cause = a->cause,
                               .vector = a->vector,
                               .flags = a->flags,
                               .size = a->size,
                               .context = a->context,
                               .rip = a->rip,
                               .gva = a->gva,
                               .gpa = a->gpa,
                               .gpa2 = a->gpa2,
                               .cr3 = a->cr3};
    memcpy(s.data, a->data, sizeof(s.data));
    make_room(d, sizeof(s));
    memcpy((void *)(uintptr_t)d->record, &s, sizeof(s));
    d->record += sizeof(s);
}

void recorder_page(struct dbt *d, bool user, uint64_t page, uint64_t frame)
{
    struct page_record p = {.id = RECORD_PAGE, .user = user, .page = page, .frame = frame};
    make_room(d, sizeof(p));
    memcpy((void *)(uintptr_t)d->record, &p, sizeof(p));
    d->record += sizeof(p);
}

/* ---- draining ---- */

static void take_page(struct recorder *r, const struct page_record *p)
{
    if (p->page == ~0ull) {
        memset(r->page, 0xff, sizeof(r->page));
        r->cr3 = p->frame;
        return;
    }
    r->page[p->user][p->page % RECORD_PAGES].page = p->page;
    r->page[p->user][p->page % RECORD_PAGES].frame = p->frame;
}

/* Where paging is off, linear is physical and no page records are written. */
static uint64_t physical_of(const struct recorder *r, uint64_t gva, uint8_t context)
{
    uint64_t page = gva >> PAGE_SHIFT;
    if (!(context & CONTEXT_PAGING))
        return gva;
    unsigned user = (context & CONTEXT_CPL_MASK) == 3;
    if (r->page[user][page % RECORD_PAGES].page != page)
        return ~0ull; /* cannot be: every TLB fill is logged */
    return r->page[user][page % RECORD_PAGES].frame << PAGE_SHIFT | (gva & (PAGE_SIZE - 1));
}

static const uint8_t *take_block(struct recorder *r, const uint8_t *p, uint32_t id,
                                 void (*take)(const struct access *a, void *context), void *context)
{
    const struct record_block *b = &r->block[id];
    struct access out;
    memset(&out, 0, sizeof(out));
    out.context = b->context;
    out.cr3 = r->cr3;
    out.has_data = 1;
    for (unsigned i = 0; i < b->count; i++) {
        const struct record_access *a = &r->access[b->first + i];
        const uint8_t *at = p + a->address;
        out.rip = a->rip;
        out.gva = a->address_bytes == 8 ? load64(at) : load32(at);
        out.gpa = physical_of(r, out.gva, b->context);
        out.kind = a->kind;
        out.flags = a->flags;
        out.size = a->size;
        memcpy(out.data, p + a->data, a->size);
        take(&out, context);
        r->records++;
    }
    return p + b->bytes;
}

static const uint8_t *take_spelled(struct recorder *r, const uint8_t *p,
                                   void (*take)(const struct access *a, void *context), void *context)
{
    struct spelled_record s;
    memcpy(&s, p, sizeof(s));
    struct access out = {.rip = s.rip,
                         .gva = s.gva,
                         .gpa = s.gpa,
                         .gpa2 = s.gpa2,
                         .cr3 = s.cr3,
                         .kind = s.kind,
                         .cause = s.cause,
                         .vector = s.vector,
                         .flags = s.flags,
                         .size = s.size,
                         .context = s.context,
                         .has_data = 1};
    memcpy(out.data, s.data, sizeof(out.data));
    take(&out, context);
    r->records++;
    return p + sizeof(s);
}

void recorder_drain(struct dbt *d, void (*take)(const struct access *a, void *context), void *context)
{
    struct recorder *r = &d->recorder;
    const uint8_t *p = r->start, *end = (const uint8_t *)(uintptr_t)d->record;
    while (p < end) {
        uint32_t id = load32(p);
        if (id == RECORD_SPELLED) {
            p = take_spelled(r, p, take, context);
        } else if (id == RECORD_PAGE) {
            struct page_record page;
            memcpy(&page, p, sizeof(page));
            take_page(r, &page);
            p += sizeof(page);
        } else {
            p = take_block(r, p, id, take, context);
        }
    }
    d->record = (uint64_t)(uintptr_t)r->start;
    d->counters.drains++;
}

void recorder_reset(struct dbt *d)
{
    struct recorder *r = &d->recorder;
    r->block_count = RECORD_FIRST_BLOCK;
    r->access_count = 0;
    memset(r->page, 0xff, sizeof(r->page));
    r->cr3 = d->cpu.v.cr3;
    d->record = (uint64_t)(uintptr_t)r->start;
}
