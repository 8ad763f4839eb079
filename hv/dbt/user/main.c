/*
 * The DBT engine's part at CPL 3: what dbt/ wants of a host, by requests to the
 * core (hv/dbt/shared.h). Nothing else of the hypervisor is mapped here.
 */
#include "console.h"
#include "dbt/dbt.h"
#include "dbt/shared.h"
#include "x86/cpu.h"

#include <string.h>

struct dbt_shared dbt_shared;
struct dbt dbt_user_engine;

static struct dbt *const engine = &dbt_user_engine;
static struct dbt_shared *const shared = &dbt_shared;

void dbt_user_run_c(void);
void dbt_user_command_c(uint32_t command);

#define TRAP_FIELD(name, from) "mov dbt_shared + %c[" from "](%%rip), %%r12; mov %%r12, %%gs:%c[" name "]\n\t"

/* Never called: it holds the code that C cannot express. UD2 is the gate, as only faults reach the core on
 * every machine. The trap's entry may use r12: translated code keeps nothing there that an exit needs. */
static void __attribute__((used)) entries(void)
{
    __asm__ volatile(
        ".globl dbt_core_call, dbt_trap_entry, dbt_user_run, dbt_user_command, dbt_user_selftest\n"
        "dbt_user_selftest:\n\t"
        "rorx $1, %%rax, %%rax\n\t"
        "pext %%rax, %%rax, %%rax\n"
        "dbt_core_call:\n\t"
        "ud2\n\t"
        "ret\n"
        "dbt_trap_entry:\n\t" TRAP_FIELD("to_pc", "from_pc") TRAP_FIELD("to_address", "from_address")
            TRAP_FIELD("to_vector", "from_vector") "jmp *%%gs:%c[leave]\n"
                                                   "dbt_user_run:\n\t"
                                                   "call dbt_user_run_c\n\t"
                                                   "ud2\n"
                                                   "dbt_user_command:\n\t"
                                                   "call dbt_user_command_c\n\t"
                                                   "ud2\n"
        :
        : [from_pc] "i"(offsetof(struct dbt_shared, trap.pc)),
          [from_address] "i"(offsetof(struct dbt_shared, trap.address)),
          [from_vector] "i"(offsetof(struct dbt_shared, trap.vector)),
          [to_pc] "i"(offsetof(struct dbt, trap_pc)), [to_address] "i"(offsetof(struct dbt, trap_address)),
          [to_vector] "i"(offsetof(struct dbt, trap_vector)), [leave] "i"(offsetof(struct dbt, leave_trap)));
}

static void ask(enum dbt_request request)
{
    shared->request = request;
    __asm__ volatile("call dbt_core_call" ::: "memory");
}

/* ---- what dbt/ calls ---- */

#define CORE_RECORDS_BYTES 2048u

/* The open segments are filled one behind the other; then the core is asked for more. */
static unsigned current;

static void begin_segment(struct dbt *d)
{
    uint8_t *start = (uint8_t *)(USER_TRACE + current * USER_TRACE_STRIDE);
    d->recorder.start = start + sizeof(struct chunk_header);
    /* The core puts texts in between, for which there is always room. */
    d->recorder.end = start + shared->segment_bytes - CORE_RECORDS_BYTES;
}

static void user_next_segment(struct dbt *d, const struct raw_use *used)
{
    if (used)
        shared->use[current++] = *used;
    if (!used || current == shared->segments) {
        ask(REQUEST_SEGMENTS);
        current = 0;
    }
    begin_segment(d);
}

static void user_end_segments(struct dbt *d, const struct raw_use *used)
{
    (void)d;
    shared->use[current] = *used;
    ask(REQUEST_RELEASE);
}

static void user_define(struct dbt *d)
{
    (void)d;
    ask(REQUEST_DEFINE);
}

static void user_new_dictionary(struct dbt *d)
{
    (void)d;
    ask(REQUEST_NEW_DICTIONARY);
}

static uint64_t user_deadline(struct dbt *d)
{
    (void)d;
    return shared->poll_instructions;
}

static bool user_poll(struct dbt *d)
{
    (void)d;
    ask(REQUEST_POLL);
    return true;
}

/* So that what an interrupt has interrupted gets on even where the next one waits already. */
#define INSTRUCTIONS_BETWEEN_INTERRUPTS 32u

static int user_interrupt(struct dbt *d)
{
    static bool delivered;
    if (shared->interrupts_open)
        return -1;
    if (delivered) {
        delivered = false;
        dbt_ask_within(d, INSTRUCTIONS_BETWEEN_INTERRUPTS);
        return -1;
    }
    ask(REQUEST_INTERRUPT);
    delivered = (int)shared->value >= 0;
    return (int)shared->value;
}

static bool user_nmi(struct dbt *d)
{
    (void)d;
    if (!shared->nmi)
        return false;
    shared->nmi = 0;
    return true;
}

static void user_hidden(struct dbt *d, gpa_t gpa)
{
    shared->value = gpa;
    shared->value2 = d->cpu.v.rip;
    ask(REQUEST_HIDDEN);
}

