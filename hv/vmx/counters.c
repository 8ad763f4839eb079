#include "vmx/counters.h"

#include "console.h"

struct vmx_counters counters;

/* SDM Vol. 3D, table C-1. */
static const char *const reason_names[REASON_COUNT] = {
    [REASON_EXCEPTION_OR_NMI] = "exception_or_nmi",
    [REASON_EXTERNAL_INTERRUPT] = "external_interrupt",
    [REASON_TRIPLE_FAULT] = "triple_fault",
    [REASON_INIT] = "init",
    [REASON_SIPI] = "sipi",
    [REASON_INTERRUPT_WINDOW] = "interrupt_window",
    [REASON_NMI_WINDOW] = "nmi_window",
    [REASON_TASK_SWITCH] = "task_switch",
    [REASON_CPUID] = "cpuid",
    [REASON_GETSEC] = "getsec",
    [REASON_HLT] = "hlt",
    [REASON_INVD] = "invd",
    [REASON_VMCALL] = "vmcall",
    [REASON_CR_ACCESS] = "cr_access",
    [REASON_MOV_DR] = "mov_dr",
    [REASON_IO] = "io",
    [REASON_RDMSR] = "rdmsr",
    [REASON_WRMSR] = "wrmsr",
    [REASON_MTF] = "mtf",
    [REASON_EPT_VIOLATION] = "ept_violation",
    [REASON_EPT_MISCONFIGURATION] = "ept_misconfiguration",
    [REASON_PREEMPTION_TIMER] = "preemption_timer",
    [REASON_XSETBV] = "xsetbv",
};

static size_t add_line(char *text, size_t size, size_t used, const char *group, const char *name,
                       uint64_t value)
{
    return used +
           format_text(text + used, size - used, "counter.%s%s=%lu\n", group, name, (unsigned long)value);
}

size_t vmx_counters_text(char *text, size_t size)
{
    uint64_t recording =
        counters.hv_ticks[USE_EMULATED_STORE] + counters.hv_ticks[USE_STEP] + counters.hv_ticks[USE_EVENT];
    const struct {
        const char *name;
        uint64_t value;
    } plain[] = {
        {"stores_emulated", counters.stores_emulated},
        {"steps", counters.steps},
        {"steps_abandoned", counters.steps_abandoned},
        {"system_instructions", counters.system_instructions},
        {"string_iterations", counters.string_iterations},
        {"events_delivered", counters.events_delivered},
        {"events_requeued", counters.events_requeued},
        {"interrupts_held", counters.interrupts_held},
        {"nmis_held", counters.nmis_held},
        {"sink_touches", counters.sink_touches},
        {"device_maps", counters.device_maps},
        {"unexplained_writes", counters.unexplained_writes},
        {"incomplete_lists", counters.incomplete_lists},
        {"undecoded", counters.undecoded},
        {"hv_ticks", recording + counters.hv_ticks[USE_OTHER]},
        {"hv_ticks_record", recording},
        {"hv_ticks_emulated", counters.hv_ticks[USE_EMULATED_STORE]},
        {"hv_ticks_stepped", counters.hv_ticks[USE_STEP]},
        {"hv_ticks_events", counters.hv_ticks[USE_EVENT]},
    };
    size_t used = 0;
    if (size == 0)
        return 0;
    text[0] = '\0';
    for (size_t i = 0; i < REASON_COUNT; i++) {
        char number[16];
        if (counters.exits[i] == 0)
            continue;
        format_text(number, sizeof number, "%u", (unsigned)i);
        used = add_line(text, size, used, "exit.", reason_names[i] ? reason_names[i] : number,
                        counters.exits[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
        used = add_line(text, size, used, "", plain[i].name, plain[i].value);
    return used;
}
