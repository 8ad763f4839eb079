/* What a Linux kernel finds when it starts: struct boot_params, and what it points to. */
#ifndef ENGRAM_LINUX_PARAMS_H
#define ENGRAM_LINUX_PARAMS_H

#include "guest/linux_header.h"
#include "guest/placer.h"

/* From plan->info on. */
enum linux_info {
    LINUX_INFO_PARAMS = 0,
    LINUX_INFO_TABLES = 0x1000, /* page tables, for the 64-bit entry only */
};

/* Selectors of Documentation/arch/x86/boot.rst. */
#define LINUX_BOOT_CS 0x10u
#define LINUX_BOOT_DS 0x18u

struct linux_initrd {
    gpa_t start;
    uint64_t bytes;
};

/* Builds plan->info_data for plan->info; the length does not depend on the address. `gdt` gets the GDT's
 * place. False: it is too long. */
bool linux_params_build(struct placer *p, const struct linux_header *h, const struct linux_initrd *initrd,
                        struct table_register *gdt);

/* What follows the name in a module's string. */
const char *linux_command_line(const struct boot_module *kernel);

#endif
