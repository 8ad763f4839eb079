/*
 * A trace file, or a slice of it, from front to back: chunks, META, segments and their items, with everything
 * that is wrong told on the way and summed up. Memory is constant however long the file is.
 */
#ifndef ENGRAM_WALK_H
#define ENGRAM_WALK_H

#include "reader/coverage.h"
#include "reader/decode.h"
#include "reader/meta.h"
#include "reader/slice.h"
#include "reader/trace_file.h"

struct walk_handler {
    void *ctx;
    item_fn item;                                                  /* for walk_trace(); false ends the walk */
    bool no_packets;                                               /* check chunks, decode nothing */
    bool headers_only;                                             /* nor look at the bodies of segments */
    void (*finding)(void *ctx, uint64_t offset, const char *what); /* may be NULL; one line of text */
    const struct dump_facts *dump; /* of the dump that the file is what arrived of; NULL: not known */
    const struct slice *slice;     /* NULL: the whole file. Of a slice, what lies outside is not looked at */
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

/*
 * walk_begin() ... walk_next() until NULL ... walk_end(): items one by one, each valid until the next call.
 * Before the first item META has been read, if the file begins with it. walk_begin() gives NULL when memory
 * ran out; walk_end() false when the file could not be read to its end (io_error) or memory ran out (io_error
 * = ENOMEM).
 */
struct walker;
struct walker *walk_begin(const struct trace_source *source, const struct walk_handler *handler,
                          struct walk *w);
const struct trace_item *walk_next(struct walker *k);
bool walk_end(struct walker *k);
uint64_t walk_offset(const struct walker *k); /* how far in the file it is */

/* The same with the handler's `item` called for each. False as walk_end(). */
bool walk_trace(const struct trace_source *source, const struct walk_handler *handler, struct walk *w);
void walk_free(struct walk *w);

/* Events recorded in the run, by META or by the dump's frames. False when neither tells. */
bool walk_recorded(const struct walk *w, uint64_t *events);

/* Nothing is wrong or missing but what the ring overwrote in its wrap mode. */
bool walk_is_whole(const struct walk *w);

#endif
