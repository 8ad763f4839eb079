/*
 * The packet stream: turns accesses into the packed encoding of docs/format.md,
 * one segment's body at a time. Keeps what a reader knows at each point, and
 * writes what is new. Every function returns false when the body has no room
 * (then open the next segment and call again); a packet is written whole or not at all.
 */
#ifndef ENGRAM_TRACE_STREAM_H
#define ENGRAM_TRACE_STREAM_H

#include "trace/access.h"
#include "trace/hook.h"

#include <stdbool.h>
#include <stdint.h>

/* A segment of 64 KiB cannot introduce more: a new site and its access take at least 13 bytes. In a larger
 * one the ids begin anew when they are used up. */
#define STREAM_SITES 4096u
#define STREAM_BUCKETS 4096u
#define STREAM_PAGES 1024u

#define STREAM_TEXT_MAX 1024u     /* bytes of text in one MARK packet */
#define STREAM_STOP_TEXT_MAX 160u /* and in STOP, for which room is kept */

/* A site as the reader knows it; the first 64 bytes are what a predicted access of up to 8 bytes touches. */
struct stream_site {
    uint64_t rip;
    uint64_t key; /* what makes two accesses of one instruction the same site: see stream.c */
    uint64_t address;
    uint64_t stride;
    struct stream_site *successor;
    uint64_t icount_step; /* before its last access */
    uint16_t id;
    uint16_t chain; /* next in the bucket: id + 1, 0 at its end */
    union {
        uint64_t word;
        uint8_t bytes[ACCESS_SIZE_MAX];
    } data;
} __attribute__((aligned(64)));

/* A page mapping that the reader knows. */
struct stream_page {
    uint64_t tag; /* page number and epoch */
    uint64_t frame;
};

struct stream {
    uint8_t *pos;         /* where the next packet goes */
    const uint8_t *limit; /* an access may begin up to here: what lies behind is enough for the largest */
    uint8_t *body, *end;  /* of the open segment */
    struct stream_site *last_site;
    uint64_t last_address;
    uint64_t icount;
    uint64_t cr3;
    uint64_t site_rip; /* of the SITE before */
    uint64_t page_epoch;
    uint8_t context;
    bool has_icount;
    uint16_t site_count;             /* since ids began anew */
    uint16_t bucket[STREAM_BUCKETS]; /* id + 1 */
    struct stream_page page[STREAM_PAGES];
    struct stream_site site[STREAM_SITES];
    struct stream_site nowhere; /* before the first access; the successor of sites that have none */
};

/* No segment: everything returns false. */
void stream_close(struct stream *s);

/* Starts a segment with SYNC, with context, CR3 and instruction count as in `first`, or as they were where it
 * is NULL. */
void stream_open(struct stream *s, void *body, uint32_t capacity, bool has_icount, uint64_t tsc,
                 const struct access *first);

/* What SYNC says of a segment that opens without an access; only while none is open. */
static inline void stream_set_context(struct stream *s, uint8_t context, uint64_t cr3, uint64_t icount)
{
    s->context = context;
    s->cr3 = cr3;
    s->icount = icount;
}

/* Goes on behind the `written` bytes of a segment that was closed; only for the packets that end a recording.
 */
void stream_reopen(struct stream *s, void *body, uint32_t capacity, uint32_t written);

/* Bytes in the open segment's body. */
static inline uint32_t stream_bytes(const struct stream *s)
{
    return (uint32_t)(s->pos - s->body);
}

static inline bool stream_accepts(const struct access *a)
{
    return a->size >= 1 && a->size <= ACCESS_SIZE_MAX;
}

/* The access must be one that stream_accepts(); false for any other. */
bool stream_access(struct stream *s, const struct access *a);

/* Iterations of a string instruction: `a`, and `b` behind it where that is not NULL, `count` times, their
 * addresses going up or down by the size; neither side leaves its page. */
struct stream_run {
    const struct access *a, *b; /* the first ones; their data are in `data` */
    uint32_t count;
    bool descends;
    bool one;              /* all of a's elements are the first one */
    const uint8_t *data;   /* a's elements one behind the other */
    const uint8_t *data_b; /* b's; NULL: they are a's */
};
bool stream_run(struct stream *s, const struct stream_run *run);

bool stream_time(struct stream *s, uint64_t tsc);
bool stream_filter(struct stream *s, uint64_t count);
bool stream_event(struct stream *s, const struct hook_event *e, uint64_t tsc);
bool stream_mark(struct stream *s, uint8_t source, const char *text,
                 uint32_t length); /* length <= STREAM_TEXT_MAX */

/* For these room is kept at the segment's end: once when it closes, and once more after stream_reopen(). */
void stream_end_filter(struct stream *s, uint64_t count);
void stream_end_loss(struct stream *s, uint64_t count);
void stream_end_stop(struct stream *s, const char *why);

#endif
