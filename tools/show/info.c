/* engram info as a person reads it. */
#include "show/info.h"
#include "color.h"
#include "command.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

#define LABEL 14

static void label(FILE *out, const char *name)
{
    fprintf(out, "%s%-*s%s ", color(out, COLOR_DIM), LABEL, name, color(out, COLOR_END));
}

static void heading(FILE *out, const char *text)
{
    fprintf(out, "\n%s%s%s\n", color(out, COLOR_BOLD), text, color(out, COLOR_END));
}

static void meta_line(FILE *out, const struct info *info, const char *name, const char *key)
{
    const char *value = meta_get(&info->walk.meta, key);
    if (!value || !*value)
        return;
    label(out, name);
    put_text(out, value, strlen(value));
    fputc('\n', out);
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

bool info_time(const struct info *info, uint64_t *ticks, double *seconds)
{
    uint64_t hz, start, end;
    const struct meta *m = &info->walk.meta;
    if (!meta_number(m, "tsc.start", &start) || !meta_number(m, "tsc.end", &end) || end < start)
        return false;
    *ticks = end - start;
    *seconds = meta_number(m, "tsc.hz", &hz) && hz ? (double)*ticks / (double)hz : -1;
    return true;
}

uint64_t info_run_writes(const struct info *info)
{
    const char *what = meta_get(&info->walk.meta, "trace");
    uint64_t events;
    if (what && strcmp(what, "w") == 0 && meta_number(&info->walk.meta, "events", &events))
        return events;
    /* Reads are among the events: only a file that holds them all can tell. */
    return info->walk.coverage.count == 0 && info->walk.undecoded_events == 0
               ? info->stats.by_kind[ACCESS_WRITE]
               : 0;
}

static void print_origin(FILE *out, const struct info *info)
{
    const struct meta *m = &info->walk.meta;
    label(out, "trace");
    fprintf(out, "%s, %s", info->path, byte_size(info->file_bytes));
    if (meta_get(m, "run")) {
        fputs(", run ", out);
        put_text(out, meta_get(m, "run"), strlen(meta_get(m, "run")));
    }
    fputc('\n', out);
    meta_line(out, info, "engine", "engine");
    meta_line(out, info, "  because", "engine.reason");
    meta_line(out, info, "cpu", "cpu");
    meta_line(out, info, "guest", "guest");
    meta_line(out, info, "options", "options");
    meta_line(out, info, "ended", "end");
    meta_line(out, info, "part", "part");
    uint64_t bytes, segment;
    if (meta_number(m, "ring.bytes", &bytes) && meta_number(m, "segment.bytes", &segment)) {
        const char *mode = meta_get(m, "ring.mode");
        label(out, "ring");
        put_text(out, mode ? mode : "?", strlen(mode ? mode : "?"));
        fprintf(out, ", %s in segments of %s\n", byte_size(bytes), byte_size(segment));
    }
}

static void print_spans(FILE *out, const struct info *info)
{
    uint64_t ticks;
    double seconds;
    if (info_time(info, &ticks, &seconds)) {
        label(out, "time");
        fprintf(out, "%s TSC ticks", grouped(ticks));
        if (seconds >= 0)
            fprintf(out, ", %.6f s", seconds);
        fputc('\n', out);
    }
    label(out, "instructions");
    const struct stats *s = &info->stats;
    if (s->has_icount)
        fprintf(out, "%s from the first access here to the last (%s to %s)\n",
                grouped(s->icount_last - s->icount_first), grouped(s->icount_first), grouped(s->icount_last));
    else
        fputs("not counted: the trace has no instruction counts\n", out);
}

static void print_row(FILE *out, const char *name, uint64_t writes, uint64_t reads, uint64_t all)
{
    if (writes + reads)
        fprintf(out, "  %-12s %16s %16s  %5.1f%%\n", name, grouped(writes), grouped(reads),
                percent(writes + reads, all));
}

static void print_counts(FILE *out, const struct info *info)
{
    const struct stats *s = &info->stats;
    const uint64_t *w = s->by_kind + ACCESS_WRITE, *r = s->by_kind + ACCESS_READ;
    char name[24];
    fprintf(out, "\n%s%-14s%s %16s %16s\n", color(out, COLOR_BOLD), "accesses", color(out, COLOR_END),
            "writes", "reads");
    print_row(out, "all", *w, *r, s->accesses);
    if (s->accesses == 0)
        fputs("  none\n", out);
    print_row(out, "bytes", s->bytes[ACCESS_WRITE], s->bytes[ACCESS_READ], s->bytes[0] + s->bytes[1]);
    fputs("by size\n", out);
    for (unsigned i = 1; i <= ACCESS_SIZE_MAX; i++) {
        snprintf(name, sizeof(name), "%u byte%s", i, i == 1 ? "" : "s");
        print_row(out, name, s->by_size[ACCESS_WRITE][i], s->by_size[ACCESS_READ][i], s->accesses);
    }
    fputs("by cause\n", out);
    for (uint8_t i = 0; i < 8; i++)
        print_row(out, cause_name(i), s->by_cause[ACCESS_WRITE][i], s->by_cause[ACCESS_READ][i], s->accesses);
    static const char *const flag[] = {"MMIO", "locked", "part of REP", "page-crossing"};
    for (unsigned i = 0; i < sizeof(flag) / sizeof(flag[0]); i++)
        if (s->by_flag[i])
            fprintf(out, "  %-12s %16s\n", flag[i], grouped(s->by_flag[i]));
    if (s->without_data)
        fprintf(out, "  %-12s %16s\n", "without data", grouped(s->without_data));
    fputs("by privilege level\n", out);
    for (unsigned i = 0; i < 4; i++)
        if (s->by_cpl[i])
            fprintf(out, "  CPL %-8u %16s  %5.1f%%\n", i, grouped(s->by_cpl[i]),
                    percent(s->by_cpl[i], s->accesses));
    static const struct {
        enum item_kind kind;
        const char *what;
    } others[] = {{ITEM_EVENT, "interrupts and exceptions delivered"}, {ITEM_MARK, "marks"}};
    for (unsigned i = 0; i < 2; i++)
        if (s->items[others[i].kind])
            fprintf(out, "%s: %s\n", others[i].what, grouped(s->items[others[i].kind]));
}

static void loss_row(FILE *out, const char *name, uint64_t n, bool exact, const char *remark)
{
    fprintf(out, "  %-12s %16s%s  %s\n", name, grouped(n), exact ? "" : "+", remark);
}

static void print_losses(FILE *out, const struct info *info)
{
    const struct walk *w = &info->walk;
    const struct coverage *c = &w->coverage;
    uint64_t n;
    bool exact = true, absent_exact = true;
    heading(out, "events");
    if (walk_recorded(w, &n))
        loss_row(out, "recorded", n, true, "in the whole run");
    loss_row(out, "here", info->stats.accesses, true, "read from this file");
    if (meta_number(&w->meta, "lost", &n))
        loss_row(out, "lost", n, true, "not recorded: the ring was full");
    if (meta_number(&w->meta, "filtered", &n))
        loss_row(out, "filtered", n, true, "kept out by filters");
    loss_row(out, "overwritten", coverage_missing(c, GAP_OVERWRITTEN, &exact), exact,
             "when the ring wrapped");
    loss_row(out, "damaged", coverage_missing(c, GAP_DAMAGED, &exact) + w->undecoded_events, exact,
             "in segments of this file that cannot be read");
    n = coverage_missing(c, GAP_ABSENT, &absent_exact);
    loss_row(out, "absent", n, absent_exact, "in segments that are not in this file");
    n = coverage_missing(c, GAP_OTHER_PART, &exact);
    if (n)
        loss_row(out, "elsewhere", n, exact, "in other parts of the trace");
    exact = true;
    n = coverage_missing(c, GAP_UNKNOWN, &exact);
    if (n || !exact)
        loss_row(out, "missing", n, exact, "overwritten or absent, which cannot be told");
    for (size_t i = 0; i < c->count && i < 20; i++) {
        char text[320];
        gap_describe(&c->gaps[i], text, sizeof(text));
        fprintf(out, "    %s\n", text);
    }
    if (c->count > 20)
        fprintf(out, "    and %zu more such gaps\n", c->count - 20);
    if (w->body_bytes && info->stats.accesses)
        fprintf(out, "  %s segments, %.2f bytes an event in the ring, %.2f in the file\n",
                grouped(c->segments), (double)w->body_bytes / (double)info->stats.accesses,
                (double)w->stored_bytes / (double)info->stats.accesses);
}

#define COUNTER "counter."
#define EXIT_COUNTER "counter.exit."

/* What recording a write takes: the write's violation, the end of a step, events, and an interrupt during a
 * step. */
static bool is_recording_exit(const char *reason)
{
    static const char *const reasons[] = {"ept_violation", "mtf", "exception_or_nmi", "external_interrupt"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

static void print_all_counters(FILE *out, const struct meta *m)
{
    uint64_t n;
    bool any = false;
    for (size_t i = 0; i < m->count; i++) {
        const char *key = m->entries[i].key;
        if (strncmp(key, COUNTER, strlen(COUNTER)) != 0 || !meta_number(m, key, &n))
            continue;
        if (!any)
            heading(out, "counters");
        any = true;
        const char *name = key + strlen(COUNTER);
        fputs("  ", out);
        put_text(out, name, strlen(name));
        fprintf(out, "%*s %s\n", strlen(name) < 28 ? (int)(28 - strlen(name)) : 0, "", grouped(n));
    }
}

static void cost_row(FILE *out, const char *name, uint64_t total, uint64_t count, const char *each)
{
    fprintf(out, "  %-28s %16s", name, grouped(total));
    if (count)
        fprintf(out, "  %10.3f %s", (double)total / (double)count, each);
    fputc('\n', out);
}

static void print_ticks(FILE *out, const struct meta *m, uint64_t writes)
{
    static const struct {
        const char *key, *name, *count, *each;
    } rows[] = {
        {"counter.hv_ticks_record", "ticks for recording", NULL, "per traced write"},
        {"counter.hv_ticks_emulated", "  writes carried out", "counter.stores_emulated", "each"},
        {"counter.hv_ticks_stepped", "  instructions stepped", "counter.steps", "each"},
        {"counter.hv_ticks_events", "  events delivered", "counter.events_delivered", "each"},
        {"counter.hv_ticks", "ticks in all", "", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t ticks, count = 0;
        if (!meta_number(m, rows[i].key, &ticks))
            continue;
        if (!rows[i].count)
            count = writes;
        else if (!meta_number(m, rows[i].count, &count))
            count = 0;
        cost_row(out, rows[i].name, ticks, count, rows[i].each);
    }
}

/* What recording cost, and apart from it what the run took in all. */
static void print_cost(FILE *out, const struct info *info)
{
    const struct meta *m = &info->walk.meta;
    uint64_t n, all = 0, recording = 0, writes = info_run_writes(info);
    for (size_t i = 0; i < m->count; i++) {
        const char *key = m->entries[i].key;
        if (strncmp(key, EXIT_COUNTER, strlen(EXIT_COUNTER)) != 0 || !meta_number(m, key, &n))
            continue;
        all += n;
        if (is_recording_exit(key + strlen(EXIT_COUNTER)))
            recording += n;
    }
    if (!all)
        return;
    heading(out, "cost (exits: VM exits; ticks: TSC ticks in the hypervisor)");
    cost_row(out, "exits for recording", recording, writes, "per traced write");
    cost_row(out, "exits in all", all, 0, "");
    print_ticks(out, m, writes);
}

void info_print(FILE *out, const struct info *info)
{
    print_origin(out, info);
    print_spans(out, info);
    print_counts(out, info);
    print_losses(out, info);
    print_all_counters(out, &info->walk.meta);
    print_cost(out, info);
}
