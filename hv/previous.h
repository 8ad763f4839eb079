/* dump=previous: the trace of a run that a reset ended, out of the memory in which it was left. */
#ifndef ENGRAM_PREVIOUS_H
#define ENGRAM_PREVIOUS_H

#include "machine.h"
#include "options.h"

/* Sends it; an error where there is none. */
void previous_deliver(const struct machine *m, const struct options *options);

/* No ring of a run before will be found any more: a new run begins. */
void previous_forget(const struct machine *m);

#endif
