/*
 * The ring: reserved memory, cut into slots of one segment each. A slot begins
 * with its chunk header (format.h); the ring's own header lies in the first
 * slot, so that the ring is found again after a warm reset, together with what
 * has to be known of the run besides its segments.
 *
 * wrap: the newest segments are kept, the oldest overwritten (a flight recorder).
 * stop: the oldest are kept; what comes later is counted as lost.
 * drain: a segment stays until somebody has sent it (drain.h); where none has been, what comes is lost.
 */
#ifndef ENGRAM_TRACE_RING_H
#define ENGRAM_TRACE_RING_H

#include "trace/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ring_mode { RING_WRAP, RING_STOP, RING_DRAIN };

/* A slot holds a segment, header and body: of packed ones so much, */
#define RING_SEGMENT_BYTES 65536u
/* and of raw ones, which shrink when they are packed, up to this. */
#define RING_SEGMENT_MAX (16u * RING_SEGMENT_BYTES)
#define RING_BYTES_MIN (4u * RING_SEGMENT_BYTES)

struct ring_header; /* in the first slot of the memory; ring.c knows it */

/* How far the run is, for who finds the ring. It is saved with each packed segment that is closed,
 * and by ring_save(). */
struct ring_notes {
    uint64_t lost, filtered, tsc;
    /* What raw segments refer to (raw.h): where it lies, how much of it is filled, and CRCs of that. */
    uint64_t dictionary, dictionary_bytes;
    uint32_t blocks, accesses, blocks_crc, accesses_crc;
};

/* What is kept beside the header. */
enum ring_kept { RING_META, RING_FILTER, RING_KEPT_COUNT };
#define RING_META_MAX 32768u
#define RING_FILTER_MAX 4096u

struct ring {
    uint8_t *memory;
    uint32_t segment_bytes; /* of a slot */
    uint64_t slots;         /* for segments: the first slot of the memory holds the ring's header */
    enum ring_mode mode;
    uint64_t next_sequence;    /* of the segment that opens next */
    uint64_t opened;           /* highest number of segments ever opened: how far old ones are overwritten */
    uint32_t open_count;       /* segments that are open: the newest ones */
    struct chunk_header *open; /* the oldest of them, which is closed next, or NULL */
    struct ring_notes notes;
    uint64_t saves; /* of the notes */
    /* RING_DRAIN */
    uint32_t front_bytes; /* of the file, before the first segment of the run */
    uint64_t sent;        /* sequence behind the last segment that was sent */
    uint64_t gone_bytes;  /* of the chunks that were overwritten: they stood in front of the oldest */
    /* Sends something. False: nothing that could be sent. NULL: a full ring stays full. */
    bool (*make_room)(struct ring *ring);
};

/*
 * `memory` is `bytes` long (at least RING_BYTES_MIN; what is no whole slot of `segment_bytes` stays unused),
 * 64-byte aligned; what is in it is forgotten. `segment_bytes` is a multiple of RING_SEGMENT_BYTES, at most
 * RING_SEGMENT_MAX, and at most a quarter of `bytes`.
 */
void ring_init(struct ring *ring, void *memory, uint64_t bytes, uint32_t segment_bytes, enum ring_mode mode,
               uint64_t run_id);

/* Opens the next segment, whose body starts behind its header; NULL when the ring is full (RING_STOP,
 * RING_DRAIN) or all of it is open. Several may be open; they are closed in the order they were opened in. */
struct chunk_header *ring_open(struct ring *ring);

/* Closes the oldest open segment: fills in lengths and CRCs. */
void ring_close(struct ring *ring, uint32_t body_bytes);

/* The same for a raw segment: its body gets a CRC when it is packed. Who wrote the body could reach the
 * header too, so it is written anew, with the events, losses and time of `facts`. The ring
 * is to be saved afterwards. */
void ring_close_raw(struct ring *ring, const struct chunk_header *facts, uint32_t body_bytes);

/* The `index`-th open segment, of what it holds so far, as if it were closed: so it is found after a reset.
 * `facts` says encoding, events, losses and time, and of a packed body the CRC. */
void ring_note_open(struct ring *ring, uint32_t index, const struct chunk_header *facts, uint32_t body_bytes);

/* The header tells of ring->notes and of what is closed. */
void ring_save(struct ring *ring);

/* Puts data beside the header, in place of what was there, as long as that may be; or finds them: NULL when
 * they are not there or damaged. */
void ring_keep(struct ring *ring, enum ring_kept what, const void *data, uint32_t bytes);
const void *ring_kept(const struct ring *ring, enum ring_kept what, uint32_t *bytes);

/* Gives all open segments back. */
void ring_give_back(struct ring *ring);

/* Opens the segment closed last once more, to append to it; NULL when there is none. */
struct chunk_header *ring_reopen(struct ring *ring);

/* Computes a closed segment's header CRC anew, for who changed its header. */
void ring_seal(struct chunk_header *segment);

/* The segment's body, which was changed to `body_bytes` of packets. */
void ring_set_packed(struct chunk_header *segment, uint32_t body_bytes);

/* The slots of a ring of `bytes` for raw segments: large ones, unless the ring has few. Each begins with all
 * of the TLB, and to go on to the next takes round trips. */
static inline uint32_t ring_raw_segment_bytes(uint64_t bytes)
{
    if (bytes >= 64u * RING_SEGMENT_MAX)
        return RING_SEGMENT_MAX;
    return bytes >= 16u * RING_SEGMENT_MAX / 4 ? RING_SEGMENT_MAX / 4 : RING_SEGMENT_BYTES;
}

static inline uint32_t ring_body_capacity(const struct ring *ring)
{
    return ring->segment_bytes - (uint32_t)sizeof(struct chunk_header);
}

/* The closed segments still in the ring, oldest first. */
uint64_t ring_count(const struct ring *ring);
uint64_t ring_first_sequence(const struct ring *ring);
struct chunk_header *ring_segment(const struct ring *ring, uint64_t index);

/* Events [*first, *end) lie in the ring's intact segments and between them, or were in front of them and have
 * been sent; 0 and 0 when there is none. */
void ring_events(const struct ring *ring, uint64_t *first, uint64_t *end);

/* False when the segment's header is damaged: possible in a ring that was found, not in one's own. */
bool ring_segment_intact(const struct ring *ring, uint64_t index);

/* Length of its chunk in a file; a damaged one is left out. */
uint64_t ring_chunk_bytes(const struct ring *ring, uint64_t index);

/* The size of the ring of a run before that begins at `memory`, of which its first 4 KiB are looked at; 0:
 * there is none. */
uint64_t ring_find_bytes(const void *memory);

/*
 * Finds the ring of a run before in `memory`, for instance after a warm reset. False when there is none of
 * exactly this size. Believes no header that is not proved by a CRC; damaged segments stay out of a dump.
 * Bodies of raw segments have no CRC.
 */
bool ring_find(struct ring *ring, void *memory, uint64_t bytes);

/* It will not be found again. */
void ring_forget(void *memory);

uint64_t ring_run_id(const struct ring *ring);

#endif
