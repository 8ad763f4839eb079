/* A reset in mid-run: what the memory holds then becomes a trace up to the last checkpoint, packed and raw.
 */
#include "traced.h"

#include "reader/walk.h"
#include "trace/raw.h"
#include "types.h"

#define SLOTS 6u
#define ADDRESS 0x12345000u

static struct ring found;
static struct source expected;
static uint64_t read_events, first_event;

static uint8_t dictionary_memory[1 << 16] __attribute__((aligned(8)));

static void print_finding(void *ctx, uint64_t offset, const char *what)
{
    (void)ctx;
    print_message("at %" PRIu64 ": %s\n", offset, what);
}

static void find(void)
{
    assert_true(ring_find(&found, traced_memory, (SLOTS + 1) * RING_SEGMENT_BYTES));
    assert_int_equal(ring_run_id(&found), TRACED_RUN);
}

static void walk_found(item_fn item)
{
    struct dump_file file;
    struct walk w;
    char meta[400];
    uint64_t first, end;
    ring_events(&found, &first, &end);
    int n = snprintf(
        meta, sizeof(meta),
        "format=1\nrun=%016" PRIx64 "\nengine=vmx\ntrace=rw\nicount=1\nevents=%" PRIu64 "\nlost=%" PRIu64
        "\nsegments=%" PRIu64 "\nfirst_sequence=%" PRIu64 "\nfirst_event=%" PRIu64 "\nend=reset\n",
        TRACED_RUN, end, found.notes.lost, ring_count(&found), ring_first_sequence(&found), first);
    dump_file_make(&file, &found, meta, (uint32_t)n, true, NULL);
    uint8_t *bytes = malloc(file.bytes);
    assert_non_null(bytes);
    dump_file_read(&file, 0, bytes, file.bytes);
    const struct memory_source memory = {bytes, file.bytes};
    struct trace_source source;
    source_from_memory(&source, &memory);
    const struct walk_handler handler = {.item = item, .finding = print_finding};
    read_events = 0;
    assert_true(walk_trace(&source, &handler, &w));
    assert_int_equal(w.findings, 0);
    walk_free(&w);
    free(bytes);
}

/* ---- packed ---- */

static bool compare(void *ctx, const struct trace_item *item)
{
    (void)ctx;
    if (item->kind != ITEM_ACCESS)
        return true;
    if (read_events++ == 0) {
        first_event = item->number;
        expected = traced_source;
        for (uint64_t i = 0; i < first_event; i++)
            source_next(&expected);
    }
    struct access a = source_next(&expected);
    assert_access(&item->access, &a);
    return true;
}

static void record(struct source *source, uint64_t count)
{
    while (count--) {
        struct access a = source_next(source);
        hook_access(&a);
    }
}

static void start(enum ring_mode mode)
{
    static const struct hook_clock clock = {.tsc = traced_ticks, .has_icount = true};
    memset(traced_memory, 0xee, sizeof(traced_memory));
    ring_init(&traced_ring, traced_memory, (SLOTS + 1) * RING_SEGMENT_BYTES, RING_SEGMENT_BYTES, mode,
              TRACED_RUN);
    hook_init(&traced_ring, &clock);
}

static void packed_up_to_the_checkpoint(void **state)
{
    (void)state;
    for (int mode = RING_WRAP; mode <= RING_STOP; mode++)
        for (uint64_t events = 1; events < 200000; events = events * 3 + 1)
            for (uint64_t later = 0; later <= 50; later += 50) {
                struct source source = traced_source;
                start((enum ring_mode)mode);
                record(&source, events / 2);
                hook_checkpoint();
                record(&source, events - events / 2);
                hook_checkpoint();
                uint64_t recorded = hook_events(), lost = hook_lost();
                uint64_t opened = traced_ring.next_sequence;
                record(&source, later);
                find();
                walk_found(compare);
                if (traced_ring.next_sequence == opened) /* what came later did not close the segment */
                    assert_int_equal(first_event + read_events, recorded);
                else
                    assert_true(first_event + read_events >= recorded);
                if (mode == RING_STOP)
                    assert_int_equal(first_event, 0);
                assert_int_equal(found.notes.lost, lost);
            }
}

/* ---- raw ---- */

/* A block of 32-bit code with paging off that writes one dword, whose address stands in the dictionary. */
static struct dictionary dictionary;

static void define(void)
{
    const struct raw_access access = {
        .displacement = ADDRESS, .data = 8, .address_bytes = 4, .kind = ACCESS_WRITE, .size = 4};
    const struct raw_block block = {.rip = 0x1000,
                                    .first = dictionary.access_count,
                                    .count = 1,
                                    .bytes = 12,
                                    .context = 0x08,
                                    .instructions = 1};
    assert_true(dictionary_add_accesses(&dictionary, &access, 1));
    assert_true(dictionary_add_blocks(&dictionary, &block, 1));
}

static uint32_t next_value;

