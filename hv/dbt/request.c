/* What CPL 3 asks for, from the request to its answer. Everything is copied and checked before it is used. */
#include "clock.h"
#include "console.h"
#include "dbt/dbt.h"
#include "dbt/dbt_engine.h"
#include "natively.h"
#include "x86/cpu.h"

#include <string.h>

#define TEXT_BYTES 256u

/* The request whose answer the core is working on. */
static enum dbt_request open_request;
static uint8_t port_bytes;
static bool refused;

bool dbt_fatal(struct vm_exit *e, const char *format, ...)
{
    static char text[TEXT_BYTES];
    va_list args;
    va_start(args, format);
    format_text_v(text, sizeof text, format, args);
    va_end(args);
    e->kind = EXIT_FATAL;
    e->text = text;
    return true;
}

void request_refuse(void)
{
    refused = true;
}

/* ---- records ---- */

static void define(void)
{
    if (!window_define())
        panic("the DBT engine handed over a malformed block for the dictionary: an error of the engine");
}

static void next_segments(void *unused)
{
    (void)unused;
    window_close();
    window_open();
}

static void close_segments(void *unused)
{
    (void)unused;
    window_close();
}

bool request_record(void)
{
    switch (dbt_shared.request) {
    case REQUEST_DEFINE:
        define();
        return true;
    case REQUEST_SEGMENTS:
        define();
        natively(next_segments, NULL);
        return true;
    case REQUEST_RELEASE:
        define();
        natively(close_segments, NULL);
        return true;
    case REQUEST_NEW_DICTIONARY:
        window_pack();
        return true;
    default:
        return false;
    }
}

/* ---- MSRs ---- */

#define CPUID_1_EDX_MTRR (1u << 12)
#define IA32_MTRR_PHYSBASE0 0x200u
#define IA32_MTRR_DEF_TYPE 0x2ffu

/* Those that the guest reads from the CPU itself. */
static bool msr_is_readable(uint32_t msr)
{
    bool mtrrs = cpuid(1, 0).edx & CPUID_1_EDX_MTRR;
    if (msr == IA32_APIC_BASE)
        return true;
    if (!mtrrs)
        return false;
    if (msr == IA32_MTRRCAP || msr == IA32_MTRR_DEF_TYPE)
        return true;
    if (msr == 0x250 || msr == 0x258 || msr == 0x259 || (msr >= 0x268 && msr <= 0x26f))
        return rdmsr(IA32_MTRRCAP) & 1u << 8;
    return msr >= IA32_MTRR_PHYSBASE0 && msr < IA32_MTRR_PHYSBASE0 + 2 * (rdmsr(IA32_MTRRCAP) & 0xff);
}

/* True if the core's rules decide: the MSR does not exist, or only for appearance. */
static bool begin_msr(struct vcpu *v, struct vm_exit *e, bool write)
{
    uint32_t msr = (uint32_t)dbt_shared.value;
    uint64_t value = dbt_shared.value2;
    if (msr_is_readable(msr) && (!write || rdmsr(msr) == value)) {
        dbt_shared.value = rdmsr(msr);
        dbt_shared.ok = 1;
        return false;
    }
    refused = false;
    v->gpr[RCX] = msr;
    e->kind = write ? EXIT_WRMSR : EXIT_RDMSR;
    return true;
}

/* ---- requests ---- */

static uint64_t hidden_touches;

uint64_t request_hidden_touches(void)
{
    return hidden_touches;
}

static void tell_hidden(void)
{
    if (hidden_touches++ == 0)
        printk("engram: the guest touched hidden memory at 0x%lx (RIP 0x%lx): it reads ones, writes are "
               "dropped; "
               "further touches are only counted\n",
               (unsigned long)dbt_shared.value, (unsigned long)dbt_shared.value2);
}

static bool begin_port(struct vcpu *v, struct vm_exit *e, bool in)
{
    uint8_t bytes = dbt_shared.bytes;
    if (bytes != 1 && bytes != 2 && bytes != 4)
        return dbt_fatal(e, "the DBT engine asked for a port access of %u bytes: an error of the engine",
                         bytes);
    port_bytes = bytes;
    e->kind = EXIT_IO;
    e->io.port = dbt_shared.port;
    e->io.size = bytes;
    e->io.in = in;
    e->io.string = e->io.rep = false;
    if (!in)
        v->gpr[RAX] = dbt_shared.value;
    return true;
}

static bool text_was_read; /* of the hypercall under way, which is a mark */

static bool begin_hypercall(struct vm_exit *e)
{
    text_was_read = dbt_shared.ok;
    refused = false;
    e->kind = EXIT_HYPERCALL;
    return true;
}

