/* Chunks of a trace file: finds, checks and decompresses them, and finds the way back after damage. */
#include "reader/trace_file.h"
#include "reader/cursor.h"
#include "trace/crc32c.h"

#include <errno.h>
#include <inttypes.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES ((uint32_t)sizeof(struct chunk_header))
/* No writer needs more room for a compressed body than LZ4's worst case. */
#define STORED_MAX ((uint32_t)LZ4_COMPRESSBOUND(CHUNK_BODY_MAX))
#define SCAN_BYTES 65536u
static const uint8_t magic_bytes[4] = {'E', 'G', 'R', 'M'};

static int64_t fd_read_at(void *ctx, uint64_t offset, void *to, size_t n)
{
    int fd = *(const int *)ctx;
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (uint8_t *)to + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

bool source_from_fd(struct trace_source *s, const int *fd)
{
    struct stat st;
    if (fstat(*fd, &st) < 0)
        return false;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : ESPIPE;
        return false;
    }
    *s = (struct trace_source){
        .ctx = (void *)(uintptr_t)fd, .size = (uint64_t)st.st_size, .read_at = fd_read_at};
    return true;
}

static int64_t memory_read_at(void *ctx, uint64_t offset, void *to, size_t n)
{
    const struct memory_source *m = ctx;
    if (offset >= m->size)
        return 0;
    size_t there = m->size - (size_t)offset;
    n = n < there ? n : there;
    memcpy(to, m->bytes + offset, n);
    return (int64_t)n;
}

void source_from_memory(struct trace_source *s, const struct memory_source *m)
{
    *s = (struct trace_source){.ctx = (void *)(uintptr_t)m, .size = m->size, .read_at = memory_read_at};
}

bool trace_file_open(struct trace_file *f, const struct trace_source *source, damage_fn damage, void *ctx)
{
    *f = (struct trace_file){.source = source, .damage = damage, .ctx = ctx};
    f->stored = malloc(STORED_MAX > SCAN_BYTES ? STORED_MAX : SCAN_BYTES);
    f->body = malloc(CHUNK_BODY_MAX);
    if (f->stored && f->body)
        return true;
    trace_file_close(f);
    return false;
}

void trace_file_close(struct trace_file *f)
{
    free(f->stored);
    free(f->body);
    f->stored = f->body = NULL;
}

/* Unpacks a header; false when it is none. */
static bool parse_header(const uint8_t *p, struct chunk_header *h)
{
    if (memcmp(p, magic_bytes, sizeof(magic_bytes)) != 0)
        return false;
    struct cursor c = {.at = p, .end = p + HEADER_BYTES};
    h->magic = (uint32_t)cursor_le(&c, 4);
    h->version = (uint16_t)cursor_le(&c, 2);
    h->header_bytes = (uint16_t)cursor_le(&c, 2);
    h->type = cursor_u8(&c);
    h->encoding = cursor_u8(&c);
    h->compression = cursor_u8(&c);
    h->reserved0 = cursor_u8(&c);
    h->stored_bytes = (uint32_t)cursor_le(&c, 4);
    h->body_bytes = (uint32_t)cursor_le(&c, 4);
    h->body_crc = (uint32_t)cursor_le(&c, 4);
    h->sequence = cursor_le(&c, 8);
    h->first_event = cursor_le(&c, 8);
    h->event_count = cursor_le(&c, 8);
    h->lost_before = cursor_le(&c, 8);
    h->tsc = cursor_le(&c, 8);
    h->reserved1 = (uint32_t)cursor_le(&c, 4);
    h->header_crc = (uint32_t)cursor_le(&c, 4);
    return h->header_bytes >= HEADER_BYTES && h->header_crc == crc32c(p, HEADER_BYTES - 4);
}

/* 1: there is a sound header at `offset`; 0: there is none; -1: the file cannot be read. */
static int header_at(struct trace_file *f, uint64_t offset, struct chunk_header *h)
{
    uint8_t raw[sizeof(struct chunk_header)];
    int64_t got = f->source->read_at(f->source->ctx, offset, raw, sizeof(raw));
    if (got < 0)
        return -1;
    return got == (int64_t)sizeof(raw) && parse_header(raw, h);
}

/* Looks for a sound header in [from, end of file). As header_at; `*found` is the offset, or the file's end.
 */
static int find_header(struct trace_file *f, uint64_t from, uint64_t *found, bool *all_zero,
                       struct chunk_header *h)
{
    *all_zero = true;
    while (from < f->source->size) {
        uint8_t *window = f->stored;
        int64_t got = f->source->read_at(f->source->ctx, from, window, SCAN_BYTES);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        size_t n = (size_t)got, pos = 0;
        for (; n - pos >= sizeof(magic_bytes); pos++) {
            const uint8_t *hit = memmem(window + pos, n - pos, magic_bytes, sizeof(magic_bytes));
            if (!hit)
                break;
            size_t at = (size_t)(hit - window);
            for (size_t i = pos; *all_zero && i < at; i++)
                *all_zero = window[i] == 0;
            pos = at;
            int r = n - pos >= HEADER_BYTES ? parse_header(hit, h) : header_at(f, from + pos, h);
            if (r != 0) {
                *found = from + pos;
                return r;
            }
        }
        for (size_t i = pos; *all_zero && i < n; i++)
            *all_zero = window[i] == 0;
        if (from + n >= f->source->size)
            break;
        /* The magic may lie across two windows. */
        from += n < sizeof(magic_bytes) ? n : n - (sizeof(magic_bytes) - 1);
    }
    *found = f->source->size;
    return 0;
}

