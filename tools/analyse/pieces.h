/* Where an access is in guest-virtual or guest-physical memory: one piece, or two where it goes on elsewhere.
 */
#ifndef ENGRAM_PIECES_H
#define ENGRAM_PIECES_H

#include "reader/decode.h"

struct piece {
    uint64_t address;
    unsigned bytes;
};

/* 0 when the physical address is not known. */
static inline unsigned pieces_of(const struct trace_item *item, bool physical, struct piece p[2])
{
    const struct access *a = &item->access;
    if (!physical) {
        p[0] = (struct piece){a->gva, a->size};
        return 1;
    }
    if (!item->gpa_known)
        return 0;
    unsigned here = a->flags & ACCESS_CROSSES ? 4096 - (unsigned)(a->gpa & 4095) : a->size;
    here = here < a->size ? here : a->size;
    p[0] = (struct piece){a->gpa, here};
    p[1] = (struct piece){a->gpa2, a->size - here};
    return here < a->size ? 2 : 1;
}

#endif
