/*
 * The hook: gives the packet stream one segment of the ring after the other and
 * keeps the accounts. Every access handed in is either recorded or counted as
 * lost; first_event, event_count and lost_before of the segments follow from that.
 */
#include "trace/hook.h"

#include "trace/bytes.h"
#include "trace/filter.h"
#include "trace/pack.h"
#include "trace/ring.h"
#include "trace/stream.h"

#include <string.h>

#define STAMP_EVERY 1024u /* events: a TIME packet (and the filter's count), a byte in a hundred accesses */

static struct {
    struct ring *ring;
    const struct filter *filter; /* NULL: everything passes */
    struct hook_clock clock;
    uint64_t events, lost, filtered;
    uint64_t limit;             /* events: none is recorded beyond */
    uint64_t reported_filtered; /* what FILTER packets have said so far */
    uint64_t reported_lost;     /* what LOSS packets and the open segment's lost_before have said */
    void *(*raw_claim)(uint32_t bytes);
    bool raw_open;
    uint64_t damaged; /* raw segments that could not be read to their end */
    bool stopped;
} hook;

static struct stream stream;

void hook_init(struct ring *ring, const struct hook_clock *clock)
{
    hook.ring = ring;
    hook.filter = NULL;
    hook.clock = *clock;
    hook.events = hook.lost = hook.filtered = 0;
    hook.limit = UINT64_MAX;
    hook.reported_filtered = hook.reported_lost = 0;
    hook.raw_claim = NULL;
    hook.damaged = 0;
    hook.stopped = false;
    stream_close(&stream);
}

/* ---- segments --------------------------------------------------------------- */

static void report_filtered(void)
{
    if (hook.filtered != hook.reported_filtered)
        stream_end_filter(&stream, hook.filtered - hook.reported_filtered);
    hook.reported_filtered = hook.filtered;
}

static void report_lost(void)
{
    if (hook.lost != hook.reported_lost)
        stream_end_loss(&stream, hook.lost - hook.reported_lost);
    hook.reported_lost = hook.lost;
}

static void close_segment(void)
{
    struct chunk_header *segment = hook.ring->open;

    if (!segment)
        return;
    report_filtered();
    report_lost();
    segment->event_count = hook.events - segment->first_event;
    ring_close(hook.ring, stream_bytes(&stream));
    stream_close(&stream);
}

/* Closes the open segment and opens the next, whose first access is `first` if that is not NULL. False: ring
 * full. */
static bool next_segment(const struct access *first)
{
    close_segment();
    if (hook.stopped)
        return false;

    struct chunk_header *segment = ring_open(hook.ring);
    if (!segment)
        return false;
    segment->first_event = hook.events;
    segment->lost_before = hook.lost;
    segment->tsc = hook.clock.tsc();
    hook.reported_lost = hook.lost;
    stream_open(&stream, segment + 1, ring_body_capacity(hook.ring), hook.clock.has_icount, segment->tsc,
                first);
    return true;
}

/* ---- recording -------------------------------------------------------------- */

/* Time and filter counts from time to time; where a segment has no room left, the next one tells the time. */
static void stamp(void)
{
    stream_time(&stream, hook.clock.tsc());
    if (hook.filtered != hook.reported_filtered &&
        stream_filter(&stream, hook.filtered - hook.reported_filtered))
        hook.reported_filtered = hook.filtered;
}

static __attribute__((noinline)) bool access_in_next_segment(const struct access *a)
{
    if (!stream_accepts(a) || !next_segment(a) || !stream_access(&stream, a)) {
        hook.lost++;
        return false;
    }
    hook.events++;
    return true;
}

void hook_context(uint8_t context, uint64_t cr3)
{
    if (!hook.ring->open)
        stream_set_context(&stream, context, cr3, 0);
}

void hook_limit(uint64_t events)
{
    hook.limit = events ? events : UINT64_MAX;
}

void hook_set_filter(const struct filter *f)
{
    hook.filter = f && !filter_is_empty(f) ? f : NULL;
}

bool hook_access(const struct access *a)
{
    if (__builtin_expect(hook.events >= hook.limit, 0))
        return true;
    if (__builtin_expect(hook.filter && !filter_access(hook.filter, a), 0)) {
        hook.filtered++;
        return true;
    }
    if (__builtin_expect(!stream_access(&stream, a), 0))
        return access_in_next_segment(a);
    if (__builtin_expect(++hook.events % STAMP_EVERY == 0, 0))
        stamp();
    return true;
}

