/*
 * struct boot_params, the "zero page" (Documentation/arch/x86/zero-page.rst and boot.rst). Not given: what
 * only a real-mode BIOS tells (APM, EDD, EDID, drives) and EFI's tables.
 */
#include "guest/linux_params.h"

#include "trace/bytes.h"
#include "x86/paging.h"

#include <string.h>

enum params_offset {
    P_SCREEN_X = 0x000,
    P_SCREEN_Y = 0x001,
    P_VIDEO_MODE = 0x006,
    P_VIDEO_COLS = 0x007,
    P_VIDEO_LINES = 0x00e,
    P_VIDEO_TYPE = 0x00f, /* orig_video_isVGA */
    P_VIDEO_POINTS = 0x010,
    P_LFB_WIDTH = 0x012,
    P_LFB_HEIGHT = 0x014,
    P_LFB_DEPTH = 0x016,
    P_LFB_BASE = 0x018,
    P_LFB_SIZE = 0x01c, /* in 64 KiB */
    P_LFB_LINE = 0x024,
    P_LFB_COLOURS = 0x026, /* size and position of red, green, blue, reserved */
    P_LFB_CAPABILITIES = 0x036,
    P_LFB_BASE_HIGH = 0x03a,
    P_RSDP = 0x070,
    P_MEMORY_KIB = 0x1e0, /* alt_mem_k, from 1 MiB on */
    P_E820_COUNT = 0x1e8,
    P_LOADER = 0x210, /* type_of_loader */
    P_INITRD = 0x218,
    P_INITRD_BYTES = 0x21c,
    P_COMMAND_LINE = 0x228,
    P_E820 = 0x2d0,
};
#define PARAMS_BYTES 0x1000u
#define E820_BYTES 20u
#define E820_MAX 128u
_Static_assert(MEMORY_RANGES_MAX <= E820_MAX, "every memory map fits into boot_params");

#define LOADER_UNREGISTERED 0xffu
#define VERSION_RSDP 0x20eu

/* ---- room ---- */

static bool reserve(struct guest_plan *plan, size_t bytes, size_t align, size_t *at)
{
    *at = align_up(plan->info_bytes, align);
    if (*at > GUEST_INFO_BYTES_MAX || bytes > GUEST_INFO_BYTES_MAX - *at)
        return false;
    memset(plan->info_data + plan->info_bytes, 0, *at + bytes - plan->info_bytes);
    plan->info_bytes = *at + bytes;
    return true;
}

static bool put(struct guest_plan *plan, const void *from, size_t bytes, size_t align, gpa_t *place)
{
    size_t at;
    if (!reserve(plan, bytes, align, &at))
        return false;
    memcpy(plan->info_data + at, from, bytes);
    *place = plan->info + at;
    return true;
}

/* ---- boot_params ---- */

/* Text screens are those of a VGA, 80x25. */
#define VIDEO_TYPE_VGA 0x22u
#define VIDEO_MODE_TEXT 3u
#define VGA_FONT_LINES 16u
#define VIDEO_TYPE_FRAMEBUFFER 0x23u /* VESA's linear one */
#define CAPABILITY_64_BIT_BASE 2u

static void put_text_screen(uint8_t *params, const struct bootinfo *boot)
{
    bool said = boot->screen_width && boot->screen_width <= 0xff && boot->screen_height <= 0xff;
    params[P_VIDEO_MODE] = VIDEO_MODE_TEXT;
    params[P_VIDEO_COLS] = said ? (uint8_t)boot->screen_width : 80;
    params[P_VIDEO_LINES] = said ? (uint8_t)boot->screen_height : 25;
    params[P_SCREEN_Y] = (uint8_t)(params[P_VIDEO_LINES] - 1);
    params[P_VIDEO_TYPE] = VIDEO_TYPE_VGA;
    store16(params + P_VIDEO_POINTS, VGA_FONT_LINES);
}

/* Where a pixel's colours stand is not in struct bootinfo; these are the places that firmware uses. */
static void put_framebuffer(uint8_t *params, const struct bootinfo *boot)
{
    static const uint8_t colours_32[] = {8, 16, 8, 8, 8, 0, 8, 24}, colours_16[] = {5, 11, 6, 5, 5, 0, 0, 0};
    uint64_t bytes = (uint64_t)boot->screen_pitch * boot->screen_height;
    bool deep = boot->screen_bits == 32 || boot->screen_bits == 24;
    if (!(deep || boot->screen_bits == 16) || boot->screen_pitch > UINT16_MAX ||
        boot->screen_width > UINT16_MAX || boot->screen_height > UINT16_MAX)
        return;
    params[P_VIDEO_TYPE] = VIDEO_TYPE_FRAMEBUFFER;
    store16(params + P_LFB_WIDTH, (uint16_t)boot->screen_width);
    store16(params + P_LFB_HEIGHT, (uint16_t)boot->screen_height);
    store16(params + P_LFB_DEPTH, boot->screen_bits);
    store32(params + P_LFB_BASE, (uint32_t)boot->screen_address);
    store32(params + P_LFB_BASE_HIGH, (uint32_t)(boot->screen_address >> 32));
    store32(params + P_LFB_CAPABILITIES, boot->screen_address >> 32 ? CAPABILITY_64_BIT_BASE : 0);
    store32(params + P_LFB_SIZE, (uint32_t)((bytes + 0xffff) >> 16));
    store16(params + P_LFB_LINE, (uint16_t)boot->screen_pitch);
    memcpy(params + P_LFB_COLOURS, deep ? colours_32 : colours_16, sizeof colours_32);
    if (boot->screen_bits == 24)
        params[P_LFB_COLOURS + 6] = params[P_LFB_COLOURS + 7] = 0;
}

