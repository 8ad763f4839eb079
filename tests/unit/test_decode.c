/* The reader of packed segments against packets made by hand from docs/format.md, byte by byte. */
#include "unit.h"

#include "reader/decode.h"

#define ITEMS 64

static struct decoder *decoder;
static uint8_t body[8192];
static size_t length;
static struct trace_item items[ITEMS];
static char texts[ITEMS][32];
static unsigned count;
static struct decode_result result;

static bool keep(void *ctx, const struct trace_item *item)
{
    (void)ctx;
    assert_true(count < ITEMS);
    items[count] = *item;
    if (item->text)
        snprintf(texts[count], sizeof(texts[count]), "%.*s", (int)item->text_bytes, item->text);
    count++;
    return true;
}

#define PUT(...)                                                                                             \
    do {                                                                                                     \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                              \
        assert_true(length + sizeof(bytes_) <= sizeof(body));                                                \
        memcpy(body + length, bytes_, sizeof(bytes_));                                                       \
        length += sizeof(bytes_);                                                                            \
    } while (0)

/* SYNC: context 64-bit, paging, CPL 3; cr3 0x1000, tsc 7, icount 100 */
static void sync_with(uint8_t flags)
{
    length = 0;
    PUT(0x01, 26, flags, 0x1f, 0, 0x10, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0);
}

/* SITE 5 at rip 0x40: a write of 4 bytes by an instruction; page 0 -> frame 0x10 */
static void site_and_page(void)
{
    PUT(0x04, 7, 5, 0x80, 0x01, 0x01, 0, 4, 0);
    PUT(0x06, 2, 0, 0x20);
}

/* Decodes a copy of exact size, so that the sanitizer sees any read beyond it. */
static bool decode(uint64_t events)
{
    uint8_t *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, body, length);
    count = 0;
    bool sound = decode_segment(decoder, copy, length, 1000, events, keep, NULL, &result);
    free(copy);
    return sound;
}

static void assert_sound(uint64_t events)
{
    if (!decode(events))
        fail_msg("byte %u: %s", result.at, result.error);
    assert_int_equal(result.events, events);
}

static void assert_unsound(uint64_t events, const char *what)
{
    assert_false(decode(events));
    if (!strstr(result.error, what))
        fail_msg("expected '%s', got '%s'", what, result.error);
}

static uint64_t value(const struct access *a)
{
    uint64_t v = 0;
    memcpy(&v, a->data, a->size < 8 ? a->size : 8);
    return v;
}

static int set_up(void **state)
{
    (void)state;
    decoder = decoder_new();
    return decoder ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    decoder_free(decoder);
    return 0;
}

static void sync_gives_the_context(void **state)
{
    (void)state;
    sync_with(1);
    assert_sound(0);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].kind, ITEM_CONTEXT);
    assert_int_equal(items[0].context, 0x1f);
    assert_int_equal(items[0].cr3, 0x1000);
    assert_int_equal(items[0].tsc, 7);
    assert_int_equal(items[0].number, 1000);
}

static void access_forms(void **state)
{
    (void)state;
    sync_with(1);
    site_and_page();
    PUT(0xee, 5, 0x80, 0x02, 1, 2, 3, 4, 3); /* site 5; site delta +0x80; raw; icount +3 */
    PUT(0xaa, 0x10, 0x03, 1);                /* successor? none yet: see below */
    assert_unsound(2, "names no site");

    sync_with(1);
    site_and_page();
    PUT(0xee, 5, 0x80, 0x02, 1, 2, 3, 4, 3); /* gva 0x80, data 0x04030201, icount 103 */
    PUT(0xea, 5, 0x10, 0x03, 1);             /* site delta +8: 0x88; data delta -2; icount 104 */
    PUT(0x92, 0);                            /* successor is 5 now; stride: 0x90; data same; icount 104 */
    PUT(0x86, 2);                            /* same address; zero; icount 106 */
    PUT(0xb3, 0x01, 0);                      /* -1 from the access before: 0x8f; no data */
    PUT(0x80);                               /* same; data are the site's last: zero; icount step too */
    PUT(0x82, 5);                            /* icount 111 */
    PUT(0x80);                               /* and again 5 */
    assert_sound(8);
    static const uint64_t gva[] = {0x80, 0x88, 0x90, 0x90, 0x8f, 0x8f, 0x8f, 0x8f};
    static const uint64_t data[] = {0x04030201, 0x040301ff, 0x040301ff, 0, 0, 0, 0, 0};
    static const uint64_t icount[] = {103, 104, 104, 106, 106, 106, 111, 116};
    for (unsigned i = 0; i < 8; i++) {
        const struct trace_item *t = &items[1 + i];
        assert_int_equal(t->kind, ITEM_ACCESS);
        assert_int_equal(t->number, 1000 + i);
        assert_int_equal(t->access.gva, gva[i]);
        assert_int_equal(t->access.gpa, 0x10000 + gva[i]);
        assert_int_equal(t->access.has_data, i != 4);
        if (i != 4)
            assert_int_equal(value(&t->access), data[i]);
        assert_int_equal(t->access.icount, icount[i]);
        assert_true(t->icount_known);
        assert_int_equal(t->access.rip, 0x40);
        assert_int_equal(t->access.cr3, 0x1000);
        assert_int_equal(t->access.kind, ACCESS_WRITE);
        assert_int_equal(t->access.size, 4);
    }
}

