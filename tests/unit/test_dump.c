/* Dumps over a line in memory: whole, one-way, spoilt, resumed, and with requests that mean no good. */
#include "accesses.h"
#include "decoder.h"
#include "dump_receiver.h"
#include "unit.h"

#include "trace/dump_file.h"
#include "trace/hook.h"

#include <lz4.h>
#include <sys/mman.h>

#define SLOTS 7u
#define BYTES ((SLOTS + 1) * RING_SEGMENT_BYTES)
#define EVENTS 100000u
#define RUN 0x0123456789abcdefull

static const char meta[] = "format=1\nrun=0123456789abcdef\nengine=vmx\n";
#define META_BYTES ((uint32_t)sizeof(meta) - 1)

static uint8_t memory[BYTES] __attribute__((aligned(64)));
static struct ring ring;
static const struct source fresh = {.seed = 521288629, .rips = 60};
static const struct dump_options compressed = {.compress = true, .wait_seconds = 5, .frame_payload = 1024};

static uint64_t ticks(void)
{
    return 1;
}

static void record(void)
{
    static const struct hook_clock no_counts = {.tsc = ticks, .has_icount = true};
    struct source source = fresh;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, RUN);
    hook_init(&ring, &no_counts);
    for (unsigned i = 0; i < EVENTS; i++) {
        struct access a = source_next(&source);
        hook_access(&a);
    }
    hook_stop("end");
}

static enum dump_end dump(const struct dump_options *options)
{
    return dump_send(&ring, meta, META_BYTES, RUN, &rx_line_functions, options);
}

/* Checks the file's chunks; returns the number of LZ4 segments. The decoded events go to *out. */
static unsigned check_file(struct decoded *out)
{
    static uint8_t body[RING_SEGMENT_BYTES];
    uint64_t at = 0;
    unsigned lz4 = 0;
    uint64_t chunk = 0;
    *out = (struct decoded){0};
    for (; at < rx.length; chunk++) {
        struct chunk_header h;
        memcpy(&h, rx.file + at, sizeof(h));
        assert_int_equal(h.magic, TRACE_MAGIC);
        assert_int_equal(h.header_crc, crc32c(&h, 68));
        const uint8_t *stored = rx.file + at + 72;
        at += 72 + h.stored_bytes;
        assert_true(at <= rx.length);
        assert_int_equal(h.body_crc, crc32c(stored, h.stored_bytes));
        assert_int_equal(h.type, chunk == 0 ? CHUNK_META : at == rx.length ? CHUNK_END : CHUNK_SEGMENT);
        if (h.type != CHUNK_SEGMENT) {
            assert_int_equal(h.stored_bytes, META_BYTES);
            assert_memory_equal(stored, meta, META_BYTES);
            continue;
        }
        if (h.compression) {
            lz4++;
            assert_int_equal(
                LZ4_decompress_safe((const char *)stored, (char *)body, (int)h.stored_bytes, sizeof(body)),
                h.body_bytes);
            stored = body;
        }
        decode_segment(stored, h.body_bytes, out);
    }
    assert_int_equal(chunk, ring_count(&ring) + 2);
    return lz4;
}

static void assert_whole(bool with_lz4)
{
    struct decoded out;
    assert_int_equal(rx.run, RUN);
    assert_null(memchr(rx.have, 0, rx.length));
    assert_int_equal(rx.crc, crc32c(rx.file, rx.length));
    assert_int_equal(rx.end_event, EVENTS);
    assert_int_equal(check_file(&out), with_lz4 ? SLOTS : 0);
    struct source source = fresh;
    assert_int_equal(rx.first_event, EVENTS - out.count);
    for (uint64_t i = 0; i < EVENTS - out.count; i++)
        source_next(&source);
    for (size_t i = 0; i < out.count; i++) {
        struct access expected = source_next(&source);
        assert_same_access(&out.access[i], &expected);
    }
    free(out.access);
}

static void one_way_is_complete(void **state)
{
    (void)state;
    struct dump_options plain = {.wait_seconds = 5, .frame_payload = 1024};
    record();
    rx_reset(false, 0);
    assert_int_equal(dump(&plain), DUMP_UNANSWERED);
    assert_int_equal(rx.begins, 3);
    assert_int_equal(rx.bad, 0);
    assert_in_range(rx.ends, 7, 9); /* three, then one a second */
    assert_int_equal(rx.data_bytes, rx.length);
    assert_whole(false);
    uint64_t plain_length = rx.length;

    for (int again = 0; again < 2; again++) { /* a second dump finds the segments compressed */
        rx_reset(false, 0);
        assert_int_equal(dump(&compressed), DUMP_UNANSWERED);
        assert_true(rx.length < plain_length);
        assert_whole(true);
    }
}

