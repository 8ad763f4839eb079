/* engram analyse top: what is accessed most, and by what code. */
#include "analyse/analysis.h"
#include "analyse/partial.h"
#include "analyse/pieces.h"
#include "analyse/svg.h"
#include "analyse/symbols.h"
#include "color.h"
#include "command.h"
#include "need.h"
#include "table.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX (1u << 21) /* of one table: then the rarest are dropped */
#define COUNT_DEFAULT 20u
#define LINE_BITS 6
#define PAGE_SHIFT 12

enum by { BY_CODE, BY_LINE, BY_PAGE, BY_SYMBOL, BY_COUNT };
#define BY_TABLES 3u

struct counts {
    uint64_t accesses[2]; /* by kind */
    uint64_t bytes;
};

struct top {
    struct table table[BY_TABLES];
    uint64_t floor[BY_TABLES]; /* what has been dropped had no more accesses than this */
    uint64_t all[2];
    uint64_t unmapped; /* accesses without physical address */
    struct symbols symbols;
    unsigned by; /* bit per enum by; 0: all that can be */
    uint64_t count;
    bool physical;
};

static void *create(void)
{
    struct top *t = need_zeroed(1, sizeof(*t));
    for (unsigned i = 0; i < BY_TABLES; i++)
        table_init(&t->table[i], sizeof(struct counts));
    t->count = COUNT_DEFAULT;
    t->physical = true;
    return t;
}

static void destroy(void *state)
{
    struct top *t = state;
    for (unsigned i = 0; i < BY_TABLES; i++)
        table_free(&t->table[i]);
    symbols_free(&t->symbols);
    free(t);
}

enum { OPT_BY = 256, OPT_COUNT, OPT_SPACE, OPT_SYMBOLS };
static const struct option options[] = {{"by", required_argument, NULL, OPT_BY},
                                        {"count", required_argument, NULL, OPT_COUNT},
                                        {"space", required_argument, NULL, OPT_SPACE},
                                        {"symbols", required_argument, NULL, OPT_SYMBOLS},
                                        {0}};

static const char *const by_name[BY_COUNT] = {"code", "line", "page", "symbol"};

static bool take_option(void *state, int option, const char *value)
{
    struct top *t = state;
    const char *why;
    switch (option) {
    case OPT_BY:
        for (unsigned i = 0; i < BY_COUNT; i++)
            if (strcmp(value, by_name[i]) == 0) {
                t->by |= 1u << i;
                return true;
            }
        return false;
    case OPT_COUNT:
        return parse_number(value, &t->count) && t->count;
    case OPT_SPACE:
        return parse_space(value, &t->physical);
    default:
        why = symbols_load(&t->symbols, value);
        if (why)
            input_error("analyse", "%s: %s", value, why);
        return !why;
    }
}

static const char *ready(void *state, const struct extent *extent)
{
    const struct top *t = state;
    (void)extent;
    return (t->by & 1u << BY_SYMBOL) && !t->symbols.count ? "--by symbol needs --symbols FILE" : NULL;
}

/* ---- counting ------------------------------------------------------------------ */

static uint64_t accesses(const struct counts *c)
{
    return c->accesses[0] + c->accesses[1];
}

static bool is_frequent(void *ctx, uint64_t key, const void *value)
{
    (void)key;
    return accesses(value) >= *(const uint64_t *)ctx;
}

/* Makes room by dropping the rarest; what that may have cost any entry is remembered. */
static void prune(struct top *t, unsigned i)
{
    for (uint64_t least = 2; t->table[i].count > ENTRIES_MAX / 2; least *= 2) {
        table_filter(&t->table[i], is_frequent, &least);
        t->floor[i] += least - 1;
    }
}

static inline void count(struct top *t, unsigned i, uint64_t key, uint8_t kind, unsigned bytes)
{
    struct counts *c = table_get(&t->table[i], key);
    c->accesses[kind]++;
    c->bytes += bytes;
    if (t->table[i].count > ENTRIES_MAX)
        prune(t, i);
}

