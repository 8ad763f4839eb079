#include "prove/replay.h"
#include "analyse/pieces.h"
#include "trace/proof.h"

#include <string.h>

_Static_assert(IMAGE_PAGE == PROOF_PAGE, "pages of the proof are pages of the image");

void replay_init(struct replay *r)
{
    *r = (struct replay){0};
    image_init(&r->image);
}

void replay_free(struct replay *r)
{
    image_free(&r->image);
}

/* ---- accesses ---- */

static void take_read(struct replay *r, const struct trace_item *item, const struct piece *p, unsigned n)
{
    const uint8_t *data = item->access.data;
    r->reads++;
    for (unsigned i = 0; i < n; data += p[i].bytes, i++) {
        if (image_compare(&r->image, p[i].address, data, p[i].bytes) != IMAGE_OTHER)
            continue;
        if (r->different_reads++ == 0)
            r->first_different_read = item->number;
        return;
    }
}

void replay_item(struct replay *r, const struct trace_item *item)
{
    const struct access *a = &item->access;
    struct piece p[2];
    if (item->kind != ITEM_ACCESS)
        return;
    unsigned n = pieces_of(item, true, p), done = 0;
    if (a->kind == ACCESS_READ) {
        if (a->has_data)
            take_read(r, item, p, n);
        return;
    }
    r->writes++;
    r->without_data += !a->has_data;
    r->without_address += n == 0;
    for (unsigned i = 0; i < n; done += p[i].bytes, i++)
        image_write(&r->image, p[i].address, a->has_data ? a->data + done : NULL, p[i].bytes);
}

/* ---- pages ---- */

static void judged(struct replay *r, uint64_t page, enum page_verdict verdict)
{
    r->pages[verdict]++;
    if (verdict <= PAGE_UNTOLD || r->samples == REPLAY_SAMPLES)
        return;
    r->sample[r->samples].page = page;
    r->sample[r->samples++].verdict = verdict;
}

/* What the page held at the start, as far as the file tells; NULL: it does not. */
static const uint8_t *start_of(const struct proof_page *page)
{
    static const uint8_t zeros[PROOF_PAGE];
    return page->contents ? page->contents : page->start == proof_digest(zeros) ? zeros : NULL;
}

/* False: some byte of it is not known. */
static bool make_end(uint8_t *end, const uint8_t *start, const struct image_page *written)
{
    for (unsigned i = 0; i < PROOF_PAGE; i++) {
        bool known = image_page_knows(written, i), spoiled = written->spoiled[i / 8] >> i % 8 & 1;
        if (spoiled || (!known && !start))
            return false;
        end[i] = known ? written->data[i] : start[i];
    }
    return true;
}

static enum page_verdict verdict_of(const struct replay *r, uint64_t number, const struct proof_page *page)
{
    uint8_t end[PROOF_PAGE];
    struct image_page *const *written = table_find(&r->image.pages, number);
    if (!page->listed || (page->contents && proof_digest(page->contents) != page->start))
        return PAGE_WRONG;
    if (!written)
        return page->start == page->end ? PAGE_AGREES : PAGE_CHANGED;
    if (!make_end(end, start_of(page), *written))
        return PAGE_UNTOLD;
    return proof_digest(end) == page->end ? PAGE_AGREES : PAGE_DIFFERS;
}

void replay_judge(struct replay *r, const struct proof_pages *pages)
{
    for (size_t i = 0; table_next(&pages->pages, &i); i++)
        judged(r, pages->pages.keys[i], verdict_of(r, pages->pages.keys[i], table_value(&pages->pages, i)));
    for (size_t i = 0; table_next(&r->image.pages, &i); i++) {
        uint64_t number = r->image.pages.keys[i];
        if (table_find(&pages->pages, number))
            continue;
        if (proof_pages_same(pages, number))
            judged(r, number, PAGE_UNLISTED);
        else
            r->outside++;
    }
}

bool replay_holds(const struct replay *r)
{
    return r->pages[PAGE_DIFFERS] + r->pages[PAGE_CHANGED] + r->pages[PAGE_UNLISTED] + r->pages[PAGE_WRONG] +
               r->different_reads ==
           0;
}
