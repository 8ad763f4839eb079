/* The guest: the first module, or the benchmark that lies in the image. */
#ifndef ENGRAM_GUEST_H
#define ENGRAM_GUEST_H

#include "acpi.h"
#include "bootinfo.h"
#include "machine.h"
#include "vcpu.h"

/* Puts the guest into its memory and `v` into the state it starts in; panics where it cannot be loaded.
 * `builtin_args` are for the built-in guest; a module brings its own. */
void guest_load(const struct bootinfo *boot, const struct acpi_info *acpi, const char *builtin_args,
                const struct machine *m, struct vcpu *v);

/* Name and command line. */
const char *guest_title(void);

#endif
