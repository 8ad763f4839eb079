/* engram analyse reuse: how far apart the uses of a cache line are. */
#include "analyse/analysis.h"
#include "analyse/pieces.h"
#include "analyse/reuse_stack.h"
#include "analyse/svg.h"
#include "need.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX (1u << 22) /* kept apart: 256 MiB of memory in use; then a sample of them */
#define BUCKETS 65u          /* any distance of 64 bits */

struct reuse {
    struct reuse_stack stack;
    uint64_t line_bits;
    uint64_t bucket[BUCKETS][2]; /* [0]: distance 0; [n]: 2^(n-1) up to 2^n, without it; by kind */
    uint64_t first[2];           /* uses that are a line's first */
    uint64_t uses[2];
    uint64_t lines_max;
    bool physical;
};

static void *create(void)
{
    struct reuse *r = need_zeroed(1, sizeof(*r));
    r->line_bits = 6;
    r->lines_max = LINES_MAX;
    r->physical = true;
    return r;
}

static void destroy(void *state)
{
    struct reuse *r = state;
    reuse_stack_free(&r->stack);
    free(r);
}

enum { OPT_LINE = 256, OPT_SPACE, OPT_LINES_MAX };
static const struct option options[] = {{"line", required_argument, NULL, OPT_LINE},
                                        {"space", required_argument, NULL, OPT_SPACE},
                                        {"exact-up-to", required_argument, NULL, OPT_LINES_MAX},
                                        {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct reuse *r = state;
    uint64_t n;
    switch (option) {
    case OPT_LINE:
        if (!parse_size(value, &n) || n == 0 || n > 1u << 30 || (n & (n - 1)))
            return false;
        r->line_bits = (uint64_t)__builtin_ctzll(n);
        return true;
    case OPT_LINES_MAX:
        return parse_number(value, &r->lines_max) && r->lines_max && r->lines_max <= 1u << 28;
    default:
        return parse_space(value, &r->physical);
    }
}

static const char *ready(void *state, const struct extent *extent)
{
    struct reuse *r = state;
    (void)extent;
    reuse_stack_init(&r->stack, r->lines_max);
    return NULL;
}

static void use(struct reuse *r, uint64_t line, uint8_t kind)
{
    uint64_t distance = reuse_stack_use(&r->stack, line), weight = UINT64_C(1) << r->stack.sampling;
    if (distance == REUSE_UNSEEN)
        return;
    r->uses[kind] += weight;
    if (distance == REUSE_FIRST)
        r->first[kind] += weight;
    else
        r->bucket[distance ? 64 - __builtin_clzll(distance) : 0][kind] += weight;
}

static void on_access(void *state, const struct trace_item *item)
{
    struct reuse *r = state;
    struct piece p[2];
    unsigned n = pieces_of(item, r->physical, p);
    for (unsigned i = 0; i < n; i++) {
        uint64_t first = p[i].address >> r->line_bits, last = (p[i].address + p[i].bytes - 1) >> r->line_bits;
        use(r, first, item->access.kind);
        for (uint64_t line = first; line != last;)
            use(r, ++line, item->access.kind);
    }
}

/* ---- the result ------------------------------------------------------------------ */

static unsigned buckets_used(const struct reuse *r)
{
    unsigned n = BUCKETS;
    while (n && r->bucket[n - 1][0] + r->bucket[n - 1][1] == 0)
        n--;
    return n;
}

static uint64_t bucket_low(unsigned i)
{
    return i ? UINT64_C(1) << (i - 1) : 0;
}

static void text(void *state, FILE *out)
{
    struct reuse *r = state;
    uint64_t all = r->uses[0] + r->uses[1], sum = 0;
    uint64_t line = UINT64_C(1) << r->line_bits;
    fprintf(
        out,
        "uses of cache lines of %s: %s; how many other lines were used since the same line's last use\n\n",
        byte_size(line), grouped(all));
    fprintf(out, "%32s %16s %16s %7s  %s\n", "distance", "reads", "writes", "so far", "hits in LRU of");
    for (unsigned i = 0; i < buckets_used(r); i++) {
        char range[40];
        sum += r->bucket[i][0] + r->bucket[i][1];
        uint64_t high = i ? (UINT64_C(1) << i) - 1 : 0;
        if (i < 2)
            snprintf(range, sizeof(range), "%" PRIu64, bucket_low(i));
        else
            snprintf(range, sizeof(range), "%s to %s", grouped(bucket_low(i)), grouped(high));
        fprintf(out, "%32s %16s %16s %6.2f%%  %s\n", range, grouped(r->bucket[i][ACCESS_READ]),
                grouped(r->bucket[i][ACCESS_WRITE]), all ? 100.0 * (double)sum / (double)all : 0,
                byte_size((high + 1) * line));
    }
    fprintf(out, "%32s %16s %16s %6.2f%%\n", "first use", grouped(r->first[ACCESS_READ]),
            grouped(r->first[ACCESS_WRITE]), 100.0);
    if (r->stack.sampling)
        fprintf(out, "estimated from one line of %u: there are more than %s\n", 1u << r->stack.sampling,
                grouped(r->lines_max));
}

static void json(void *state, struct json *j)
{
    struct reuse *r = state;
    json_number(j, "line_bytes", UINT64_C(1) << r->line_bits);
    json_number(j, "reads", r->uses[ACCESS_READ]);
    json_number(j, "writes", r->uses[ACCESS_WRITE]);
    json_number(j, "sampled_one_of", UINT64_C(1) << r->stack.sampling);
    json_list(j, "distances");
    for (unsigned i = 0; i < buckets_used(r); i++) {
        json_object(j, NULL);
        json_number(j, "from", bucket_low(i));
        json_number(j, "to", i ? (UINT64_C(1) << i) - 1 : 0);
        json_number(j, "reads", r->bucket[i][ACCESS_READ]);
        json_number(j, "writes", r->bucket[i][ACCESS_WRITE]);
        json_end_object(j);
    }
    json_end_list(j);
    json_object(j, "first");
    json_number(j, "reads", r->first[ACCESS_READ]);
    json_number(j, "writes", r->first[ACCESS_WRITE]);
    json_end_object(j);
}

static void svg(void *state, FILE *out)
{
    const struct reuse *r = state;
    unsigned n = buckets_used(r);
    struct svg_bar columns[BUCKETS + 1] = {0};
    for (unsigned i = 0; i <= n; i++) {
        const uint64_t *from = i < n ? r->bucket[i] : r->first;
        columns[i].part[0] = from[ACCESS_READ];
        columns[i].part[1] = from[ACCESS_WRITE];
        if (i < 2)
            snprintf(columns[i].label, sizeof(columns[i].label), "%u", i);
        else
            snprintf(columns[i].label, sizeof(columns[i].label), "2^%u", i - 1);
    }
    snprintf(columns[n].label, sizeof(columns[n].label), "first");
    static const char *const parts[] = {"reads", "writes"};
    svg_columns(out, "Reuse distance of cache lines", "other lines since the last use, at least", "uses",
                columns, n + 1, parts, 2);
}

const struct analysis analysis_reuse = {
    .name = "reuse",
    .what = "the histogram of reuse distances of cache lines",
    .help = "For each use of a cache line, how many other lines were used since its last one: the LRU stack\n"
            "distance. A fully associative LRU cache of N lines hits exactly at distances below N.\n\n"
            "  --line BYTES               size of a line (64; 4K for pages)\n"
            "  --space gpa|gva            by guest-physical (default) or guest-virtual address\n"
            "  --exact-up-to N            lines; of more than 4194304 a sample is looked at, and said so\n\n"
            "examples:\n"
            "  engram analyse reuse trace.egrm\n"
            "  engram analyse reuse --line 4K --cpl user --svg pages.svg trace.egrm\n",
    .options = options,
    .create = create,
    .destroy = destroy,
    .option = take_option,
    .ready = ready,
    .access = on_access,
    .text = text,
    .json = json,
    .svg = svg,
};
