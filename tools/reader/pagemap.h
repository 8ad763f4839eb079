/* Page mappings that TLB_FILL packets gave: guest-virtual page number to guest-physical page number. */
#ifndef ENGRAM_PAGEMAP_H
#define ENGRAM_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pagemap_entry;

struct pagemap {
    struct pagemap_entry *table;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
    uint64_t generation; /* entries of an older one are forgotten */
    uint64_t version;    /* another one after each change */
};

void pagemap_free(struct pagemap *m);
void pagemap_forget(struct pagemap *m);
/* False when there is no memory. */
bool pagemap_set(struct pagemap *m, uint64_t virtual_page, uint64_t physical_page);
bool pagemap_get(const struct pagemap *m, uint64_t virtual_page, uint64_t *physical_page);

#endif
