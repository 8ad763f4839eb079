/* How Engram ends: the machine is halted, switched off or reset. */
#ifndef ENGRAM_FINISH_H
#define ENGRAM_FINISH_H

#include "acpi.h"
#include "engine.h"
#include "options.h"

/* What after= asks for; until it is called, an end is a halt. */
void finish_init(enum after_run after, const struct acpi_info *acpi);

/* Instead of what after= asks for. */
void finish_with(enum after_run after);

/* The engine has the processor from now on: it is stopped first, however Engram ends. */
void finish_stops(const struct engine *engine);

/* After the dump. */
_Noreturn void finish_run(void);

/* After an error: switches off where after= asks for it, else halts; a reset would only repeat the error for
 * ever. */
_Noreturn void finish_after_error(void);

#endif
