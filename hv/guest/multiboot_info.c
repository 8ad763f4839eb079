/*
 * The bytes of the information structure: the structure, then what it points to. Not given, and not flagged:
 * boot device, symbols and ELF section headers, drives, BIOS configuration table, APM, VBE and framebuffer.
 */
#include "guest/multiboot_info.h"

#include "trace/bytes.h"

#include <string.h>

enum info_flag {
    INFO_MEMORY = 1u << 0,
    INFO_COMMAND_LINE = 1u << 2,
    INFO_MODULES = 1u << 3,
    INFO_MAP = 1u << 6,
    INFO_LOADER = 1u << 9,
};

enum info_offset {
    I_FLAGS = 0,
    I_MEM_LOWER = 4,
    I_MEM_UPPER = 8,
    I_CMDLINE = 16,
    I_MODS_COUNT = 20,
    I_MODS_ADDR = 24,
    I_MMAP_LENGTH = 44,
    I_MMAP_ADDR = 48,
    I_LOADER_NAME = 64,
};
#define INFO_BYTES 120u
#define MODULE_BYTES 16u
#define RANGE_BYTES 24u

/* Room for `bytes`, zeroed; its offset, or SIZE_MAX when there is none. */
static size_t reserve(struct guest_plan *plan, size_t bytes)
{
    size_t at = align_up(plan->info_bytes, 8);

    if (at > GUEST_INFO_BYTES_MAX || bytes > GUEST_INFO_BYTES_MAX - at)
        return SIZE_MAX;
    memset(plan->info_data + plan->info_bytes, 0, at + bytes - plan->info_bytes);
    plan->info_bytes = at + bytes;
    return at;
}

static uint32_t address_of(const struct guest_plan *plan, size_t offset)
{
    return (uint32_t)(plan->info + offset);
}

/* Copies `s` and puts its address into the field at offset `field`. */
static bool put_string(struct guest_plan *plan, size_t field, const char *s)
{
    size_t length = strlen(s), at = reserve(plan, length + 1);

    if (at == SIZE_MAX)
        return false;
    memcpy(plan->info_data + at, s, length);
    store32(plan->info_data + field, address_of(plan, at));
    return true;
}

static bool put_modules(struct guest_plan *plan, const struct guest_source *source)
{
    size_t table = reserve(plan, source->module_count * MODULE_BYTES);

    if (table == SIZE_MAX)
        return false;
    store32(plan->info_data + I_MODS_COUNT, (uint32_t)source->module_count);
    store32(plan->info_data + I_MODS_ADDR, address_of(plan, table));
    for (size_t i = 0; i < source->module_count; i++) {
        size_t entry = table + i * MODULE_BYTES;

        store32(plan->info_data + entry, (uint32_t)plan->module_start[i]);
        store32(plan->info_data + entry + 4, (uint32_t)plan->module_end[i]);
        if (!put_string(plan, entry + 8, source->modules[i].string))
            return false;
    }
    return true;
}

static bool put_map(struct guest_plan *plan, const struct memory_map *map)
{
    size_t table = reserve(plan, map->count * RANGE_BYTES);

    if (table == SIZE_MAX)
        return false;
    store32(plan->info_data + I_MMAP_LENGTH, (uint32_t)(map->count * RANGE_BYTES));
    store32(plan->info_data + I_MMAP_ADDR, address_of(plan, table));
    for (size_t i = 0; i < map->count; i++) {
        uint8_t *entry = plan->info_data + table + i * RANGE_BYTES;

        store32(entry, RANGE_BYTES - 4); /* the size does not count itself */
        store64(entry + 4, map->range[i].start);
        store64(entry + 12, map->range[i].end - map->range[i].start);
        store32(entry + 20, map->range[i].type);
    }
    return true;
}

/* RAM from `start` on up to the first hole, in KiB. */
static uint32_t contiguous_kib(const struct memory_map *map, hpa_t start, hpa_t limit)
{
    hpa_t end = start;

    for (size_t i = 0; i < map->count; i++)
        if (map->range[i].type == MEMORY_RAM && map->range[i].start <= end && end < map->range[i].end)
            end = map->range[i].end;
    if (end > limit)
        end = limit;
    return (uint32_t)((end - start) >> 10);
}

bool multiboot_info_build(struct guest_plan *plan, const struct guest_source *source,
                          const struct memory_map *guest_map)
{
    uint8_t *info = plan->info_data;

    plan->info_bytes = 0;
    reserve(plan, INFO_BYTES);
    store32(info + I_FLAGS, INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES | INFO_MAP | INFO_LOADER);
    store32(info + I_MEM_LOWER, contiguous_kib(guest_map, 0, LOW_MEMORY_END));
    store32(info + I_MEM_UPPER, contiguous_kib(guest_map, MIB(1), GIB(4)));
    return put_string(plan, I_CMDLINE, source->kernel->string) && put_modules(plan, source) &&
           put_map(plan, guest_map) && put_string(plan, I_LOADER_NAME, "Engram");
}
