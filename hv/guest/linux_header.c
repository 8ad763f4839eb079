#include "guest/linux_header.h"

#include "error_text.h"
#include "trace/bytes.h"

#include <string.h>

enum header_offset {
    H_SETUP_SECTS = 0x1f1,
    H_SYSSIZE = 0x1f4,
    H_BOOT_FLAG = 0x1fe,
    H_JUMP = 0x200, /* a short jump over the header: its displacement says how long the header is */
    H_MAGIC = 0x202,
    H_VERSION = 0x206,
    H_LOADFLAGS = 0x211,
    H_INITRD_ADDR_MAX = 0x22c,
    H_KERNEL_ALIGNMENT = 0x230,
    H_RELOCATABLE = 0x234,
    H_XLOADFLAGS = 0x236,
    H_CMDLINE_SIZE = 0x238,
    H_PREF_ADDRESS = 0x258,
    H_INIT_SIZE = 0x260,
};
#define HEADER_BYTES_MIN 0x264u /* of protocol 2.10 */

#define SECTOR 512u
#define SETUP_SECTS_DEFAULT 4u /* what 0 means */
#define PARAGRAPH 16u
#define LOADFLAGS_HIGH 0x01u
#define XLOADFLAGS_KERNEL_64 0x0001u

/* preferred_address and init_size, without which nobody knows how much room a kernel takes. */
#define VERSION_MIN 0x20au
#define VERSION_XLOADFLAGS 0x20cu

bool linux_header_is(const uint8_t *file, size_t bytes)
{
    return bytes >= H_VERSION && load16(file + H_BOOT_FLAG) == 0xaa55 && !memcmp(file + H_MAGIC, "HdrS", 4);
}

static bool is_power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

static bool read_kernel_part(struct linux_header *h, const uint8_t *file, size_t bytes, char *error,
                             size_t size)
{
    uint64_t sectors = file[H_SETUP_SECTS] ? file[H_SETUP_SECTS] : SETUP_SECTS_DEFAULT;
    uint64_t said = (uint64_t)load32(file + H_SYSSIZE) * PARAGRAPH;

    h->kernel_offset = (sectors + 1) * SECTOR;
    /* The last paragraph need not be whole: memtest86+'s is not. */
    if (h->kernel_offset >= bytes || said >= bytes - h->kernel_offset + PARAGRAPH)
        return error_text(
            error, size, "is a Linux kernel that is cut off: its header says 0x%lx bytes, the file has 0x%zx",
            h->kernel_offset + said, bytes);
    h->kernel_bytes = bytes - h->kernel_offset;
    return true;
}

static bool read_place(struct linux_header *h, const uint8_t *file, char *error, size_t size)
{
    h->preferred_address = load64(file + H_PREF_ADDRESS);
    h->relocatable = file[H_RELOCATABLE] != 0;
    h->alignment = load32(file + H_KERNEL_ALIGNMENT);
    h->memory_bytes = load32(file + H_INIT_SIZE);
    if (h->memory_bytes < h->kernel_bytes)
        h->memory_bytes = h->kernel_bytes;
    if (h->relocatable && (!is_power_of_two(h->alignment) || h->alignment < PAGE_SIZE))
        return error_text(error, size, "is a Linux kernel with an impossible alignment, 0x%lx", h->alignment);
    if (h->preferred_address >= GIB(4) || h->memory_bytes > GIB(4) - h->preferred_address)
        return error_text(error, size,
                          "is a Linux kernel that wants to be at 0x%lx, 0x%lx bytes: above 4 GiB",
                          h->preferred_address, h->memory_bytes);
    return true;
}

bool linux_header_read(struct linux_header *h, const uint8_t *file, size_t bytes, char *error, size_t size)
{
    memset(h, 0, sizeof(*h));
    if (bytes < HEADER_BYTES_MIN)
        return error_text(error, size, "is a Linux kernel that is cut off within its header, at 0x%zx",
                          bytes);
    h->version = load16(file + H_VERSION);
    if (h->version < VERSION_MIN)
        return error_text(
            error, size, "is a Linux kernel of boot protocol %u.%02u: 2.10 (Linux 2.6.31) or later is needed",
            h->version >> 8, h->version & 0xff);
    if (!(file[H_LOADFLAGS] & LOADFLAGS_HIGH))
        return error_text(error, size, "is a Linux zImage, which loads at 0x10000: a bzImage is needed");
    h->header_end = H_MAGIC + file[H_JUMP + 1];
    if (h->header_end < HEADER_BYTES_MIN || h->header_end > LINUX_HEADER_END_MAX || h->header_end > bytes)
        return error_text(error, size, "is a Linux kernel with an impossible header that ends at 0x%x",
                          h->header_end);
    h->entry_64 = h->version >= VERSION_XLOADFLAGS && (load16(file + H_XLOADFLAGS) & XLOADFLAGS_KERNEL_64);
    h->initrd_end = load32(file + H_INITRD_ADDR_MAX) + 1ull;
    h->command_line_max = load32(file + H_CMDLINE_SIZE);
    return read_kernel_part(h, file, bytes, error, size) && read_place(h, file, error, size);
}