/* Each line or page that a piece touches, once. */
static inline void count_touched(struct top *t, unsigned i, const struct piece *p, unsigned shift,
                                 uint8_t kind)
{
    uint64_t first = p->address >> shift, last = (p->address + p->bytes - 1) >> shift;
    if (first == last) {
        count(t, i, first, kind, p->bytes);
        return;
    }
    uint64_t border = last << shift;
    count(t, i, first, kind, (unsigned)(border - p->address));
    count(t, i, last, kind, (unsigned)(p->address + p->bytes - border));
}

static void on_access(void *state, const struct trace_item *item)
{
    struct top *t = state;
    const struct access *a = &item->access;
    struct piece p[2];
    unsigned pieces = pieces_of(item, t->physical, p);
    t->all[a->kind]++;
    t->unmapped += pieces == 0;
    count(t, BY_CODE, a->rip, a->kind, a->size);
    for (unsigned i = 0; i < pieces; i++) {
        count_touched(t, BY_LINE, &p[i], LINE_BITS, a->kind);
        count_touched(t, BY_PAGE, &p[i], PAGE_SHIFT, a->kind);
    }
}

/* ---- the result ------------------------------------------------------------------ */

struct row {
    uint64_t key;
    const char *name; /* of a symbol */
    struct counts counts;
};

static int by_accesses(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    uint64_t n = accesses(&x->counts), m = accesses(&y->counts);
    if (n != m)
        return n > m ? -1 : 1;
    return x->key < y->key ? -1 : x->key > y->key;
}

static void add_counts(struct counts *to, const struct counts *from)
{
    to->accesses[0] += from->accesses[0];
    to->accesses[1] += from->accesses[1];
    to->bytes += from->bytes;
}

/* Code counts added up by symbol; what no symbol covers has the key 0 and is "?". */
static struct row *symbol_rows(const struct top *t, size_t *n)
{
    struct table sums;
    table_init(&sums, sizeof(struct row));
    for (size_t i = 0; table_next(&t->table[BY_CODE], &i); i++) {
        const struct symbol *s = symbols_find(&t->symbols, t->table[BY_CODE].keys[i]);
        struct row *row = table_get(&sums, s ? s->address : UINT64_MAX);
        row->key = s ? s->address : 0;
        row->name = s ? s->name : "?";
        add_counts(&row->counts, table_value(&t->table[BY_CODE], i));
    }
    struct row *rows = need((sums.count + 1) * sizeof(*rows));
    *n = 0;
    for (size_t i = 0; table_next(&sums, &i); i++)
        rows[(*n)++] = *(struct row *)table_value(&sums, i);
    table_free(&sums);
    return rows;
}

/* All rows of one kind, most accesses first; from malloc. */
static struct row *rows_of(const struct top *t, unsigned by, size_t *n)
{
    static const unsigned shift[BY_TABLES] = {0, LINE_BITS, PAGE_SHIFT};
    struct row *rows;
    if (by == BY_SYMBOL) {
        rows = symbol_rows(t, n);
    } else {
        const struct table *table = &t->table[by];
        rows = need((table->count + 1) * sizeof(*rows));
        *n = 0;
        for (size_t i = 0; table_next(table, &i); i++)
            rows[(*n)++] =
                (struct row){table->keys[i] << shift[by], NULL, *(struct counts *)table_value(table, i)};
    }
    qsort(rows, *n, sizeof(*rows), by_accesses);
    return rows;
}

static bool is_shown(const struct top *t, unsigned by)
{
    return t->by ? t->by >> by & 1 : by != BY_SYMBOL || t->symbols.count;
}

static void put_place(FILE *out, const struct top *t, const struct row *row, unsigned by)
{
    const struct symbol *s = by == BY_CODE ? symbols_find(&t->symbols, row->key) : NULL;
    if (by == BY_SYMBOL) {
        put_text(out, row->name, strlen(row->name));
    } else {
        fprintf(out, "%016" PRIx64, row->key);
        if (s) {
            fputs("  ", out);
            put_text(out, s->name, strlen(s->name));
            fprintf(out, "+0x%" PRIx64, row->key - s->address);
        }
    }
}

