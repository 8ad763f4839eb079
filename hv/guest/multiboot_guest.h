/* Guests that are Multiboot 1 kernels. */
#ifndef ENGRAM_MULTIBOOT_GUEST_H
#define ENGRAM_MULTIBOOT_GUEST_H

#include "guest/placer.h"

/* Fills in the plan of `p`, which placer.h says how to begin. The machine at the kernel's entry is that of
 * specification 3.2. */
bool multiboot_guest_plan(struct placer *p);

#endif
