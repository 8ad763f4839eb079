/* What the host command makes of the engine's counters: doubts become findings, costs are those of recording.
 */
#include "traced.h"

#include "reader/walk.h"
#include "show/info.h"

#define EVENTS 1000u

static char findings[4096];
static unsigned finding_count;

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    (void)ctx;
    (void)offset;
    size_t n = strlen(findings);
    snprintf(findings + n, sizeof(findings) - n, "%s\n", what);
    finding_count++;
}

static bool on_item(void *ctx, const struct trace_item *item)
{
    stats_add(ctx, item);
    return true;
}

/* Walks a trace whose META has these lines as well. */
static void walk_with(struct info *info, const char *lines)
{
    size_t bytes;
    trace_accesses(EVENTS, RING_WRAP, TRACED_SLOTS);
    strcat(traced_meta, lines);
    uint8_t *file = traced_file(&bytes, false);
    const struct memory_source memory = {file, bytes};
    struct trace_source source;
    source_from_memory(&source, &memory);
    *info = (struct info){.path = "trace", .file_bytes = bytes};
    const struct walk_handler handler = {.ctx = &info->stats, .item = on_item, .finding = on_finding};
    findings[0] = '\0';
    finding_count = 0;
    assert_true(walk_trace(&source, &handler, &info->walk));
    free(file);
}

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("expected '%s' in:\n%s", part, text);
}

static void writes_the_engine_missed_are_findings(void **state)
{
    static const struct {
        const char *line, *finding;
    } cases[] = {
        {"counter.unexplained_writes=3\n", "not explain, and that are not recorded: 3 ("},
        {"counter.undecoded=1\n",
         "instructions that the engine could not decode, and whose writes are not recorded: 1 ("},
        {"counter.incomplete_lists=70\n",
         "instructions whose writes the engine could not list exactly: 70 ("},
        {"counter.walks_dropped=2\n",
         "accessed and dirty bits that the CPU set in page tables and that are not recorded: 2 ("},
    };
    struct info info;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        walk_with(&info, cases[i].line);
        assert_int_equal(finding_count, 1);
        contains(findings, cases[i].finding);
        char key[64] = "";
        sscanf(cases[i].line, "%63[^=]", key);
        contains(findings, key);
        assert_false(walk_is_whole(&info.walk));
        walk_free(&info.walk);
    }
}

static void counters_of_nothing_missing_are_none(void **state)
{
    struct info info;
    (void)state;
    walk_with(&info, "counter.unexplained_writes=0\ncounter.undecoded=0\ncounter.incomplete_lists=0\n"
                     "counter.walks_dropped=0\ncounter.steps=7\n");
    assert_int_equal(finding_count, 0);
    assert_true(walk_is_whole(&info.walk));
    walk_free(&info.walk);
}

static void expect_row(const char *text, const char *name, const char *total, double share, const char *each)
{
    char row[160];
    int n = snprintf(row, sizeof(row), "  %-28s %16s", name, total);
    if (each)
        n += snprintf(row + n, sizeof(row) - (size_t)n, "  %10.3f %s", share, each);
    snprintf(row + n, sizeof(row) - (size_t)n, "\n");
    contains(text, row);
}

/* 100 writes carried out at one exit each and 200 steps at two; the rest of the run must not count for them.
 */
static void costs_are_those_of_recording(void **state)
{
    struct info info;
    char *text = NULL;
    size_t bytes;
    (void)state;
    walk_with(&info,
              "counter.exit.ept_violation=300\ncounter.exit.mtf=200\ncounter.exit.io=90000\n"
              "counter.exit.preemption_timer=500\ncounter.stores_emulated=100\ncounter.steps=200\n"
              "counter.hv_ticks=9000000\ncounter.hv_ticks_record=250000\ncounter.hv_ticks_emulated=50000\n"
              "counter.hv_ticks_stepped=200000\ncounter.hv_ticks_events=0\n");
    uint64_t writes = info_run_writes(&info);
    assert_int_equal(writes, info.stats.by_kind[ACCESS_WRITE]);
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    info_print(out, &info);
    fclose(out);
    expect_row(text, "exits for recording", "500", 500.0 / (double)writes, "per traced write");
    expect_row(text, "exits in all", "91,000", 0, NULL);
    expect_row(text, "ticks for recording", "250,000", 250000.0 / (double)writes, "per traced write");
    expect_row(text, "  writes carried out", "50,000", 500, "each");
    expect_row(text, "  instructions stepped", "200,000", 1000, "each");
    expect_row(text, "ticks in all", "9,000,000", 0, NULL);
    free(text);
    walk_free(&info.walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_engine_missed_are_findings),
        cmocka_unit_test(counters_of_nothing_missing_are_none),
        cmocka_unit_test(costs_are_those_of_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
