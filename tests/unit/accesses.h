/* Pseudo-random accesses: a program with loops over arrays, stacks, wide data and odd ones in between. */
#ifndef ENGRAM_TESTS_ACCESSES_H
#define ENGRAM_TESTS_ACCESSES_H

#include "unit.h"

#include "trace/access.h"

struct source {
    uint64_t seed;
    uint64_t icount;
    uint64_t cr3;
    unsigned rips; /* how many places in the code there are */
    uint64_t turn;
};

static inline uint64_t source_random(struct source *s)
{
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    return s->seed;
}

/* The mapping of a test's guest: any function of page and CR3, changed now and then by `remaps`. */
static inline uint64_t source_frame(uint64_t page, uint64_t cr3)
{
    return (page * 7 + (cr3 >> 12)) & 0xffffffffffull;
}

static inline struct access source_next(struct source *s)
{
    static const uint8_t sizes[] = {1, 2, 4, 4, 4, 8, 8, 8, 3, 6, 10, 16, 32, 64, 28};
    struct access a = {0};
    uint64_t place = s->turn++ % 3 ? s->turn % s->rips : source_random(s) % s->rips;
    uint64_t r = source_random(s);

    memset(a.data, 0xee, sizeof(a.data)); /* what lies behind the data must not matter */
    if (r % 97 == 0)
        s->cr3 = (r >> 20 & 3) << 12;
    a.rip = 0xffffffff81000000ull + place * 5;
    a.size = sizes[place % sizeof(sizes)];
    a.kind = place % 5 != 0;
    a.cause = place % 11 == 0 ? (uint8_t)(place % 6) : 0;
    a.vector = a.cause == CAUSE_EXCEPTION || a.cause == CAUSE_INTERRUPT ? 14 : 0;
    a.flags = place % 7 == 0 ? ACCESS_LOCKED | ACCESS_MMIO : 0;
    a.context = (uint8_t)(r >> 30 & 0x1f) & (r % 89 == 0 ? 0x1f : 0);
    a.cr3 = s->cr3;
    a.gva = r % 4 ? 0x7fff00000000ull + place * 4096 + s->turn * a.size % 2048 : r >> (r & 63);
    if (r % 1013 == 0)
        a.gva = UINT64_MAX - (r >> 32) % 4096;
    a.gva -= a.gva % a.size; /* may still cross */
    if ((a.gva & 4095) + a.size > 4096) {
        a.flags |= ACCESS_CROSSES;
        a.gpa2 = source_frame(((a.gva >> 12) + 1) & ((1ull << 52) - 1), a.cr3) << 12;
    }
    a.gpa = source_frame(a.gva >> 12, a.cr3) << 12 | (a.gva & 4095);
    s->icount += r % 61 ? r >> 60 : r >> 20;
    a.icount = s->icount;
    a.has_data = place % 13 != 0;
    uint64_t value = r % 6 == 0 ? 0 : r % 6 < 4 ? s->turn * 3 : source_random(s);
    if (a.has_data)
        for (unsigned i = 0; i < a.size; i++)
            a.data[i] = (uint8_t)(value >> 8 * (i % 8));
    return a;
}

#endif
