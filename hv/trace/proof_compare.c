/* Reads and memory held against the copy: on the way, where that can be done, and at the end. */
#include "trace/proof.h"

#include "trace/bytes.h"
#include "trace/proof_parts.h"

#include <string.h>

#define AT_THE_END UINT64_MAX /* instead of an event */

static struct proof_sample *sample(struct proof *p, enum proof_difference kind, uint64_t address,
                                   uint64_t writer)
{
    static struct proof_sample spare;
    struct proof_result *r = &p->result;
    struct proof_sample *s = r->samples < PROOF_SAMPLES ? &r->sample[r->samples++] : &spare;
    *s = (struct proof_sample){.kind = kind, .address = address, .writer = writer};
    return s;
}

static void sample_bytes(struct proof *p, enum proof_difference kind, uint64_t address, uint64_t index,
                         const uint8_t *expected, const uint8_t *found, unsigned bytes, uint64_t event)
{
    uint64_t line = (address & PROOF_OFFSET_MASK) / PROOF_LINE;
    struct proof_sample *s = sample(p, kind, address, p->writer[index * PROOF_LINES + line]);
    s->event = event;
    s->bytes = (uint8_t)bytes;
    memcpy(s->expected, expected, bytes);
    memcpy(s->found, found, bytes);
}

/* ---- reads ---- */

void proof_check_read(struct proof *p, uint64_t address, const uint8_t *data, uint64_t bytes, uint64_t event)
{
    while (bytes) {
        uint64_t part = proof_on_page(address, bytes < PROOF_WORD ? bytes : PROOF_WORD), index;
        if (!proof_find(p, address, &index))
            return;
        const uint8_t *expected = p->copy + index * PROOF_PAGE + (address & PROOF_OFFSET_MASK);
        if (!same_bytes(expected, data, part)) {
            sample_bytes(p, DIFFERENT_READ, address, index, expected, data, (unsigned)part, event);
            p->result.different_reads++;
            return;
        }
        address += part;
        data += part;
        bytes -= part;
    }
}

/* ---- memory ---- */

static bool is_table_bits(unsigned offset, uint8_t expected, uint8_t found)
{
    const uint8_t accessed_dirty = 0x60, change = expected ^ found;
    return offset % 4 == 0 && (change & ~accessed_dirty) == 0 && (found & change) == change;
}

/* A word, or less of one, that is not as it should be. From now on it is: what is counted once is not counted
 * again. */
static void differs(struct proof *p, uint64_t address, uint64_t index, unsigned bytes, uint64_t event)
{
    const unsigned offset = (unsigned)(address & PROOF_OFFSET_MASK);
    uint8_t *expected = p->copy + index * PROOF_PAGE + offset;
    const uint8_t *found = p->memory + address;
    const bool written = p->writer[index * PROOF_LINES + offset / PROOF_LINE] != 0;
    proof_touch(p, address, index, PROOF_DIFFERS);
    for (unsigned i = 0; i < bytes; i++) {
        if (expected[i] == found[i])
            continue;
        p->result.different_bytes++;
        if (is_table_bits(offset + i, expected[i], found[i]))
            p->result.different_table_bits++;
        else
            p->result.different_unwritten += !written;
    }
    sample_bytes(p, event == AT_THE_END ? DIFFERENT_MEMORY : DIFFERENT_EARLIER, address, index, expected,
                 found, bytes, event);
    memcpy(expected, found, bytes);
}

/* One step an iteration where CPL 0 is emulated, where a loop would take six. */
static bool is_same_page(const void *a, const void *b)
{
    uint64_t words = PROOF_PAGE / 8;
    bool same;
    __asm__ volatile("repe cmpsq" : "+S"(a), "+D"(b), "+c"(words), "=@cce"(same) : : "memory");
    return same;
}

static void compare_page(struct proof *p, uint64_t address, uint64_t index, uint64_t event)
{
    const uint8_t *found = p->memory + address, *expected = p->copy + index * PROOF_PAGE;
    if (is_same_page(found, expected))
        return;
    for (unsigned i = 0; i < PROOF_PAGE; i += PROOF_WORD)
        if (load64(found + i) != load64(expected + i))
            differs(p, address + i, index, PROOF_WORD, event);
}

void proof_overwrite(struct proof *p, uint64_t address, uint64_t bytes, uint64_t event)
{
    while (bytes) {
        uint64_t to_word = PROOF_WORD - address % PROOF_WORD, part = bytes < to_word ? bytes : to_word, index;
        if (p->copy && proof_find(p, address, &index) &&
            !same_bytes(p->copy + index * PROOF_PAGE + (address & PROOF_OFFSET_MASK), p->memory + address,
                        part))
            differs(p, address, index, (unsigned)part, event);
        address += part;
        bytes -= part;
    }
}

void proof_checkpoint(struct proof *p, uint64_t event)
{
    uint64_t index;
    for (uint32_t i = 0; i < p->recents; i++) {
        if (!proof_find(p, p->recent[i], &index))
            continue;
        p->flags[index] &= (uint8_t)~PROOF_RECENT;
        if (p->copy)
            compare_page(p, p->recent[i], index, event);
    }
    p->recents = 0;
}

/* ---- the end ---- */

const char *proof_refusal(bool writes, const struct filter *filter)
{
    if (!writes)
        return "writes are not recorded";
    return filter_is_empty(filter) ? NULL : "a filter keeps writes out";
}

/* Of a page that was written a digest says nothing. */
static void compare_digest(struct proof *p, uint64_t address, uint64_t index)
{
    if (p->flags[index] & PROOF_WRITTEN) {
        p->result.unproved++;
        return;
    }
    if (p->start[index] == proof_digest(p->memory + address))
        return;
    proof_touch(p, address, index, PROOF_DIFFERS);
    sample(p, DIFFERENT_PAGE, address, 0);
}

static const char *objection(const struct proof *p, uint64_t lost)
{
    if (!p->begun)
        return "recording never started";
    if (lost)
        return "events were lost: the ring was full";
    if (p->unread)
        return "a segment could not be read: an error of the engine";
    if (p->without_data)
        return "there are writes without data";
    return NULL;
}

void proof_end(struct proof *p, uint64_t lost)
{
    p->result.objection = objection(p, lost);
    for (uint32_t i = 0; i < p->ranges && !p->result.objection; i++) {
        const struct proof_range *r = &p->range[i];
        for (uint64_t k = 0; k < r->count; k++) {
            uint64_t address = (r->first + k) << PROOF_PAGE_SHIFT;
            if (p->copy)
                compare_page(p, address, r->index + k, AT_THE_END);
            else
                compare_digest(p, address, r->index + k);
        }
    }
}

void proof_void(struct proof *p, const char *why)
{
    p->result.objection = why;
}
