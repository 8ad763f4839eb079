/* The packet writer against a decoder written from the specification. */
#include "accesses.h"
#include "decoder.h"
#include "unit.h"

#include "trace/stream.h"

#define CAPACITY 65464u /* of a ring's segment */

static struct stream stream;
static uint8_t body[CAPACITY];

static struct access plain(uint64_t rip, uint64_t gva, uint64_t value)
{
    struct access a = {.rip = rip, .gva = gva, .gpa = gva, .kind = ACCESS_WRITE, .size = 4, .has_data = 1};
    memcpy(a.data, &value, 8);
    return a;
}

static struct decoded decode_all(void)
{
    struct decoded out = {0};
    decode_segment(body, stream_bytes(&stream), &out);
    return out;
}

static void random_accesses_come_back(void **state)
{
    (void)state;
    struct source source = {.seed = 88172645463325252ull, .rips = 200};
    for (int segment = 0; segment < 40; segment++) {
        static struct access given[CAPACITY];
        size_t count = 0;
        bool icounts = segment % 2;
        source.rips = segment % 4 == 3 ? 20000 : 10 + (unsigned)segment * 10;
        struct access next = source_next(&source);
        stream_open(&stream, body, CAPACITY, icounts, 7, segment % 3 ? &next : NULL);
        while (stream_access(&stream, &next)) {
            if (!icounts)
                next.icount = 0;
            given[count++] = next;
            next = source_next(&source);
        }
        assert_true(stream_bytes(&stream) <= CAPACITY - 180); /* STOP and three more always fit */
        assert_true(stream_bytes(&stream) > CAPACITY - 1200 || source.rips == 20000);
        struct decoded out = decode_all();
        assert_int_equal(out.count, count);
        for (size_t i = 0; i < count; i++)
            assert_same_access(&out.access[i], &given[i]);
        free(out.access);
    }
}

static void a_predicted_access_takes_one_byte(void **state)
{
    (void)state;
    struct access a = plain(0x100010, 0x200000, 5), b = plain(0x100020, 0x300000, 6);
    stream_open(&stream, body, CAPACITY, false, 0, &a);
    for (int i = 0; i < 3; i++) {
        assert_true(stream_access(&stream, &a));
        assert_true(stream_access(&stream, &b));
        a.gva += 4, a.gpa += 4;
        b.gva += 4, b.gpa += 4;
    }
    uint32_t before = stream_bytes(&stream);
    for (int i = 0; i < 100; i++) {
        assert_true(stream_access(&stream, &a));
        assert_true(stream_access(&stream, &b));
        a.gva += 4, a.gpa += 4;
        b.gva += 4, b.gpa += 4;
    }
    assert_int_equal(stream_bytes(&stream) - before, 200);
    free(decode_all().access);
}

static void the_nearer_address_is_the_base(void **state)
{
    (void)state;
    /* A stack that runs far from each site's last place, but on from the access before; and the other way
     * round. */
    struct access push = plain(0x100010, 0x200000, 0), store = plain(0x100020, 0x900000, 0);
    stream_open(&stream, body, CAPACITY, false, 0, &push);
    stream_access(&stream, &push);
    stream_access(&stream, &store);
    stream_access(&stream, &push);
    push.gva = push.gpa = 0x200010; /* 16 from its own last place, 16 from the access before: either */
    stream_access(&stream, &push);
    store.gva = store.gpa = 0x200014; /* 4 from the access before, 7 million from its own last place */
    uint32_t before = stream_bytes(&stream);
    stream_access(&stream, &store);
    assert_int_equal(stream_bytes(&stream) - before, 3); /* site, one byte of difference */
    push.gva = push.gpa = 0x200000;
    stream_access(&stream, &push);
    store.gva = store.gpa = 0x200fff; /* far from the access before; its own last place is nearer, not near */
    store.size = 1;
    stream_access(&stream, &store);
    push.gva = push.gpa = 0x200004; /* 4 from its own last place, 4091 from the access before */
    before = stream_bytes(&stream);
    stream_access(&stream, &push);
    assert_int_equal(stream_bytes(&stream) - before, 3); /* site, one byte of difference */
    struct decoded out = decode_all();
    assert_int_equal(out.access[out.count - 1].gva, 0x200004);
    free(out.access);
}

static void a_counter_takes_two_bytes(void **state)
{
    (void)state;
    struct access a = plain(0x100010, 0x200000, 1000000);
    stream_open(&stream, body, CAPACITY, false, 0, &a);
    stream_access(&stream, &a);
    uint32_t before = stream_bytes(&stream);
    for (uint32_t i = 0; i < 50; i++) {
        uint32_t value = 1000000 - i - 1;
        memcpy(a.data, &value, 4);
        stream_access(&stream, &a);
    }
    assert_in_range(stream_bytes(&stream) - before, 100, 101); /* the first also needs its site's id */
    struct decoded out = decode_all();
    assert_int_equal(out.count, 51);
    assert_int_equal(out.access[50].data[0], (1000000 - 50) & 0xff);
    free(out.access);
}

