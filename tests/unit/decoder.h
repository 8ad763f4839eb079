/*
 * A decoder of the packed encoding, written from docs/format.md alone and sharing no code with the writer:
 * plain and strict, for tests. What it does not like ends the test.
 */
#ifndef ENGRAM_TESTS_DECODER_H
#define ENGRAM_TESTS_DECODER_H

#include "unit.h"

#include "trace/access.h"

#define DECODER_PAGES 4096

struct decoded {
    struct access *access;
    size_t count, room;
    uint64_t lost, filtered;
    size_t times, events, marks, contexts, sites, fills, predicted;
    uint64_t last_time, sync_tsc;
    struct {
        uint8_t vector, type, flags;
        uint64_t error_code, rip, tsc;
    } last_event;
    char mark[8192]; /* the texts of all MARKs, one behind the other */
    char stop[256];
    bool stopped;
};

struct decoder_site {
    bool known;
    uint64_t rip, size, address, stride, step;
    uint8_t what, flags, vector, data[64];
    int successor; /* -1 none */
};

struct decoder {
    const uint8_t *p, *end;
    struct decoder_site *site; /* 65536 */
    struct {
        uint64_t gva_page, gpa_page;
    } page[DECODER_PAGES];
    size_t pages;
    uint8_t context;
    bool icounts, synced;
    uint64_t cr3, icount, site_rip, last_address;
    int last_site;
};

static inline uint8_t decode_u8(struct decoder *d)
{
    assert_true(d->p < d->end);
    return *d->p++;
}

static inline uint64_t decode_u64(struct decoder *d)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)decode_u8(d) << 8 * i;
    return v;
}

static inline uint64_t decode_leb(struct decoder *d)
{
    uint64_t v = 0;
    for (int i = 0; i < 10; i++) {
        uint8_t byte = decode_u8(d);
        v |= (uint64_t)(byte & 127) << 7 * i;
        if (byte < 128)
            return v;
    }
    fail_msg("LEB of more than 10 bytes");
    return 0;
}

static inline uint64_t decode_zig(struct decoder *d)
{
    uint64_t z = decode_leb(d);
    return z & 1 ? ~(z >> 1) : z >> 1;
}

static inline uint64_t decode_map(struct decoder *d, uint64_t gva_page)
{
    for (size_t i = 0; i < d->pages; i++)
        if (d->page[i].gva_page == gva_page)
            return d->page[i].gpa_page;
    fail_msg("no mapping of page %llx", (unsigned long long)gva_page);
    return 0;
}

static inline void decode_fill(struct decoder *d)
{
    uint64_t gva_page = decode_leb(d);
    uint64_t gpa_page = gva_page + decode_zig(d);
    size_t i = 0;
    while (i < d->pages && d->page[i].gva_page != gva_page)
        i++;
    assert_true(i < DECODER_PAGES);
    if (i == d->pages)
        d->pages++;
    d->page[i].gva_page = gva_page;
    d->page[i].gpa_page = gpa_page;
}

static inline void decode_site(struct decoder *d)
{
    uint64_t id = decode_leb(d);
    assert_true(id <= 65535);
    struct decoder_site *s = &d->site[id];
    *s = (struct decoder_site){.known = true, .successor = -1};
    s->rip = d->site_rip += decode_zig(d);
    s->what = decode_u8(d);
    s->flags = decode_u8(d);
    s->size = decode_leb(d);
    s->vector = decode_u8(d);
    assert_int_equal(s->what >> 4, 0);
    assert_in_range(s->size, 1, 64);
}

static inline void decode_event(struct decoder *d, struct decoded *out)
{
    out->events++;
    out->last_event.vector = decode_u8(d);
    out->last_event.type = decode_u8(d);
    out->last_event.flags = decode_u8(d);
    out->last_event.error_code = decode_leb(d);
    out->last_event.rip = decode_leb(d);
    out->last_event.tsc = decode_leb(d);
}

