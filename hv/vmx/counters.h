/* What the engine counts; META shows it (docs/engines.md says what each means). */
#ifndef ENGRAM_VMX_COUNTERS_H
#define ENGRAM_VMX_COUNTERS_H

#include "types.h"
#include "x86/vmx.h"

struct vmx_counters {
    uint64_t exits[REASON_COUNT];
    uint64_t stores_emulated, steps, steps_abandoned;
    uint64_t events_delivered, events_requeued, interrupts_held, nmis_held;
    uint64_t sink_touches, device_maps;
    uint64_t unexplained_writes, incomplete_lists, undecoded;
    uint64_t hv_ticks, hv_ticks_record;
};
extern struct vmx_counters counters;

size_t vmx_counters_text(char *text, size_t size);

#endif
