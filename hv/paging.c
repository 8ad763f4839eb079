/*
 * The hypervisor's own page tables: the image at IMAGE_BASE, all of physical
 * memory at DIRECT_MAP. Entry bits: SDM Vol. 3A, 4.5.4.
 */
#include "paging.h"

#include "memory.h"
#include "x86/cpu.h"
#include "x86/cpuid.h"
#include "x86/paging.h"

#define ENTRIES 512
static bool has_huge_pages(void)
{
    return cpuid(CPUID_EXTENDED, 0).edx & CPUID_EXTENDED_EDX_1G_PAGES;
}

static unsigned slot(uint64_t virtual_address, unsigned level)
{
    return virtual_address >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

/* The table below `entry`, made if there is none. Tables are reached through the direct map. */
static uint64_t *table_below(uint64_t *entry, struct boot_pages *pages)
{
    if (!(*entry & PTE_PRESENT)) {
        hpa_t p = pages->next;
        pages->next += PAGE_SIZE;
        uint64_t *fresh = phys_to_virt(p);
        for (unsigned i = 0; i < ENTRIES; i++)
            fresh[i] = 0;
        *entry = p | PTE_PRESENT | PTE_WRITABLE;
    }
    return phys_to_virt(*entry & PTE_ADDRESS);
}

/* Maps one page of level 1 (4 KiB), 2 (2 MiB) or 3 (1 GiB). */
static void map_page(uint64_t *pml4, uint64_t va, hpa_t pa, unsigned level, uint64_t flags,
                     struct boot_pages *pages)
{
    uint64_t *table = pml4;
    for (unsigned l = 4; l > level; l--)
        table = table_below(&table[slot(va, l)], pages);
    table[slot(va, level)] = pa | flags | PTE_PRESENT | (level > 1 ? PTE_PAGE_SIZE : 0);
}

hpa_t build_page_tables(hpa_t image, size_t image_bytes, hpa_t direct_map_end, struct boot_pages *pages)
{
    hpa_t root = pages->next;
    pages->next += PAGE_SIZE;
    uint64_t *pml4 = phys_to_virt(root);
    for (unsigned i = 0; i < ENTRIES; i++)
        pml4[i] = 0;

    unsigned level = has_huge_pages() ? 3 : 2;
    uint64_t step = level == 3 ? HUGE_PAGE_SIZE : LARGE_PAGE_SIZE;
    for (hpa_t p = 0; p < direct_map_end; p += step)
        map_page(pml4, DIRECT_MAP + p, p, level, PTE_WRITABLE | PTE_NO_EXECUTE, pages);

    extern uint8_t image_start[];
    for (size_t offset = 0; offset < image_bytes; offset += PAGE_SIZE)
        map_page(pml4, (uint64_t)image_start + offset, image + offset, 1, PTE_WRITABLE, pages);
    return root;
}

size_t page_table_bytes(size_t image_bytes, hpa_t direct_map_end)
{
    uint64_t step = has_huge_pages() ? GIB(512) : GIB(1);
    size_t direct = align_up(direct_map_end, step) / step + align_up(direct_map_end, GIB(512)) / GIB(512);
    size_t image = 2 + align_up(image_bytes, LARGE_PAGE_SIZE) / LARGE_PAGE_SIZE + 1;
    return (1 + direct + image) * PAGE_SIZE;
}

static void open_table(uint64_t *table, unsigned level)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (!(table[i] & PTE_PRESENT))
            continue;
        table[i] |= PTE_USER;
        if (level > 1 && !(table[i] & PTE_PAGE_SIZE))
            open_table(phys_to_virt(table[i] & PTE_ADDRESS), level - 1);
    }
}

void paging_open_to_cpl3(void)
{
    open_table(phys_to_virt(read_cr3() & PTE_ADDRESS), 4);
    write_cr3(read_cr3());
}
