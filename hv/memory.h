/* The hypervisor's own memory: the direct map of physical memory and a page allocator that never frees. */
#ifndef ENGRAM_MEMORY_H
#define ENGRAM_MEMORY_H

#include "types.h"

/* All of physical memory up to the highest RAM (at least 4 GiB) is mapped here, writable, not executable. */
#define DIRECT_MAP 0x0000100000000000ull
/* The hypervisor's image is linked here, wherever it lies physically. */
#define IMAGE_BASE 0xffffffff80000000ull

static inline void *phys_to_virt(hpa_t p)
{
    return (void *)(DIRECT_MAP + p);
}

/* Of any address in the image or the direct map. */
hpa_t virt_to_phys(const void *p);

/* Zeroed, page-aligned, physically contiguous; panics when the hypervisor's memory is used up. */
void *alloc_pages(size_t count);

#endif
