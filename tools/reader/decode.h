/*
 * The packed encoding of a segment's body (docs/format.md, Segments) turned
 * back into accesses and what stands between them, one item at a time. Everything
 * is checked against the bytes there are; nothing is printed here.
 */
#ifndef ENGRAM_DECODE_H
#define ENGRAM_DECODE_H

#include "trace/access.h"
#include "trace/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum item_kind {
    ITEM_ACCESS,
    ITEM_EVENT,   /* an interrupt or exception is about to be delivered */
    ITEM_CONTEXT, /* cr3 or the context byte is new; also for SYNC */
    ITEM_TIME,
    ITEM_MARK,
    ITEM_LOSS,
    ITEM_FILTER,
    ITEM_STOP,
    ITEM_KINDS
};

struct trace_item {
    enum item_kind kind;
    uint64_t number; /* of this access; of the next one for everything else */
    /* ITEM_ACCESS */
    struct access access; /* its data behind the size are undefined, as are all without has_data */
    bool gpa_known;
    bool icount_known;
    /* ITEM_EVENT */
    uint64_t rip;
    uint64_t error_code;
    uint8_t vector;
    uint8_t event_type;
    bool has_error_code;
    /* ITEM_CONTEXT */
    uint64_t cr3;
    uint8_t context;
    /* ITEM_EVENT, ITEM_TIME, ITEM_CONTEXT for SYNC (else 0) */
    uint64_t tsc;
    /* ITEM_LOSS, ITEM_FILTER */
    uint64_t count;
    /* ITEM_MARK, ITEM_STOP: not terminated, any bytes */
    uint8_t source;
    const char *text;
    size_t text_bytes;
};

struct decoder;                    /* reused from segment to segment */
struct decoder *decoder_new(void); /* NULL when there is no memory */
void decoder_free(struct decoder *d);

struct decode_result {
    uint64_t events;       /* decoded and handed over */
    uint64_t no_gpa;       /* of these, without a page mapping: an error in the trace */
    uint64_t no_gpa_first; /* number of the first of them */
    uint32_t at;           /* offset in the body of the packet where decoding ended */
    bool stopped;          /* by the callback of decode_segment() */
    char error[160];       /* empty, or what is wrong with the packet at `at` */
};

/* Begins with one segment's body, which must stay as it is until its end. */
void decode_begin(struct decoder *d, const uint8_t *body, size_t bytes, uint64_t first_event,
                  uint64_t event_count);

/*
 * The next item, valid until the next call, or NULL at the body's end or at an error, which the result tells
 * apart. More than `event_count` events are an error, and so are fewer; all before it is delivered. Missing
 * page mappings are counted, not an error here.
 */
const struct trace_item *decode_next(struct decoder *d);

const struct decode_result *decode_result(const struct decoder *d);

/* Takes one item; false stops the decoding (which then succeeds). */
typedef bool (*item_fn)(void *ctx, const struct trace_item *item);

/* A whole body. True when there is no error. */
bool decode_segment(struct decoder *d, const uint8_t *body, size_t bytes, uint64_t first_event,
                    uint64_t event_count, item_fn item, void *ctx, struct decode_result *result);

#endif
