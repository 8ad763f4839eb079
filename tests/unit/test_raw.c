/* Raw segments: what the dictionary refuses, what a raw body says, and that packing keeps it. */
#include "accesses.h"
#include "decoder.h"
#include "unit.h"

#include "trace/format.h"
#include "trace/hook.h"
#include "trace/pack.h"
#include "trace/raw.h"
#include "trace/ring.h"
#include "trace/stream.h"
#include "types.h"

#define BODY_MAX 65536u

static uint8_t dictionary_memory[1 << 16] __attribute__((aligned(8)));
static struct dictionary dictionary;
static uint8_t body[BODY_MAX] __attribute__((aligned(8)));
static uint32_t length;

static void put(const void *bytes, size_t n)
{
    memcpy(body + length, bytes, n);
    length += (uint32_t)n;
}
#define PUT(type, ...) put(&(type){__VA_ARGS__}, sizeof(type))

static void put32(uint32_t v)
{
    put(&v, 4);
}

/* A preamble: 1000 instructions before, CR3 0x5000, one mapping for each privilege. */
static void begin(void)
{
    dictionary_init(&dictionary, dictionary_memory, sizeof(dictionary_memory));
    length = 0;
    PUT(struct raw_preamble, .zero = 50000, .cr3 = 0x5000, .icount = 1000, .tsc = 77, .map_count = 2,
        .context = 0x18);
    PUT(struct raw_map, .id = RAW_MAP, .user = 0, .page = 0x10, .frame = 0x20);
    PUT(struct raw_map, .id = RAW_MAP, .user = 1, .page = 0x10, .frame = 0x30);
}

/* Two accesses of a 32-bit block with paging: a read at the address in the record, and a write 4 bytes below
 * it. */
static const struct raw_access two[] = {
    {.rip_offset = 0,
     .address = 8,
     .data = 12,
     .address_bytes = 4,
     .instruction = 0,
     .kind = ACCESS_READ,
     .size = 4},
    {.displacement = -4,
     .rip_offset = 6,
     .address = 8,
     .data = 16,
     .address_bytes = 4,
     .instruction = 2,
     .kind = ACCESS_WRITE,
     .size = 2,
     .flags = ACCESS_LOCKED},
};
static const struct raw_block block = {.rip = 0x400000,
                                       .first = 0,
                                       .count = 2,
                                       .bytes = 20,
                                       .context = 0x18 | CONTEXT_PAGING,
                                       .instructions = 5};

static void define(void)
{
    assert_true(dictionary_add_accesses(&dictionary, two, 2));
    assert_true(dictionary_add_blocks(&dictionary, &block, 1));
}

struct seen {
    struct access access[4096];
    unsigned count, most;
    struct hook_event event;
    uint64_t event_tsc, tsc;
    char text[64];
    uint32_t text_bytes;
};
static struct seen seen;

static bool see_access(void *context, const struct access *a)
{
    (void)context;
    if (seen.count == seen.most)
        return false;
    seen.access[seen.count++] = *a;
    return true;
}
static void see_event(void *context, const struct hook_event *e, uint64_t tsc)
{
    (void)context;
    seen.event = *e;
    seen.event_tsc = tsc;
}
static void see_time(void *context, uint64_t tsc)
{
    (void)context;
    seen.tsc = tsc;
}
static void see_mark(void *context, uint8_t source, const char *text, uint32_t bytes)
{
    (void)context;
    assert_int_equal(source, MARK_CONSOLE);
    memcpy(seen.text, text, bytes);
    seen.text_bytes = bytes;
}
static const struct raw_sink sink = {
    .access = see_access, .event = see_event, .time = see_time, .mark = see_mark};

static bool read_all(uint32_t *at)
{
    memset(&seen, 0, sizeof(seen));
    seen.most = ARRAY_SIZE(seen.access);
    return raw_read(&dictionary, body, length, &sink, NULL, at);
}

