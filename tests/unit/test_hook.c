/* Hook and ring together: which events are kept, and that the accounts add up exactly. */
#include "accesses.h"
#include "decoder.h"
#include "unit.h"

#include "trace/crc32c.h"
#include "trace/hook.h"
#include "trace/ring.h"

#define SLOTS 5u
#define BYTES ((SLOTS + 1) * RING_SEGMENT_BYTES)

static uint8_t memory[BYTES] __attribute__((aligned(64)));
static struct ring ring;

static uint64_t ticks(void)
{
    static uint64_t now;
    return now += 1000;
}

static const struct hook_clock clock_with_counts = {.tsc = ticks, .has_icount = true};
static const struct source fresh = {.seed = 362436069, .rips = 60};

static void start(enum ring_mode mode)
{
    memset(memory, 0xcc, sizeof(memory)); /* a ring needs no clearing */
    ring_init(&ring, memory, sizeof(memory), RING_SEGMENT_BYTES, mode, 0x1234);
    hook_init(&ring, &clock_with_counts);
}

/* Gives the hook `count` accesses; returns how many it took. */
static uint64_t feed(struct source *source, uint64_t count)
{
    uint64_t taken = 0;
    while (count--) {
        struct access a = source_next(source);
        taken += hook_access(&a);
    }
    return taken;
}

/* Checks every segment's header and body; what they hold goes to *out. Events must join without a gap. */
static void read_back(const struct ring *r, struct decoded *out)
{
    *out = (struct decoded){0};
    for (uint64_t i = 0; i < ring_count(r); i++) {
        const struct chunk_header *h = ring_segment(r, i);
        assert_true(ring_segment_intact(r, i));
        assert_int_equal(h->sequence, ring_first_sequence(r) + i);
        assert_int_equal(h->first_event, ring_segment(r, 0)->first_event + out->count);
        assert_int_equal(h->body_crc, crc32c(h + 1, h->stored_bytes));
        assert_int_equal(h->header_crc, crc32c(h, 68));
        assert_int_equal(h->lost_before, ring_segment(r, 0)->lost_before + out->lost);
        size_t before = out->count;
        decode_segment((const uint8_t *)(h + 1), h->body_bytes, out);
        assert_int_equal(out->count - before, h->event_count);
        assert_int_equal(out->sync_tsc, h->tsc);
    }
}

static void assert_events(const struct decoded *out, uint64_t first_event)
{
    struct source source = fresh;
    for (uint64_t i = 0; i < first_event; i++)
        source_next(&source);
    for (size_t i = 0; i < out->count; i++) {
        struct access expected = source_next(&source);
        assert_same_access(&out->access[i], &expected);
    }
}

static void wrap_keeps_the_newest(void **state)
{
    (void)state;
    struct source source = fresh;
    struct decoded out;
    start(RING_WRAP);
    assert_int_equal(feed(&source, 200000), 200000);
    hook_stop("enough");
    assert_int_equal(hook_events(), 200000);
    assert_int_equal(hook_lost(), 0);
    assert_int_equal(ring_count(&ring), SLOTS);
    assert_true(ring_first_sequence(&ring) > 10);
    read_back(&ring, &out);
    uint64_t first = ring_segment(&ring, 0)->first_event;
    assert_int_equal(first + out.count, 200000);
    assert_events(&out, first);
    assert_int_equal(out.lost, 0);
    assert_true(out.times >= out.count / 1100);
    assert_string_equal(out.stop, "enough");
    free(out.access);
}

static void stop_keeps_the_oldest_and_counts_the_rest(void **state)
{
    (void)state;
    struct source source = fresh;
    struct decoded out;
    start(RING_STOP);
    uint64_t taken = feed(&source, 200000);
    assert_in_range(taken, 1000, 199000);
    assert_int_equal(hook_events(), taken);
    assert_int_equal(hook_lost(), 200000 - taken);
    hook_stop("timeout");
    assert_int_equal(ring_count(&ring), SLOTS);
    assert_int_equal(ring_first_sequence(&ring), 0);
    read_back(&ring, &out);
    assert_int_equal(out.count, taken);
    assert_events(&out, 0);
    assert_int_equal(out.lost, 200000 - taken);
    assert_string_equal(out.stop, "timeout");
    free(out.access);
}