static void a_changed_mapping_is_told(void **state)
{
    (void)state;
    struct access a = plain(0x100010, 0x200000, 1);
    stream_open(&stream, body, CAPACITY, false, 0, &a);
    stream_access(&stream, &a);
    stream_access(&stream, &a);
    a.gpa = 0x555000;
    stream_access(&stream, &a);
    a.cr3 = 0x1000; /* forgets the mapping */
    stream_access(&stream, &a);
    a.context = CONTEXT_PAGING; /* does not */
    stream_access(&stream, &a);
    struct decoded out = decode_all();
    assert_int_equal(out.fills, 3);
    assert_int_equal(out.contexts, 2);
    assert_int_equal(out.sites, 1);
    const uint64_t gpa[] = {0x200000, 0x200000, 0x555000, 0x555000, 0x555000};
    for (int i = 0; i < 5; i++)
        assert_int_equal(out.access[i].gpa, gpa[i]);
    free(out.access);
}

static void many_context_switches_do_not_revive_a_mapping(void **state)
{
    (void)state;
    struct access a = plain(0x100010, 0x200000, 1);
    stream_open(&stream, body, CAPACITY, false, 0, &a);
    stream_access(&stream, &a);
    for (int i = 0; i < 5000; i++) {
        if (i % 1000 == 0)
            stream_open(&stream, body, CAPACITY, false, 0, &a);
        a.cr3 ^= 0x1000;
        assert_true(stream_access(&stream, &a));
    }
    struct decoded out = decode_all();
    assert_int_equal(out.fills, 1000);
    free(out.access);
}

static void an_impossible_size_is_refused(void **state)
{
    (void)state;
    struct access a = plain(0, 0, 1);
    stream_open(&stream, body, CAPACITY, false, 0, &a);
    uint32_t before = stream_bytes(&stream);
    for (int i = 0; i < 2; i++) {
        a.size = 0;
        assert_false(stream_access(&stream, &a));
        a.size = 65;
        assert_false(stream_access(&stream, &a));
        a.size = 0;
        a.kind = 0;
        assert_false(stream_access(&stream, &a));
    }
    assert_int_equal(stream_bytes(&stream), before);
}

static void events_marks_and_ends(void **state)
{
    (void)state;
    struct hook_event page_fault = {
        .rip = 0xffffffff81234567ull, .error_code = 6, .vector = 14, .type = 3, .has_error_code = true};
    stream_open(&stream, body, CAPACITY, true, 99, NULL);
    assert_true(stream_event(&stream, &page_fault, 1234));
    assert_true(stream_mark(&stream, MARK_CONSOLE, "hello", 5));
    assert_true(stream_time(&stream, UINT64_MAX));
    assert_true(stream_filter(&stream, 10));
    stream_end_filter(&stream, 3);
    stream_end_loss(&stream, 1ull << 40);
    stream_end_stop(&stream, "the guest powered off");
    struct decoded out = decode_all();
    assert_int_equal(out.sync_tsc, 99);
    assert_int_equal(out.events, 1);
    assert_int_equal(out.last_event.vector, 14);
    assert_int_equal(out.last_event.type, 3);
    assert_int_equal(out.last_event.flags, 1);
    assert_int_equal(out.last_event.error_code, 6);
    assert_int_equal(out.last_event.rip, page_fault.rip);
    assert_int_equal(out.last_event.tsc, 1234);
    assert_string_equal(out.mark, "hello");
    assert_int_equal(out.last_time, UINT64_MAX);
    assert_int_equal(out.filtered, 13);
    assert_int_equal(out.lost, 1ull << 40);
    assert_string_equal(out.stop, "the guest powered off");
}

static void small_packets_leave_room_for_the_end(void **state)
{
    (void)state;
    const struct hook_event event = {.rip = UINT64_MAX, .error_code = UINT32_MAX, .has_error_code = true};
    static uint8_t guarded[CAPACITY];
    static const char dots[] = "................................";
    for (uint32_t capacity = CAPACITY - 60; capacity < CAPACITY; capacity++)
        for (int kind = 0; kind < 3; kind++) {
            memset(guarded, 0x5a, sizeof(guarded));
            stream_open(&stream, guarded, capacity, false, 0, NULL);
            while (kind == 0   ? stream_time(&stream, UINT64_MAX)
                   : kind == 1 ? stream_event(&stream, &event, UINT64_MAX)
                               : stream_mark(&stream, 0, dots, 32))
                ;
            for (int i = 0; i < 2; i++) {
                stream_end_filter(&stream, UINT64_MAX);
                stream_end_loss(&stream, UINT64_MAX);
            }
            char why[STREAM_STOP_TEXT_MAX + 1] = {0};
            memset(why, 'x', STREAM_STOP_TEXT_MAX);
            stream_end_stop(&stream, why);
            assert_true(stream_bytes(&stream) <= capacity);
            for (uint32_t i = capacity; i < CAPACITY; i++)
                assert_int_equal(guarded[i], 0x5a);
        }
}

