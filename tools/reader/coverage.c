/* Bookkeeping of what is missing. */
#include "reader/coverage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_KNOWN GAP_NOT_KNOWN

static void insert_gap(struct coverage *c, size_t at, struct gap g)
{
    struct gap *more = c->gaps;
    if ((c->count & (c->count - 1)) == 0) /* room doubles at powers of two */
        more = realloc(c->gaps, (c->count ? 2 * c->count : 1) * sizeof(*more));
    if (!more) {
        c->no_memory = true;
        return;
    }
    c->gaps = more;
    memmove(more + at + 1, more + at, (c->count - at) * sizeof(*more));
    more[at] = g;
    c->count++;
}

static void append_gap(struct coverage *c, struct gap g)
{
    struct gap *last = c->count ? &c->gaps[c->count - 1] : NULL;
    if (last && last->cause == g.cause && last->end_event == g.first_event &&
        last->end_sequence == g.first_sequence) {
        last->end_event = g.end_event;
        last->end_sequence = g.end_sequence;
        return;
    }
    insert_gap(c, c->count, g);
}

bool coverage_add(struct coverage *c, const struct chunk_header *h, bool readable)
{
    uint64_t end_event = h->first_event + h->event_count;
    bool sane = end_event >= h->first_event && h->sequence != UINT64_MAX;
    if (!sane || (c->any && (h->sequence < c->next_sequence || h->first_event < c->next_event))) {
        c->disordered++;
        return false;
    }
    if (c->any && (h->sequence > c->next_sequence || h->first_event > c->next_event))
        append_gap(c, (struct gap){GAP_ABSENT, c->next_event, h->first_event, c->next_sequence, h->sequence});
    if (!c->any)
        c->first = *h;
    c->any = true;
    c->last = *h;
    c->next_event = end_event;
    c->next_sequence = h->sequence + 1;
    if (readable) {
        c->segments++;
        c->events += h->event_count;
    } else {
        append_gap(c, (struct gap){GAP_DAMAGED, h->first_event, end_event, h->sequence, h->sequence + 1});
    }
    return true;
}

/* Where the file should begin and end; NOT_KNOWN where nothing says so. */
struct limits {
    uint64_t first_event, end_event;
    uint64_t first_sequence, end_sequence;
    /* Of a part: where the whole begins and ends. */
    bool is_part;
    struct gap before, behind;
};

/* A part ends where it says, and the rest of the whole is elsewhere. */
static void limits_of_part(struct limits *l, const struct meta *meta)
{
    struct gap before = {.cause = GAP_OTHER_PART}, behind = before;
    uint64_t segments;
    l->is_part = meta_number(meta, "part.end_event", &behind.first_event) &&
                 meta_number(meta, "part.end_sequence", &behind.first_sequence) &&
                 meta_number(meta, "whole.first_event", &before.first_event) &&
                 meta_number(meta, "whole.first_sequence", &before.first_sequence) &&
                 meta_number(meta, "whole.segments", &segments) && l->first_event != NOT_KNOWN &&
                 l->first_sequence != NOT_KNOWN && before.first_event <= l->first_event;
    if (!l->is_part)
        return;
    before.end_event = l->first_event;
    before.end_sequence = l->first_sequence;
    behind.end_event = l->end_event;
    behind.end_sequence = before.first_sequence + segments;
    l->end_event = behind.first_event;
    l->end_sequence = behind.first_sequence;
    l->before = before;
    l->behind = behind;
}

static struct limits limits_of(const struct meta *meta, const struct dump_facts *dump)
{
    struct limits l = {NOT_KNOWN, NOT_KNOWN, NOT_KNOWN, NOT_KNOWN, false, {0}, {0}};
    uint64_t segments;
    meta_number(meta, "first_event", &l.first_event);
    meta_number(meta, "events", &l.end_event);
    if (meta_number(meta, "first_sequence", &l.first_sequence)) {
        if (meta_number(meta, "segments", &segments) && segments < NOT_KNOWN - l.first_sequence)
            l.end_sequence = l.first_sequence + segments;
        if (l.first_sequence == 0 && l.first_event == NOT_KNOWN)
            l.first_event = 0;
    }
    limits_of_part(&l, meta);
    if (dump && (l.first_event == NOT_KNOWN || dump->first_event < l.first_event))
        l.first_event = dump->first_event;
    if (dump && (l.end_event == NOT_KNOWN || dump->end_event > l.end_event))
        l.end_event = dump->end_event;
    return l;
}

