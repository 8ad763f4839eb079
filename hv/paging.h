/* The hypervisor's own page tables. */
#ifndef ENGRAM_PAGING_H
#define ENGRAM_PAGING_H

#include "types.h"

/* Physical pages for tables, taken from `next` upwards; must be reachable through the direct map. */
struct boot_pages {
    hpa_t next;
};

/* Upper bound of what build_page_tables() takes. */
size_t page_table_bytes(size_t image_bytes, hpa_t direct_map_end);

/* Tables for the image at `image` and a direct map of [0, direct_map_end). The value for CR3. */
hpa_t build_page_tables(hpa_t image, size_t image_bytes, hpa_t direct_map_end, struct boot_pages *pages);

/* CPL 3 may touch what is mapped in the tables in use: for the core's own work alone (natively.h). */
void paging_open_to_cpl3(void);

#endif
