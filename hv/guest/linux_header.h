/* The setup header of a Linux kernel (Documentation/arch/x86/boot.rst), as far as a 32-bit or 64-bit boot
 * needs it. */
#ifndef ENGRAM_LINUX_HEADER_H
#define ENGRAM_LINUX_HEADER_H

#include "types.h"

/* Where the header lies in the file, and in struct boot_params as well. */
#define LINUX_HEADER_START 0x1f1u
#define LINUX_HEADER_END_MAX 0x290u

struct linux_header {
    uint16_t version;       /* of the boot protocol: 0x20f is 2.15 */
    uint32_t header_end;    /* offset in the file */
    uint64_t kernel_offset; /* of the protected-mode kernel in the file, which goes up to the file's end */
    uint64_t kernel_bytes;

    uint64_t memory_bytes; /* that the kernel needs from its load address on until it has set up its own */
    uint64_t preferred_address; /* where it wants to be */
    bool relocatable;           /* else it must be there */
    uint64_t alignment;
    bool entry_64;

    uint64_t initrd_end;       /* the initrd lies below */
    uint64_t command_line_max; /* bytes */
};

/* True if the file says that it is a Linux kernel of protocol 2.00 or later. */
bool linux_header_is(const uint8_t *file, size_t bytes);

/* Of a file for which linux_header_is() is true. Believes nothing; false: `error` has one line that begins
 * after "module NAME: ". */
bool linux_header_read(struct linux_header *h, const uint8_t *file, size_t bytes, char *error, size_t size);

#endif
