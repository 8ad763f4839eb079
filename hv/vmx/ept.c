#include "vmx/ept.h"

#include "memory.h"
#include "vmx/caps.h"
#include "vmx/mtrr.h"
#include "vmx/vmcs.h"
#include "x86/cpu.h"
#include "x86/cpuid.h"
#include "x86/mtrr.h"

#include <string.h>

#define ENTRIES 512u
#define TABLE_ACCESS (EPT_READ | EPT_WRITE | EPT_EXECUTE)
_Static_assert(ENTRIES * sizeof(uint64_t) == PAGE_SIZE, "an EPT table fills one page");

static const struct machine *machine;
static uint64_t *root[VIEW_COUNT];
static uint8_t *sink;
static hpa_t mapped_end;            /* of what init maps: all RAM lies before it */
static struct filter_ranges traced; /* guest-physical */

/* What a stretch of guest-physical memory is. */
enum region { REGION_DEVICE, REGION_RAM, REGION_UNTRACED, REGION_HIDDEN, REGION_MIXED };

static bool overlaps(const struct memory_range *r, hpa_t start, hpa_t end)
{
    return start < r->end && r->start < end;
}
static bool covers(const struct memory_range *r, hpa_t start, hpa_t end)
{
    return r->start <= start && end <= r->end;
}

/* RAM by what the filter says of its pages. */
static enum region traced_region(hpa_t start, hpa_t end)
{
    const struct filter_ranges *ranges = &traced;
    bool touched = ranges->count == 0;
    for (uint32_t i = 0; i < ranges->count; i++) {
        const struct memory_range pages = {.start = align_down(ranges->range[i].first, PAGE_SIZE),
                                           .end = ranges->range[i].last | (PAGE_SIZE - 1)};
        if (pages.start <= start && end - 1 <= pages.end)
            return REGION_RAM;
        touched = touched || (start <= pages.end && pages.start < end);
    }
    return !touched ? REGION_UNTRACED : ranges->count ? REGION_MIXED : REGION_RAM;
}

static enum region region_of(hpa_t start, hpa_t end)
{
    for (size_t i = 0; i < machine->hidden_count; i++)
        if (overlaps(&machine->hidden[i], start, end))
            return covers(&machine->hidden[i], start, end) ? REGION_HIDDEN : REGION_MIXED;
    for (size_t i = 0; i < machine->map_count; i++) {
        const struct memory_range *r = &machine->map[i];
        if (r->type == MEMORY_RAM && overlaps(r, start, end))
            return covers(r, start, end) ? traced_region(start, end) : REGION_MIXED;
    }
    return REGION_DEVICE;
}

/* A page that is RAM in part only counts as what its first byte is. */
static enum region page_region(hpa_t page)
{
    enum region r = region_of(page, page + PAGE_SIZE);
    return r == REGION_MIXED ? region_of(page, page + 1) : r;
}

bool ept_is_hidden(gpa_t p)
{
    return machine_is_hidden(machine, p, p + 1);
}

/* Asked for every access: the range of the time before is the likely one. */
bool ept_is_traced(gpa_t p)
{
    static const struct memory_range *last;
    if (ept_is_hidden(p))
        return false;
    if (last && covers(last, p & PAGE_MASK, (p & PAGE_MASK) + PAGE_SIZE))
        return true;
    for (size_t i = 0; i < machine->map_count; i++) {
        const struct memory_range *r = &machine->map[i];
        if (r->type == MEMORY_RAM && covers(r, p & PAGE_MASK, (p & PAGE_MASK) + 1)) {
            last = r;
            return true;
        }
    }
    return false;
}

static uint64_t leaf(enum ept_view view, enum region region, hpa_t p, bool large)
{
    uint64_t access = EPT_READ | EPT_WRITE | EPT_EXECUTE;
    if (region == REGION_HIDDEN)
        return view == VIEW_OPEN ? virt_to_phys(sink) | access | (uint64_t)CACHE_WB << EPT_TYPE_SHIFT : 0;
    if (region == REGION_RAM && view == VIEW_LOCKED)
        access &= ~EPT_WRITE;
    return p | access | (uint64_t)mtrr_type(p) << EPT_TYPE_SHIFT | (large ? EPT_LEAF : 0);
}

static unsigned index_at(hpa_t p, unsigned level)
{
    return (unsigned)(p >> (PAGE_SHIFT + 9 * (level - 1))) % ENTRIES;
}

