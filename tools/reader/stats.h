/* Counts over all items of a trace, for `engram info`. */
#ifndef ENGRAM_STATS_H
#define ENGRAM_STATS_H

#include "reader/decode.h"

struct stats {
    uint64_t accesses;
    uint64_t by_kind[2];
    uint64_t by_cause[2][8];                  /* kind, cause */
    uint64_t by_size[2][ACCESS_SIZE_MAX + 1]; /* kind, bytes */
    uint64_t bytes[2];                        /* by kind */
    uint64_t by_flag[8];                      /* bit number */
    uint64_t by_cpl[4];
    uint64_t without_data;
    uint64_t items[ITEM_KINDS];
    uint64_t lost, filtered; /* sums of LOSS and FILTER packets */
    bool has_icount;
    uint64_t icount_first, icount_last;
    uint64_t tsc_first, tsc_last; /* over SYNC, TIME and EVENT; 0: none */
};

void stats_add(struct stats *s, const struct trace_item *item);

#endif
