/*
 * The serial line's framing (docs/format.md, The dump on a serial line): takes
 * a stream of bytes apart into frames and text. Any bytes may come.
 */
#ifndef ENGRAM_FRAMES_H
#define ENGRAM_FRAMES_H

#include "trace/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES_MAX (FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX + FRAME_CRC_BYTES)

struct frame {
    uint8_t type;
    uint16_t bytes; /* of payload */
    uint64_t offset;
    const uint8_t *payload;
};

struct frame_parser {
    void *ctx;
    void (*frame)(void *ctx, const struct frame *f);         /* with a good CRC; any type */
    void (*text)(void *ctx, const uint8_t *bytes, size_t n); /* what is no frame */
    uint64_t rejected; /* F7 bytes that began no frame: noise, or damaged frames */
    size_t held;
    uint8_t buffer[2 * FRAME_BYTES_MAX];
};

void frames_feed(struct frame_parser *p, const uint8_t *bytes, size_t n);
/* The line pauses: a whole frame within what looks like the start of a longer one shows that this is none. */
void frames_resync(struct frame_parser *p);
/* The line is at its end, or silent for long: what looks like the start of a frame is none. */
void frames_flush(struct frame_parser *p);

/* Writes a whole frame to `to`, which has room for FRAME_BYTES_MAX; returns its length. `bytes` <=
 * FRAME_PAYLOAD_MAX. */
size_t frame_build(uint8_t *to, uint8_t type, uint64_t offset, const void *payload, uint16_t bytes);

#endif
