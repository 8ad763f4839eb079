/* What the engine counts; META shows it (docs/engines.md says what each means). */
#ifndef ENGRAM_VMX_COUNTERS_H
#define ENGRAM_VMX_COUNTERS_H

#include "types.h"
#include "x86/vmx.h"

/* What an exit was for: where the hypervisor's time goes. */
enum exit_use { USE_OTHER, USE_EMULATED_STORE, USE_STEP, USE_EVENT, USE_COUNT };

struct vmx_counters {
    uint64_t exits[REASON_COUNT];
    uint64_t stores_emulated, steps, steps_abandoned, system_instructions, string_iterations;
    uint64_t events_delivered, events_requeued, interrupts_held, nmis_held;
    uint64_t sink_touches, device_maps;
    uint64_t unexplained_writes, incomplete_lists, undecoded;
    uint64_t hv_ticks[USE_COUNT]; /* TSC, from VM exit to VM entry */
};
extern struct vmx_counters counters;

size_t vmx_counters_text(char *text, size_t size);

#endif
