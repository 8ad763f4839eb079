/* A ring that is sent while it fills, over a line to the real receiver: whole, lossy, damaged, late, and cut.
 */
#include "noisy_line.h"

#include "reader/walk.h"
#include "trace/drain.h"

#define EVENTS 200000u
#define SLOTS 4u
#define META_ROOM 2048

static struct drain drain;
static char meta[META_ROOM];
static struct source source;
static uint64_t taken;

static void between(void) {}
static const struct frame_line to_line = {.put = line_put, .between = between};

static bool send_more(struct ring *ring)
{
    (void)ring;
    return drain_step(&drain);
}

static uint32_t write_meta(const char *end)
{
    int n = snprintf(meta, sizeof(meta),
                     "format=1\nrun=%016" PRIx64 "\nengine=vmx\ntrace=rw\nicount=1\nevents=%" PRIu64
                     "\nlost=%" PRIu64 "\nfiltered=0\nsegments=%" PRIu64
                     "\nfirst_sequence=0\nfirst_event=0\nring.mode=drain\nend=%s\n",
                     TRACED_RUN, hook_events(), hook_lost(),
                     ring_first_sequence(&traced_ring) + ring_count(&traced_ring), end);
    return (uint32_t)n;
}

static void begin(bool waits)
{
    static const struct hook_clock clock = {.tsc = traced_ticks, .has_icount = true};
    source = traced_source;
    taken = 0;
    ring_init(&traced_ring, traced_memory, (SLOTS + 1) * RING_SEGMENT_BYTES, RING_SEGMENT_BYTES, RING_DRAIN,
              TRACED_RUN);
    traced_ring.make_room = waits ? send_more : NULL;
    hook_init(&traced_ring, &clock);
    drain_begin(&drain, &traced_ring, &to_line, meta, write_meta("the run goes on"));
}

/* `every` accesses a frame goes out; 0: none does by itself. */
static void record(unsigned count, unsigned every)
{
    for (unsigned i = 0; i < count; i++) {
        struct access a = source_next(&source);
        taken += hook_access(&a);
        if (every && i % every == 0)
            drain_step(&drain);
    }
}

static enum dump_end finish(void)
{
    static const struct dump_line to = {.put = line_put, .get = line_get, .seconds = line_seconds};
    const struct dump_options options = {
        .drained = &drain, .compress = true, .wait_seconds = 10, .frame_payload = FRAME_PAYLOAD_FIRST};
    hook_stop("that was all");
    return dump_send(&traced_ring, meta, write_meta("done"), TRACED_RUN, &to, &options);
}

struct check {
    struct source source;
    uint64_t seen;
    bool in_order; /* every access is there: compared field by field */
};

static bool compare(void *ctx, const struct trace_item *item)
{
    struct check *c = ctx;
    if (item->kind != ITEM_ACCESS)
        return true;
    if (c->in_order) {
        struct access expected = source_next(&c->source);
        assert_access(&item->access, &expected);
    }
    c->seen++;
    return true;
}

static void walk_received(struct walk *w, struct check *c, bool in_order)
{
    const struct memory_source memory = {received, receiver.dump.length};
    struct trace_source file;
    source_from_memory(&file, &memory);
    *c = (struct check){.source = traced_source, .in_order = in_order};
    const struct walk_handler handler = {.ctx = c, .item = compare, .dump = &receiver.dump};
    assert_true(walk_trace(&file, &handler, w));
}

static void assert_whole(void)
{
    struct check c;
    struct walk w;
    assert_string_equal(receiver.error, "");
    assert_int_equal(receiver.state, RECEIVER_COMPLETE);
    assert_int_equal(receiver.dump.front, 0);
    walk_received(&w, &c, true);
    assert_int_equal(w.findings, 0);
    assert_int_equal(c.seen, EVENTS);
    assert_int_equal(w.coverage.count, 0);
    assert_string_equal(meta_get(&w.meta, "end"), "done");
    walk_free(&w);
    receiver_free(&receiver);
}

/* The ring holds a fraction of the run, and all of it arrives. */
static void nothing_is_lost_while_the_guest_waits(void **state)
{
    (void)state;
    set_up(true, 0, 1);
    begin(true);
    record(EVENTS, 0);
    assert_true(traced_ring.gone_bytes > 2u * SLOTS * RING_SEGMENT_BYTES / 2);
    assert_int_equal(taken, EVENTS);
    assert_int_equal(hook_lost(), 0);
    assert_int_equal(finish(), DUMP_DONE);
    assert_int_equal(receiver.requests, 0);
    assert_whole();
}

static void one_way_too(void **state)
{
    (void)state;
    set_up(false, 0, 1);
    begin(true);
    record(EVENTS, 100);
    assert_int_equal(finish(), DUMP_UNANSWERED);
    receiver_finish(&receiver);
    assert_whole();
}

