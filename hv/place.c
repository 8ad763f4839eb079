#include "place.h"

#include "console.h"
#include "memory.h"
#include "memory_map.h"
#include "paging.h"
#include "trace/ring.h"
#include "x86/cpu.h"

#include <string.h>

#define LOW_MEMORY_END MIB(1)
/* Below this nothing of ours stays: guests are linked at 1 MiB or 16 MiB. */
#define GUEST_MEMORY_END MIB(64)

static hpa_t current_image = (hpa_t)image_load_address;

hpa_t place_image(void)
{
    return current_image;
}

static size_t image_bytes(void)
{
    return (size_t)(image_end - image_start);
}

/* In place.asm: copies, loads CR3 and returns into the copy, without touching the stack in between. */
void move_image(void *to, const void *from, size_t bytes, hpa_t cr3);

static void take(struct memory_map *taken, hpa_t start, hpa_t end)
{
    if (!memory_map_add(taken, align_down(start, PAGE_SIZE), align_up(end, PAGE_SIZE), MEMORY_RESERVED))
        panic("the memory map has too many ranges (more than %d)", MEMORY_RANGES_MAX);
}

/* Modules that are still to be copied. */
static struct {
    hpa_t to, from;
    uint64_t bytes;
} moves[BOOT_MODULES_MAX];
static size_t move_count;

/* What must not be overwritten yet: modules, what is hidden already, and the image where the loader put it.
 */
static void all_taken(struct memory_map *taken, const struct machine *m, const struct bootinfo *boot)
{
    taken->count = 0;
    take(taken, 0, LOW_MEMORY_END);
    take(taken, align_down((hpa_t)image_load_address, LARGE_PAGE_SIZE),
         (hpa_t)image_load_address + image_bytes());
    for (size_t i = 0; i < boot->module_count; i++)
        take(taken, boot->module[i].start, boot->module[i].end);
    for (size_t i = 0; i < move_count; i++)
        take(taken, moves[i].from, moves[i].from + moves[i].bytes);
    for (size_t i = 0; i < m->hidden_count; i++)
        take(taken, m->hidden[i].start, m->hidden[i].end);
}

static hpa_t direct_map_end(const struct machine *m)
{
    return align_up(m->ram_end > GIB(4) ? m->ram_end : GIB(4), HUGE_PAGE_SIZE);
}

void place_hypervisor(struct place *place, const struct machine *m, const struct bootinfo *boot)
{
    static struct memory_map taken;
    all_taken(&taken, m, boot);
    uint64_t tables = page_table_bytes(image_bytes(), direct_map_end(m));
    uint64_t bytes = align_up(image_bytes() + tables + HYPERVISOR_HEAP_BYTES, LARGE_PAGE_SIZE);
    if (!memory_map_find_highest(&boot->map, &taken, 0, GIB(4), bytes, LARGE_PAGE_SIZE, &place->image))
        panic("no %lu MiB of free RAM below 4 GiB for the hypervisor; it needs a machine with more memory",
              (unsigned long)(bytes >> 20));
    place->heap = place->image + image_bytes() + tables;
    place->end = place->image + bytes;
}

void place_move(const struct place *place, hpa_t map_end)
{
    struct boot_pages pages = {place->image + image_bytes()};
    hpa_t cr3 = build_page_tables(place->image, image_bytes(), map_end, &pages);
    if (pages.next > place->heap)
        panic("page tables for %lu GiB took more than was reckoned; please report this",
              (unsigned long)(map_end >> 30));
    current_image = place->image;
    move_image(phys_to_virt(place->image), image_start, (size_t)(image_kept_end - image_start), cr3);
}

/* A boot loader works at the top of the memory that it reaches: a ring there would not outlive the next boot.
 */
static bool ring_under_hypervisor(const struct machine *m, const struct bootinfo *boot, uint64_t bytes,
                                  hpa_t *at)
{
    static struct memory_map taken;
    all_taken(&taken, m, boot);
    take(&taken, place_image(), GIB(4));
    return memory_map_find_highest(&boot->map, &taken, GUEST_MEMORY_END, m->ram_end, bytes, LARGE_PAGE_SIZE,
                                   at);
}

hpa_t place_ring(const struct machine *m, const struct bootinfo *boot, uint64_t bytes)
{
    static struct memory_map taken;
    hpa_t at;
    if (ring_under_hypervisor(m, boot, bytes, &at))
        return at;
    all_taken(&taken, m, boot);
    if (memory_map_find_highest(&boot->map, &taken, GUEST_MEMORY_END, m->ram_end, bytes, LARGE_PAGE_SIZE,
                                &at))
        return at;
    uint64_t largest = 0;
    for (uint64_t step = GIB(1024); step >= RING_SEGMENT_BYTES; step /= 2)
        if (largest + step < bytes &&
            memory_map_find_highest(&boot->map, &taken, GUEST_MEMORY_END, m->ram_end, largest + step,
                                    LARGE_PAGE_SIZE, &at))
            largest += step;
    panic("ring=%luK: this machine has no room for a ring of that size; the largest possible is ring=%luK",
          (unsigned long)(bytes >> 10), (unsigned long)(largest >> 10));
}

hpa_t place_engine(const struct machine *m, const struct bootinfo *boot, uint64_t bytes)
{
    static struct memory_map taken;
    all_taken(&taken, m, boot);
    hpa_t at;
    if (!memory_map_find_highest(&boot->map, &taken, 0, m->ram_end, bytes, LARGE_PAGE_SIZE, &at))
        panic("no %lu MiB of free RAM for the engine's tables; use a smaller ring= or a machine with more "
              "memory",
              (unsigned long)(bytes >> 20));
    return at;
}

bool place_proof(const struct machine *m, const struct bootinfo *boot, uint64_t bytes, hpa_t *at)
{
    static struct memory_map taken;
    all_taken(&taken, m, boot);
    return memory_map_find_highest(&boot->map, &taken, GUEST_MEMORY_END, m->ram_end, bytes, LARGE_PAGE_SIZE,
                                   at);
}

void place_modules(const struct machine *m, struct bootinfo *boot)
{
    static struct memory_map taken;
    for (size_t i = 0; i < boot->module_count; i++) {
        struct boot_module *module = &boot->module[i];
        uint64_t bytes = module->end - module->start;
        hpa_t to;
        if (bytes == 0)
            continue;
        all_taken(&taken, m, boot);
        if (!memory_map_find_highest(&boot->map, &taken, 0, GIB(4), bytes, PAGE_SIZE, &to) ||
            to < module->start)
            continue;
        moves[move_count].to = to;
        moves[move_count].from = module->start;
        moves[move_count].bytes = bytes;
        move_count++;
        module->start = to;
        module->end = to + bytes;
    }
}

hpa_t place_before_move(hpa_t at)
{
    for (size_t i = 0; i < move_count; i++)
        if (at - moves[i].to < moves[i].bytes)
            return moves[i].from + (at - moves[i].to);
    return at;
}

void place_copy_modules(void (*copy)(gpa_t to, gpa_t from, uint64_t bytes, uint64_t total))
{
    for (size_t i = 0; i < move_count; i++)
        copy(moves[i].to, moves[i].from, moves[i].bytes, moves[i].bytes);
}
