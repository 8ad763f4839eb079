/* engram analyse diff: two traces side by side. */
#include "analyse/analysis.h"
#include "command.h"
#include "need.h"
#include "reader/filter.h"
#include "reader/walk.h"
#include "show/print_item.h"
#include "table.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 1024u /* accesses that are looked at to find the way back */
#define RUN 4u       /* accesses that must agree there */
#define SHOW_DEFAULT 10u

static const char help[] =
    "usage: engram analyse diff [OPTION]... FILE FILE\n"
    "Compares two traces access by access. Where they part it looks for the place, among the next 1024 "
    "accesses of\n"
    "each, where both go on alike; what lies before it is a difference.\n\n"
    "  --ignore LIST              do not compare these: data, gpa, rip, cr3, icount (instruction counts are "
    "not\n"
    "                             compared unless --with-icount is given)\n"
    "  --with-icount              compare instruction counts too\n"
    "  --count N                  show so many differences (10); all are counted\n"
    "  --json                     the result as one JSON object\n" FILTER_HELP FILTER_HELP_END "\nexamples:\n"
    "  engram analyse diff vmx.egrm dbt.egrm\n"
    "  engram analyse diff --kind w --ignore data,cr3 before.egrm after.egrm\n"
    "Exit code: 0 no difference; 1 there are differences, or a trace is damaged; 2 wrong usage.\n";

enum { FIELD_DATA = 1, FIELD_GPA = 2, FIELD_RIP = 4, FIELD_CR3 = 8, FIELD_ICOUNT = 16 };
static const char *const field_name[] = {"data", "gpa", "rip", "cr3", "icount"};

/* One trace: the accesses that come next. */
struct side {
    struct input in;
    struct walk w;
    struct walk_handler handler;
    struct walker *walker;
    struct trace_item ahead[WINDOW];
    unsigned first, count;
    uint64_t taken, only; /* accesses in all; without counterpart */
    bool ended;
};

struct diff {
    struct side side[2];
    struct filter filter;
    unsigned ignore;
    uint64_t show;
    bool json;
    struct json j;
    uint64_t same, differences;
    struct table by_rip; /* rip to uint64_t[2]: accesses without counterpart */
    bool parted;         /* for good */
};

static const struct trace_item *ahead(const struct side *s, unsigned i)
{
    return &s->ahead[(s->first + i) % WINDOW];
}

/* Reads on until there are n accesses ahead, or the trace's end. */
static unsigned fill(struct diff *d, struct side *s, unsigned n)
{
    const struct trace_item *item;
    while (s->count < n && !s->ended) {
        item = walk_next(s->walker);
        s->ended = !item;
        if (item && item->kind == ITEM_ACCESS && filter_matches(&d->filter, item)) {
            s->ahead[(s->first + s->count) % WINDOW] = *item;
            s->count++;
        }
    }
    return s->count;
}

static void drop(struct side *s, unsigned n)
{
    s->first = (s->first + n) % WINDOW;
    s->count -= n;
    s->taken += n;
}

static bool same(const struct diff *d, const struct trace_item *x, const struct trace_item *y)
{
    const struct access *a = &x->access, *b = &y->access;
    if (a->gva != b->gva || a->size != b->size || a->kind != b->kind || a->cause != b->cause ||
        a->vector != b->vector || a->flags != b->flags ||
        (a->context & CONTEXT_CPL_MASK) != (b->context & CONTEXT_CPL_MASK))
        return false;
    if (!(d->ignore & FIELD_RIP) && a->rip != b->rip)
        return false;
    if (!(d->ignore & FIELD_GPA) && (x->gpa_known != y->gpa_known || a->gpa != b->gpa || a->gpa2 != b->gpa2))
        return false;
    if (!(d->ignore & FIELD_CR3) && a->cr3 != b->cr3)
        return false;
    if (!(d->ignore & FIELD_ICOUNT) && (x->icount_known != y->icount_known || a->icount != b->icount))
        return false;
    return (d->ignore & FIELD_DATA) || !a->has_data || !b->has_data || memcmp(a->data, b->data, a->size) == 0;
}

/* From i and k on both go on alike, for RUN accesses or to both ends. */
static bool goes_on(const struct diff *d, unsigned i, unsigned k)
{
    const struct side *x = &d->side[0], *y = &d->side[1];
    unsigned n = 0;
    for (; n < RUN && i + n < x->count && k + n < y->count; n++)
        if (!same(d, ahead(x, i + n), ahead(y, k + n)))
            return false;
    return n == RUN || (i + n == x->count && k + n == y->count && x->ended && y->ended);
}

