#include "prove/proof_pages.h"
#include "reader/cursor.h"
#include "trace/proof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_NUMBERS (UINT64_C(1) << 52)
#define DIGEST_BYTES 16u

static void wrong(struct proof_pages *p, const struct chunk *c, const char *what)
{
    if (!p->error[0])
        snprintf(p->error, sizeof(p->error), "PROOF chunk at byte %" PRIu64 ": %s", c->offset, what);
}

/* ---- entries ---- */

static bool add_same(struct proof_pages *p, uint64_t first, uint64_t count)
{
    if (p->same_count == p->same_room) {
        size_t room = p->same_room ? 2 * p->same_room : 64;
        struct proof_same *more = realloc(p->same, room * sizeof(*more));
        if (!more)
            return false;
        p->same = more;
        p->same_room = room;
    }
    p->same[p->same_count++] = (struct proof_same){first, count};
    p->same_pages += count;
    return true;
}

/* NULL, or what is wrong. */
static const char *take_digests(struct proof_pages *p, struct cursor *c, uint64_t first, uint64_t count)
{
    if (count > cursor_left(c) / DIGEST_BYTES)
        return "it ends within the digests of pages";
    for (uint64_t i = 0; i < count; i++) {
        struct proof_page *page = table_get(&p->pages, first + i);
        if (page->listed)
            return "a page is listed twice";
        page->listed = true;
        page->start = cursor_le(c, 8);
        page->end = cursor_le(c, 8);
    }
    return NULL;
}

static const char *take_contents(struct proof_pages *p, struct cursor *c, uint64_t first, uint64_t count)
{
    if (count > cursor_left(c) / PROOF_PAGE)
        return "it ends within the contents of a page";
    for (uint64_t i = 0; i < count; i++) {
        struct proof_page *page = table_get(&p->pages, first + i);
        const uint8_t *bytes = cursor_bytes(c, PROOF_PAGE);
        if (page->contents)
            return "a page's contents stand there twice";
        page->contents = malloc(PROOF_PAGE);
        if (!page->contents)
            return "there is no memory for a page's contents";
        memcpy(page->contents, bytes, PROOF_PAGE);
    }
    return NULL;
}

static const char *take_entry(struct proof_pages *p, struct cursor *c)
{
    uint8_t type = cursor_u8(c);
    uint64_t first = cursor_leb(c), count = cursor_leb(c);
    if (c->bad || count == 0 || first >= PAGE_NUMBERS || count > PAGE_NUMBERS - first)
        return "an entry's pages are none";
    switch (type) {
    case PROOF_ENTRY_SAME:
        return add_same(p, first, count) ? NULL : "there is no memory for its entries";
    case PROOF_ENTRY_PAGES:
        return take_digests(p, c, first, count);
    case PROOF_ENTRY_CONTENTS:
        return take_contents(p, c, first, count);
    default:
        return "an entry's type is not known";
    }
}

static void take_chunk(struct proof_pages *p, const struct chunk *c)
{
    struct cursor at = {.at = c->body, .end = c->body + c->body_bytes};
    p->chunks++;
    while (cursor_left(&at)) {
        const char *why = take_entry(p, &at);
        if (why) {
            wrong(p, c, why);
            return;
        }
    }
}

/* ---- the file ---- */

static int by_first(const void *a, const void *b)
{
    const struct proof_same *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void check_same(struct proof_pages *p)
{
    if (p->same_count)
        qsort(p->same, p->same_count, sizeof(*p->same), by_first);
    for (size_t i = 1; i < p->same_count; i++)
        if (p->same[i].first - p->same[i - 1].first < p->same[i - 1].count && !p->error[0])
            snprintf(p->error, sizeof(p->error), "PROOF chunks: pages are listed twice");
}

static void ignore_damage(void *ctx, uint64_t offset, const char *what)
{
    (void)ctx;
    (void)offset;
    (void)what;
}

bool proof_pages_read(struct proof_pages *p, const struct trace_source *source)
{
    struct trace_file file;
    struct chunk c;
    enum chunk_result r;
    *p = (struct proof_pages){0};
    table_init(&p->pages, sizeof(struct proof_page));
    if (!trace_file_open(&file, source, ignore_damage, NULL)) {
        errno = ENOMEM;
        return false;
    }
    while ((r = trace_file_next_header(&file, &c)) == CHUNK_FOUND) {
        if (c.header.type != CHUNK_PROOF || c.header.version != TRACE_VERSION)
            continue;
        const uint64_t next = file.next;
        r = trace_file_at(&file, c.offset, &c);
        file.next = next;
        if (r == CHUNK_IO_ERROR)
            break;
        if (r == CHUNK_FOUND)
            take_chunk(p, &c);
        else
            wrong(p, &c, c.error);
    }
    trace_file_close(&file);
    check_same(p);
    return r != CHUNK_IO_ERROR;
}

void proof_pages_free(struct proof_pages *p)
{
    for (size_t i = 0; table_next(&p->pages, &i); i++)
        free(((struct proof_page *)table_value(&p->pages, i))->contents);
    table_free(&p->pages);
    free(p->same);
}

bool proof_pages_same(const struct proof_pages *p, uint64_t page)
{
    size_t low = 0, high = p->same_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (page - p->same[middle].first < p->same[middle].count)
            return true;
        if (page < p->same[middle].first)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
