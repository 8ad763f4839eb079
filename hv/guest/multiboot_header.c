/* Finds a kernel's Multiboot 1 header, and says what a file without one is instead. */
#include "guest/multiboot_header.h"

#include "error_text.h"
#include "trace/bytes.h"

#include <string.h>

#define MAGIC 0x1badb002u
#define SEARCH_BYTES 8192u /* the header lies in the first 8192 bytes, aligned to 4 (3.1) */
#define MAGIC2 0xe85250d6u
#define SEARCH2_BYTES 32768u

enum header_offset {
    H_FLAGS = 4,
    H_CHECKSUM = 8,
    H_HEADER_ADDR = 12,
    H_LOAD_ADDR = 16,
    H_LOAD_END_ADDR = 20,
    H_BSS_END_ADDR = 24,
    H_ENTRY_ADDR = 28,
    H_MODE_TYPE = 32,
};
#define HEADER_BYTES 12u
#define HEADER_BYTES_ADDRESSES 32u
#define HEADER_BYTES_VIDEO 48u

/* Flags 0 to 15 must be honoured, the others may be. */
#define FLAG_PAGE_ALIGN 0x0001u
#define FLAG_MEMORY 0x0002u
#define FLAG_VIDEO 0x0004u
#define FLAGS_MANDATORY 0xffffu
#define FLAGS_KNOWN (FLAG_PAGE_ALIGN | FLAG_MEMORY | FLAG_VIDEO)
#define FLAG_ADDRESSES 0x10000u

static bool is_multiboot2(const uint8_t *file, size_t bytes)
{
    for (size_t at = 0; at < SEARCH2_BYTES && at + 16 <= bytes; at += 8)
        if (load32(file + at) == MAGIC2 &&
            load32(file + at) + load32(file + at + 4) + load32(file + at + 8) + load32(file + at + 12) == 0)
            return true;
    return false;
}

#define SUPPORTED "Multiboot 1 kernels and Linux are supported"

static bool say_what_it_is(const uint8_t *file, size_t bytes, char *error, size_t size)
{
    if (!bytes)
        return error_text(error, size, "is empty");
    if (is_multiboot2(file, bytes))
        return error_text(error, size, "is a Multiboot 2 kernel, which is not supported: " SUPPORTED);
    if (bytes >= 2 && file[0] == 0x1f && file[1] == 0x8b)
        return error_text(error, size, "is compressed with gzip: decompress it first");
    return error_text(error, size, "is %s without a Multiboot header in its first %u bytes: " SUPPORTED,
                      elf_is(file, bytes) ? "an ELF file" : "a file", SEARCH_BYTES);
}

static bool find_header(struct multiboot_header *h, const uint8_t *file, size_t bytes, char *error,
                        size_t size)
{
    size_t end = bytes < SEARCH_BYTES ? bytes : SEARCH_BYTES;
    bool seen = false;

    for (size_t at = 0; at + HEADER_BYTES <= end; at += 4) {
        if (load32(file + at) != MAGIC)
            continue;
        if (load32(file + at) + load32(file + at + H_FLAGS) + load32(file + at + H_CHECKSUM) == 0) {
            h->offset = (uint32_t)at;
            h->flags = load32(file + at + H_FLAGS);
            return true;
        }
        if (!seen)
            error_text(error, size, "has a Multiboot header at offset 0x%zx with a wrong checksum", at);
        seen = true;
    }
    return seen ? false : say_what_it_is(file, bytes, error, size);
}

/*
 * The a.out kludge: the file is loaded as it is, so that the header comes to lie at header_addr.
 * load_end_addr 0 means up to the file's end, bss_end_addr 0 means no bss.
 */
static bool plan_by_addresses(const struct multiboot_header *h, struct load_plan *plan, const uint8_t *file,
                              size_t bytes, char *error, size_t size)
{
    const uint8_t *p = file + h->offset;
    uint64_t header = load32(p + H_HEADER_ADDR), load = load32(p + H_LOAD_ADDR);
    uint64_t load_end = load32(p + H_LOAD_END_ADDR), bss_end = load32(p + H_BSS_END_ADDR);
    uint64_t offset;

    if (load > header || header - load > h->offset)
        return error_text(error, size,
                          "has load_addr 0x%lx, header_addr 0x%lx, but its header at offset 0x%x", load,
                          header, h->offset);
    offset = h->offset - (header - load);
    if (!load_end)
        load_end = load + (bytes - offset);
    if (!bss_end)
        bss_end = load_end;
    if (load_end < load || bss_end < load_end)
        return error_text(error, size,
                          "has load_addr 0x%lx, load_end_addr 0x%lx, bss_end_addr 0x%lx out of order", load,
                          load_end, bss_end);
    if (load_end - load > bytes - offset)
        return error_text(error, size,
                          "is to be loaded to [0x%lx, 0x%lx) but has only 0x%lx bytes: is it cut off?", load,
                          load_end, bytes - offset);
    plan->entry = load32(p + H_ENTRY_ADDR);
    if (plan->entry < load || plan->entry >= bss_end)
        return error_text(error, size, "has its entry point at 0x%lx, outside of [0x%lx, 0x%lx)", plan->entry,
                          load, bss_end);
    plan->count = 1;
    plan->segment[0] = (struct load_segment){load, offset, load_end - load, bss_end - load};
    return true;
}

static bool check_flags(struct multiboot_header *h, const uint8_t *file, size_t bytes, char *error,
                        size_t size)
{
    uint32_t unknown = h->flags & FLAGS_MANDATORY & ~FLAGS_KNOWN;
    size_t left = bytes - h->offset;

    if (unknown)
        return error_text(error, size, "requires Multiboot features that do not exist here (flags 0x%x)",
                          unknown);
    if (((h->flags & FLAG_ADDRESSES) && left < HEADER_BYTES_ADDRESSES) ||
        ((h->flags & FLAG_VIDEO) && left < HEADER_BYTES_VIDEO))
        return error_text(error, size, "is cut off within its Multiboot header, at 0x%zx", bytes);
    h->wants_graphics = (h->flags & FLAG_VIDEO) && load32(file + h->offset + H_MODE_TYPE) == 0;
    return true;
}

bool multiboot_header_plan(struct multiboot_header *h, struct load_plan *plan, const void *file, size_t bytes,
                           char *error, size_t size)
{
    memset(h, 0, sizeof(*h));
    if (!find_header(h, file, bytes, error, size) || !check_flags(h, file, bytes, error, size))
        return false;
    if (h->flags & FLAG_ADDRESSES)
        return plan_by_addresses(h, plan, file, bytes, error, size);
    h->is_elf = elf_is(file, bytes);
    if (!h->is_elf)
        return error_text(error, size, "has a Multiboot header without load addresses, and is no ELF file");
    return elf_plan(plan, file, bytes, error, size);
}