static void a_block_is_what_the_dictionary_says(void **state)
{
    (void)state;
    uint32_t at;
    begin();
    define();
    put32(RAW_BLOCKS);
    put32(40000); /* budget: 10000 instructions charged, 5 of them the block's */
    put32(0x10804);
    put32(0x11223344);
    put32(0xffff5566);
    assert_true(read_all(&at));
    assert_int_equal(seen.count, 2);
    const struct access *r = &seen.access[0], *w = &seen.access[1];
    assert_int_equal(r->rip, 0x400000);
    assert_int_equal(r->gva, 0x10804);
    assert_int_equal(r->gpa, 0x20804);
    assert_int_equal(r->kind, ACCESS_READ);
    assert_int_equal(r->icount, 9995);
    assert_int_equal(r->cr3, 0x5000);
    assert_memory_equal(r->data, "\x44\x33\x22\x11", 4);
    assert_int_equal(w->rip, 0x400006);
    assert_int_equal(w->gva, 0x10800);
    assert_int_equal(w->kind, ACCESS_WRITE);
    assert_int_equal(w->size, 2);
    assert_int_equal(w->flags, ACCESS_LOCKED);
    assert_int_equal(w->icount, 9997);
    assert_memory_equal(w->data, "\x66\x55", 2);
}

static void user_and_supervisor_have_their_own_mappings(void **state)
{
    (void)state;
    uint32_t at;
    begin();
    define();
    struct raw_block user = block;
    user.context |= 3;
    assert_true(dictionary_add_blocks(&dictionary, &user, 1));
    for (unsigned i = 0; i < 2; i++) {
        put32(RAW_BLOCKS + i);
        put32(40000);
        put32(0x10804);
        put32(0);
        put32(0);
    }
    assert_true(read_all(&at));
    assert_int_equal(seen.access[0].gpa, 0x20804);
    assert_int_equal(seen.access[2].gpa, 0x30804);
    /* A new mapping holds from where it stands. */
    PUT(struct raw_map, .id = RAW_MAP, .user = 1, .page = 0x10, .frame = 0x99);
    put32(RAW_BLOCKS + 1);
    put32(40000);
    put32(0x10804);
    put32(0);
    put32(0);
    assert_true(read_all(&at));
    assert_int_equal(seen.access[2].gpa, 0x30804);
    assert_int_equal(seen.access[4].gpa, 0x99804);
}

static void addresses_of_32_bits_wrap(void **state)
{
    (void)state;
    uint32_t at;
    begin();
    define();
    put32(RAW_BLOCKS);
    put32(40000);
    put32(2);
    put32(0);
    put32(0);
    assert_true(read_all(&at));
    assert_int_equal(seen.access[1].gva, 0xfffffffe);
}

static void what_c_code_writes_comes_back(void **state)
{
    (void)state;
    uint32_t at;
    begin();
    PUT(struct raw_spelled, .id = RAW_ACCESS, .kind = ACCESS_WRITE, .cause = CAUSE_EXCEPTION, .vector = 14,
        .flags = ACCESS_CROSSES, .size = 6, .context = 3, .rip = 1, .gva = 2, .gpa = 3, .gpa2 = 0x4000,
        .icount = 5);
    put("abcdef\0\0", 8);
    PUT(struct raw_number, .id = RAW_CR3, .value = 0x7000);
    PUT(struct raw_event, .id = RAW_EVENT, .vector = 14, .type = 3, .has_error_code = 1, .error_code = 2,
        .rip = 9, .tsc = 1234);
    PUT(struct raw_number, .id = RAW_TIME, .value = 5678);
    PUT(struct raw_mark, .id = RAW_MARK, .bytes = 5, .source = MARK_CONSOLE);
    put("hello\0\0\0", 8);
    PUT(struct raw_spelled, .id = RAW_ACCESS, .size = 1, .icount = 6);
    put32(0);
    assert_true(read_all(&at));
    const struct access *a = &seen.access[0];
    assert_int_equal(seen.count, 2);
    assert_true(a->kind == ACCESS_WRITE && a->cause == CAUSE_EXCEPTION && a->vector == 14 && a->size == 6);
    assert_true(a->rip == 1 && a->gva == 2 && a->gpa == 3 && a->gpa2 == 0x4000 && a->icount == 5 &&
                a->cr3 == 0x5000);
    assert_memory_equal(a->data, "abcdef", 6);
    assert_int_equal(seen.access[1].cr3, 0x7000);
    assert_true(seen.event.vector == 14 && seen.event.has_error_code && seen.event.error_code == 2);
    assert_int_equal(seen.event_tsc, 1234);
    assert_int_equal(seen.tsc, 5678);
    assert_int_equal(seen.text_bytes, 5);
    assert_memory_equal(seen.text, "hello", 5);
}

