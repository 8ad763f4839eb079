/*
 * The address space in which the translator and the translated code run: their
 * own part of the image and their own memory, guest RAM and devices as one
 * window, and the gate, which CPL 3 cannot reach. Entry bits: SDM Vol. 3A, 4.5.4.
 */
#include "console.h"
#include "dbt/dbt.h"
#include "dbt/dbt_engine.h"
#include "memory.h"
#include "trace/ring.h"
#include "x86/cpu.h"

#define ENTRIES 512u
#define PRESENT (1ull << 0)
#define WRITABLE (1ull << 1)
#define USER (1ull << 2)
#define LARGE (1ull << 7)
#define NO_EXECUTE (1ull << 63)
#define TABLE_ADDRESS 0x000ffffffffff000ull

/* The code cache and its tables may take an eighth of the RAM: a kernel with its programs has nearly a
 * hundred thousand blocks, and what does not fit is translated again and again. */
#define BLOCKS_MIN 16384u
#define BLOCKS_MAX 131072u
#define CODE_PER_BLOCK 512u
#define SPARSE 4u /* times as much where code is sparse (dbt/translate.c) */
#define INSNS_PER_BLOCK 8u
#define EXITS_PER_BLOCK 8u
/* A block's entry, and those of ways out in its middle. */
#define DICTIONARY_PER_BLOCK (2u * (sizeof(struct raw_block) + 5u * sizeof(struct raw_access)))
#define BYTES_PER_BLOCK                                                                                      \
    (CODE_PER_BLOCK + DICTIONARY_PER_BLOCK + sizeof(struct block) +                                          \
     INSNS_PER_BLOCK * sizeof(struct block_insn) + EXITS_PER_BLOCK * sizeof(struct exit_site))
#define STACK_BYTES KIB(64)
#define GUARD_BYTES KIB(64) /* unmapped, behind everything */
#define SLACK_BYTES MIB(1)

/* linker.ld */
extern uint8_t dbt_text_start[], dbt_text_end[], dbt_rodata_start[], dbt_rodata_end[], dbt_data_start[],
    dbt_data_end[];

struct user_space user_space;

static uint64_t *root, *budget_slot;
static uint64_t budget_entry;
static bool budget_open;
static hpa_t memory_next, memory_end;
static uint64_t user_next;

