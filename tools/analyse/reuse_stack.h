/*
 * LRU stack distances: how many other keys were used since a key was used last. Exact as long as there are no
 * more than so many keys; then of those whose hash ends in zeros only, and what they tell stands for the
 * others as well (Waldspurger et al., SHARDS, FAST 2015).
 */
#ifndef ENGRAM_REUSE_STACK_H
#define ENGRAM_REUSE_STACK_H

#include "table.h"

#define REUSE_FIRST UINT64_MAX        /* never used before */
#define REUSE_UNSEEN (UINT64_MAX - 1) /* not among those that are looked at */

struct reuse_stack {
    struct table last;   /* key to its last time: uint32_t */
    uint64_t *used;      /* a bit per time: it is some key's last */
    uint32_t *sums;      /* Fenwick tree over the words of `used` */
    uint64_t *key_at;    /* by time */
    uint32_t time, room; /* times so far, and in all: a multiple of 64 */
    uint64_t newest;     /* the key used last */
    size_t keys_max;
    unsigned sampling; /* one key of 2^sampling */
};

void reuse_stack_init(struct reuse_stack *s, size_t keys_max);
void reuse_stack_free(struct reuse_stack *s);

/* Uses a key: its distance, which already stands for all keys, or REUSE_FIRST or REUSE_UNSEEN. */
uint64_t reuse_stack_use(struct reuse_stack *s, uint64_t key);

#endif
