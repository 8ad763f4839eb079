/* Physical memory of a test: a small machine's first megabytes. */
#ifndef FAKE_MEMORY_H
#define FAKE_MEMORY_H

#include "types.h"

#include <string.h>

#define FAKE_BYTES (8u << 20)

static uint8_t fake_memory[FAKE_BYTES];

static inline void *fake_write(hpa_t start, size_t size)
{
    return start <= FAKE_BYTES && size <= FAKE_BYTES - start ? fake_memory + start : NULL;
}

static inline const void *fake_read(hpa_t start, size_t size)
{
    return fake_write(start, size);
}

static inline bool fake_copy(hpa_t to, hpa_t from, uint64_t bytes, uint64_t total)
{
    uint8_t *there = fake_write(to, total);

    if (!there || !fake_write(from, bytes))
        return false;
    memcpy(there, fake_memory + from, bytes);
    memset(there + bytes, 0, total - bytes);
    return true;
}

static inline void fake_clear(uint8_t byte)
{
    memset(fake_memory, byte, FAKE_BYTES);
}

static inline void poke16(hpa_t at, uint16_t v)
{
    memcpy(fake_memory + at, &v, sizeof(v));
}
static inline void poke32(hpa_t at, uint32_t v)
{
    memcpy(fake_memory + at, &v, sizeof(v));
}
static inline void poke64(hpa_t at, uint64_t v)
{
    memcpy(fake_memory + at, &v, sizeof(v));
}
static inline void poke_text(hpa_t at, const char *s)
{
    memcpy(fake_memory + at, s, strlen(s) + 1);
}

#endif