static unsigned slot(uint64_t va, unsigned level)
{
    return va >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

/* The entry for `va` at `level`; tables on the way are made, and leave the decision to the last entry. */
static uint64_t *entry_at(uint64_t va, unsigned level)
{
    uint64_t *table = root;
    for (unsigned l = 4; l > level; l--) {
        uint64_t *entry = &table[slot(va, l)];
        if (!*entry)
            *entry = virt_to_phys(alloc_pages(1)) | PRESENT | WRITABLE | USER;
        table = phys_to_virt(*entry & TABLE_ADDRESS);
    }
    return &table[slot(va, level)];
}

static void map(uint64_t va, hpa_t pa, uint64_t bytes, uint64_t flags)
{
    while (bytes) {
        bool large = !((va | pa) & (LARGE_PAGE_SIZE - 1)) && bytes >= LARGE_PAGE_SIZE;
        uint64_t step = large ? LARGE_PAGE_SIZE : PAGE_SIZE;
        *entry_at(va, large ? 2 : 1) = pa | flags | PRESENT | (large ? LARGE : 0);
        va += step;
        pa += step;
        bytes -= bytes < step ? bytes : step;
    }
}

static void map_image(const uint8_t *start, const uint8_t *end, uint64_t flags)
{
    map((uint64_t)start, virt_to_phys(start), (uint64_t)(end - start), flags);
}

/* ---- the engine's own memory ---- */

/* QEMU without KVM says so (its leaf 40000000H, as every hypervisor has one). */
static bool code_is_translated(void)
{
    struct cpuid name = cpuid(0x40000000, 0);
    return cpuid(1, 0).ecx >> 31 && memcmp(&name.ebx, "TCGT", 4) == 0 && memcmp(&name.ecx, "CGTC", 4) == 0;
}

static uint32_t blocks_for(const struct machine *m)
{
    uint64_t blocks = align_down(m->ram_end / 8 / BYTES_PER_BLOCK, PAGE_SIZE);
    return blocks < BLOCKS_MIN ? BLOCKS_MIN : blocks > BLOCKS_MAX ? BLOCKS_MAX : (uint32_t)blocks;
}

static uint64_t code_bytes_for(const struct machine *m)
{
    return (uint64_t)blocks_for(m) * CODE_PER_BLOCK * (code_is_translated() ? SPARSE : 1);
}

static uint64_t dictionary_for(const struct machine *m)
{
    uint64_t for_ring = dictionary_bytes(m->ring_bytes),
             for_blocks = align_up(blocks_for(m) * DICTIONARY_PER_BLOCK, PAGE_SIZE);
    return for_ring > for_blocks ? for_ring : for_blocks;
}

uint64_t space_memory_bytes(const struct machine *m)
{
    return align_up(dictionary_for(m) + code_bytes_for(m) +
                        blocks_for(m) * (BYTES_PER_BLOCK - DICTIONARY_PER_BLOCK - CODE_PER_BLOCK) +
                        (m->ram_end >> PAGE_SHIFT) * (1 + sizeof(void *)) + 2 * STACK_BYTES + SLACK_BYTES,
                    LARGE_PAGE_SIZE);
}

static hpa_t take_memory(uint64_t bytes)
{
    hpa_t at = memory_next;
    if (bytes > memory_end - memory_next)
        panic("the DBT engine's memory was reckoned too small; please report this machine's memory size");
    memory_next += bytes;
    return at;
}

/* From `va` on, where `pa` can be mapped with large pages. */
static uint64_t in_step(uint64_t va, hpa_t pa)
{
    return va + ((pa - va) & (LARGE_PAGE_SIZE - 1));
}

/* Writable at CPL 3, which clears it. */
static void *user_alloc(uint64_t bytes)
{
    bytes = align_up(bytes, PAGE_SIZE);
    hpa_t pa = take_memory(bytes);
    uint64_t va = in_step(user_next, pa);
    map(va, pa, bytes, USER | WRITABLE | NO_EXECUTE);
    user_next = va + bytes + GUARD_BYTES;
    return (void *)va;
}

static void map_code(uint64_t bytes)
{
    hpa_t pa = take_memory(bytes);
    map(USER_CODE, pa, bytes, USER | WRITABLE);
    user_space.code_bytes = bytes;
    dbt_shared.code = (void *)USER_CODE;
    dbt_shared.code_bytes = bytes;
}

_Static_assert(USER_BUDGET % GIB(1) == 0 && USER_BUDGET_BYTES <= GIB(1),
               "one entry of level 3 maps the budget");

static uint64_t table_full_of(uint64_t entry)
{
    uint64_t *table = alloc_pages(1);
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = entry;
    return virt_to_phys(table) | PRESENT | USER;
}

/* All of it one page of zeros. */
static void map_budget(void)
{
    hpa_t zeros = virt_to_phys(alloc_pages(1));
    budget_entry = table_full_of(table_full_of(zeros | PRESENT | USER | NO_EXECUTE));
    budget_slot = entry_at(USER_BUDGET, 3);
    space_open_budget(true);
}

/* The entry changes while the core's tables are in CR3; the gate loads it on the way out, which forgets the
 * old one. */
void space_open_budget(bool open)
{
    if (open == budget_open)
        return;
    *budget_slot = open ? budget_entry : 0;
    budget_open = open;
}

bool space_budget_is_open(void)
{
    return budget_open;
}

static void make_tables(const struct machine *m)
{
    struct dbt *d = &dbt_user_engine;
    uint64_t pages = m->ram_end >> PAGE_SHIFT;
    uint32_t blocks = blocks_for(m);
    user_next = USER_MEMORY;
    d->page_flags = user_alloc(pages);
    d->page_blocks = user_alloc(pages * sizeof(void *));
    d->block_max = blocks;
    d->insn_max = INSNS_PER_BLOCK * blocks;
    d->exit_max = EXITS_PER_BLOCK * blocks;
    d->blocks = user_alloc(d->block_max * sizeof(*d->blocks));
    d->insns = user_alloc(d->insn_max * sizeof(*d->insns));
    d->exits = user_alloc(d->exit_max * sizeof(*d->exits));
    user_space.stack = (uint64_t)user_alloc(STACK_BYTES) + STACK_BYTES;
    user_space.command_stack = (uint64_t)user_alloc(STACK_BYTES) + STACK_BYTES;
}

/* ---- segments of the ring ---- */

_Static_assert(LARGE_PAGE_SIZE % USER_TRACE_STRIDE == 0, "the entries of a segment lie in one table");

/* `step` is from page to page. */
static void map_segment(unsigned i, hpa_t pa, uint64_t step, uint32_t bytes)
{
    uint64_t *entry = entry_at(USER_TRACE + i * USER_TRACE_STRIDE, 1);
    for (uint32_t page = 0; page < bytes >> PAGE_SHIFT; page++, pa += step)
        entry[page] = pa | PRESENT | WRITABLE | USER | NO_EXECUTE;
}

void space_map_segment(unsigned i, hpa_t pa, uint32_t bytes)
{
    map_segment(i, pa, PAGE_SIZE, bytes);
}

void space_map_void_segment(uint32_t bytes)
{
    static hpa_t page;
    if (!page)
        page = virt_to_phys(alloc_pages(1));
    map_segment(0, page, 0, bytes);
}

/* ---- guest-physical memory ---- */

static void mark(uint8_t *flags, hpa_t start, hpa_t end, hpa_t limit, uint8_t flag)
{
    end = end < limit ? end : limit;
    if (start < end)
        memset(flags + (start >> PAGE_SHIFT), flag, (end - start) >> PAGE_SHIFT);
}

/* Flags as dbt/memory.c reads them; written through the direct map, as USER_MEMORY is not mapped in the core.
 * Only pages that are RAM from end to end count as RAM. */
static void mark_pages(const struct machine *m, uint8_t *flags)
{
    hpa_t limit = align_down(m->ram_end, PAGE_SIZE);
    mark(flags, 0, limit, limit, PAGE_DEVICE);
    for (size_t i = 0; i < m->map_count; i++)
        if (m->map[i].type == MEMORY_RAM)
            mark(flags, align_up(m->map[i].start, PAGE_SIZE), align_down(m->map[i].end, PAGE_SIZE), limit, 0);
    for (size_t i = 0; i < m->hidden_count; i++)
        mark(flags, align_down(m->hidden[i].start, PAGE_SIZE), align_up(m->hidden[i].end, PAGE_SIZE), limit,
             PAGE_HIDDEN);
}

static const struct memory_range *hidden_at(const struct machine *m, hpa_t at)
{
    for (size_t i = 0; i < m->hidden_count; i++)
        if (m->hidden[i].start <= at && at < m->hidden[i].end)
            return &m->hidden[i];
    return NULL;
}

/* Small pages where the memory type may change within a large one (SDM Vol. 3A, 11.11.9): the first MiB. */
static void map_window(const struct machine *m, hpa_t end)
{
    for (hpa_t p = 0; p < end;) {
        const struct memory_range *hidden = hidden_at(m, p);
        if (hidden) {
            p = hidden->end;
            continue;
        }
        bool large = !(p & (LARGE_PAGE_SIZE - 1)) && p && end - p >= LARGE_PAGE_SIZE &&
                     !machine_is_hidden(m, p, p + LARGE_PAGE_SIZE);
        *entry_at(USER_WINDOW + p, large ? 2 : 1) =
            p | PRESENT | WRITABLE | USER | NO_EXECUTE | (large ? LARGE : 0);
        p += large ? LARGE_PAGE_SIZE : PAGE_SIZE;
    }
}

void space_begin(void)
{
    root = alloc_pages(1);
    map_image(dbt_text_start, dbt_text_end, USER);
    map_image(dbt_rodata_start, dbt_rodata_end, USER | NO_EXECUTE);
    map_image(dbt_data_start, dbt_data_end, USER | WRITABLE | NO_EXECUTE);
    map_image(gate_text_start, gate_text_end, 0);
    map_image(gate_data_start, gate_data_end, WRITABLE | NO_EXECUTE);
    gate_user_cr3 = virt_to_phys(root);
    gate_core_cr3 = read_cr3();
}

void space_init(const struct machine *m)
{
    struct dbt *d = &dbt_user_engine;
    hpa_t window_end = m->ram_end > GIB(4) ? m->ram_end : GIB(4);
    memory_next = m->engine_memory.start;
    memory_end = m->engine_memory.end;
    uint64_t dictionary = dictionary_for(m);
    window_init(phys_to_virt(take_memory(dictionary)), dictionary, m);
    hpa_t flags = memory_next; /* what make_tables() takes first */
    make_tables(m);
    map_code(code_bytes_for(m));
    d->sparse = code_is_translated();
    map_budget();
    map_window(m, window_end);
    mark_pages(m, phys_to_virt(flags));
    d->ram = (uint8_t *)USER_WINDOW;
    d->ram_bytes = align_down(m->ram_end, PAGE_SIZE);
    d->window_bytes = window_end;
}
