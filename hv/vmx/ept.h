/*
 * Guest-physical memory: three EPT views of the same frames.
 *
 *             RAM     hidden memory   the rest (devices, ROM, RAM whose pages the filter keeps out)
 *   plain     RWX     absent          RWX      the guest runs, nothing is recorded
 *   locked    R-X     absent          RWX      the guest runs, writes to RAM exit
 *   open      RWX     the sink page   RWX      one step
 *
 * No view ever loses a permission, so changing views flushes nothing (SDM Vol. 3C, 29.4.3.3).
 * What is not mapped at first (MMIO beyond the memory map) is mapped when it is touched.
 */
#ifndef ENGRAM_VMX_EPT_H
#define ENGRAM_VMX_EPT_H

#include "machine.h"
#include "trace/filter.h"

enum ept_view { VIEW_PLAIN, VIEW_LOCKED, VIEW_OPEN, VIEW_COUNT };

void ept_init(const struct machine *m);

/* From now on pages that none of the ranges touches are not traced: writes to them do not exit. */
void ept_set_filter(const struct filter_ranges *gpa);

/* The value for VMCS_EPT_POINTER. */
uint64_t ept_pointer(enum ept_view view);

/* Maps the surroundings of `p` where nothing is mapped yet. False if `p` is hidden or no physical address. */
bool ept_map_device(gpa_t p);

bool ept_is_hidden(gpa_t p);

/* True if writes to the page of `p` are recorded. */
bool ept_is_traced(gpa_t p);

/* Makes the sink page read as ones again. */
void ept_clean_sink(void);

#endif
