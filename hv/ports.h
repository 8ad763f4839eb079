/* The I/O ports that Engram keeps an eye on; all others are the guest's alone. */
#ifndef ENGRAM_PORTS_H
#define ENGRAM_PORTS_H

#include "acpi.h"
#include "engine.h"

/* Asks the engine for exits on the console's UART and the ports that switch off or reset the machine. */
void ports_init(const struct engine *engine, const struct acpi_info *acpi);

/* Carries out an EXIT_IO. May end the run. */
void ports_exit(const struct engine *engine, struct vcpu *v, const struct vm_exit *e);

#endif
