/* engram analyse cache: what caches of a given shape would have made of the accesses. */
#include "analyse/analysis.h"
#include "analyse/cache_level.h"
#include "analyse/pieces.h"
#include "analyse/svg.h"
#include "command.h"
#include "need.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS_MAX 4u

struct counts {
    uint64_t uses, misses;
};

struct level {
    struct cache_level cache;
    struct counts counts[2][2]; /* [user][kind] */
    uint64_t written_back;      /* dirty lines that it had to give away */
};

struct cache {
    struct level level[LEVELS_MAX];
    unsigned levels;
    struct cache_shape shape[LEVELS_MAX];
    uint64_t memory_reads, memory_writes; /* lines */
    bool physical;
};

static void *create(void)
{
    struct cache *c = need_zeroed(1, sizeof(*c));
    c->physical = true;
    return c;
}

static void destroy(void *state)
{
    struct cache *c = state;
    for (unsigned i = 0; i < c->levels; i++)
        cache_level_free(&c->level[i].cache);
    free(c);
}

enum { OPT_LEVEL = 256, OPT_SPACE };
static const struct option options[] = {
    {"level", required_argument, NULL, OPT_LEVEL}, {"space", required_argument, NULL, OPT_SPACE}, {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct cache *c = state;
    if (option == OPT_LEVEL)
        return c->levels < LEVELS_MAX && cache_shape_parse(value, &c->shape[c->levels++]);
    return parse_space(value, &c->physical);
}

static const char *ready(void *state, const struct extent *extent)
{
    struct cache *c = state;
    (void)extent;
    if (c->levels == 0) {
        cache_shape_parse("32K:8:64", &c->shape[0]);
        cache_shape_parse("1M:16:64", &c->shape[1]);
        c->levels = 2;
    }
    for (unsigned i = 0; i < c->levels; i++) {
        if (i && c->shape[i].line < c->shape[i - 1].line) {
            c->levels = 0;
            return "a level's line must not be shorter than that of the level before";
        }
    }
    for (unsigned i = 0; i < c->levels; i++)
        cache_level_init(&c->level[i].cache, &c->shape[i]);
    return NULL;
}

/* A dirty line leaves level i: to the next level that has it, or else to memory. */
static void put_back(struct cache *c, unsigned i, uint64_t line)
{
    uint64_t address = line << c->level[i].cache.line_bits;
    c->level[i].written_back++;
    for (i++; i < c->levels; i++)
        if (cache_level_put_back(&c->level[i].cache, address >> c->level[i].cache.line_bits))
            return;
    c->memory_writes++;
}

/* A line of level i is used; on a miss it comes from the next level. True: a hit. */
static bool use_line(struct cache *c, unsigned i, uint64_t address, bool write)
{
    struct cache_eviction out;
    struct cache_level *cache = &c->level[i].cache;
    bool hit = cache_level_use(cache, address >> cache->line_bits, write, &out);
    if (out.dirty)
        put_back(c, i, out.line);
    return hit;
}

/* From level 1 on down: the line is read there, whatever the access was. */
static void fetch(struct cache *c, uint64_t address, unsigned user, uint8_t kind)
{
    for (unsigned i = 1; i < c->levels; i++) {
        struct counts *counts = &c->level[i].counts[user][kind];
        counts->uses++;
        if (use_line(c, i, address, false))
            return;
        counts->misses++;
    }
    c->memory_reads++;
}

static void on_access(void *state, const struct trace_item *item)
{
    struct cache *c = state;
    const struct access *a = &item->access;
    struct piece p[2];
    unsigned n = pieces_of(item, c->physical, p), user = is_user(a);
    uint64_t line = c->shape[0].line;
    struct counts *counts = &c->level[0].counts[user][a->kind];
    bool missed = false;
    for (unsigned i = 0; i < n; i++) {
        uint64_t first = p[i].address & ~(line - 1), last = (p[i].address + p[i].bytes - 1) & ~(line - 1);
        for (uint64_t at = first;; at += line) {
            if (!use_line(c, 0, at, a->kind == ACCESS_WRITE)) {
                missed = true;
                fetch(c, at, user, a->kind);
            }
            if (at == last)
                break;
        }
    }
    counts->uses += n != 0;
    counts->misses += missed;
}

/* ---- the result ------------------------------------------------------------------ */

static void text_row(FILE *out, const char *who, const char *what, const struct counts *n)
{
    if (n->uses)
        fprintf(out, "  %-8s %-8s %16s %16s %9.4f%%\n", who, what, grouped(n->uses), grouped(n->misses),
                100.0 * (double)n->misses / (double)n->uses);
}

static void text(void *state, FILE *out)
{
    struct cache *c = state;
    static const char *const who[] = {"kernel", "user"}, *const what[] = {"reads", "writes"};
    for (unsigned i = 0; i < c->levels; i++) {
        struct level *l = &c->level[i];
        const struct cache_shape *s = &l->cache.shape;
        struct counts sum = {0};
        fprintf(out, "%slevel %u: %s, %" PRIu64 "-way, lines of %" PRIu64 " bytes, %s\n", i ? "\n" : "",
                i + 1, byte_size(s->bytes), s->ways, s->line, replacement_name[s->replacement]);
        fprintf(out, "  %-8s %-8s %16s %16s %10s\n", "", "", i ? "fetches" : "accesses", "misses", "");
        for (unsigned user = 0; user < 2; user++)
            for (unsigned kind = 0; kind < 2; kind++) {
                text_row(out, who[user], what[kind], &l->counts[user][kind]);
                sum.uses += l->counts[user][kind].uses;
                sum.misses += l->counts[user][kind].misses;
            }
        text_row(out, "all", "", &sum);
        fprintf(out, "  dirty lines given away %s\n", grouped(l->written_back));
    }
    fprintf(out, "\nmemory: %s lines read, %s written\n", grouped(c->memory_reads),
            grouped(c->memory_writes));
}

static void json(void *state, struct json *j)
{
    struct cache *c = state;
    static const char *const who[] = {"kernel", "user"}, *const what[] = {"reads", "writes"};
    json_list(j, "levels");
    for (unsigned i = 0; i < c->levels; i++) {
        struct level *l = &c->level[i];
        json_object(j, NULL);
        json_number(j, "bytes", l->cache.shape.bytes);
        json_number(j, "ways", l->cache.shape.ways);
        json_number(j, "line_bytes", l->cache.shape.line);
        json_text(j, "replacement", replacement_name[l->cache.shape.replacement]);
        for (unsigned user = 0; user < 2; user++) {
            json_object(j, who[user]);
            for (unsigned kind = 0; kind < 2; kind++) {
                json_object(j, what[kind]);
                json_number(j, "uses", l->counts[user][kind].uses);
                json_number(j, "misses", l->counts[user][kind].misses);
                json_end_object(j);
            }
            json_end_object(j);
        }
        json_number(j, "written_back", l->written_back);
        json_end_object(j);
    }
    json_end_list(j);
    json_number(j, "memory_lines_read", c->memory_reads);
    json_number(j, "memory_lines_written", c->memory_writes);
}

static void svg(void *state, FILE *out)
{
    const struct cache *c = state;
    static const char *const parts[] = {"hits", "misses"};
    static const char *const name[2][2] = {{"kernel reads", "kernel writes"}, {"user reads", "user writes"}};
    struct svg_bar bars[LEVELS_MAX * 4] = {0};
    size_t n = 0;
    for (unsigned i = 0; i < c->levels; i++)
        for (unsigned k = 0; k < 4; k++) {
            const struct counts *counts = &c->level[i].counts[k / 2][k % 2];
            if (counts->uses == 0)
                continue;
            snprintf(bars[n].label, sizeof(bars[n].label), "level %u, %s", i + 1, name[k / 2][k % 2]);
            bars[n].part[0] = counts->uses - counts->misses;
            bars[n++].part[1] = counts->misses;
        }
    svg_bars(out, "Cache hits and misses", "accesses", bars, n, parts, 2);
}

const struct analysis analysis_cache = {
    .name = "cache",
    .what = "hits and misses of simulated data caches, kernel and user apart",
    .help = "Simulates data caches: write-back, write-allocate, each level asked for what the one above "
            "misses. An\n"
            "access that lies in two lines counts once, and misses if one of them does.\n\n"
            "  --level SIZE:WAYS:LINE[:lru|fifo|random|plru]\n"
            "                             a level, the one next to the CPU first (32K:8:64 and 1M:16:64); up "
            "to 4\n"
            "  --space gpa|gva            by guest-physical (default) or guest-virtual address\n\n"
            "examples:\n"
            "  engram analyse cache trace.egrm\n"
            "  engram analyse cache --level 48K:12:64 --level 2M:16:64 --level 32M:16:64:plru trace.egrm\n",
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
