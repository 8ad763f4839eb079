/* Which engine runs the guest: engine=, what is to be recorded, and what the machine can do. */
#ifndef ENGRAM_SELECT_H
#define ENGRAM_SELECT_H

#include "engine.h"
#include "options.h"

/* Says the choice and its reason on the console and in `reason`; panics where the choice cannot run. */
const struct engine *select_engine(const struct options *o, char *reason, size_t size);

#endif
