/*
 * Boot information. Everything the structures say is checked before it is believed: a boot loader's mistake
 * must end in a line that says so, not in a wrong memory map.
 */
#include "bootinfo.h"

#include "error_text.h"
#include "trace/bytes.h"

#include <string.h>

/* Where a parser stands: what it fills in, how it reads, where errors go. */
struct parser {
    struct bootinfo *b;
    physical_reader read;
    char *error;
    size_t error_size;
};

#define FAIL(p, ...) error_text((p)->error, (p)->error_size, __VA_ARGS__)

/* Copies a string of unknown length from physical memory. Longer than `max`: false; `to` then has its
 * beginning. */
static bool copy_string(struct parser *p, char *to, size_t max, hpa_t from, const char *what)
{
    for (size_t i = 0; i <= max; i++) {
        const char *c = p->read(from + i, 1);

        if (!c) {
            to[i] = '\0';
            return FAIL(p, "boot information: %s at 0x%lx cannot be read", what, from + i);
        }
        to[i] = *c;
        if (!*c)
            return true;
    }
    to[max] = '\0';
    return FAIL(p, "boot information: %s is longer than %zu bytes: shorten it", what, max);
}

/* The loader's name is only shown: cutting it is no error. */
static void copy_cut(char *to, size_t max, const char *from, size_t bytes)
{
    size_t n = 0;

    while (n < bytes && n < max && from[n])
        n++;
    memcpy(to, from, n);
    to[n] = '\0';
}

static bool add_range(struct parser *p, hpa_t start, uint64_t length, uint32_t type)
{
    /* Firmware has given ranges that end at 2^64; nothing real lies there. */
    hpa_t end = length > UINT64_MAX - start ? UINT64_MAX : start + length;

    if (!memory_map_add(&p->b->map, start, end, type))
        return FAIL(p, "boot information: the memory map has more than %d ranges", MEMORY_RANGES_MAX);
    return true;
}

/* The next module, its string still empty; NULL after an error. */
static struct boot_module *add_module(struct parser *p, hpa_t start, hpa_t end)
{
    struct bootinfo *b = p->b;
    struct boot_module *m;

    if (b->module_count == BOOT_MODULES_MAX) {
        FAIL(p, "boot information: more than %d modules: pass fewer", BOOT_MODULES_MAX);
        return NULL;
    }
    if (start > end) {
        FAIL(p, "boot information: module %zu ends at 0x%lx, before its start 0x%lx", b->module_count, end,
             start);
        return NULL;
    }
    m = &b->module[b->module_count++];
    m->start = start;
    m->end = end;
    m->string[0] = '\0';
    return m;
}

/* ---- Multiboot 1: a structure at a fixed layout, with addresses of the rest (specification 3.3) ---- */

#define MB1_BYTES 116
#define MB1_BYTES_WITHOUT_SCREEN 88
#define MB1_MAP_BYTES_MAX (1u << 20) /* far more than any firmware gives */

enum mb1_flag {
    MB1_MEMORY = 1u << 0,
    MB1_COMMAND_LINE = 1u << 2,
    MB1_MODULES = 1u << 3,
    MB1_MAP = 1u << 6,
    MB1_LOADER = 1u << 9,
    MB1_FRAMEBUFFER = 1u << 12,
};

enum mb1_offset {
    MB1_FLAGS = 0,
    MB1_MEM_LOWER = 4,
    MB1_MEM_UPPER = 8,
    MB1_CMDLINE = 16,
    MB1_MODS_COUNT = 20,
    MB1_MODS_ADDR = 24,
    MB1_MMAP_LENGTH = 44,
    MB1_MMAP_ADDR = 48,
    MB1_LOADER_NAME = 64,
    MB1_FB_ADDRESS = 88,
    MB1_FB_PITCH = 96,
    MB1_FB_WIDTH = 100,
    MB1_FB_HEIGHT = 104,
    MB1_FB_BITS = 108,
    MB1_FB_TYPE = 109,
};

/* Framebuffer types, the same in both protocols. */
#define FRAMEBUFFER_TEXT 2

static enum boot_screen screen_kind(uint8_t type)
{
    return type == FRAMEBUFFER_TEXT ? SCREEN_TEXT : SCREEN_GRAPHICS;
}

static bool mb1_modules(struct parser *p, uint32_t count, hpa_t table)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = p->read(table + 16ull * i, 16);
        struct boot_module *m;
        uint32_t string;

        if (!entry)
            return FAIL(p, "boot information: entry %u of the module list at 0x%lx cannot be read", i, table);
        string = load32(entry + 8);
        m = add_module(p, load32(entry), load32(entry + 4));
        if (!m)
            return false;
        if (string && !copy_string(p, m->string, BOOT_MODULE_STRING_MAX, string, "a module's string"))
            return false;
    }
    return true;
}

