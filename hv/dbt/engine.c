/*
 * The DBT engine's operations. The translator and what it makes run at CPL 3;
 * the core enters with IRETQ and comes back by an exception or interrupt. All of
 * the engine's requests are made by C code at CPL 3, so that the guest's state is
 * whole in struct dbt whenever the core looks at it.
 */
#include "clock.h"
#include "console.h"
#include "dbt/dbt.h"
#include "dbt/dbt_engine.h"
#include "trace/format.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

#include <string.h>

#define CPUID_1_ECX_XSAVE (1u << 26)
#define RFLAGS_OF_CPL3 (ARITHMETIC_FLAGS | RFLAGS_DF | RFLAGS_ONE)
#define XCR0_OF_GUESTS (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

static struct dbt *user_dbt(void)
{
    return &dbt_user_engine;
}

static uint64_t dbt_memory(const struct machine *m)
{
    return space_memory_bytes(m);
}

/* ---- commands: CPL 3 does something for the core, between two requests of the run ---- */

static void prepare(struct gate_context *c, const uint8_t *entry, uint64_t stack)
{
    memset(c, 0, sizeof *c);
    c->rip = (uint64_t)entry;
    c->rsp = stack;
}

/* IOPL is 0 and TF never set, whatever CPL 3 has left there. */
static void enter(bool interrupts)
{
    gate_context.rflags = (gate_context.rflags & RFLAGS_OF_CPL3) | RFLAGS_ONE | (interrupts ? RFLAGS_IF : 0);
    gate_context.cs = GATE_CODE_SELECTOR;
    gate_context.ss = GATE_DATA_SELECTOR;
    profile_enter();
    gate_enter();
    profile_leave();
}

static bool is_request(void)
{
    if ((uint8_t)gate_context.vector != VECTOR_UD || gate_context.rip != (uint64_t)dbt_core_call)
        return false;
    gate_context.rip += 2;
    return true;
}

/* Goes to CPL 3 and back, by way of the instructions that not every CPU has. They are tried, as CPUID may
 * speak of another CPU than the one that executes CPL 3: that of an emulator which executes CPL 0. */
static bool dbt_probe(char *why, size_t size)
{
    space_begin();
    gate_init();
    prepare(&gate_context, dbt_user_selftest, 0);
    enter(false);
    if (is_request()) {
        format_text(why, size, "translated code at CPL 3; the self-test went there and back");
        return true;
    }
    if ((uint8_t)gate_context.vector == VECTOR_UD)
        format_text(
            why, size,
            "this CPU has no BMI2, which translated code uses; it is in Intel CPUs since Haswell, AMD "
            "since Excavator, and in QEMU's with -cpu max");
    else
        format_text(why, size, "the self-test at CPL 3 ended in exception %u at 0x%lx (CR2 0x%lx)",
                    (unsigned)(uint8_t)gate_context.vector, (unsigned long)gate_context.rip,
                    (unsigned long)read_cr2());
    return false;
}

/* Set when CPL 3 has done what it must not: then it is not entered again, and what it had not handed over is
 * lost. */
static bool broken;

static void command(enum dbt_command which)
{
    if (broken)
        return;
    struct gate_context run = gate_context;
    prepare(&gate_context, dbt_user_command, user_space.command_stack);
    gate_context.rdi = which;
    do {
        enter(false);
        broken = !is_request();
        if (broken)
            panic("exception %u in the DBT engine at 0x%lx (CR2 0x%lx) during command %u: an error of the "
                  "engine",
                  (unsigned)(uint8_t)gate_context.vector, (unsigned long)gate_context.rip,
                  (unsigned long)read_cr2(), (unsigned)which);
    } while (request_record());
    broken = dbt_shared.request != REQUEST_DONE;
    if (broken)
        panic("the DBT engine made request %u during command %u: an error of the engine", dbt_shared.request,
              (unsigned)which);
    gate_context = run;
}

/* ---- start ---- */

/* The guest's vector instructions run as they are: the CPU must let them. */
static void enable_vectors(void)
{
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
    if (!(cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE))
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    xsetbv(0, cpuid(0xd, 0).eax & XCR0_OF_GUESTS);
}

