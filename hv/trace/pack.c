#include "trace/pack.h"

#include "trace/stream.h"

struct packing {
    struct stream *stream;
    uint64_t most;
    struct packed *result;
};

/* What once did not fit stays the last: a later access that fits would stand in a wrong place. */
static bool take_access(void *context, const struct access *a)
{
    struct packing *p = context;
    if (p->result->events + p->result->left_out == p->most)
        return false;
    if (!p->result->left_out && stream_access(p->stream, a))
        p->result->events++;
    else
        p->result->left_out++;
    return true;
}

static void take_event(void *context, const struct hook_event *e, uint64_t tsc)
{
    struct packing *p = context;
    if (!p->result->left_out)
        stream_event(p->stream, e, tsc);
}

static void take_time(void *context, uint64_t tsc)
{
    struct packing *p = context;
    if (!p->result->left_out)
        stream_time(p->stream, tsc);
}

static void take_mark(void *context, uint8_t source, const char *text, uint32_t length)
{
    struct packing *p = context;
    if (!p->result->left_out)
        stream_mark(p->stream, source, text, length);
}

void pack_segment(struct stream *stream, const struct dictionary *d, const uint8_t *body, uint32_t bytes,
                  uint64_t most, uint8_t *out, uint32_t capacity, struct packed *result)
{
    static const struct raw_sink sink = {
        .access = take_access, .event = take_event, .time = take_time, .mark = take_mark};
    struct packing p = {.stream = stream, .most = most, .result = result};
    const struct raw_preamble *preamble = raw_preamble(body, bytes);

    *result = (struct packed){0};
    stream_close(stream);
    if (preamble) {
        stream_set_context(stream, preamble->context, preamble->cr3, preamble->icount);
        result->tsc = preamble->tsc;
    }
    stream_open(stream, out, capacity, true, result->tsc, NULL);
    result->damaged = !raw_read(d, body, bytes, &sink, &p, &result->at);
    if (result->left_out)
        stream_end_loss(stream, result->left_out);
    result->bytes = stream_bytes(stream);
    stream_close(stream);
}

static bool count_access(void *context, const struct access *a)
{
    (void)a;
    ++*(uint64_t *)context;
    return true;
}
uint64_t pack_count(const struct dictionary *d, const uint8_t *body, uint32_t bytes)
{
    static const struct raw_sink sink = {.access = count_access};
    uint64_t count = 0;
    uint32_t at;
    raw_read(d, body, bytes, &sink, &count, &at);
    return count;
}
