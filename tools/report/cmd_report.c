/* engram report: several analyses in one pass, and their results as one page. */
#include "analyse/heatmap_grid.h"
#include "analyse/pieces.h"
#include "command.h"
#include "need.h"
#include "progress.h"
#include "reader/filter.h"
#include "reader/stats.h"
#include "reader/walk.h"
#include "report/page.h"
#include "report/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEATMAP_ROWS 192u
#define FINDINGS_MAX 50u

static const char help[] =
    "usage: engram report [OPTION]... FILE\n"
    "Writes one page that shows a trace: where the accesses went over time, the hottest code, pages and "
    "lines, kernel\n"
    "and user, sizes and causes, working set, reuse distances, caches, losses. It is one file, needs no "
    "network, and\n"
    "can be zoomed: drag over a stretch of time, double-click to go back.\n\n"
    "  -o, --output FILE          where to (report.html)\n"
    "  --symbols FILE[@OFFSET]    names for the code, as for `engram analyse top`; may be given several "
    "times\n"
    "  --level SIZE:WAYS:LINE[:POLICY]\n"
    "                             a cache level, as for `engram analyse cache`; several times\n"
    "  --json                     the page's data instead of the page\n" FILTER_HELP FILTER_HELP_END
    "\nexamples:\n"
    "  engram report trace.egrm -o report.html\n"
    "  engram report --symbols vmlinux --from i:1000000 --to i:2000000 -o boot.html trace.egrm\n"
    "Exit code: 0 fine; 1 the trace is damaged or incomplete (the page shows all that is sound, and says "
    "so); 2 wrong\n"
    "usage.\n";

/* The analyses whose results the page shows, in their order in the data. */
enum part { TOP, WORKINGSET, REUSE, CACHE, SHARING, SILENT_STORES, PARTS };
static const struct analysis *const parts[PARTS] = {
    [TOP] = &analysis_top,     [WORKINGSET] = &analysis_workingset, [REUSE] = &analysis_reuse,
    [CACHE] = &analysis_cache, [SHARING] = &analysis_sharing,       [SILENT_STORES] = &analysis_silent_stores,
};

struct report {
    const char *output;
    struct input in;
    struct filter filter;
    struct extent extent;
    void *state[PARTS];
    struct heatmap_grid grid;
    struct timeline timeline;
    struct stats stats;
    struct walk w;
    char *finding[FINDINGS_MAX];
    unsigned findings;
    bool json;
};

/* ---- the pass through the trace -------------------------------------------------------- */

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    struct report *r = ctx;
    print_finding(r->in.path, offset, what);
    if (r->findings < FINDINGS_MAX)
        r->finding[r->findings++] = need_text(what);
}

static void on_access(struct report *r, const struct trace_item *item)
{
    struct piece p[2];
    unsigned n = pieces_of(item, true, p);
    for (unsigned i = 0; i < n; i++)
        heatmap_grid_add(&r->grid, item_time(&r->extent, item), p[i].address, item->access.kind);
    for (unsigned i = 0; i < PARTS; i++)
        parts[i]->access(r->state[i], item);
}

static bool pass(struct report *r)
{
    const struct walk_handler handler = {
        .ctx = r, .finding = on_finding, .dump = input_dump(&r->in), .slice = &r->filter.slice};
    struct walker *k = walk_begin(&r->in.source, &handler, &r->w);
    struct progress progress;
    const struct trace_item *item;
    unsigned turn = 0;
    progress_start(&progress, NULL, 0, now_in_ms());
    while (k && (item = walk_next(k))) {
        if (item->kind == ITEM_ACCESS && !filter_matches(&r->filter, item))
            continue;
        stats_add(&r->stats, item);
        timeline_item(&r->timeline, item);
        if (item->kind == ITEM_ACCESS)
            on_access(r, item);
        if (progress.terminal && ++turn % 65536 == 0)
            progress_show(&progress, walk_offset(k), r->in.source.size, false, now_in_ms());
    }
    progress_clear(&progress);
    if (k && walk_end(k))
        return true;
    input_error("report", "%s: %s", r->in.path, strerror(r->w.io_error));
    return false;
}

/* ---- the data ------------------------------------------------------------------------------ */

static void put_origin(const struct report *r, struct json *j)
{
    const struct meta *m = &r->w.meta;
    const char *slash = strrchr(r->in.path, '/');
    json_text(j, "file", slash ? slash + 1 : r->in.path);
    json_number(j, "file_bytes", r->in.source.size);
    json_bool(j, "whole", slice_is_all(&r->filter.slice) && !r->filter.any);
    json_object(j, "meta");
    for (size_t i = 0; i < m->count; i++)
        if (meta_get(m, m->entries[i].key) == m->entries[i].value)
            json_foreign(j, m->entries[i].key, m->entries[i].value);
    json_end_object(j);
}

