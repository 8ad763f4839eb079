/* How far a slice of a trace goes: which events, and which instructions where they are counted. */
#ifndef ENGRAM_EXTENT_H
#define ENGRAM_EXTENT_H

#include "reader/slice.h"

struct extent {
    bool any; /* there is an access in it */
    uint64_t first_event, end_event;
    bool has_icount;
    /* Instruction counts where the trace has them, else event numbers: of the first access, and behind the
     * last. */
    uint64_t first_time, end_time;
};

/* Reads the slice's first and last segments. False with errno set when the file cannot be read. */
bool extent_of(struct extent *e, const struct trace_source *source, const struct slice *slice);

static inline const char *extent_unit(const struct extent *e)
{
    return e->has_icount ? "instructions" : "events";
}

#endif