void hook_event(const struct hook_event *e)
{
    uint64_t tsc = hook.clock.tsc();

    if (!stream_event(&stream, e, tsc) && next_segment(NULL))
        stream_event(&stream, e, tsc);
}

static void mark_raw(uint8_t source, const char *text, uint32_t length)
{
    uint8_t *to =
        hook.raw_claim ? hook.raw_claim((uint32_t)sizeof(struct raw_mark) + raw_padded(length)) : NULL;
    struct raw_mark mark = {.id = RAW_MARK, .bytes = (uint16_t)length, .source = source};

    if (!to)
        return;
    memcpy(to, &mark, sizeof(mark));
    memcpy(to + sizeof(mark), text, length);
}

void hook_mark(uint8_t source, const char *text, uint64_t length)
{
    if (hook.raw_open) {
        mark_raw(source, text, (uint32_t)text_cut(text, length, STREAM_TEXT_MAX));
        return;
    }
    do {
        uint32_t part = (uint32_t)text_cut(text, length, STREAM_TEXT_MAX);
        if (!stream_mark(&stream, source, text, part) &&
            !(next_segment(NULL) && stream_mark(&stream, source, text, part)))
            return;
        text += part;
        length -= part;
    } while (length);
}

/* ---- raw segments ----------------------------------------------------------- */

void hook_raw_claim(void *(*claim)(uint32_t bytes))
{
    hook.raw_claim = claim;
}

unsigned hook_raw_open(struct chunk_header **segment, unsigned most)
{
    unsigned n = 0;

    if (hook.stopped)
        return 0;
    while (n < most && (segment[n] = ring_open(hook.ring)) != NULL)
        n++;
    hook.raw_open = n != 0;
    return n;
}

static void close_raw(const struct raw_use *use)
{
    uint32_t capacity = ring_body_capacity(hook.ring);
    struct chunk_header facts = {.first_event = hook.events,
                                 .event_count = use->events,
                                 .lost_before = hook.lost,
                                 .tsc = hook.clock.tsc()};

    ring_close_raw(hook.ring, &facts, use->bytes < capacity ? use->bytes : capacity);
    hook.events += use->events;
    hook.filtered += use->filtered;
    hook.reported_lost = hook.lost;
}

void hook_raw_close(const struct raw_use *use, unsigned count)
{
    for (unsigned i = 0; i < count && use[i].bytes && hook.ring->open; i++)
        close_raw(&use[i]);
    ring_give_back(hook.ring);
    hook.raw_open = false;
}

uint64_t hook_raw_count(const struct dictionary *d, const uint8_t *body, uint32_t bytes)
{
    return pack_count(d, hook.filter, body, bytes);
}

void hook_raw_lost(uint64_t events)
{
    hook.lost += events;
}

void hook_pack(const struct dictionary *d, void (*progress)(uint64_t done, uint64_t all))
{
    struct pack_result result;

    const struct pack_job job = {.ring = hook.ring,
                                 .dictionary = d,
                                 .stream = &stream,
                                 .filter = hook.filter,
                                 .limit = hook.limit,
                                 .progress = progress};
    pack_ring(&job, &result);
    if (!result.any)
        return;
    hook.events = result.events;
    hook.filtered += result.filtered;
    hook.lost += result.lost;
    hook.reported_lost += result.lost; /* by the segments themselves */
    hook.damaged += result.damaged;
}

uint64_t hook_damaged(void)
{
    return hook.damaged;
}

void hook_filtered(uint64_t count)
{
    hook.filtered += count;
}

void hook_stop(const char *why)
{
    if (hook.stopped)
        return;
    if (!hook.ring->open && !next_segment(NULL)) {
        /* The ring is full: its last segment has kept room for this. */
        struct chunk_header *last = ring_reopen(hook.ring);
        if (last)
            stream_reopen(&stream, last + 1, ring_body_capacity(hook.ring), last->body_bytes);
    }
    if (hook.ring->open) {
        report_filtered();
        report_lost();
        stream_end_stop(&stream, why);
        close_segment();
    }
    hook.stopped = true;
}

uint64_t hook_events(void)
{
    return hook.events;
}
uint64_t hook_lost(void)
{
    return hook.lost;
}
uint64_t hook_filtered_total(void)
{
    return hook.filtered;
}
