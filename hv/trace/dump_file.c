/*
 * The file's chunks lie one behind the other with lengths that differ, and a ring
 * may have a million of them: a directory of every step-th chunk's offset, and a
 * walk over the headers of the few between, finds any byte with little memory.
 */
#include "trace/dump_file.h"

#include "scratch.h"
#include "trace/crc32c.h"

#include <lz4.h>
#include <string.h>

#define META_BYTES_MAX (CHUNK_BODY_MAX / 4)

static LZ4_stream_t lz4_state;
static uint8_t scratch[RING_SEGMENT_MAX] SCRATCH;

/* ---- compression ------------------------------------------------------------ */

/* In place. A body that is damaged stays as it is, so that its CRC still tells. */
void dump_file_compress(struct chunk_header *h)
{
    uint8_t *body = (uint8_t *)(h + 1);

    if (h->compression != COMPRESSION_NONE || h->stored_bytes < 2 ||
        h->body_crc != crc32c(body, h->stored_bytes))
        return;
    int smaller = LZ4_compress_fast_extState(&lz4_state, (const char *)body, (char *)scratch,
                                             (int)h->stored_bytes, (int)h->stored_bytes - 1, 1);
    if (smaller <= 0)
        return;
    memcpy(body, scratch, (size_t)smaller);
    h->compression = COMPRESSION_LZ4;
    h->stored_bytes = (uint32_t)smaller;
    h->body_crc = crc32c(body, h->stored_bytes);
    ring_seal(h);
}

/* ---- layout ----------------------------------------------------------------- */

/* Behind the text stand `padding` newlines. */
static struct chunk_header text_header(enum chunk_type type, const char *text, uint32_t bytes,
                                       uint32_t padding)
{
    struct chunk_header h = {.magic = TRACE_MAGIC,
                             .version = TRACE_VERSION,
                             .header_bytes = sizeof(h),
                             .type = (uint8_t)type,
                             .stored_bytes = bytes + padding,
                             .body_bytes = bytes + padding,
                             .body_crc = crc32c(text, bytes)};
    while (padding--)
        h.body_crc = crc32c_more(h.body_crc, "\n", 1);
    ring_seal(&h);
    return h;
}

/* META that is too long is cut behind its last whole line. */
static uint32_t meta_length(const char *meta, uint32_t bytes, uint32_t most)
{
    if (bytes <= most)
        return bytes;
    for (bytes = most; bytes && meta[bytes - 1] != '\n';)
        bytes--;
    return bytes;
}

void dump_file_make(struct dump_file *file, struct ring *ring, const char *meta, uint32_t meta_bytes,
                    bool compress, void (*between)(void))
{
    const uint32_t place = ring->front_bytes ? ring->front_bytes - (uint32_t)sizeof(struct chunk_header) : 0;
    meta_bytes = meta_length(meta, meta_bytes, META_BYTES_MAX);
    file->meta_bytes = place ? meta_length(meta, meta_bytes, place) : meta_bytes;
    file->ring = ring;
    file->meta = meta;
    file->meta_header = text_header(CHUNK_META, meta, file->meta_bytes, place ? place - file->meta_bytes : 0);
    file->end_header = text_header(CHUNK_END, meta, meta_bytes, 0);
    file->segments = ring_count(ring);
    ring_events(ring, &file->first_event, &file->end_event);
    file->step = file->segments / DUMP_DIRECTORY + 1;
    file->gone_start = sizeof(struct chunk_header) + file->meta_header.stored_bytes;
    file->gone_end = file->segment_start = file->gone_start + ring->gone_bytes;

    uint64_t offset = file->segment_start;
    for (uint64_t i = 0; i < file->segments; i++) {
        if (compress && ring_segment_intact(ring, i))
            dump_file_compress(ring_segment(ring, i));
        if (i % file->step == 0)
            file->directory[i / file->step] = offset;
        offset += ring_chunk_bytes(ring, i);
        if (between)
            between();
    }
    file->more = NULL;
    file->more_start = file->end_start = offset;
    file->bytes = offset + sizeof(struct chunk_header) + meta_bytes;
    file->walk_segment = 0;
    file->walk_offset = file->segment_start;
}

void dump_file_add(struct dump_file *file, const void *chunks, uint64_t bytes)
{
    file->more = chunks;
    file->end_start += bytes;
    file->bytes += bytes;
}

/* ---- reading ---------------------------------------------------------------- */

/* Moves the walk to the segment whose chunk holds `offset`, which lies between the first segment and END. */
static void walk_to(struct dump_file *file, uint64_t offset)
{
    uint64_t low = 0, high = (file->segments - 1) / file->step;

    while (low < high) {
        uint64_t middle = (low + high + 1) / 2;
        if (file->directory[middle] <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    if (file->walk_offset > offset || file->walk_segment < low * file->step) {
        file->walk_segment = low * file->step;
        file->walk_offset = file->directory[low];
    }
    for (;;) {
        uint64_t bytes = ring_chunk_bytes(file->ring, file->walk_segment);
        if (offset - file->walk_offset < bytes || file->walk_segment + 1 == file->segments)
            return;
        file->walk_offset += bytes;
        file->walk_segment++;
    }
}

/* A piece of the file that lies in memory in one piece. */
struct piece {
    uint64_t start;
    uint64_t bytes;
    const void *data;
};

static const char newlines[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";

static struct piece meta_piece(const struct dump_file *file, uint64_t offset)
{
    const uint64_t text = sizeof(file->meta_header), padding = text + file->meta_bytes;
    if (offset < text)
        return (struct piece){0, text, &file->meta_header};
    if (offset < padding)
        return (struct piece){text, file->meta_bytes, file->meta};
    uint64_t left = file->gone_start - offset, most = sizeof(newlines) - 1;
    return (struct piece){offset, left < most ? left : most, newlines};
}

static struct piece end_piece(const struct dump_file *file, uint64_t offset)
{
    const uint64_t text = file->end_start + sizeof(file->end_header);
    if (offset < text)
        return (struct piece){file->end_start, sizeof(file->end_header), &file->end_header};
    return (struct piece){text, file->end_header.stored_bytes, file->meta};
}

static struct piece piece_at(struct dump_file *file, uint64_t offset)
{
    if (offset < file->gone_start)
        return meta_piece(file, offset);
    if (offset >= file->end_start)
        return end_piece(file, offset);
    if (offset >= file->more_start)
        return (struct piece){file->more_start, file->end_start - file->more_start, file->more};
    walk_to(file, offset);
    return (struct piece){file->walk_offset, ring_chunk_bytes(file->ring, file->walk_segment),
                          ring_segment(file->ring, file->walk_segment)};
}

void dump_file_read(struct dump_file *file, uint64_t offset, uint8_t *out, uint64_t bytes)
{
    while (bytes) {
        struct piece piece = piece_at(file, offset);
        uint64_t skip = offset - piece.start;
        uint64_t n = piece.bytes - skip < bytes ? piece.bytes - skip : bytes;
        memcpy(out, (const uint8_t *)piece.data + skip, n);
        out += n;
        offset += n;
        bytes -= n;
    }
}
