/*
 * Where in a trace file which events and instructions are: a row of its segments, every one or, in long
 * files, every n-th, so that memory stays bounded. Made from the chunk headers and the first packet of each
 * segment; no body is read as a whole.
 */
#ifndef ENGRAM_INDEX_H
#define ENGRAM_INDEX_H

#include "reader/trace_file.h"

#define INDEX_ENTRIES_MAX 16384u

struct index_entry {
    uint64_t offset; /* of the segment's chunk in the file */
    uint64_t first_event;
    uint64_t icount; /* instructions completed when the segment was opened, or INDEX_NO_ICOUNT */
    uint64_t tsc;
};

struct trace_index {
    struct index_entry *entries; /* events, counts and times never go down from one to the next */
    size_t count;
    uint64_t step;      /* segments for one entry */
    uint64_t segments;  /* in all */
    uint64_t end_event; /* behind the last segment */
    uint64_t end_tsc;   /* when the last segment was opened */
    bool has_icount;
};

/* False with errno set when the file cannot be read or memory runs out. */
bool index_build(struct trace_index *x, const struct trace_source *source);
void index_free(struct trace_index *x);

/* The same without a look at the file's INDEX chunk. */
bool index_scan(struct trace_index *x, const struct trace_source *source);

/* The INDEX chunk at the file's end. False when there is none that is sound. */
bool index_load(struct trace_index *x, const struct trace_source *source);

/* An INDEX chunk for a file of `file_bytes` without one; from malloc, NULL when memory ran out. */
uint8_t *index_chunk(const struct trace_index *x, uint64_t file_bytes, size_t *bytes);

/* Events up to the first entry are 0 long: an empty file has neither. */
static inline uint64_t index_first_event(const struct trace_index *x)
{
    return x->count ? x->entries[0].first_event : 0;
}

/* The last entry at or before which all of an event's (an instruction count's) segment lies; 0 when there is
 * none. */
size_t index_find_event(const struct trace_index *x, uint64_t event);
size_t index_find_icount(const struct trace_index *x, uint64_t icount);

/* The event where so many millionths of the events lie before; UINT64_MAX, behind all, for the whole. */
uint64_t index_event_at_share(const struct trace_index *x, uint64_t millionths);

/* Where the part-th of `of` parts of events [first, end) begins, each with about as many and at a segment's
 * start; `first` for part 0, `end` behind the last. */
uint64_t index_part(const struct trace_index *x, uint64_t first, uint64_t end, unsigned part, unsigned of);

#endif