static void no_waiting(void **state)
{
    (void)state;
    struct dump_options hasty = {.frame_payload = 1024};
    record();
    rx_reset(false, 0);
    assert_int_equal(dump(&hasty), DUMP_UNANSWERED);
    assert_int_equal(rx.ends, 3);
    assert_whole(false);
}

static void an_empty_ring_is_a_file_too(void **state)
{
    (void)state;
    struct decoded out;
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, RUN);
    rx_reset(true, 0);
    assert_int_equal(dump(&compressed), DUMP_DONE);
    assert_int_equal(rx.length, 2 * (72 + META_BYTES));
    check_file(&out);
    assert_int_equal(out.count, 0);
    assert_int_equal(rx.end_event, 0);
}

static void two_way_repairs_a_spoilt_line(void **state)
{
    (void)state;
    record();
    for (unsigned noise = 0; noise <= 100; noise += 50) { /* up to 1% of the bytes */
        struct dump_options patient = {.compress = true, .wait_seconds = 60, .frame_payload = 1024};
        rx_reset(true, noise);
        assert_int_equal(dump(&patient), DUMP_DONE);
        assert_true(rx.whole);
        assert_whole(true);
        assert_true(noise == 0 ? rx.requests == 0 : rx.requests > 0);
    }
}

static void one_way_spoilt_delivers_only_what_is_right(void **state)
{
    (void)state;
    static uint8_t right[FILE_MAX];
    record();
    rx_reset(false, 0);
    dump(&compressed);
    memcpy(right, rx.file, rx.length);
    struct dump_options small = {.compress = true, .wait_seconds = 1, .frame_payload = 64};
    rx_reset(false, 100);
    assert_int_equal(dump(&small), DUMP_UNANSWERED);
    uint64_t there = 0;
    for (uint64_t i = 0; i < rx.length; i++)
        if (rx.have[i]) {
            assert_int_equal(rx.file[i], right[i]);
            there++;
        }
    assert_in_range(there, rx.length / 4, rx.length - 1);
}

static void a_broken_dump_resumes(void **state)
{
    (void)state;
    record();
    rx_reset(false, 0);
    dump(&compressed);
    static uint8_t file[FILE_MAX];
    uint64_t length = rx.length;
    memcpy(file, rx.file, length);

    rx_reset(true, 0); /* a receiver that lacks one part, near the end */
    memcpy(rx.file, file, length);
    memset(rx.have, 1, length);
    memset(rx.file + length - 9000, 0, 5000);
    memset(rx.have + length - 9000, 0, 5000);
    rx.eager = true;
    assert_int_equal(dump(&compressed), DUMP_DONE);
    assert_true(rx.data_bytes < 5000 + 3 * 1024); /* and not the whole file again */
    assert_memory_equal(rx.file, file, length);
}

static unsigned texts;

static void say_something(uint64_t sent, uint64_t total)
{
    assert_true(sent <= total);
    if (texts++ == 1)
        assert_true(dump_text("half of it\n", 11));
}

static void text_goes_in_frames(void **state)
{
    (void)state;
    struct dump_options talking = compressed;
    talking.progress = say_something;
    record();
    assert_false(dump_text("no dump", 7));
    rx_reset(true, 0);
    assert_int_equal(dump(&talking), DUMP_DONE);
    assert_string_equal(rx.text, "half of it\n");
    assert_int_equal(texts, (rx.length + 1023) / 1024);
    assert_whole(true);
    assert_false(dump_text("no dump", 7));
}

static void ask(uint16_t payload, uint64_t offset, uint64_t length)
{
    uint8_t request[18] = {(uint8_t)payload, (uint8_t)(payload >> 8)};
    rx_put_le(request + 2, offset);
    rx_put_le(request + 10, length);
    rx_send_frame(0x41, request, sizeof(request));
}

