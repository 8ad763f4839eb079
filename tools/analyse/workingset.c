/* engram analyse workingset: how much memory is in use, and how much of it is being changed. */
#include "analyse/analysis.h"
#include "analyse/partial.h"
#include "analyse/pieces.h"
#include "analyse/svg.h"
#include "need.h"
#include "table.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INTERVALS_DEFAULT 60u
#define INTERVALS_MAX (1u << 20)
#define PAGE_SHIFT 12
#define LINE_BITS 6

/* Of a page: a bit for each of its 64 lines. */
struct touched {
    uint64_t any, written;
};

struct interval {
    uint64_t pages, lines, dirty_pages, dirty_lines;
};

struct workingset {
    struct extent extent;
    uint64_t interval; /* its length; 0: not given */
    uint64_t count;
    struct interval *done; /* by interval */
    struct table now;      /* pages of the interval that is under way */
    struct table all;      /* pages of all intervals */
    uint64_t at;           /* the interval that is under way */
    /* An interval may lie in two parts, whose pages may be the same: those of a part's first and last are
     * saved. */
    struct table first, last;
    uint64_t first_at, last_at;
    bool any, physical, is_set;
};

static void *create(void)
{
    struct workingset *w = need_zeroed(1, sizeof(*w));
    w->physical = true;
    table_init(&w->now, sizeof(struct touched));
    table_init(&w->all, sizeof(struct touched));
    table_init(&w->first, sizeof(struct touched));
    table_init(&w->last, sizeof(struct touched));
    return w;
}

static void destroy(void *state)
{
    struct workingset *w = state;
    table_free(&w->now);
    table_free(&w->all);
    table_free(&w->first);
    table_free(&w->last);
    free(w->done);
    free(w);
}

