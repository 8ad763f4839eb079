/* How Engram ends: the machine is halted, switched off or reset. */
#ifndef ENGRAM_FINISH_H
#define ENGRAM_FINISH_H

#include "acpi.h"
#include "options.h"

/* What after= asks for; until it is called, an end is a halt. */
void finish_init(enum after_run after, const struct acpi_info *acpi);

/* After the dump. */
_Noreturn void finish_run(void);

/* After an error: switches off or resets only what after= names, so that the text stays readable elsewhere. */
_Noreturn void finish_after_error(void);

#endif