/* REP MOVSW, descending; then REPE CMPSB, REP STOSD. */
static void runs_are_one_access_per_iteration_and_side(void **state)
{
    (void)state;
    uint32_t at;
    begin();
    PUT(struct raw_run, .id = RAW_RUN, .count = 3, .size = 2, .what = RUN_DESCENDS | RUN_HAS_B | RUN_B_WRITES,
        .rip = 7, .icount = 8, .gva = {0x1008, 0x2008}, .gpa = {0x3008, 0x4008});
    put("aabbcc\0\0", 8);
    PUT(struct raw_run, .id = RAW_RUN, .count = 2, .size = 1, .what = RUN_HAS_B | RUN_B_DATA,
        .gva = {0x10, 0x20});
    put("xyXY", 4);
    PUT(struct raw_run, .id = RAW_RUN, .count = 2, .size = 4, .what = RUN_ONE | RUN_A_WRITES, .gva = {0x100});
    put("fill", 4);
    assert_true(read_all(&at));
    static const struct {
        uint8_t kind;
        uint64_t gva, gpa;
        const char *data;
        unsigned size;
    } expected[] = {
        {ACCESS_READ, 0x1008, 0x3008, "aa", 2}, {ACCESS_WRITE, 0x2008, 0x4008, "aa", 2},
        {ACCESS_READ, 0x1006, 0x3006, "bb", 2}, {ACCESS_WRITE, 0x2006, 0x4006, "bb", 2},
        {ACCESS_READ, 0x1004, 0x3004, "cc", 2}, {ACCESS_WRITE, 0x2004, 0x4004, "cc", 2},
        {ACCESS_READ, 0x10, 0, "x", 1},         {ACCESS_READ, 0x20, 0, "X", 1},
        {ACCESS_READ, 0x11, 1, "y", 1},         {ACCESS_READ, 0x21, 1, "Y", 1},
        {ACCESS_WRITE, 0x100, 0, "fill", 4},    {ACCESS_WRITE, 0x104, 4, "fill", 4},
    };
    assert_int_equal(seen.count, ARRAY_SIZE(expected));
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
        const struct access *a = &seen.access[i];
        assert_int_equal(a->kind, expected[i].kind);
        assert_int_equal(a->gva, expected[i].gva);
        assert_int_equal(a->gpa, expected[i].gpa);
        assert_int_equal(a->size, expected[i].size);
        assert_int_equal(a->flags, ACCESS_REP);
        assert_memory_equal(a->data, expected[i].data, expected[i].size);
    }
    assert_int_equal(seen.access[0].icount, 8);
    assert_int_equal(seen.access[5].icount, 8);
}