static bool is_known(const struct chunk_header *h)
{
    return h->type >= CHUNK_META && h->type <= CHUNK_INDEX;
}

static const char *lengths_error(const struct chunk_header *h)
{
    if (!is_known(h))
        return NULL; /* skipped unread, whatever it holds */
    if (h->body_bytes > CHUNK_BODY_MAX)
        return "its body would be longer than 1 MiB";
    if (h->compression == COMPRESSION_NONE)
        return h->stored_bytes == h->body_bytes
                   ? NULL
                   : "stored and body length differ though nothing is compressed";
    if (h->compression != COMPRESSION_LZ4)
        return "unknown compression";
    return h->stored_bytes <= STORED_MAX ? NULL : "its compressed body is longer than LZ4 can make it";
}

/* Reads and unpacks the body; c->error when that fails. False when the file cannot be read. */
static bool read_body(struct trace_file *f, struct chunk *c)
{
    const struct chunk_header *h = &c->header;
    const char *why = lengths_error(h);
    if (why) {
        snprintf(c->error, sizeof(c->error), "%s", why);
        return true;
    }
    uint64_t start = c->offset + h->header_bytes;
    int64_t got = f->source->read_at(f->source->ctx, start, f->stored, h->stored_bytes);
    if (got < 0)
        return false;
    if (got < (int64_t)h->stored_bytes) {
        snprintf(c->error, sizeof(c->error), "file ends after %" PRId64 " of its %" PRIu32 " bytes", got,
                 h->stored_bytes);
        return true;
    }
    uint32_t crc = crc32c(f->stored, h->stored_bytes);
    if (crc != h->body_crc) {
        snprintf(c->error, sizeof(c->error), "CRC is %08" PRIx32 ", should be %08" PRIx32, crc, h->body_crc);
        return true;
    }
    if (h->compression == COMPRESSION_LZ4) {
        int n = LZ4_decompress_safe((const char *)f->stored, (char *)f->body, (int)h->stored_bytes,
                                    (int)h->body_bytes);
        if (n != (int)h->body_bytes) {
            snprintf(c->error, sizeof(c->error), "LZ4 data do not give %" PRIu32 " bytes", h->body_bytes);
            return true;
        }
    }
    c->body = h->compression == COMPRESSION_LZ4 ? f->body : f->stored;
    c->body_bytes = h->body_bytes;
    return true;
}

/* Goes to the next sound header and tells about the bytes before it. As header_at. */
static int to_next_header(struct trace_file *f, struct chunk *c)
{
    if (f->next >= f->source->size)
        return 0;
    int r = header_at(f, f->next, &c->header);
    c->offset = f->next;
    if (r != 0)
        return r;
    bool zero;
    r = find_header(f, f->next, &c->offset, &zero, &c->header);
    if (r < 0)
        return r;
    char what[120];
    snprintf(what, sizeof(what), "%" PRIu64 " bytes are no chunk%s", c->offset - f->next,
             zero ? ": all zero, as if never received" : "");
    f->damage(f->ctx, f->next, what);
    f->next = c->offset;
    return r;
}

/* Where to go on behind a damaged body: at its end if that fits, or else as soon as a header is found. */
static bool skip_damaged(struct trace_file *f, const struct chunk *c)
{
    struct chunk_header ignored;
    uint64_t start = c->offset + c->header.header_bytes, end = start + c->header.stored_bytes;
    int r = end == f->source->size ? 1 : header_at(f, end, &ignored);
    if (r < 0)
        return false;
    if (r == 1) {
        f->next = end;
        return true;
    }
    bool zero;
    return find_header(f, start, &f->next, &zero, &ignored) >= 0;
}

enum chunk_result trace_file_next(struct trace_file *f, struct chunk *c)
{
    *c = (struct chunk){0};
    int r = to_next_header(f, c);
    if (r <= 0)
        return r < 0 ? CHUNK_IO_ERROR : CHUNK_NONE;
    const struct chunk_header *h = &c->header;
    bool known = is_known(h);
    if (h->version != TRACE_VERSION) {
        snprintf(c->error, sizeof(c->error), "format version %u, this reader knows %u", h->version,
                 TRACE_VERSION);
    } else if (known && !read_body(f, c)) {
        return CHUNK_IO_ERROR;
    }
    if (known && !c->body && h->version == TRACE_VERSION)
        return skip_damaged(f, c) ? CHUNK_FOUND : CHUNK_IO_ERROR;
    f->next = c->offset + h->header_bytes + h->stored_bytes;
    if (f->next > f->source->size)
        f->damage(f->ctx, c->offset, "the file ends within this chunk");
    return CHUNK_FOUND;
}

enum chunk_result trace_file_next_header(struct trace_file *f, struct chunk *c)
{
    *c = (struct chunk){0};
    int r = to_next_header(f, c);
    if (r <= 0)
        return r < 0 ? CHUNK_IO_ERROR : CHUNK_NONE;
    f->next = c->offset + c->header.header_bytes + c->header.stored_bytes;
    return CHUNK_FOUND;
}

enum chunk_result trace_file_at(struct trace_file *f, uint64_t offset, struct chunk *c)
{
    *c = (struct chunk){.offset = offset};
    int r = header_at(f, offset, &c->header);
    if (r <= 0)
        return r < 0 ? CHUNK_IO_ERROR : CHUNK_NONE;
    if (c->header.version == TRACE_VERSION && !read_body(f, c))
        return CHUNK_IO_ERROR;
    return c->body ? CHUNK_FOUND : CHUNK_NONE;
}
