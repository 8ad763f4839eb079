/* Frames in and out. */
#include "recv/frames.h"
#include "reader/cursor.h"
#include "trace/crc32c.h"

#include <string.h>

/*
 * A length that the type cannot have betrays a damaged header before the CRC does: no waiting for its
 * payload. Only what comes from this side has a length for good; what Engram sends may have another in a
 * later version.
 */
static bool length_possible(uint8_t type, uint16_t bytes)
{
    switch (type) {
    case FRAME_DONE:
        return bytes == 0;
    case FRAME_REQUEST:
        return bytes >= 18 && (bytes - 2) % 16 == 0 && (bytes - 2) / 16 <= (int)FRAME_REQUEST_RANGES_MAX;
    default:
        return bytes <= FRAME_PAYLOAD_MAX;
    }
}

enum verdict { NEED_MORE, NO_FRAME, IS_FRAME, IS_LITERAL };

/* What begins at p, where a FRAME_START stands. */
static enum verdict judge(const uint8_t *p, size_t n, struct frame *f)
{
    if (n >= 2 && p[1] == FRAME_LITERAL)
        return IS_LITERAL;
    if (n < 4)
        return NEED_MORE;
    f->type = p[1];
    f->bytes = (uint16_t)load_le(p + 2, 2);
    if (!length_possible(f->type, f->bytes))
        return NO_FRAME;
    size_t covered = FRAME_HEADER_BYTES + f->bytes;
    if (n < covered + FRAME_CRC_BYTES)
        return NEED_MORE;
    if (crc32c(p + 1, covered - 1) != load_le(p + covered, 4))
        return NO_FRAME;
    f->offset = load_le(p + 4, 8);
    f->payload = p + FRAME_HEADER_BYTES;
    return IS_FRAME;
}

/* Takes from the buffer what can be told; `all`: nothing more will come, so that everything can. */
static void parse(struct frame_parser *p, bool all)
{
    static const uint8_t literal = FRAME_START;
    size_t at = 0;
    while (at < p->held) {
        const uint8_t *here = p->buffer + at;
        size_t left = p->held - at;
        struct frame f;
        if (*here != FRAME_START) {
            const uint8_t *next = memchr(here, FRAME_START, left);
            size_t n = next ? (size_t)(next - here) : left;
            p->text(p->ctx, here, n);
            at += n;
            continue;
        }
        enum verdict v = judge(here, left, &f);
        if (v == NEED_MORE && !all)
            break;
        if (v == IS_FRAME) {
            p->frame(p->ctx, &f);
            at += FRAME_HEADER_BYTES + f.bytes + FRAME_CRC_BYTES;
        } else if (v == IS_LITERAL) {
            p->text(p->ctx, &literal, 1);
            at += 2;
        } else {
            p->rejected++;
            at++;
        }
    }
    p->held -= at;
    memmove(p->buffer, p->buffer + at, p->held);
}

void frames_feed(struct frame_parser *p, const uint8_t *bytes, size_t n)
{
    while (n) {
        size_t take = sizeof(p->buffer) - p->held; /* never 0: parse() keeps less than one frame */
        take = take < n ? take : n;
        memcpy(p->buffer + p->held, bytes, take);
        p->held += take;
        bytes += take;
        n -= take;
        parse(p, false);
    }
}

void frames_resync(struct frame_parser *p)
{
    struct frame f;
    for (size_t at = 1; at < p->held; at++) {
        if (p->buffer[at] != FRAME_START || judge(p->buffer + at, p->held - at, &f) != IS_FRAME)
            continue;
        p->rejected++;
        p->text(p->ctx, p->buffer + 1, at - 1);
        p->held -= at;
        memmove(p->buffer, p->buffer + at, p->held);
        parse(p, false);
        return;
    }
}

void frames_flush(struct frame_parser *p)
{
    parse(p, true);
}

size_t frame_build(uint8_t *to, uint8_t type, uint64_t offset, const void *payload, uint16_t bytes)
{
    size_t covered = FRAME_HEADER_BYTES + bytes;
    to[0] = FRAME_START;
    to[1] = type;
    store_le(to + 2, bytes, 2);
    store_le(to + 4, offset, 8);
    if (bytes)
        memcpy(to + FRAME_HEADER_BYTES, payload, bytes);
    store_le(to + covered, crc32c(to + 1, covered - 1), 4);
    return covered + FRAME_CRC_BYTES;
}