bool request_read_text(void *to, size_t bytes)
{
    if (open_request != REQUEST_HYPERCALL || !text_was_read || bytes > sizeof dbt_shared.line)
        return false;
    memcpy(to, dbt_shared.line, bytes);
    return true;
}

static bool begin_end(struct vm_exit *e)
{
    static char text[TEXT_BYTES];
    switch (dbt_shared.value) {
    case ENDED_TRIPLE_FAULT:
        e->kind = EXIT_TRIPLE_FAULT;
        return true;
    case ENDED_HLT:
        e->kind = EXIT_HLT;
        return true;
    default:
        memcpy(text, dbt_shared.line, sizeof text - 1);
        for (char *p = text; *p; p++)
            if (*p < ' ' || *p > '~')
                *p = '?';
        return dbt_fatal(e, "%s", text);
    }
}

bool request_wants_state(void)
{
    switch (dbt_shared.request) {
    case REQUEST_DEFINE:
    case REQUEST_SEGMENTS:
    case REQUEST_RELEASE:
    case REQUEST_INTERRUPTS:
        return false;
    default:
        return true;
    }
}

bool request_begin(struct vcpu *v, struct vm_exit *e)
{
    open_request = (enum dbt_request)dbt_shared.request;
    e->instruction_bytes = 0;
    if (!window_note())
        return dbt_fatal(e,
                         "the DBT engine handed over a malformed block for the dictionary: an error of the "
                         "engine");
    if (interrupts_are_open() && !(dbt_user_engine.cpu.v.rflags & RFLAGS_IF))
        interrupts_close();
    switch (open_request) {
    case REQUEST_PORT_IN:
    case REQUEST_PORT_OUT:
        return begin_port(v, e, open_request == REQUEST_PORT_IN);
    case REQUEST_CPUID:
        e->kind = EXIT_CPUID;
        return true;
    case REQUEST_READ_MSR:
    case REQUEST_WRITE_MSR:
        return begin_msr(v, e, open_request == REQUEST_WRITE_MSR);
    case REQUEST_HYPERCALL:
        return begin_hypercall(e);
    case REQUEST_TEXT:
        return text_begin(e);
    case REQUEST_POLL:
        e->kind = EXIT_POLL;
        return true;
    case REQUEST_HIDDEN:
        tell_hidden();
        return false;
    case REQUEST_BREAK:
        if (dbt_shared.value >= TRIGGER_COUNT)
            return dbt_fatal(e,
                             "the DBT engine reached a trigger that does not exist: an error of the engine");
        e->kind = EXIT_TRIGGER;
        e->trigger = (enum trigger)dbt_shared.value;
        return true;
    case REQUEST_COUNTED:
        e->kind = EXIT_COUNT;
        return true;
    case REQUEST_INTERRUPTS:
        interrupts_open();
        return false;
    case REQUEST_WAIT:
        return request_finish(v, e);
    case REQUEST_ENDED:
        return begin_end(e);
    default:
        return !request_record() &&
               dbt_fatal(e, "the DBT engine made a request that does not exist (%u): an error of the engine",
                         (unsigned)open_request);
    }
}

/* Of CPUID and hypercalls. */
static void copy_results(uint64_t *to, const uint64_t *from)
{
    to[RAX] = from[RAX];
    to[RBX] = from[RBX];
    to[RCX] = from[RCX];
    to[RDX] = from[RDX];
}

bool request_finish(struct vcpu *v, struct vm_exit *e)
{
    uint64_t *gpr = dbt_user_engine.cpu.v.gpr;
    text_update();
    switch (open_request) {
    case REQUEST_PORT_IN:
        dbt_shared.value =
            port_bytes == 4 ? (uint32_t)v->gpr[RAX] : v->gpr[RAX] & ((1u << 8 * port_bytes) - 1);
        break;
    case REQUEST_CPUID:
        copy_results(gpr, v->gpr);
        break;
    case REQUEST_READ_MSR:
        dbt_shared.value = v->gpr[RDX] << 32 | (uint32_t)v->gpr[RAX];
        dbt_shared.ok = !refused;
        break;
    case REQUEST_WRITE_MSR:
        dbt_shared.ok = !refused;
        break;
    case REQUEST_HYPERCALL:
        copy_results(gpr, v->gpr);
        dbt_shared.ok = !refused;
        break;
    case REQUEST_WAIT:
        if (!interrupt_wait(rdtsc() + clock_hz() / POLLS_PER_SECOND)) {
            e->kind = EXIT_POLL;
            return true;
        }
        break;
    default:
        break;
    }
    open_request = REQUEST_NONE;
    return false;
}
