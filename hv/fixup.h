/*
 * Instructions of the hypervisor that may fault on what the guest asked for: the
 * fault continues elsewhere instead of ending the run. Each has an entry in the
 * table that linker.ld gathers.
 */
#ifndef ENGRAM_FIXUP_H
#define ENGRAM_FIXUP_H

#include "types.h"

struct fixup {
    uint64_t faulting, resume; /* RIP */
};
extern const struct fixup fixups[], fixups_end[];

/* In asm goto: the instruction at local label `at` goes on at `label` when it faults. */
#define FIXUP(at, label) ".pushsection .fixups, \"a\"\n\t.quad " at ", " label "\n\t.popsection\n"

/* Writes XCR `index`. False if the CPU refuses the value (#GP). */
static inline bool try_xsetbv(uint32_t index, uint64_t value)
{
    __asm__ goto("1:\txsetbv\n\t" FIXUP("1b", "%l[refused]")
                 :
                 : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                 : "memory"
                 : refused);
    return true;
refused:
    return false;
}

#endif
