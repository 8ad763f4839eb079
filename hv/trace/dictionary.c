/* The dictionary of raw segments: what translated blocks record. It comes from the translator, which the core
 * does not trust: an entry that got in can be read without a further look. */
#include "trace/raw.h"

#include "trace/crc32c.h"
#include "trace/ring.h"

#define BLOCK_SHARE 5u /* accesses for which there is room, per block */
#define INSTRUCTIONS_MAX 64u

void dictionary_init(struct dictionary *d, void *memory, uint64_t bytes)
{
    uint64_t unit = sizeof(struct raw_block) + BLOCK_SHARE * sizeof(struct raw_access);
    uint64_t blocks = bytes / unit;

    *d = (struct dictionary){.block = memory};
    d->block_max = blocks < UINT32_MAX / BLOCK_SHARE ? (uint32_t)blocks : UINT32_MAX / BLOCK_SHARE;
    d->access_max = BLOCK_SHARE * d->block_max;
    d->access = (struct raw_access *)(d->block + d->block_max);
}

static bool access_is_valid(const struct raw_access *a)
{
    return a->size >= 1 && a->size <= ACCESS_SIZE_MAX && a->kind <= ACCESS_WRITE &&
           (a->address_bytes == 4 || a->address_bytes == 8) && a->instruction < INSTRUCTIONS_MAX &&
           !(a->flags & ~(ACCESS_LOCKED | ACCESS_REP));
}

bool dictionary_add_accesses(struct dictionary *d, const struct raw_access *a, uint32_t count)
{
    if (count > d->access_max - d->access_count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct raw_access *entry = &d->access[d->access_count + i];
        *entry = a[i];
        if (!access_is_valid(entry))
            return false;
    }
    d->access_count += count;
    return true;
}

static bool lies_within(uint16_t offset, uint32_t bytes, const struct raw_block *b)
{
    return offset >= RAW_BLOCK_HEAD && offset + bytes <= b->bytes;
}

static bool block_is_valid(const struct dictionary *d, const struct raw_block *b)
{
    if (b->bytes < RAW_BLOCK_HEAD || b->bytes % 4 || b->first > d->access_count ||
        b->count > d->access_count - b->first || b->instructions > INSTRUCTIONS_MAX)
        return false;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct raw_access *a = &d->access[b->first + i];
        if (!lies_within(a->data, a->size, b) ||
            (a->address && !lies_within(a->address, a->address_bytes, b)))
            return false;
    }
    return true;
}

bool dictionary_add_blocks(struct dictionary *d, const struct raw_block *b, uint32_t count)
{
    if (count > d->block_max - d->block_count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct raw_block *entry = &d->block[d->block_count + i];
        *entry = b[i];
        if (!block_is_valid(d, entry))
            return false;
    }
    d->block_count += count;
    return true;
}

/* ---- after a reset ---- */

static uint32_t crc_more(uint32_t crc, const void *array, size_t size, uint32_t from, uint32_t to)
{
    return crc32c_more(crc, (const uint8_t *)array + from * size, (to - from) * size);
}

void dictionary_note(const struct dictionary *d, struct ring_notes *n)
{
    if (d->block_count < n->blocks || d->access_count < n->accesses) /* it began anew */
        n->blocks = n->accesses = n->blocks_crc = n->accesses_crc = 0;
    n->blocks_crc = crc_more(n->blocks_crc, d->block, sizeof(*d->block), n->blocks, d->block_count);
    n->accesses_crc = crc_more(n->accesses_crc, d->access, sizeof(*d->access), n->accesses, d->access_count);
    n->blocks = d->block_count;
    n->accesses = d->access_count;
}

static bool is_whole(const struct dictionary *d, const struct ring_notes *n)
{
    if (n->blocks > d->block_max || n->accesses > d->access_max ||
        n->blocks_crc != crc_more(0, d->block, sizeof(*d->block), 0, n->blocks) ||
        n->accesses_crc != crc_more(0, d->access, sizeof(*d->access), 0, n->accesses))
        return false;
    for (uint32_t i = 0; i < n->accesses; i++)
        if (!access_is_valid(&d->access[i]))
            return false;
    return true;
}

bool dictionary_find(struct dictionary *d, void *memory, uint64_t bytes, const struct ring_notes *n)
{
    dictionary_init(d, memory, bytes);
    if (!is_whole(d, n))
        return false;
    d->access_count = n->accesses;
    while (d->block_count < n->blocks && block_is_valid(d, &d->block[d->block_count]))
        d->block_count++;
    if (d->block_count == n->blocks)
        return true;
    dictionary_init(d, memory, bytes);
    return false;
}
