/* The ring by itself: sequences, segments given back, and finding it again in memory that may hold anything.
 */
#include "unit.h"

#include "trace/ring.h"

#define SLOTS 4u
#define BYTES ((SLOTS + 1) * RING_SEGMENT_BYTES)

static uint8_t memory[BYTES] __attribute__((aligned(64)));
static uint8_t saved[BYTES];

static void write_segments(struct ring *ring, uint64_t count)
{
    while (count--) {
        struct chunk_header *h = ring_open(ring);
        assert_non_null(h);
        memset(h + 1, (int)h->sequence, 100);
        h->first_event = h->sequence * 10;
        h->event_count = 10;
        ring_close(ring, 100);
    }
}

static void assert_holds(const struct ring *ring, uint64_t first, uint64_t count)
{
    assert_int_equal(ring_first_sequence(ring), first);
    assert_int_equal(ring_count(ring), count);
    for (uint64_t i = 0; i < count; i++) {
        assert_true(ring_segment_intact(ring, i));
        assert_int_equal(ring_segment(ring, i)->sequence, first + i);
        assert_int_equal(*(uint8_t *)(ring_segment(ring, i) + 1), (uint8_t)(first + i));
    }
}

static void wrap_and_stop(void **state)
{
    (void)state;
    struct ring ring;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 1);
    assert_holds(&ring, 0, 0);
    write_segments(&ring, SLOTS);
    assert_holds(&ring, 0, SLOTS);
    write_segments(&ring, 1);
    assert_holds(&ring, 1, SLOTS);
    assert_non_null(ring_open(&ring)); /* an open one covers the oldest */
    assert_holds(&ring, 2, SLOTS - 1);
    ring_give_back(&ring); /* but the oldest is gone */
    assert_holds(&ring, 2, SLOTS - 1);
    write_segments(&ring, 1);
    assert_holds(&ring, 2, SLOTS);

    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_STOP, 1);
    write_segments(&ring, SLOTS - 1);
    assert_non_null(ring_open(&ring));
    ring_give_back(&ring);
    write_segments(&ring, 1);
    assert_null(ring_open(&ring));
    assert_holds(&ring, 0, SLOTS);
    assert_non_null(ring_reopen(&ring));
    assert_int_equal(ring_count(&ring), SLOTS - 1);
    ring_close(&ring, 200);
    assert_holds(&ring, 0, SLOTS);
    assert_int_equal(ring_segment(&ring, SLOTS - 1)->stored_bytes, 200);
}

static void found_after_a_reset(void **state)
{
    (void)state;
    for (int mode = RING_WRAP; mode <= RING_STOP; mode++)
        for (uint64_t closed = 0; closed <= (mode == RING_WRAP ? 11 : SLOTS); closed++)
            for (int open = 0; open <= 1; open++) {
                struct ring ring, found;
                memset(memory, 0x11, BYTES);
                ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, (enum ring_mode)mode, 0xabcdef);
                write_segments(&ring, closed);
                if (open)
                    ring_open(&ring);
                assert_true(ring_find(&found, memory, BYTES));
                assert_int_equal(found.mode, mode);
                assert_int_equal(ring_run_id(&found), 0xabcdef);
                assert_holds(&found, ring_first_sequence(&ring), ring_count(&ring));
            }
}

/* Left-over segments of a longer run before must not come back. */
static void an_older_run_stays_forgotten(void **state)
{
    (void)state;
    struct ring ring, found;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 1);
    write_segments(&ring, 3);
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 2);
    write_segments(&ring, 1);
    assert_true(ring_find(&found, memory, BYTES));
    assert_holds(&found, 0, 1);
}

static void not_found_where_it_is_not(void **state)
{
    (void)state;
    struct ring ring, found;
    static uint8_t empty[BYTES] __attribute__((aligned(64)));
    assert_false(ring_find(&found, empty, BYTES));
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 1);
    write_segments(&ring, 2);
    assert_false(ring_find(&found, memory, BYTES - RING_SEGMENT_BYTES));
    assert_false(ring_find(&found, memory, 0));
    assert_false(ring_find(&found, memory, BYTES - 1));
}

/* Any single byte of the ring's header and states changed: not found, or found as it was one state before. */
static void a_damaged_header_is_not_believed(void **state)
{
    (void)state;
    struct ring ring, found;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 1);
    write_segments(&ring, 6);
    for (size_t at = 0; at < 40 + 2 * 80; at++) {
        memory[at] ^= 0x41;
        assert_int_equal(ring_find(&found, memory, BYTES), at >= 40);
        if (at >= 40) /* the last segment's own header tells that it was closed */
            assert_holds(&found, 2, SLOTS);
        memory[at] ^= 0x41;
    }
    assert_true(ring_find(&found, memory, BYTES));
    assert_holds(&found, 2, SLOTS);
}

static void a_damaged_segment_is_told_from_the_others(void **state)
{
    (void)state;
    struct ring ring, found;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 1);
    write_segments(&ring, 6);
    memcpy(saved, memory, BYTES);
    for (size_t at = 0; at < sizeof(struct chunk_header); at++) {
        ((uint8_t *)ring_segment(&ring, 1))[at] ^= 0x80;
        assert_true(ring_find(&found, memory, BYTES));
        assert_int_equal(ring_count(&found), SLOTS);
        for (uint64_t i = 0; i < SLOTS; i++)
            assert_int_equal(ring_segment_intact(&found, i), i != 1);
        memcpy(memory, saved, BYTES);
    }
}

