/*
 * A guest from its modules: which bytes go where, what the kernel finds beside itself, and the registers it
 * starts with. Making the plan touches no memory but the kernel's bytes; applying it is the last and only
 * step that writes guest memory.
 *
 *     plan.c ──► multiboot_guest.c ── multiboot_header.c  multiboot_info.c  elf.c
 *        ├─────► linux_guest.c ────── linux_header.c  linux_params.c
 *        └─ placer.c (what both need: room, copies)
 */
#ifndef ENGRAM_GUEST_PLAN_H
#define ENGRAM_GUEST_PLAN_H

#include "bootinfo.h"
#include "guest/elf.h"
#include "machine.h"
#include "physical.h"
#include "vcpu.h"

#define GUEST_INFO_BYTES_MAX 49152u /* all that the information structure and what it points to may take */
#define GUEST_COPIES_MAX (ELF_SEGMENTS_MAX + BOOT_MODULES_MAX + 2)
#define GUEST_NAME_MAX 63

/* What is to be started. Everything stays the caller's. */
struct guest_source {
    const struct boot_module *kernel;  /* string: "name arguments", given to the guest as its command line */
    const void *kernel_bytes;          /* the module's bytes, as mapped for reading */
    const struct boot_module *modules; /* the guest's own modules */
    size_t module_count;
    const struct bootinfo *boot; /* the screen; NULL: not known */
    const void *rsdp;            /* a copy for guests that could not find it by themselves */
    size_t rsdp_bytes;           /* 0: they can */
};

/* `file_bytes` from `from`, then zeros up to `memory_bytes`. */
struct guest_copy {
    gpa_t to;
    hpa_t from;
    uint64_t file_bytes, memory_bytes;
};

struct guest_plan {
    char name[GUEST_NAME_MAX + 1]; /* of the kernel: the last part of its path */

    /* In this order no copy overwrites what a later one reads. */
    struct guest_copy copy[GUEST_COPIES_MAX];
    size_t copy_count;

    gpa_t kernel_start, kernel_end;                                     /* all of its segments */
    gpa_t module_start[BOOT_MODULES_MAX], module_end[BOOT_MODULES_MAX]; /* where the guest finds them */

    bool wants_graphics; /* asks for a graphics mode; it gets the screen as it is, which is worth a line */

    gpa_t entry;
    gpa_t info; /* where info_data goes, after the copies */
    uint8_t info_data[GUEST_INFO_BYTES_MAX];
    size_t info_bytes;

    struct vcpu start; /* the processor at the kernel's entry */
};

/*
 * Finds out what kind of kernel it is, checks it, places it, its modules and its information structure in RAM
 * that is not hidden, and builds the structure's bytes. False: `error` has one line that names module,
 * segment and range.
 */
bool guest_plan_make(struct guest_plan *plan, const struct guest_source *source, const struct machine *m,
                     char *error, size_t size);

/* `bytes` from `from`, then zeros up to `total`. False where that cannot be reached. */
typedef bool guest_copier(gpa_t to, hpa_t from, uint64_t bytes, uint64_t total);

/* Carries out the plan. False when `copy` or `write` cannot reach an address: `error` says which. */
bool guest_plan_apply(const struct guest_plan *plan, guest_copier *copy, physical_writer write, char *error,
                      size_t size);

#endif