/* The receiver asserts that no DATA lies outside the file; here it asks for what is not there. */
static void requests_outside_the_file_are_ignored(void **state)
{
    (void)state;
    record();
    rx_reset(false, 0);
    dump(&compressed);
    uint64_t length = rx.length;

    rx_reset(false, 0);
    ask(64, length, 1);
    ask(64, UINT64_MAX, UINT64_MAX);
    ask(64, 1ull << 63, 1ull << 63);
    ask(64, 0, 0);
    uint8_t malformed[200] = {64};
    memset(malformed + 2, 1, 198);
    for (uint16_t n = 0; n < 200; n++)
        if (n != 18 && n != 34) /* these would be well-formed; tried above */
            rx_send_frame(0x41, malformed, n);
    rx_send_frame(0x43, malformed, 18);
    assert_int_equal(dump(&compressed), DUMP_UNANSWERED);
    assert_int_equal(rx.data_bytes, length);
}

/* A frame of a later version may hold anything, a REQUEST too: it is skipped as a whole. */
static void frames_of_unknown_types_are_skipped(void **state)
{
    (void)state;
    uint8_t inner[12 + 18 + 4] = {0xf7, 0x41, 18, 0, [12] = 64, [22] = 0x10};
    uint32_t crc = crc32c(inner + 1, 29);
    memcpy(inner + 30, &crc, 4);
    record();
    rx_reset(false, 0);
    dump(&compressed);
    uint64_t length = rx.length;
    rx_reset(false, 0);
    rx_send_frame(0x43, inner, sizeof(inner));
    rx_send_frame(0x01, inner, sizeof(inner));
    assert_int_equal(dump(&compressed), DUMP_UNANSWERED);
    assert_int_equal(rx.data_bytes, length);
    rx_reset(false, 0);
    rx_send_raw(inner, sizeof(inner)); /* by itself it counts */
    assert_int_equal(dump(&compressed), DUMP_UNANSWERED);
    assert_int_equal(rx.data_bytes, length + 16);
}

static void requests_are_clamped(void **state)
{
    (void)state;
    const struct {
        uint16_t payload;
        uint32_t longest;
    } clamps[] = {{0, 16}, {15, 16}, {16, 16}, {1024, 1024}, {1025, 1024}, {65535, 1024}};
    record();
    rx_reset(false, 0);
    dump(&compressed);
    uint64_t length = rx.length;
    for (size_t i = 0; i < sizeof(clamps) / sizeof(clamps[0]); i++) {
        struct dump_options tiny = {.compress = true, .wait_seconds = 2, .frame_payload = 1};
        rx_reset(false, 0);
        ask(clamps[i].payload, length - 3000, UINT64_MAX); /* the end of it overflows */
        ask(clamps[i].payload, length - 3000, 1ull << 40); /* the same once more */
        assert_int_equal(dump(&tiny), DUMP_UNANSWERED);
        assert_int_equal(rx.longest, clamps[i].longest);
        assert_int_equal(rx.data_bytes, length + 3000);
    }
}

/* Noise and pieces of frames without end, while the dump goes on. */
static uint8_t hostile_byte(void)
{
    static const uint8_t likely[] = {0xf7, 0x41, 0x42, 0x12, 0x00, 0x10};
    uint64_t r = rx_random();
    return r % 3 ? likely[r / 3 % sizeof(likely)] : (uint8_t)(r >> 32);
}

static int hostile_get(void)
{
    rx.ticks++;
    return hostile_byte();
}

static void endless_noise_does_no_harm(void **state)
{
    (void)state;
    const struct dump_line hostile = {rx_put, hostile_get, rx_seconds};
    record();
    rx_reset(false, 0);
    assert_int_equal(dump_send(&ring, meta, META_BYTES, RUN, &hostile, &compressed), DUMP_UNANSWERED);
    assert_whole(true);
}

static void a_flood_of_requests_is_answered(void **state)
{
    (void)state;
    record();
    rx_reset(false, 0);
    for (uint64_t i = 0; i < 300; i++)
        ask(16, i * 16, 16);
    uint64_t asked = 300 * 16;
    assert_int_equal(dump(&compressed), DUMP_UNANSWERED);
    assert_in_range(rx.data_bytes, rx.length + 16 * 16,
                    rx.length + asked); /* what was dropped, one asks for again */
    assert_whole(true);
}

