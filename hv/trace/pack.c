#include "trace/pack.h"

#include "scratch.h"
#include "trace/bytes.h"

#include <string.h>

/* Raw bodies that were read out because their slots were needed: so far packing may lag behind. */
#define QUEUE 8u

struct raw_copy {
    uint64_t events;      /* that the engine said are in it */
    uint64_t lost_before; /* by other causes */
    uint32_t bytes;
    uint8_t body[RING_SEGMENT_MAX] __attribute__((aligned(8)));
};

static struct {
    struct pack_job job;
    struct pack_result *result;
    uint64_t slots;        /* in use at the start */
    uint64_t read, filled; /* slots whose raw bodies are read out, slots that were begun to be filled */
    unsigned copies, first;
    struct chunk_header *out;        /* the segment being written, or NULL */
    uint64_t told;                   /* losses that its header or those before it tell of */
    uint64_t lost_before, left, tsc; /* of the body being read; `left`: its events to come */
} pack;
static struct raw_copy queue[QUEUE] SCRATCH;

/* ---- input ---- */

/* The next slot's body into the queue. False: the queue is full. */
static bool read_out(void)
{
    const struct chunk_header *h = ring_segment(pack.job.ring, pack.read);
    if (pack.copies == QUEUE)
        return false;
    struct raw_copy *c = &queue[(pack.first + pack.copies++) % QUEUE];
    c->events = h->event_count;
    c->lost_before = h->lost_before;
    c->bytes = h->body_bytes;
    memcpy(c->body, h + 1, h->body_bytes);
    pack.read++;
    return true;
}

/* ---- output ---- */

static void close_out(void)
{
    struct chunk_header *h = pack.out;
    if (!h)
        return;
    if (pack.result->lost != pack.told)
        stream_end_loss(pack.job.stream, pack.result->lost - pack.told);
    pack.told = pack.result->lost;
    h->event_count = pack.result->events - h->first_event;
    uint32_t bytes = stream_bytes(pack.job.stream);
    stream_close(pack.job.stream);
    if (h == pack.job.ring->open)
        ring_close(pack.job.ring, bytes);
    else
        ring_set_packed(h, bytes);
    pack.out = NULL;
}

/* The slot that is filled next: its own raw body, where that is still there, has to be read out. NULL: there
 * is none. */
static struct chunk_header *next_slot(void)
{
    if (pack.filled >= pack.slots)
        return ring_open(pack.job.ring);
    if (pack.filled == pack.read && !read_out())
        return NULL;
    return ring_segment(pack.job.ring, pack.filled++);
}

/* False: there is no slot; the open segment stays. */
static bool next_segment(void)
{
    struct chunk_header *h = next_slot();
    if (!h)
        return false;
    close_out();
    pack.out = h;
    h->first_event = pack.result->events;
    h->lost_before = pack.lost_before + pack.result->lost;
    h->tsc = pack.tsc;
    stream_open(pack.job.stream, h + 1, ring_body_capacity(pack.job.ring), true, pack.tsc, NULL);
    return true;
}

/* ---- one after the other ---- */

/* The engine has counted it: it asks for the page alone (of an access on two it has asked exactly). */
static bool is_counted(const struct filter *f, const struct access *a)
{
    return filter_context(f, a->context, a->cr3) && filter_page(f, a->gva, a->gpa);
}

static bool passes(const struct access *a)
{
    return !pack.job.filter || filter_access(pack.job.filter, a);
}

/* False: the limit is reached. What the engine recorded beyond is nobody's loss. */
static bool is_wanted(void)
{
    if (pack.result->events < pack.job.limit)
        return true;
    pack.left = 0;
    return false;
}

/* What once had no place stays the last: a later access that has one would stand in a wrong one. */
static bool take_access(void *context, const struct access *a)
{
    bool *full = context, in = passes(a);
    if (!in && !is_counted(pack.job.filter, a))
        return true;
    if (pack.left == 0 || !is_wanted())
        return false;
    pack.left--;
    if (!in) {
        pack.result->filtered++;
        return true;
    }
    if (!*full &&
        (stream_access(pack.job.stream, a) || (next_segment() && stream_access(pack.job.stream, a)))) {
        pack.result->events++;
        return true;
    }
    *full = true;
    pack.result->lost++;
    return true;
}

