/* The replay proof: what it says of memory that is, and is not, what the recorded writes make of it; what it
 * leaves in a trace file, and what comes of replaying that. */
#include "accesses.h"
#include "unit.h"

#include "proof_text.h"
#include "prove/replay.h"
#include "reader/walk.h"
#include "trace/dump_file.h"
#include "trace/hook.h"
#include "trace/proof_file.h"
#include "trace/ring.h"
#include "types.h"

#define PAGES 64u
#define FIRST 0x1000u /* RAM begins there, and has a hole */
#define HOLE_START 0x9000u
#define HOLE_END 0xa000u
#define SLOTS 8u

static uint8_t memory[(PAGES + 1) * PROOF_PAGE];
static uint8_t ring_memory[(SLOTS + 1) * RING_SEGMENT_BYTES] __attribute__((aligned(64)));
static struct ring ring;
static struct proof proof;
static void *room;

static uint64_t ticks(void)
{
    return 1;
}

static void begin(bool copy, bool pages)
{
    static const struct hook_clock clock = {.tsc = ticks};
    const struct proof_plan plan = {.copy = copy, .keep = pages};
    ring_init(&ring, ring_memory, sizeof(ring_memory), RING_SEGMENT_BYTES, RING_WRAP, 1);
    hook_init(&ring, &clock);
    memset(&proof, 0, sizeof(proof));
    proof.memory = memory;
    assert_true(proof_add_range(&proof, FIRST - 5, HOLE_START + 7));
    assert_true(proof_add_range(&proof, HOLE_END, sizeof(memory)));
    assert_int_equal(proof.pages, PAGES - 1);
    free(room);
    room = aligned_alloc(PROOF_PAGE, align_up(proof_memory_bytes(proof.pages, &plan), PROOF_PAGE));
    assert_non_null(room);
    memset(room, 0xa5, proof_memory_bytes(proof.pages, &plan));
    proof_place(&proof, room, &plan);
    proof_begin(&proof);
    hook_prove(&proof);
}

static const struct proof_result *end(void)
{
    proof_end(&proof, hook_lost());
    return &proof.result;
}

/* Memory that is not zero, the last 16 pages aside. */
static void fill(void)
{
    for (size_t i = 0; i < sizeof(memory); i++)
        memory[i] = i < sizeof(memory) - 16 * PROOF_PAGE ? (uint8_t)(i * 7 + i / PROOF_PAGE) : 0;
}

static struct access access_to(uint64_t gpa, uint8_t size, uint64_t value)
{
    struct access a = {
        .kind = ACCESS_WRITE, .gva = gpa, .gpa = gpa, .size = size, .has_data = 1, .rip = 0x100};
    memcpy(a.data, &value, sizeof(value));
    return a;
}

static void record(uint64_t gpa, uint8_t size, uint64_t value)
{
    struct access a = access_to(gpa, size, value);
    assert_true(hook_access(&a));
}

static void write_both(uint64_t gpa, uint8_t size, uint64_t value)
{
    memcpy(memory + gpa, &value, size);
    record(gpa, size, value);
}

/* ---- the verdict ---- */

static void recorded_writes_explain_memory(void **state)
{
    (void)state;
    fill();
    begin(true, false);
    for (unsigned i = 0; i < 1000; i++)
        write_both(FIRST + i * 131 % (7 * PROOF_PAGE), 4, i);
    write_both(0x20000, 8, 5);
    const struct proof_result *r = end();
    assert_true(proof_holds(r));
    assert_int_equal(r->writes, 1001);
    assert_int_equal(r->pages, PAGES - 1);
    assert_int_equal(r->written, 8);
    assert_int_equal(r->outside, 0);
}