static void dbt_engine_init(const struct machine *m, struct vcpu *v)
{
    struct dbt *d = user_dbt();
    space_init(m);
    enable_vectors();
    wrmsr(IA32_GS_BASE, (uint64_t)d);
    wrmsr(IA32_SYSENTER_CS, 0);
    d->cpu.v = *v;
    d->cpu.physical_bits = (uint8_t)m->physical_bits;
    memset(gate_ports, 0, PORTS / 8);
    dbt_shared.due = -1;
    dbt_shared.poll_ticks = clock_hz() / POLLS_PER_SECOND;
    native_init();
    command(COMMAND_INIT);
    prepare(&gate_context, dbt_user_run, user_space.stack);
}

/* At CPL 3, as CPL 0 may be emulated; the memory behind the window is the guest's alone. */
static void dbt_copy(gpa_t to, gpa_t from, uint64_t bytes, uint64_t total)
{
    dbt_shared.value = to;
    dbt_shared.value2 = from;
    dbt_shared.copy_bytes = bytes;
    dbt_shared.copy_total = total;
    command(COMMAND_COPY);
}

/* ---- the run ---- */

/* The guest gets on between two exceptions, which r15 shows; a way out that traps itself would go round for
 * ever. */
#define TRAPS_WITHOUT_PROGRESS_MAX 1000u

static bool makes_progress(void)
{
    static uint64_t budget, traps;
    traps = gate_context.r15 == budget ? traps + 1 : 0;
    budget = gate_context.r15;
    return traps < TRAPS_WITHOUT_PROGRESS_MAX;
}

/* An exception in translated code: it is the engine's to explain, at CPL 3. */
static bool trap(uint8_t vector, struct vm_exit *e)
{
    uint64_t pc = gate_context.rip, address = vector == VECTOR_PF ? read_cr2() : 0;
    if (!makes_progress())
        return dbt_fatal(
            e,
            "exception %u at 0x%lx again and again (address 0x%lx), the guest does not get on: an "
            "error of the engine",
            vector, (unsigned long)pc, (unsigned long)address);
    if (pc < USER_CODE || pc >= USER_CODE + user_space.code_bytes)
        return dbt_fatal(e,
                         "exception %u in the DBT engine at 0x%lx (error code 0x%lx, address 0x%lx): an "
                         "error of the engine",
                         vector, (unsigned long)pc, (unsigned long)gate_context.error_code,
                         (unsigned long)address);
    if (address >= USER_BUDGET && address < USER_BUDGET + USER_BUDGET_BYTES && !space_budget_is_open()) {
        space_open_budget(true);
        address = USER_BUDGET - 1; /* as if it were used up */
    }
    dbt_shared.trap.pc = pc;
    dbt_shared.trap.address = address;
    dbt_shared.trap.vector = vector;
    gate_context.rip = (uint64_t)dbt_trap_entry;
    return false;
}

/* What ended gate_enter(); true if the core has to see it. */
static bool handle(struct vcpu *v, struct vm_exit *e)
{
    uint8_t vector = (uint8_t)gate_context.vector;
    if (is_device_interrupt(gate_context.vector)) {
        profile_interrupt();
        interrupt_arrived(vector);
        return false;
    }
    if (vector == VECTOR_NMI) {
        nmi_arrived();
        return false;
    }
    if (!is_request()) {
        profile_trap();
        return trap(vector, e);
    }
    profile_request(dbt_shared.request);
    if (request_wants_state())
        *v = user_dbt()->cpu.v;
    return request_begin(v, e);
}

static void dbt_engine_run(struct vcpu *v, struct vm_exit *e)
{
    if (request_finish(v, e))
        return;
    do {
        if (gate_nmis) {
            gate_nmis = 0;
            nmi_arrived();
        }
        enter(interrupts_are_open());
    } while (!handle(v, e));
}

static void dbt_save_state(struct vcpu *v)
{
    *v = user_dbt()->cpu.v;
}