static void put_pair(struct json *j, const char *name, uint64_t reads, uint64_t writes)
{
    if (reads + writes == 0)
        return;
    json_object(j, NULL);
    json_text(j, "name", name);
    json_number(j, "reads", reads);
    json_number(j, "writes", writes);
    json_end_object(j);
}

static void put_counts(const struct stats *s, struct json *j)
{
    static const char *const flag[] = {"MMIO", "locked", "part of a REP", "page-crossing"};
    char name[24];
    json_number(j, "reads", s->by_kind[ACCESS_READ]);
    json_number(j, "writes", s->by_kind[ACCESS_WRITE]);
    json_number(j, "bytes_read", s->bytes[ACCESS_READ]);
    json_number(j, "bytes_written", s->bytes[ACCESS_WRITE]);
    json_number(j, "deliveries", s->items[ITEM_EVENT]);
    json_list(j, "by_size");
    for (unsigned i = 1; i <= ACCESS_SIZE_MAX; i++) {
        snprintf(name, sizeof(name), "%u byte%s", i, i == 1 ? "" : "s");
        put_pair(j, name, s->by_size[ACCESS_READ][i], s->by_size[ACCESS_WRITE][i]);
    }
    json_end_list(j);
    json_list(j, "by_cause");
    for (uint8_t i = 0; i < 8; i++)
        put_pair(j, cause_name(i), s->by_cause[ACCESS_READ][i], s->by_cause[ACCESS_WRITE][i]);
    json_end_list(j);
    json_list(j, "by_flag");
    for (unsigned i = 0; i < sizeof(flag) / sizeof(flag[0]); i++)
        if (s->by_flag[i]) {
            json_object(j, NULL);
            json_text(j, "name", flag[i]);
            json_number(j, "accesses", s->by_flag[i]);
            json_end_object(j);
        }
    json_end_list(j);
    json_list(j, "by_cpl");
    for (unsigned i = 0; i < 4; i++)
        json_number(j, NULL, s->by_cpl[i]);
    json_end_list(j);
}

static void put_losses(const struct report *r, struct json *j)
{
    const struct walk *w = &r->w;
    uint64_t n;
    json_object(j, "events");
    if (walk_recorded(w, &n))
        json_number(j, "recorded", n);
    json_number(j, "here", r->stats.accesses);
    json_number(j, "lost", meta_number(&w->meta, "lost", &n) ? n : r->stats.lost);
    json_number(j, "filtered", meta_number(&w->meta, "filtered", &n) ? n : r->stats.filtered);
    json_number(j, "undecoded", w->undecoded_events);
    json_list(j, "gaps");
    for (size_t i = 0; i < w->coverage.count && i < FINDINGS_MAX; i++) {
        char text[320];
        gap_describe(&w->coverage.gaps[i], text, sizeof(text));
        json_text(j, NULL, text);
    }
    json_end_list(j);
    json_number(j, "findings", w->findings);
    json_list(j, "finding");
    for (unsigned i = 0; i < r->findings; i++)
        json_text(j, NULL, r->finding[i]);
    json_end_list(j);
    json_end_object(j);
}

/* Cells that are not empty: column, reads, writes, one behind the other. */
static void put_heatmap(const struct report *r, struct json *j)
{
    struct heatmap_rows rows;
    heatmap_rows_make(&rows, &r->grid, HEATMAP_ROWS);
    json_list(j, "heatmap");
    for (unsigned i = 0; i < rows.count; i++) {
        const struct heatmap_row *row = &rows.row[i];
        json_object(j, NULL);
        json_hex(j, "first", row->first);
        json_hex(j, "last", row->last);
        json_list(j, "cells");
        for (unsigned c = 0; c < r->grid.columns; c++)
            if (row->cells[2 * c] + row->cells[2 * c + 1]) {
                json_number(j, NULL, c);
                json_number(j, NULL, row->cells[2 * c + ACCESS_READ]);
                json_number(j, NULL, row->cells[2 * c + ACCESS_WRITE]);
            }
        json_end_list(j);
        json_end_object(j);
    }
    json_end_list(j);
    heatmap_rows_free(&rows);
}

