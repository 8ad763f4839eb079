/*
 * A part of a trace, from one position up to and without another. A position is written as an event's number
 * (N), an instruction count (i:N) or a share of the events (P%).
 */
#ifndef ENGRAM_SLICE_H
#define ENGRAM_SLICE_H

#include "reader/decode.h"
#include "reader/index.h"

enum position_kind { POSITION_NONE, POSITION_EVENT, POSITION_ICOUNT, POSITION_SHARE };

struct position {
    enum position_kind kind;
    uint64_t value; /* of a share: in millionths */
};

struct slice {
    struct position from, to;
    unsigned part, part_of; /* of that, the part-th of so many parts; part_of 0: all */
};

bool position_parse(const char *s, struct position *p);
bool slice_is_all(const struct slice *s); /* NULL is */

/* The same for one file, in numbers. */
struct slice_bounds {
    uint64_t offset; /* of the first segment to read */
    uint64_t first_event, end_event;
    uint64_t first_icount, end_icount;
    uint64_t inside_event,
        inside_end; /* events in between are in the slice, whatever their instruction count */
    bool entered;
};

void slice_bounds_all(struct slice_bounds *b);
/* False with errno set when the file cannot be read. *why: what is wrong with the slice, or NULL. */
bool slice_resolve(const struct slice *s, const struct trace_source *source, struct slice_bounds *b,
                   const char **why);

/* Does a part of the segment's events lie outside, or may it? */
bool slice_bounds_cut(const struct slice_bounds *b, uint64_t first_event, uint64_t event_count);
/* Does the segment begin behind the slice? */
bool slice_bounds_behind(const struct slice_bounds *b, const struct chunk_header *h);

enum slice_place { SLICE_BEFORE, SLICE_IN, SLICE_BEHIND };
enum slice_place slice_bounds_place(struct slice_bounds *b, const struct trace_item *item);

#endif
