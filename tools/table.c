/* Open addressing with linear probing. */
#include "table.h"
#include "need.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64u

void table_init(struct table *t, size_t value_bytes)
{
    *t = (struct table){.value_bytes = value_bytes};
}

void table_free(struct table *t)
{
    free(t->keys);
    free(t->used);
    free(t->values);
    table_init(t, t->value_bytes);
}

void table_clear(struct table *t)
{
    if (t->count)
        memset(t->used, 0, t->capacity);
    t->count = 0;
}

/* The place of a key, or the free one where it belongs. */
static size_t place_of(const struct table *t, uint64_t key)
{
    uint64_t hash = key * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(hash ^ hash >> 32) & (t->capacity - 1);
    while (t->used[i] && t->keys[i] != key)
        i = (i + 1) & (t->capacity - 1);
    return i;
}

static void set_capacity(struct table *t, size_t capacity)
{
    struct table old = *t;
    t->capacity = capacity;
    t->keys = need(capacity * sizeof(*t->keys));
    t->used = need_zeroed(capacity, 1);
    t->values = need(capacity * t->value_bytes);
    for (size_t i = 0; table_next(&old, &i); i++) {
        size_t to = place_of(t, old.keys[i]);
        t->used[to] = 1;
        t->keys[to] = old.keys[i];
        memcpy(table_value(t, to), table_value(&old, i), t->value_bytes);
    }
    free(old.keys);
    free(old.used);
    free(old.values);
}

void *table_get(struct table *t, uint64_t key)
{
    if (3 * t->capacity <= 4 * t->count)
        set_capacity(t, t->capacity ? 2 * t->capacity : FIRST_CAPACITY);
    size_t i = place_of(t, key);
    if (!t->used[i]) {
        t->used[i] = 1;
        t->keys[i] = key;
        t->count++;
        memset(table_value(t, i), 0, t->value_bytes);
    }
    return table_value(t, i);
}

void *table_find(const struct table *t, uint64_t key)
{
    if (t->count == 0)
        return NULL;
    size_t i = place_of(t, key);
    return t->used[i] ? table_value(t, i) : NULL;
}

void table_filter(struct table *t, bool (*keep)(void *ctx, uint64_t key, const void *value), void *ctx)
{
    struct table kept;
    table_init(&kept, t->value_bytes);
    for (size_t i = 0; table_next(t, &i); i++)
        if (keep(ctx, t->keys[i], table_value(t, i)))
            memcpy(table_get(&kept, t->keys[i]), table_value(t, i), t->value_bytes);
    table_free(t);
    *t = kept;
}

static int by_key(const void *a, const void *b, void *ctx)
{
    const struct table *t = ctx;
    uint64_t x = t->keys[*(const size_t *)a], y = t->keys[*(const size_t *)b];
    return x < y ? -1 : x > y;
}

size_t *table_sorted(const struct table *t)
{
    size_t *order = need((t->count + 1) * sizeof(*order)), n = 0;
    for (size_t i = 0; table_next(t, &i); i++)
        order[n++] = i;
    qsort_r(order, n, sizeof(*order), by_key, (void *)(uintptr_t)t);
    return order;
}