static void a_missing_write_is_found(void **state)
{
    (void)state;
    fill();
    begin(true, false);
    write_both(0x2000, 4, 1);
    write_both(0x3010, 4, 2);
    write_both(0x3020, 4, 3);
    memcpy(memory + 0x3018, "\x11\x22", 2); /* not recorded */
    const struct proof_result *r = end();
    assert_false(proof_holds(r));
    assert_int_equal(r->different_pages, 1);
    assert_int_equal(r->different_bytes, 2);
    assert_int_equal(r->different_unwritten, 0);
    assert_int_equal(r->samples, 1);
    assert_int_equal(r->sample[0].address, 0x3018);
    assert_int_equal(r->sample[0].writer, 3); /* event 2, in the same line */
    assert_memory_equal(r->sample[0].found, "\x11\x22", 2);
    assert_int_equal(r->sample[0].expected[0], (uint8_t)(0x3018 * 7 + 3));
}

static void an_altered_write_is_found(void **state)
{
    (void)state;
    fill();
    begin(true, false);
    write_both(0x4000, 8, 0x1122334455667788);
    record(0x4008, 1, 0x55);
    memory[0x4008] = 0x54;
    const struct proof_result *r = end();
    assert_int_equal(r->different_bytes, 1);
    assert_int_equal(r->sample[0].expected[0], 0x55);
    assert_int_equal(r->sample[0].found[0], 0x54);
    assert_int_equal(r->sample[0].writer, 2);
}

static void where_no_write_went_it_says_so(void **state)
{
    (void)state;
    fill();
    begin(true, false);
    memory[0x5001] ^= 0x80;
    const struct proof_result *r = end();
    assert_int_equal(r->different_unwritten, 1);
    assert_int_equal(r->different_table_bits, 0);
    assert_int_equal(r->sample[0].writer, 0);
}

static void accessed_and_dirty_bits_are_told_apart(void **state)
{
    (void)state;
    fill();
    memory[0x5000] = 0x07;
    memory[0x5008] = 0x27;
    begin(true, false);
    memory[0x5000] = 0x27;
    memory[0x5008] = 0x67;
    const struct proof_result *r = end();
    assert_int_equal(r->different_bytes, 2);
    assert_int_equal(r->different_table_bits, 2);
    assert_int_equal(r->different_unwritten, 0);
}

static void what_crosses_a_page_goes_on_at_its_second_address(void **state)
{
    (void)state;
    fill();
    begin(true, false);
    struct access a = access_to(0x2ffd, 8, 0x8877665544332211);
    a.flags = ACCESS_CROSSES;
    a.gpa2 = 0x7000;
    memcpy(memory + 0x2ffd, a.data, 3);
    memcpy(memory + 0x7000, a.data + 3, 5);
    assert_true(hook_access(&a));
    assert_true(proof_holds(end()));
}

static void memory_that_is_not_compared_is_counted(void **state)
{
    (void)state;
    fill();
    begin(true, false);
    record(HOLE_START + 8, 4, 1);
    record(0xfee00000, 4, 1);
    record(UINT64_MAX - 1, 8, 1);
    memory[HOLE_START + 8] ^= 1;
    const struct proof_result *r = end();
    assert_true(proof_holds(r));
    assert_int_equal(r->outside, 3);
}

static void reads_find_what_was_written(void **state)
{
    (void)state;
    fill();
    begin(true, false);
    write_both(0x2000, 4, 0x11223344);
    struct access read = access_to(0x2000, 4, 0x11223344);
    read.kind = ACCESS_READ;
    assert_true(hook_access(&read));
    read.data[3] = 0x12;
    assert_true(hook_access(&read));
    const struct proof_result *r = end();
    assert_int_equal(r->reads, 2);
    assert_int_equal(r->different_reads, 1);
    assert_int_equal(r->different_pages, 0);
    assert_false(proof_holds(r));
    assert_int_equal(r->sample[0].kind, DIFFERENT_READ);
    assert_int_equal(r->sample[0].event, 2);
    assert_int_equal(r->sample[0].writer, 1);
}

