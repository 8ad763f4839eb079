/*
 * Places a Multiboot 1 kernel, its modules and its information structure in the guest's memory.
 *
 * The boot loader left the files wherever it liked, also where the kernel wants to be. So modules go first,
 * to places that are neither the kernel's nor hold a file; then the kernel's file steps aside if its own
 * segments would overwrite it; then the segments are loaded.
 */
#include "multiboot_guest.h"

#include "error_text.h"
#include "multiboot_header.h"
#include "multiboot_info.h"
#include "x86/cpu.h"
#include "x86/debug.h"

#include <string.h>

/* The interrupt vectors and the BIOS data area. */
#define LOW_MEMORY_START PAGE_SIZE
/* Addresses in the information structure have 32 bits, those of ends too. */
#define PLACE_END (GIB(4) - PAGE_SIZE)
#define REASON_BYTES 200

struct planner {
    struct guest_plan *plan;
    const struct guest_source *source;
    const struct machine *machine;
    struct load_plan load;
    struct memory_map guest_map;
    struct memory_map taken; /* by segments, modules' places and the information structure */
    struct memory_map avoid; /* `taken`, and the files that are still to be read */
    char *error;
    size_t error_size;
};

#define FAIL(p, format, ...)                                                                                 \
    error_text((p)->error, (p)->error_size, "module '%s': " format, (p)->plan->name, __VA_ARGS__)

static bool is_word_end(char c)
{
    return c == '\0' || c == ' ' || c == '\t';
}

/* The last part of the path that begins a module's string; what would move the cursor becomes '?'. */
static void take_name(char *name, const char *string, const char *otherwise)
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

static bool take(struct planner *p, hpa_t start, hpa_t end)
{
    if (memory_map_add(&p->taken, start, end, MEMORY_RESERVED) &&
        memory_map_add(&p->avoid, start, end, MEMORY_RESERVED))
        return true;
    return FAIL(p, "memory is in more than %d pieces", MEMORY_RANGES_MAX);
}

static bool add_copy(struct planner *p, gpa_t to, hpa_t from, uint64_t file_bytes, uint64_t memory_bytes)
{
    if (p->plan->copy_count == GUEST_COPIES_MAX)
        return FAIL(p, "takes more than %d copies to load", GUEST_COPIES_MAX);
    p->plan->copy[p->plan->copy_count++] = (struct guest_copy){to, from, file_bytes, memory_bytes};
    return true;
}

/* ---- the kernel's segments ---- */

static bool check_segment(struct planner *p, size_t index)
{
    const struct load_segment *s = &p->load.segment[index];
    gpa_t end = s->to + s->memory_bytes;

    if (end > GIB(4))
        return FAIL(p, "segment %zu at [0x%lx, 0x%lx) lies above 4 GiB", index, s->to, end);
    for (size_t i = 0; i < p->machine->hidden_count; i++) {
        const struct memory_range *h = &p->machine->hidden[i];

        if (s->to < h->end && h->start < end)
            return FAIL(p, "segment %zu at [0x%lx, 0x%lx) overlaps Engram's memory [0x%lx, 0x%lx)", index,
                        s->to, end, h->start, h->end);
    }
    if (!memory_map_is_ram(&p->guest_map, s->to, end))
        return FAIL(p, "segment %zu at [0x%lx, 0x%lx) is not all RAM on this machine", index, s->to, end);
    return true;
}