/* False: `left` is used up. */
static bool take_run(void *context, const struct raw_run *run, const struct access *a, const struct access *b,
                     const uint8_t *data)
{
    const bool *full = context;
    const uint32_t elements = run->count * run->size;
    const uint64_t events = (uint64_t)run->count * (b ? 2 : 1);
    const struct stream_run r = {.a = a,
                                 .b = b,
                                 .count = run->count,
                                 .descends = run->what & RUN_DESCENDS,
                                 .one = run->what & RUN_ONE,
                                 .data = data,
                                 .data_b = run->what & RUN_B_DATA ? data + elements : NULL};
    if (*full || events > pack.left || pack.job.filter || events > pack.job.limit - pack.result->events ||
        !(stream_run(pack.job.stream, &r) || (next_segment() && stream_run(pack.job.stream, &r))))
        return raw_expand(run, a, b, data, take_access, context);
    pack.left -= events;
    pack.result->events += events;
    return true;
}

static void take_event(void *context, const struct hook_event *e, uint64_t tsc)
{
    pack.tsc = tsc;
    if (!*(bool *)context && !stream_event(pack.job.stream, e, tsc) && next_segment())
        stream_event(pack.job.stream, e, tsc);
}

static void take_time(void *context, uint64_t tsc)
{
    pack.tsc = tsc;
    if (!*(bool *)context)
        stream_time(pack.job.stream, tsc);
}

static void take_mark(void *context, uint8_t source, const char *text, uint32_t length)
{
    if (!*(bool *)context && !stream_mark(pack.job.stream, source, text, length) && next_segment())
        stream_mark(pack.job.stream, source, text, length);
}

/* The body at the head of the queue. */
static void pack_body(void)
{
    static const struct raw_sink sink = {
        .access = take_access, .run = take_run, .event = take_event, .time = take_time, .mark = take_mark};
    const struct raw_copy *c = &queue[pack.first];
    const struct raw_preamble *p = raw_preamble(c->body, c->bytes);
    uint32_t at;

    pack.left = c->events;
    pack.lost_before = c->lost_before;
    if (p && !pack.out) {
        stream_set_context(pack.job.stream, p->context, p->cr3, p->icount);
        pack.tsc = p->tsc;
    }
    bool full = !pack.out && !next_segment();
    bool ok = raw_read(pack.job.dictionary, c->body, c->bytes, &sink, &full, &at);
    if (!ok || pack.left)
        pack.result->damaged++;
    pack.result->lost += pack.left;
    pack.first = (pack.first + 1) % QUEUE;
    pack.copies--;
}

static uint64_t first_raw(const struct ring *ring)
{
    uint64_t i = 0, count = ring_count(ring);
    while (i < count && ring_segment(ring, i)->encoding != ENCODING_RAW)
        i++;
    return i;
}

void pack_ring(const struct pack_job *job, struct pack_result *result)
{
    struct ring *ring = job->ring;
    const uint64_t start = first_raw(ring), count = ring_count(ring);

    *result = (struct pack_result){.any = start < count};
    if (!result->any)
        return;
    result->events = ring_segment(ring, start)->first_event;
    pack.job = *job;
    pack.result = result;
    pack.slots = count;
    pack.read = pack.filled = start;
    pack.copies = pack.first = 0;
    pack.out = NULL;
    stream_close(job->stream);
    for (uint64_t i = start; i < count; i++) {
        if (pack.read == i)
            read_out();
        pack_body();
        if (pack.filled <= i + 1)
            close_out(); /* what comes next has its own slot */
        if (job->progress)
            job->progress(i + 1 - start, count - start);
    }
    close_out();
}

struct count {
    const struct filter *filter;
    uint64_t events;
};

static bool count_access(void *context, const struct access *a)
{
    struct count *c = context;
    c->events += !c->filter || filter_access(c->filter, a) || is_counted(c->filter, a);
    return true;
}

uint64_t pack_count(const struct dictionary *d, const struct filter *f, const uint8_t *body, uint32_t bytes)
{
    static const struct raw_sink sink = {.access = count_access};
    struct count count = {.filter = f};
    uint32_t at;
    raw_read(d, body, bytes, &sink, &count, &at);
    return count.events;
}