/* The nearest place where both go on alike: by the number of accesses left out. */
static bool find_way_back(struct diff *d, unsigned *skip_x, unsigned *skip_y)
{
    unsigned n = fill(d, &d->side[0], WINDOW), m = fill(d, &d->side[1], WINDOW);
    for (unsigned sum = 1; sum <= n + m; sum++)
        for (unsigned i = sum > m ? sum - m : 0; i <= sum && i <= n; i++)
            if (goes_on(d, i, sum - i)) {
                *skip_x = i;
                *skip_y = sum - i;
                return true;
            }
    return false;
}

static void count_only(struct diff *d, unsigned which, const struct trace_item *item)
{
    uint64_t *n = table_get(&d->by_rip, item->access.rip);
    n[which]++;
    d->side[which].only++;
}

static void show_side(struct diff *d, unsigned which, unsigned n)
{
    struct side *s = &d->side[which];
    if (d->json)
        json_list(&d->j, which ? "second" : "first");
    for (unsigned i = 0; i < n; i++) {
        const struct trace_item *item = ahead(s, i);
        count_only(d, which, item);
        if (d->differences > d->show)
            continue;
        if (d->json)
            json_number(&d->j, NULL, item->number);
        else if (i < 8) {
            printf("%c", which ? '+' : '-');
            print_item(stdout, item, PRINT_LINES);
        } else if (i == 8)
            printf("%c ... and %u more\n", which ? '+' : '-', n - i);
    }
    if (d->json)
        json_end_list(&d->j);
    drop(s, n);
}

static void show_difference(struct diff *d, unsigned n, unsigned m, bool for_good)
{
    d->differences++;
    if (d->json && d->differences <= d->show)
        json_object(&d->j, NULL);
    else if (!d->json && d->differences <= d->show)
        printf("after %s accesses that are the same%s\n", grouped(d->same),
               for_good ? ", they part for good" : "");
    bool json = d->json;
    d->json = json && d->differences <= d->show;
    show_side(d, 0, n);
    show_side(d, 1, m);
    if (d->json) {
        json_bool(&d->j, "for_good", for_good);
        json_end_object(&d->j);
    }
    d->json = json;
}

static void compare(struct diff *d)
{
    struct side *x = &d->side[0], *y = &d->side[1];
    while (!d->parted) {
        unsigned n = fill(d, x, 1), m = fill(d, y, 1), i, k;
        if (!n && !m)
            return;
        if (n && m && same(d, ahead(x, 0), ahead(y, 0))) {
            d->same++;
            drop(x, 1);
            drop(y, 1);
            continue;
        }
        d->parted = !find_way_back(d, &i, &k);
        if (d->parted)
            show_difference(d, x->count, y->count, true);
        else
            show_difference(d, i, k, false);
    }
    /* The rest of both, by code. */
    for (unsigned which = 0; which < 2; which++)
        while (fill(d, &d->side[which], 1)) {
            count_only(d, which, ahead(&d->side[which], 0));
            drop(&d->side[which], 1);
        }
}

/* ---- the result ------------------------------------------------------------------ */

struct row {
    uint64_t rip, n[2];
};

static int by_excess(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    uint64_t n = x->n[0] + x->n[1], m = y->n[0] + y->n[1];
    if (n != m)
        return n > m ? -1 : 1;
    return x->rip < y->rip ? -1 : x->rip > y->rip;
}

static struct row *rows_of(const struct diff *d, size_t *n)
{
    struct row *rows = need((d->by_rip.count + 1) * sizeof(*rows));
    *n = 0;
    for (size_t i = 0; table_next(&d->by_rip, &i); i++) {
        const uint64_t *counts = table_value(&d->by_rip, i);
        rows[(*n)++] = (struct row){d->by_rip.keys[i], {counts[0], counts[1]}};
    }
    qsort(rows, *n, sizeof(*rows), by_excess);
    return rows;
}

static void print_summary(struct diff *d)
{
    size_t n;
    struct row *rows = rows_of(d, &n);
    printf("%s accesses are the same, %s only in the first trace, %s only in the second, %s differences%s\n",
           grouped(d->same), grouped(d->side[0].only), grouped(d->side[1].only), grouped(d->differences),
           d->parted ? "; the rest was not compared any more" : "");
    if (n)
        printf("\n%16s %16s  code (RIP) of accesses without counterpart\n", "first", "second");
    for (size_t i = 0; i < n && i < d->show; i++)
        printf("%16s %16s  %016" PRIx64 "\n", grouped(rows[i].n[0]), grouped(rows[i].n[1]), rows[i].rip);
    free(rows);
}

