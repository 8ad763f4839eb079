#include "memory.h"

#include "console.h"
#include "place.h"

#include <string.h>

static hpa_t heap_next, heap_end;

void memory_init(const struct place *place)
{
    heap_next = place->heap;
    heap_end = place->end;
}

void *alloc_pages(size_t count)
{
    if (count > (heap_end - heap_next) / PAGE_SIZE)
        panic("the hypervisor's own memory (%lu MiB) is used up; please report this machine's memory size",
              (unsigned long)(HYPERVISOR_HEAP_BYTES >> 20));
    void *p = phys_to_virt(heap_next);
    heap_next += count * PAGE_SIZE;
    memset(p, 0, count * PAGE_SIZE);
    return p;
}

hpa_t virt_to_phys(const void *p)
{
    uint64_t va = (uint64_t)p;
    if (va >= IMAGE_BASE)
        return va - (uint64_t)image_start + place_image();
    return va - DIRECT_MAP;
}
