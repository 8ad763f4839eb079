/* Lists of memory ranges: sorted, without overlaps or empty ranges, ends exclusive. */
#ifndef ENGRAM_MEMORY_MAP_H
#define ENGRAM_MEMORY_MAP_H

#include "machine.h"

struct memory_map {
    struct memory_range range[MEMORY_RANGES_MAX];
    size_t count;
};

/*
 * Adds [start, end). Where ranges overlap the more careful type wins: bad, reserved, NVS, ACPI tables, RAM.
 * Types unknown to enum memory_type count as reserved. Equal neighbours are joined. An empty range changes
 * nothing. False when the list is full; it is unchanged then.
 */
bool memory_map_add(struct memory_map *map, hpa_t start, hpa_t end, uint32_t type);

/* What the guest is told: the machine's map with the hidden ranges as reserved. False when there are too many
 * ranges. */
bool memory_map_of_guest(struct memory_map *map, const struct machine *m);

/* True if all of [start, end) is RAM, in neighbouring ranges or one. */
bool memory_map_is_ram(const struct memory_map *map, hpa_t start, hpa_t end);

/*
 * The lowest (or highest) `align`-aligned place for `size` bytes of RAM within [low, high) that overlaps none
 * of `taken`. `size` is not 0; `align` is a power of two. False when there is none.
 */
bool memory_map_find_lowest(const struct memory_map *map, const struct memory_map *taken, hpa_t low,
                            hpa_t high, uint64_t size, uint64_t align, hpa_t *place);
bool memory_map_find_highest(const struct memory_map *map, const struct memory_map *taken, hpa_t low,
                             hpa_t high, uint64_t size, uint64_t align, hpa_t *place);

#endif
