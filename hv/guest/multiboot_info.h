/* The information structure a Multiboot 1 kernel gets (specification 0.6.96, 3.3). */
#ifndef ENGRAM_MULTIBOOT_INFO_H
#define ENGRAM_MULTIBOOT_INFO_H

#include "guest/placer.h"

/*
 * Builds the bytes for the structure to lie at `plan->info`; the modules' places are set. `guest_map` is what
 * the guest may see. The length does not depend on the address. False when GUEST_INFO_BYTES_MAX is too
 * little.
 */
bool multiboot_info_build(struct guest_plan *plan, const struct guest_source *source,
                          const struct memory_map *guest_map);

#endif
