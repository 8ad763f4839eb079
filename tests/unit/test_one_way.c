/*
 * A dump over a noisy one-way line: nothing can be asked for, and yet the events that are missing are told
 * exactly, however little arrives.
 */
#include "noisy_line.h"

#include "reader/walk.h"

#define EVENTS 20000u
#define WRAPPED_SLOTS 4u

static const uint8_t *sent;
static size_t sent_bytes;
static uint8_t seen[EVENTS]; /* how often each event was read, or said to be missing */
static uint64_t read_events;

static void make_trace(uint64_t slots)
{
    trace_accesses(EVENTS, RING_WRAP, slots);
    free((void *)(uintptr_t)sent);
    sent = traced_file(&sent_bytes, true);
}

static int drop_trace(void **state)
{
    (void)state;
    free((void *)(uintptr_t)sent);
    free(received);
    return 0;
}

static bool count_item(void *ctx, const struct trace_item *item)
{
    (void)ctx;
    if (item->kind != ITEM_ACCESS)
        return true;
    assert_true(item->number < EVENTS);
    seen[item->number]++;
    read_events++;
    return true;
}

/* The file as it arrived, zeros where nothing did. */
static void walk_received(struct walk *w, const struct dump_facts *dump)
{
    const struct memory_source memory = {received, receiver.dump.length};
    struct trace_source source;
    const struct walk_handler handler = {.item = count_item, .dump = dump};
    source_from_memory(&source, &memory);
    memset(seen, 0, sizeof(seen));
    read_events = 0;
    assert_true(walk_trace(&source, &handler, w));
}

/* Every event of the run is either read or in exactly one gap, and overwritten are those before the dump's
 * first. */
static void assert_exact(const struct walk *w, uint64_t first_event)
{
    for (size_t i = 0; i < w->coverage.count; i++) {
        const struct gap *g = &w->coverage.gaps[i];
        assert_int_not_equal(g->cause, GAP_UNKNOWN);
        assert_true(g->first_event <= g->end_event && g->end_event <= EVENTS);
        assert_true(g->cause == GAP_OVERWRITTEN ? g->end_event == first_event
                                                : g->first_event >= first_event);
        for (uint64_t e = g->first_event; e < g->end_event; e++)
            seen[e]++;
    }
    for (uint64_t e = 0; e < EVENTS; e++)
        if (seen[e] != 1)
            fail_msg("event %" PRIu64 " counts %u times", e, seen[e]);
}

static void one_way(unsigned per_million, uint64_t seeds, uint64_t slots, bool some_arrive)
{
    uint64_t some = 0, first, end;
    make_trace(slots);
    ring_events(&traced_ring, &first, &end);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct walk w;
        set_up(false, per_million, seed);
        assert_int_equal(send_dump(), DUMP_UNANSWERED);
        receiver_finish(&receiver);
        assert_int_equal(receiver.state, RECEIVER_RECEIVING);
        assert_int_equal(receiver.dump.length, sent_bytes);
        assert_int_equal(receiver.dump.first_event, first);
        assert_int_equal(receiver.dump.end_event, EVENTS);
        uint64_t missing = receiver_missing(&receiver);
        assert_true(missing > 0 && missing < sent_bytes);
        for (size_t i = 0; i < receiver.have.count; i++) {
            struct span s = receiver.have.spans[i];
            assert_memory_equal(received + s.start, sent + s.start, s.end - s.start);
        }
        walk_received(&w, &receiver.dump);
        assert_exact(&w, first);
        some += read_events > 0;
        walk_free(&w);
        receiver_free(&receiver);
    }
    print_message("    %u in a million damaged: some events arrived in %" PRIu64 " of %" PRIu64 " dumps\n",
                  per_million, some, seeds);
    assert_true(!some_arrive || some > seeds / 2);
}

static void one_percent_damaged(void **state)
{
    (void)state;
    one_way(10000, 20, TRACED_SLOTS, false);
}

