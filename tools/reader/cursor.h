/*
 * Reading little-endian fields and LEB128 integers from bytes that nobody has
 * checked yet. A read beyond the end gives 0 and marks the cursor bad for good,
 * so that a whole packet is read first and judged once.
 */
#ifndef ENGRAM_CURSOR_H
#define ENGRAM_CURSOR_H

#include "trace/leb128.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* The next n bytes, or NULL when there are not so many. */
static inline const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
    if (c->bad || cursor_left(c) < n) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    return p;
}

static inline uint64_t load_le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static inline void store_le(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t cursor_le(struct cursor *c, unsigned bytes)
{
    const uint8_t *p = cursor_bytes(c, bytes);
    return p ? load_le(p, bytes) : 0;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)cursor_le(c, 1);
}

/* Unsigned LEB128. */
static inline uint64_t cursor_leb(struct cursor *c)
{
    uint64_t v = 0;
    const uint8_t *behind = c->bad ? NULL : leb_read(c->at, c->end, &v);
    if (!behind) {
        c->bad = true;
        return 0;
    }
    c->at = behind;
    return v;
}

/* The zigzag form, as a two's complement number of 64 bits. */
static inline uint64_t cursor_zig(struct cursor *c)
{
    return (uint64_t)zig_decode(cursor_leb(c));
}

#endif