/* What a later write covers is seen before it does. */
static void what_is_about_to_be_overwritten_is_compared(void **state)
{
    (void)state;
    fill();
    begin(true, true);
    write_both(0x2000, 4, 1);
    hook_overwrite(0x2000, 4);
    assert_int_equal(proof.result.different_bytes, 0);
    record(0x2ffe, 4, 0x01020304);
    memcpy(memory + 0x2ffe, "\x04\x03\x00\x01", 4);
    hook_overwrite(0x2ffc, 20);
    write_both(0x2ffc, 8, 9);
    hook_overwrite(HOLE_START, 64);
    hook_overwrite(UINT64_MAX - 7, 8);
    memory[0x30000] ^= 0xf; /* on a page that nothing has written */
    hook_overwrite(0x30000, 1);
    write_both(0x30000, 8, 5);
    const struct proof_result *r = end();
    assert_int_equal(r->different_bytes, 2);
    assert_int_equal(r->different_pages, 2);
    assert_int_equal(r->different_unwritten, 1);
    assert_false(proof_holds(r));
    assert_int_equal(r->sample[0].kind, DIFFERENT_EARLIER);
    assert_int_equal(r->sample[0].address, 0x3000);
    assert_int_equal(r->sample[0].event, 2);
    assert_int_equal(r->sample[0].writer, 2);
    assert_int_equal(r->kept, 3); /* as they were at the start */
    assert_int_equal(proof.kept[2 * PROOF_PAGE], (uint8_t)(0x30000 * 7 + 0x30));
}

static void a_checkpoint_compares_what_was_written_since(void **state)
{
    (void)state;
    fill();
    begin(true, false);
    write_both(0x2000, 4, 1);
    memory[0x2008] ^= 1;
    memory[0x5008] ^= 1; /* seen at the end only */
    proof_checkpoint(&proof, 1);
    assert_int_equal(proof.result.different_bytes, 1);
    proof_checkpoint(&proof, 1);
    write_both(0x2008, 4, 1);
    proof_checkpoint(&proof, 2);
    assert_int_equal(proof.result.different_bytes, 1);
    const struct proof_result *r = end();
    assert_int_equal(r->different_bytes, 2);
    assert_int_equal(r->different_pages, 2);
    assert_int_equal(r->sample[0].kind, DIFFERENT_EARLIER);
    assert_int_equal(r->sample[0].event, 1);
    assert_int_equal(r->sample[1].kind, DIFFERENT_MEMORY);
    begin(false, false);
    write_both(0x2000, 4, 1);
    proof_checkpoint(&proof, 1);
    assert_true(proof_holds(end()));
}

static void digests_tell_of_pages_without_writes(void **state)
{
    (void)state;
    fill();
    begin(false, false);
    write_both(0x2000, 4, 1);
    memory[0x2100] ^= 1; /* on a page that is written: nothing can be told */
    const struct proof_result *r = end();
    assert_true(proof_holds(r));
    assert_int_equal(r->unproved, 1);
    begin(false, false);
    memory[0x3000] ^= 1;
    r = end();
    assert_int_equal(r->different_pages, 1);
    assert_int_equal(r->sample[0].kind, DIFFERENT_PAGE);
    assert_int_equal(r->sample[0].address, 0x3000);
}

static void what_cannot_be_proved_is_said(void **state)
{
    (void)state;
    struct filter filter = {0};
    assert_null(proof_refusal(true, &filter));
    assert_non_null(proof_refusal(false, &filter));
    filter.levels = 8;
    assert_non_null(proof_refusal(true, &filter));
    filter = (struct filter){.has_cr3 = true};
    assert_non_null(proof_refusal(true, &filter));
    filter = (struct filter){0};
    filter_add(&filter.gva, 1, 2);
    assert_non_null(proof_refusal(true, &filter));

    fill();
    begin(true, false);
    memory[0x3000] ^= 1;
    proof_end(&proof, 1);
    assert_non_null(proof.result.objection);
    assert_int_equal(proof.result.different_pages, 0);
    begin(true, false);
    struct access a = access_to(0x2000, 4, 1);
    a.has_data = 0;
    assert_true(hook_access(&a));
    assert_non_null(end()->objection);
}

