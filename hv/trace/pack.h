/* A raw segment becomes a packed one: the same accesses, events, texts and times in the encoding that leaves
 * the machine. */
#ifndef ENGRAM_TRACE_PACK_H
#define ENGRAM_TRACE_PACK_H

#include "trace/raw.h"

struct stream;

struct packed {
    uint32_t bytes;    /* of the packed body */
    uint64_t events;   /* in it */
    uint64_t left_out; /* for which there was no room; a LOSS packet at the end says so */
    uint64_t tsc;      /* when the segment was opened */
    bool damaged;      /* reading ended before the raw body's end */
    uint32_t at;       /* where */
};

/* `body` is the raw segment's body of `bytes`; no more than `most` events are taken from it. `out` has room
 * for `capacity` bytes. `stream` is any, and closed afterwards. */
void pack_segment(struct stream *stream, const struct dictionary *d, const uint8_t *body, uint32_t bytes,
                  uint64_t most, uint8_t *out, uint32_t capacity, struct packed *result);

/* How many events a raw body holds. */
uint64_t pack_count(const struct dictionary *d, const uint8_t *body, uint32_t bytes);

#endif
