/* The writer's files through the reader: every field of every access, whole, wrapped, full and damaged. */
#include "traced.h"

#include "reader/walk.h"

struct check {
    struct source source;
    uint64_t position; /* number of the access that `source` gives next */
    uint64_t seen;
    uint64_t stops;
    char first_finding[320];
};

static bool compare(void *ctx, const struct trace_item *item)
{
    struct check *c = ctx;
    c->stops += item->kind == ITEM_STOP;
    if (item->kind != ITEM_ACCESS)
        return true;
    for (; c->position < item->number; c->position++)
        source_next(&c->source);
    struct access expected = source_next(&c->source);
    assert_int_equal(item->number, c->position);
    assert_true(item->gpa_known);
    assert_true(item->icount_known);
    assert_access(&item->access, &expected);
    c->position++;
    c->seen++;
    return true;
}

static void note_finding(void *ctx, uint64_t offset, const char *what)
{
    struct check *c = ctx;
    (void)offset;
    if (!c->first_finding[0])
        snprintf(c->first_finding, sizeof(c->first_finding), "%s", what);
}

static void walk_bytes(const uint8_t *bytes, size_t n, struct check *c, struct walk *w)
{
    const struct memory_source memory = {bytes, n};
    struct trace_source source;
    source_from_memory(&source, &memory);
    *c = (struct check){.source = traced_source};
    const struct walk_handler handler = {.ctx = c, .item = compare, .finding = note_finding};
    assert_true(walk_trace(&source, &handler, w));
}

static void whole_trace(bool compress)
{
    size_t n;
    struct check c;
    struct walk w;
    assert_int_equal(trace_accesses(100000, RING_WRAP, TRACED_SLOTS), 100000);
    uint8_t *file = traced_file(&n, compress);
    walk_bytes(file, n, &c, &w);
    assert_string_equal(c.first_finding, "");
    assert_int_equal(w.findings, 0);
    assert_int_equal(c.seen, 100000);
    assert_int_equal(c.stops, 1);
    assert_int_equal(w.coverage.count, 0);
    assert_string_equal(meta_get(&w.meta, "engine"), "vmx");
    walk_free(&w);
    free(file);
}

static void whole_plain(void **state)
{
    (void)state;
    whole_trace(false);
}

static void whole_compressed(void **state)
{
    (void)state;
    whole_trace(true);
}

static void wrapped_ring_says_what_it_overwrote(void **state)
{
    (void)state;
    size_t n;
    struct check c;
    struct walk w;
    trace_accesses(100000, RING_WRAP, 5);
    uint8_t *file = traced_file(&n, false);
    walk_bytes(file, n, &c, &w);
    assert_int_equal(w.findings, 0);
    assert_int_equal(w.coverage.count, 1);
    assert_int_equal(w.coverage.gaps[0].cause, GAP_OVERWRITTEN);
    assert_int_equal(w.coverage.gaps[0].first_event, 0);
    assert_true(w.coverage.gaps[0].end_event > 0);
    assert_int_equal(w.coverage.gaps[0].end_event + c.seen, 100000);
    walk_free(&w);
    free(file);
}

static void full_ring_keeps_the_oldest(void **state)
{
    (void)state;
    size_t n;
    struct check c;
    struct walk w;
    uint64_t taken = trace_accesses(100000, RING_STOP, 5), lost;
    uint8_t *file = traced_file(&n, true);
    assert_true(taken < 100000);
    walk_bytes(file, n, &c, &w);
    assert_int_equal(w.findings, 0);
    assert_int_equal(w.coverage.count, 0);
    assert_int_equal(c.seen, taken);
    assert_true(meta_number(&w.meta, "lost", &lost));
    assert_int_equal(lost + taken, 100000);
    walk_free(&w);
    free(file);
}