static void user_at_break(struct dbt *d, unsigned n)
{
    (void)d;
    shared->value = n;
    ask(REQUEST_BREAK);
}

static bool user_wait(struct dbt *d)
{
    (void)d;
    ask(REQUEST_WAIT);
    return true;
}

static uint32_t user_port_in(struct dbt *d, uint16_t port, unsigned bytes)
{
    (void)d;
    shared->port = port;
    shared->bytes = (uint8_t)bytes;
    ask(REQUEST_PORT_IN);
    return (uint32_t)shared->value;
}

static void user_port_out(struct dbt *d, uint16_t port, unsigned bytes, uint32_t value)
{
    (void)d;
    shared->port = port;
    shared->bytes = (uint8_t)bytes;
    shared->value = value;
    ask(REQUEST_PORT_OUT);
}

static void user_cpuid(struct dbt_cpu *c)
{
    (void)c; /* the core reads and writes its registers */
    ask(REQUEST_CPUID);
}

static bool user_read_msr(struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    (void)c;
    shared->value = msr;
    ask(REQUEST_READ_MSR);
    *value = shared->value;
    return shared->ok;
}

static bool user_write_msr(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    (void)c;
    shared->value = msr;
    shared->value2 = value;
    ask(REQUEST_WRITE_MSR);
    return shared->ok;
}

static uint64_t user_tsc(struct dbt_cpu *c)
{
    (void)c;
    return rdtsc();
}

/* ---- start and end ---- */

#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_7_EBX_FSGSBASE (1u << 0)
#define CPUID_7_EBX_SMEP (1u << 7)
#define CPUID_7_EBX_SMAP (1u << 20)

static uint64_t cr4_of_this_cpu(void)
{
    uint64_t cr4 = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | 1u << 6 | CR4_PGE | 1u << 8 | CR4_OSFXSR | 1u << 10 |
                   CR4_UMIP;
    uint32_t ebx = cpuid(0, 0).eax >= 7 ? cpuid(7, 0).ebx : 0;
    if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE)
        cr4 |= CR4_OSXSAVE;
    if (ebx & CPUID_7_EBX_FSGSBASE)
        cr4 |= CR4_FSGSBASE;
    if (ebx & CPUID_7_EBX_SMEP)
        cr4 |= CR4_SMEP;
    if (ebx & CPUID_7_EBX_SMAP)
        cr4 |= CR4_SMAP;
    return cr4;
}

static void init(void)
{
    static struct dbt_host host = {.budget_base = USER_BUDGET,
                                   .budget_bytes = USER_BUDGET_BYTES,
                                   .next_segment = user_next_segment,
                                   .end_segments = user_end_segments,
                                   .define = user_define,
                                   .new_dictionary = user_new_dictionary,
                                   .next_deadline = user_deadline,
                                   .poll = user_poll,
                                   .interrupt = user_interrupt,
                                   .nmi = user_nmi,
                                   .hidden = user_hidden,
                                   .at_break = user_at_break,
                                   .wait = user_wait,
                                   .port_in = user_port_in,
                                   .port_out = user_port_out};
    struct dbt_cpu *c = &engine->cpu;
    engine->host = &host;
    c->cr4_allowed = cr4_of_this_cpu();
    c->has_gib_pages = cpuid(0x80000001, 0).edx >> 26 & 1;
    c->xcr0_allowed = c->cr4_allowed & CR4_OSXSAVE ? cpuid(0xd, 0).eax & 7 : 0;
    c->pat = 0x0007040600070406ull; /* SDM Vol. 3A, 11.12.4 */
    c->cpuid = user_cpuid;
    c->read_msr = user_read_msr;
    c->write_msr = user_write_msr;
    c->read_tsc = user_tsc;
    dbt_init(engine, shared->code, shared->code_bytes);
}

void dbt_user_command_c(uint32_t command)
{
    switch (command) {
    case COMMAND_INIT:
        init();
        break;
    case COMMAND_RECORD:
        dbt_set_recording(engine, shared->value & RECORD_READS, shared->value & RECORD_WRITES);
        break;
    case COMMAND_BREAK:
        dbt_set_break(engine, (unsigned)shared->value, shared->ok, shared->value2);
        break;
    case COMMAND_COUNTERS:
        dbt_counters_text(engine, shared->text, sizeof shared->text);
        break;
    }
    ask(REQUEST_DONE);
}

void dbt_user_run_c(void)
{
    struct dbt_cpu *c = &engine->cpu;
    dbt_run(engine);
    if (c->stop == DBT_TRIPLE_FAULT)
        shared->value = ENDED_TRIPLE_FAULT;
    else if (c->halted && !(c->v.rflags & RFLAGS_IF))
        shared->value = ENDED_HLT;
    else
        shared->value = ENDED_FATAL;
    format_text(shared->text, sizeof shared->text, "%s (RIP 0x%lx)", c->stop_text ? c->stop_text : "",
                (unsigned long)c->v.rip);
    ask(REQUEST_ENDED);
}