static void a_ring_that_is_not_full_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t count = 0; count < 3; count++) {
        struct source source = fresh;
        struct decoded out;
        start(count % 2 ? RING_STOP : RING_WRAP);
        assert_int_equal(feed(&source, count), count);
        hook_stop("end");
        read_back(&ring, &out);
        assert_int_equal(ring_count(&ring), 1);
        assert_int_equal(out.count, count);
        assert_events(&out, 0);
        assert_true(out.stopped);
        struct access late = source_next(&source);
        assert_false(hook_access(&late));
        assert_int_equal(hook_lost(), 1);
        free(out.access);
    }
}

static void filtered_events_are_counted_in_the_stream(void **state)
{
    (void)state;
    for (int mode = RING_WRAP; mode <= RING_STOP; mode++) {
        struct source source = fresh;
        struct decoded out;
        start((enum ring_mode)mode);
        for (int i = 0; i < 3000; i++) {
            hook_filtered(3);
            feed(&source, mode == RING_STOP ? 40 : 2);
        }
        hook_stop("end");
        read_back(&ring, &out);
        assert_int_equal(hook_filtered_total(), 9000);
        assert_int_equal(out.filtered, 9000);
        free(out.access);
    }
}

static void marks_and_events_find_room(void **state)
{
    (void)state;
    static char text[4000];
    struct source source = fresh;
    struct decoded out;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "\xe2\x82\xac"[i % 3]; /* the euro sign: no part may end inside one */
    start(RING_STOP);
    hook_mark(MARK_ENGRAM, "begin", 5);
    hook_mark(MARK_HYPERCALL, "", 0);
    hook_mark(MARK_CONSOLE, text, 3999);
    hook_event(&(struct hook_event){.vector = 32, .rip = 0x1000});
    feed(&source, 100);
    hook_stop("end");
    read_back(&ring, &out);
    assert_int_equal(out.marks, 2 + 4);
    assert_memory_equal(out.mark, "begin", 5);
    assert_memory_equal(out.mark + 5, text, 3999);
    assert_int_equal(out.events, 1);
    assert_int_equal(out.last_event.vector, 32);
    assert_events(&out, 0);
    free(out.access);

    start(RING_WRAP);
    for (int i = 0; i < 300; i++)
        hook_mark(MARK_CONSOLE, text, 999); /* several segments of nothing else */
    hook_stop("end");
    assert_int_equal(ring_count(&ring), 5);

    start(RING_STOP); /* a full ring takes neither, and does not fall over */
    for (int i = 0; i < 600; i++) {
        hook_mark(MARK_CONSOLE, text, 999);
        hook_event(&(struct hook_event){.vector = 32, .rip = 0x1000});
    }
    hook_stop("end");
    for (uint64_t i = 0; i < ring_count(&ring); i++)
        assert_true(ring_segment_intact(&ring, i));
    assert_int_equal(ring_count(&ring), SLOTS);
}

static void an_impossible_access_is_lost_where_it_stands(void **state)
{
    (void)state;
    struct source source = fresh;
    struct decoded out;
    start(RING_WRAP);
    feed(&source, 10);
    assert_false(hook_access(&(struct access){.size = 65, .has_data = 1}));
    feed(&source, 12000);
    hook_stop("end");
    read_back(&ring, &out);
    assert_int_equal(hook_lost(), 1);
    assert_int_equal(out.lost, 1);
    assert_int_equal(out.count, 12010);
    assert_true(ring_count(&ring) > 1);
    assert_events(&out, 0);
    free(out.access);
}

static void a_new_run_starts_at_zero(void **state)
{
    (void)state;
    for (int run = 0; run < 2; run++) {
        struct source source = fresh;
        struct decoded out;
        ring_init(&ring, memory, sizeof(memory), RING_SEGMENT_BYTES, RING_STOP, 77); /* over the last run's segments */
        hook_init(&ring, &clock_with_counts);
        feed(&source, 5);
        hook_stop("end");
        read_back(&ring, &out);
        assert_int_equal(out.count, 5);
        assert_int_equal(ring_count(&ring), 1);
        free(out.access);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(wrap_keeps_the_newest),
                                       cmocka_unit_test(stop_keeps_the_oldest_and_counts_the_rest),
                                       cmocka_unit_test(a_ring_that_is_not_full_loses_nothing),
                                       cmocka_unit_test(filtered_events_are_counted_in_the_stream),
                                       cmocka_unit_test(marks_and_events_find_room),
                                       cmocka_unit_test(an_impossible_access_is_lost_where_it_stands),
                                       cmocka_unit_test(a_new_run_starts_at_zero)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