/* A header that lies, with a right CRC. */
static void events_are_those_of_intact_segments(void **state)
{
    (void)state;
    struct ring ring;
    uint64_t first, end;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 1);
    ring_events(&ring, &first, &end);
    assert_int_equal(first, 0);
    assert_int_equal(end, 0);
    write_segments(&ring, SLOTS + 2);
    ring_events(&ring, &first, &end);
    assert_int_equal(first, 20);
    assert_int_equal(end, 60);
    ring_segment(&ring, 0)->tsc ^= 1;
    ring_segment(&ring, 3)->tsc ^= 1;
    ring_events(&ring, &first, &end);
    assert_int_equal(first, 30);
    assert_int_equal(end, 50);
    ring_segment(&ring, 1)->tsc ^= 1;
    ring_segment(&ring, 2)->tsc ^= 1;
    ring_events(&ring, &first, &end);
    assert_int_equal(first, 0);
    assert_int_equal(end, 0);
}

/* An open segment is found as far as its header was made to tell; notes and what is kept come back. */
static void open_segments_and_notes_are_found(void **state)
{
    (void)state;
    struct ring ring, found;
    struct chunk_header *h[2];
    uint32_t bytes;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 1);
    write_segments(&ring, 7);
    h[0] = ring_open(&ring);
    h[1] = ring_open(&ring);
    memset(h[0] + 1, 7, 100);
    ring.notes = (struct ring_notes){.lost = 3, .blocks = 9};
    ring_save(&ring);
    ring_keep(&ring, RING_META, "text", 4);
    assert_true(ring_find(&found, memory, BYTES));
    assert_holds(&found, 5, 2);
    const struct chunk_header facts = {.encoding = ENCODING_RAW, .first_event = 70, .event_count = 4};
    ring_note_open(&ring, 0, &facts, 100);
    assert_true(ring_find(&found, memory, BYTES));
    assert_holds(&found, 5, 3);
    assert_int_equal(ring_segment(&found, 2)->event_count, 4);
    assert_int_equal(ring_segment(&found, 2)->encoding, ENCODING_RAW);
    assert_int_equal(found.notes.lost, 3);
    assert_int_equal(found.notes.blocks, 9);
    assert_memory_equal(ring_kept(&found, RING_META, &bytes), "text", 4);
    assert_int_equal(bytes, 4);
    assert_null(ring_kept(&found, RING_FILTER, &bytes));
    *(char *)(uintptr_t)ring_kept(&found, RING_META, &bytes) = 'T';
    assert_null(ring_kept(&found, RING_META, &bytes));
    assert_int_equal(ring_find_bytes(memory), BYTES);
    ring_forget(memory);
    assert_int_equal(ring_find_bytes(memory), 0);
    assert_false(ring_find(&found, memory, BYTES));
}

/* One more segment than slots is opened only when the oldest was sent. */
static void drained_segments_make_room(void **state)
{
    (void)state;
    struct ring ring, found;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_DRAIN, 1);
    write_segments(&ring, SLOTS);
    assert_null(ring_open(&ring));
    ring.sent = 1;
    write_segments(&ring, 1);
    assert_null(ring_open(&ring));
    assert_holds(&ring, 1, SLOTS);
    assert_int_equal(ring.gone_bytes, sizeof(struct chunk_header) + 100);
    ring.sent = 3;
    assert_non_null(ring_open(&ring));
    ring_give_back(&ring);
    assert_int_equal(ring.gone_bytes, 2 * (sizeof(struct chunk_header) + 100));
    write_segments(&ring, 2);
    assert_int_equal(ring.gone_bytes, 3 * (sizeof(struct chunk_header) + 100));
    assert_true(ring_find(&found, memory, BYTES));
    assert_holds(&found, 3, SLOTS);
}

static void lengths_are_not_believed(void **state)
{
    (void)state;
    struct ring ring;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, 1);
    write_segments(&ring, 1);
    struct chunk_header *h = ring_segment(&ring, 0);
    h->stored_bytes = h->body_bytes = 0xffffffff;
    ring_seal(h);
    assert_false(ring_segment_intact(&ring, 0));
    h->stored_bytes = h->body_bytes = ring_body_capacity(&ring) + 1;
    ring_seal(h);
    assert_false(ring_segment_intact(&ring, 0));
    h->stored_bytes = h->body_bytes = ring_body_capacity(&ring);
    ring_seal(h);
    assert_true(ring_segment_intact(&ring, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(wrap_and_stop),
                                       cmocka_unit_test(found_after_a_reset),
                                       cmocka_unit_test(an_older_run_stays_forgotten),
                                       cmocka_unit_test(not_found_where_it_is_not),
                                       cmocka_unit_test(a_damaged_header_is_not_believed),
                                       cmocka_unit_test(a_damaged_segment_is_told_from_the_others),
                                       cmocka_unit_test(events_are_those_of_intact_segments),
                                       cmocka_unit_test(open_segments_and_notes_are_found),
                                       cmocka_unit_test(drained_segments_make_room),
                                       cmocka_unit_test(lengths_are_not_believed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
