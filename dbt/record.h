/*
 * What the engine records: raw segments (hv/trace/raw.h), filled one after the
 * other where the host says. Translated code appends the records of blocks, C code
 * all others.
 *
 * The dictionary is the host's; what is new in it waits here until the segment is
 * full or there is no more room.
 *
 * The filter: code whose accesses cannot pass is translated without records and
 * counts what it drops. Where addresses decide, a block writes its record whatever
 * they are, but moves on behind it only if one of its accesses was to a traced page:
 * the TLB's bit for the page is added to the record pointer's high half, which is 0
 * between blocks (so stores to the record use its low half). What else is in such a
 * record is taken out when it is packed.
 */
#ifndef ENGRAM_DBT_RECORD_H
#define ENGRAM_DBT_RECORD_H

#include "trace/filter.h"
#include "trace/raw.h"
#include "types.h"

#define STAGE_BLOCKS 512u
#define STAGE_ACCESSES 2048u

struct recorder {
    bool on, reads, writes;
    struct filter filter;
    uint64_t events, filtered; /* of this segment so far; d->budget holds more: recorder_count() */
    uint8_t *start, *end; /* of the segment's body; struct dbt's `record` is where the next record goes */
    uint32_t blocks_max, accesses_max;  /* of the dictionary */
    uint32_t block_count, access_count; /* in the dictionary, what waits here included */
    /* New entries. */
    struct raw_block block[STAGE_BLOCKS];
    struct raw_access access[STAGE_ACCESSES];
    uint32_t staged_blocks, staged_accesses;
};

struct dbt;
struct block;

/* Bytes that `size` bytes of data take in a record. */
static inline unsigned record_data_bytes(unsigned size)
{
    return raw_padded(size);
}

/* Moves what translated code has counted into `events` and `filtered`: before the mode changes what it
 * counts, and before it can overflow. */
void recorder_count(struct dbt *d);
/* Whether accesses of this kind are recorded where the filter lets them by. */
bool recorder_wants(const struct dbt *d, unsigned kind);

/* Begins and ends recording. */
void recorder_start(struct dbt *d);
void recorder_stop(struct dbt *d);

/* ---- the dictionary ---- */

/* What waits goes to the host. */
void recorder_hand_over(struct dbt *d);
/* False: there may be no room for another block and what goes with it. Then begin anew; all translated code
 * has to go. */
bool recorder_has_room(const struct dbt *d);
void recorder_new_dictionary(struct dbt *d);

/* The block's entry: sets its record_id and record_first. */
void recorder_define(struct dbt *d, struct block *b, const struct raw_access *access);
/* The id that stands for the accesses of the instructions before `insn`; 0: none. */
uint32_t recorder_prefix(struct dbt *d, struct block *b, unsigned insn);

/* ---- records ---- */

/* Ends the block's record at d->record behind the accesses of the instructions before `insn`. */
void recorder_close(struct dbt *d, struct block *b, unsigned insn);

/* Room for `bytes`, here or in the next segment. */
uint8_t *recorder_claim(struct dbt *d, uint32_t bytes);
/* An access that the filter lets by. */
void recorder_access(struct dbt *d, const struct access *a);
void recorder_number(struct dbt *d, enum raw_id id, uint64_t value);
/* One with the id RAW_NONE is none. */
void recorder_map(struct dbt *d, const struct raw_map *m);
void recorder_event(struct dbt *d, const struct hook_event *e, uint64_t tsc);

/* The segment is full: goes on in the next one. */
void recorder_next_segment(struct dbt *d);

#endif
