/* Guests that are Linux kernels. */
#ifndef ENGRAM_LINUX_GUEST_H
#define ENGRAM_LINUX_GUEST_H

#include "guest/placer.h"

/* Fills in the plan of `p`, which placer.h says how to begin: a bzImage of boot protocol 2.10 or later,
 * started at its 64-bit entry where it has one, else at its 32-bit entry. Its modules are the initrd, one
 * archive behind the other; its command line is what follows the first word of its string. */
bool linux_guest_plan(struct placer *p);

#endif
