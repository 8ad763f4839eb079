/* Positions, and what of a file lies between two of them. */
#include "reader/slice.h"
#include "text.h"

#include <string.h>

#define MILLION 1000000u

/* "12.5%" in millionths of the whole. */
static bool parse_share(const char *s, uint64_t *value)
{
    uint64_t whole = 0, part = 0, unit = MILLION / 100;
    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9' && whole <= 100; s++)
        whole = 10 * whole + (uint64_t)(*s - '0');
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++) {
            unit /= 10;
            part += unit * (uint64_t)(*s - '0');
        }
    *value = whole * (MILLION / 100) + part;
    return strcmp(s, "%") == 0 && *value <= MILLION;
}

bool position_parse(const char *s, struct position *p)
{
    size_t n = strlen(s);
    if (strncmp(s, "i:", 2) == 0) {
        p->kind = POSITION_ICOUNT;
        return parse_number(s + 2, &p->value);
    }
    if (n && s[n - 1] == '%') {
        p->kind = POSITION_SHARE;
        return parse_share(s, &p->value);
    }
    p->kind = POSITION_EVENT;
    return parse_number(s, &p->value);
}

bool slice_is_all(const struct slice *s)
{
    return !s || (s->from.kind == POSITION_NONE && s->to.kind == POSITION_NONE && s->part_of == 0);
}

void slice_bounds_all(struct slice_bounds *b)
{
    *b = (struct slice_bounds){
        .end_event = UINT64_MAX, .end_icount = UINT64_MAX, .inside_end = UINT64_MAX, .entered = true};
}

/* Instruction counts also say between which events a look at each one's count is not needed. */
static void resolve_from(const struct position *p, const struct trace_index *x, struct slice_bounds *b)
{
    if (p->kind == POSITION_EVENT || p->kind == POSITION_SHARE) {
        b->first_event = p->kind == POSITION_EVENT ? p->value : index_event_at_share(x, p->value);
        b->inside_event = b->first_event;
        if (x->count)
            b->offset = x->entries[index_find_event(x, b->first_event)].offset;
    } else if (p->kind == POSITION_ICOUNT) {
        b->first_icount = p->value;
        b->entered = p->value == 0;
        size_t at = index_find_icount(x, p->value);
        b->inside_event = UINT64_MAX;
        if (x->count)
            b->offset = x->entries[at].offset;
        for (size_t i = at; i < x->count && b->inside_event == UINT64_MAX; i++)
            if (x->entries[i].icount >= p->value)
                b->inside_event = x->entries[i].first_event;
    }
}

static void resolve_to(const struct position *p, const struct trace_index *x, struct slice_bounds *b)
{
    if (p->kind == POSITION_EVENT || p->kind == POSITION_SHARE) {
        b->end_event = p->kind == POSITION_EVENT ? p->value : index_event_at_share(x, p->value);
        b->inside_end = b->end_event;
    } else if (p->kind == POSITION_ICOUNT) {
        b->end_icount = p->value;
        size_t at = index_find_icount(x, p->value);
        b->inside_end = at < x->count && x->entries[at].icount < p->value ? x->entries[at].first_event : 0;
    }
}

/* A part lies between two segments. */
static void resolve_part(const struct slice *s, const struct trace_index *x, struct slice_bounds *b)
{
    uint64_t low = b->first_event, high = b->end_event;
    if (s->part_of == 0 || x->count == 0)
        return;
    if (s->from.kind == POSITION_ICOUNT)
        low = x->entries[index_find_icount(x, s->from.value)].first_event;
    if (s->to.kind == POSITION_ICOUNT && b->inside_end > low)
        high = b->inside_end;
    uint64_t first = index_part(x, low, high, s->part, s->part_of);
    if (s->part > 0) {
        b->first_event = first;
        b->offset = x->entries[index_find_event(x, first)].offset;
        b->inside_event = b->inside_event < first ? first : b->inside_event;
    }
    if (s->part + 1 < s->part_of) {
        b->end_event = index_part(x, low, high, s->part + 1, s->part_of);
        b->inside_end = b->inside_end < b->end_event ? b->inside_end : b->end_event;
    }
}

bool slice_resolve(const struct slice *s, const struct trace_source *source, struct slice_bounds *b,
                   const char **why)
{
    struct trace_index x;
    if (!index_build(&x, source))
        return false;
    bool by_icount = s->from.kind == POSITION_ICOUNT || s->to.kind == POSITION_ICOUNT;
    slice_bounds_all(b);
    b->offset = x.count ? x.entries[0].offset : source->size;
    *why = by_icount && x.count && !x.has_icount ? "the trace has no instruction counts to begin or end at"
                                                 : NULL;
    if (!*why) {
        resolve_from(&s->from, &x, b);
        resolve_to(&s->to, &x, b);
        resolve_part(s, &x, b);
    }
    index_free(&x);
    return true;
}

bool slice_bounds_cut(const struct slice_bounds *b, uint64_t first_event, uint64_t event_count)
{
    return first_event < b->inside_event || first_event + event_count >= b->inside_end;
}

bool slice_bounds_behind(const struct slice_bounds *b, const struct chunk_header *h)
{
    return h->first_event >= b->end_event;
}

enum slice_place slice_bounds_place(struct slice_bounds *b, const struct trace_item *item)
{
    if (item->number < b->first_event)
        return SLICE_BEFORE;
    if (item->number >= b->end_event)
        return SLICE_BEHIND;
    if (item->kind == ITEM_ACCESS) {
        if (item->access.icount < b->first_icount)
            return SLICE_BEFORE;
        if (item->access.icount >= b->end_icount)
            return SLICE_BEHIND;
        b->entered = true;
    }
    return b->entered ? SLICE_IN : SLICE_BEFORE;
}
