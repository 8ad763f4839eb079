/* engram analyse memory: what memory held at a point of the run, as far as the accesses up to there tell. */
#include "analyse/analysis.h"
#include "analyse/image.h"
#include "analyse/partial.h"
#include "analyse/pieces.h"
#include "command.h"
#include "need.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE 16u
#define FILE_BYTES_MAX (UINT64_C(1) << 40)

struct memory_at {
    struct image image;
    struct position at;
    struct range range; /* guest-physical */
    bool by_range;
    const char *file;
};

static void *create(void)
{
    struct memory_at *m = need_zeroed(1, sizeof(*m));
    image_init(&m->image);
    m->range.last = UINT64_MAX;
    return m;
}

static void destroy(void *state)
{
    struct memory_at *m = state;
    image_free(&m->image);
    free(m);
}

enum { OPT_AT = 256, OPT_RANGE, OPT_FILE };
static const struct option options[] = {{"at", required_argument, NULL, OPT_AT},
                                        {"range", required_argument, NULL, OPT_RANGE},
                                        {"binary", required_argument, NULL, OPT_FILE},
                                        {0}};

static bool take_option(void *state, int option, const char *value)
{
    struct memory_at *m = state;
    switch (option) {
    case OPT_AT:
        return position_parse(value, &m->at) && m->at.kind != POSITION_SHARE;
    case OPT_RANGE:
        return m->by_range = parse_range(value, &m->range);
    default:
        m->file = value;
        return true;
    }
}

static const char *ready(void *state, const struct extent *extent)
{
    struct memory_at *m = state;
    if (m->at.kind == POSITION_ICOUNT && extent->any && !extent->has_icount)
        return "--at i:N needs a trace with instruction counts";
    if (m->file && !m->by_range)
        return "--binary needs --range";
    if (m->file && m->range.last - m->range.first >= FILE_BYTES_MAX)
        return "--range is too long for a file";
    return NULL;
}

static bool is_later(const struct memory_at *m, const struct trace_item *item)
{
    return (m->at.kind == POSITION_EVENT && item->number >= m->at.value) ||
           (m->at.kind == POSITION_ICOUNT && item->access.icount >= m->at.value);
}

static void on_access(void *state, const struct trace_item *item)
{
    struct memory_at *m = state;
    const struct access *a = &item->access;
    struct piece p[2];
    if (is_later(m, item) || (a->kind == ACCESS_READ && !a->has_data))
        return;
    unsigned n = pieces_of(item, true, p), done = 0;
    for (unsigned i = 0; i < n; done += p[i].bytes, i++)
        if (range_overlaps(&m->range, p[i].address, p[i].bytes))
            image_write(&m->image, p[i].address, a->has_data ? a->data + done : NULL, p[i].bytes);
}

/* ---- the result: lines of 16 bytes in which a byte is known ------------------------- */

struct line {
    uint64_t address;
    const struct image_page *page;
    unsigned at;
};

static bool shows(const struct memory_at *m, const struct line *l, unsigned i)
{
    uint64_t address = l->address + i;
    return address >= m->range.first && address <= m->range.last && image_page_knows(l->page, l->at + i);
}

static void each_line(struct memory_at *m, void (*show)(struct memory_at *m, const struct line *l, void *ctx),
                      void *ctx)
{
    size_t *order = table_sorted(&m->image.pages);
    for (size_t i = 0; i < m->image.pages.count; i++) {
        struct line l = {.page = *(struct image_page **)table_value(&m->image.pages, order[i])};
        uint64_t start = m->image.pages.keys[order[i]] * IMAGE_PAGE;
        for (l.at = 0; l.at < IMAGE_PAGE; l.at += LINE) {
            bool any = false;
            l.address = start + l.at;
            for (unsigned k = 0; k < LINE; k++)
                any = any || shows(m, &l, k);
            if (any)
                show(m, &l, ctx);
        }
    }
    free(order);
}