static void the_dictionary_refuses_what_does_not_fit_together(void **state)
{
    (void)state;
    begin();
    struct raw_access a = two[0];
    a.size = 0;
    assert_false(dictionary_add_accesses(&dictionary, &a, 1));
    a.size = 65;
    assert_false(dictionary_add_accesses(&dictionary, &a, 1));
    a = two[0];
    a.address_bytes = 5;
    assert_false(dictionary_add_accesses(&dictionary, &a, 1));
    a = two[0];
    a.kind = 2;
    assert_false(dictionary_add_accesses(&dictionary, &a, 1));
    assert_int_equal(dictionary.access_count, 0);
    assert_true(dictionary_add_accesses(&dictionary, two, 2));

    static const struct raw_block wrong[] = {
        {.count = 3, .bytes = 20},             /* more accesses than there are */
        {.first = 1, .count = 2, .bytes = 20}, /* likewise */
        {.first = 3, .count = 0, .bytes = 20},
        {.count = 2, .bytes = 16}, /* data behind the record */
        {.count = 2, .bytes = 4},
        {.count = 2, .bytes = 21},
        {.count = 2, .bytes = 20, .instructions = 65},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_false(dictionary_add_blocks(&dictionary, &wrong[i], 1));
    assert_int_equal(dictionary.block_count, 0);
    assert_true(dictionary_add_blocks(&dictionary, &block, 1));
    while (dictionary_add_blocks(&dictionary, &block, 1))
        ;
    assert_int_equal(dictionary.block_count, dictionary.block_max);
}

/* Cut anywhere: what is whole is read, and where it stops is told. */
static void a_cut_body_is_read_up_to_the_cut(void **state)
{
    (void)state;
    uint32_t at, start, whole;
    begin();
    define();
    start = length;
    for (unsigned i = 0; i < 3; i++) {
        put32(RAW_BLOCKS);
        put32(40000);
        put32(0x10804);
        put32(0);
        put32(0);
    }
    whole = length;
    for (length = 0; length < whole; length++) {
        bool ok = read_all(&at);
        bool at_border = length >= start && (length - start) % 20 == 0;
        assert_int_equal(ok, at_border);
        assert_int_equal(seen.count, length < start ? 0 : (length - start) / 20 * 2);
        if (!ok && length >= start)
            assert_int_equal(at, start + (length - start) / 20 * 20);
    }
}

/* ---- in the ring, and packed ---- */

#define SLOTS 6u
#define RING_BYTES ((SLOTS + 1) * RING_SEGMENT_BYTES)

static uint8_t memory[RING_BYTES] __attribute__((aligned(64)));
static struct ring ring;

static uint64_t ticks(void)
{
    static uint64_t now;
    return now += 1000;
}

static void start(enum ring_mode mode)
{
    static const struct hook_clock clock = {.tsc = ticks, .has_icount = true};
    ring_init(&ring, memory, RING_BYTES, RING_SEGMENT_BYTES, mode, 1);
    hook_init(&ring, &clock);
}

/* A segment with `blocks` blocks, as the engine fills it. */
static struct raw_use fill(struct chunk_header *h, unsigned blocks)
{
    length = 0;
    PUT(struct raw_preamble, .zero = 50000, .map_count = 1, .context = 0x18);
    PUT(struct raw_map, .id = RAW_MAP, .page = 0x10, .frame = 0x20);
    for (unsigned i = 0; i < blocks; i++) {
        put32(RAW_BLOCKS);
        put32(40000);
        put32(0x10804);
        put32(i);
        put32(i);
    }
    memset(h, 0xaa, sizeof(*h)); /* the engine could */
    memcpy(h + 1, body, length);
    return (struct raw_use){.bytes = length, .events = 2ull * blocks};
}

/* Its events number from `first` on without a gap; all of them come back in *out. */
static void read_ring(uint64_t first, struct decoded *out)
{
    *out = (struct decoded){0};
    for (uint64_t i = 0; i < ring_count(&ring); i++) {
        const struct chunk_header *h = ring_segment(&ring, i);
        size_t before = out->count;
        assert_true(ring_segment_intact(&ring, i));
        assert_int_equal(h->encoding, ENCODING_PACKED);
        assert_int_equal(h->first_event, first + before);
        decode_segment((const uint8_t *)(h + 1), h->body_bytes, out);
        assert_int_equal(out->count - before, h->event_count);
    }
}

static void check_ring(uint64_t first, uint64_t events)
{
    struct decoded out;
    read_ring(first, &out);
    assert_int_equal(out.count, events);
    free(out.access);
}

/* Raw bodies of all that `seen` held come back packed. */
static void check_packed(const struct seen *expected)
{
    struct decoded out;
    read_ring(0, &out);
    assert_int_equal(out.count, expected->count);
    for (unsigned i = 0; i < expected->count; i++)
        assert_same_access(&out.access[i], &expected->access[i]);
    free(out.access);
}

/* The body at hand becomes the ring's next segment. */
static void close_body(uint64_t events)
{
    struct chunk_header *segment;
    assert_int_equal(hook_raw_open(&segment, 1), 1);
    memcpy(segment + 1, body, length);
    hook_raw_close(&(struct raw_use){.bytes = length, .events = events}, 1);
}

static void packing_keeps_everything(void **state)
{
    (void)state;
    uint32_t at;
    begin();
    define();
    for (unsigned i = 0; i < 500; i++) {
        put32(RAW_BLOCKS);
        put32(40000 - 7 * i);
        put32(0x10804 + i);
        put32(i * i);
        put32(i);
        if (i == 100)
            PUT(struct raw_number, .id = RAW_ICOUNT, .value = 60000);
        if (i == 200)
            PUT(struct raw_number, .id = RAW_CR3, .value = 0x8000);
        if (i == 200)
            PUT(struct raw_map, .id = RAW_MAP, .page = 0x10, .frame = 0x55);
        if (i % 50 != 7)
            continue;
        PUT(struct raw_run, .id = RAW_RUN, .count = 1 + i % 3, .size = 2,
            .what = RUN_DESCENDS | RUN_HAS_B | RUN_B_WRITES, .rip = 7, .icount = 11000 + 7 * i,
            .gva = {0x1008 + i, 0x2008}, .gpa = {0x3008 + i, 0x4008});
        put("aabbcc\0\0", raw_padded(2 * (1 + i % 3)));
        PUT(struct raw_run, .id = RAW_RUN, .count = 2, .size = 1, .what = RUN_HAS_B | RUN_B_DATA, .rip = 9,
            .icount = 11001 + 7 * i, .gva = {0x10, 0x20}, .gpa = {0x10, 0x20});
        put("xyXY", 4);
        PUT(struct raw_run, .id = RAW_RUN, .count = 20, .size = 4, .what = RUN_ONE | RUN_A_WRITES, .rip = 11,
            .icount = 11002 + 7 * i, .gva = {0x100}, .gpa = {0x100});
        put("fill", 4);
    }
    assert_true(read_all(&at));
    assert_true(seen.count > 1200);
    start(RING_WRAP);
    close_body(seen.count);
    hook_pack(&dictionary, NULL);
    assert_int_equal(hook_damaged(), 0);
    assert_int_equal(hook_events(), seen.count);
    assert_int_equal(hook_lost(), 0);
    check_packed(&seen);
    assert_int_equal(ring_segment(&ring, 0)->tsc, 77);
    assert_int_equal(pack_count(&dictionary, NULL, body, length), seen.count);
}

/* Blocks that run once, far from each other: more bytes packed than raw. What one slot cannot hold the next
 * one does. */
static void what_does_not_fit_goes_to_the_next_slot(void **state)
{
    (void)state;
    static struct dictionary large;
    static uint8_t large_memory[1 << 21] __attribute__((aligned(8)));
    const unsigned blocks = 2400;
    dictionary_init(&large, large_memory, sizeof(large_memory));
    for (unsigned i = 0; i < 3 * blocks; i++) {
        struct raw_access a = {
            .displacement = (int64_t)(i * 0x123456789abcdull), .data = 8, .address_bytes = 8, .size = 8};
        struct raw_block b = {.rip = i * 0x10000, .first = i, .count = 1, .bytes = 16, .context = 0x0c};
        assert_true(dictionary_add_accesses(&large, &a, 1));
        assert_true(dictionary_add_blocks(&large, &b, 1));
    }
    start(RING_STOP);
    for (unsigned segment = 0; segment < 3; segment++) {
        length = 0;
        PUT(struct raw_preamble, .zero = 50000, .tsc = segment);
        for (unsigned i = 0; i < blocks; i++) {
            uint64_t value = i * 0x9e3779b97f4a7c15ull;
            put32(RAW_BLOCKS + segment * blocks + i);
            put32(40000);
            put(&value, 8);
        }
        close_body(blocks);
    }
    assert_int_equal(ring_count(&ring), 3);
    hook_pack(&large, NULL);
    assert_int_equal(hook_lost(), 0);
    assert_true(ring_count(&ring) > 3);
    check_ring(0, 3 * blocks);
}

/* And when there is none it is counted. */
static void a_ring_that_is_full_to_its_end_loses_the_rest(void **state)
{
    (void)state;
    static struct dictionary large;
    static uint8_t large_memory[1 << 20] __attribute__((aligned(8)));
    const unsigned blocks = 3000;
    dictionary_init(&large, large_memory, sizeof(large_memory));
    for (unsigned i = 0; i < blocks; i++) {
        struct raw_access a = {
            .displacement = (int64_t)(i * 0x123456789abcdull), .data = 8, .address_bytes = 8, .size = 8};
        struct raw_block b = {.rip = i * 0x10000, .first = i, .count = 1, .bytes = 16, .context = 0x0c};
        assert_true(dictionary_add_accesses(&large, &a, 1));
        assert_true(dictionary_add_blocks(&large, &b, 1));
    }
    start(RING_STOP);
    for (unsigned segment = 0; segment < SLOTS; segment++) {
        length = 0;
        PUT(struct raw_preamble, .zero = 50000);
        for (unsigned i = 0; i < blocks; i++) {
            uint64_t value = i * 0x9e3779b97f4a7c15ull;
            put32(RAW_BLOCKS + i);
            put32(40000);
            put(&value, 8);
        }
        close_body(blocks);
    }
    hook_pack(&large, NULL);
    assert_true(hook_lost() > 0);
    assert_int_equal(hook_events() + hook_lost(), SLOTS * blocks);
    struct decoded out;
    read_ring(0, &out);
    assert_int_equal(out.count, hook_events());
    assert_int_equal(out.lost, hook_lost());
    free(out.access);
}

static void several_segments_open_and_some_given_back(void **state)
{
    (void)state;
    struct chunk_header *segment[8];
    struct raw_use use[8] = {{0}};
    begin();
    define();
    start(RING_STOP);
    assert_int_equal(hook_raw_open(segment, 3), 3);
    use[0] = fill(segment[0], 10);
    use[1] = fill(segment[1], 20);
    hook_raw_close(use, 3);
    assert_int_equal(hook_events(), 60);
    assert_int_equal(ring_count(&ring), 2);
    assert_int_equal(ring_segment(&ring, 1)->encoding, ENCODING_RAW);
    assert_int_equal(hook_raw_open(segment, 8), SLOTS - 2);
    use[0] = fill(segment[0], 5);
    use[1] = (struct raw_use){0};
    hook_raw_close(use, SLOTS - 2);
    hook_pack(&dictionary, NULL);
    hook_stop("done");
    assert_int_equal(hook_damaged(), 0);
    assert_int_equal(hook_events(), 70);
    check_ring(0, 70);
}

static void a_full_ring_counts_what_is_lost(void **state)
{
    (void)state;
    struct chunk_header *segment[8];
    struct raw_use use[8];
    begin();
    define();
    start(RING_STOP);
    assert_int_equal(hook_raw_open(segment, 8), SLOTS);
    for (unsigned i = 0; i < SLOTS; i++)
        use[i] = fill(segment[i], 10);
    hook_raw_close(use, SLOTS);
    assert_int_equal(hook_raw_open(segment, 8), 0);
    hook_raw_lost(123);
    hook_pack(&dictionary, NULL);
    hook_stop("done");
    assert_int_equal(hook_lost(), 123);
    check_ring(0, SLOTS * 20);
    struct decoded out = {0};
    const struct chunk_header *last = ring_segment(&ring, SLOTS - 1);
    decode_segment((const uint8_t *)(last + 1), last->body_bytes, &out);
    assert_int_equal(out.lost, 123);
    assert_true(out.stopped);
    free(out.access);
}

static void a_limit_cuts_in_the_middle_of_a_segment(void **state)
{
    (void)state;
    struct chunk_header *segment[8];
    struct raw_use use[8];
    begin();
    define();
    start(RING_WRAP);
    hook_limit(25);
    assert_int_equal(hook_raw_open(segment, 2), 2);
    use[0] = fill(segment[0], 10);
    use[1] = fill(segment[1], 10);
    hook_raw_close(use, 2);
    hook_pack(&dictionary, NULL); /* which of them are wanted is seen here, by the filter and the limit */
    assert_int_equal(hook_events(), 25);
    hook_stop("done");
    assert_int_equal(hook_lost(), 0);
    check_ring(0, 25);
}

/* A body that is not what the engine said: what cannot be read is lost, and later numbers still join. */
static void a_damaged_body_shifts_what_follows(void **state)
{
    (void)state;
    struct chunk_header *segment[8];
    struct raw_use use[8];
    begin();
    define();
    start(RING_WRAP);
    assert_int_equal(hook_raw_open(segment, 2), 2);
    use[0] = fill(segment[0], 10);
    use[1] = fill(segment[1], 10);
    memset((uint8_t *)(segment[0] + 1) + use[0].bytes - 20, 0, 4); /* the last block's id */
    hook_raw_close(use, 2);
    hook_pack(&dictionary, NULL);
    hook_stop("done");
    assert_int_equal(hook_damaged(), 1);
    assert_int_equal(hook_events(), 38);
    assert_int_equal(hook_lost(), 2);
    check_ring(0, 38);
    assert_int_equal(ring_segment(&ring, 1)->lost_before, 2);
}

static struct stream stream;
static uint8_t packed_body[4 * BODY_MAX];

/* More sites than there are ids in a writer's table: they begin anew. */
static void sites_begin_anew(void **state)
{
    (void)state;
    static struct access given[3 * STREAM_SITES];
    struct decoded out = {0};
    stream_open(&stream, packed_body, sizeof(packed_body), true, 0, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(given); i++) {
        unsigned place = i % (STREAM_SITES + 100);
        given[i] = (struct access){
            .rip = 0x1000 + place, .gva = 0x5000 + 8 * (place % 64), .size = 4, .has_data = 1};
        given[i].gpa = given[i].gva;
        given[i].data[0] = (uint8_t)(i >> 3);
        assert_true(stream_access(&stream, &given[i]));
    }
    decode_segment(packed_body, stream_bytes(&stream), &out);
    assert_int_equal(out.count, ARRAY_SIZE(given));
    for (unsigned i = 0; i < ARRAY_SIZE(given); i++)
        assert_same_access(&out.access[i], &given[i]);
    free(out.access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_what_the_dictionary_says),
        cmocka_unit_test(user_and_supervisor_have_their_own_mappings),
        cmocka_unit_test(addresses_of_32_bits_wrap),
        cmocka_unit_test(what_c_code_writes_comes_back),
        cmocka_unit_test(runs_are_one_access_per_iteration_and_side),
        cmocka_unit_test(the_dictionary_refuses_what_does_not_fit_together),
        cmocka_unit_test(a_cut_body_is_read_up_to_the_cut),
        cmocka_unit_test(packing_keeps_everything),
        cmocka_unit_test(what_does_not_fit_goes_to_the_next_slot),
        cmocka_unit_test(a_ring_that_is_full_to_its_end_loses_the_rest),
        cmocka_unit_test(several_segments_open_and_some_given_back),
        cmocka_unit_test(a_full_ring_counts_what_is_lost),
        cmocka_unit_test(a_limit_cuts_in_the_middle_of_a_segment),
        cmocka_unit_test(a_damaged_body_shifts_what_follows),
        cmocka_unit_test(sites_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
