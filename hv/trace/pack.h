/*
 * The ring's raw segments become packed ones: the same accesses, events, texts and
 * times in the encoding that leaves the machine.
 *
 * A segment is packed in its own slot. What does not fit there (code that ran once
 * takes more room packed than raw) begins the next slot's segment, whose raw body is
 * read out first. Behind the newest segment another one is opened; where the ring
 * has none, the rest is lost and counted.
 */
#ifndef ENGRAM_TRACE_PACK_H
#define ENGRAM_TRACE_PACK_H

#include "trace/filter.h"
#include "trace/raw.h"
#include "trace/ring.h"
#include "trace/stream.h"

struct pack_job {
    struct ring *ring;
    const struct dictionary *dictionary;
    struct stream *stream;                         /* any, closed before and afterwards */
    const struct filter *filter;                   /* NULL: everything passes */
    uint64_t limit;                                /* number behind the last event that is wanted */
    void (*progress)(uint64_t done, uint64_t all); /* may be NULL */
};

struct pack_result {
    uint64_t events;   /* number behind the last one that is in the ring */
    uint64_t filtered; /* taken out, of those that the engine has counted as events */
    uint64_t lost;     /* for which there was no room, or which could not be read */
    uint64_t damaged;  /* segments that could not be read to their end */
    bool any;          /* there was a raw segment: else the above means nothing */
};

void pack_ring(const struct pack_job *job, struct pack_result *result);

/* How many events a raw body holds: what the engine would have counted. */
uint64_t pack_count(const struct dictionary *d, const struct filter *f, const uint8_t *body, uint32_t bytes);

#endif
