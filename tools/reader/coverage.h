/*
 * Which events and segments of a run a file holds, and which are missing and
 * why: computed from the chunk headers, META and what the dump's frames said.
 */
#ifndef ENGRAM_COVERAGE_H
#define ENGRAM_COVERAGE_H

#include "reader/dump_facts.h"
#include "reader/meta.h"
#include "trace/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gap_cause {
    GAP_OVERWRITTEN, /* the ring wrapped: gone before the dump */
    GAP_DAMAGED,     /* the segment is in the file, but cannot be read */
    GAP_ABSENT,      /* no trace of the segment in the file */
    GAP_OTHER_PART,  /* the file is a part of a trace, and they are in another */
    GAP_UNKNOWN,     /* before the first segment: overwritten or absent, the file does not tell which */
    GAP_CAUSES
};

/* Events [first_event, end_event) and segments [first_sequence, end_sequence). */
#define GAP_NOT_KNOWN UINT64_MAX /* for any of them but first_event */
struct gap {
    enum gap_cause cause;
    uint64_t first_event, end_event;
    uint64_t first_sequence, end_sequence;
};

struct coverage {
    struct gap *gaps; /* in order of events */
    size_t count;
    uint64_t segments;   /* readable */
    uint64_t events;     /* in them */
    uint64_t disordered; /* segments that overlap an earlier one or come out of order; not counted above */
    bool any;
    struct chunk_header first; /* first and last segment header seen */
    struct chunk_header last;
    uint64_t next_event, next_sequence;
    bool no_memory;
};

/* One segment's header in file order; `readable`: its body is sound and its encoding known. False: out of
 * order. */
bool coverage_add(struct coverage *c, const struct chunk_header *h, bool readable);
/* After the last one: what META and the dump say of the start and the end. `meta` may be empty, `dump` NULL.
 */
void coverage_finish(struct coverage *c, const struct meta *meta, const struct dump_facts *dump);
void coverage_free(struct coverage *c);

/* Events of the gaps with one cause; *exact is cleared when an end is unknown. */
uint64_t coverage_missing(const struct coverage *c, enum gap_cause cause, bool *exact);

/* Not lost on the way from the ring to here. */
static inline bool gap_is_expected(const struct gap *g)
{
    return g->cause == GAP_OVERWRITTEN || g->cause == GAP_OTHER_PART;
}

const char *gap_cause_text(enum gap_cause cause);
/* "events 10 to 19 (10), segments 2 to 3: not in the file" */
void gap_describe(const struct gap *g, char *text, size_t bytes);

#endif