static void previous_delta_crosses_sites(void **state)
{
    (void)state;
    sync_with(0);
    site_and_page();
    PUT(0x04, 6, 6, 0x07, 0x04, 0x09, 2,
        14);               /* SITE 6 at 0x3c: a read, cause 2, vector 14, MMIO and crossing, 2 bytes */
    PUT(0x06, 2, 1, 0x3f); /* page 1 -> frame 1 - 32 is below zero */
    assert_unsound(2, "more than 52 bits");

    sync_with(0);
    site_and_page();
    PUT(0x04, 6, 6, 0x07, 0x04, 0x09, 2, 14);
    PUT(0x06, 2, 1, 0x3e);          /* page 1 -> frame 0x20 */
    PUT(0xe4, 5, 0x80, 0x3f);       /* site 5 at 0xfc0 */
    PUT(0xfc, 6, 0x7e, 0xaa, 0xbb); /* site 6, 0x3f from there: 0xfff, raw */
    PUT(0xc4, 5);                   /* 5 again: 6 has a successor now */
    PUT(0x94);                      /* and 5's is 6: stride 0xfff from 0xfff */
    assert_sound(4);
    const struct access *a = &items[2].access;
    assert_int_equal(a->gva, 0xfff);
    assert_int_equal(a->gpa, 0x10fff);
    assert_int_equal(a->gpa2, 0x20000);
    assert_int_equal(a->cause, CAUSE_INTERRUPT);
    assert_int_equal(a->vector, 14);
    assert_int_equal(a->flags, ACCESS_MMIO | ACCESS_CROSSES);
    assert_int_equal(a->kind, ACCESS_READ);
    assert_int_equal(a->rip, 0x3c);
    assert_int_equal(value(a), 0xbbaa);
    assert_false(items[2].icount_known);
    assert_int_equal(items[4].access.gva, 0x1ffe);
    assert_false(items[4].gpa_known); /* page 2 is not mapped */
    assert_int_equal(result.no_gpa, 1);
    assert_int_equal(result.no_gpa_first, 1003);
}

static void block_defines_consecutive_sites(void **state)
{
    (void)state;
    sync_with(0);
    PUT(0x06, 2, 0, 0);
    PUT(0x05, 15, 10, 0x80, 0x04, 3, 2,   /* ids from 10, rip 0x100, 3 instructions, 2 accesses */
        0, 4, 0x01, 0, 8,                 /* write of 8 at 0x104 */
        2, 9, 0x00, 2, 1);                /* locked read of 1 at 0x109 */
    PUT(0x04, 6, 1, 0x02, 0x01, 0, 1, 0); /* SITE 1: rip is 0x100 + 1 */
    PUT(0xc4, 10, 0xc4, 11, 0xc4, 1);
    assert_sound(3);
    assert_int_equal(items[1].access.rip, 0x104);
    assert_int_equal(items[1].access.size, 8);
    assert_int_equal(items[2].access.rip, 0x109);
    assert_int_equal(items[2].access.kind, ACCESS_READ);
    assert_int_equal(items[2].access.flags, ACCESS_LOCKED);
    assert_int_equal(items[3].access.rip, 0x101);
}

static void run_expands(void **state)
{
    (void)state;
    sync_with(0);
    site_and_page();
    PUT(0x09, 9, 5, 3, 0, 0x80, 0x04, 9, 8, 7, 6);        /* 3 × the same at 0x100 */
    PUT(0x09, 12, 5, 2, 3, 0x01, 1, 0, 0, 0, 2, 0, 0, 0); /* descending from 0x107 */
    PUT(0x90);                                            /* goes on: stride -4 */
    PUT(0xb4, 0x02);                                      /* 1 from the access before */
    assert_sound(7);
    static const uint64_t gva[] = {0x100, 0x104, 0x108, 0x107, 0x103, 0xff, 0x100};
    static const uint64_t data[] = {0x06070809, 0x06070809, 0x06070809, 1, 2, 2, 0};
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(items[1 + i].access.gva, gva[i]);
        assert_int_equal(value(&items[1 + i].access), data[i]);
        assert_int_equal(items[1 + i].number, 1000 + i);
    }
}

