/*
 * Reading little-endian fields and LEB128 integers from bytes that nobody has
 * checked yet. A read beyond the end gives 0 and marks the cursor bad for good,
 * so that a whole packet is read first and judged once.
 */
#ifndef ENGRAM_CURSOR_H
#define ENGRAM_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline size_t cursor_left(const struct cursor *c) { return (size_t)(c->end - c->at); }

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

static inline uint8_t cursor_u8(struct cursor *c) { return (uint8_t)cursor_le(c, 1); }

/* Unsigned LEB128 of at most 10 bytes; the tenth holds one bit only. */
static inline uint64_t cursor_leb(struct cursor *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (c->bad || c->at == c->end)
            break;
        uint8_t byte = *c->at++;
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    c->bad = true;
    return 0;
}

/* The zigzag form, as a two's complement number of 64 bits. */
static inline uint64_t cursor_zig(struct cursor *c)
{
    uint64_t v = cursor_leb(c);
    return (v >> 1) ^ (0 - (v & 1));
}

#endif
