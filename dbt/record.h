/*
 * Records of accesses as translated code appends them, and the dictionary that
 * says what they mean.
 *
 *     record = u32 id │ address │ data │ address │ data │ ...
 *
 * What an id stands for is fixed: how many accesses, by which instruction each,
 * kind, size. An address that an access before it in the record has already is not
 * written again. Addresses take 4 bytes in 16- and 32-bit code and 8 in 64-bit code;
 * data take their size, at least 4. Everything that C code records is spelled out
 * behind RECORD_SPELLED; RECORD_PAGE says where a linear page lies from now on.
 */
#ifndef ENGRAM_DBT_RECORD_H
#define ENGRAM_DBT_RECORD_H

#include "trace/access.h"
#include "types.h"

#define RECORD_NONE 0u
#define RECORD_SPELLED 1u /* then struct spelled_record */
#define RECORD_PAGE 2u    /* then struct page_record */
#define RECORD_FIRST_BLOCK 3u

struct spelled_record {
    uint32_t id;
    uint8_t kind, cause, vector, flags;
    uint8_t size, context, unused[6];
    uint64_t rip, gva, gpa, gpa2, cr3;
    uint8_t data[ACCESS_SIZE_MAX];
};

struct page_record {
    uint32_t id, user;    /* user: of the user's TLB */
    uint64_t page, frame; /* numbers; page ~0: all mappings are forgotten, `frame` is CR3 from now on */
};

/* An access of a block. */
struct record_access {
    uint64_t rip;           /* linear */
    uint16_t address, data; /* where they stand in the record; accesses at one address share it */
    uint8_t kind, size, flags, address_bytes;
};

struct record_block {
    uint32_t first; /* in `access` */
    uint16_t count;
    uint16_t bytes; /* of the whole record */
    uint8_t context;
    uint32_t prefix; /* id of the first of those that stand for fewer accesses, 0: none yet */
};

#define RECORD_BLOCKS_MAX 65536u
#define RECORD_ACCESSES_MAX (4u * RECORD_BLOCKS_MAX)
#define RECORD_PAGES 256u /* as many as a TLB has, in the same places */

struct recorder {
    uint8_t *start, *end; /* of the buffer */
    struct record_block *block;
    uint32_t block_count;
    struct record_access *access;
    uint32_t access_count;
    uint64_t cr3;     /* of what is in the buffer */
    uint64_t records; /* drained */
    struct {
        uint64_t page, frame;
    } page[2][RECORD_PAGES]; /* supervisor's, user's */
};

struct dbt;

/* Bytes that `size` bytes of data take in a record. */
static inline unsigned record_data_bytes(unsigned size)
{
    return size < 4 ? 4 : size;
}

/* A new id; 0 when the dictionary is full. */
uint32_t recorder_define(struct dbt *d, const struct record_access *access, unsigned count, unsigned bytes,
                         uint8_t context);
/* The id that stands for the first `count` accesses of `id`. */
uint32_t recorder_prefix(struct dbt *d, uint32_t id, unsigned count);
/* Ends a record at d->record after its first `count` accesses. */
void recorder_close(struct dbt *d, uint32_t id, unsigned count);

void recorder_spell(struct dbt *d, const struct access *a);
void recorder_page(struct dbt *d, bool user, uint64_t page, uint64_t frame);

/* Hands everything in the buffer to `take`, and empties it. */
void recorder_drain(struct dbt *d, void (*take)(const struct access *a, void *context), void *context);
void recorder_reset(struct dbt *d);

#endif
