/* How fast the hypervisor's own code runs. */
#ifndef ENGRAM_PACE_H
#define ENGRAM_PACE_H

#include "types.h"

/*
 * TSC ticks per instruction at CPL 0, as measured at the first call. A KVM without hardware virtualization
 * runs CPL 3 on the CPU and emulates CPL 0, an instruction at a time. Its emulator ends the machine at
 * instructions that CPUID has and it does not know (CRC32), so that they cannot be tried; but it is so slow
 * that a loop tells it.
 */
uint64_t pace_ticks(void);

/* Whether these are an emulator's: a CPU takes about one, a binary translator some, Bochs counts one. */
bool pace_is_emulated(void);

#endif
