/*
 * When recording starts and when the run ends: the start= and stop= points,
 * the time limit, and the key on the serial line.
 */
#ifndef ENGRAM_CONTROL_H
#define ENGRAM_CONTROL_H

#include "engine.h"
#include "options.h"

/* On the console's line, while the guest runs, this byte ends the run: Ctrl-]. */
#define CONTROL_KEY_END 0x1d

void control_init(const struct engine *engine, const struct options *options);

/* The guest reached an address that a point names. */
void control_trigger(enum trigger t);

/* The guest sent a byte on the console's line. */
void control_console_byte(uint8_t byte);

/* A byte that may end a text which is waited for; -1: none. */
int control_watched_byte(void);

/* Now and then while the guest runs: time limit, number of events. */
void control_poll(void);

/* Ends the run; the first reason counts. */
void control_end(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for an error of Engram itself: the engine is not asked any more. */
void control_abort(const char *error);

/* Why the run ended, NULL while it goes on. */
const char *control_ended(void);

/* TSC when recording started and ended; 0 where it never did. */
uint64_t control_started_at(void);
uint64_t control_ended_at(void);

#endif
