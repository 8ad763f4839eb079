/*
 * The ring: reserved memory, cut into slots of one segment each. A slot begins
 * with its chunk header (format.h); the ring's own header lies in the first
 * slot, so that the ring is found again after a warm reset.
 *
 * wrap: the newest segments are kept, the oldest overwritten (a flight recorder).
 * stop: the oldest are kept; what comes later is counted as lost.
 */
#ifndef ENGRAM_TRACE_RING_H
#define ENGRAM_TRACE_RING_H

#include "trace/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ring_mode { RING_WRAP, RING_STOP };

/* A slot holds a segment, header and body: of packed ones so much, */
#define RING_SEGMENT_BYTES 65536u
/* and of raw ones, which shrink when they are packed, up to this. */
#define RING_SEGMENT_MAX (4u * RING_SEGMENT_BYTES)
#define RING_BYTES_MIN (4u * RING_SEGMENT_BYTES)

struct ring_header; /* in the first slot of the memory; ring.c knows it */

struct ring {
    uint8_t *memory;
    uint32_t segment_bytes; /* of a slot */
    uint64_t slots;         /* for segments: the first slot of the memory holds the ring's header */
    enum ring_mode mode;
    uint64_t next_sequence;    /* of the segment that opens next */
    uint64_t opened;           /* highest number of segments ever opened: how far old ones are overwritten */
    uint32_t open_count;       /* segments that are open: the newest ones */
    struct chunk_header *open; /* the oldest of them, which is closed next, or NULL */
};

/*
 * `memory` is `bytes` long (at least RING_BYTES_MIN; what is no whole slot of `segment_bytes` stays unused),
 * 64-byte aligned, and needs no clearing. `segment_bytes` is a multiple of RING_SEGMENT_BYTES, at most
 * RING_SEGMENT_MAX, and at most a quarter of `bytes`.
 */
void ring_init(struct ring *ring, void *memory, uint64_t bytes, uint32_t segment_bytes, enum ring_mode mode,
               uint64_t run_id);

/* Opens the next segment, whose body starts behind its header; NULL when the ring is full (RING_STOP) or all
 * of it is open. Several may be open; they are closed in the order they were opened in. */
struct chunk_header *ring_open(struct ring *ring);

/* Closes the oldest open segment: fills in lengths and CRCs. */
void ring_close(struct ring *ring, uint32_t body_bytes);

/* The same for a raw segment: its body gets a CRC when it is packed. Who wrote the body could reach the
 * header too, so it is written anew, with the events, losses and time of `facts`. */
void ring_close_raw(struct ring *ring, const struct chunk_header *facts, uint32_t body_bytes);

/* Gives all open segments back. */
void ring_give_back(struct ring *ring);

/* Opens the segment closed last once more, to append to it; NULL when there is none. */
struct chunk_header *ring_reopen(struct ring *ring);

/* Computes a closed segment's header CRC anew, for who changed its header. */
void ring_seal(struct chunk_header *segment);

/* The segment's body, which was changed to `body_bytes` of packets. */
void ring_set_packed(struct chunk_header *segment, uint32_t body_bytes);

/* The slots of a ring of `bytes` for raw segments: large ones, unless the ring has few. */
static inline uint32_t ring_raw_segment_bytes(uint64_t bytes)
{
    return bytes >= 16u * RING_SEGMENT_MAX ? RING_SEGMENT_MAX : RING_SEGMENT_BYTES;
}

static inline uint32_t ring_body_capacity(const struct ring *ring)
{
    return ring->segment_bytes - (uint32_t)sizeof(struct chunk_header);
}

/* The closed segments still in the ring, oldest first. */
uint64_t ring_count(const struct ring *ring);
uint64_t ring_first_sequence(const struct ring *ring);
struct chunk_header *ring_segment(const struct ring *ring, uint64_t index);

/* Events [*first, *end) lie in the ring's intact segments and between them; 0 and 0 when there is none. */
void ring_events(const struct ring *ring, uint64_t *first, uint64_t *end);

/* False when the segment's header is damaged: possible in a ring that was found, not in one's own. */
bool ring_segment_intact(const struct ring *ring, uint64_t index);

/*
 * Finds the ring of a run before in `memory`, for instance after a warm reset. False when there is none of
 * exactly this size. Believes nothing that is not proved by a CRC; damaged segments stay out of a dump.
 */
bool ring_find(struct ring *ring, void *memory, uint64_t bytes);

uint64_t ring_run_id(const struct ring *ring);

#endif