/* One event of site `id`, whose data are already the event's own. */
static inline void decode_deliver(struct decoder *d, struct decoded *out, int id, uint64_t gva, bool has_data)
{
    struct decoder_site *s = &d->site[id];

    s->stride = gva - s->address;
    s->address = d->last_address = gva;
    if (d->last_site >= 0)
        d->site[d->last_site].successor = id;
    d->last_site = id;

    if (out->count == out->room)
        out->access = realloc(out->access, (out->room = out->room * 2 + 64) * sizeof(struct access));
    struct access *a = &out->access[out->count++];
    *a = (struct access){.rip = s->rip,
                         .gva = gva,
                         .gpa = decode_map(d, gva >> 12) << 12 | (gva & 4095),
                         .cr3 = d->cr3,
                         .icount = d->icounts ? d->icount : 0,
                         .kind = s->what & 1,
                         .cause = s->what >> 1 & 7,
                         .vector = s->vector,
                         .flags = s->flags,
                         .size = (uint8_t)s->size,
                         .context = d->context,
                         .has_data = has_data};
    if (s->flags & 8)
        a->gpa2 = decode_map(d, ((gva >> 12) + 1) & 0xfffffffffffffull) << 12;
    if (has_data)
        memcpy(a->data, s->data, s->size);
}

static inline void decode_run(struct decoder *d, struct decoded *out)
{
    uint64_t id = decode_leb(d), count = decode_leb(d), id2 = 0, gva2 = 0;
    uint8_t flags = decode_u8(d);
    assert_true(id <= 65535 && count > 0 && flags < 16);
    struct decoder_site *s = &d->site[id];
    assert_true(s->known);
    uint64_t gva = s->address + decode_zig(d);
    if (flags & 4) {
        id2 = decode_leb(d);
        assert_true(id2 <= 65535 && d->site[id2].known && d->site[id2].size == s->size);
        gva2 = d->site[id2].address + decode_zig(d);
    }
    if (d->icounts)
        d->icount += decode_leb(d);
    const uint8_t *data = d->p, *data2 = d->p;
    d->p += (flags & 2 ? count : 1) * s->size;
    if (flags & 8) {
        data2 = d->p;
        d->p += count * s->size;
    }
    assert_true(d->p <= d->end);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t by = flags & 1 ? -i * s->size : i * s->size;
        memcpy(s->data, data + (flags & 2 ? i * s->size : 0), s->size);
        decode_deliver(d, out, (int)id, gva + by, true);
        if (!(flags & 4))
            continue;
        memcpy(d->site[id2].data, data2 + (flags & 10 ? i * s->size : 0), s->size);
        decode_deliver(d, out, (int)id2, gva2 + by, true);
    }
}

static inline void decode_control(struct decoder *d, struct decoded *out, uint8_t type)
{
    uint64_t length = decode_leb(d);
    assert_true(length <= (uint64_t)(d->end - d->p));
    const uint8_t *segment_end = d->end;
    d->end = d->p + length;
    switch (type) {
    case 1: {
        assert_false(d->synced);
        d->synced = true;
        d->icounts = decode_u8(d) & 1;
        d->context = decode_u8(d);
        d->cr3 = decode_u64(d);
        out->sync_tsc = decode_u64(d);
        d->icount = decode_u64(d);
        break;
    }
    case 2: {
        out->contexts++;
        d->context = decode_u8(d);
        uint64_t cr3 = decode_leb(d);
        if (cr3 != d->cr3)
            d->pages = 0;
        d->cr3 = cr3;
        break;
    }
    case 3:
        out->times++, out->last_time = decode_leb(d);
        break;
    case 4:
        out->sites++, decode_site(d);
        break;
    case 6:
        out->fills++, decode_fill(d);
        break;
    case 7:
        d->pages = 0;
        break;
    case 8:
        decode_event(d, out);
        break;
    case 9:
        decode_run(d, out);
        break;
    case 0x0a:
        out->marks++;
        decode_u8(d);
        assert_true(strlen(out->mark) + length < sizeof(out->mark));
        strncat(out->mark, (const char *)d->p, length - 1);
        d->p = d->end;
        break;
    case 0x0b:
        out->lost += decode_leb(d);
        break;
    case 0x0c:
        out->filtered += decode_leb(d);
        break;
    case 0x0d:
        assert_true(length < sizeof(out->stop));
        memcpy(out->stop, d->p, length);
        out->stop[length] = 0;
        out->stopped = true;
        d->p = d->end;
        break;
    default:
        fail_msg("packet type %02x", type);
    }
    assert_ptr_equal(d->p, d->end);
    d->end = segment_end;
}

