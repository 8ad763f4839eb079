/* What CPUID tells the guest: the machine's answers without what Engram keeps for itself or cannot follow. */
#ifndef ENGRAM_CPUID_H
#define ENGRAM_CPUID_H

#include "types.h"
#include "x86/cpu.h"

/* How the machine answers: cpuid(), or a test's. */
typedef struct cpuid cpuid_source(uint32_t leaf, uint32_t subleaf);

/* `cr4` is the guest's: OSXSAVE and OSPKE mirror it. The guest's XCR0 must be live. */
struct cpuid guest_cpuid(cpuid_source *machine, uint32_t leaf, uint32_t subleaf, uint64_t cr4);

/* State components that the guest may enable in XCR0. */
uint64_t guest_xcr0_mask(cpuid_source *machine);

/* CR4 bits of hidden features: setting one is #GP, as on a CPU without them. */
#define CR4_HIDDEN (CR4_VMXE | CR4_SMXE | CR4_CET | CR4_UINTR | CR4_LAM_SUP | CR4_FRED)

#endif