enum { OPT_INTERVAL = 256, OPT_SPACE };
static const struct option options[] = {
    {"interval", required_argument, NULL, OPT_INTERVAL}, {"space", required_argument, NULL, OPT_SPACE}, {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct workingset *w = state;
    if (option == OPT_INTERVAL)
        return parse_number(value, &w->interval) && w->interval;
    return parse_space(value, &w->physical);
}

static const char *ready(void *state, const struct extent *extent)
{
    struct workingset *w = state;
    uint64_t span = extent->end_time - extent->first_time;
    if (!w->interval)
        w->interval = span / INTERVALS_DEFAULT + 1;
    if (span / w->interval >= INTERVALS_MAX)
        return "--interval is too short: there would be more than a million of them";
    w->extent = *extent;
    w->count = span / w->interval + 1;
    w->done = need_zeroed(w->count, sizeof(*w->done));
    w->is_set = true;
    return NULL;
}

/* ---- counting ------------------------------------------------------------------- */

static uint64_t lines_of(const struct table *t, bool written)
{
    uint64_t n = 0;
    for (size_t i = 0; table_next(t, &i); i++) {
        const struct touched *p = table_value(t, i);
        n += (uint64_t)__builtin_popcountll(written ? p->written : p->any);
    }
    return n;
}

static uint64_t written_pages(const struct table *t)
{
    uint64_t n = 0;
    for (size_t i = 0; table_next(t, &i); i++)
        n += ((const struct touched *)table_value(t, i))->written != 0;
    return n;
}

static struct interval sizes_of(const struct table *t)
{
    return (struct interval){t->count, lines_of(t, false), written_pages(t), lines_of(t, true)};
}

static void add_pages(struct table *to, const struct table *from)
{
    for (size_t i = 0; table_next(from, &i); i++) {
        const struct touched *p = table_value(from, i);
        struct touched *t = table_get(to, from->keys[i]);
        t->any |= p->any;
        t->written |= p->written;
    }
}

/* The interval under way is over. */
static void close_interval(struct workingset *w)
{
    if (!w->any)
        return;
    w->done[w->at] = sizes_of(&w->now);
    add_pages(&w->all, &w->now);
    if (w->first.count == 0) {
        w->first_at = w->at;
        add_pages(&w->first, &w->now);
    }
    table_clear(&w->last);
    add_pages(&w->last, &w->now);
    w->last_at = w->at;
    table_clear(&w->now);
    w->any = false;
}

static void touch(struct table *t, uint64_t line, bool write)
{
    struct touched *p = table_get(t, line >> (PAGE_SHIFT - LINE_BITS));
    uint64_t bit = UINT64_C(1) << (line & 63);
    p->any |= bit;
    if (write)
        p->written |= bit;
}

static void on_access(void *state, const struct trace_item *item)
{
    struct workingset *w = state;
    struct piece p[2];
    unsigned n = pieces_of(item, w->physical, p);
    uint64_t at = item_time(&w->extent, item) / w->interval;
    at = at < w->count ? at : w->count - 1;
    if (at != w->at)
        close_interval(w);
    w->at = at;
    for (unsigned i = 0; i < n; i++) {
        w->any = true;
        touch(&w->now, p[i].address >> LINE_BITS, item->access.kind);
        if ((p[i].address & 63) + p[i].bytes > 64)
            touch(&w->now, (p[i].address >> LINE_BITS) + 1, item->access.kind);
    }
}

/* ---- the result ------------------------------------------------------------------ */

static void text(void *state, FILE *out)
{
    struct workingset *w = state;
    close_interval(w);
    struct interval all = sizes_of(&w->all);
    fprintf(out, "%-14s %12s %14s %12s %14s %14s\n", extent_unit(&w->extent), "pages", "lines", "written",
            "written", "in use");
    fprintf(out, "%-14s %12s %14s %12s %14s %14s\n", "from", "(4 KiB)", "(64 bytes)", "pages", "lines",
            "(lines)");
    for (uint64_t i = 0; i < w->count; i++) {
        const struct interval *v = &w->done[i];
        if (v->pages || i + 1 < w->count)
            fprintf(out, "%14s %12s %14s %12s %14s %14s\n", grouped(w->extent.first_time + i * w->interval),
                    grouped(v->pages), grouped(v->lines), grouped(v->dirty_pages), grouped(v->dirty_lines),
                    byte_size(v->lines << LINE_BITS));
    }
    fprintf(out, "%-14s %12s %14s %12s %14s %14s\n", "in all", grouped(all.pages), grouped(all.lines),
            grouped(all.dirty_pages), grouped(all.dirty_lines), byte_size(all.lines << LINE_BITS));
}

static void put_sizes(struct json *j, const struct interval *v)
{
    json_number(j, "pages", v->pages);
    json_number(j, "lines", v->lines);
    json_number(j, "written_pages", v->dirty_pages);
    json_number(j, "written_lines", v->dirty_lines);
}

static void json(void *state, struct json *j)
{
    struct workingset *w = state;
    close_interval(w);
    struct interval all = sizes_of(&w->all);
    json_text(j, "unit", extent_unit(&w->extent));
    json_number(j, "interval", w->interval);
    json_list(j, "intervals");
    for (uint64_t i = 0; i < w->count; i++) {
        json_object(j, NULL);
        json_number(j, "from", w->extent.first_time + i * w->interval);
        put_sizes(j, &w->done[i]);
        json_end_object(j);
    }
    json_end_list(j);
    json_object(j, "all");
    put_sizes(j, &all);
    json_end_object(j);
}

static void svg(void *state, FILE *out)
{
    struct workingset *w = state;
    close_interval(w);
    uint64_t *y[2] = {need(w->count * sizeof(uint64_t)), need(w->count * sizeof(uint64_t))};
    for (uint64_t i = 0; i < w->count; i++) {
        y[0][i] = w->done[i].lines << LINE_BITS;
        y[1][i] = w->done[i].dirty_lines << LINE_BITS;
    }
    const struct svg_line lines[] = {{"accessed", y[0]}, {"written", y[1]}};
    svg_lines(out, "Working set", extent_unit(&w->extent), w->extent.first_time,
              w->extent.first_time + w->count * w->interval, "bytes in an interval", lines, 2, w->count);
    free(y[0]);
    free(y[1]);
}

/* ---- parts ---------------------------------------------------------------------- */

static void save_pages(const struct table *t, FILE *out)
{
    partial_put(out, t->count);
    for (size_t i = 0; table_next(t, &i); i++) {
        const struct touched *p = table_value(t, i);
        partial_put(out, t->keys[i]);
        partial_put(out, p->any);
        partial_put(out, p->written);
    }
}

static bool load_pages(struct table *t, FILE *in)
{
    uint64_t count, key;
    struct touched p;
    if (!partial_get(in, &count))
        return false;
    for (; count; count--) {
        if (!partial_get(in, &key) || !partial_get(in, &p.any) || !partial_get(in, &p.written))
            return false;
        struct touched *to = table_get(t, key);
        to->any |= p.any;
        to->written |= p.written;
    }
    return true;
}

static void save(void *state, FILE *out)
{
    struct workingset *w = state;
    close_interval(w);
    partial_put(out, w->physical);
    partial_put(out, w->interval);
    partial_put(out, w->extent.first_time);
    partial_put(out, w->extent.end_time);
    partial_put(out, w->extent.has_icount);
    save_pages(&w->all, out);
    partial_put(out, w->first_at);
    save_pages(&w->first, out);
    partial_put(out, w->last_at);
    save_pages(&w->last, out);
    uint64_t used = 0;
    for (uint64_t i = 0; i < w->count; i++)
        used += w->done[i].pages != 0;
    partial_put(out, used);
    for (uint64_t i = 0; i < w->count; i++) {
        const struct interval *v = &w->done[i];
        if (v->pages == 0)
            continue;
        partial_put(out, i);
        partial_put(out, v->pages);
        partial_put(out, v->lines);
        partial_put(out, v->dirty_pages);
        partial_put(out, v->dirty_lines);
    }
}

static bool merge_options(struct workingset *w, FILE *in)
{
    uint64_t physical, interval, first, end, counted;
    if (!partial_get(in, &physical) || !partial_get(in, &interval) || !partial_get(in, &first) ||
        !partial_get(in, &end) || !partial_get(in, &counted) || interval == 0 || end < first)
        return false;
    if (!w->is_set) {
        const struct extent extent = {.first_time = first, .end_time = end, .has_icount = counted};
        w->physical = physical;
        w->interval = interval;
        if (ready(w, &extent))
            return false;
    }
    return physical == w->physical && interval == w->interval && first == w->extent.first_time &&
           end == w->extent.end_time;
}

/* The part before ends in the interval where this one begins: its size is that of the pages of both. */
static bool merge_edges(struct workingset *w, FILE *in, struct interval *joint, uint64_t *joint_at)
{
    struct table first, last;
    uint64_t first_at, last_at;
    table_init(&first, sizeof(struct touched));
    table_init(&last, sizeof(struct touched));
    bool sound = partial_get(in, &first_at) && load_pages(&first, in) && partial_get(in, &last_at) &&
                 load_pages(&last, in) && first_at < w->count && last_at < w->count;
    *joint_at = UINT64_MAX;
    if (sound && first.count) {
        if (w->last.count && w->last_at == first_at) {
            add_pages(&w->last, &first);
            *joint_at = first_at;
            *joint = sizes_of(&w->last);
        }
        if (*joint_at != last_at) {
            table_clear(&w->last);
            add_pages(&w->last, &last);
        }
        w->last_at = last_at;
        if (w->first.count == 0) {
            w->first_at = first_at;
            add_pages(&w->first, &first);
        } else if (*joint_at == w->first_at) {
            add_pages(&w->first, &first);
        }
    }
    table_free(&first);
    table_free(&last);
    return sound;
}

static bool merge(void *state, FILE *in)
{
    struct workingset *w = state;
    struct interval joint = {0}, v;
    uint64_t joint_at, used, at;
    if (!merge_options(w, in) || !load_pages(&w->all, in) || !merge_edges(w, in, &joint, &joint_at) ||
        !partial_get(in, &used))
        return false;
    for (; used; used--) {
        if (!partial_get(in, &at) || !partial_get(in, &v.pages) || !partial_get(in, &v.lines) ||
            !partial_get(in, &v.dirty_pages) || !partial_get(in, &v.dirty_lines) || at >= w->count)
            return false;
        w->done[at] = at == joint_at ? joint : v;
    }
    return true;
}

const struct analysis analysis_workingset = {
    .name = "workingset",
    .what = "how much memory is in use over time, and how much of it is written",
    .help =
        "Counts, for one interval of time after the other (instructions where the trace counts them, else\n"
        "events), the pages and cache lines that are accessed and those that are written: the working set "
        "and\n"
        "the dirty rate.\n\n"
        "  --interval N               its length (a sixtieth of the trace)\n"
        "  --space gpa|gva            by guest-physical (default) or guest-virtual address\n\n"
        "examples:\n"
        "  engram analyse workingset trace.egrm\n"
        "  engram analyse workingset --interval 1000000 --cpl user --svg set.svg trace.egrm\n",
    .options = options,
    .create = create,
    .destroy = destroy,
    .option = take_option,
    .ready = ready,
    .access = on_access,
    .text = text,
    .json = json,
    .svg = svg,
    .save = save,
    .merge = merge,
};
