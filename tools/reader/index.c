/* A bounded index of the segments. */
#include "reader/index.h"
#include "reader/cursor.h"

#include <errno.h>
#include <lz4.h>
#include <stdlib.h>

#define SYNC_BYTES 28u /* type, length, 26 bytes of payload */
#define PEEK_BYTES 256u

/* The instruction count of the SYNC that begins a segment's body. */
static bool peek_icount(const struct trace_source *source, const struct chunk *c, uint64_t *icount)
{
    uint8_t stored[PEEK_BYTES], sync[SYNC_BYTES];
    const struct chunk_header *h = &c->header;
    size_t n = h->stored_bytes < PEEK_BYTES ? h->stored_bytes : PEEK_BYTES;
    if (h->encoding != ENCODING_PACKED ||
        source->read_at(source->ctx, c->offset + h->header_bytes, stored, n) != (int64_t)n)
        return false;
    const uint8_t *p = stored;
    if (h->compression == COMPRESSION_LZ4) {
        int got =
            LZ4_decompress_safe_partial((const char *)stored, (char *)sync, (int)n, SYNC_BYTES, SYNC_BYTES);
        n = got > 0 ? (size_t)got : 0;
        p = sync;
    }
    struct cursor cursor = {.at = p, .end = p + n};
    uint8_t type = cursor_u8(&cursor), bytes = cursor_u8(&cursor), flags = cursor_u8(&cursor);
    cursor_bytes(&cursor, 1 + 8 + 8);
    *icount = cursor_le(&cursor, 8);
    return !cursor.bad && type == PACKET_SYNC && bytes >= SYNC_BYTES - 2 && (flags & SYNC_ICOUNT);
}

static void thin_out(struct trace_index *x)
{
    for (size_t i = 0; 2 * i < x->count; i++)
        x->entries[i] = x->entries[2 * i];
    x->count = (x->count + 1) / 2;
    x->step *= 2;
}

static void add(struct trace_index *x, const struct trace_source *source, const struct chunk *c)
{
    const struct chunk_header *h = &c->header;
    uint64_t end = h->first_event + h->event_count;
    if (end < h->first_event || (x->segments && h->first_event < x->end_event))
        return; /* out of order: no reader takes it */
    if (x->segments++ % x->step == 0) {
        if (x->count == INDEX_ENTRIES_MAX)
            thin_out(x);
        const struct index_entry *before = x->count ? &x->entries[x->count - 1] : NULL;
        struct index_entry e = {
            .offset = c->offset, .first_event = h->first_event, .icount = INDEX_NO_ICOUNT, .tsc = h->tsc};
        uint64_t icount;
        if (peek_icount(source, c, &icount))
            e.icount = icount;
        else if (x->has_icount)
            e.icount = before->icount; /* its body is damaged */
        if (e.icount != INDEX_NO_ICOUNT && !x->has_icount) {
            for (size_t i = 0; i < x->count; i++)
                x->entries[i].icount = 0; /* their bodies are damaged: from the start on */
            x->has_icount = true;
        }
        if (before && x->has_icount && e.icount < before->icount)
            e.icount = before->icount;
        if (before && e.tsc < before->tsc)
            e.tsc = before->tsc;
        if ((x->segments - 1) % x->step == 0)
            x->entries[x->count++] = e;
    }
    x->end_event = end;
    x->end_tsc = h->tsc;
}

static void ignore_damage(void *ctx, uint64_t offset, const char *what)
{
    (void)ctx;
    (void)offset;
    (void)what;
}

bool index_build(struct trace_index *x, const struct trace_source *source)
{
    return index_load(x, source) || index_scan(x, source);
}

bool index_scan(struct trace_index *x, const struct trace_source *source)
{
    struct trace_file file;
    struct chunk c;
    enum chunk_result r;
    *x = (struct trace_index){.step = 1, .entries = malloc(INDEX_ENTRIES_MAX * sizeof(*x->entries))};
    if (!x->entries || !trace_file_open(&file, source, ignore_damage, NULL)) {
        index_free(x);
        errno = ENOMEM;
        return false;
    }
    while ((r = trace_file_next_header(&file, &c)) == CHUNK_FOUND)
        if (c.header.type == CHUNK_SEGMENT && c.header.version == TRACE_VERSION)
            add(x, source, &c);
    trace_file_close(&file);
    if (r == CHUNK_IO_ERROR)
        index_free(x);
    return r != CHUNK_IO_ERROR;
}

void index_free(struct trace_index *x)
{
    free(x->entries);
    *x = (struct trace_index){0};
}

size_t index_find_event(const struct trace_index *x, uint64_t event)
{
    size_t low = 0, high = x->count;
    while (low < high) { /* entries before `low` begin before the event */
        size_t middle = low + (high - low) / 2;
        if (x->entries[middle].first_event < event)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < x->count && x->entries[low].first_event == event)
        return low;
    return low ? low - 1 : 0;
}

/* Accesses of one instruction may lie on both sides of a segment's beginning: strictly before. */
size_t index_find_icount(const struct trace_index *x, uint64_t icount)
{
    size_t low = 0, high = x->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x->entries[middle].icount < icount)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

#define MILLION 1000000u

uint64_t index_event_at_share(const struct trace_index *x, uint64_t millionths)
{
    uint64_t first = index_first_event(x), events = x->end_event - first;
    if (millionths == MILLION)
        return UINT64_MAX; /* what stands behind the last event too */
    return first + events / MILLION * millionths + events % MILLION * millionths / MILLION;
}

uint64_t index_part(const struct trace_index *x, uint64_t first, uint64_t end, unsigned part, unsigned of)
{
    if (part == 0)
        return first;
    if (part >= of || x->count == 0)
        return end;
    uint64_t low = first < index_first_event(x) ? index_first_event(x) : first;
    uint64_t high = end > x->end_event ? x->end_event : end;
    uint64_t at = high > low ? low + (high - low) / of * part : low;
    uint64_t border = x->entries[index_find_event(x, at)].first_event;
    return border < first ? first : border;
}
