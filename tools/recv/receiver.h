/*
 * The receiving side of a dump, without any I/O of its own: bytes of the line
 * go in, and it writes the file, passes the console's text on and asks for what
 * is missing through callbacks. Time is given in milliseconds from any start.
 */
#ifndef ENGRAM_RECEIVER_H
#define ENGRAM_RECEIVER_H

#include "reader/dump_facts.h"
#include "reader/ranges.h"
#include "recv/frames.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct receiver_io {
    void *ctx;
    /*
     * A dump begins. `dump` is what BEGIN or END say, and `have` may be filled with what is there from an
     * earlier try; `have` is not empty when data came before (then they stay). NULL: data come of which
     * nothing is known yet. False: not wanted (unknown data), or an error that ends it.
     */
    bool (*start)(void *ctx, const struct dump_facts *dump, struct ranges *have);
    bool (*write_at)(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n);
    int64_t (*read_at)(void *ctx, uint64_t offset, void *to, size_t n); /* as in struct trace_source */
    void (*text)(void *ctx, const uint8_t *bytes, size_t n);
    void (*send)(void *ctx, const uint8_t *bytes, size_t n); /* NULL on a one-way line */
    bool stored; /* what comes was stored before: silence says nothing about a frame that is not complete */
};

#define RECEIVER_WINDOW_MS 2500u
#define RECEIVER_REQUESTS_MAX 6u /* REQUEST frames sent in one go */

enum receiver_state {
    RECEIVER_WAITING, /* for a dump */
    RECEIVER_RECEIVING,
    RECEIVER_COMPLETE, /* all bytes are there and the file's CRC is right */
    RECEIVER_FAILED,   /* `error` says why */
};

struct receiver {
    struct receiver_io io;
    struct frame_parser parser;
    enum receiver_state state;
    char error[160];
    uint64_t max_bytes;
    bool known; /* dump */
    struct dump_facts dump;
    struct ranges have;
    bool end_seen;
    uint32_t end_crc;
    unsigned ends_since_data; /* END frames since the last DATA */
    uint64_t now, last_byte, last_data, last_end;
    uint64_t window_start, window_bytes; /* how busy the line is, counted anew every RECEIVER_WINDOW_MS */
    bool idle;                           /* it carried no more than END frames in the last window */
    /* for people */
    uint64_t data_frames, repeated_bytes, noise_bytes, stray_frames, other_dumps, requests, restarts;
    uint16_t largest_frame; /* payload of DATA frames seen in the first pass */
    /* The REQUESTs that are on their way or being answered. */
    struct {
        bool open;
        bool answered; /* something of it came */
        uint16_t frame_bytes;
        unsigned frames; /* REQUEST frames */
        struct {
            uint64_t start, end;    /* all parts of the frame lie in here */
            uint64_t expected, got; /* DATA frames */
        } frame[RECEIVER_REQUESTS_MAX];
        uint64_t sent_at, last_end; /* time; end of the last part asked for */
        unsigned unanswered;        /* rounds in a row without any data for an answer */
        uint64_t answer_time;       /* how long an answer takes, smoothed */
    } ask;
};

void receiver_init(struct receiver *r, const struct receiver_io *io, uint64_t max_bytes);
void receiver_free(struct receiver *r);

void receiver_feed(struct receiver *r, const uint8_t *bytes, size_t n, uint64_t now);
/* To be called every 20 ms or so, also when nothing comes. */
void receiver_tick(struct receiver *r, uint64_t now);
/* Nothing more will come: decides about what is there. */
void receiver_finish(struct receiver *r);

/* Bytes still missing; 0 when the length is not known. */
uint64_t receiver_missing(const struct receiver *r);

#endif