/* A body of `blocks` records, counting. */
static struct raw_use fill(struct chunk_header *h, unsigned blocks)
{
    uint8_t *to = (uint8_t *)(h + 1);
    const struct raw_preamble p = {.zero = 500000, .context = 0x08};
    memcpy(to, &p, sizeof(p));
    to += sizeof(p);
    for (unsigned i = 0; i < blocks; i++, to += 12) {
        const uint32_t record[] = {RAW_BLOCKS, 500000 - next_value - 1, next_value};
        memcpy(to, record, sizeof(record));
        next_value++;
    }
    return (struct raw_use){.bytes = (uint32_t)(to - (uint8_t *)(h + 1)), .events = blocks};
}

static bool counts_up(void *ctx, const struct trace_item *item)
{
    (void)ctx;
    if (item->kind != ITEM_ACCESS)
        return true;
    uint32_t value;
    memcpy(&value, item->access.data, 4);
    if (read_events++ == 0)
        first_event = item->number;
    assert_int_equal(value, item->number);
    assert_int_equal(item->access.gva, ADDRESS);
    return true;
}

/* Two segments closed; of three that are open one is full and one filled in part. */
static void record_raw(void)
{
    struct chunk_header *h[3];
    struct raw_use use[3] = {{0}};
    start(RING_WRAP);
    next_value = 0;
    dictionary_init(&dictionary, dictionary_memory, sizeof(dictionary_memory));
    define();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(hook_raw_open(h, 1), 1);
        use[0] = fill(h[0], 1000);
        hook_raw_close(use, 1);
    }
    assert_int_equal(hook_raw_open(h, 3), 3);
    use[0] = fill(h[0], 500);
    use[1] = fill(h[1], 7);
    use[2] = (struct raw_use){0};
    hook_note_dictionary(&dictionary, 0x7000, sizeof(dictionary_memory));
    hook_raw_note(use, 0, 1);
    hook_raw_note(use, 1, 2);
    hook_checkpoint();
    define(); /* and what comes later is not known */
}

/* As the next boot does it. */
static bool pack_found(void)
{
    static const struct hook_clock clock = {.tsc = traced_ticks, .has_icount = true};
    struct dictionary d;
    find();
    assert_int_equal(found.notes.dictionary, 0x7000);
    assert_int_equal(found.notes.dictionary_bytes, sizeof(dictionary_memory));
    bool whole = dictionary_find(&d, dictionary_memory, sizeof(dictionary_memory), &found.notes);
    hook_init(&found, &clock);
    hook_pack(&d, NULL);
    return whole;
}

static void raw_with_its_dictionary(void **state)
{
    (void)state;
    record_raw();
    assert_true(pack_found());
    assert_int_equal(hook_damaged(), 0);
    walk_found(counts_up);
    assert_int_equal(read_events, 2507);
    assert_int_equal(first_event, 0);
}

/* Any byte of the dictionary that matters: nothing of what refers to it is believed, and all is counted as
 * lost. */
static void a_damaged_dictionary_is_not_believed(void **state)
{
    (void)state;
    record_raw();
    dictionary_memory[3] ^= 1;
    assert_false(pack_found());
    walk_found(counts_up);
    assert_int_equal(read_events, 0);
    assert_int_equal(hook_lost(), 2507);
}

/* Firmware or boot loader wrote over a part of a body: the rest of the run is there. */
static void a_damaged_body_is_counted(void **state)
{
    (void)state;
    record_raw();
    find();
    memset((uint8_t *)(ring_segment(&found, 1) + 1) + 600, 0, 100);
    assert_true(pack_found());
    assert_int_equal(hook_damaged(), 1);
    assert_true(hook_lost() > 0 && hook_lost() < 1000);
    assert_int_equal(hook_events() + hook_lost(), 2507);
}

/* The dictionary began anew: its CRCs do, too. */
static void a_new_dictionary_is_noted(void **state)
{
    (void)state;
    struct ring_notes notes = {0};
    struct dictionary d;
    dictionary_init(&dictionary, dictionary_memory, sizeof(dictionary_memory));
    define();
    define();
    dictionary_note(&dictionary, &notes);
    define();
    dictionary_note(&dictionary, &notes);
    assert_int_equal(notes.blocks, 3);
    assert_true(dictionary_find(&d, dictionary_memory, sizeof(dictionary_memory), &notes));
    dictionary_init(&dictionary, dictionary_memory, sizeof(dictionary_memory));
    dictionary_note(&dictionary, &notes);
    assert_int_equal(notes.blocks, 0);
    define();
    dictionary_note(&dictionary, &notes);
    assert_true(dictionary_find(&d, dictionary_memory, sizeof(dictionary_memory), &notes));
    assert_int_equal(d.block_count, 1);
    notes.blocks = notes.accesses = 1u << 30;
    assert_false(dictionary_find(&d, dictionary_memory, sizeof(dictionary_memory), &notes));
    assert_int_equal(d.block_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_up_to_the_checkpoint), cmocka_unit_test(raw_with_its_dictionary),
        cmocka_unit_test(a_damaged_dictionary_is_not_believed), cmocka_unit_test(a_damaged_body_is_counted),
        cmocka_unit_test(a_new_dictionary_is_noted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
