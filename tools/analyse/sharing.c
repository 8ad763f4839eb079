/* engram analyse sharing: cache lines that several of processes and kernel use, and whether they use the same
 * bytes. */
#include "analyse/analysis.h"
#include "analyse/pieces.h"
#include "need.h"
#include "table.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BITS 6
#define SIDES_MAX 4u /* that are kept apart in one line; further ones are one */
#define COUNT_DEFAULT 20u
#define CR3_MASK UINT64_C(0x000ffffffffff000) /* without PCID and flags */

/* Who accesses: a CR3's user code, or the kernel (CPL 0 to 2), whatever the CR3. */
#define KERNEL 0u

struct side {
    uint64_t who;           /* KERNEL, or CR3 + 1 */
    uint64_t read, written; /* a bit per byte */
    uint64_t accesses[2];
};

/* A line that several use. */
struct line {
    uint64_t number;
    struct side side[SIDES_MAX];
    uint64_t last_writer; /* who wrote last, + 1; 0: nobody yet */
    uint64_t handovers;   /* accesses to a line that someone else wrote last */
    uint64_t count;       /* sides */
    uint64_t more;        /* accesses of sides for which there was no room */
};

/* A line that one has used so far; most stay that way. */
struct sole {
    struct side side;
    size_t shared; /* place in `shared` + 1 when it is not so any more */
};

struct sharing {
    struct table lines; /* line number to struct sole */
    struct line *shared;
    size_t shared_count, shared_room;
    uint64_t count; /* to show */
};

static void *create(void)
{
    struct sharing *s = need_zeroed(1, sizeof(*s));
    table_init(&s->lines, sizeof(struct sole));
    s->count = COUNT_DEFAULT;
    return s;
}

static void destroy(void *state)
{
    struct sharing *s = state;
    table_free(&s->lines);
    free(s->shared);
    free(s);
}

enum { OPT_COUNT = 256 };
static const struct option options[] = {{"count", required_argument, NULL, OPT_COUNT}, {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct sharing *s = state;
    (void)option;
    return parse_number(value, &s->count) && s->count;
}

static struct side *side_of(struct line *l, uint64_t who)
{
    for (unsigned i = 0; i < l->count; i++)
        if (l->side[i].who == who)
            return &l->side[i];
    if (l->count == SIDES_MAX)
        return NULL;
    l->side[l->count].who = who;
    return &l->side[l->count++];
}

static void side_add(struct side *side, uint64_t bytes, uint8_t kind)
{
    side->accesses[kind]++;
    *(kind == ACCESS_WRITE ? &side->written : &side->read) |= bytes;
}

/* The line as one that several use. */
static struct line *share(struct sharing *s, uint64_t number, struct sole *sole)
{
    if (!sole->shared) {
        if (s->shared_count == s->shared_room) {
            s->shared_room = s->shared_room ? 2 * s->shared_room : 64;
            s->shared = need_resized(s->shared, s->shared_room, sizeof(*s->shared));
        }
        s->shared[s->shared_count] = (struct line){
            .number = number,
            .side = {sole->side},
            .count = 1,
            .last_writer = sole->side.accesses[ACCESS_WRITE] ? sole->side.who + 1 : 0,
        };
        sole->shared = ++s->shared_count;
    }
    return &s->shared[sole->shared - 1];
}

static void touch(struct sharing *s, uint64_t number, uint64_t who, uint64_t bytes, uint8_t kind)
{
    struct sole *sole = table_get(&s->lines, number);
    bool fresh = sole->side.accesses[0] + sole->side.accesses[1] == 0;
    if (!sole->shared && (fresh || sole->side.who == who)) {
        sole->side.who = who;
        side_add(&sole->side, bytes, kind);
        return;
    }
    struct line *l = share(s, number, sole);
    struct side *side = side_of(l, who);
    l->handovers += l->last_writer && l->last_writer != who + 1;
    if (kind == ACCESS_WRITE)
        l->last_writer = who + 1;
    if (side)
        side_add(side, bytes, kind);
    else
        l->more++;
}

static uint64_t byte_mask(unsigned first, unsigned bytes)
{
    return (bytes >= 64 ? UINT64_MAX : (UINT64_C(1) << bytes) - 1) << first;
}

static void on_access(void *state, const struct trace_item *item)
{
    struct sharing *s = state;
    const struct access *a = &item->access;
    uint64_t who = is_user(a) ? (a->cr3 & CR3_MASK) + 1 : KERNEL;
    struct piece p[2];
    unsigned n = pieces_of(item, true, p);
    for (unsigned i = 0; i < n; i++) {
        unsigned at = (unsigned)p[i].address & 63, here = 64 - at < p[i].bytes ? 64 - at : p[i].bytes;
        touch(s, p[i].address >> LINE_BITS, who, byte_mask(at, here), a->kind);
        if (here < p[i].bytes)
            touch(s, (p[i].address >> LINE_BITS) + 1, who, byte_mask(0, p[i].bytes - here), a->kind);
    }
}

/* ---- the result ------------------------------------------------------------------ */

enum use { USE_PRIVATE, USE_READ, USE_TRUE, USE_FALSE, USES };
static const char *const use_name[USES] = {"private", "read-shared", "true", "false"};

/* True sharing: someone writes bytes that someone else uses. False: only the line is the same. */
static enum use use_of(const struct line *l)
{
    bool written = false;
    for (unsigned i = 0; i < l->count; i++) {
        written = written || l->side[i].written;
        for (unsigned k = 0; k < l->count; k++)
            if (i != k && (l->side[i].written & (l->side[k].read | l->side[k].written)))
                return USE_TRUE;
    }
    if (l->more)
        return written ? USE_TRUE : USE_READ;
    return written ? USE_FALSE : USE_READ;
}

struct row {
    enum use use;
    const struct line *line;
};

static int by_handovers(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->line->handovers != y->line->handovers)
        return x->line->handovers > y->line->handovers ? -1 : 1;
    return x->line->number < y->line->number ? -1 : x->line->number > y->line->number;
}

