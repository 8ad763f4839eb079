#include "trace/proof_file.h"

#include "trace/bytes.h"
#include "trace/crc32c.h"
#include "trace/format.h"
#include "trace/leb128.h"
#include "trace/ring.h"

#include <lz4.h>
#include <string.h>

#define BODY_BYTES 65536u
#define ENTRY_HEAD_MAX (1u + 2 * LEB_MAX)
#define DIGEST_BYTES 16u /* of a page, start and end */

static LZ4_stream_t lz4_state;

/* The body that is being put together, and where its chunk goes. */
static struct {
    uint8_t *out;
    uint64_t sequence;
    uint32_t bytes;
    uint8_t body[BODY_BYTES];
} file;

static void close_chunk(void)
{
    struct chunk_header h = {.magic = TRACE_MAGIC,
                             .version = TRACE_VERSION,
                             .header_bytes = sizeof(h),
                             .type = CHUNK_PROOF,
                             .sequence = file.sequence++,
                             .body_bytes = file.bytes};
    uint8_t *body = file.out + sizeof(h);
    int smaller = LZ4_compress_fast_extState(&lz4_state, (const char *)file.body, (char *)body,
                                             (int)file.bytes, (int)file.bytes - 1, 1);
    h.compression = smaller > 0 ? COMPRESSION_LZ4 : COMPRESSION_NONE;
    h.stored_bytes = smaller > 0 ? (uint32_t)smaller : file.bytes;
    if (smaller <= 0)
        memcpy(body, file.body, file.bytes);
    h.body_crc = crc32c(body, h.stored_bytes);
    ring_seal(&h);
    memcpy(file.out, &h, sizeof(h));
    file.out = body + h.stored_bytes;
    file.bytes = 0;
}

/* Where an entry's payload of `bytes` goes; the entry stands whole in one chunk. */
static uint8_t *begin_entry(enum proof_entry type, uint64_t page, uint64_t count, uint32_t bytes)
{
    if (file.bytes + ENTRY_HEAD_MAX + bytes > BODY_BYTES)
        close_chunk();
    uint8_t *at = file.body + file.bytes;
    *at++ = (uint8_t)type;
    at = leb_put(at, page);
    at = leb_put(at, count);
    file.bytes = (uint32_t)(at - file.body) + bytes;
    return at;
}

#define PAGES_AT_ONCE ((BODY_BYTES - ENTRY_HEAD_MAX) / DIGEST_BYTES)

static void put_digests(const struct proof *p, const struct proof_range *r, uint64_t k, uint64_t count)
{
    uint8_t *at = begin_entry(PROOF_ENTRY_PAGES, r->first + k, count, (uint32_t)count * DIGEST_BYTES);
    for (; count--; k++, at += DIGEST_BYTES) {
        store64(at, p->start[r->index + k]);
        store64(at + 8, proof_digest(p->memory + ((r->first + k) << PROOF_PAGE_SHIFT)));
    }
}

static bool is_touched(uint8_t flags)
{
    return flags & (PROOF_WRITTEN | PROOF_DIFFERS);
}

/* Stretches of pages that are alike in that they were touched, or not. */
static void put_range(const struct proof *p, const struct proof_range *r)
{
    const uint8_t *flags = p->flags + r->index;
    for (uint64_t k = 0, n; k < r->count; k += n) {
        const bool touched = is_touched(flags[k]);
        for (n = 1; k + n < r->count && is_touched(flags[k + n]) == touched; n++)
            if (touched && n == PAGES_AT_ONCE)
                break;
        if (touched)
            put_digests(p, r, k, n);
        else
            begin_entry(PROOF_ENTRY_SAME, r->first + k, n, 0);
    }
}

const uint8_t *proof_chunks(struct proof *p, uint64_t *bytes)
{
    file.out = p->chunks;
    file.bytes = 0;
    file.sequence = 0;
    for (uint32_t i = 0; i < p->ranges; i++)
        put_range(p, &p->range[i]);
    for (uint64_t i = 0; i < p->result.kept; i++)
        memcpy(begin_entry(PROOF_ENTRY_CONTENTS, p->kept_page[i], 1, PROOF_PAGE), p->kept + i * PROOF_PAGE,
               PROOF_PAGE);
    if (file.bytes)
        close_chunk();
    p->copy = NULL;
    *bytes = (uint64_t)(file.out - p->chunks);
    return p->chunks;
}
