/* Bytes that come together in memory. */
#ifndef ENGRAM_BYTES_OUT_H
#define ENGRAM_BYTES_OUT_H

#include "need.h"

#include <stdint.h>
#include <string.h>

struct bytes_out {
    uint8_t *bytes;
    size_t count, room;
};

/* Room for n more, at the end. */
static inline uint8_t *bytes_room(struct bytes_out *b, size_t n)
{
    if (b->room - b->count < n) {
        b->room = b->room + n > 2 * b->room ? b->room + n : 2 * b->room;
        b->bytes = need_resized(b->bytes, b->room, 1);
    }
    return b->bytes + b->count;
}

static inline void bytes_put(struct bytes_out *b, const void *from, size_t n)
{
    if (n)
        memcpy(bytes_room(b, n), from, n);
    b->count += n;
}

static inline void bytes_u8(struct bytes_out *b, uint8_t n)
{
    *bytes_room(b, 1) = n;
    b->count++;
}

static inline void bytes_le(struct bytes_out *b, uint64_t n, unsigned bytes)
{
    uint8_t *p = bytes_room(b, bytes);
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(n >> 8 * i);
    b->count += bytes;
}

static inline void bytes_varint(struct bytes_out *b, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        bytes_u8(b, (uint8_t)n | 0x80);
    bytes_u8(b, (uint8_t)n);
}

static inline void bytes_zigzag(struct bytes_out *b, int64_t n)
{
    bytes_varint(b, (uint64_t)n << 1 ^ (uint64_t)(n >> 63));
}

#endif
