/*
 * When recording starts and when the run ends: the start= and stop= points,
 * the time limit, and what the monitor is told.
 */
#ifndef ENGRAM_CONTROL_H
#define ENGRAM_CONTROL_H

#include "engine.h"
#include "options.h"

void control_init(const struct engine *engine, const struct options *options);

/* The guest reached an address that a point names, or a number of instructions, or is about to set a mark;
 * and it has set it. */
void control_trigger(enum trigger t);
void control_count(void);
void control_before_mark(const char *text, size_t bytes);
void control_after_mark(const char *text, size_t bytes);

/* The guest sent a byte on the console's line. */
void control_console_byte(uint8_t byte);

/* Between two exits: recording goes on or not, and what of it. The guest runs on. */
void control_record(bool on);
bool control_is_recording(void);
/* All that was recorded so far comes into closed segments. */
void control_flush(void);
void control_set_filter(const struct filter *filter);
const struct filter *control_filter(void);

/* A byte that may end a text which is waited for; -1: none. */
int control_watched_byte(void);

/* Now and then while the guest runs: time limit, number of events. */
void control_poll(void);

/* Hypercalls: recording goes on, or pauses; which processes are recorded, by their CR3, from the first that
 * is added on. False: there is no room for another. */
void control_start(void);
void control_pause(void);
bool control_is_recording(void);
uint64_t control_events(void); /* recorded so far */
bool control_add_process(uint64_t cr3);
void control_remove_process(uint64_t cr3);
void control_all_processes(void);
const struct filter *control_filter(void);

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
