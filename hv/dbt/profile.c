/* How often CPL 3 came to the core, by what for, and how long the core took for it. */
#include "console.h"
#include "dbt/dbt_engine.h"
#include "x86/cpu.h"

static const char *const names[] = {
    [REQUEST_NONE] = "none",           [REQUEST_PORT_IN] = "port_in",
    [REQUEST_PORT_OUT] = "port_out",   [REQUEST_CPUID] = "cpuid",
    [REQUEST_READ_MSR] = "read_msr",   [REQUEST_WRITE_MSR] = "write_msr",
    [REQUEST_HYPERCALL] = "hypercall", [REQUEST_TEXT] = "text",
    [REQUEST_POLL] = "poll",           [REQUEST_INTERRUPTS] = "interrupts",
    [REQUEST_WAIT] = "wait",           [REQUEST_HIDDEN] = "hidden",
    [REQUEST_BREAK] = "break",         [REQUEST_COUNTED] = "counted",
    [REQUEST_DEFINE] = "define",       [REQUEST_SEGMENTS] = "segments",
    [REQUEST_RELEASE] = "release",     [REQUEST_NEW_DICTIONARY] = "new_dictionary",
    [REQUEST_ENDED] = "ended",         [REQUEST_DONE] = "done",
};
_Static_assert(ARRAY_SIZE(names) == REQUEST_COUNT, "a name for every request");

static struct {
    uint64_t count, ticks;
} requests[REQUEST_COUNT], traps, interrupts, *last = &traps;
static uint64_t entered;

void profile_leave(void)
{
    entered = rdtsc();
}

void profile_request(uint32_t request)
{
    last = &requests[request < REQUEST_COUNT ? request : REQUEST_NONE];
    last->count++;
}

void profile_trap(void)
{
    last = &traps;
    last->count++;
}

void profile_interrupt(void)
{
    last = &interrupts;
    last->count++;
}

void profile_enter(void)
{
    if (entered)
        last->ticks += rdtsc() - entered;
}

static size_t line(char *text, size_t size, const char *name, uint64_t count, uint64_t ticks)
{
    if (!count)
        return 0;
    return format_text(text, size, "counter.gate.%s=%lu\ncounter.gate_ticks.%s=%lu\n", name,
                       (unsigned long)count, name, (unsigned long)ticks);
}

size_t profile_text(char *text, size_t size)
{
    size_t n = line(text, size, "trap", traps.count, traps.ticks);
    n += line(text + n, size - n, "device_interrupt", interrupts.count, interrupts.ticks);
    for (unsigned i = 0; i < REQUEST_COUNT && n < size; i++)
        n += line(text + n, size - n, names[i], requests[i].count, requests[i].ticks);
    return n < size ? n : size;
}
