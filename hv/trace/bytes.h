/*
 * Unaligned integers in memory, and pieces of text. The builtins, because a freestanding build
 * makes a call of every memcpy(), however small.
 */
#ifndef ENGRAM_TRACE_BYTES_H
#define ENGRAM_TRACE_BYTES_H

#include <stdint.h>

static inline uint16_t load16(const void *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t load32(const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t load64(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store16(void *p, uint16_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}
static inline void store32(void *p, uint32_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}
static inline void store64(void *p, uint64_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}

/* For 1 to 16 bytes: two loads that may overlap, where memcmp() would be a call and a loop. */
static inline _Bool same_bytes(const void *a, const void *b, uint64_t n)
{
    const uint8_t *p = a, *q = b;

    if (n >= 8)
        return load64(p) == load64(q) && load64(p + n - 8) == load64(q + n - 8);
    if (n >= 4)
        return load32(p) == load32(q) && load32(p + n - 4) == load32(q + n - 4);
    if (n >= 2)
        return load16(p) == load16(q) && p[n - 1] == q[n - 1];
    return *p == *q;
}

/* How much of a UTF-8 text fits into `most` bytes without cutting a character in two. */
static inline uint64_t text_cut(const char *text, uint64_t length, uint64_t most)
{
    if (length <= most)
        return length;
    for (uint64_t n = most; n > 0 && n + 4 > most; n--)
        if (((uint8_t)text[n] & 0xc0) != 0x80)
            return n;
    return most; /* no UTF-8 */
}

#endif