static void what_has_no_room_is_counted(void **state)
{
    (void)state;
    struct check c;
    struct walk w;
    uint64_t recorded;
    set_up(true, 0, 1);
    begin(false);
    record(EVENTS, 200);
    assert_true(hook_lost() > 0 && hook_events() > 0);
    assert_int_equal(hook_events() + hook_lost(), EVENTS);
    assert_int_equal(finish(), DUMP_DONE);
    assert_int_equal(receiver.state, RECEIVER_COMPLETE);
    walk_received(&w, &c, false);
    assert_int_equal(w.findings, 0);
    assert_int_equal(c.seen, hook_events());
    assert_true(walk_recorded(&w, &recorded));
    assert_int_equal(recorded, hook_events());
    walk_free(&w);
    receiver_free(&receiver);
}

/* Text goes out between two frames, and comes out as it was. */
static void the_console_goes_on(void **state)
{
    (void)state;
    set_up(true, 0, 1);
    begin(true);
    for (int i = 0; i < 10; i++) {
        record(EVENTS / 10, 1000);
        for (const char *p = "hello\n"; *p; p++)
            line_put((uint8_t)*p);
    }
    assert_int_equal(console_bytes, 60);
    assert_memory_equal(console, "hello\nhello\n", 12);
    assert_int_equal(finish(), DUMP_DONE);
    assert_whole();
}

/* What got lost in mid-run and is no longer in the ring cannot be had: the receiver is told so and comes to
 * an end, and what it has is all that can be read. */
static void a_damaged_line_comes_to_an_end(void **state)
{
    (void)state;
    struct check c;
    struct walk w;
    set_up(true, 300, 5);
    begin(true);
    record(EVENTS, 0);
    assert_int_equal(finish(), DUMP_DONE);
    assert_int_equal(receiver.state, RECEIVER_EXHAUSTED);
    assert_true(receiver.requests > 0);
    assert_true(receiver_missing(&receiver) > 0);
    for (uint64_t at = 0; at < receiver.dump.length;) { /* all that is missing is gone */
        struct span hole;
        if (!ranges_hole(&receiver.have, at, receiver.dump.length, &hole))
            break;
        assert_true(hole.start >= receiver.gone.start && hole.end <= receiver.gone.end);
        at = hole.end;
    }
    walk_received(&w, &c, false);
    assert_true(c.seen > 0 && c.seen < EVENTS);
    uint64_t missing = 0;
    for (size_t i = 0; i < w.coverage.count; i++)
        missing += w.coverage.gaps[i].end_event - w.coverage.gaps[i].first_event;
    assert_int_equal(c.seen + missing, EVENTS);
    walk_free(&w);
    receiver_free(&receiver);
}

/* Who comes when the run is over gets what is still in the ring. */
static void late_receiver(void **state)
{
    (void)state;
    struct check c;
    struct walk w;
    set_up(true, 0, 1);
    line.damage = 2000000; /* nobody listens yet: every byte is dropped */
    begin(true);
    record(EVENTS, 0);
    line.damage = 0;
    assert_int_equal(finish(), DUMP_DONE);
    assert_int_equal(receiver.state, RECEIVER_EXHAUSTED);
    assert_int_equal(receiver_missing(&receiver), traced_ring.gone_bytes);
    walk_received(&w, &c, false);
    assert_true(c.seen > 0 && c.seen < EVENTS);
    assert_string_equal(meta_get(&w.meta, "end"), "done");
    walk_free(&w);
    receiver_free(&receiver);
}

/* The machine was switched off: what arrived up to there can be read, and says what it is. */
static void the_line_breaks_in_mid_run(void **state)
{
    (void)state;
    struct check c;
    struct walk w;
    set_up(false, 0, 1);
    begin(true);
    record(EVENTS / 2, 100);
    receiver_finish(&receiver);
    assert_int_equal(receiver.state, RECEIVER_RECEIVING);
    assert_true(receiver.dump.front != 0);
    assert_true(receiver.dump.end_event > 0);
    walk_received(&w, &c, false);
    assert_true(c.seen >= receiver.dump.end_event);
    assert_string_equal(meta_get(&w.meta, "end"), "the run goes on");
    walk_free(&w);
    receiver_free(&receiver);
}

static int drop(void **state)
{
    (void)state;
    free(received);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_while_the_guest_waits),
        cmocka_unit_test(one_way_too),
        cmocka_unit_test(what_has_no_room_is_counted),
        cmocka_unit_test(the_console_goes_on),
        cmocka_unit_test(a_damaged_line_comes_to_an_end),
        cmocka_unit_test(late_receiver),
        cmocka_unit_test(the_line_breaks_in_mid_run),
    };
    return cmocka_run_group_tests(tests, NULL, drop);
}
