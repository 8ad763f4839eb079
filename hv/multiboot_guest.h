/*
 * A guest that is a Multiboot 1 kernel (specification 0.6.96): from the module's bytes to a plan that says
 * which bytes go where, and the information structure and registers the kernel starts with. Making the plan
 * touches no memory but the module's bytes; applying it is the last and only step that writes guest memory.
 */
#ifndef ENGRAM_MULTIBOOT_GUEST_H
#define ENGRAM_MULTIBOOT_GUEST_H

#include "bootinfo.h"
#include "elf.h"
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
};

/*
 * Checks the kernel, places it, its modules and the information structure in RAM that is not hidden, and
 * builds the structure's bytes. False: `error` has one line that names module, segment and range.
 */
bool multiboot_guest_plan(struct guest_plan *plan, const struct guest_source *source, const struct machine *m,
                          char *error, size_t size);

/* Carries out the plan. False when `read` or `write` cannot reach an address: `error` says which. */
bool multiboot_guest_apply(const struct guest_plan *plan, physical_reader read, physical_writer write,
                           char *error, size_t size);

/* The machine state of specification 3.2. All of `v` is set. */
void multiboot_guest_vcpu(struct vcpu *v, gpa_t entry, gpa_t info);

#endif
