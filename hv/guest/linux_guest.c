/*
 * A Linux kernel, its initrd and its boot parameters in the guest's memory
 * (Documentation/arch/x86/boot.rst, "32-bit boot protocol" and "64-bit boot protocol").
 */
#include "guest/linux_guest.h"

#include "guest/linux_params.h"
#include "guest/start.h"

#include <string.h>

#define REASON_BYTES 200
#define ENTRY_64_OFFSET 0x200u
/* Archives of an initrd begin at such multiples (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#define ARCHIVE_ALIGN 4u

/* ---- the kernel ---- */

static bool fits(const struct placer *p, gpa_t at, uint64_t bytes)
{
    return memory_map_is_ram(&p->guest_map, at, at + bytes);
}

/* Where it wants to be, else the lowest place from there or from 1 MiB on. */
static bool choose_place(const struct placer *p, const struct linux_header *h, gpa_t *place)
{
    static const struct memory_map nothing;
    uint64_t bytes = h->memory_bytes;

    *place = h->preferred_address;
    if (*place >= MIB(1) && fits(p, *place, bytes))
        return true;
    if (!h->relocatable)
        return PLACER_FAIL(p, "must be at [0x%lx, 0x%lx), which is not all RAM that is the guest's",
                           h->preferred_address, h->preferred_address + bytes);
    return memory_map_find_lowest(&p->guest_map, &nothing, h->preferred_address, GIB(4), bytes, h->alignment,
                                  place) ||
           memory_map_find_lowest(&p->guest_map, &nothing, MIB(1), GIB(4), bytes, h->alignment, place) ||
           PLACER_FAIL(p, "no room for 0x%lx bytes of kernel: give the machine more memory", bytes);
}

static bool place_kernel(struct placer *p, const struct linux_header *h)
{
    struct load_segment *s = &p->load.segment[0];

    if (!choose_place(p, h, &s->to))
        return false;
    s->offset = h->kernel_offset;
    s->file_bytes = h->kernel_bytes;
    s->memory_bytes = h->memory_bytes;
    p->load.count = 1;
    p->load.entry = s->to + (h->entry_64 ? ENTRY_64_OFFSET : 0);
    return placer_segments(p);
}

/* The kernel clears what it needs cleared: behind its bytes nothing is copied. */
static bool copy_kernel(struct placer *p)
{
    p->load.segment[0].memory_bytes = p->load.segment[0].file_bytes;
    return placer_kernel(p);
}

/* ---- the initrd ---- */

static uint64_t initrd_bytes(const struct guest_source *source)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < source->module_count; i++)
        bytes = align_up(bytes, ARCHIVE_ALIGN) + (source->modules[i].end - source->modules[i].start);
    return bytes;
}

/* A single module stays where it is if it may. */
static bool may_stay(const struct placer *p, const struct linux_header *h)
{
    const struct boot_module *m = &p->source->modules[0];
    return p->source->module_count == 1 && !(m->start & ~PAGE_MASK) && m->end <= h->initrd_end &&
           memory_map_is_ram(&p->guest_map, m->start, m->end) && placer_is_free(p, m->start, m->end);
}

static bool copy_archives(struct placer *p, gpa_t at)
{
    for (size_t i = 0; i < p->source->module_count; i++) {
        const struct boot_module *m = &p->source->modules[i];
        uint64_t bytes = m->end - m->start;
        bool last = i + 1 == p->source->module_count;

        p->plan->module_start[i] = at;
        p->plan->module_end[i] = at + bytes;
        /* Zeros up to the next one. */
        if (bytes && !placer_copy(p, at, m->start, bytes, last ? bytes : align_up(bytes, ARCHIVE_ALIGN)))
            return false;
        at += align_up(bytes, ARCHIVE_ALIGN);
    }
    return true;
}

static bool place_initrd(struct placer *p, const struct linux_header *h, struct linux_initrd *initrd)
{
    gpa_t end = h->initrd_end < GIB(4) ? h->initrd_end : GIB(4);

    *initrd = (struct linux_initrd){.bytes = initrd_bytes(p->source)};
    if (!initrd->bytes)
        return true;
    if (may_stay(p, h)) {
        initrd->start = p->plan->module_start[0] = p->source->modules[0].start;
        p->plan->module_end[0] = p->source->modules[0].end;
    } else if (!memory_map_find_highest(&p->guest_map, &p->avoid, MIB(1), end, initrd->bytes, PAGE_SIZE,
                                        &initrd->start)) {
        return PLACER_FAIL(p,
                           "no room for its initrd of 0x%lx bytes below 0x%lx: give the machine more memory",
                           initrd->bytes, end);
    } else if (!copy_archives(p, initrd->start)) {
        return false;
    }
    return placer_take(p, initrd->start, initrd->start + initrd->bytes);
}

/* ---- the parameters ---- */

/* Built twice: their length is known before their place. */
static bool place_params(struct placer *p, const struct linux_header *h, const struct linux_initrd *initrd)
{
    struct guest_plan *plan = p->plan;
    struct table_register gdt;
    size_t line = strlen(linux_command_line(p->source->kernel));

    if (line > h->command_line_max)
        return PLACER_FAIL(p, "its command line has %zu bytes, this kernel takes %lu: shorten it", line,
                           h->command_line_max);
    plan->info = 0;
    if (!linux_params_build(p, h, initrd, &gdt) || !placer_info(p, PAGE_SIZE) ||
        !linux_params_build(p, h, initrd, &gdt))
        return false;
    if (h->entry_64)
        start_long(&plan->start, LINUX_BOOT_CS, LINUX_BOOT_DS, plan->entry, plan->info + LINUX_INFO_TABLES);
    else
        start_protected(&plan->start, LINUX_BOOT_CS, LINUX_BOOT_DS, plan->entry);
    plan->start.gpr[RSI] = plan->info + LINUX_INFO_PARAMS;
    plan->start.gdtr = gdt;
    return true;
}

bool linux_guest_plan(struct placer *p)
{
    const struct boot_module *kernel = p->source->kernel;
    struct linux_header h;
    struct linux_initrd initrd;
    char reason[REASON_BYTES];

    if (!linux_header_read(&h, p->source->kernel_bytes, kernel->end - kernel->start, reason, sizeof(reason)))
        return PLACER_FAIL(p, "%s", reason);
    return place_kernel(p, &h) && placer_avoid_files(p) && place_initrd(p, &h, &initrd) && copy_kernel(p) &&
           place_params(p, &h, &initrd);
}
