/*
 * What the boot loader tells, in one form for Multiboot 1 (specification 0.6.96, 3.3) and Multiboot 2
 * (2.0, 3.6). Everything is copied out: nothing here points into the loader's memory, which the guest will
 * own. Modules are the exception: their bytes stay where the loader put them, at [start, end).
 */
#ifndef ENGRAM_BOOTINFO_H
#define ENGRAM_BOOTINFO_H

#include "memory_map.h"
#include "physical.h"

/* EAX at the image's entry point. */
#define MULTIBOOT1_LOADER_MAGIC 0x2badb002u
#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u

#define BOOT_LINE_MAX 2047
#define BOOT_LOADER_MAX 63
#define BOOT_MODULES_MAX 16
#define BOOT_MODULE_STRING_MAX 1023
#define BOOT_RSDP_BYTES_MAX 64

struct boot_module {
    hpa_t start, end;                        /* end is exclusive; both below 4 GiB */
    char string[BOOT_MODULE_STRING_MAX + 1]; /* "name arguments", may be empty */
};

/* The screen as the loader left it. */
enum boot_screen { SCREEN_UNKNOWN, SCREEN_TEXT, SCREEN_GRAPHICS };

struct bootinfo {
    unsigned protocol; /* 1 or 2 */
    char command_line[BOOT_LINE_MAX + 1];
    char loader[BOOT_LOADER_MAX + 1];
    struct memory_map map;
    struct boot_module module[BOOT_MODULES_MAX];
    size_t module_count;

    /* Copy of the ACPI RSDP where the loader gives one (Multiboot 2). The newer one where it gives two. */
    uint8_t rsdp[BOOT_RSDP_BYTES_MAX];
    size_t rsdp_bytes; /* 0: none */

    enum boot_screen screen;
    hpa_t screen_address; /* these only where `screen` is known; columns and rows for text, pixels for
                             graphics */
    uint32_t screen_width, screen_height, screen_pitch;
    uint8_t screen_bits;
};

/*
 * `magic` and `info` are EAX and EBX at entry. False: `error` has one line. `b` is complete up to the mistake
 * (strings are always terminated), so that the command line can be used to say it.
 */
bool bootinfo_parse(struct bootinfo *b, uint32_t magic, hpa_t info, physical_reader read, char *error,
                    size_t size);

#endif