static void text_line(struct memory_at *m, const struct line *l, void *ctx)
{
    FILE *out = ctx;
    fprintf(out, "%016" PRIx64 " ", l->address);
    for (unsigned i = 0; i < LINE; i++) {
        if (shows(m, l, i))
            fprintf(out, " %02x", l->page->data[l->at + i]);
        else
            fputs(" ..", out);
    }
    fputs("  ", out);
    for (unsigned i = 0; i < LINE; i++) {
        uint8_t byte = l->page->data[l->at + i];
        fputc(!shows(m, l, i) ? ' ' : byte >= 0x20 && byte < 0x7f ? byte : '.', out);
    }
    fputc('\n', out);
}

static bool write_binary(struct memory_at *m)
{
    FILE *out = fopen(m->file, "we");
    uint64_t address = m->range.first;
    for (bool more = out; more;) {
        struct image_page *const *p = table_find(&m->image.pages, address / IMAGE_PAGE);
        unsigned at = address % IMAGE_PAGE;
        fputc(p && image_page_knows(*p, at) ? (*p)->data[at] : 0, out);
        more = address++ != m->range.last && !ferror(out);
    }
    bool sound = out && !ferror(out);
    sound = out && fclose(out) == 0 && sound;
    if (!sound)
        input_error("analyse", "cannot write %s: %s", m->file, strerror(errno));
    return sound;
}

static void text(void *state, FILE *out)
{
    struct memory_at *m = state;
    if (m->file)
        write_binary(m);
    else
        each_line(m, text_line, out);
}

static void json_line(struct memory_at *m, const struct line *l, void *ctx)
{
    struct json *j = ctx;
    char bytes[2 * LINE + 1];
    for (unsigned i = 0; i < LINE; i++) {
        if (shows(m, l, i))
            snprintf(bytes + 2 * i, 3, "%02x", l->page->data[l->at + i]);
        else
            memcpy(bytes + 2 * i, "..", 3);
    }
    json_object(j, NULL);
    json_hex(j, "gpa", l->address);
    json_text(j, "bytes", bytes);
    json_end_object(j);
}

static void json(void *state, struct json *j)
{
    struct memory_at *m = state;
    json_list(j, "memory");
    each_line(m, json_line, j);
    json_end_list(j);
    if (m->file)
        write_binary(m);
}

/* ---- parts: a later one overwrites ----------------------------------------------------- */

static void save(void *state, FILE *out)
{
    struct memory_at *m = state;
    partial_put(out, m->at.kind);
    partial_put(out, m->at.value);
    partial_put(out, m->image.pages.count);
    for (size_t i = 0; table_next(&m->image.pages, &i); i++) {
        partial_put(out, m->image.pages.keys[i]);
        fwrite(*(struct image_page **)table_value(&m->image.pages, i), 1, sizeof(struct image_page), out);
    }
}

static bool merge(void *state, FILE *in)
{
    struct memory_at *m = state;
    struct image_page page;
    uint64_t pages, number, kind, value;
    if (!partial_get(in, &kind) || !partial_get(in, &value) || !partial_get(in, &pages) ||
        kind > POSITION_SHARE)
        return false;
    if (m->at.kind == POSITION_NONE)
        m->at = (struct position){(enum position_kind)kind, value};
    if (kind != m->at.kind || value != m->at.value)
        return false;
    for (; pages; pages--) {
        if (!partial_get(in, &number) || fread(&page, 1, sizeof(page), in) != sizeof(page) ||
            number > UINT64_MAX / IMAGE_PAGE)
            return false;
        image_overlay(&m->image, number, &page);
    }
    return true;
}

const struct analysis analysis_memory = {
    .name = "memory",
    .what = "what memory held at a point of the run, as far as the trace tells",
    .help = "Puts guest-physical memory together from the accesses before a position: what was written last, "
            "and what\n"
            "was read. Bytes that no access tells are shown as `..`.\n\n"
            "  --at POS                   before event N, or instruction i:N (the trace's end)\n"
            "  --range RANGE              only these guest-physical addresses\n"
            "  --binary FILE              the range as bytes to a file, 0 where nothing is known\n\n"
            "examples:\n"
            "  engram analyse memory --at i:1000000 --range 1003000+40 trace.egrm\n"
            "  engram analyse memory --range 1000000+10000 --binary ram.bin trace.egrm\n",
    .options = options,
    .create = create,
    .destroy = destroy,
    .option = take_option,
    .ready = ready,
    .access = on_access,
    .text = text,
    .json = json,
    .save = save,
    .merge = merge,
};
