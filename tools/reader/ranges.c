/* Sorted ranges in one array. */
#include "reader/ranges.h"

#include <stdlib.h>
#include <string.h>

/* Index of the first span that ends at or behind `at`. */
static size_t first_ending_at(const struct ranges *r, uint64_t at)
{
    size_t low = 0, high = r->count;
    /* Data come in order nearly always: the last span is the one. */
    if (r->count && r->spans[r->count - 1].end < at)
        return r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->spans[middle].end < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(struct ranges *r)
{
    if (r->count < r->capacity)
        return true;
    size_t capacity = r->capacity ? 2 * r->capacity : 64;
    struct span *more = realloc(r->spans, capacity * sizeof(*more));
    if (!more)
        return false;
    r->spans = more;
    r->capacity = capacity;
    return true;
}

bool ranges_add(struct ranges *r, uint64_t start, uint64_t end)
{
    if (start >= end)
        return true;
    size_t first = first_ending_at(r, start), last = first;
    uint64_t swallowed = 0;
    struct span joined = {start, end};
    for (; last < r->count && r->spans[last].start <= end; last++) {
        struct span *s = &r->spans[last];
        joined.start = s->start < joined.start ? s->start : joined.start;
        joined.end = s->end > joined.end ? s->end : joined.end;
        swallowed += s->end - s->start;
    }
    if (first == last && !make_room(r))
        return false;
    /* `last - first` spans become one. */
    memmove(r->spans + first + 1, r->spans + last, (r->count - last) * sizeof(*r->spans));
    r->spans[first] = joined;
    r->count = r->count - (last - first) + 1;
    r->total += joined.end - joined.start - swallowed;
    return true;
}

void ranges_cut(struct ranges *r, uint64_t limit)
{
    while (r->count && r->spans[r->count - 1].end > limit) {
        struct span *s = &r->spans[r->count - 1];
        if (s->start >= limit) {
            r->total -= s->end - s->start;
            r->count--;
        } else {
            r->total -= s->end - limit;
            s->end = limit;
        }
    }
}

void ranges_clear(struct ranges *r)
{
    r->count = 0;
    r->total = 0;
}

void ranges_free(struct ranges *r)
{
    free(r->spans);
    *r = (struct ranges){0};
}

bool ranges_hole(const struct ranges *r, uint64_t from, uint64_t limit, struct span *hole)
{
    size_t i = first_ending_at(r, from);
    if (i < r->count && r->spans[i].start <= from) {
        from = r->spans[i].end;
        i++;
    }
    if (from >= limit)
        return false;
    hole->start = from;
    hole->end = i < r->count && r->spans[i].start < limit ? r->spans[i].start : limit;
    return true;
}
