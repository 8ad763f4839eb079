/*
 * A hash table from 64-bit keys to values of one size, which begin as zeros. Values move when the table
 * grows: a pointer is good until the next table_get().
 */
#ifndef ENGRAM_TABLE_H
#define ENGRAM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
    size_t value_bytes;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t *keys;
    uint8_t *used;
    uint8_t *values;
};

void table_init(struct table *t, size_t value_bytes);
void table_free(struct table *t);
/* Forgets everything and keeps the room. */
void table_clear(struct table *t);

/* The value of a key, made if there is none. */
void *table_get(struct table *t, uint64_t key);
/* NULL if there is none. */
void *table_find(const struct table *t, uint64_t key);

/* Takes out what `keep` refuses. */
void table_filter(struct table *t, bool (*keep)(void *ctx, uint64_t key, const void *value), void *ctx);

/* for (size_t i = 0; table_next(t, &i); i++): i is an entry's place. */
static inline bool table_next(const struct table *t, size_t *i)
{
    while (*i < t->capacity && !t->used[*i])
        ++*i;
    return *i < t->capacity;
}

static inline void *table_value(const struct table *t, size_t i)
{
    return t->values + i * t->value_bytes;
}

/* The places of all entries by ascending key; from malloc. */
size_t *table_sorted(const struct table *t);

#endif