static bool check_segments(struct planner *p)
{
    struct guest_plan *plan = p->plan;

    plan->kernel_start = UINT64_MAX;
    plan->kernel_end = 0;
    for (size_t i = 0; i < p->load.count; i++) {
        const struct load_segment *s = &p->load.segment[i];

        if (!check_segment(p, i) || !take(p, s->to, s->to + s->memory_bytes))
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

static bool overlaps(const struct memory_map *map, hpa_t start, hpa_t end)
{
    for (size_t i = 0; i < map->count; i++)
        if (start < map->range[i].end && map->range[i].start < end)
            return true;
    return false;
}

/* Behind the kernel, where loaders put things and kernels look for them; else anywhere from 1 MiB on. */
static bool find_place(const struct planner *p, uint64_t bytes, gpa_t *place)
{
    gpa_t behind = p->plan->kernel_end > MIB(1) ? p->plan->kernel_end : MIB(1);

    return memory_map_find_lowest(&p->guest_map, &p->avoid, behind, PLACE_END, bytes, PAGE_SIZE, place) ||
           memory_map_find_lowest(&p->guest_map, &p->avoid, MIB(1), PLACE_END, bytes, PAGE_SIZE, place);
}

/* A module stays where it is if it may. */
static bool may_stay(const struct planner *p, const struct boot_module *m)
{
    return !(m->start & ~PAGE_MASK) && m->end <= PLACE_END &&
           memory_map_is_ram(&p->guest_map, m->start, m->end) && !overlaps(&p->taken, m->start, m->end);
}

static bool place_module(struct planner *p, size_t index)
{
    const struct boot_module *m = &p->source->modules[index];
    uint64_t bytes = m->end - m->start;
    gpa_t place = m->start;

    if (!may_stay(p, m)) {
        char name[GUEST_NAME_MAX + 1];

        take_name(name, m->string, "without a name");
        if (!find_place(p, bytes ? bytes : 1, &place))
            return FAIL(p, "no room for its module %zu (%s), 0x%lx bytes: give the machine more memory",
                        index, name, bytes);
        if (bytes && !add_copy(p, place, m->start, bytes, bytes))
            return false;
    }
    p->plan->module_start[index] = place;
    p->plan->module_end[index] = place + bytes;
    return take(p, place, place + bytes);
}

/* The files are avoided from the start, so that no module's place is another file's. */
static bool place_modules(struct planner *p)
{
    const struct guest_source *source = p->source;

    if (!memory_map_add(&p->avoid, source->kernel->start, source->kernel->end, MEMORY_RESERVED))
        return FAIL(p, "memory is in more than %d pieces", MEMORY_RANGES_MAX);
    for (size_t i = 0; i < source->module_count; i++)
        if (!memory_map_add(&p->avoid, source->modules[i].start, source->modules[i].end, MEMORY_RESERVED))
            return FAIL(p, "memory is in more than %d pieces", MEMORY_RANGES_MAX);
    for (size_t i = 0; i < source->module_count; i++)
        if (!place_module(p, i))
            return false;
    return true;
}

static bool place_kernel(struct planner *p)
{
    const struct boot_module *kernel = p->source->kernel;
    uint64_t bytes = kernel->end - kernel->start;
    hpa_t from = kernel->start;

    for (size_t i = 0; i < p->load.count && from == kernel->start; i++) {
        const struct load_segment *s = &p->load.segment[i];

        if (s->to >= kernel->end || kernel->start >= s->to + s->memory_bytes)
            continue;
        if (!find_place(p, bytes, &from))
            return FAIL(p, "no room to move its file of 0x%lx bytes out of the way of segment %zu", bytes, i);
        if (!add_copy(p, from, kernel->start, bytes, bytes))
            return false;
    }
    for (size_t i = 0; i < p->load.count; i++) {
        const struct load_segment *s = &p->load.segment[i];

        if (!add_copy(p, s->to, from + s->offset, s->file_bytes, s->memory_bytes))
            return false;
    }
    return true;
}

/* As high in conventional memory as it goes, out of the way of kernels that use low addresses at will. */
static bool place_info(struct planner *p)
{
    struct guest_plan *plan = p->plan;

    plan->info = 0;
    if (!multiboot_info_build(plan, p->source, &p->guest_map))
        return FAIL(p, "its command line and modules take more than %u bytes: shorten them",
                    GUEST_INFO_BYTES_MAX);
    if (!memory_map_find_highest(&p->guest_map, &p->taken, LOW_MEMORY_START, LOW_MEMORY_END, plan->info_bytes,
                                 16, &plan->info) &&
        !find_place(p, plan->info_bytes, &plan->info))
        return FAIL(p, "no room for the information structure of 0x%zx bytes", plan->info_bytes);
    return multiboot_info_build(plan, p->source, &p->guest_map);
}

bool multiboot_guest_plan(struct guest_plan *plan, const struct guest_source *source, const struct machine *m,
                          char *error, size_t size)
{
    static struct planner planner; /* three memory maps are too much for a small stack */
    struct planner *p = &planner;
    struct multiboot_header header;
    char reason[REASON_BYTES];

    memset(plan, 0, sizeof(*plan));
    memset(p, 0, sizeof(*p));
    p->plan = plan;
    p->source = source;
    p->machine = m;
    p->error = error;
    p->error_size = size;
    take_name(plan->name, source->kernel->string, "guest");
    if (source->module_count > BOOT_MODULES_MAX)
        return FAIL(p, "more than %d modules for the guest", BOOT_MODULES_MAX);
    if (!memory_map_of_guest(&p->guest_map, m))
        return FAIL(p, "memory is in more than %d pieces", MEMORY_RANGES_MAX);
    if (!multiboot_header_plan(&header, &p->load, source->kernel_bytes,
                               source->kernel->end - source->kernel->start, reason, sizeof(reason)))
        return FAIL(p, "%s", reason);
    plan->wants_graphics = header.wants_graphics;
    return check_segments(p) && place_modules(p) && place_kernel(p) && place_info(p);
}

/* ---- carrying it out ---- */

bool multiboot_guest_apply(const struct guest_plan *plan, physical_reader read, physical_writer write,
                           char *error, size_t size)
{
    uint8_t *to;

    for (size_t i = 0; i < plan->copy_count; i++) {
        const struct guest_copy *c = &plan->copy[i];
        const void *from = c->file_bytes ? read(c->from, c->file_bytes) : NULL;

        if (c->file_bytes && !from)
            return error_text(error, size, "module '%s': [0x%lx, 0x%lx) cannot be read", plan->name, c->from,
                              c->from + c->file_bytes);
        to = write(c->to, c->memory_bytes);
        if (!to)
            return error_text(error, size, "module '%s': [0x%lx, 0x%lx) cannot be written", plan->name, c->to,
                              c->to + c->memory_bytes);
        if (from)
            memcpy(to, from, c->file_bytes);
        memset(to + c->file_bytes, 0, c->memory_bytes - c->file_bytes);
    }
    to = write(plan->info, plan->info_bytes);
    if (!to)
        return error_text(error, size, "module '%s': information structure at 0x%lx cannot be written",
                          plan->name, plan->info);
    memcpy(to, plan->info_data, plan->info_bytes);
    return true;
}

/* ---- the processor at entry ---- */

#define DR6_INIT 0xffff0ff0u

/* Segment types (SDM Vol. 3A, tables 3-1 and 3-2). */
#define TYPE_CODE 0xbu       /* execute, read, accessed */
#define TYPE_DATA 0x3u       /* read, write, accessed */
#define TYPE_TSS32_BUSY 0xbu /* SDM Vol. 3C, 26.3.1.2: TR must be busy */
#define TSS32_LIMIT 0x67u

/* Selectors are left open by the specification; these are the usual ones. TR's is 0, as it is after a reset.
 */
enum { SELECTOR_CODE = 0x08, SELECTOR_DATA = 0x10 };

static struct segment flat(uint16_t selector, uint32_t type)
{
    return (struct segment){
        .limit = 0xffffffff,
        .selector = selector,
        .access = type | SEGMENT_S | SEGMENT_P | SEGMENT_DB | SEGMENT_G,
    };
}

void multiboot_guest_vcpu(struct vcpu *v, gpa_t entry, gpa_t info)
{
    memset(v, 0, sizeof(*v));
    v->gpr[RAX] = MULTIBOOT1_LOADER_MAGIC;
    v->gpr[RBX] = info;
    v->rip = entry;
    v->rflags = RFLAGS_ONE;
    for (int i = SEG_ES; i <= SEG_GS; i++)
        v->seg[i] = flat(SELECTOR_DATA, TYPE_DATA);
    v->seg[SEG_CS] = flat(SELECTOR_CODE, TYPE_CODE);
    v->seg[SEG_LDTR].access = SEGMENT_UNUSABLE;
    v->seg[SEG_TR] = (struct segment){
        .limit = TSS32_LIMIT,
        .access = TYPE_TSS32_BUSY | SEGMENT_P,
    };
    v->cr0 = CR0_PE | CR0_ET;
    v->dr6 = DR6_INIT;
    v->dr7 = DR7_FIXED_1;
    v->xcr0 = XCR0_X87;
}
