/*
 * A whole trace file from front to back: chunks, META, segments and their
 * items, with everything that is wrong told on the way and summed up.
 */
#ifndef ENGRAM_WALK_H
#define ENGRAM_WALK_H

#include "reader/coverage.h"
#include "reader/decode.h"
#include "reader/meta.h"
#include "reader/trace_file.h"

struct walk_handler {
    void *ctx;
    item_fn item;                                                  /* may be NULL; false ends the walk */
    bool (*want)(void *ctx, const struct chunk *c);                /* decode this segment? NULL: all */
    void (*finding)(void *ctx, uint64_t offset, const char *what); /* may be NULL; one line of text */
    const struct dump_facts *dump; /* of the dump that the file is what arrived of; NULL: not known */
};

struct walk {
    struct meta meta; /* of META, or of END when META is damaged */
    struct coverage coverage;
    uint64_t findings;
    bool dump_known; /* `dump` is the handler's, and its run is this one as far as the file tells */
    struct dump_facts dump;
    uint64_t chunks;
    uint64_t meta_chunks, end_chunks;  /* sound ones */
    uint64_t raw_segments, raw_events; /* kept unread: encoding 1 */
    uint64_t undecoded_events;         /* in segments whose packets are wrong */
    uint64_t body_bytes, stored_bytes; /* of all readable segments */
    uint64_t tsc_first, tsc_last;      /* when the first and the last segment were opened */
    bool stopped;                      /* by the handler: sums are those up to there */
    int io_error;                      /* errno, or 0 */
};

/* False when the file cannot be read to its end (io_error) or memory ran out (io_error = ENOMEM). */
bool walk_trace(const struct trace_source *source, const struct walk_handler *handler, struct walk *w);
void walk_free(struct walk *w);

/* Events recorded in the run, by META or by the dump's frames. False when neither tells. */
bool walk_recorded(const struct walk *w, uint64_t *events);

/* Nothing is wrong or missing but what the ring overwrote in its wrap mode. */
bool walk_is_whole(const struct walk *w);

#endif