static void put_screen(uint8_t *params, const struct bootinfo *boot)
{
    if (!boot)
        return;
    if (boot->screen == SCREEN_TEXT)
        put_text_screen(params, boot);
    else if (boot->screen == SCREEN_GRAPHICS)
        put_framebuffer(params, boot);
}

/* The types of the BIOS's map are those of boot_params. */
static void put_memory_map(uint8_t *params, const struct memory_map *map)
{
    gpa_t end = MIB(1);
    params[P_E820_COUNT] = (uint8_t)map->count;
    for (size_t i = 0; i < map->count; i++) {
        const struct memory_range *r = &map->range[i];
        uint8_t *entry = params + P_E820 + i * E820_BYTES;
        store64(entry, r->start);
        store64(entry + 8, r->end - r->start);
        store32(entry + 16, r->type);
        if (r->type == MEMORY_RAM && r->start <= end && r->end > end)
            end = r->end;
    }
    store32(params + P_MEMORY_KIB, (uint32_t)((end - MIB(1)) >> 10));
}

/* ---- what the entry needs ---- */

#define ENTRIES 512u
#define TABLES (1u + 1u + GIB(4) / GIB(1))

/* The first 4 GiB at their own addresses, by pages of 2 MiB. */
static bool put_page_tables(struct guest_plan *plan)
{
    size_t at;
    if (!reserve(plan, TABLES * PAGE_SIZE, PAGE_SIZE, &at))
        return false;
    uint8_t *tables = plan->info_data + at;
    gpa_t place = plan->info + at;
    store64(tables, (place + PAGE_SIZE) | PTE_PRESENT | PTE_WRITABLE);
    for (unsigned i = 0; i < GIB(4) / GIB(1); i++)
        store64(tables + PAGE_SIZE + 8 * i, (place + (2 + i) * PAGE_SIZE) | PTE_PRESENT | PTE_WRITABLE);
    for (uint64_t i = 0; i < GIB(4) / LARGE_PAGE_SIZE; i++)
        store64(tables + 2 * PAGE_SIZE + 8 * i,
                i * LARGE_PAGE_SIZE | PTE_PRESENT | PTE_WRITABLE | PTE_PAGE_SIZE);
    return true;
}

/* Flat segments at the selectors that the protocol names; all of them accessed already. */
#define DESCRIPTOR_CODE_32 0x00cf9b000000ffffull
#define DESCRIPTOR_CODE_64 0x00af9b000000ffffull
#define DESCRIPTOR_DATA 0x00cf93000000ffffull

static bool put_gdt(struct guest_plan *plan, bool wide, struct table_register *gdt)
{
    const uint64_t descriptors[] = {0, 0, wide ? DESCRIPTOR_CODE_64 : DESCRIPTOR_CODE_32, DESCRIPTOR_DATA};
    gdt->limit = sizeof descriptors - 1;
    return put(plan, descriptors, sizeof descriptors, 16, &gdt->base);
}

const char *linux_command_line(const struct boot_module *kernel)
{
    const char *p = kernel->string;
    while (*p && *p != ' ' && *p != '\t')
        p++;
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static bool put_rsdp(struct guest_plan *plan, const struct linux_header *h, const struct guest_source *source)
{
    gpa_t place;
    if (!source->rsdp_bytes || h->version < VERSION_RSDP)
        return true;
    if (!put(plan, source->rsdp, source->rsdp_bytes, 16, &place))
        return false;
    store64(plan->info_data + LINUX_INFO_PARAMS + P_RSDP, place);
    return true;
}

bool linux_params_build(struct placer *p, const struct linux_header *h, const struct linux_initrd *initrd,
                        struct table_register *gdt)
{
    struct guest_plan *plan = p->plan;
    const uint8_t *file = p->source->kernel_bytes;
    const char *line = linux_command_line(p->source->kernel);
    uint8_t *params = plan->info_data + LINUX_INFO_PARAMS;
    gpa_t line_place;
    size_t at;

    plan->info_bytes = 0;
    if (!reserve(plan, PARAMS_BYTES, PAGE_SIZE, &at) || (h->entry_64 && !put_page_tables(plan)) ||
        !put_gdt(plan, h->entry_64, gdt) || !put(plan, line, strlen(line) + 1, 1, &line_place) ||
        !put_rsdp(plan, h, p->source))
        return false;
    memcpy(params + LINUX_HEADER_START, file + LINUX_HEADER_START, h->header_end - LINUX_HEADER_START);
    params[P_LOADER] = LOADER_UNREGISTERED;
    store32(params + P_COMMAND_LINE, (uint32_t)line_place);
    store32(params + P_INITRD, (uint32_t)initrd->start);
    store32(params + P_INITRD_BYTES, (uint32_t)initrd->bytes);
    put_screen(params, p->source->boot);
    put_memory_map(params, &p->guest_map);
    return true;
}