/* CPL 3 moves RIP itself, when it has the answer. */
static void dbt_advance(struct vcpu *v, const struct vm_exit *e)
{
    (void)v;
    (void)e;
}

/* Only MSR accesses and hypercalls end in an exception that the core chooses: #GP(0), #UD. */
static void dbt_inject_exception(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error)
{
    (void)v;
    if (vector != VECTOR_UD && (vector != VECTOR_GP || !has_error || error != 0))
        panic("the DBT engine was asked to raise exception %u: an error of the core", vector);
    request_refuse();
}

/* CPL 3 makes accesses to all other ports itself. */
static void dbt_intercept_port(uint16_t port, bool on)
{
    uint8_t bit = (uint8_t)(1u << port % 8);
    gate_ports[port / 8] = (uint8_t)(on ? gate_ports[port / 8] | bit : gate_ports[port / 8] & ~bit);
    dbt_shared.core_ports[port / 8] = gate_ports[port / 8];
}

/* Asked for the text of a hypercall, which CPL 3 has read; string I/O it does not hand over. */
static bool dbt_read_guest(struct vcpu *v, gva_t from, void *to, size_t bytes)
{
    (void)v;
    (void)from;
    return request_read_text(to, bytes);
}

static void dbt_engine_set_recording(unsigned kinds, const struct filter *filter)
{
    dbt_shared.filter = *filter;
    dbt_shared.value = kinds;
    command(COMMAND_RECORD);
}

static void dbt_pack(void)
{
    window_pack();
    command(COMMAND_FORGET);
}

/* Translated code has the record pointer in r14; C code finds it in struct dbt. Its high half is a count. */
static void dbt_salvage(void)
{
    uint64_t rip = gate_context.rip;
    bool translated = rip >= USER_CODE && rip < USER_CODE + user_space.code_bytes;
    broken = true;
    window_salvage((uint32_t)(translated ? gate_context.r14 : user_dbt()->record));
}

static void dbt_set_trigger(enum trigger t, bool armed, gva_t at)
{
    _Static_assert(TRIGGER_COUNT <= DBT_BREAKS, "a break for every trigger");
    dbt_shared.value = t;
    dbt_shared.value2 = at;
    dbt_shared.ok = armed;
    command(COMMAND_BREAK);
}

static void dbt_count_to(uint64_t instructions)
{
    dbt_shared.count_to = instructions;
    command(COMMAND_COUNT);
}

/* Text from CPL 3 is for a text file: what is not printable becomes '?'. */
static size_t dbt_engine_counters(char *text, size_t size)
{
    size_t n = 0;
    if (size == 0)
        return 0;
    command(COMMAND_COUNTERS);
    while (n + 1 < size && n + 1 < SHARED_TEXT && dbt_shared.line[n]) {
        char c = dbt_shared.line[n];
        text[n++] = (c >= ' ' && c <= '~') || c == '\n' ? c : '?';
    }
    text[n] = '\0';
    n += profile_text(text + n, size - n);
    return n + format_text(text + n, size - n,
                           "counter.dbt.device_interrupts=%lu\ncounter.sink_touches=%lu\n",
                           (unsigned long)interrupts_count(), (unsigned long)request_hidden_touches());
}

/* Nothing of what it changed outlives the machine's halt. */
static void dbt_stop(void) {}

const struct engine dbt_engine = {
    .name = "dbt",
    .has_a20 = true,
    .raw = true,
    .probe = dbt_probe,
    .memory = dbt_memory,
    .init = dbt_engine_init,
    .copy = dbt_copy,
    .run = dbt_engine_run,
    .save_state = dbt_save_state,
    .advance = dbt_advance,
    .inject_exception = dbt_inject_exception,
    .intercept_port = dbt_intercept_port,
    .read_guest = dbt_read_guest,
    .set_recording = dbt_engine_set_recording,
    .pack = dbt_pack,
    .pending_events = window_events,
    .checkpoint = window_checkpoint,
    .salvage = dbt_salvage,
    .set_trigger = dbt_set_trigger,
    .count_to = dbt_count_to,
    .counters = dbt_engine_counters,
    .stop = dbt_stop,
};