static void its_share_of_memory_is_enough(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        const struct proof_plan plan = {.copy = how != 0, .keep = how == 2};
        for (uint64_t pages = 4096; pages < 1u << 28; pages = pages * 3 / 2 + 17) {
            uint64_t taken = align_up(proof_share_bytes(pages, &plan), LARGE_PAGE_SIZE);
            assert_true(taken / PROOF_PAGE < pages || pages < 1u << 13);
            if (taken / PROOF_PAGE < pages)
                assert_true(proof_memory_bytes(pages - taken / PROOF_PAGE, &plan) <= taken);
        }
    }
}

/* ---- raw segments ---- */

static uint8_t dictionary_memory[4096] __attribute__((aligned(8)));
static struct dictionary dictionary;
static uint8_t body[8192] __attribute__((aligned(8)));
static uint32_t length;

static void put(const void *bytes, size_t n)
{
    memcpy(body + length, bytes, n);
    length += (uint32_t)n;
}

static void begin_body(void)
{
    const struct raw_preamble p = {.zero = 0};
    dictionary_init(&dictionary, dictionary_memory, sizeof(dictionary_memory));
    hook_raw_dictionary(&dictionary);
    length = 0;
    put(&p, sizeof(p));
}

static void put_run(uint8_t what, uint8_t size, uint32_t count, uint64_t a, uint64_t b, const void *data,
                    uint32_t bytes)
{
    const struct raw_run run = {
        .id = RAW_RUN, .count = count, .size = size, .what = what, .gva = {a, b}, .gpa = {a, b}};
    put(&run, sizeof(run));
    put(data, bytes);
    length = raw_padded(length);
}

static void close_body(uint64_t events)
{
    struct chunk_header *segment;
    assert_int_equal(hook_raw_open(&segment, 1), 1);
    memcpy(segment + 1, body, length);
    hook_raw_close(&(struct raw_use){.bytes = length, .events = events}, 1);
}

static void runs_of_raw_segments_are_applied(void **state)
{
    (void)state;
    uint8_t data[600];
    fill();
    begin(true, false);
    begin_body();
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 3 + 1);
    put_run(RUN_A_WRITES, 4, 150, 0x2008, 0, data, 600); /* STOS of a kind that differs */
    memcpy(memory + 0x2008, data, 600);
    put_run(RUN_A_WRITES | RUN_ONE, 2, 300, 0x3000, 0, data, 2);
    for (unsigned i = 0; i < 300; i++)
        memcpy(memory + 0x3000 + 2 * i, data, 2);
    put_run(RUN_A_WRITES | RUN_DESCENDS, 8, 5, 0x4020, 0, data, 40);
    for (unsigned i = 0; i < 5; i++)
        memcpy(memory + 0x4020 - 8 * i, data + 8 * i, 8);
    /* MOVS, reads recorded too, from what a run before has written. */
    put_run(RUN_HAS_B | RUN_B_WRITES, 1, 100, 0x2008, 0x5ff0 - 100, data, 100);
    memcpy(memory + 0x5ff0 - 100, data, 100);
    close_body(150 + 300 + 5 + 200);
    const struct proof_result *r = end();
    assert_true(proof_holds(r));
    assert_int_equal(r->writes, 150 + 300 + 5 + 100);
    assert_int_equal(r->reads, 100);
    /* Which event wrote a line last. */
    begin(true, false);
    begin_body();
    put_run(RUN_A_WRITES, 4, 150, 0x2000, 0, data, 600);
    memcpy(memory + 0x2000, data, 600);
    close_body(150);
    memory[0x2045] ^= 1;
    r = end();
    assert_int_equal(r->sample[0].writer - 1, 31);
}

