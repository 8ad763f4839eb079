/* From a raw body back to accesses. Every step is checked against the bytes there are. */
#include "trace/raw.h"
#include "scratch.h"

#include "trace/bytes.h"
#include "trace/format.h"
#include "trace/mappings.h"

#include <string.h>

#define PAGE_BITS 12
#define PAGE_MASK_BITS 0xfffull

struct reader {
    const struct dictionary *d;
    const struct raw_sink *sink;
    void *context;
    const uint8_t *at, *end;
    uint64_t zero, cr3;
    bool stopped;
};

/* The mappings of the segment that is being read. One at a time: there is one ring. */
static struct mappings known SCRATCH;
static bool known_is_sound;

static uint64_t frame_key(uint64_t page, bool user)
{
    return page | (uint64_t)user << 63;
}

static uint64_t physical_of(uint64_t gva, uint8_t context)
{
    uint64_t frame;

    if (!(context & CONTEXT_PAGING))
        return gva;
    if (!mappings_get(&known, frame_key(gva >> PAGE_BITS, (context & CONTEXT_CPL_MASK) == 3), &frame))
        return ~0ull; /* the writer left a mapping out: an address that no machine has */
    return frame << PAGE_BITS | (gva & PAGE_MASK_BITS);
}

static uint32_t left(const struct reader *r)
{
    return (uint32_t)(r->end - r->at);
}

/* The record's fixed part, or NULL. It may lie unaligned to its own type, so it is copied. */
static bool take(struct reader *r, void *to, uint32_t bytes)
{
    if (left(r) < bytes)
        return false;
    memcpy(to, r->at, bytes);
    r->at += bytes;
    return true;
}

static void hand_over(struct reader *r, const struct access *a)
{
    if (!r->sink->access(r->context, a))
        r->stopped = true;
}

/* ---- blocks ---- */

static bool read_block(struct reader *r, uint32_t id)
{
    uint32_t index = id - RAW_BLOCKS;
    if (index >= r->d->block_count)
        return false;
    const struct raw_block *b = &r->d->block[index];
    const uint8_t *record = r->at;
    if (left(r) < b->bytes)
        return false;
    r->at += b->bytes;

    struct access out;
    memset(&out, 0, sizeof(out));
    uint64_t before = r->zero - load32(record + 4) - b->instructions;
    out.context = b->context;
    out.cr3 = r->cr3;
    out.has_data = 1;
    for (uint32_t i = 0; i < b->count && !r->stopped; i++) {
        const struct raw_access *a = &r->d->access[b->first + i];
        uint64_t address = (uint64_t)a->displacement;
        if (a->address)
            address += a->address_bytes == 8 ? load64(record + a->address) : load32(record + a->address);
        out.rip = b->rip + a->rip_offset;
        out.gva = a->address_bytes == 8 ? address : (uint32_t)address;
        out.gpa = physical_of(out.gva, b->context);
        out.icount = before + a->instruction;
        out.kind = a->kind;
        out.flags = a->flags;
        out.size = a->size;
        memcpy(out.data, record + a->data, a->size);
        hand_over(r, &out);
    }
    return true;
}

/* ---- what C code writes ---- */

static bool read_spelled(struct reader *r)
{
    struct raw_spelled s;
    if (!take(r, &s, sizeof(s)) || s.kind > ACCESS_WRITE || s.cause > CAUSE_TASK_SWITCH || s.size < 1 ||
        s.size > ACCESS_SIZE_MAX || left(r) < raw_padded(s.size) ||
        s.flags & ~(ACCESS_MMIO | ACCESS_LOCKED | ACCESS_REP | ACCESS_CROSSES))
        return false;
    struct access out = {.rip = s.rip,
                         .gva = s.gva,
                         .gpa = s.gpa,
                         .gpa2 = s.gpa2,
                         .cr3 = r->cr3,
                         .icount = s.icount,
                         .kind = s.kind,
                         .cause = s.cause,
                         .vector = s.vector,
                         .flags = s.flags,
                         .size = s.size,
                         .context = s.context,
                         .has_data = 1};
    memcpy(out.data, r->at, s.size);
    r->at += raw_padded(s.size);
    hand_over(r, &out);
    return true;
}

static bool read_map(struct reader *r)
{
    struct raw_map m;
    return take(r, &m, sizeof(m)) && m.id == RAW_MAP && !(m.page >> (64 - PAGE_BITS)) &&
           !(m.frame >> (64 - PAGE_BITS)) && mappings_set(&known, frame_key(m.page, m.user), m.frame);
}

static bool read_number(struct reader *r, uint64_t *value)
{
    struct raw_number n;
    if (!take(r, &n, sizeof(n)))
        return false;
    *value = n.value;
    return true;
}

static bool read_time(struct reader *r)
{
    uint64_t tsc;
    if (!read_number(r, &tsc))
        return false;
    if (r->sink->time)
        r->sink->time(r->context, tsc);
    return true;
}

