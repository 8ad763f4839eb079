/* What proof.c (room, start, writes) and proof_compare.c (reads, differences, end) share. */
#ifndef ENGRAM_TRACE_PROOF_PARTS_H
#define ENGRAM_TRACE_PROOF_PARTS_H

#include "trace/proof.h"

#define PROOF_LINES (PROOF_PAGE / PROOF_LINE)
#define PROOF_OFFSET_MASK (PROOF_PAGE - 1ull)

/* The index of the address's page among all. False: it is not compared. */
static inline bool proof_find(struct proof *p, uint64_t address, uint64_t *index)
{
    uint64_t page = address >> PROOF_PAGE_SHIFT;
    const struct proof_range *r = p->last;
    if (!r)
        return false;
    if (page - r->first >= r->count) {
        for (r = p->range; r < p->range + p->ranges && page - r->first >= r->count; r++)
            ;
        if (r == p->range + p->ranges)
            return false;
        p->last = r;
    }
    *index = r->index + (page - r->first);
    return true;
}

/* How much of `bytes` lies on the address's page. */
static inline uint64_t proof_on_page(uint64_t address, uint64_t bytes)
{
    uint64_t room = PROOF_PAGE - (address & PROOF_OFFSET_MASK);
    return bytes < room ? bytes : room;
}

/* The page is written, or differs, from now on; what it was at the start is kept. */
void proof_touch(struct proof *p, uint64_t address, uint64_t index, uint8_t flag);

void proof_check_read(struct proof *p, uint64_t address, const uint8_t *data, uint64_t bytes, uint64_t event);

#endif