static void one_percent_damaged_of_a_wrapped_ring(void **state)
{
    (void)state;
    one_way(10000, 10, WRAPPED_SLOTS, false);
}

static void one_byte_in_1000_damaged(void **state)
{
    (void)state;
    one_way(1000, 10, TRACED_SLOTS, false);
}

static void a_byte_in_33000_damaged(void **state)
{
    (void)state;
    one_way(30, 20, TRACED_SLOTS, true);
    one_way(30, 20, WRAPPED_SLOTS, true);
}

/* All chunks but `kept`, counted from META, are lost. */
static void keep_one_chunk(uint64_t kept)
{
    uint64_t at = 0;
    for (uint64_t chunk = 0; at < sent_bytes; chunk++) {
        struct chunk_header h;
        memcpy(&h, sent + at, sizeof(h));
        uint64_t bytes = sizeof(h) + h.stored_bytes;
        if (chunk == kept)
            memcpy(received + at, sent + at, bytes);
        at += bytes;
    }
}

/* Whatever single chunk arrives, META and END and none at all among them. */
static void any_one_chunk_is_enough(void **state)
{
    (void)state;
    uint64_t first, end;
    make_trace(WRAPPED_SLOTS);
    ring_events(&traced_ring, &first, &end);
    assert_true(first > 0);
    for (uint64_t kept = 0; kept <= WRAPPED_SLOTS + 2; kept++) {
        struct walk w;
        set_up(false, 0, 1);
        receiver.dump = (struct dump_facts){TRACED_RUN, sent_bytes, first, end};
        keep_one_chunk(kept);
        walk_received(&w, &receiver.dump);
        bool a_segment = kept >= 1 && kept <= WRAPPED_SLOTS;
        assert_int_equal(w.chunks, kept <= WRAPPED_SLOTS + 1);
        assert_true(a_segment == (read_events > 0));
        assert_true(w.findings > 0);
        assert_exact(&w, first);
        uint64_t recorded;
        assert_true(walk_recorded(&w, &recorded));
        assert_int_equal(recorded, EVENTS);
        walk_free(&w);

        /* META alone says it too. Without either nothing is claimed. */
        walk_received(&w, NULL);
        if (kept == 0 || kept == WRAPPED_SLOTS + 1) {
            assert_exact(&w, first);
        } else {
            bool exact = true;
            coverage_missing(&w.coverage, GAP_UNKNOWN, &exact);
            assert_false(exact);
            assert_false(walk_recorded(&w, &recorded));
        }
        walk_free(&w);
    }
}

/* A map of another run lies beside the file: META says so, and nothing of it is believed. */
static void facts_of_another_run_are_not_used(void **state)
{
    (void)state;
    struct walk w;
    make_trace(TRACED_SLOTS);
    set_up(false, 0, 1);
    memcpy(received, sent, sent_bytes);
    receiver.dump.length = sent_bytes;
    const struct dump_facts other = {TRACED_RUN + 1, sent_bytes, 0, 2 * EVENTS};
    walk_received(&w, &other);
    assert_false(w.dump_known);
    assert_int_equal(w.findings, 0);
    assert_int_equal(w.coverage.count, 0);
    walk_free(&w);
    const struct dump_facts same = {TRACED_RUN, sent_bytes, 0, EVENTS + 5};
    walk_received(&w, &same);
    assert_int_equal(w.coverage.count, 1);
    assert_int_equal(w.coverage.gaps[0].first_event, EVENTS);
    assert_int_equal(w.coverage.gaps[0].end_event, EVENTS + 5);
    walk_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_percent_damaged),      cmocka_unit_test(one_percent_damaged_of_a_wrapped_ring),
        cmocka_unit_test(one_byte_in_1000_damaged), cmocka_unit_test(a_byte_in_33000_damaged),
        cmocka_unit_test(any_one_chunk_is_enough),  cmocka_unit_test(facts_of_another_run_are_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, drop_trace);
}