/* Every packet as large as it can be: nothing may be written behind the segment. */
static void the_worst_stays_inside(void **state)
{
    (void)state;
    static uint8_t guarded[CAPACITY + 64];
    memset(guarded + CAPACITY, 0x5a, 64);
    for (uint32_t lead = 0; lead < 600; lead++) {
        uint64_t n = 0;
        struct access a = {.kind = 1, .has_data = 1};
        stream_open(&stream, guarded, CAPACITY, true, UINT64_MAX, NULL);
        stream_mark(&stream, 0,
                    "................................................................"
                    "................................................................",
                    lead % 128);
        do {
            n++;
            a.rip = n % 2 ? 0xaaaaaaaaaaaaaaaaull * n : n;
            a.gva = (n % 2 ? 0xffffffffffffff00ull : 0x0f00) + 0xe0;
            a.gpa = ~a.gva;
            a.gpa2 = 0xffff000000000000ull - n * 4096;
            a.cr3 = ~n;
            a.icount = n % 2 ? n : 0;
            a.size = 64;
            a.flags = ACCESS_CROSSES;
            memset(a.data, (int)n | 1, 64);
        } while (stream_access(&stream, &a));
        char why[400];
        memset(why, 'x', sizeof(why));
        why[399] = 0;
        for (int i = 0; i < 2; i++) {
            stream_end_filter(&stream, UINT64_MAX);
            stream_end_loss(&stream, UINT64_MAX);
        }
        stream_end_stop(&stream, why);
        assert_true(stream_bytes(&stream) <= CAPACITY);
        for (int i = 0; i < 64; i++)
            assert_int_equal(guarded[CAPACITY + i], 0x5a);
        if (lead % 97)
            continue;
        struct decoded out = {0};
        decode_segment(guarded, stream_bytes(&stream), &out);
        assert_int_equal(out.count, n - 1);
        assert_int_equal(strlen(out.stop), STREAM_STOP_TEXT_MAX);
        free(out.access);
    }
}

/* As docs/format.md gives it. */
static void a_run_is_one_instruction(void **state)
{
    (void)state;
    static const uint8_t segment[] = {
        0x01, 26, 1, 0x1f, 0, 0,    0,   0, 0,    0,    0, 0, 7, 0,
        0,    0,  0, 0,    0, 0,    100, 0, 0,    0,    0, 0, 0, 0, /* SYNC */
        0x04, 7,  5, 0x80, 1, 1,    4,   2, 0,                      /* SITE 5 */
        0x06, 2,  0, 0x20,                                          /* TLB_FILL */
        0x09, 8,  5, 3,    0, 0x80, 4,   7, 0xaa, 0xbb,             /* 3 at 0x100 */
        0x09, 9,  5, 2,    3, 1,    1,   1, 2,    3,    4,          /* 2 from 0x103 downwards */
        0xc6, 5,  2,
    };
    static const uint64_t gva[] = {0x100, 0x102, 0x104, 0x103, 0x101, 0x101};
    static const uint64_t icount[] = {107, 107, 107, 108, 108, 110};
    static const uint8_t data[][2] = {{0xaa, 0xbb}, {0xaa, 0xbb}, {0xaa, 0xbb}, {1, 2}, {3, 4}, {0, 0}};
    struct decoded out = {0};
    decode_segment(segment, sizeof(segment), &out);
    assert_int_equal(out.count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(out.access[i].gva, gva[i]);
        assert_int_equal(out.access[i].icount, icount[i]);
        assert_memory_equal(out.access[i].data, data[i], 2);
    }
    free(out.access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_accesses_come_back),
                                       cmocka_unit_test(a_predicted_access_takes_one_byte),
                                       cmocka_unit_test(the_nearer_address_is_the_base),
                                       cmocka_unit_test(a_counter_takes_two_bytes),
                                       cmocka_unit_test(small_packets_leave_room_for_the_end),
                                       cmocka_unit_test(a_changed_mapping_is_told),
                                       cmocka_unit_test(many_context_switches_do_not_revive_a_mapping),
                                       cmocka_unit_test(an_impossible_size_is_refused),
                                       cmocka_unit_test(events_marks_and_ends),
                                       cmocka_unit_test(a_run_is_one_instruction),
                                       cmocka_unit_test(the_worst_stays_inside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
