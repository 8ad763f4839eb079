#include "trace/proof.h"

#include "trace/bytes.h"
#include "trace/proof_parts.h"

#include <string.h>

/* What may be written of a page in the trace file's chunks, and what heads them (proof_file.c). */
#define CHUNK_BYTES_PER_PAGE 24u
#define CHUNK_BYTES_MIN 65536u
/* A page in so many may have its contents kept, and so many more. */
#define KEPT_SHARE 16u
#define KEPT_MORE 4u
#define LINES PROOF_LINES
#define OFFSET_MASK PROOF_OFFSET_MASK

/* Each step is a bijection of what came before and of the word: a page with one other word has another
 * digest.
 */
uint64_t proof_digest(const void *page)
{
    const uint8_t *bytes = page;
    uint64_t h = 0;
    for (unsigned i = 0; i < PROOF_PAGE; i += 8) {
        h = (h ^ load64(bytes + i)) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 32;
    }
    return h;
}

/* ---- room ---- */

bool proof_add_range(struct proof *p, uint64_t start, uint64_t end)
{
    uint64_t first = (start + OFFSET_MASK) >> PROOF_PAGE_SHIFT, behind = end >> PROOF_PAGE_SHIFT;
    if (first >= behind)
        return true;
    if (p->ranges == PROOF_RANGES)
        return false;
    p->range[p->ranges++] = (struct proof_range){.first = first, .count = behind - first, .index = p->pages};
    p->pages += behind - first;
    p->last = p->range;
    return true;
}

static uint64_t kept_max(uint64_t pages, const struct proof_plan *plan)
{
    if (!plan->copy || !plan->keep)
        return 0;
    uint64_t most = pages / KEPT_SHARE + KEPT_MORE;
    return most < pages ? most : pages;
}

uint64_t proof_memory_bytes(uint64_t pages, const struct proof_plan *plan)
{
    uint64_t bytes = pages * (sizeof(uint64_t) + 1) + kept_max(pages, plan) * (PROOF_PAGE + sizeof(uint64_t));
    bytes += pages * (plan->copy ? LINES : 1) * sizeof(uint64_t);
    bytes += pages * (plan->copy ? PROOF_PAGE : CHUNK_BYTES_PER_PAGE);
    return bytes + CHUNK_BYTES_MIN + 8 * PROOF_LINE;
}

/* With c bytes a page and t taken, (ram - t / 4096) * c <= t holds from t = ram * c * 4096 / (c + 4096) on.
 */
uint64_t proof_share_bytes(uint64_t ram_pages, const struct proof_plan *plan)
{
    uint64_t each = proof_memory_bytes(1u << 20, plan) / (1u << 20) + 1;
    uint64_t fixed = proof_memory_bytes(0, plan);
    return fixed + ram_pages * each / (each + PROOF_PAGE) * PROOF_PAGE + PROOF_PAGE;
}

static void *take(uint8_t **at, uint64_t bytes)
{
    void *here = *at;
    *at += (bytes + PROOF_LINE - 1) & ~(uint64_t)(PROOF_LINE - 1);
    return here;
}

void proof_place(struct proof *p, void *at, const struct proof_plan *plan)
{
    uint8_t *next = at;
    p->kept_max = kept_max(p->pages, plan);
    /* The chunks are written when the copy is no longer needed. */
    p->chunks = take(&next, p->pages * (plan->copy ? PROOF_PAGE : CHUNK_BYTES_PER_PAGE) + CHUNK_BYTES_MIN);
    p->by_copy = plan->copy;
    p->copy = plan->copy ? p->chunks : NULL;
    p->kept = take(&next, p->kept_max * PROOF_PAGE);
    p->kept_page = take(&next, p->kept_max * sizeof(uint64_t));
    p->start = take(&next, p->pages * sizeof(uint64_t));
    p->writer = take(&next, p->pages * (plan->copy ? LINES : 1) * sizeof(uint64_t));
    p->flags = take(&next, p->pages);
}

/* ---- the start ---- */

void proof_begin(struct proof *p)
{
    memset(&p->result, 0, sizeof(p->result));
    memset(p->flags, 0, p->pages);
    memset(p->writer, 0, p->pages * (p->copy ? LINES : 1) * sizeof(*p->writer));
    for (uint32_t i = 0; i < p->ranges; i++) {
        const struct proof_range *r = &p->range[i];
        const uint8_t *from = p->memory + (r->first << PROOF_PAGE_SHIFT);
        if (p->copy) {
            memcpy(p->copy + r->index * PROOF_PAGE, from, r->count * PROOF_PAGE);
            continue;
        }
        for (uint64_t k = 0; k < r->count; k++)
            p->start[r->index + k] = proof_digest(from + k * PROOF_PAGE);
    }
    p->result.pages = p->pages;
    p->recents = 0;
    p->begun = true;
}

/* ---- accesses ---- */

static void keep(struct proof *p, uint64_t page, const uint8_t *contents)
{
    static const uint8_t zeros[PROOF_PAGE];
    struct proof_result *r = &p->result;
    if (!p->kept_max || memcmp(contents, zeros, PROOF_PAGE) == 0)
        return;
    if (r->kept == p->kept_max) {
        r->unkept++;
        return;
    }
    memcpy(p->kept + r->kept * PROOF_PAGE, contents, PROOF_PAGE);
    p->kept_page[r->kept++] = page;
}

