/*
 * engram analyse double-fetch: user memory that the kernel reads more than once while it serves one request.
 * Between two such reads another processor, or the user's next thread, could have changed what was checked.
 */
#include "analyse/analysis.h"
#include "analyse/symbols.h"
#include "command.h"
#include "need.h"
#include "table.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_DEFAULT 50u
#define REPORTS_MAX 65536u /* kept; all are counted */
#define PAGE_SHIFT 12
#define UPPER_HALF UINT64_C(0xffff800000000000)

/* What is known of 8 bytes of memory in the activation that is under way. */
struct fetched {
    uint64_t activation; /* of an older one: nothing */
    uint8_t bytes;       /* a bit for each byte that was read */
    uint8_t data[8];
    uint8_t has_data; /* a bit for each byte whose value is known */
    uint64_t event[8], rip[8];
};

/* A pair of places in the code that read the same bytes, one after the other. */
struct report {
    uint64_t first_rip, second_rip;
    uint64_t address; /* of the first occurrence */
    unsigned bytes;
    uint64_t first_event, second_event;
    uint64_t cr3;
    uint64_t occurrences, changed; /* and in how many the data were different */
};

struct double_fetch {
    struct table fetched;    /* address / 8 */
    struct table user_pages; /* page number and CR3, mixed: pages that user code has accessed */
    struct table pairs;      /* rips, mixed: index of the report + 1 */
    struct report *reports;
    size_t count, room;
    uint64_t dropped; /* pairs for which there was no room */
    uint64_t activation;
    uint64_t fetches, occurrences;
    uint64_t cr3; /* of the access before */
    bool in_kernel, by_range;
    struct range user;
    struct symbols symbols;
    uint64_t show;
};

static void *create(void)
{
    struct double_fetch *d = need_zeroed(1, sizeof(*d));
    table_init(&d->fetched, sizeof(struct fetched));
    table_init(&d->user_pages, 1);
    table_init(&d->pairs, sizeof(size_t));
    d->show = COUNT_DEFAULT;
    return d;
}

static void destroy(void *state)
{
    struct double_fetch *d = state;
    table_free(&d->fetched);
    table_free(&d->user_pages);
    table_free(&d->pairs);
    symbols_free(&d->symbols);
    free(d->reports);
    free(d);
}

