/* engram analyse last-writer: who wrote these bytes last. */
#include "analyse/analysis.h"
#include "analyse/partial.h"
#include "analyse/pieces.h"
#include "analyse/symbols.h"
#include "command.h"
#include "need.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 65536u

struct write {
    uint64_t event; /* + 1; 0: nobody wrote the byte */
    uint64_t rip, cr3, icount;
    uint64_t what; /* CPL, cause, vector, data: see pack() */
};

#define HAS_ICOUNT (UINT64_C(1) << 32)
#define HAS_DATA (UINT64_C(1) << 33)

struct last_writer {
    struct range range;
    struct write *bytes;
    struct position at;
    struct symbols symbols;
    bool physical, is_set;
};

static void *create(void)
{
    struct last_writer *l = need_zeroed(1, sizeof(*l));
    l->physical = true;
    return l;
}

static void destroy(void *state)
{
    struct last_writer *l = state;
    free(l->bytes);
    symbols_free(&l->symbols);
    free(l);
}

enum { OPT_AT = 256, OPT_SPACE, OPT_SYMBOLS };
static const struct option options[] = {{"at", required_argument, NULL, OPT_AT},
                                        {"space", required_argument, NULL, OPT_SPACE},
                                        {"symbols", required_argument, NULL, OPT_SYMBOLS},
                                        {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct last_writer *l = state;
    if (option == OPT_AT)
        return position_parse(value, &l->at) && l->at.kind != POSITION_SHARE;
    if (option == OPT_SPACE) {
        return parse_space(value, &l->physical);
    }
    const char *why = symbols_load(&l->symbols, value);
    if (why)
        input_error("analyse", "%s: %s", value, why);
    return !why;
}

static uint64_t length(const struct last_writer *l)
{
    return l->range.last - l->range.first + 1;
}

static bool set_range(struct last_writer *l, const struct range *r)
{
    if (r->last < r->first || r->last - r->first >= BYTES_MAX)
        return false;
    l->range = *r;
    l->bytes = need_zeroed(length(l), sizeof(*l->bytes));
    return l->is_set = true;
}

static bool take_operand(void *state, const char *value)
{
    struct range r;
    return parse_range(value, &r) && set_range(state, &r);
}

static const char *ready(void *state, const struct extent *extent)
{
    const struct last_writer *l = state;
    if (l->at.kind == POSITION_ICOUNT && extent->any && !extent->has_icount)
        return "--at i:N needs a trace with instruction counts";
    return NULL;
}

static uint64_t pack(const struct trace_item *item, unsigned i)
{
    const struct access *a = &item->access;
    return (a->has_data ? a->data[i] | HAS_DATA : 0) | (uint64_t)(a->context & CONTEXT_CPL_MASK) << 8 |
           (uint64_t)a->cause << 16 | (uint64_t)a->vector << 24 | (item->icount_known ? HAS_ICOUNT : 0);
}

static void on_access(void *state, const struct trace_item *item)
{
    struct last_writer *l = state;
    const struct access *a = &item->access;
    struct piece p[2];
    if (a->kind != ACCESS_WRITE || (l->at.kind == POSITION_EVENT && item->number >= l->at.value) ||
        (l->at.kind == POSITION_ICOUNT && a->icount >= l->at.value))
        return;
    unsigned n = pieces_of(item, l->physical, p), done = 0;
    for (unsigned i = 0; i < n; done += p[i].bytes, i++) {
        if (!range_overlaps(&l->range, p[i].address, p[i].bytes))
            continue;
        for (unsigned k = 0; k < p[i].bytes; k++) {
            uint64_t at = p[i].address + k - l->range.first;
            if (at < length(l))
                l->bytes[at] =
                    (struct write){item->number + 1, a->rip, a->cr3, a->icount, pack(item, done + k)};
        }
    }
}

/* ---- the result: neighbours that one access wrote are one row --------------------------- */

struct row {
    uint64_t first, bytes; /* in the range */
    const struct write *write;
};

static bool next_row(const struct last_writer *l, struct row *r)
{
    uint64_t first = r->first + r->bytes, n = 1;
    if (first >= length(l))
        return false;
    while (first + n < length(l) && l->bytes[first + n].event == l->bytes[first].event)
        n++;
    *r = (struct row){first, n, &l->bytes[first]};
    return true;
}

static void put_data(FILE *out, const struct row *r)
{
    for (uint64_t i = 0; i < r->bytes && i < ACCESS_SIZE_MAX; i++) {
        if (r->write[i].what & HAS_DATA)
            fprintf(out, "%02x", (unsigned)(r->write[i].what & 0xff));
        else
            fputs("??", out);
    }
}

static void text_row(FILE *out, const struct last_writer *l, const struct row *r)
{
    const struct write *w = r->write;
    fprintf(out, "%s %016" PRIx64 " %5" PRIu64 " bytes  ", l->physical ? "gpa" : "gva",
            l->range.first + r->first, r->bytes);
    if (!w->event) {
        fputs("nobody\n", out);
        return;
    }
    put_data(out, r);
    fprintf(out, "  event %" PRIu64 " rip %016" PRIx64, w->event - 1, w->rip);
    const struct symbol *s = symbols_find(&l->symbols, w->rip);
    if (s) {
        fputs(" (", out);
        put_text(out, s->name, strlen(s->name));
        fprintf(out, "+0x%" PRIx64 ")", w->rip - s->address);
    }
    fprintf(out, " cr3 %" PRIx64 " cpl %u", w->cr3, (unsigned)(w->what >> 8 & 3));
    if (w->what & HAS_ICOUNT)
        fprintf(out, " icount %" PRIu64, w->icount);
    fprintf(out, " %s\n", cause_name((uint8_t)(w->what >> 16)));
}

static void text(void *state, FILE *out)
{
    const struct last_writer *l = state;
    for (struct row r = {0}; next_row(l, &r);)
        text_row(out, l, &r);
}

static void json(void *state, struct json *j)
{
    const struct last_writer *l = state;
    json_text(j, "space", l->physical ? "gpa" : "gva");
    json_list(j, "writers");
    for (struct row r = {0}; next_row(l, &r);) {
        json_object(j, NULL);
        json_hex(j, "address", l->range.first + r.first);
        json_number(j, "bytes", r.bytes);
        if (r.write->event) {
            json_number(j, "event", r.write->event - 1);
            json_hex(j, "rip", r.write->rip);
            json_hex(j, "cr3", r.write->cr3);
            json_number(j, "cpl", r.write->what >> 8 & 3);
            if (r.write->what & HAS_ICOUNT)
                json_number(j, "icount", r.write->icount);
            json_text(j, "cause", cause_name((uint8_t)(r.write->what >> 16)));
        } else {
            json_null(j, "event");
        }
        json_end_object(j);
    }
    json_end_list(j);
}

static void save(void *state, FILE *out)
{
    const struct last_writer *l = state;
    partial_put(out, l->physical);
    partial_put(out, l->range.first);
    partial_put(out, l->range.last);
    for (uint64_t i = 0; i < length(l); i++) {
        const struct write *w = &l->bytes[i];
        partial_put(out, w->event);
        partial_put(out, w->rip);
        partial_put(out, w->cr3);
        partial_put(out, w->icount);
        partial_put(out, w->what);
    }
}

static bool merge(void *state, FILE *in)
{
    struct last_writer *l = state;
    uint64_t physical;
    struct range r;
    struct write w;
    if (!partial_get(in, &physical) || !partial_get(in, &r.first) || !partial_get(in, &r.last))
        return false;
    if (!l->is_set) {
        l->physical = physical;
        if (!set_range(l, &r))
            return false;
    }
    if (physical != l->physical || r.first != l->range.first || r.last != l->range.last)
        return false;
    for (uint64_t i = 0; i < length(l); i++) {
        if (!partial_get(in, &w.event) || !partial_get(in, &w.rip) || !partial_get(in, &w.cr3) ||
            !partial_get(in, &w.icount) || !partial_get(in, &w.what))
            return false;
        if (w.event)
            l->bytes[i] = w;
    }
    return true;
}

const struct analysis analysis_last_writer = {
    .name = "last-writer",
    .what = "who wrote an address last",
    .help = "For each byte of ADDRESS (hexadecimal; A, A-B or A+LENGTH, up to 65536 bytes) the access that "
            "wrote it\n"
            "last: event, data, code, CR3, privilege level, cause.\n\n"
            "  --at POS                   before event N, or instruction i:N (the trace's end)\n"
            "  --space gpa|gva            ADDRESS is guest-physical (default) or guest-virtual\n"
            "  --symbols FILE[@OFFSET]    names for the code, as for `top`\n\n"
            "examples:\n"
            "  engram analyse last-writer 1003000+8 trace.egrm\n"
            "  engram analyse last-writer --at i:500000 --space gva ffffffff82000000 trace.egrm\n",
    .options = options,
    .operand = "ADDRESS",
    .create = create,
    .destroy = destroy,
    .option = take_option,
    .take_operand = take_operand,
    .ready = ready,
    .access = on_access,
    .text = text,
    .json = json,
    .save = save,
    .merge = merge,
};
