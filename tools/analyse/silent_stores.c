/* engram analyse silent-stores: writes that change nothing. */
#include "analyse/analysis.h"
#include "analyse/image.h"
#include "analyse/pieces.h"
#include "analyse/symbols.h"
#include "command.h"
#include "need.h"
#include "table.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_DEFAULT 20u

struct stores {
    uint64_t all, silent, unknown; /* unknown: what was there before is not known */
};

struct silent_stores {
    struct image image;
    struct table by_rip;
    struct stores sum;
    struct symbols symbols;
    uint64_t count;
};

static void *create(void)
{
    struct silent_stores *s = need_zeroed(1, sizeof(*s));
    image_init(&s->image);
    table_init(&s->by_rip, sizeof(struct stores));
    s->count = COUNT_DEFAULT;
    return s;
}

static void destroy(void *state)
{
    struct silent_stores *s = state;
    image_free(&s->image);
    table_free(&s->by_rip);
    symbols_free(&s->symbols);
    free(s);
}

enum { OPT_COUNT = 256, OPT_SYMBOLS };
static const struct option options[] = {
    {"count", required_argument, NULL, OPT_COUNT}, {"symbols", required_argument, NULL, OPT_SYMBOLS}, {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct silent_stores *s = state;
    if (option == OPT_COUNT)
        return parse_number(value, &s->count) && s->count;
    const char *why = symbols_load(&s->symbols, value);
    if (why)
        input_error("analyse", "%s: %s", value, why);
    return !why;
}

static void judge(struct silent_stores *s, const struct access *a, const struct piece p[2], unsigned n)
{
    enum image_match match = n && a->has_data ? IMAGE_SAME : IMAGE_UNKNOWN;
    for (unsigned i = 0, done = 0; i < n && a->has_data; done += p[i].bytes, i++) {
        enum image_match here = image_compare(&s->image, p[i].address, a->data + done, p[i].bytes);
        match = here == IMAGE_OTHER || match == IMAGE_OTHER ? IMAGE_OTHER : here == IMAGE_SAME ? match : here;
    }
    struct stores *by_rip = table_get(&s->by_rip, a->rip);
    s->sum.all++;
    by_rip->all++;
    s->sum.silent += match == IMAGE_SAME;
    by_rip->silent += match == IMAGE_SAME;
    s->sum.unknown += match == IMAGE_UNKNOWN;
    by_rip->unknown += match == IMAGE_UNKNOWN;
}

static void on_access(void *state, const struct trace_item *item)
{
    struct silent_stores *s = state;
    const struct access *a = &item->access;
    struct piece p[2];
    unsigned n = pieces_of(item, true, p);
    if (a->kind == ACCESS_WRITE)
        judge(s, a, p, n);
    else if (!a->has_data)
        return;
    for (unsigned i = 0, done = 0; i < n; done += p[i].bytes, i++)
        image_write(&s->image, p[i].address, a->has_data ? a->data + done : NULL, p[i].bytes);
}

/* ---- the result ------------------------------------------------------------------ */

struct row {
    uint64_t rip;
    struct stores stores;
};

static int by_silent(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->stores.silent != y->stores.silent)
        return x->stores.silent > y->stores.silent ? -1 : 1;
    return x->rip < y->rip ? -1 : x->rip > y->rip;
}

/* Code with silent stores, most first; from malloc. */
static struct row *rows_of(const struct silent_stores *s, size_t *n)
{
    struct row *rows = need((s->by_rip.count + 1) * sizeof(*rows));
    *n = 0;
    for (size_t i = 0; table_next(&s->by_rip, &i); i++) {
        const struct stores *stores = table_value(&s->by_rip, i);
        if (stores->silent)
            rows[(*n)++] = (struct row){s->by_rip.keys[i], *stores};
    }
    qsort(rows, *n, sizeof(*rows), by_silent);
    return rows;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void text(void *state, FILE *out)
{
    const struct silent_stores *s = state;
    size_t n;
    struct row *rows = rows_of(s, &n);
    uint64_t judged = s->sum.all - s->sum.unknown;
    fprintf(out, "writes: %s; of %s it is known what was there before, and %s (%.2f%%) changed nothing\n",
            grouped(s->sum.all), grouped(judged), grouped(s->sum.silent), share(s->sum.silent, judged));
    if (n)
        fprintf(out, "\n%16s %16s %8s  code (RIP)\n", "silent", "writes", "");
    for (size_t i = 0; i < n && i < s->count; i++) {
        const struct stores *stores = &rows[i].stores;
        const struct symbol *symbol = symbols_find(&s->symbols, rows[i].rip);
        fprintf(out, "%16s %16s %7.2f%%  %016" PRIx64, grouped(stores->silent), grouped(stores->all),
                share(stores->silent, stores->all), rows[i].rip);
        if (symbol) {
            fputs("  ", out);
            put_text(out, symbol->name, strlen(symbol->name));
            fprintf(out, "+0x%" PRIx64, rows[i].rip - symbol->address);
        }
        fputc('\n', out);
    }
    free(rows);
}

static void json(void *state, struct json *j)
{
    const struct silent_stores *s = state;
    size_t n;
    struct row *rows = rows_of(s, &n);
    json_number(j, "writes", s->sum.all);
    json_number(j, "unknown", s->sum.unknown);
    json_number(j, "silent", s->sum.silent);
    json_list(j, "code");
    for (size_t i = 0; i < n && i < s->count; i++) {
        const struct symbol *symbol = symbols_find(&s->symbols, rows[i].rip);
        json_object(j, NULL);
        json_hex(j, "rip", rows[i].rip);
        if (symbol)
            json_text(j, "symbol", symbol->name);
        json_number(j, "writes", rows[i].stores.all);
        json_number(j, "unknown", rows[i].stores.unknown);
        json_number(j, "silent", rows[i].stores.silent);
        json_end_object(j);
    }
    json_end_list(j);
    free(rows);
}

const struct analysis analysis_silent_stores = {
    .name = "silent-stores",
    .what = "writes that change nothing, by code",
    .help = "Counts writes of data that were there already (guest-physical). What was there is known once a "
            "byte was\n"
            "written or read in the trace.\n\n"
            "  --count N                  show so many places in the code (20)\n"
            "  --symbols FILE[@OFFSET]    names for the code, as for `top`\n\n"
            "examples:\n"
            "  engram analyse silent-stores trace.egrm\n"
            "  engram analyse silent-stores --cpl user --json trace.egrm | jq .silent\n",
    .options = options,
    .create = create,
    .destroy = destroy,
    .option = take_option,
    .access = on_access,
    .text = text,
    .json = json,
};