static bool mb1_map(struct parser *p, hpa_t at, uint32_t length)
{
    hpa_t end = at + length;

    if (length > MB1_MAP_BYTES_MAX)
        return FAIL(p, "boot information: a memory map of %u bytes cannot be right", length);
    /* An entry's own length does not count the field that holds it. */
    while (end - at >= 24) {
        const uint8_t *entry = p->read(at, 24);
        uint32_t bytes;

        if (!entry)
            return FAIL(p, "boot information: memory map at 0x%lx cannot be read", at);
        bytes = load32(entry);
        if (bytes < 20 || bytes > end - at - 4)
            return FAIL(p, "boot information: memory map entry at 0x%lx has an impossible length, %u", at,
                        bytes);
        if (!add_range(p, load64(entry + 4), load64(entry + 12), load32(entry + 20)))
            return false;
        at += 4ull + bytes;
    }
    return true;
}

static bool mb1_memory(struct parser *p, const uint8_t *info, uint32_t flags)
{
    if (flags & MB1_MAP)
        return mb1_map(p, load32(info + MB1_MMAP_ADDR), load32(info + MB1_MMAP_LENGTH));
    if (flags & MB1_MEMORY)
        return add_range(p, 0, KIB(load32(info + MB1_MEM_LOWER)), MEMORY_RAM) &&
               add_range(p, MIB(1), KIB(load32(info + MB1_MEM_UPPER)), MEMORY_RAM);
    return true;
}

static void mb1_screen(struct bootinfo *b, const uint8_t *info)
{
    b->screen = screen_kind(info[MB1_FB_TYPE]);
    b->screen_address = load64(info + MB1_FB_ADDRESS);
    b->screen_pitch = load32(info + MB1_FB_PITCH);
    b->screen_width = load32(info + MB1_FB_WIDTH);
    b->screen_height = load32(info + MB1_FB_HEIGHT);
    b->screen_bits = info[MB1_FB_BITS];
}

static bool mb1_parse(struct parser *p, hpa_t at)
{
    struct bootinfo *b = p->b;
    const uint8_t *info = p->read(at, MB1_BYTES_WITHOUT_SCREEN);
    uint32_t flags;

    if (!info)
        return FAIL(p, "boot information: Multiboot structure at 0x%lx cannot be read", at);
    flags = load32(info + MB1_FLAGS);
    if (flags & MB1_LOADER) {
        hpa_t name = load32(info + MB1_LOADER_NAME);
        const char *text = p->read(name, BOOT_LOADER_MAX);

        if (text)
            copy_cut(b->loader, BOOT_LOADER_MAX, text, BOOT_LOADER_MAX);
    }
    /* The command line first: it says where errors are to be shown. */
    if ((flags & MB1_COMMAND_LINE) &&
        !copy_string(p, b->command_line, BOOT_LINE_MAX, load32(info + MB1_CMDLINE), "the command line"))
        return false;
    if (flags & MB1_FRAMEBUFFER) {
        info = p->read(at, MB1_BYTES);
        if (!info)
            return FAIL(p, "boot information: Multiboot structure at 0x%lx cannot be read", at);
        mb1_screen(b, info);
    }
    if (!mb1_memory(p, info, flags))
        return false;
    return !(flags & MB1_MODULES) ||
           mb1_modules(p, load32(info + MB1_MODS_COUNT), load32(info + MB1_MODS_ADDR));
}

/* ---- Multiboot 2: tags one behind the other (specification 3.6) ---- */

enum mb2_tag {
    MB2_END = 0,
    MB2_COMMAND_LINE = 1,
    MB2_LOADER = 2,
    MB2_MODULE = 3,
    MB2_MEMORY = 4,
    MB2_MAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_RSDP_OLD = 14,
    MB2_RSDP_NEW = 15,
};

#define MB2_BYTES_MAX (16u << 20) /* far more than any loader gives */
#define MB2_RSDP_OLD_BYTES 20

/* A string that ends within the tag. */
static bool tag_string(struct parser *p, char *to, size_t max, const uint8_t *from, size_t bytes,
                       const char *what)
{
    size_t n = 0;

    while (n < bytes && from[n])
        n++;
    if (n == bytes)
        return FAIL(p, "boot information: %s does not end within its tag", what);
    copy_cut(to, max, (const char *)from, n);
    if (n > max)
        return FAIL(p, "boot information: %s is longer than %zu bytes: shorten it", what, max);
    return true;
}

static bool mb2_module(struct parser *p, const uint8_t *tag, uint32_t bytes)
{
    struct boot_module *m;

    if (bytes < 17)
        return FAIL(p, "boot information: module tag of %u bytes is too short", bytes);
    m = add_module(p, load32(tag + 8), load32(tag + 12));
    return m && tag_string(p, m->string, BOOT_MODULE_STRING_MAX, tag + 16, bytes - 16, "a module's string");
}