static void text_section(FILE *out, const struct top *t, unsigned by)
{
    static const char *const title[BY_COUNT] = {"code (RIP)", "cache lines of 64 bytes", "pages of 4 KiB",
                                                "symbols"};
    size_t n;
    struct row *rows = rows_of(t, by, &n);
    uint64_t all = t->all[0] + t->all[1];
    bool memory = by == BY_LINE || by == BY_PAGE;
    fprintf(out, "\n%s%s%s%s: %s\n%16s %6s %16s %16s %18s\n", color(out, COLOR_BOLD), title[by],
            color(out, COLOR_END), memory ? t->physical ? ", guest-physical" : ", guest-virtual" : "",
            grouped(n), "accesses", "", "reads", "writes", "bytes");
    for (size_t i = 0; i < n && i < t->count; i++) {
        const struct counts *c = &rows[i].counts;
        fprintf(out, "%16s %5.1f%% %16s %16s %18s  ", grouped(accesses(c)),
                100.0 * (double)accesses(c) / (double)(all ? all : 1), grouped(c->accesses[ACCESS_READ]),
                grouped(c->accesses[ACCESS_WRITE]), grouped(c->bytes));
        put_place(out, t, &rows[i], by);
        fputc('\n', out);
    }
    if (by < BY_TABLES && t->floor[by])
        fprintf(out, "  (rare ones were dropped on the way: any count may be too low by up to %s)\n",
                grouped(t->floor[by]));
    free(rows);
}

static void text(void *state, FILE *out)
{
    const struct top *t = state;
    fprintf(out, "accesses: %s, %s reads and %s writes\n", grouped(t->all[0] + t->all[1]),
            grouped(t->all[ACCESS_READ]), grouped(t->all[ACCESS_WRITE]));
    if (t->unmapped)
        fprintf(out, "  %s of them without guest-physical address are in no line or page\n",
                grouped(t->unmapped));
    static const unsigned order[BY_COUNT] = {BY_SYMBOL, BY_CODE, BY_LINE, BY_PAGE};
    for (unsigned i = 0; i < BY_COUNT; i++)
        if (is_shown(t, order[i]))
            text_section(out, t, order[i]);
}

static void json_section(struct json *j, const struct top *t, unsigned by)
{
    size_t n;
    struct row *rows = rows_of(t, by, &n);
    json_list(j, by_name[by]);
    for (size_t i = 0; i < n && i < t->count; i++) {
        const struct counts *c = &rows[i].counts;
        const struct symbol *s = by == BY_CODE ? symbols_find(&t->symbols, rows[i].key) : NULL;
        json_object(j, NULL);
        json_hex(j, "address", rows[i].key);
        if (by == BY_SYMBOL || s)
            json_text(j, "symbol", s ? s->name : rows[i].name);
        json_number(j, "reads", c->accesses[ACCESS_READ]);
        json_number(j, "writes", c->accesses[ACCESS_WRITE]);
        json_number(j, "bytes", c->bytes);
        json_end_object(j);
    }
    json_end_list(j);
    free(rows);
}

static void json(void *state, struct json *j)
{
    const struct top *t = state;
    json_number(j, "reads", t->all[ACCESS_READ]);
    json_number(j, "writes", t->all[ACCESS_WRITE]);
    json_text(j, "space", t->physical ? "gpa" : "gva");
    json_number(j, "unmapped", t->unmapped);
    json_object(j, "distinct");
    for (unsigned by = 0; by < BY_TABLES; by++)
        json_number(j, by_name[by], t->table[by].count);
    json_end_object(j);
    json_object(j, "may_be_too_low_by");
    for (unsigned by = 0; by < BY_TABLES; by++)
        json_number(j, by_name[by], t->floor[by]);
    json_end_object(j);
    for (unsigned by = 0; by < BY_COUNT; by++)
        if (is_shown(t, by))
            json_section(j, t, by);
}

