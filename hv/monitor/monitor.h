/*
 * The monitor: commands on the console's line while the guest runs. Ctrl-] takes the
 * keyboard from the guest and gives it back; the guest runs on meanwhile, and its text
 * goes out between the monitor's.
 */
#ifndef ENGRAM_MONITOR_MONITOR_H
#define ENGRAM_MONITOR_MONITOR_H

#include "engine.h"
#include "machine.h"
#include "trace/ring.h"

#define MONITOR_KEY 0x1d /* Ctrl-] */

void monitor_init(const struct engine *engine, const struct machine *machine, const struct ring *ring);

/* A byte that came on the line. False: it is the guest's. */
bool monitor_takes(uint8_t byte);

/* At EXIT_POLL: carries out what was typed. */
void monitor_poll(struct vcpu *v);

#endif
