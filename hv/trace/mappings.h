/* Page mappings that a reader of raw segments knows: a hash table of fixed size, no more than one segment
 * fills. */
#ifndef ENGRAM_TRACE_MAPPINGS_H
#define ENGRAM_TRACE_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The largest segment holds RING_SEGMENT_MAX / sizeof(struct raw_map) mappings, fewer than 3/4 of these. */
#define MAPPINGS_MAX 65536u

struct mappings {
    uint64_t epoch; /* entries of others are free */
    uint32_t used;
    struct {
        uint64_t key, frame, epoch;
    } entry[MAPPINGS_MAX];
};

static inline void mappings_clear(struct mappings *t)
{
    t->epoch++;
    t->used = 0;
}

/* The key's entry, or the free one where it belongs: there always is one. */
static inline uint32_t mappings_find(const struct mappings *t, uint64_t key)
{
    uint32_t i = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) % MAPPINGS_MAX;
    while (t->entry[i].epoch == t->epoch && t->entry[i].key != key)
        i = (i + 1) % MAPPINGS_MAX;
    return i;
}

/* False: full. */
static inline bool mappings_set(struct mappings *t, uint64_t key, uint64_t frame)
{
    uint32_t i = mappings_find(t, key);
    if (t->entry[i].epoch != t->epoch) {
        if (t->used == MAPPINGS_MAX - 1)
            return false;
        t->used++;
        t->entry[i].epoch = t->epoch;
        t->entry[i].key = key;
    }
    t->entry[i].frame = frame;
    return true;
}

static inline bool mappings_get(const struct mappings *t, uint64_t key, uint64_t *frame)
{
    uint32_t i = mappings_find(t, key);
    *frame = t->entry[i].frame;
    return t->entry[i].epoch == t->epoch;
}

#endif
