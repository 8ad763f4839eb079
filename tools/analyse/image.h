/* Guest-physical memory as far as a trace tells: for each byte its last known value. */
#ifndef ENGRAM_IMAGE_H
#define ENGRAM_IMAGE_H

#include "table.h"

#define IMAGE_PAGE 4096u

struct image_page {
    uint8_t data[IMAGE_PAGE];
    uint8_t known[IMAGE_PAGE / 8];   /* a bit per byte */
    uint8_t spoiled[IMAGE_PAGE / 8]; /* likewise: written with data that were not recorded */
};

struct image {
    struct table pages; /* page number to struct image_page * */
    uint64_t newest;    /* the page used last */
    struct image_page *newest_page;
};

void image_init(struct image *m);
void image_free(struct image *m);

/* What a piece of at most 64 bytes becomes; data NULL: not known any more. */
void image_write(struct image *m, uint64_t address, const uint8_t *data, unsigned bytes);

enum image_match { IMAGE_SAME, IMAGE_OTHER, IMAGE_UNKNOWN };
/* Is that there already? Unknown when a byte is not known and no other differs. */
enum image_match image_compare(const struct image *m, uint64_t address, const uint8_t *data, unsigned bytes);

/* Puts a page of a later part over what is there. */
void image_overlay(struct image *m, uint64_t number, const struct image_page *later);

static inline bool image_page_knows(const struct image_page *p, unsigned at)
{
    return p->known[at / 8] >> at % 8 & 1;
}

#endif
