/*
 * The hook: where every engine hands over what the guest did. Behind it lie
 * the packet stream (stream.h) and the ring (ring.h). Not reentrant; one CPU.
 */
#ifndef ENGRAM_TRACE_HOOK_H
#define ENGRAM_TRACE_HOOK_H

#include "trace/access.h"
#include "trace/format.h"

#include <stdbool.h>
#include <stdint.h>

struct ring;
struct filter;

/* What the machine can tell beyond the accesses; called when a segment opens or time is stamped. */
struct hook_clock {
    uint64_t (*tsc)(void);
    bool has_icount; /* accesses carry a true instruction count */
};

void hook_init(struct ring *ring, const struct hook_clock *clock);

/* Of what engines hand over that passes; NULL: all. It stays the caller's, who says so again
 * where it has other processes. */
void hook_set_filter(const struct filter *f);

/* What is recorded is handed to the replay proof as well (proof.h), whether or not a limit takes it out of
 * the trace; NULL: there is none. */
struct proof;
void hook_prove(struct proof *p);

/* The engine is about to write there. */
void hook_overwrite(uint64_t gpa, uint64_t bytes);

/* Records one access that passes the filter; they come in program order. False when it was counted as lost
 * because the ring is full. */
bool hook_access(const struct access *a);

/* Records that an event (interrupt, exception) is about to be delivered at `rip` (linear). */
struct hook_event {
    uint64_t rip;
    uint32_t error_code;
    uint8_t vector;
    uint8_t type; /* interruption type, Intel SDM Vol. 3C table 25-17 */
    bool has_error_code;
};
void hook_event(const struct hook_event *e);

/* A text in the stream; `source` is MARK_ENGRAM, MARK_CONSOLE or MARK_HYPERCALL. */
void hook_mark(uint8_t source, const char *text, uint64_t length);

/* ---- raw segments (raw.h): what an engine appends by itself, for as long as a few of them last ---- */

struct chunk_header;
struct dictionary;

/* What closed segments are read with; it stays the engine's, who changes it. */
void hook_raw_dictionary(const struct dictionary *d);

/* Opens up to `most` segments, which the engine fills one behind the other; their headers come back in
 * `segment`. 0: the ring is full, or recording is over. */
unsigned hook_raw_open(struct chunk_header **segment, unsigned most);

/* What became of them: each one's body, or 0, and its events; those after the first with 0 bytes are given
 * back. With a filter `events` are those that filter_context and filter_page let by, `filtered` all others;
 * single records of both kinds may be in the body. */
struct raw_use {
    uint32_t bytes;
    uint32_t between; /* 1: closed between two instructions */
    uint64_t events, filtered;
};
void hook_raw_close(const struct raw_use *use, unsigned count);

/* How many events a raw body holds, as the engine would have counted them. */
uint64_t hook_raw_count(const struct dictionary *d, const uint8_t *body, uint32_t bytes);

/* Events for which there was no segment. */
void hook_raw_lost(uint64_t events);

/* While raw segments are open texts go there: the engine gives out the next `bytes` of the segment that it
 * fills, or NULL when there is no room. */
void hook_raw_claim(void *(*claim)(uint32_t bytes));

/* Packs all raw segments in the ring; after that nothing refers to the dictionary any more, and the counters
 * are exact: until then events may be among them that the filter is still to take out. `progress` may be
 * NULL.
 */
void hook_pack(const struct dictionary *d, void (*progress)(uint64_t done, uint64_t all));

/* The guest's context when recording starts (docs/format.md, context): a segment may open before any access.
 */
void hook_context(uint8_t context, uint64_t cr3);

/* Raw segments have to be packed as soon as they are closed: the ring is being sent. */
bool hook_drains(void);

/* ---- what outlives a reset (ring_find()) ---- */

/* Of raw segments that are open: the same as for hook_raw_close(), as far as they are filled now. What was
 * said of those before `from` still holds. */
void hook_raw_note(const struct raw_use *use, unsigned from, unsigned count);

/* Where `d` lies, in the words of who finds it again, and what it holds now. */
void hook_note_dictionary(const struct dictionary *d, uint64_t address, uint64_t bytes);

/* The ring tells of all that is recorded so far. From time to time. */
void hook_checkpoint(void);

/* ---- counts ---- */

/* Closes the open segment, if there is one that is not raw: what comes next begins another. */
void hook_flush(void);

/* Counts an access that a filter kept out. */
void hook_filtered(uint64_t count);

/* Records no more than `events` accesses; what comes later is neither recorded nor counted. 0: no limit. */
void hook_limit(uint64_t events);

/* Ends recording: says why in the stream and closes the open segment. */
void hook_stop(const char *why);

/* Counters of the whole run. */
uint64_t hook_events(void);
uint64_t hook_lost(void);
uint64_t hook_filtered_total(void);
uint64_t hook_damaged(void); /* raw segments that could not be read to their end: an error of the engine */

#endif
