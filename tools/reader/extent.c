/* The first and the last access of a slice. */
#include "reader/extent.h"
#include "reader/walk.h"

#include <errno.h>

static void look(struct extent *e, const struct trace_item *item)
{
    uint64_t time = item->icount_known ? item->access.icount : item->number;
    if (!e->any) {
        *e = (struct extent){
            .any = true, .first_event = item->number, .first_time = time, .has_icount = item->icount_known};
    }
    if (item->number >= e->end_event)
        e->end_event = item->number + 1;
    if (time >= e->end_time) /* counts of a damaged trace may be any */
        e->end_time = time < UINT64_MAX ? time + 1 : time;
}

/* A part of a trace says how far the whole goes, so that all parts have the same time. */
static void look_at_whole(struct extent *e, const struct meta *meta)
{
    uint64_t first, end;
    if (!meta_number(meta, "whole.first_time", &first) || !meta_number(meta, "whole.end_time", &end) ||
        end < first)
        return;
    e->first_time = first < e->first_time ? first : e->first_time;
    e->end_time = end > e->end_time ? end : e->end_time;
}

/* Looks at the slice's accesses, at the first one alone or at all of them. */
static bool look_at(struct extent *e, const struct trace_source *source, const struct slice *slice,
                    bool first)
{
    struct walk w;
    const struct walk_handler handler = {.slice = slice};
    struct walker *k = walk_begin(source, &handler, &w);
    const struct trace_item *item;
    while (k && (item = walk_next(k)))
        if (item->kind == ITEM_ACCESS) {
            look(e, item);
            if (first)
                break;
        }
    if (first && slice_is_all(slice))
        look_at_whole(e, &w.meta);
    bool sound = k && walk_end(k);
    errno = sound ? errno : w.io_error;
    walk_free(&w);
    return sound;
}

/* From the last entries of the index before the slice's end on; when nothing can be read there, from farther
 * back. */
static bool look_at_end(struct extent *e, const struct trace_source *source, const struct slice *slice)
{
    struct trace_index x;
    if (!index_build(&x, source))
        return false;
    bool sound = true;
    struct slice tail = *slice;
    size_t at = x.count;
    if (slice->to.kind == POSITION_EVENT)
        at = index_find_event(&x, slice->to.value) + 1;
    else if (slice->to.kind == POSITION_ICOUNT)
        at = index_find_icount(&x, slice->to.value) + 1;
    else if (slice->to.kind == POSITION_SHARE)
        at = index_find_event(&x, index_event_at_share(&x, slice->to.value)) + 1;
    uint64_t before = e->end_event;
    for (size_t back = 1; sound && e->end_event == before && at; back *= 2) {
        at = at > back ? at - back : 0;
        if (x.count == 0 || x.entries[at].first_event <= e->first_event) {
            sound = look_at(e, source, slice, false);
            break;
        }
        tail.from = (struct position){POSITION_EVENT, x.entries[at].first_event};
        sound = look_at(e, source, &tail, false);
    }
    index_free(&x);
    return sound;
}

bool extent_of(struct extent *e, const struct trace_source *source, const struct slice *slice)
{
    static const struct slice all;
    *e = (struct extent){0};
    if (!look_at(e, source, slice ? slice : &all, true))
        return false;
    return !e->any || look_at_end(e, source, slice ? slice : &all);
}
