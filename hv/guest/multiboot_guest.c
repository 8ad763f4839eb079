/* A Multiboot 1 kernel (specification 0.6.96), its modules and its information structure. */
#include "guest/multiboot_guest.h"

#include "guest/multiboot_header.h"
#include "guest/multiboot_info.h"
#include "guest/start.h"

/* Addresses in the information structure have 32 bits, those of ends too. */
#define PLACE_END (GIB(4) - PAGE_SIZE)
#define REASON_BYTES 200

/* A module stays where it is if it may. */
static bool may_stay(const struct placer *p, const struct boot_module *m)
{
    return !(m->start & ~PAGE_MASK) && m->end <= PLACE_END &&
           memory_map_is_ram(&p->guest_map, m->start, m->end) && placer_is_free(p, m->start, m->end);
}

static bool place_module(struct placer *p, size_t index)
{
    const struct boot_module *m = &p->source->modules[index];
    uint64_t bytes = m->end - m->start;
    gpa_t place = m->start;

    if (!may_stay(p, m)) {
        char name[GUEST_NAME_MAX + 1];

        placer_name(name, m->string, "without a name");
        if (!placer_room(p, bytes ? bytes : 1, &place))
            return PLACER_FAIL(p,
                               "no room for its module %zu (%s), 0x%lx bytes: give the machine more memory",
                               index, name, bytes);
        if (bytes && !placer_copy(p, place, m->start, bytes, bytes))
            return false;
    }
    p->plan->module_start[index] = place;
    p->plan->module_end[index] = place + bytes;
    return placer_take(p, place, place + bytes);
}

static bool place_modules(struct placer *p)
{
    for (size_t i = 0; i < p->source->module_count; i++)
        if (!place_module(p, i))
            return false;
    return true;
}

/* Built twice: its length is known before its place. */
static bool place_info(struct placer *p)
{
    p->plan->info = 0;
    if (!multiboot_info_build(p->plan, p->source, &p->guest_map))
        return PLACER_FAIL(p, "its command line and modules take more than %u bytes: shorten them",
                           GUEST_INFO_BYTES_MAX);
    return placer_info(p, 16) && multiboot_info_build(p->plan, p->source, &p->guest_map);
}

/* Selectors are left open by the specification; these are the usual ones. */
enum { SELECTOR_CODE = 0x08, SELECTOR_DATA = 0x10 };

bool multiboot_guest_plan(struct placer *p)
{
    const struct boot_module *kernel = p->source->kernel;
    struct multiboot_header header;
    char reason[REASON_BYTES];

    if (!multiboot_header_plan(&header, &p->load, p->source->kernel_bytes, kernel->end - kernel->start,
                               reason, sizeof(reason)))
        return PLACER_FAIL(p, "%s", reason);
    p->plan->wants_graphics = header.wants_graphics;
    if (!placer_segments(p) || !placer_avoid_files(p) || !place_modules(p) || !placer_kernel(p) ||
        !place_info(p))
        return false;
    start_protected(&p->plan->start, SELECTOR_CODE, SELECTOR_DATA, p->plan->entry);
    p->plan->start.gpr[RAX] = MULTIBOOT1_LOADER_MAGIC;
    p->plan->start.gpr[RBX] = p->plan->info;
    return true;
}
