/* The guest: the first module, or the benchmark that lies in the image. */
#ifndef ENGRAM_GUEST_H
#define ENGRAM_GUEST_H

#include "acpi.h"
#include "bootinfo.h"
#include "machine.h"
#include "vcpu.h"

/* Plans the guest, and puts `v` into the state it starts in; panics where it cannot be loaded. `builtin_args`
 * are for the built-in guest; a module brings its own. */
void guest_plan(const struct bootinfo *boot, const struct acpi_info *acpi, const char *builtin_args,
                const struct machine *m, struct vcpu *v);

/* Puts the guest into its memory. */
void guest_load(void (*copy)(gpa_t to, gpa_t from, uint64_t bytes, uint64_t total));

/* Name and command line. */
const char *guest_title(void);

#endif
