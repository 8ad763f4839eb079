/*
 * The boot loader left the files wherever it liked, also where the kernel wants to be. So modules go first,
 * to places that are neither the kernel's nor hold a file; then the kernel's file steps aside if its own
 * segments would overwrite it; then the segments are loaded.
 */
#include "guest/placer.h"

#include <string.h>

/* Addresses in information structures have 32 bits, those of ends too. */
#define PLACE_END (GIB(4) - PAGE_SIZE)

static bool is_word_end(char c)
{
    return c == '\0' || c == ' ' || c == '\t';
}

void placer_name(char *name, const char *string, const char *otherwise)
{
    const char *start = string;
    size_t n = 0;

    for (const char *p = string; !is_word_end(*p); p++)
        if (*p == '/')
            start = p + 1;
    if (is_word_end(*start))
        start = otherwise;
    for (; n < GUEST_NAME_MAX && !is_word_end(start[n]); n++)
        name[n] = start[n] < ' ' || start[n] > '~' ? '?' : start[n];
    name[n] = '\0';
}

bool placer_take(struct placer *p, hpa_t start, hpa_t end)
{
    if (memory_map_add(&p->taken, start, end, MEMORY_RESERVED) &&
        memory_map_add(&p->avoid, start, end, MEMORY_RESERVED))
        return true;
    return PLACER_FAIL(p, "memory is in more than %d pieces", MEMORY_RANGES_MAX);
}

bool placer_copy(struct placer *p, gpa_t to, hpa_t from, uint64_t file_bytes, uint64_t memory_bytes)
{
    if (p->plan->copy_count == GUEST_COPIES_MAX)
        return PLACER_FAIL(p, "takes more than %d copies to load", GUEST_COPIES_MAX);
    p->plan->copy[p->plan->copy_count++] = (struct guest_copy){to, from, file_bytes, memory_bytes};
    return true;
}

static bool avoid(struct placer *p, const struct boot_module *m)
{
    return memory_map_add(&p->avoid, m->start, m->end, MEMORY_RESERVED) ||
           PLACER_FAIL(p, "memory is in more than %d pieces", MEMORY_RANGES_MAX);
}

bool placer_avoid_files(struct placer *p)
{
    for (size_t i = 0; i < p->source->module_count; i++)
        if (!avoid(p, &p->source->modules[i]))
            return false;
    return avoid(p, p->source->kernel);
}

/* ---- the kernel's segments ---- */

static bool check_segment(struct placer *p, size_t index)
{
    const struct load_segment *s = &p->load.segment[index];
    gpa_t end = s->to + s->memory_bytes;

    if (end > GIB(4))
        return PLACER_FAIL(p, "segment %zu at [0x%lx, 0x%lx) lies above 4 GiB", index, s->to, end);
    for (size_t i = 0; i < p->machine->hidden_count; i++) {
        const struct memory_range *h = &p->machine->hidden[i];

        if (s->to < h->end && h->start < end)
            return PLACER_FAIL(p, "segment %zu at [0x%lx, 0x%lx) overlaps Engram's memory [0x%lx, 0x%lx)",
                               index, s->to, end, h->start, h->end);
    }
    if (!memory_map_is_ram(&p->guest_map, s->to, end))
        return PLACER_FAIL(p, "segment %zu at [0x%lx, 0x%lx) is not all RAM on this machine", index, s->to,
                           end);
    return true;
}

bool placer_segments(struct placer *p)
{
    struct guest_plan *plan = p->plan;

    plan->kernel_start = UINT64_MAX;
    plan->kernel_end = 0;
    for (size_t i = 0; i < p->load.count; i++) {
        const struct load_segment *s = &p->load.segment[i];

        if (!check_segment(p, i) || !placer_take(p, s->to, s->to + s->memory_bytes))
            return false;
        if (s->to < plan->kernel_start)
            plan->kernel_start = s->to;
        if (s->to + s->memory_bytes > plan->kernel_end)
            plan->kernel_end = s->to + s->memory_bytes;
    }
    plan->entry = p->load.entry;
    return true;
}

/* ---- places ---- */

bool placer_is_free(const struct placer *p, gpa_t start, gpa_t end)
{
    for (size_t i = 0; i < p->taken.count; i++)
        if (start < p->taken.range[i].end && p->taken.range[i].start < end)
            return false;
    return true;
}

bool placer_room(const struct placer *p, uint64_t bytes, gpa_t *place)
{
    gpa_t behind = p->plan->kernel_end > MIB(1) ? p->plan->kernel_end : MIB(1);

    return memory_map_find_lowest(&p->guest_map, &p->avoid, behind, PLACE_END, bytes, PAGE_SIZE, place) ||
           memory_map_find_lowest(&p->guest_map, &p->avoid, MIB(1), PLACE_END, bytes, PAGE_SIZE, place);
}

bool placer_kernel(struct placer *p)
{
    const struct boot_module *kernel = p->source->kernel;
    uint64_t bytes = kernel->end - kernel->start;
    hpa_t from = kernel->start;

    for (size_t i = 0; i < p->load.count && from == kernel->start; i++) {
        const struct load_segment *s = &p->load.segment[i];

        if (s->to >= kernel->end || kernel->start >= s->to + s->memory_bytes)
            continue;
        if (!placer_room(p, bytes, &from))
            return PLACER_FAIL(p, "no room to move its file of 0x%lx bytes out of the way of segment %zu",
                               bytes, i);
        if (!placer_copy(p, from, kernel->start, bytes, bytes))
            return false;
    }
    for (size_t i = 0; i < p->load.count; i++) {
        const struct load_segment *s = &p->load.segment[i];

        if (!placer_copy(p, s->to, from + s->offset, s->file_bytes, s->memory_bytes))
            return false;
    }
    return true;
}

bool placer_info(struct placer *p, uint64_t align)
{
    struct guest_plan *plan = p->plan;

    return memory_map_find_highest(&p->guest_map, &p->taken, LOW_MEMORY_START, LOW_MEMORY_END,
                                   plan->info_bytes, align, &plan->info) ||
           placer_room(p, plan->info_bytes, &plan->info) ||
           PLACER_FAIL(p, "no room for the information structure of 0x%zx bytes", plan->info_bytes);
}