/* One instruction makes all iterations: they have its count, and what comes behind counts from it. */
static void run_has_its_instruction_count(void **state)
{
    (void)state;
    sync_with(1); /* 100 */
    site_and_page();
    PUT(0xc6, 5, 2);                                         /* 102 */
    PUT(0x09, 10, 5, 3, 0, 0x80, 0x04, 7, 9, 8, 7, 6);       /* 109, three times */
    PUT(0x09, 13, 5, 2, 2, 0x08, 0, 1, 0, 0, 0, 2, 0, 0, 0); /* 109 again */
    PUT(0xc6, 5, 1);                                         /* 110 */
    PUT(0x09, 10, 5, 1, 0, 0, 0x80, 1, 9, 8, 7, 6);          /* 238 */
    assert_sound(8);
    static const uint64_t icount[] = {102, 109, 109, 109, 109, 109, 110, 238};
    for (unsigned i = 0; i < 8; i++) {
        assert_true(items[1 + i].icount_known);
        assert_int_equal(items[1 + i].access.icount, icount[i]);
    }
    assert_int_equal(value(&items[3].access), 0x06070809);
    assert_int_equal(value(&items[6].access), 2);

    sync_with(1);
    site_and_page();
    PUT(0x09, 4, 5, 1, 0, 0); /* no count */
    assert_unsound(1, "too short");
}

static void hostile_runs(void **state)
{
    (void)state;
    for (uint8_t flags = 0; flags < 2; flags++) {
        sync_with(flags);
        site_and_page();
        PUT(0x09, 9, 5, 0, 0, 0, 1, 9, 8, 7, 6);
        assert_unsound(0, "RUN of no accesses");
    }
    sync_with(0);
    site_and_page();
    PUT(0x09, 13, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 9, 8, 7, 6);
    assert_unsound(5, "more events");
    sync_with(0);
    site_and_page();
    PUT(0x09, 8, 5, 2, 2, 0, 9, 8, 7, 6);
    assert_unsound(2, "data for fewer");
    sync_with(0);
    site_and_page();
    PUT(0x09, 7, 5, 1, 0, 0, 9, 8, 7);
    assert_unsound(1, "data for fewer");
    sync_with(0);
    PUT(0x09, 8, 5, 1, 0, 0, 9, 8, 7, 6);
    assert_unsound(1, "not defined");
}

static void other_packets(void **state)
{
    (void)state;
    sync_with(0);
    PUT(0x00, 0x00, 0x7f, 3, 1, 2, 3); /* padding; a type of the future */
    PUT(0x03, 2, 0x80, 0x01);          /* TIME 128 */
    PUT(0x08, 8, 14, 3, 1, 6, 0x80, 0x20, 5,
        99); /* EVENT #PF, error code 6, rip 0x1000, tsc 5; one byte more */
    PUT(0x0a, 4, 1, 'a', 'b', 'c');
    PUT(0x0b, 1, 42);
    PUT(0x0c, 1, 43);
    PUT(0x0d, 3, 'e', 'n', 'd');
    assert_sound(0);
    assert_int_equal(count, 7);
    assert_int_equal(items[1].kind, ITEM_TIME);
    assert_int_equal(items[1].tsc, 128);
    assert_int_equal(items[2].kind, ITEM_EVENT);
    assert_int_equal(items[2].vector, 14);
    assert_int_equal(items[2].event_type, 3);
    assert_true(items[2].has_error_code);
    assert_int_equal(items[2].error_code, 6);
    assert_int_equal(items[2].rip, 0x1000);
    assert_int_equal(items[2].tsc, 5);
    assert_int_equal(items[3].kind, ITEM_MARK);
    assert_int_equal(items[3].source, MARK_CONSOLE);
    assert_string_equal(texts[3], "abc");
    assert_int_equal(items[4].kind, ITEM_LOSS);
    assert_int_equal(items[4].count, 42);
    assert_int_equal(items[5].kind, ITEM_FILTER);
    assert_int_equal(items[5].count, 43);
    assert_int_equal(items[6].kind, ITEM_STOP);
    assert_string_equal(texts[6], "end");
}

