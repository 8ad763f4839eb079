/* The Multiboot 1 header in a kernel's file (specification 0.6.96, 3.1), and what it makes of the file. */
#ifndef ENGRAM_MULTIBOOT_HEADER_H
#define ENGRAM_MULTIBOOT_HEADER_H

#include "guest/elf.h"

struct multiboot_header {
    uint32_t offset; /* in the file */
    uint32_t flags;
    bool wants_graphics; /* a graphics mode is asked for, which stays as it is */
    bool is_elf;         /* loaded as ELF, not by the header's addresses */
};

/*
 * Finds the header, and plans the loading by its address fields or by ELF. False: the file is no kernel that
 * can be started; `error` has one line that begins after "module NAME: ".
 */
bool multiboot_header_plan(struct multiboot_header *h, struct load_plan *plan, const void *file, size_t bytes,
                           char *error, size_t size);

#endif
