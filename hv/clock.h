/* Time: the TSC, measured once against the PIT. */
#ifndef ENGRAM_CLOCK_H
#define ENGRAM_CLOCK_H

#include "types.h"

void clock_init(void);

/* TSC ticks per second. */
uint64_t clock_hz(void);

/* Seconds since clock_init(). */
uint64_t clock_seconds(void);

#endif
