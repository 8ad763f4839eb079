/* Little-endian integers at any address: for structures that come from outside and may lie unaligned. */
#ifndef ENGRAM_BYTES_H
#define ENGRAM_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t load16(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t load32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t load64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store32(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}
static inline void store64(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof(v));
}

#endif