static bool read_event(struct reader *r)
{
    struct raw_event e;
    if (!take(r, &e, sizeof(e)) || e.type > 7 || e.has_error_code > 1)
        return false;
    struct hook_event out = {.rip = e.rip,
                             .error_code = e.error_code,
                             .vector = e.vector,
                             .type = e.type,
                             .has_error_code = e.has_error_code};
    if (r->sink->event)
        r->sink->event(r->context, &out, e.tsc);
    return true;
}

static bool read_mark(struct reader *r)
{
    struct raw_mark m;
    if (!take(r, &m, sizeof(m)) || left(r) < raw_padded(m.bytes))
        return false;
    if (r->sink->mark)
        r->sink->mark(r->context, m.source, (const char *)r->at, m.bytes);
    r->at += raw_padded(m.bytes);
    return true;
}

static uint32_t run_bytes_a(const struct raw_run *run)
{
    return run->what & RUN_ONE ? run->size : run->count * run->size;
}

bool raw_expand(const struct raw_run *run, const struct access *a, const struct access *b,
                const uint8_t *data, bool (*access)(void *context, const struct access *a), void *context)
{
    const uint8_t *data_b = run->what & RUN_B_DATA ? data + run_bytes_a(run) : data;
    struct access first = *a, second = b ? *b : *a;
    for (uint32_t i = 0; i < run->count; i++) {
        uint32_t offset = i * run->size;
        uint64_t step = run->what & RUN_DESCENDS ? 0 - (uint64_t)offset : offset;
        first.gva = a->gva + step;
        first.gpa = a->gpa + step;
        memcpy(first.data, data + (run->what & RUN_ONE ? 0 : offset), run->size);
        if (!access(context, &first))
            return false;
        if (!b)
            continue;
        second.gva = b->gva + step;
        second.gpa = b->gpa + step;
        memcpy(second.data, data_b + offset, run->size);
        if (!access(context, &second))
            return false;
    }
    return true;
}

static bool run_is_valid(const struct raw_run *run)
{
    return run->count != 0 && run->count <= PAGE_MASK_BITS + 1 && run->size >= 1 && run->size <= 8 &&
           !(run->what & RUN_ONE && run->what & RUN_HAS_B);
}

static bool read_run(struct reader *r)
{
    struct raw_run run;
    if (!take(r, &run, sizeof(run)) || !run_is_valid(&run))
        return false;
    uint32_t bytes = run_bytes_a(&run) + (run.what & RUN_B_DATA ? run.count * run.size : 0);
    if (left(r) < raw_padded(bytes))
        return false;
    const uint8_t *data = r->at;
    r->at += raw_padded(bytes);

    struct access a = {.rip = run.rip,
                       .gva = run.gva[0],
                       .gpa = run.gpa[0],
                       .cr3 = r->cr3,
                       .icount = run.icount,
                       .kind = run.what & RUN_A_WRITES ? ACCESS_WRITE : ACCESS_READ,
                       .flags = ACCESS_REP,
                       .size = run.size,
                       .context = run.context,
                       .has_data = 1};
    struct access b = a;
    b.gva = run.gva[1];
    b.gpa = run.gpa[1];
    b.kind = run.what & RUN_B_WRITES ? ACCESS_WRITE : ACCESS_READ;
    const struct access *second = run.what & RUN_HAS_B ? &b : NULL;
    r->stopped = r->sink->run ? !r->sink->run(r->context, &run, &a, second, data)
                              : !raw_expand(&run, &a, second, data, r->sink->access, r->context);
    return true;
}

static bool read_record(struct reader *r)
{
    uint32_t id = left(r) >= 4 ? load32(r->at) : RAW_NONE;
    switch (id) {
    case RAW_ACCESS:
        return read_spelled(r);
    case RAW_MAP:
        return read_map(r);
    case RAW_CR3:
        return read_number(r, &r->cr3);
    case RAW_ICOUNT:
        return read_number(r, &r->zero);
    case RAW_TIME:
        return read_time(r);
    case RAW_EVENT:
        return read_event(r);
    case RAW_MARK:
        return read_mark(r);
    case RAW_RUN:
        return read_run(r);
    default:
        return id >= RAW_BLOCKS && read_block(r, id);
    }
}

/* ---- bodies ---- */

const struct raw_preamble *raw_preamble(const uint8_t *body, uint32_t bytes)
{
    return bytes >= sizeof(struct raw_preamble) ? (const struct raw_preamble *)body : NULL;
}

bool raw_read(const struct dictionary *d, const uint8_t *body, uint32_t bytes, const struct raw_sink *sink,
              void *context, uint32_t *at)
{
    const struct raw_preamble *p = raw_preamble(body, bytes);

    *at = 0;
    if (!p)
        return false;
    struct reader r = {.d = d,
                       .sink = sink,
                       .context = context,
                       .at = body + sizeof(*p),
                       .end = body + bytes,
                       .zero = p->zero,
                       .cr3 = p->cr3};
    if (!known_is_sound)
        memset(&known, 0, sizeof(known));
    known_is_sound = true;
    mappings_clear(&known);
    bool ok = true;
    for (uint32_t i = 0; i < p->map_count && ok; i++)
        ok = read_map(&r);
    while (ok && !r.stopped && r.at != r.end) {
        *at = (uint32_t)(r.at - body);
        ok = read_record(&r);
    }
    return ok;
}
