/* Sets, ways and replacement. An entry is the line's number with two bits: valid, dirty. */
#include "analyse/cache_level.h"
#include "need.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALID 1u
#define DIRTY 2u
#define LINE_SHIFT 2
#define LINE_MIN 8u
#define LINE_MAX 4096u
#define BYTES_MAX (UINT64_C(1) << 34)
#define PLRU_WAYS_MAX 64u

const char *const replacement_name[REPLACEMENTS] = {"lru", "fifo", "random", "plru"};

static bool is_power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

static bool is_possible(const struct cache_shape *s)
{
    if (!is_power_of_two(s->line) || s->line < LINE_MIN || s->line > LINE_MAX || s->ways == 0 ||
        s->bytes > BYTES_MAX || s->ways > s->bytes / s->line || s->bytes % (s->line * s->ways))
        return false;
    if (s->replacement == REPLACE_PLRU && (!is_power_of_two(s->ways) || s->ways > PLRU_WAYS_MAX))
        return false;
    return is_power_of_two(s->bytes / s->line / s->ways);
}

bool cache_shape_parse(const char *s, struct cache_shape *shape)
{
    char text[128], *save = NULL;
    snprintf(text, sizeof(text), "%s", s);
    const char *bytes = strtok_r(text, ":", &save), *ways = strtok_r(NULL, ":", &save);
    const char *line = strtok_r(NULL, ":", &save), *policy = strtok_r(NULL, ":", &save);
    *shape = (struct cache_shape){0};
    if (!bytes || !ways || !line || strtok_r(NULL, ":", &save) || !parse_size(bytes, &shape->bytes) ||
        !parse_number(ways, &shape->ways) || !parse_size(line, &shape->line))
        return false;
    while (policy && shape->replacement < REPLACEMENTS &&
           strcmp(policy, replacement_name[shape->replacement]) != 0)
        shape->replacement++;
    return shape->replacement < REPLACEMENTS && is_possible(shape);
}

void cache_level_init(struct cache_level *c, const struct cache_shape *shape)
{
    *c = (struct cache_level){.shape = *shape,
                              .sets = shape->bytes / shape->line / shape->ways,
                              .line_bits = (unsigned)__builtin_ctzll(shape->line),
                              .random = 88172645463325252u};
    c->entries = need_zeroed(c->sets * shape->ways, sizeof(*c->entries));
    if (shape->replacement == REPLACE_PLRU)
        c->tree = need_zeroed(c->sets, sizeof(*c->tree));
}

void cache_level_free(struct cache_level *c)
{
    free(c->entries);
    free(c->tree);
}

static uint64_t *set_of(const struct cache_level *c, uint64_t line)
{
    return c->entries + (line & (c->sets - 1)) * c->shape.ways;
}

/* The way that holds a line, or as many as there are. */
static uint64_t find(const struct cache_level *c, const uint64_t *set, uint64_t line)
{
    uint64_t way = 0, valid = line << LINE_SHIFT | VALID;
    while (way < c->shape.ways && (set[way] & ~(uint64_t)DIRTY) != valid)
        way++;
    return way;
}

/* ---- tree PLRU: node n has the children 2n and 2n + 1; its bit says which half was used longer ago
 * ------------- */

static void plru_touch(struct cache_level *c, uint64_t line, uint64_t way)
{
    uint64_t *tree = &c->tree[line & (c->sets - 1)], node = 1;
    for (uint64_t half = c->shape.ways / 2; half; half /= 2) {
        uint64_t right = way / half & 1;
        *tree = (*tree & ~(UINT64_C(1) << node)) | (1 - right) << node;
        node = 2 * node + right;
    }
}

static uint64_t plru_victim(const struct cache_level *c, uint64_t line)
{
    uint64_t tree = c->tree[line & (c->sets - 1)], node = 1, way = 0;
    for (uint64_t half = c->shape.ways / 2; half; half /= 2) {
        uint64_t right = tree >> node & 1;
        way += right * half;
        node = 2 * node + right;
    }
    return way;
}

static uint64_t random_way(struct cache_level *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return (c->random >> 11) % c->shape.ways;
}

static uint64_t victim(struct cache_level *c, const uint64_t *set, uint64_t line)
{
    uint64_t way = 0;
    if (c->shape.replacement == REPLACE_LRU || c->shape.replacement == REPLACE_FIFO)
        return c->shape.ways - 1;
    while (way < c->shape.ways && (set[way] & VALID))
        way++;
    if (way < c->shape.ways)
        return way;
    return c->shape.replacement == REPLACE_RANDOM ? random_way(c) : plru_victim(c, line);
}

static void to_front(uint64_t *set, uint64_t way)
{
    uint64_t entry = set[way];
    memmove(set + 1, set, way * sizeof(*set));
    set[0] = entry;
}

bool cache_level_use(struct cache_level *c, uint64_t line, bool write, struct cache_eviction *out)
{
    uint64_t *set = set_of(c, line), dirty = write ? DIRTY : 0;
    uint64_t way = find(c, set, line);
    bool hit = way < c->shape.ways;
    *out = (struct cache_eviction){0};
    if (!hit) {
        way = victim(c, set, line);
        if (set[way] & VALID)
            *out = (struct cache_eviction){true, set[way] & DIRTY, set[way] >> LINE_SHIFT};
        set[way] = line << LINE_SHIFT | VALID;
    }
    set[way] |= dirty;
    if (c->shape.replacement == REPLACE_LRU || (c->shape.replacement == REPLACE_FIFO && !hit))
        to_front(set, way);
    else if (c->shape.replacement == REPLACE_PLRU)
        plru_touch(c, line, way);
    return hit;
}

bool cache_level_put_back(struct cache_level *c, uint64_t line)
{
    uint64_t *set = set_of(c, line), way = find(c, set, line);
    if (way == c->shape.ways)
        return false;
    set[way] |= DIRTY;
    return true;
}