static void pages_are_forgotten(void **state)
{
    (void)state;
    sync_with(0);
    site_and_page();
    PUT(0xc4, 5);
    PUT(0x02, 3, 0x00, 0x80, 0x20); /* CONTEXT with the same cr3: mappings stay */
    PUT(0xc4, 5);
    PUT(0x02, 3, 0x00, 0x81, 0x20); /* another */
    PUT(0x84);
    PUT(0x06, 2, 0, 0x22, 0x84);
    PUT(0x07, 0, 0x84);
    assert_sound(5);
    static const bool known[] = {true, true, false, true, false};
    unsigned at = 0;
    for (unsigned i = 0; i < count; i++)
        if (items[i].kind == ITEM_ACCESS)
            assert_int_equal(items[i].gpa_known, known[at++]);
    assert_int_equal(at, 5);
    assert_int_equal(items[2].context, 0);
    assert_int_equal(items[4].cr3, 0x1001);
}

static void segments_share_nothing(void **state)
{
    (void)state;
    sync_with(0);
    site_and_page();
    PUT(0xc4, 5);
    assert_sound(1);
    sync_with(0);
    PUT(0xc4, 5);
    assert_unsound(1, "not defined");
    sync_with(0);
    PUT(0x04, 6, 5, 0, 1, 0, 4, 0);
    PUT(0xc4, 5);
    assert_sound(1);
    assert_false(items[1].gpa_known);
}

static void malformed_packets(void **state)
{
    (void)state;
    length = 0;
    assert_unsound(0, "no SYNC");
    sync_with(0);
    length--;
    assert_unsound(0, "longer than the segment");
    sync_with(0);
    sync_with(0);
    PUT(0x01, 26);
    memcpy(body + length, body + 2, 26);
    length += 26;
    assert_unsound(0, "SYNC again");
    sync_with(0);
    PUT(0x04, 3, 5, 0, 1);
    assert_unsound(0, "too short");
    sync_with(0);
    PUT(0x04, 6, 5, 0, 1, 0, 65, 0);
    assert_unsound(0, "size of 65");
    sync_with(0);
    PUT(0x04, 6, 5, 0, 1, 0, 0, 0);
    assert_unsound(0, "size of 0");
    sync_with(0);
    PUT(0x04, 8, 0x80, 0x80, 0x04, 0, 1, 0, 4, 0);
    assert_unsound(0, "largest id");
    sync_with(0);
    PUT(0x05, 8, 0xff, 0xff, 0x03, 0, 2, 2, 0, 0);
    assert_unsound(0, "largest id");
    sync_with(0);
    PUT(0x03, 11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0);
    assert_unsound(0, "too short");
    sync_with(0);
    site_and_page();
    PUT(0xc6, 5);
    assert_unsound(1, "there are none");
    sync_with(0);
    site_and_page();
    PUT(0xc5, 5);
    assert_unsound(1, "without data");
    sync_with(0);
    site_and_page();
    PUT(0xcc, 5, 1, 2, 3);
    assert_unsound(1, "cut off in its data");
    sync_with(0);
    site_and_page();
    PUT(0xe0, 5, 0x80);
    assert_unsound(1, "cut off in its address");
    sync_with(1);
    site_and_page();
    PUT(0xc6, 5);
    assert_unsound(1, "instruction count");
    sync_with(0);
    PUT(0x04, 6, 5, 0, 1, 0, 3, 0);
    PUT(0xc8, 5, 1);
    assert_unsound(1, "size of 3");
    sync_with(0);
    site_and_page();
    PUT(0xc4, 5, 0xc4, 5);
    assert_unsound(1, "more events");
    assert_int_equal(result.events, 1);
    assert_unsound(3, "packets hold 2");
}

/* Whatever the bytes are: no read beyond them, no more events than announced. */
static void any_bytes(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull;
    for (unsigned round = 0; round < 20000; round++) {
        sync_with(round & 1);
        site_and_page();
        unsigned n = round % 40;
        for (unsigned i = 0; i < n; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            body[length++] = (uint8_t)(seed >> 20) & (seed & 1 ? 0xff : 0x0f);
        }
        decode(20);
        assert_true(result.events <= 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sync_gives_the_context),
        cmocka_unit_test(access_forms),
        cmocka_unit_test(previous_delta_crosses_sites),
        cmocka_unit_test(block_defines_consecutive_sites),
        cmocka_unit_test(run_expands),
        cmocka_unit_test(run_has_its_instruction_count),
        cmocka_unit_test(hostile_runs),
        cmocka_unit_test(other_packets),
        cmocka_unit_test(pages_are_forgotten),
        cmocka_unit_test(segments_share_nothing),
        cmocka_unit_test(malformed_packets),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
