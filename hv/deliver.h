/*
 * What becomes of the trace: the dump over the serial line, at the run's end or, with
 * ring-mode=drain, while it goes on; and what is kept in memory for the boot after a reset.
 */
#ifndef ENGRAM_DELIVER_H
#define ENGRAM_DELIVER_H

#include "meta.h"
#include "options.h"

/* Before the guest starts. `source` and `options` stay the caller's. */
void deliver_init(struct ring *ring, const struct meta_source *source, const struct options *options);

/* Now and then while the guest runs. */
void deliver_poll(void);

/* The dump, after the run. */
void deliver_trace(void);
/* True from its beginning on. */
bool deliver_begun(void);

/* The dump of any ring, with such META text. */
void deliver_ring(struct ring *ring, const char *meta, uint32_t meta_bytes, const struct options *options);

#endif