static void print_json_summary(struct diff *d)
{
    size_t n;
    struct row *rows = rows_of(d, &n);
    json_end_list(&d->j);
    json_number(&d->j, "same", d->same);
    json_number(&d->j, "only_first", d->side[0].only);
    json_number(&d->j, "only_second", d->side[1].only);
    json_number(&d->j, "differences", d->differences);
    json_bool(&d->j, "parted_for_good", d->parted);
    json_list(&d->j, "code");
    for (size_t i = 0; i < n && i < d->show; i++) {
        json_object(&d->j, NULL);
        json_hex(&d->j, "rip", rows[i].rip);
        json_number(&d->j, "first", rows[i].n[0]);
        json_number(&d->j, "second", rows[i].n[1]);
        json_end_object(&d->j);
    }
    json_end_list(&d->j);
    json_end_object(&d->j);
    putchar('\n');
    free(rows);
}

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    const struct side *s = ctx;
    print_finding(s->in.path, offset, what);
}

static bool open_side(struct diff *d, struct side *s, const char *path)
{
    if (!input_open(&s->in, "analyse", path))
        return false;
    s->handler = (struct walk_handler){
        .ctx = s, .finding = on_finding, .dump = input_dump(&s->in), .slice = &d->filter.slice};
    s->walker = walk_begin(&s->in.source, &s->handler, &s->w);
    if (!s->walker)
        input_error("analyse", "%s: %s", path, strerror(s->w.io_error));
    return s->walker;
}

/* True when the trace was sound. */
static bool close_side(struct side *s)
{
    bool sound = s->walker && walk_end(s->walker);
    if (s->walker && !sound)
        input_error("analyse", "%s: %s", s->in.path, strerror(s->w.io_error));
    sound = sound && s->w.findings == 0;
    walk_free(&s->w);
    if (s->in.path)
        input_close(&s->in);
    return sound;
}

static int run(struct diff *d, char **paths)
{
    bool opened = open_side(d, &d->side[0], paths[0]) && open_side(d, &d->side[1], paths[1]);
    if (opened) {
        if (d->json) {
            d->j.out = stdout;
            json_object(&d->j, NULL);
            json_text(&d->j, "analysis", "diff");
            json_list(&d->j, "shown");
        }
        compare(d);
        d->json ? print_json_summary(d) : print_summary(d);
    }
    bool sound = close_side(&d->side[0]);
    sound = close_side(&d->side[1]) && sound;
    return opened && sound && d->differences == 0 ? EXIT_FINE : EXIT_FINDINGS;
}

/* ---- the command line -------------------------------------------------------------- */

enum { OPT_IGNORE = 256, OPT_ICOUNT, OPT_COUNT, OPT_JSON };

static bool parse_fields(const char *list, unsigned *fields)
{
    char *copy = need_text(list), *save = NULL;
    bool known = true;
    for (char *name = strtok_r(copy, ",", &save); name && known; name = strtok_r(NULL, ",", &save)) {
        known = false;
        for (unsigned i = 0; i < sizeof(field_name) / sizeof(field_name[0]); i++)
            if (strcmp(name, field_name[i]) == 0) {
                *fields |= 1u << i;
                known = true;
            }
    }
    free(copy);
    return known;
}

static bool take_option(struct diff *d, int option, const char *value)
{
    if (filter_is_option(option))
        return filter_option(&d->filter, option, value);
    switch (option) {
    case OPT_IGNORE:
        return parse_fields(value, &d->ignore);
    case OPT_ICOUNT:
        d->ignore &= ~(unsigned)FIELD_ICOUNT;
        return true;
    case OPT_COUNT:
        return parse_number(value, &d->show);
    default:
        return d->json = true;
    }
}

int diff_run(int argc, char **argv)
{
    static const struct option long_options[] = {FILTER_OPTIONS,
                                                 {"ignore", required_argument, NULL, OPT_IGNORE},
                                                 {"with-icount", no_argument, NULL, OPT_ICOUNT},
                                                 {"count", required_argument, NULL, OPT_COUNT},
                                                 {"json", no_argument, NULL, OPT_JSON},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {0}};
    struct diff *d = need_zeroed(1, sizeof(*d));
    int option, index = 0, code = EXIT_USAGE;
    d->show = SHOW_DEFAULT;
    d->ignore = FIELD_ICOUNT;
    filter_init(&d->filter);
    table_init(&d->by_rip, 2 * sizeof(uint64_t));
    while ((option = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            code = EXIT_FINE;
        } else if (option == '?') {
            usage_error("analyse", "see `engram analyse diff --help`");
        } else if (!take_option(d, option, optarg)) {
            usage_error("analyse", "diff: --%s '%s' is not possible; see `engram analyse diff --help`",
                        long_options[index].name, optarg ? optarg : "");
        } else {
            continue;
        }
        goto out;
    }
    code = optind + 2 == argc
               ? run(d, argv + optind)
               : usage_error("analyse", "give two trace files; see `engram analyse diff --help`");
out:
    table_free(&d->by_rip);
    free(d);
    return code;
}