/* Before the first segment seen: overwritten by the ring up to where the file should begin, then absent. */
static void finish_start(struct coverage *c, const struct limits *l)
{
    uint64_t sequence = c->first.sequence, event = c->first.first_event;
    uint64_t kept = l->first_sequence, kept_event = l->first_event;
    if (kept == sequence)
        kept_event = event;
    if (sequence == 0 && event == 0)
        return;
    if (kept_event == NOT_KNOWN || kept_event > event || (kept != NOT_KNOWN && kept > sequence)) {
        insert_gap(c, 0, (struct gap){GAP_UNKNOWN, 0, event, 0, sequence});
        return;
    }
    if (kept_event < event || (kept != NOT_KNOWN && kept < sequence))
        insert_gap(c, 0, (struct gap){GAP_ABSENT, kept_event, event, kept, sequence});
    if (l->is_part) {
        kept_event = l->before.first_event;
        kept = l->before.first_sequence;
        if (l->before.end_event > l->before.first_event)
            insert_gap(c, 0, l->before);
    }
    if (kept_event > 0 || (kept != NOT_KNOWN && kept > 0))
        insert_gap(c, 0,
                   (struct gap){GAP_OVERWRITTEN, 0, kept_event, kept == NOT_KNOWN ? NOT_KNOWN : 0, kept});
}

/* No segment was seen: all there should be is absent, and where that begins may be unknown. */
static void finish_empty(struct coverage *c, const struct limits *l)
{
    if (l->first_event == NOT_KNOWN)
        return;
    c->next_event = l->first_event;
    c->next_sequence = l->first_sequence;
    if (l->first_event > 0)
        append_gap(c, (struct gap){GAP_OVERWRITTEN, 0, l->first_event,
                                   l->first_sequence == NOT_KNOWN ? NOT_KNOWN : 0, l->first_sequence});
}

static void finish_end(struct coverage *c, const struct limits *l, bool nothing_known)
{
    struct gap g = {GAP_ABSENT, c->next_event, c->next_event, c->next_sequence, c->next_sequence};
    if (l->end_event != NOT_KNOWN && l->end_event > g.first_event) {
        g.end_event = l->end_event;
        g.end_sequence = l->end_sequence;
    }
    if (l->end_sequence != NOT_KNOWN && (g.first_sequence == NOT_KNOWN || l->end_sequence > g.first_sequence))
        g.end_sequence = l->end_sequence;
    if (nothing_known) {
        g.cause = GAP_UNKNOWN;
        g.end_event = g.end_sequence = NOT_KNOWN;
    } else if (!c->any && l->first_event == NOT_KNOWN) {
        g.cause = GAP_UNKNOWN;
    }
    if (g.end_event != g.first_event || g.end_sequence != g.first_sequence)
        append_gap(c, g);
}

void coverage_finish(struct coverage *c, const struct meta *meta, const struct dump_facts *dump)
{
    struct limits l = limits_of(meta, dump);
    if (c->any)
        finish_start(c, &l);
    else
        finish_empty(c, &l);
    finish_end(c, &l, meta->count == 0 && !dump);
    if (l.is_part && l.behind.end_event != NOT_KNOWN && l.behind.end_event > l.behind.first_event)
        append_gap(c, l.behind);
}

void coverage_free(struct coverage *c)
{
    free(c->gaps);
    *c = (struct coverage){0};
}

uint64_t coverage_missing(const struct coverage *c, enum gap_cause cause, bool *exact)
{
    uint64_t n = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->gaps[i].cause != cause)
            continue;
        if (c->gaps[i].end_event == NOT_KNOWN)
            *exact = false;
        else
            n += c->gaps[i].end_event - c->gaps[i].first_event;
    }
    return n;
}

const char *gap_cause_text(enum gap_cause cause)
{
    static const char *const text[GAP_CAUSES] = {
        [GAP_OVERWRITTEN] = "overwritten, the ring had wrapped",
        [GAP_DAMAGED] = "damaged in the file",
        [GAP_ABSENT] = "not in the file",
        [GAP_OTHER_PART] = "in another part of the trace",
        [GAP_UNKNOWN] = "overwritten or not in the file, which cannot be told",
    };
    return text[cause];
}

static int describe_range(const char *name, uint64_t first, uint64_t end, char *text, size_t bytes)
{
    if (first == NOT_KNOWN && end == NOT_KNOWN)
        return snprintf(text, bytes, "%ss not known", name);
    if (first == NOT_KNOWN)
        return snprintf(text, bytes, "%ss before %" PRIu64, name, end);
    if (end == NOT_KNOWN)
        return snprintf(text, bytes, "%ss from %" PRIu64 " on", name, first);
    if (end == first)
        return snprintf(text, bytes, "no %ss", name);
    if (end - first == 1)
        return snprintf(text, bytes, "%s %" PRIu64, name, first);
    return snprintf(text, bytes, "%ss %" PRIu64 " to %" PRIu64 " (%" PRIu64 ")", name, first, end - 1,
                    end - first);
}

void gap_describe(const struct gap *g, char *text, size_t bytes)
{
    char events[100], segments[100];
    describe_range("event", g->first_event, g->end_event, events, sizeof(events));
    describe_range("segment", g->first_sequence, g->end_sequence, segments, sizeof(segments));
    snprintf(text, bytes, "%s, %s: %s", events, segments, gap_cause_text(g->cause));
}