void proof_touch(struct proof *p, uint64_t address, uint64_t index, uint8_t flag)
{
    if (p->copy && !(p->flags[index] & (PROOF_WRITTEN | PROOF_DIFFERS))) {
        p->start[index] = proof_digest(p->copy + index * PROOF_PAGE);
        keep(p, address >> PROOF_PAGE_SHIFT, p->copy + index * PROOF_PAGE);
    }
    if (flag & ~p->flags[index] & PROOF_WRITTEN)
        p->result.written++;
    if (flag & ~p->flags[index] & PROOF_DIFFERS)
        p->result.different_pages++;
    p->flags[index] |= flag;
}

/* It is compared at the next checkpoint; where there are too many, when it is written again behind that. */
static void note_recent(struct proof *p, uint64_t address, uint64_t index)
{
    if (p->recents == PROOF_RECENTS)
        return;
    p->flags[index] |= PROOF_RECENT;
    p->recent[p->recents++] = address & ~OFFSET_MASK;
}

/* A part of a write that lies on one page. */
static void apply_on_page(struct proof *p, uint64_t address, uint64_t index, const uint8_t *data,
                          uint64_t bytes, uint64_t event)
{
    uint64_t offset = address & OFFSET_MASK;
    if (!(p->flags[index] & PROOF_WRITTEN))
        proof_touch(p, address, index, PROOF_WRITTEN);
    if (!(p->flags[index] & PROOF_RECENT))
        note_recent(p, address, index);
    if (!p->copy) {
        p->writer[index] = event + 1;
        return;
    }
    memcpy(p->copy + index * PROOF_PAGE + offset, data, bytes);
    uint64_t *writer = p->writer + index * LINES;
    for (uint64_t line = offset / PROOF_LINE; line <= (offset + bytes - 1) / PROOF_LINE; line++)
        writer[line] = event + 1;
}

/* False: some of it is outside of what is compared. */
static bool apply(struct proof *p, uint64_t address, const uint8_t *data, uint64_t bytes, uint64_t event)
{
    bool inside = true;
    while (bytes) {
        uint64_t part = proof_on_page(address, bytes), index;
        if (proof_find(p, address, &index))
            apply_on_page(p, address, index, data, part, event);
        else
            inside = false;
        address += part;
        data += part;
        bytes -= part;
    }
    return inside;
}

/* How much of it lies where it begins: the rest is on the page at gpa2. */
static unsigned first_part(const struct access *a)
{
    unsigned room = PROOF_PAGE - (unsigned)(a->gpa & OFFSET_MASK);
    return (a->flags & ACCESS_CROSSES) && room < a->size ? room : a->size;
}

void proof_access(struct proof *p, const struct access *a, uint64_t event)
{
    unsigned first = first_part(a), rest = a->size - first;
    uint64_t second = a->gpa2 & ~OFFSET_MASK;
    if (!a->has_data) {
        p->without_data += a->kind == ACCESS_WRITE;
        return;
    }
    if (a->kind == ACCESS_READ) {
        if (!p->copy)
            return;
        p->result.reads++;
        proof_check_read(p, a->gpa, a->data, first, event);
        proof_check_read(p, second, a->data + first, rest, event);
        return;
    }
    p->result.writes++;
    bool inside = apply(p, a->gpa, a->data, first, event);
    inside = apply(p, second, a->data + first, rest, event) && inside;
    p->result.outside += !inside;
}

/* ---- raw segments ---- */

struct segment {
    struct proof *proof;
    uint64_t event;
};

static bool take_access(void *context, const struct access *a)
{
    struct segment *s = context;
    proof_access(s->proof, a, s->event++);
    return true;
}

/* Ascending elements lie in memory as they stand in the record: a line of them at a time, so that each line
 * knows its event. */
static void apply_run(struct segment *s, const struct raw_run *run, uint64_t address, const uint8_t *data)
{
    struct proof *p = s->proof;
    const uint32_t at_once = PROOF_LINE / run->size;
    bool inside = true;
    for (uint32_t i = 0, n; i < run->count; i += n) {
        n = run->count - i < at_once ? run->count - i : at_once;
        inside = apply(p, address + (uint64_t)i * run->size, data + (uint64_t)i * run->size,
                       (uint64_t)n * run->size, s->event + i + n - 1) &&
                 inside;
    }
    p->result.writes += run->count;
    p->result.outside += inside ? 0 : run->count;
    s->event += run->count;
}

/* All others element by element. */
static bool take_run(void *context, const struct raw_run *run, const struct access *a, const struct access *b,
                     const uint8_t *data)
{
    struct segment *s = context;
    if (run->what & (RUN_DESCENDS | RUN_ONE) || b || a->kind != ACCESS_WRITE)
        return raw_expand(run, a, b, data, take_access, context);
    apply_run(s, run, a->gpa, data);
    return true;
}

void proof_segment(struct proof *p, const struct dictionary *d, const uint8_t *body, uint32_t bytes,
                   uint64_t first_event)
{
    static const struct raw_sink sink = {.access = take_access, .run = take_run};
    struct segment s = {.proof = p, .event = first_event};
    uint32_t at;
    if (!raw_read(d, body, bytes, &sink, &s, &at))
        p->unread++;
}