/* The engine's segments are believed nothing. */
static void raw_segments_cannot_reach_beyond(void **state)
{
    (void)state;
    uint8_t data[4096];
    fill();
    begin(true, false);
    begin_body();
    memset(data, 1, sizeof(data));
    put_run(RUN_A_WRITES, 8, 512, sizeof(memory) - 8, 0, data, 4096);
    put_run(RUN_A_WRITES, 8, 256, UINT64_MAX - 100, 0, data, 2048);
    put_run(RUN_A_WRITES | RUN_DESCENDS, 8, 100, 0x10, 0, data, 800);
    close_body(512 + 256 + 100);
    assert_true(end()->outside >= 512 + 256);
    begin(true, false);
    begin_body();
    put("\xff\xff\xff\xff", 4);
    close_body(0);
    assert_non_null(end()->objection);
}

/* ---- the trace file ---- */

static struct proof_pages pages;
static struct replay replay;

static bool on_item(void *ctx, const struct trace_item *item)
{
    (void)ctx;
    replay_item(&replay, item);
    return true;
}

/* A file with the proof's chunks, replayed. */
static void replay_file(void)
{
    static char meta[4096];
    struct dump_file file;
    uint64_t bytes;
    hook_prove(NULL);
    end();
    hook_stop("end");
    size_t n = proof_meta(&proof, meta, sizeof(meta));
    dump_file_make(&file, &ring, meta, (uint32_t)n, true, NULL);
    const void *chunks = proof_chunks(&proof, &bytes);
    dump_file_add(&file, chunks, bytes);
    uint8_t *copy = malloc(file.bytes);
    assert_non_null(copy);
    dump_file_read(&file, 0, copy, file.bytes);
    const struct memory_source bytes_of = {copy, file.bytes};
    struct trace_source source;
    source_from_memory(&source, &bytes_of);
    assert_true(proof_pages_read(&pages, &source));
    assert_string_equal(pages.error, "");

    struct walk w;
    const struct walk_handler handler = {.item = on_item};
    replay_init(&replay);
    assert_true(walk_trace(&source, &handler, &w));
    walk_free(&w);
    replay_judge(&replay, &pages);
    free(copy);
}

static void done_with_file(void)
{
    proof_pages_free(&pages);
    replay_free(&replay);
}

static void a_file_is_replayed(void **state)
{
    (void)state;
    for (unsigned with_pages = 0; with_pages < 2; with_pages++) {
        fill();
        begin(true, with_pages);
        write_both(0x2000, 4, 1);                       /* a part of a page that is not zero */
        write_both(sizeof(memory) - PROOF_PAGE, 8, 77); /* of one that is */
        for (unsigned i = 0; i < PROOF_PAGE; i += 8)
            write_both(0x3000 + i, 8, i); /* all of one */
        replay_file();
        assert_true(replay_holds(&replay));
        assert_int_equal(replay.writes, 2 + PROOF_PAGE / 8);
        assert_int_equal(replay.pages[PAGE_AGREES], with_pages ? 3 : 2);
        assert_int_equal(replay.pages[PAGE_UNTOLD], with_pages ? 0 : 1);
        assert_int_equal(pages.same_pages, PAGES - 1 - 3);
        done_with_file();
    }
}

static void a_file_shows_what_is_missing(void **state)
{
    (void)state;
    fill();
    begin(true, true);
    write_both(0x2000, 4, 1);
    memory[0x2004] ^= 1; /* on a page that is written */
    memory[0x5000] ^= 1; /* and on one that is not */
    replay_file();
    assert_false(replay_holds(&replay));
    assert_int_equal(replay.pages[PAGE_DIFFERS], 1);
    assert_int_equal(replay.pages[PAGE_CHANGED], 1);
    done_with_file();
}

static void a_write_that_the_proof_knows_nothing_of_is_shown(void **state)
{
    (void)state;
    fill();
    begin(true, true);
    write_both(0x2000, 4, 1);
    hook_prove(NULL);
    record(0x6000, 4, 1);
    replay_file();
    assert_int_equal(replay.pages[PAGE_UNLISTED], 1);
    assert_false(replay_holds(&replay));
    done_with_file();
}

