/* LEB128 and zigzag integers, as the trace format uses them: shared by writer and reader. */
#ifndef ENGRAM_TRACE_LEB128_H
#define ENGRAM_TRACE_LEB128_H

#include <stddef.h>
#include <stdint.h>

#define LEB_MAX 10 /* bytes that 64 bits take */

static inline uint64_t zig_encode(int64_t n)
{
    return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}
static inline int64_t zig_decode(uint64_t z)
{
    return (int64_t)(z >> 1 ^ (0 - (z & 1)));
}

static inline unsigned leb_bytes(uint64_t v)
{
    unsigned n = 1;
    while (v >>= 7)
        n++;
    return n;
}

/* Writes v at p, where the caller has room for LEB_MAX bytes; returns what follows. */
static inline uint8_t *leb_put(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

/* Writes v into [p, end); returns what follows, or NULL when it does not fit (then nothing is written). */
static inline uint8_t *leb_write(uint8_t *p, const uint8_t *end, uint64_t v)
{
    if (end - p < (ptrdiff_t)leb_bytes(v))
        return NULL;
    return leb_put(p, v);
}

/* Reads from [p, end) into *v; returns what follows, or NULL when the bytes end first or the number exceeds
 * 64 bits. */
static inline const uint8_t *leb_read(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1)
            return NULL;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *v = value;
            return p;
        }
    }
    return NULL;
}

#endif
