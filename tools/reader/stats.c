/* Counts over all items. */
#include "reader/stats.h"

static void add_access(struct stats *s, const struct trace_item *item)
{
    const struct access *a = &item->access;
    s->accesses++;
    s->by_kind[a->kind]++;
    s->by_cause[a->kind][a->cause]++;
    s->by_size[a->kind][a->size]++;
    s->bytes[a->kind] += a->size;
    s->by_cpl[a->context & CONTEXT_CPL_MASK]++;
    s->without_data += !a->has_data;
    for (unsigned bit = 0; bit < 8; bit++)
        s->by_flag[bit] += (a->flags >> bit) & 1;
    if (item->icount_known) {
        if (!s->has_icount)
            s->icount_first = a->icount;
        s->has_icount = true;
        s->icount_last = a->icount;
    }
}

void stats_add(struct stats *s, const struct trace_item *item)
{
    s->items[item->kind]++;
    if (item->kind == ITEM_ACCESS)
        add_access(s, item);
    else if (item->kind == ITEM_LOSS)
        s->lost += item->count;
    else if (item->kind == ITEM_FILTER)
        s->filtered += item->count;
    if (item->tsc) {
        if (!s->tsc_first)
            s->tsc_first = item->tsc;
        s->tsc_last = item->tsc;
    }
}