/* Every other page is touched: as many entries as there can be. */
static void the_longest_list_has_room(void **state)
{
    (void)state;
    for (unsigned copy = 0; copy < 2; copy++) {
        fill();
        begin(copy, copy);
        for (unsigned i = 0; i < PAGES; i += 2)
            write_both(FIRST + i * PROOF_PAGE, 4, i + 1);
        replay_file();
        assert_true(replay_holds(&replay));
        assert_int_equal(pages.same_pages + pages.pages.count, PAGES - 1);
        done_with_file();
    }
}

static void contents_without_room_are_counted(void **state)
{
    (void)state;
    fill();
    begin(true, true);
    assert_int_equal(proof.kept_max, (PAGES - 1) / 16 + 4);
    for (unsigned i = 0; i < 12; i++)
        write_both(0x10000 + i * PROOF_PAGE, 4, i + 1);
    replay_file();
    assert_int_equal(proof.result.kept, proof.kept_max);
    assert_int_equal(proof.result.unkept, 12 - proof.kept_max);
    assert_int_equal(replay.pages[PAGE_UNTOLD], 12 - proof.kept_max);
    assert_int_equal(replay.pages[PAGE_AGREES], proof.kept_max);
    done_with_file();
}

/* ---- text ---- */

static void the_console_names_address_values_and_event(void **state)
{
    (void)state;
    char text[256];
    fill();
    begin(true, false);
    write_both(0x4000, 8, 0x1122334455667788);
    memory[0x4000] = 0x87;
    assert_true(proof_line(end(), 0, text, sizeof(text)));
    assert_non_null(strstr(text, "DIFFERS: 1 bytes on 1 of 63 pages"));
    assert_true(proof_line(&proof.result, 1, text, sizeof(text)));
    assert_string_equal(text, "proof:   0x4000: expected 8877665544332211, found 8777665544332211; last "
                              "written by event 0");
    assert_false(proof_line(&proof.result, 2, text, sizeof(text)));
    size_t n = proof_meta(&proof, text, sizeof(text));
    assert_true(n < sizeof(text));
    proof_void(&proof, "a test");
    assert_true(proof_line(&proof.result, 0, text, sizeof(text)));
    assert_string_equal(text, "proof: does not apply: a test");
    assert_false(proof_line(&proof.result, 1, text, sizeof(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_writes_explain_memory),
        cmocka_unit_test(a_missing_write_is_found),
        cmocka_unit_test(an_altered_write_is_found),
        cmocka_unit_test(where_no_write_went_it_says_so),
        cmocka_unit_test(accessed_and_dirty_bits_are_told_apart),
        cmocka_unit_test(what_crosses_a_page_goes_on_at_its_second_address),
        cmocka_unit_test(memory_that_is_not_compared_is_counted),
        cmocka_unit_test(reads_find_what_was_written),
        cmocka_unit_test(what_is_about_to_be_overwritten_is_compared),
        cmocka_unit_test(a_checkpoint_compares_what_was_written_since),
        cmocka_unit_test(digests_tell_of_pages_without_writes),
        cmocka_unit_test(what_cannot_be_proved_is_said),
        cmocka_unit_test(its_share_of_memory_is_enough),
        cmocka_unit_test(runs_of_raw_segments_are_applied),
        cmocka_unit_test(raw_segments_cannot_reach_beyond),
        cmocka_unit_test(a_file_is_replayed),
        cmocka_unit_test(a_file_shows_what_is_missing),
        cmocka_unit_test(a_write_that_the_proof_knows_nothing_of_is_shown),
        cmocka_unit_test(the_longest_list_has_room),
        cmocka_unit_test(contents_without_room_are_counted),
        cmocka_unit_test(the_console_names_address_values_and_event),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(room);
    return failed;
}