static void put_data(struct report *r, FILE *out)
{
    struct json j = {.out = out};
    json_object(&j, NULL);
    put_origin(r, &j);
    put_counts(&r->stats, &j);
    put_losses(r, &j);
    timeline_json(&r->timeline, &j);
    put_heatmap(r, &j);
    for (unsigned i = 0; i < PARTS; i++) {
        json_object(&j, parts[i]->name);
        parts[i]->json(r->state[i], &j);
        json_end_object(&j);
    }
    json_end_object(&j);
    fputc('\n', out);
}

/* ---- the page -------------------------------------------------------------------------------- */

static bool write_page(struct report *r)
{
    char *data = NULL;
    size_t bytes = 0;
    const char *guest = meta_get(&r->w.meta, "guest");
    FILE *memory = open_memstream(&data, &bytes), *out = fopen(r->output, "we");
    bool sound = memory && out;
    if (memory) {
        put_data(r, memory);
        sound = fclose(memory) == 0 && sound;
    }
    if (sound)
        page_write(out, guest ? guest : r->in.path, data, bytes);
    free(data);
    if (out) {
        sound = !ferror(out) && sound;
        sound = fclose(out) == 0 && sound;
    }
    if (!sound)
        input_error("report", "cannot write %s: %s", r->output, strerror(errno));
    return sound;
}

static int run(struct report *r, const char *path)
{
    if (!input_open(&r->in, "report", path))
        return EXIT_FINDINGS;
    if (!extent_of(&r->extent, &r->in.source, &r->filter.slice)) {
        input_close(&r->in);
        return input_error("report", "%s: %s", path, strerror(errno));
    }
    timeline_init(&r->timeline, &r->extent);
    heatmap_grid_init(&r->grid, TIMELINE_COLUMNS, r->extent.end_time - r->extent.first_time);
    const char *why = NULL;
    for (unsigned i = 0; i < PARTS && !why; i++)
        why = parts[i]->ready ? parts[i]->ready(r->state[i], &r->extent) : NULL;
    bool sound = !why && pass(r);
    if (why)
        usage_error("report", "%s; see `engram report --help`", why);
    else if (r->json && sound)
        put_data(r, stdout);
    else
        sound = write_page(r) && sound;
    heatmap_grid_free(&r->grid);
    uint64_t findings = r->w.findings;
    walk_free(&r->w);
    input_close(&r->in);
    return why ? EXIT_USAGE : sound && findings == 0 ? EXIT_FINE : EXIT_FINDINGS;
}

/* ---- the command line -------------------------------------------------------------------------- */

enum { OPT_SYMBOLS = 256, OPT_LEVEL, OPT_JSON };

/* Options of the analyses, by their names there. */
static bool pass_on(struct report *r, enum part part, const char *name, const char *value)
{
    for (const struct option *o = parts[part]->options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return parts[part]->option(r->state[part], o->val, value);
    return false;
}

static bool take_option(struct report *r, int option, const char *value)
{
    if (filter_is_option(option))
        return filter_option(&r->filter, option, value);
    switch (option) {
    case 'o':
        r->output = value;
        return *value != 0;
    case OPT_SYMBOLS:
        return pass_on(r, TOP, "symbols", value) && pass_on(r, SILENT_STORES, "symbols", value);
    case OPT_LEVEL:
        return pass_on(r, CACHE, "level", value);
    default:
        return r->json = true;
    }
}

int cmd_report(int argc, char **argv)
{
    static const struct option long_options[] = {FILTER_OPTIONS,
                                                 {"output", required_argument, NULL, 'o'},
                                                 {"symbols", required_argument, NULL, OPT_SYMBOLS},
                                                 {"level", required_argument, NULL, OPT_LEVEL},
                                                 {"json", no_argument, NULL, OPT_JSON},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {0}};
    struct report *r = need_zeroed(1, sizeof(*r));
    int option, code = EXIT_USAGE;
    r->output = "report.html";
    filter_init(&r->filter);
    for (unsigned i = 0; i < PARTS; i++)
        r->state[i] = parts[i]->create();
    while ((option = getopt_long(argc, argv, "ho:", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            code = EXIT_FINE;
        } else if (option == '?') {
            usage_error("report", "see `engram report --help`");
        } else if (!take_option(r, option, optarg)) {
            usage_error("report", "'%s' is not possible there; see `engram report --help`", optarg);
        } else {
            continue;
        }
        goto out;
    }
    code = optind + 1 == argc ? run(r, argv[optind])
                              : usage_error("report", "give one trace file; see `engram report --help`");
out:
    for (unsigned i = 0; i < PARTS; i++)
        parts[i]->destroy(r->state[i]);
    for (unsigned i = 0; i < r->findings; i++)
        free(r->finding[i]);
    free(r);
    return finish_output("report", code);
}
