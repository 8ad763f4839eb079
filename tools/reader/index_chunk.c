/* The INDEX chunk (docs/format.md, Chunks): read and made. */
#include "reader/cursor.h"
#include "reader/index.h"
#include "trace/crc32c.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES ((uint32_t)sizeof(struct chunk_header))
#define CHUNK_BYTES_MAX                                                                                      \
    (HEADER_BYTES + INDEX_HEAD_BYTES + INDEX_ENTRIES_MAX * INDEX_ENTRY_BYTES + INDEX_TRAILER_BYTES)

/* How long the INDEX chunk at the file's end says it is; 0: there is none. */
static uint32_t chunk_length(const struct trace_source *source)
{
    uint8_t trailer[INDEX_TRAILER_BYTES];
    if (source->size < HEADER_BYTES + INDEX_HEAD_BYTES + INDEX_TRAILER_BYTES ||
        source->read_at(source->ctx, source->size - sizeof(trailer), trailer, sizeof(trailer)) !=
            (int64_t)sizeof(trailer) ||
        load_le(trailer + 4, 4) != INDEX_MAGIC)
        return 0;
    uint32_t bytes = (uint32_t)load_le(trailer, 4);
    return bytes <= source->size && bytes <= CHUNK_BYTES_MAX &&
                   bytes >= HEADER_BYTES + INDEX_HEAD_BYTES + INDEX_TRAILER_BYTES
               ? bytes
               : 0;
}

/* In the order that a search relies on, and within the file? */
static bool is_ordered(const struct trace_index *x, uint64_t file_bytes)
{
    for (size_t i = 0; i < x->count; i++) {
        const struct index_entry *e = &x->entries[i], *before = i ? e - 1 : e;
        if (e->offset >= file_bytes || (i && e->offset <= before->offset) ||
            e->first_event < before->first_event || e->icount < before->icount || e->tsc < before->tsc)
            return false;
    }
    return x->count == 0 || x->end_event >= x->entries[x->count - 1].first_event;
}

static bool read_body(struct trace_index *x, const struct chunk *c)
{
    if (c->body_bytes < INDEX_HEAD_BYTES + INDEX_TRAILER_BYTES)
        return false;
    struct cursor p = {.at = c->body, .end = c->body + c->body_bytes - INDEX_TRAILER_BYTES};
    uint64_t file_bytes = cursor_le(&p, 8);
    x->step = cursor_le(&p, 8);
    x->segments = cursor_le(&p, 8);
    x->end_event = cursor_le(&p, 8);
    x->end_tsc = cursor_le(&p, 8);
    x->count = cursor_left(&p) / INDEX_ENTRY_BYTES;
    if (file_bytes != c->offset || x->step == 0 || x->count > INDEX_ENTRIES_MAX ||
        cursor_left(&p) % INDEX_ENTRY_BYTES != 0)
        return false;
    for (size_t i = 0; i < x->count; i++) {
        struct index_entry *e = &x->entries[i];
        e->offset = cursor_le(&p, 8);
        e->first_event = cursor_le(&p, 8);
        e->icount = cursor_le(&p, 8);
        e->tsc = cursor_le(&p, 8);
    }
    x->has_icount = x->count && x->entries[0].icount != INDEX_NO_ICOUNT;
    return is_ordered(x, file_bytes);
}

static void ignore_damage(void *ctx, uint64_t offset, const char *what)
{
    (void)ctx;
    (void)offset;
    (void)what;
}

bool index_load(struct trace_index *x, const struct trace_source *source)
{
    struct trace_file file;
    struct chunk c;
    uint32_t bytes = chunk_length(source);
    if (bytes == 0)
        return false;
    *x = (struct trace_index){.entries = malloc(INDEX_ENTRIES_MAX * sizeof(*x->entries))};
    if (!x->entries || !trace_file_open(&file, source, ignore_damage, NULL)) {
        index_free(x);
        return false;
    }
    bool sound = trace_file_at(&file, source->size - bytes, &c) == CHUNK_FOUND &&
                 c.header.type == CHUNK_INDEX && read_body(x, &c);
    trace_file_close(&file);
    if (!sound)
        index_free(x);
    return sound;
}

uint8_t *index_chunk(const struct trace_index *x, uint64_t file_bytes, size_t *bytes)
{
    size_t body_bytes = INDEX_HEAD_BYTES + x->count * INDEX_ENTRY_BYTES + INDEX_TRAILER_BYTES;
    *bytes = HEADER_BYTES + body_bytes;
    uint8_t *chunk = calloc(1, *bytes), *p = chunk + HEADER_BYTES;
    if (!chunk)
        return NULL;
    const uint64_t head[] = {file_bytes, x->step, x->segments, x->end_event, x->end_tsc};
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++, p += 8)
        store_le(p, head[i], 8);
    for (size_t i = 0; i < x->count; i++) {
        const uint64_t entry[] = {x->entries[i].offset, x->entries[i].first_event, x->entries[i].icount,
                                  x->entries[i].tsc};
        for (size_t k = 0; k < 4; k++, p += 8)
            store_le(p, entry[k], 8);
    }
    store_le(p, *bytes, 4);
    store_le(p + 4, INDEX_MAGIC, 4);
    struct chunk_header h = {.magic = TRACE_MAGIC,
                             .version = TRACE_VERSION,
                             .header_bytes = HEADER_BYTES,
                             .type = CHUNK_INDEX,
                             .stored_bytes = (uint32_t)body_bytes,
                             .body_bytes = (uint32_t)body_bytes,
                             .body_crc = crc32c(chunk + HEADER_BYTES, body_bytes)};
    h.header_crc = crc32c(&h, sizeof(h) - 4);
    memcpy(chunk, &h, sizeof(h));
    return chunk;
}