static inline void decode_data(struct decoder *d, struct decoder_site *s, unsigned form)
{
    if (form == 1) {
        memset(s->data, 0, sizeof(s->data));
    } else if (form == 2) {
        assert_true(s->size == 1 || s->size == 2 || s->size == 4 || s->size == 8);
        uint64_t v = 0;
        memcpy(&v, s->data, s->size);
        v += decode_zig(d);
        memcpy(s->data, &v, s->size);
    } else if (form == 3) {
        for (uint64_t i = 0; i < s->size; i++)
            s->data[i] = decode_u8(d);
    }
}

static inline void decode_access(struct decoder *d, struct decoded *out, uint8_t form)
{
    unsigned g = form >> 4 & 3, data = form >> 2 & 3;
    bool no_data = form & 1;
    assert_true(!(form & 2) || d->icounts);
    assert_false(no_data && data);
    int id = form & 0x40 ? (int)decode_leb(d) : d->last_site >= 0 ? d->site[d->last_site].successor : -1;
    assert_in_range(id, 0, 65535);
    struct decoder_site *s = &d->site[id];
    assert_true(s->known);
    out->predicted += !(form & 0x40);

    uint64_t gva = g == 0   ? s->address
                   : g == 1 ? s->address + s->stride
                   : g == 2 ? s->address + decode_zig(d)
                            : d->last_address + decode_zig(d);
    decode_data(d, s, data);
    if (form & 2)
        s->step = decode_leb(d);
    d->icount += s->step;
    decode_deliver(d, out, id, gva, !no_data);
}

/* Decodes one segment's body and appends what it holds to *out. */
static inline void decode_segment(const uint8_t *body, size_t bytes, struct decoded *out)
{
    struct decoder d = {.p = body, .end = body + bytes, .last_site = -1};
    d.site = calloc(65536, sizeof(*d.site));
    assert_true(bytes > 0 && body[0] == 1);
    while (d.p < d.end) {
        uint8_t type = decode_u8(&d);
        if (type & 0x80)
            decode_access(&d, out, type);
        else if (type)
            decode_control(&d, out, type);
    }
    free(d.site);
}

static inline void assert_same_access(const struct access *got, const struct access *expected)
{
    assert_int_equal(got->rip, expected->rip);
    assert_int_equal(got->gva, expected->gva);
    assert_int_equal(got->gpa, expected->gpa);
    assert_int_equal(got->gpa2, expected->flags & ACCESS_CROSSES ? expected->gpa2 & ~4095ull : 0);
    assert_int_equal(got->cr3, expected->cr3);
    assert_int_equal(got->icount, expected->icount);
    assert_int_equal(got->kind, expected->kind);
    assert_int_equal(got->cause, expected->cause);
    assert_int_equal(got->vector, expected->vector);
    assert_int_equal(got->flags, expected->flags);
    assert_int_equal(got->size, expected->size);
    assert_int_equal(got->context, expected->context);
    assert_int_equal(!!got->has_data, !!expected->has_data);
    if (expected->has_data)
        assert_memory_equal(got->data, expected->data, expected->size);
}

#endif