static uint64_t *next_table(uint64_t *entry)
{
    if (!*entry)
        *entry = virt_to_phys(alloc_pages(1)) | TABLE_ACCESS;
    return phys_to_virt(*entry & EPT_ADDRESS);
}

/* Level 1 are 4 KiB pages, 2: 2 MiB, 3: 1 GiB. */
static uint64_t level_bytes(unsigned level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

static bool has_leaves(unsigned level)
{
    return level == 1 || (level == 2 && vmx_caps.has_2m_pages) || (level == 3 && vmx_caps.has_1g_pages);
}

/* The sink is one page, so hidden memory in the open view takes 4-KiB leaves; one table of them serves all.
 */
static uint64_t *sink_table(unsigned level)
{
    static uint64_t *tables[4];
    if (!tables[level]) {
        tables[level] = alloc_pages(1);
        for (unsigned i = 0; i < ENTRIES; i++)
            tables[level][i] = level == 1 ? leaf(VIEW_OPEN, REGION_HIDDEN, 0, false)
                                          : virt_to_phys(sink_table(level - 1)) | TABLE_ACCESS;
    }
    return tables[level];
}

static bool is_table(uint64_t entry, unsigned level)
{
    return level > 1 && entry && !(entry & EPT_LEAF);
}

/* Fills the entry for [p, p + level_bytes) with the largest leaves that are uniform. A table that is there
 * stays, so that filters that come and go take no more memory than one. */
static void map(enum ept_view view, uint64_t *entry, hpa_t p, unsigned level)
{
    uint64_t bytes = level_bytes(level);
    enum region region = level == 1 ? page_region(p) : region_of(p, p + bytes);

    if (level == 1) {
        *entry = leaf(view, region, p, false);
    } else if (region == REGION_HIDDEN) {
        *entry = view == VIEW_OPEN ? virt_to_phys(sink_table(level - 1)) | TABLE_ACCESS : 0;
    } else if (!is_table(*entry, level) && region != REGION_MIXED && has_leaves(level) &&
               mtrr_uniform(p, p + bytes)) {
        *entry = leaf(view, region, p, true);
    } else {
        if (!is_table(*entry, level))
            *entry = 0;
        uint64_t *table = next_table(entry);
        for (unsigned i = 0; i < ENTRIES; i++)
            map(view, &table[i], p + i * level_bytes(level - 1), level - 1);
    }
}

static void map_1g(enum ept_view view, hpa_t p)
{
    uint64_t *pdpt = next_table(&root[view][index_at(p, 4)]);
    map(view, &pdpt[index_at(p, 3)], p, 3);
}

bool ept_map_device(gpa_t p)
{
    if (p >> machine->physical_bits || p >> 48 || ept_is_hidden(p))
        return false;
    hpa_t start = align_down(p, HUGE_PAGE_SIZE);
    for (unsigned view = 0; view < VIEW_COUNT; view++)
        map_1g(view, start);
    return true;
}

void ept_set_filter(const struct filter_ranges *gpa)
{
    if (memcmp(&traced, gpa, sizeof(traced)) == 0)
        return;
    traced = *gpa;
    for (hpa_t p = 0; p < mapped_end; p += HUGE_PAGE_SIZE)
        map_1g(VIEW_LOCKED, p);
    invept_all();
}

void ept_clean_sink(void)
{
    memset(sink, 0xff, PAGE_SIZE);
}

uint64_t ept_pointer(enum ept_view view)
{
    return virt_to_phys(root[view]) | EPTP_WALK_4 | CACHE_WB;
}

void ept_init(const struct machine *m)
{
    machine = m;
    if (cpuid(1, 0).edx & CPUID_1_EDX_MTRR)
        mtrr_read(m->physical_bits, rdmsr);
    sink = alloc_pages(1);
    ept_clean_sink();

    /* The low 4 GiB hold the devices every guest uses; more is mapped as RAM asks or the guest touches it. */
    mapped_end = align_up(m->ram_end > GIB(4) ? m->ram_end : GIB(4), HUGE_PAGE_SIZE);
    for (unsigned view = 0; view < VIEW_COUNT; view++) {
        root[view] = alloc_pages(1);
        for (hpa_t p = 0; p < mapped_end; p += HUGE_PAGE_SIZE)
            map_1g((enum ept_view)view, p);
    }
    invept_all();
}
