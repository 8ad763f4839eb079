/*
 * The formats of `engram convert`. A converter sees what a trace holds from front to back and writes it;
 * memory is constant. cmd_convert.c lists them; each lies in its own file.
 */
#ifndef ENGRAM_CONVERTER_H
#define ENGRAM_CONVERTER_H

#include "reader/decode.h"
#include "reader/extent.h"
#include "reader/meta.h"

#include <stdio.h>

struct conversion {
    FILE *out;        /* NULL for a folder */
    const char *path; /* of the file or folder; NULL: standard output */
    struct extent extent;
    const struct meta *meta; /* of the trace, filled in before the first item */
    bool physical;           /* the format has one address: the guest-physical one */
    uint64_t left_out; /* accesses that the format cannot hold, or without the address that is asked for */
    uint64_t changed;  /* that it holds in another form: in parts, or without what does not fit */
    char error[200];   /* why it cannot go on */
};

struct converter {
    const char *name;
    const char *what;  /* one line */
    const char *lacks; /* what of a trace it cannot hold; NULL: nothing */
    bool binary, folder, seeks;
    bool one_address;   /* --space says which */
    size_t state_bytes; /* zeroed before begin */
    bool (*begin)(void *state,
                  struct conversion *c); /* false: c->error; the same for the others. May be NULL */
    bool (*access)(void *state, struct conversion *c, const struct trace_item *item);
    bool (*other)(void *state, struct conversion *c, const struct trace_item *item); /* may be NULL */
    bool (*end)(void *state, struct conversion *c);                                  /* may be NULL */
    void (*destroy)(void *state);                                                    /* may be NULL */
};

extern const struct converter convert_csv, convert_jsonl, convert_lackey, convert_din, convert_champsim,
    convert_gem5, convert_ctf, convert_drmemtrace, convert_npy, convert_parquet;

/* Writes to c->out; false with c->error when that fails. */
bool convert_write(struct conversion *c, const void *bytes, size_t n);
__attribute__((format(printf, 2, 3))) bool convert_fail(struct conversion *c, const char *format, ...);

/* The run of converters, apart from files: items from `next` until it gives NULL. For the command and its
 * tests. */
bool convert_items(const struct converter *v, void *state, struct conversion *c,
                   const struct trace_item *(*next)(void *ctx), void *ctx);

/* Instructions completed before an access where they are counted, else its number: the time of formats that
 * want one. */
static inline uint64_t convert_time(const struct trace_item *item)
{
    return item->kind == ITEM_ACCESS && item->icount_known ? item->access.icount : item->number;
}

#endif
