/*
 * Raw segments: what the DBT engine appends while the guest runs. They stay in
 * the ring and become packed ones (docs/format.md) before they leave it.
 *
 *     body     = struct raw_preamble │ struct raw_map … │ record │ record …
 *     record   = u32 id │ …
 *     block    = u32 id │ u32 budget │ address │ data │ address │ data …
 *
 * An id from RAW_BLOCKS on names a block of the dictionary, which says what its
 * record holds: how many accesses, by which instruction each, kind, size, and where
 * address and data stand. So translated code stores what only it knows. The ids
 * below are records that C code writes.
 *
 * The budget (dbt/run.c) counts down by one an instruction: `zero` minus the budget
 * is the number of instructions charged so far, those of the whole block included.
 *
 * Pages: a mapping holds from where it stands until another for the same page and
 * privilege replaces it.
 */
#ifndef ENGRAM_TRACE_RAW_H
#define ENGRAM_TRACE_RAW_H

#include "trace/access.h"
#include "trace/hook.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum raw_id {
    RAW_NONE,   /* no record: an error */
    RAW_ACCESS, /* struct raw_spelled, data */
    RAW_MAP,    /* struct raw_map */
    RAW_CR3,    /* struct raw_number: CR3 from now on; mappings stay */
    RAW_ICOUNT, /* struct raw_number: `zero` from now on */
    RAW_TIME,   /* struct raw_number: the time-stamp counter */
    RAW_EVENT,  /* struct raw_event */
    RAW_MARK,   /* struct raw_mark, text */
    RAW_RUN,    /* struct raw_run, data */
    RAW_BLOCKS = 16,
};

#define RAW_BLOCK_HEAD 8u /* bytes of id and budget */

struct raw_map {
    uint32_t id; /* RAW_MAP, also in the preamble */
    uint32_t user;
    uint64_t page, frame; /* numbers */
};

/* What a reader must know at a segment's start. */
struct raw_preamble {
    uint64_t zero, cr3;
    uint64_t icount; /* instructions completed */
    uint64_t tsc;
    uint32_t map_count; /* of those that follow */
    uint8_t context;    /* of the code that runs when the segment begins */
    uint8_t reserved[3];
};

struct raw_number {
    uint32_t id, reserved;
    uint64_t value;
};

struct raw_event {
    uint32_t id;
    uint8_t vector, type, has_error_code, reserved;
    uint32_t error_code, reserved2;
    uint64_t rip, tsc;
};

struct raw_mark {
    uint32_t id;
    uint16_t bytes; /* of text */
    uint8_t source, reserved;
};

struct raw_spelled {
    uint32_t id;
    uint8_t kind, cause, vector, flags;
    uint8_t size, context, reserved[6];
    uint64_t rip, gva, gpa, gpa2, icount;
};

/*
 * Iterations of a string instruction, each with access A and perhaps B behind it. Neither side leaves its
 * page. Data: A's elements one behind the other (with RUN_ONE one for all), then B's (with RUN_B_DATA; else
 * B's are A's).
 */
#define RUN_DESCENDS 0x01u
#define RUN_ONE 0x02u
#define RUN_A_WRITES 0x04u
#define RUN_HAS_B 0x08u
#define RUN_B_WRITES 0x10u
#define RUN_B_DATA 0x20u

struct raw_run {
    uint32_t id, count;
    uint8_t size, what, context, reserved[5];
    uint64_t rip, icount;
    uint64_t gva[2], gpa[2]; /* of A's and B's first element */
};

/* Data begin at multiples of 4 bytes, and so do records. */
static inline uint32_t raw_padded(uint32_t bytes)
{
    return (bytes + 3) & ~3u;
}

/* ---- the dictionary (dictionary.c) ---- */

struct raw_access {
    int64_t displacement;  /* added to the address in the record; the address itself where none is there */
    uint32_t rip_offset;   /* from the block's */
    uint16_t address;      /* offset in the record, 0: none */
    uint16_t data;         /* offset in the record */
    uint8_t address_bytes; /* 4 or 8: of what the record holds, and of the sum */
    uint8_t instruction;   /* of the block: so many are complete before it */
    uint8_t kind, flags, size;
    uint8_t reserved[3];
};

struct raw_block {
    uint64_t rip;   /* linear, of the first instruction */
    uint32_t first; /* its accesses in the dictionary */
    uint16_t count;
    uint16_t bytes; /* of the record */
    uint8_t context;
    uint8_t instructions; /* charged at once when the block begins */
    uint8_t reserved[6];
};

struct dictionary {
    struct raw_block *block;
    struct raw_access *access;
    uint32_t block_count, block_max;
    uint32_t access_count, access_max;
};

/* A good size for a ring of `ring_bytes`: more is never filled before the ring, and less means to pack the
 * ring more often. */
static inline uint64_t dictionary_bytes(uint64_t ring_bytes)
{
    return ring_bytes / 8 < 1u << 20 ? 1u << 20 : ring_bytes / 8;
}

/* The parts of `bytes` of memory, 8-byte aligned; nothing is in it. */
void dictionary_init(struct dictionary *d, void *memory, uint64_t bytes);

/* Appends accesses, or blocks that are made of accesses appended before. Believes nothing: false when
 * something does not fit together or there is no room; what stood before it stays. */
bool dictionary_add_accesses(struct dictionary *d, const struct raw_access *a, uint32_t count);
bool dictionary_add_blocks(struct dictionary *d, const struct raw_block *b, uint32_t count);

/* What the notes say of it is brought up to date: the CRCs of what was appended are added. */
struct ring_notes;
void dictionary_note(const struct dictionary *d, struct ring_notes *notes);

/* The dictionary in `memory` that a run before has left there, as the notes have it. False, and it is empty,
 * when it is damaged. */
bool dictionary_find(struct dictionary *d, void *memory, uint64_t bytes, const struct ring_notes *notes);

/* ---- reading (raw.c) ---- */

/* What a raw body holds, in order. False from `access` and `run` ends the reading. All but `access` may be
 * NULL. */
struct raw_sink {
    bool (*access)(void *context, const struct access *a);
    /* A run whole: without it its iterations come one by one. `a` and `b` are the first one's accesses (their
     * data aside), b NULL where there is none; `data` as behind struct raw_run. */
    bool (*run)(void *context, const struct raw_run *run, const struct access *a, const struct access *b,
                const uint8_t *data);
    void (*event)(void *context, const struct hook_event *e, uint64_t tsc);
    void (*time)(void *context, uint64_t tsc);
    void (*mark)(void *context, uint8_t source, const char *text, uint32_t length);
};

/* False: the body is damaged at *at; what stood before it has been handed over. */
bool raw_read(const struct dictionary *d, const uint8_t *body, uint32_t bytes, const struct raw_sink *sink,
              void *context, uint32_t *at);

/* The run's accesses, one by one. False: `access` has ended it. */
bool raw_expand(const struct raw_run *run, const struct access *a, const struct access *b,
                const uint8_t *data, bool (*access)(void *context, const struct access *a), void *context);

/* Of an intact body at least the preamble; NULL when it is too short. */
const struct raw_preamble *raw_preamble(const uint8_t *body, uint32_t bytes);

#endif