/* The first kind that is shown, as bars. */
static void svg(void *state, FILE *out)
{
    const struct top *t = state;
    unsigned by = t->symbols.count ? BY_SYMBOL : BY_CODE;
    for (unsigned i = 0; t->by && i < BY_COUNT; i++)
        if (t->by >> i & 1)
            by = i;
    size_t n;
    struct row *rows = rows_of(t, by, &n);
    n = n < t->count ? n : t->count;
    struct svg_bar *bars = need((n + 1) * sizeof(*bars));
    for (size_t i = 0; i < n; i++) {
        bars[i] = (struct svg_bar){
            .part = {rows[i].counts.accesses[ACCESS_READ], rows[i].counts.accesses[ACCESS_WRITE]}};
        if (rows[i].name)
            snprintf(bars[i].label, sizeof(bars[i].label), "%s", rows[i].name);
        else
            snprintf(bars[i].label, sizeof(bars[i].label), "%" PRIx64, rows[i].key);
    }
    char title[64];
    snprintf(title, sizeof(title), "Most accessed: %s", by_name[by]);
    static const char *const parts[] = {"reads", "writes"};
    svg_bars(out, title, "accesses", bars, n, parts, 2);
    free(bars);
    free(rows);
}

/* ---- parts ---------------------------------------------------------------------- */

static void save(void *state, FILE *out)
{
    const struct top *t = state;
    partial_put(out, t->physical);
    partial_put(out, t->all[0]);
    partial_put(out, t->all[1]);
    partial_put(out, t->unmapped);
    for (unsigned i = 0; i < BY_TABLES; i++) {
        partial_put(out, t->floor[i]);
        partial_put(out, t->table[i].count);
        for (size_t k = 0; table_next(&t->table[i], &k); k++) {
            const struct counts *c = table_value(&t->table[i], k);
            partial_put(out, t->table[i].keys[k]);
            partial_put(out, c->accesses[0]);
            partial_put(out, c->accesses[1]);
            partial_put(out, c->bytes);
        }
    }
}

static bool merge_table(struct top *t, unsigned i, FILE *in)
{
    uint64_t floor, entries, key;
    struct counts c;
    if (!partial_get(in, &floor) || !partial_get(in, &entries))
        return false;
    t->floor[i] += floor;
    for (; entries; entries--) {
        if (!partial_get(in, &key) || !partial_get(in, &c.accesses[0]) || !partial_get(in, &c.accesses[1]) ||
            !partial_get(in, &c.bytes))
            return false;
        add_counts(table_get(&t->table[i], key), &c);
        if (t->table[i].count > ENTRIES_MAX)
            prune(t, i);
    }
    return true;
}

static bool merge(void *state, FILE *in)
{
    struct top *t = state;
    uint64_t physical, reads, writes, unmapped;
    if (!partial_get(in, &physical) || !partial_get(in, &reads) || !partial_get(in, &writes) ||
        !partial_get(in, &unmapped))
        return false;
    if (t->all[0] + t->all[1] && physical != t->physical)
        return false;
    t->physical = physical;
    t->all[0] += reads;
    t->all[1] += writes;
    t->unmapped += unmapped;
    for (unsigned i = 0; i < BY_TABLES; i++)
        if (!merge_table(t, i, in))
            return false;
    return true;
}

const struct analysis analysis_top = {
    .name = "top",
    .what = "the code, cache lines, pages and symbols with the most accesses",
    .help =
        "Counts accesses by instruction, by cache line and by page, and shows those with the most. An "
        "access\n"
        "that lies in two lines or pages counts in both.\n\n"
        "  --by code|line|page|symbol only these; may be given several times\n"
        "  --count N                  so many of each (20)\n"
        "  --space gpa|gva            lines and pages by guest-physical (default) or guest-virtual address\n"
        "  --symbols FILE[@OFFSET]    names for the code: an ELF file, or a list as /proc/kallsyms is; "
        "OFFSET\n"
        "                             (hexadecimal) is added to its addresses; may be given several times\n\n"
        "examples:\n"
        "  engram analyse top --count 10 trace.egrm\n"
        "  engram analyse top --by symbol --symbols vmlinux --cpl kernel trace.egrm\n"
        "  engram analyse top --by page --kind w --jobs 4 --json trace.egrm | jq '.page[0]'\n",
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