enum { OPT_USER = 256, OPT_COUNT, OPT_SYMBOLS };
static const struct option options[] = {{"user", required_argument, NULL, OPT_USER},
                                        {"count", required_argument, NULL, OPT_COUNT},
                                        {"symbols", required_argument, NULL, OPT_SYMBOLS},
                                        {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct double_fetch *d = state;
    if (option == OPT_COUNT)
        return parse_number(value, &d->show) && d->show;
    if (option == OPT_USER)
        return d->by_range = parse_range(value, &d->user);
    const char *why = symbols_load(&d->symbols, value);
    if (why)
        input_error("analyse", "%s: %s", value, why);
    return !why;
}

/* ---- what is user memory? --------------------------------------------------------- */

static uint64_t page_key(const struct access *a, uint64_t gva)
{
    return (gva >> PAGE_SHIFT) * 0x9e3779b97f4a7c15u ^ a->cr3;
}

/*
 * By --user, or: in 64-bit mode with a kernel in the upper half the lower half, as all current systems have
 * it; else the pages that user code itself has accessed under this CR3.
 */
static bool is_user_memory(const struct double_fetch *d, const struct access *a)
{
    if (d->by_range)
        return range_overlaps(&d->user, a->gva, a->size);
    if (a->rip >= UPPER_HALF)
        return a->gva < UPPER_HALF;
    return table_find(&d->user_pages, page_key(a, a->gva));
}

/* ---- one activation ---------------------------------------------------------------- */

static struct report *report_of(struct double_fetch *d, uint64_t first_rip, uint64_t second_rip)
{
    size_t *index = table_get(&d->pairs, first_rip * 0x9e3779b97f4a7c15u ^ second_rip);
    if (*index)
        return &d->reports[*index - 1];
    if (d->count == REPORTS_MAX) {
        d->dropped++;
        return NULL;
    }
    if (d->count == d->room) {
        d->room = d->room ? 2 * d->room : 64;
        d->reports = need_resized(d->reports, d->room, sizeof(*d->reports));
    }
    *index = ++d->count;
    d->reports[d->count - 1] = (struct report){.first_rip = first_rip, .second_rip = second_rip};
    return &d->reports[d->count - 1];
}

/* What an access has in common with earlier reads of the same activation. */
struct overlap {
    uint64_t address, end; /* bytes that were read before, from the first to the last */
    uint64_t event, rip;   /* who read the first of them */
    bool any, changed;
};

static void fetch_byte(struct double_fetch *d, const struct trace_item *item, unsigned i, struct overlap *o)
{
    const struct access *a = &item->access;
    uint64_t address = a->gva + i;
    struct fetched *f = table_get(&d->fetched, address / 8);
    unsigned at = address % 8;
    uint8_t bit = (uint8_t)(1u << at);
    if (f->activation != d->activation)
        *f = (struct fetched){.activation = d->activation};
    if (f->bytes & bit) {
        if (!o->any)
            *o = (struct overlap){.address = address, .event = f->event[at], .rip = f->rip[at], .any = true};
        o->end = address + 1;
        o->changed = o->changed || ((f->has_data & bit) && a->has_data && f->data[at] != a->data[i]);
    }
    f->bytes |= bit;
    f->event[at] = item->number;
    f->rip[at] = a->rip;
    f->has_data = a->has_data ? f->has_data | bit : f->has_data & (uint8_t)~bit;
    if (a->has_data)
        f->data[at] = a->data[i];
}

static void fetch(struct double_fetch *d, const struct trace_item *item)
{
    const struct access *a = &item->access;
    struct overlap o = {0};
    d->fetches++;
    for (unsigned i = 0; i < a->size; i++)
        fetch_byte(d, item, i, &o);
    if (!o.any)
        return;
    d->occurrences++;
    struct report *r = report_of(d, o.rip, a->rip);
    if (!r)
        return;
    if (r->occurrences++ == 0) {
        r->address = o.address;
        r->bytes = (unsigned)(o.end - o.address);
        r->first_event = o.event;
        r->second_event = item->number;
        r->cr3 = a->cr3;
    }
    r->changed += o.changed;
}

/* An activation goes from the entry into the kernel to the return to user code, or to another process. */
static void next_activation(struct double_fetch *d)
{
    d->activation++;
    if (d->fetched.count > 65536)
        table_clear(&d->fetched);
}

static void on_access(void *state, const struct trace_item *item)
{
    struct double_fetch *d = state;
    const struct access *a = &item->access;
    if (is_user(a)) {
        if (d->in_kernel || a->cr3 != d->cr3)
            next_activation(d);
        d->in_kernel = false;
        d->cr3 = a->cr3;
        if (!d->by_range && a->rip < UPPER_HALF && a->cause == CAUSE_INSTRUCTION) {
            table_get(&d->user_pages, page_key(a, a->gva));
            table_get(&d->user_pages, page_key(a, a->gva + a->size - 1));
        }
        return;
    }
    if (!d->in_kernel || a->cr3 != d->cr3)
        next_activation(d);
    d->in_kernel = true;
    d->cr3 = a->cr3;
    if (a->kind == ACCESS_READ && a->cause == CAUSE_INSTRUCTION && is_user_memory(d, a))
        fetch(d, item);
}

/* ---- the result ------------------------------------------------------------------ */

static int by_occurrences(const void *a, const void *b)
{
    const struct report *x = a, *y = b;
    if ((x->changed != 0) != (y->changed != 0))
        return x->changed ? -1 : 1;
    if (x->occurrences != y->occurrences)
        return x->occurrences > y->occurrences ? -1 : 1;
    return x->first_event < y->first_event ? -1 : x->first_event > y->first_event;
}

static void sort(struct double_fetch *d)
{
    if (d->count)
        qsort(d->reports, d->count, sizeof(*d->reports), by_occurrences);
    table_clear(&d->pairs); /* its indices are no longer right */
}

static void put_rip(FILE *out, const struct double_fetch *d, uint64_t rip)
{
    const struct symbol *s = symbols_find(&d->symbols, rip);
    fprintf(out, "%" PRIx64, rip);
    if (s) {
        fputs(" (", out);
        put_text(out, s->name, strlen(s->name));
        fprintf(out, "+0x%" PRIx64 ")", rip - s->address);
    }
}

static void text(void *state, FILE *out)
{
    struct double_fetch *d = state;
    sort(d);
    fprintf(out,
            "kernel reads of user memory: %s, again of bytes read before in the same activation: %s, in %s "
            "pairs\n",
            grouped(d->fetches), grouped(d->occurrences), grouped(d->count));
    if (d->dropped)
        fprintf(out, "  and others, for which there was no room\n");
    for (size_t i = 0; i < d->count && i < d->show; i++) {
        const struct report *r = &d->reports[i];
        fputs("\nrip ", out);
        put_rip(out, d, r->first_rip);
        fputs(", again at rip ", out);
        put_rip(out, d, r->second_rip);
        fprintf(out, ": %s times", grouped(r->occurrences));
        if (r->changed)
            fprintf(out, ", %s with OTHER DATA", grouped(r->changed));
        fprintf(out,
                "\n  first: %u bytes at gva %" PRIx64 " (cr3 %" PRIx64 "), events %" PRIu64 " and %" PRIu64
                "\n",
                r->bytes, r->address, r->cr3, r->first_event, r->second_event);
    }
}

static void put_place(struct json *j, const struct double_fetch *d, const char *key, uint64_t rip,
                      uint64_t event)
{
    const struct symbol *s = symbols_find(&d->symbols, rip);
    json_object(j, key);
    json_hex(j, "rip", rip);
    if (s)
        json_text(j, "symbol", s->name);
    json_number(j, "event", event);
    json_end_object(j);
}

static void json(void *state, struct json *j)
{
    struct double_fetch *d = state;
    sort(d);
    json_number(j, "fetches", d->fetches);
    json_number(j, "occurrences", d->occurrences);
    json_list(j, "pairs");
    for (size_t i = 0; i < d->count && i < d->show; i++) {
        const struct report *r = &d->reports[i];
        json_object(j, NULL);
        json_hex(j, "gva", r->address);
        json_number(j, "bytes", r->bytes);
        json_hex(j, "cr3", r->cr3);
        put_place(j, d, "first", r->first_rip, r->first_event);
        put_place(j, d, "second", r->second_rip, r->second_event);
        json_number(j, "occurrences", r->occurrences);
        json_number(j, "with_other_data", r->changed);
        json_end_object(j);
    }
    json_end_list(j);
}

const struct analysis analysis_double_fetch = {
    .name = "double-fetch",
    .what = "user memory that one kernel activation reads more than once",
    .help = "Finds bytes of user memory that the kernel (CPL 0 to 2) reads twice or more in one activation, "
            "from the\n"
            "entry to the return to user code or to another CR3. Pairs whose reads once gave other data come "
            "first.\n"
            "User memory is --user; without it, of a kernel in the upper half of the address space the lower "
            "half,\n"
            "else the pages that user code has accessed before. The trace must hold reads (trace=rw).\n\n"
            "  --user RANGE               user memory (hexadecimal)\n"
            "  --count N                  show so many pairs (50)\n"
            "  --symbols FILE[@OFFSET]    names for the code, as for `top`\n\n"
            "examples:\n"
            "  engram analyse double-fetch --symbols vmlinux trace.egrm\n"
            "  engram analyse double-fetch --user 400000-7fffffff --json trace.egrm | jq '.pairs[0]'\n",
    .options = options,
    .create = create,
    .destroy = destroy,
    .option = take_option,
    .access = on_access,
    .text = text,
    .json = json,
};