/* Zeroes a part of every third segment's body: exactly these events are missing, all others are right. */
static void damaged_segments_are_told_exactly(void **state)
{
    (void)state;
    size_t n;
    struct check c;
    struct walk w;
    uint64_t gone = 0, segments = 0, damaged = 0;
    trace_accesses(100000, RING_WRAP, TRACED_SLOTS);
    uint8_t *file = traced_file(&n, false);
    for (size_t at = 0; at + 72 <= n; segments++) {
        struct chunk_header h;
        memcpy(&h, file + at, sizeof(h));
        if (h.type == CHUNK_SEGMENT && segments % 3 == 0) {
            memset(file + at + 72 + h.stored_bytes / 2, 0, 16);
            gone += h.event_count;
            damaged++;
        }
        at += 72 + h.stored_bytes;
    }
    assert_true(damaged > 2);
    walk_bytes(file, n, &c, &w);
    bool exact = true;
    assert_int_equal(w.findings, damaged);
    assert_int_equal(coverage_missing(&w.coverage, GAP_DAMAGED, &exact), gone);
    assert_true(exact);
    assert_int_equal(c.seen, 100000 - gone);
    walk_free(&w);
    free(file);
}

/* A header is gone too: what lay there follows from the neighbours. */
static void holes_are_told_exactly(void **state)
{
    (void)state;
    size_t n, from, to;
    struct check c;
    struct walk w;
    trace_accesses(100000, RING_WRAP, TRACED_SLOTS);
    uint8_t *file = traced_file(&n, true);
    from = n / 3;
    to = n / 2;
    memset(file + from, 0, to - from);
    walk_bytes(file, n, &c, &w);
    bool exact = true;
    uint64_t missing = coverage_missing(&w.coverage, GAP_ABSENT, &exact) +
                       coverage_missing(&w.coverage, GAP_DAMAGED, &exact);
    assert_true(exact);
    assert_true(missing > 0);
    assert_true(w.findings > 0);
    assert_int_equal(c.seen + missing, 100000);
    walk_free(&w);
    free(file);
}

/* Cut anywhere: never more than is there, and with META the missing end is exact. */
static void cut_files_tell_their_missing_end(void **state)
{
    (void)state;
    size_t n;
    struct check c;
    struct walk w;
    trace_accesses(20000, RING_WRAP, TRACED_SLOTS);
    uint8_t *file = traced_file(&n, true);
    for (size_t cut = 400; cut < n; cut += n / 23) {
        uint8_t *copy = malloc(cut); /* so that reading beyond is seen */
        assert_non_null(copy);
        memcpy(copy, file, cut);
        walk_bytes(copy, cut, &c, &w);
        bool exact = true;
        uint64_t missing = coverage_missing(&w.coverage, GAP_ABSENT, &exact) +
                           coverage_missing(&w.coverage, GAP_DAMAGED, &exact);
        assert_true(exact);
        assert_int_equal(c.seen + missing, 20000);
        assert_true(w.findings > 0);
        walk_free(&w);
        free(copy);
    }
    free(file);
}

/* Any single byte changed is found. */
static void every_flipped_byte_is_found(void **state)
{
    (void)state;
    size_t n;
    struct check c;
    struct walk w;
    trace_accesses(2000, RING_WRAP, TRACED_SLOTS);
    uint8_t *file = traced_file(&n, true);
    for (size_t at = 0; at < n; at += 1 + at / 100) {
        file[at] ^= 0x40;
        walk_bytes(file, n, &c, &w);
        if (w.findings == 0)
            fail_msg("byte %zu of %zu changed, and nothing was found", at, n);
        walk_free(&w);
        file[at] ^= 0x40;
    }
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_plain),
        cmocka_unit_test(whole_compressed),
        cmocka_unit_test(wrapped_ring_says_what_it_overwrote),
        cmocka_unit_test(full_ring_keeps_the_oldest),
        cmocka_unit_test(damaged_segments_are_told_exactly),
        cmocka_unit_test(holes_are_told_exactly),
        cmocka_unit_test(cut_files_tell_their_missing_end),
        cmocka_unit_test(every_flipped_byte_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
