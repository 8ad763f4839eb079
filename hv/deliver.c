#include "deliver.h"

#include "clock.h"
#include "console.h"
#include "control.h"
#include "live.h"
#include "natively.h"
#include "prove.h"
#include "trace/dump.h"
#include "trace/hook.h"
#include "uart.h"

#define PROGRESS_BYTES (256u << 10) /* more than 20 seconds at 115200 baud */

static struct ring *ring;
static const struct meta_source *source;
static const struct options *options;
static char meta[META_BYTES];
static uint64_t kept_start; /* what the META text that is kept says of the recording's start */
static bool begun;

/* The text of META as it is now, which is kept for after a reset as well. */
static uint32_t build_meta(void)
{
    uint32_t bytes = meta_build(source, meta, sizeof meta - 1);
    ring_keep(ring, RING_META, meta, bytes);
    kept_start = control_started_at();
    return bytes;
}

void deliver_init(struct ring *r, const struct meta_source *s, const struct options *o)
{
    ring = r;
    source = s;
    options = o;
    ring_keep(ring, RING_FILTER, &o->filter, sizeof o->filter);
    uint32_t meta_bytes = build_meta();
    if (o->ring_mode == RING_DRAIN)
        live_begin(ring, !o->drain_loses, meta, meta_bytes);
}

/* Where the line has nothing else to do what is there goes out each second, though it does not fill a
 * segment. */
static void flush_for_line(void)
{
    static uint64_t second, events;
    uint64_t now = clock_seconds();
    uint64_t recorded = control_events();
    if (now == second || recorded == events || ring->sent + ring->open_count != ring->next_sequence)
        return;
    second = now;
    events = recorded;
    control_flush();
}

static void checkpoint(void *unused)
{
    (void)unused;
    if (source->engine->checkpoint)
        source->engine->checkpoint();
    hook_checkpoint();
}

void deliver_poll(void)
{
    if (control_ended())
        return;
    if (control_started_at() != kept_start)
        build_meta();
    natively(checkpoint, NULL);
    if (live_drained())
        flush_for_line();
    live_poll();
}

/* A long dump says how far it is. */
static void say_progress(uint64_t sent, uint64_t total)
{
    static unsigned said;
    unsigned tenths = (unsigned)(sent * 10 / total);
    if (total < PROGRESS_BYTES || tenths == said || tenths == 10)
        return;
    said = tenths;
    printk("engram: dump: %u0%% of %lu KiB sent\n", tenths, (unsigned long)(total >> 10));
}

struct sending {
    struct ring *ring;
    const char *meta;
    uint32_t meta_bytes;
    struct dump_options how;
    enum dump_end end;
};

static void send_now(void *sending)
{
    struct sending *s = sending;
    const struct dump_line line = {.put = uart_put, .get = uart_get, .seconds = clock_seconds};
    s->end = dump_send(s->ring, s->meta, s->meta_bytes, ring_run_id(s->ring), &line, &s->how);
}

static void send(struct ring *r, const char *text, uint32_t bytes, const struct options *o, const void *more,
                 uint64_t more_bytes)
{
    if (uart_port() == 0)
        return;
    struct sending s = {.ring = r,
                        .meta = text,
                        .meta_bytes = bytes,
                        .how = {.drained = live_drained(),
                                .compress = true,
                                .wait_seconds = o->dump_wait,
                                .frame_payload = FRAME_PAYLOAD_FIRST,
                                .progress = say_progress,
                                .more = more,
                                .more_bytes = more_bytes}};
    natively(send_now, &s);
    printk("engram: dump %s\n", s.end == DUMP_DONE ? "received completely" : "sent; no receiver answered");
}

void deliver_ring(struct ring *r, const char *text, uint32_t bytes, const struct options *o)
{
    send(r, text, bytes, o, NULL, 0);
}

void deliver_trace(void)
{
    begun = true;
    uint32_t meta_bytes = build_meta();
    meta_say_what_is_missing(meta);
    send(ring, meta, meta_bytes, options, prove_chunks(), prove_chunk_bytes());
}

bool deliver_begun(void)
{
    return begun;
}
