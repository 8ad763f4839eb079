/*
 * Boot information from a hostile loader. The first byte says which protocol; the rest is memory from 0x1000
 * on, where the structure lies. What is accepted must be well-formed.
 */
#include "acpi.h"
#include "bootinfo.h"
#include "options.h"
#include "processors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define BASE 0x1000u

#define MEMORY_MAX (1u << 16)

static const uint8_t *memory;
static size_t memory_bytes;
static uint8_t writable[MEMORY_MAX]; /* the same memory, for what changes tables */

static const void *read_memory(hpa_t start, size_t size)
{
    hpa_t at = start - BASE;

    return start >= BASE && at <= memory_bytes && size <= memory_bytes - at ? memory + at : NULL;
}

static void *write_memory(hpa_t start, size_t size)
{
    hpa_t at = start - BASE;

    return start >= BASE && at <= memory_bytes && size <= memory_bytes - at ? writable + at : NULL;
}

static void check_map(const struct memory_map *map)
{
    CHECK(map->count && map->count <= MEMORY_RANGES_MAX);
    for (size_t i = 0; i < map->count; i++) {
        CHECK(map->range[i].start < map->range[i].end);
        CHECK(map->range[i].type >= MEMORY_RAM && map->range[i].type <= MEMORY_BAD);
        CHECK(!i || map->range[i - 1].end <= map->range[i].start);
    }
}

static void check_strings(const struct bootinfo *b)
{
    CHECK(memchr(b->command_line, 0, sizeof(b->command_line)));
    CHECK(memchr(b->loader, 0, sizeof(b->loader)));
    CHECK(b->module_count <= BOOT_MODULES_MAX);
    for (size_t i = 0; i < b->module_count; i++)
        CHECK(memchr(b->module[i].string, 0, sizeof(b->module[i].string)));
}

/* What follows in the boot flow: options from the command line, ACPI from the RSDP. */
static void go_on(const struct bootinfo *b)
{
    static struct options options;
    static struct acpi_info acpi;
    char error[OPTIONS_ERROR_BYTES] = "";

    if (!options_parse(&options, b->command_line, error, sizeof(error)))
        CHECK(error[0] && !strchr(error, '\n'));
    CHECK(options.ring_bytes >= RING_BYTES_MIN && options.ring_bytes % RING_SEGMENT_BYTES == 0);
    acpi_find(&acpi, b->rsdp_bytes ? b->rsdp : NULL, b->rsdp_bytes, read_memory, error, sizeof(error));
    if (acpi.madt && memory_bytes <= sizeof(writable)) {
        memcpy(writable, memory, memory_bytes);
        processors_hide_others(&acpi, 0, read_memory, write_memory);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bootinfo b;
    char error[256] = "";
    bool ok;

    if (!size)
        return 0;
    memory = data + 1;
    memory_bytes = size - 1;
    ok = bootinfo_parse(&b, data[0] & 1 ? MULTIBOOT2_LOADER_MAGIC : MULTIBOOT1_LOADER_MAGIC, BASE,
                        read_memory, error, sizeof(error));
    check_strings(&b);
    if (ok)
        check_map(&b.map);
    else
        CHECK(error[0] && !strchr(error, '\n'));
    go_on(&b);
    return 0;
}