/* Lines with true or false sharing; from malloc. */
static struct row *shared_rows(const struct sharing *s, size_t *n, uint64_t sums[USES])
{
    struct row *rows = need((s->shared_count + 1) * sizeof(*rows));
    *n = 0;
    memset(sums, 0, USES * sizeof(*sums));
    sums[USE_PRIVATE] = s->lines.count - s->shared_count;
    for (size_t i = 0; i < s->shared_count; i++) {
        enum use use = use_of(&s->shared[i]);
        sums[use]++;
        if (use == USE_TRUE || use == USE_FALSE)
            rows[(*n)++] = (struct row){use, &s->shared[i]};
    }
    qsort(rows, *n, sizeof(*rows), by_handovers);
    return rows;
}

static const char *who_text(uint64_t who, char text[32])
{
    if (who == KERNEL)
        snprintf(text, 32, "kernel");
    else
        snprintf(text, 32, "user cr3 %" PRIx64, who - 1);
    return text;
}

/* A character for each byte: r, w, or b for both. */
static void put_bytes(FILE *out, const struct side *side)
{
    for (unsigned i = 0; i < 64; i++) {
        bool r = side->read >> i & 1, w = side->written >> i & 1;
        fputc(r ? w ? 'b' : 'r' : w ? 'w' : '.', out);
    }
}

static void text(void *state, FILE *out)
{
    const struct sharing *s = state;
    uint64_t sums[USES];
    size_t n;
    struct row *rows = shared_rows(s, &n, sums);
    char who[32];
    fprintf(
        out,
        "cache lines of 64 bytes: %s of one user only, %s shared and only read, %s with true sharing "
        "(someone\n"
        "writes bytes that another uses), %s with false sharing (written, but each uses bytes of its own)\n",
        grouped(sums[USE_PRIVATE]), grouped(sums[USE_READ]), grouped(sums[USE_TRUE]),
        grouped(sums[USE_FALSE]));
    for (size_t i = 0; i < n && i < s->count; i++) {
        const struct line *l = rows[i].line;
        fprintf(out, "\nline gpa %012" PRIx64 ", %s sharing, %s accesses after another's write\n",
                l->number << LINE_BITS, use_name[rows[i].use], grouped(l->handovers));
        for (unsigned k = 0; k < l->count; k++) {
            const struct side *side = &l->side[k];
            fprintf(out, "  %-26s %12s reads %12s writes  ", who_text(side->who, who),
                    grouped(side->accesses[ACCESS_READ]), grouped(side->accesses[ACCESS_WRITE]));
            put_bytes(out, side);
            fputc('\n', out);
        }
        if (l->more)
            fprintf(out, "  and %s accesses of others\n", grouped(l->more));
    }
    free(rows);
}

static void json(void *state, struct json *j)
{
    const struct sharing *s = state;
    uint64_t sums[USES];
    size_t n;
    struct row *rows = shared_rows(s, &n, sums);
    json_object(j, "lines");
    for (unsigned i = 0; i < USES; i++)
        json_number(j, use_name[i], sums[i]);
    json_end_object(j);
    json_list(j, "shared");
    for (size_t i = 0; i < n && i < s->count; i++) {
        const struct line *l = rows[i].line;
        json_object(j, NULL);
        json_hex(j, "gpa", l->number << LINE_BITS);
        json_text(j, "sharing", use_name[rows[i].use]);
        json_number(j, "handovers", l->handovers);
        json_list(j, "by");
        for (unsigned k = 0; k < l->count; k++) {
            const struct side *side = &l->side[k];
            json_object(j, NULL);
            json_text(j, "who", side->who == KERNEL ? "kernel" : "user");
            if (side->who != KERNEL)
                json_hex(j, "cr3", side->who - 1);
            json_number(j, "reads", side->accesses[ACCESS_READ]);
            json_number(j, "writes", side->accesses[ACCESS_WRITE]);
            json_hex(j, "bytes_read", side->read);
            json_hex(j, "bytes_written", side->written);
            json_end_object(j);
        }
        json_end_list(j);
        json_end_object(j);
    }
    json_end_list(j);
    free(rows);
}

const struct analysis analysis_sharing = {
    .name = "sharing",
    .what = "cache lines that processes and the kernel share, truly or falsely",
    .help = "Finds cache lines (guest-physical) that more than one of these use: the kernel (CPL 0 to 2) and "
            "the user\n"
            "code of each CR3; whether they use the same bytes; and how often a line was used after another "
            "wrote it.\n\n"
            "  --count N                  show so many lines (20)\n\n"
            "examples:\n"
            "  engram analyse sharing trace.egrm\n"
            "  engram analyse sharing --json trace.egrm | jq '.shared[] | select(.sharing == \"false\")'\n",
    .options = options,
    .create = create,
    .destroy = destroy,
    .option = take_option,
    .access = on_access,
    .text = text,
    .json = json,
};
