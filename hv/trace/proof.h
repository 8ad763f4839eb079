/*
 * The replay proof: memory when recording starts, with the recorded writes applied to
 * it, is memory when recording stops, byte for byte. What an engine left out, doubled
 * or got wrong shows, unless a later write covers it: so it is looked for on the way as
 * well. Where reads are recorded each must find what the writes before it have left.
 *
 * With a copy of memory all of it is compared. Without room for one there are digests
 * per page, and what can be told is that pages which no recorded write names are as
 * they were.
 *
 * Plain C over memory that the caller brings. Addresses are guest-physical.
 */
#ifndef ENGRAM_TRACE_PROOF_H
#define ENGRAM_TRACE_PROOF_H

#include "trace/access.h"
#include "trace/filter.h"
#include "trace/raw.h"

#include <stdbool.h>
#include <stdint.h>

#define PROOF_PAGE_SHIFT 12
#define PROOF_PAGE 4096u
#define PROOF_RANGES 128u
#define PROOF_LINE 64u /* bytes: of so many it is known which event wrote there last */
#define PROOF_WORD 8u
#define PROOF_SAMPLES 8u
#define PROOF_RECENTS 1024u

/* Pages of memory that are compared. */
struct proof_range {
    uint64_t first, count; /* page numbers */
    uint64_t index;        /* of the first among all pages compared */
};

enum proof_difference {
    DIFFERENT_MEMORY, /* at the end */
    DIFFERENT_EARLIER,
    DIFFERENT_PAGE,
    DIFFERENT_READ
};

/* A difference, for who looks for its reason. */
struct proof_sample {
    enum proof_difference kind;
    uint8_t bytes; /* of expected and found; 0 for a page of which only digests are known */
    uint64_t address;
    uint8_t expected[PROOF_WORD], found[PROOF_WORD];
    uint64_t event;  /* DIFFERENT_READ: its number; DIFFERENT_EARLIER: of the next access, when it was seen */
    uint64_t writer; /* the last event that wrote there (of the line, or of the page), plus 1; 0: none did */
};

struct proof_result {
    const char *objection; /* why the proof does not apply; NULL: it does */
    uint64_t pages;        /* compared */
    uint64_t written;      /* of them, that recorded writes name */
    uint64_t unproved;     /* of them, of which digests say nothing */
    uint64_t writes;       /* applied */
    uint64_t outside;      /* writes to memory that is not compared */
    uint64_t reads;        /* held against the copy */
    uint64_t different_pages, different_bytes;
    uint64_t different_table_bits; /* bytes: only accessed and dirty bits have come (SDM Vol. 3A, 4.8) */
    uint64_t different_unwritten;  /* other bytes: in lines that no recorded write names */
    uint64_t different_reads;
    uint64_t kept, unkept; /* pages whose contents at the start are kept; for which there was no room */
    unsigned samples;
    struct proof_sample sample[PROOF_SAMPLES];
};

struct proof {
    const uint8_t *memory; /* guest-physical address a is at memory + a */
    struct proof_range range[PROOF_RANGES];
    uint32_t ranges;
    const struct proof_range *last; /* found */
    uint64_t pages;
    bool begun;

    bool by_copy;        /* else by digests alone */
    uint8_t *copy;       /* NULL: there is none, or no longer */
    uint8_t *kept;       /* contents at the start of the pages in kept_page */
    uint64_t *kept_page; /* page numbers */
    uint64_t kept_max;
    uint64_t *start;  /* digests at the start; with a copy, of pages that were written or differ */
    uint64_t *writer; /* per line with a copy, else per page: number of the last event + 1 */
    uint8_t *flags;   /* per page: PROOF_WRITTEN ... */
    uint64_t recent[PROOF_RECENTS]; /* pages written since the last checkpoint */
    uint32_t recents;
    uint8_t *chunks; /* room for what the trace file says of it (proof_file.h) */
    uint64_t unread; /* raw segments that could not be read to their end */
    uint64_t without_data;

    struct proof_result result;
};

#define PROOF_WRITTEN 0x01u
#define PROOF_DIFFERS 0x02u
#define PROOF_RECENT 0x04u

/* Pages that are whole within [start, end), behind those added before. False: there are too many ranges. */
bool proof_add_range(struct proof *p, uint64_t start, uint64_t end);

struct proof_plan {
    bool copy;
    bool keep; /* contents at the start of pages that are written; needs a copy */
};

/* What proof_place() takes for so many pages. */
uint64_t proof_memory_bytes(uint64_t pages, const struct proof_plan *plan);
/* Of `ram_pages` some are taken away for the proof itself: so many bytes are enough for the rest. */
uint64_t proof_share_bytes(uint64_t ram_pages, const struct proof_plan *plan);
/* `at` is page-aligned and need not be cleared. */
void proof_place(struct proof *p, void *at, const struct proof_plan *plan);

/* Memory as it is now is the start. */
void proof_begin(struct proof *p);

/* A recorded access: a write is applied, a read compared. */
void proof_access(struct proof *p, const struct access *a, uint64_t event);
/* All of a raw body, whose first event has that number. */
void proof_segment(struct proof *p, const struct dictionary *d, const uint8_t *body, uint32_t bytes,
                   uint64_t first_event);

/*
 * What is covered later does not show at the end, so it is looked for on the way. The engine is about to
 * write there: what is there now must be what is recorded. Or it is between two instructions, and all that it
 * has done so far is recorded: what was written since the last checkpoint is compared. `event`: of the next
 * access.
 */
void proof_overwrite(struct proof *p, uint64_t address, uint64_t bytes, uint64_t event);
void proof_checkpoint(struct proof *p, uint64_t event);

/* Why it cannot apply to a run that records this; NULL: it can. */
const char *proof_refusal(bool writes, const struct filter *filter);

/* Memory as it is now is the end: p->result says how it compares. `lost` events are not among those applied.
 */
void proof_end(struct proof *p, uint64_t lost);
/* There is nothing to be proved, for that reason. */
void proof_void(struct proof *p, const char *objection);

static inline bool proof_holds(const struct proof_result *r)
{
    return !r->objection && !r->different_pages && !r->different_reads;
}

/* Of a page. */
uint64_t proof_digest(const void *page);

#endif