static void a_damaged_segment_stays_out(void **state)
{
    (void)state;
    static struct dump_file file;
    record();
    ((uint8_t *)ring_segment(&ring, 2))[30] ^= 1;
    uint32_t left_out = 72 + ring_segment(&ring, 2)->stored_bytes;
    dump_file_make(&file, &ring, meta, META_BYTES, false, NULL);
    uint64_t whole = 2 * (72 + META_BYTES);
    for (unsigned i = 0; i < SLOTS; i++)
        whole += 72 + ring_segment(&ring, i)->stored_bytes;
    assert_int_equal(file.bytes, whole - left_out);
    uint64_t at = 72 + META_BYTES;
    for (unsigned i = 0; i < SLOTS; i++)
        if (i != 2) {
            uint8_t head[72];
            dump_file_read(&file, at, head, 72);
            assert_memory_equal(head, ring_segment(&ring, i), 72);
            at += 72 + ring_segment(&ring, i)->stored_bytes;
        }

    record(); /* a damaged body is sent as it is: compressing would give it a right CRC */
    ((uint8_t *)(ring_segment(&ring, 2) + 1))[30] ^= 1;
    dump_file_make(&file, &ring, meta, META_BYTES, true, NULL);
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct chunk_header *h = ring_segment(&ring, i);
        assert_int_equal(h->compression, i != 2);
        assert_int_equal(h->body_crc == crc32c(h + 1, h->stored_bytes), i != 2);
    }
}

/* More segments than the directory has entries. */
static void a_large_ring_is_found_through_its_directory(void **state)
{
    (void)state;
    static struct dump_file file;
    const uint64_t slots = 2 * DUMP_DIRECTORY + 77, bytes = (slots + 1) * RING_SEGMENT_BYTES;
    uint8_t *large =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(large, MAP_FAILED);
    ring_init(&ring, large, bytes, RING_SEGMENT_BYTES, RING_WRAP, RUN);
    for (uint64_t i = 0; i < slots + 5; i++) {
        struct chunk_header *h = ring_open(&ring);
        uint32_t n = 1 + (uint32_t)(i * 7919 % 50);
        memset(h + 1, (int)i, n);
        ring_close(&ring, n);
    }
    dump_file_make(&file, &ring, meta, META_BYTES, false, NULL);
    assert_true(file.step > 1);
    uint8_t *whole = malloc(file.bytes + 1000), part[1000];
    uint64_t at = 72 + META_BYTES;
    for (uint64_t i = 0; i < slots; i++) {
        const struct chunk_header *h = ring_segment(&ring, i);
        memcpy(whole + at, h, 72 + h->stored_bytes);
        at += 72 + h->stored_bytes;
    }
    assert_int_equal(at + 72 + META_BYTES, file.bytes);
    rx.seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t offset = 72 + META_BYTES + rx_random() % (at - 72 - META_BYTES);
        uint64_t n = at - offset < sizeof(part) ? at - offset : 1 + rx_random() % sizeof(part);
        dump_file_read(&file, offset, part, n);
        assert_memory_equal(part, whole + offset, n);
    }
    free(whole);
    munmap(large, bytes);
}

static void a_long_meta_is_cut_at_a_line(void **state)
{
    (void)state;
    static struct dump_file file;
    static char longer[CHUNK_BODY_MAX / 2];
    for (size_t i = 0; i < sizeof(longer); i++)
        longer[i] = i % 100 == 99 ? '\n' : 'x';
    ring_init(&ring, memory, BYTES, RING_SEGMENT_BYTES, RING_WRAP, RUN);
    dump_file_make(&file, &ring, longer, sizeof(longer), false, NULL);
    assert_int_equal(file.meta_header.stored_bytes, CHUNK_BODY_MAX / 4 / 100 * 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_way_is_complete),
                                       cmocka_unit_test(no_waiting),
                                       cmocka_unit_test(an_empty_ring_is_a_file_too),
                                       cmocka_unit_test(two_way_repairs_a_spoilt_line),
                                       cmocka_unit_test(one_way_spoilt_delivers_only_what_is_right),
                                       cmocka_unit_test(a_broken_dump_resumes),
                                       cmocka_unit_test(text_goes_in_frames),
                                       cmocka_unit_test(requests_outside_the_file_are_ignored),
                                       cmocka_unit_test(frames_of_unknown_types_are_skipped),
                                       cmocka_unit_test(requests_are_clamped),
                                       cmocka_unit_test(endless_noise_does_no_harm),
                                       cmocka_unit_test(a_flood_of_requests_is_answered),
                                       cmocka_unit_test(a_damaged_segment_stays_out),
                                       cmocka_unit_test(a_large_ring_is_found_through_its_directory),
                                       cmocka_unit_test(a_long_meta_is_cut_at_a_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
