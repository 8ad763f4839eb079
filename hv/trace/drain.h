/*
 * A ring in mode RING_DRAIN is sent while it fills: each segment that is closed and
 * packed, in order, one frame at a time, so that text may go out in between. The same
 * file as a dump's results (dump_file.h), in whose front a place is kept for META: what
 * META says is known at the end only, so it is sent then once more, with what is left
 * (dump.h). Until then the receiver is told by STREAM frames how far the file goes.
 */
#ifndef ENGRAM_TRACE_DRAIN_H
#define ENGRAM_TRACE_DRAIN_H

#include "trace/frame.h"
#include "trace/ring.h"

struct drain {
    struct ring *ring;
    const struct frame_line *line;
    uint64_t offset;    /* in the file: what lies before it has been sent, but for the front */
    uint32_t crc;       /* of that, from the front's end on */
    uint32_t at;        /* bytes sent of the segment that is being sent */
    uint32_t frames;    /* DATA frames since the last STREAM */
    uint64_t end_event; /* behind the last segment that was sent */
};

/* Sends META as far as it is known now: text as for dump_send(). */
void drain_begin(struct drain *d, struct ring *ring, const struct frame_line *line, const char *meta,
                 uint32_t meta_bytes);

/* Sends one frame. False: no segment waits. */
bool drain_step(struct drain *d);

#endif
