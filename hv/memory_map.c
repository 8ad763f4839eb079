/*
 * Lists of memory ranges. Adding keeps the list sorted and without overlaps at every step, so that firmware
 * may give its map in any order and with any contradictions.
 */
#include "memory_map.h"

#include <string.h>

/* Which type a contested byte gets: the higher wins. */
static int rank(enum memory_type type)
{
    switch (type) {
    case MEMORY_RAM:
        return 0;
    case MEMORY_ACPI:
        return 1;
    case MEMORY_NVS:
        return 2;
    case MEMORY_RESERVED:
        return 3;
    default:
        return 4;
    }
}

/* Appends behind all that is there; joins with the last range where that is the same. */
static bool append(struct memory_map *map, hpa_t start, hpa_t end, enum memory_type type)
{
    struct memory_range *last = map->count ? &map->range[map->count - 1] : NULL;

    if (start == end)
        return true;
    if (last && last->end == start && last->type == type) {
        last->end = end;
        return true;
    }
    if (map->count == MEMORY_RANGES_MAX)
        return false;
    map->range[map->count++] = (struct memory_range){start, end, type};
    return true;
}

static hpa_t min(hpa_t a, hpa_t b)
{
    return a < b ? a : b;
}
static hpa_t max(hpa_t a, hpa_t b)
{
    return a > b ? a : b;
}

/*
 * Appends `old`, and around and over it what of [*start, end) does not lie behind it; *start is moved to what
 * is left of the new range.
 */
static bool merge(struct memory_map *map, const struct memory_range *old, hpa_t *start, hpa_t end,
                  enum memory_type type)
{
    hpa_t from = max(*start, old->start), to = min(end, old->end);
    enum memory_type both = rank(type) > rank(old->type) ? type : old->type;

    if (*start < old->start) {
        hpa_t gap_end = min(end, old->start);

        if (!append(map, *start, gap_end, type))
            return false;
        *start = gap_end;
    }
    if (from >= to)
        return append(map, old->start, old->end, old->type);
    *start = to;
    return append(map, old->start, from, old->type) && append(map, from, to, both) &&
           append(map, to, old->end, old->type);
}

bool memory_map_add(struct memory_map *map, hpa_t start, hpa_t end, uint32_t raw_type)
{
    /* Static because the hypervisor's stack is small; nothing of the loader runs twice at a time. */
    static struct memory_map merged;
    enum memory_type type =
        raw_type >= MEMORY_RAM && raw_type <= MEMORY_BAD ? (enum memory_type)raw_type : MEMORY_RESERVED;

    if (start >= end)
        return true;
    merged.count = 0;
    for (size_t i = 0; i < map->count; i++)
        if (!merge(&merged, &map->range[i], &start, end, type))
            return false;
    if (!append(&merged, start, end, type))
        return false;
    memcpy(map->range, merged.range, merged.count * sizeof(merged.range[0]));
    map->count = merged.count;
    return true;
}

bool memory_map_of_guest(struct memory_map *map, const struct machine *m)
{
    map->count = 0;
    for (size_t i = 0; i < m->map_count; i++)
        if (!memory_map_add(map, m->map[i].start, m->map[i].end, m->map[i].type))
            return false;
    for (size_t i = 0; i < m->hidden_count; i++)
        if (!memory_map_add(map, m->hidden[i].start, m->hidden[i].end, MEMORY_RESERVED))
            return false;
    return true;
}

bool memory_map_is_ram(const struct memory_map *map, hpa_t start, hpa_t end)
{
    for (size_t i = 0; i < map->count && start < end; i++) {
        const struct memory_range *r = &map->range[i];

        if (r->type == MEMORY_RAM && r->start <= start && start < r->end)
            start = r->end;
    }
    return start >= end;
}

/* The first range of `taken` that overlaps [start, end), or NULL. */
static const struct memory_range *first_overlap(const struct memory_map *taken, hpa_t start, hpa_t end)
{
    for (size_t i = 0; i < taken->count; i++)
        if (start < taken->range[i].end && taken->range[i].start < end)
            return &taken->range[i];
    return NULL;
}

static bool round_up(hpa_t value, uint64_t align, hpa_t *rounded)
{
    *rounded = align_up(value, align);
    return *rounded >= value;
}

bool memory_map_find_lowest(const struct memory_map *map, const struct memory_map *taken, hpa_t low,
                            hpa_t high, uint64_t size, uint64_t align, hpa_t *place)
{
    for (size_t i = 0; i < map->count; i++) {
        hpa_t at, end = min(map->range[i].end, high);
        const struct memory_range *obstacle;

        if (map->range[i].type != MEMORY_RAM || !round_up(max(map->range[i].start, low), align, &at))
            continue;
        while (at < end && size <= end - at) {
            obstacle = first_overlap(taken, at, at + size);
            if (!obstacle) {
                *place = at;
                return true;
            }
            if (!round_up(obstacle->end, align, &at))
                break;
        }
    }
    return false;
}

bool memory_map_find_highest(const struct memory_map *map, const struct memory_map *taken, hpa_t low,
                             hpa_t high, uint64_t size, uint64_t align, hpa_t *place)
{
    for (size_t i = map->count; i-- > 0;) {
        hpa_t start = max(map->range[i].start, low), top = min(map->range[i].end, high);
        const struct memory_range *obstacle;

        if (map->range[i].type != MEMORY_RAM)
            continue;
        while (start < top && size <= top - start) {
            hpa_t at = align_down(top - size, align);

            if (at < start)
                break;
            obstacle = first_overlap(taken, at, at + size);
            if (!obstacle) {
                *place = at;
                return true;
            }
            top = obstacle->start;
        }
    }
    return false;
}