static bool mb2_map(struct parser *p, const uint8_t *tag, uint32_t bytes)
{
    uint32_t entry_bytes = bytes >= 16 ? load32(tag + 8) : 0;

    if (entry_bytes < 24)
        return FAIL(p, "boot information: memory map entries of %u bytes are too short", entry_bytes);
    p->b->map.count = 0;
    for (uint32_t at = 16; bytes - at >= entry_bytes; at += entry_bytes)
        if (!add_range(p, load64(tag + at), load64(tag + at + 8), load32(tag + at + 16)))
            return false;
    return true;
}

static void mb2_screen(struct bootinfo *b, const uint8_t *tag, uint32_t bytes)
{
    if (bytes < 30)
        return;
    b->screen = screen_kind(tag[29]);
    b->screen_address = load64(tag + 8);
    b->screen_pitch = load32(tag + 16);
    b->screen_width = load32(tag + 20);
    b->screen_height = load32(tag + 24);
    b->screen_bits = tag[28];
}

static void mb2_rsdp(struct bootinfo *b, const uint8_t *rsdp, uint32_t bytes)
{
    if (bytes < MB2_RSDP_OLD_BYTES || bytes > BOOT_RSDP_BYTES_MAX)
        return;
    memcpy(b->rsdp, rsdp, bytes);
    b->rsdp_bytes = bytes;
}

static bool mb2_tag(struct parser *p, const uint8_t *tag, uint32_t type, uint32_t bytes, bool *have_map)
{
    struct bootinfo *b = p->b;

    switch (type) {
    case MB2_COMMAND_LINE:
        return tag_string(p, b->command_line, BOOT_LINE_MAX, tag + 8, bytes - 8, "the command line");
    case MB2_LOADER:
        copy_cut(b->loader, BOOT_LOADER_MAX, (const char *)tag + 8, bytes - 8);
        return true;
    case MB2_MODULE:
        return mb2_module(p, tag, bytes);
    case MB2_MEMORY:
        if (*have_map || bytes < 16)
            return true;
        return add_range(p, 0, KIB(load32(tag + 8)), MEMORY_RAM) &&
               add_range(p, MIB(1), KIB(load32(tag + 12)), MEMORY_RAM);
    case MB2_MAP:
        *have_map = true;
        return mb2_map(p, tag, bytes);
    case MB2_FRAMEBUFFER:
        mb2_screen(b, tag, bytes);
        return true;
    case MB2_RSDP_OLD:
        if (!b->rsdp_bytes)
            mb2_rsdp(b, tag + 8, bytes - 8);
        return true;
    case MB2_RSDP_NEW:
        mb2_rsdp(b, tag + 8, bytes - 8);
        return true;
    default:
        return true;
    }
}

static bool mb2_tags(struct parser *p, const uint8_t *info, uint32_t total)
{
    bool have_map = false;

    for (uint64_t at = 8; at + 8 <= total;) {
        uint32_t type = load32(info + at), bytes = load32(info + at + 4);

        if (type == MB2_END)
            return true;
        if (bytes < 8 || bytes > total - at)
            return FAIL(p, "boot information: tag %u at offset %lu has an impossible length, %u", type, at,
                        bytes);
        if (!mb2_tag(p, info + at, type, bytes, &have_map))
            return false;
        at += align_up(bytes, 8);
    }
    return FAIL(p, "boot information: the Multiboot 2 tags have no end within %u bytes", total);
}

static bool mb2_parse(struct parser *p, hpa_t at)
{
    const uint8_t *info = p->read(at, 8);
    uint32_t total = info ? load32(info) : 0;

    if (!info || (at & 7) || total < 16 || total > MB2_BYTES_MAX)
        return FAIL(p, "boot information: Multiboot 2 structure at 0x%lx cannot be right (%u bytes)", at,
                    total);
    info = p->read(at, total);
    if (!info)
        return FAIL(p, "boot information: Multiboot 2 structure at 0x%lx cannot be read", at);
    return mb2_tags(p, info, total);
}

bool bootinfo_parse(struct bootinfo *b, uint32_t magic, hpa_t info, physical_reader read, char *error,
                    size_t size)
{
    struct parser p = {.b = b, .read = read, .error = error, .error_size = size};
    bool ok;

    memset(b, 0, sizeof(*b));
    if (magic == MULTIBOOT1_LOADER_MAGIC) {
        b->protocol = 1;
        ok = mb1_parse(&p, info);
    } else if (magic == MULTIBOOT2_LOADER_MAGIC) {
        b->protocol = 2;
        ok = mb2_parse(&p, info);
    } else {
        return FAIL(&p, "not started by a Multiboot loader (EAX is 0x%x): use GRUB or qemu -kernel", magic);
    }
    if (ok && !b->map.count)
        return FAIL(&p, "boot information: the boot loader gives no memory map");
    return ok;
}
