/* Sparse memory with a mask. */
#include "analyse/image.h"
#include "need.h"

#include <stdlib.h>
#include <string.h>

void image_init(struct image *m)
{
    *m = (struct image){.newest = UINT64_MAX};
    table_init(&m->pages, sizeof(struct image_page *));
}

void image_free(struct image *m)
{
    for (size_t i = 0; table_next(&m->pages, &i); i++)
        free(*(struct image_page **)table_value(&m->pages, i));
    table_free(&m->pages);
}

static struct image_page *page(struct image *m, uint64_t number)
{
    if (number == m->newest)
        return m->newest_page;
    struct image_page **p = table_get(&m->pages, number);
    if (!*p)
        *p = need_zeroed(1, sizeof(**p));
    m->newest = number;
    return m->newest_page = *p;
}

static void set_byte(struct image_page *p, unsigned at, const uint8_t *data)
{
    uint8_t bit = (uint8_t)(1u << at % 8), *known = &p->known[at / 8], *spoiled = &p->spoiled[at / 8];
    if (data)
        p->data[at] = *data;
    *known = data ? *known | bit : *known & (uint8_t)~bit;
    *spoiled = data ? *spoiled & (uint8_t)~bit : *spoiled | bit;
}

void image_write(struct image *m, uint64_t address, const uint8_t *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        set_byte(page(m, (address + i) / IMAGE_PAGE), (address + i) % IMAGE_PAGE, data ? data + i : NULL);
}

void image_overlay(struct image *m, uint64_t number, const struct image_page *later)
{
    struct image_page *p = page(m, number);
    for (unsigned at = 0; at < IMAGE_PAGE; at++) {
        if (image_page_knows(later, at))
            set_byte(p, at, &later->data[at]);
        else if (later->spoiled[at / 8] >> at % 8 & 1)
            set_byte(p, at, NULL);
    }
}

enum image_match image_compare(const struct image *m, uint64_t address, const uint8_t *data, unsigned bytes)
{
    enum image_match match = IMAGE_SAME;
    for (unsigned i = 0; i < bytes; i++) {
        uint64_t number = (address + i) / IMAGE_PAGE;
        unsigned at = (address + i) % IMAGE_PAGE;
        struct image_page *const *p = number == m->newest ? &m->newest_page : table_find(&m->pages, number);
        if (!p || !image_page_knows(*p, at))
            match = IMAGE_UNKNOWN;
        else if ((*p)->data[at] != data[i])
            return IMAGE_OTHER;
    }
    return match;
}
