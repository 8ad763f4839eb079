/* A set of numbers as sorted ranges that neither touch nor overlap: which bytes of a file are there. */
#ifndef ENGRAM_RANGES_H
#define ENGRAM_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [start, end), never empty */
struct span {
    uint64_t start, end;
};

struct ranges {
    struct span *spans;
    size_t count;
    size_t capacity;
    uint64_t total; /* numbers in the set */
};

/* False when there is no memory (the set is as before). start <= end. */
bool ranges_add(struct ranges *r, uint64_t start, uint64_t end);
/* Takes out everything from `limit` on. */
void ranges_cut(struct ranges *r, uint64_t limit);
void ranges_clear(struct ranges *r);
void ranges_free(struct ranges *r);

/* The first hole in [from, limit). False when there is none. */
bool ranges_hole(const struct ranges *r, uint64_t from, uint64_t limit, struct span *hole);

#endif
