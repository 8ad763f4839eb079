/*
 * ring-mode=drain: the ring goes out over the serial line while the guest runs.
 * Either the guest waits where the line is too slow, or it runs on and what has no
 * room is counted as lost.
 */
#ifndef ENGRAM_LIVE_H
#define ENGRAM_LIVE_H

#include "trace/drain.h"

/* The guest is about to start. `meta` is what META can say so far. */
void live_begin(struct ring *ring, bool guest_waits, const char *meta, uint32_t meta_bytes);

/* Now and then while the guest runs: sends for a while. */
void live_poll(void);

/* What was sent; NULL: the ring is not drained. */
const struct drain *live_drained(void);

#endif
