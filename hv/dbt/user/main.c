/*
 * The DBT engine's part at CPL 3: what dbt/ wants of a host, by requests to the
 * core (hv/dbt/shared.h). Nothing else of the hypervisor is mapped here.
 */
#include "console.h"
#include "dbt/dbt.h"
#include "dbt/sys/sys.h"
#include "dbt/user/user.h"
#include "hypercall_numbers.h"
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

void user_ask(enum dbt_request request)
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
        user_ask(REQUEST_SEGMENTS);
        current = 0;
    }
    begin_segment(d);
}

static void user_end_segments(struct dbt *d, const struct raw_use *used)
{
    (void)d;
    shared->use[current] = *used;
    user_ask(REQUEST_RELEASE);
}

static void user_define(struct dbt *d)
{
    (void)d;
    user_ask(REQUEST_DEFINE);
}

static void user_new_dictionary(struct dbt *d)
{
    (void)d;
    user_ask(REQUEST_NEW_DICTIONARY);
}

/* ---- the budget and polls ---- */

/* Instructions until the clock is looked at: as many as take half the time between two polls, as far as a
 * look back tells. Each time is a round trip, which takes long where CPL 0 is emulated. */
#define LOOK_INSTRUCTIONS_MIN 1000000u
static uint64_t look_instructions = LOOK_INSTRUCTIONS_MIN;

static uint64_t left_to_count(const struct dbt *d)
{
    uint64_t now = dbt_icount(d);
    return shared->count_to > now ? shared->count_to - now : 0;
}

static uint64_t user_deadline(struct dbt *d)
{
    uint64_t left = left_to_count(d);
    return left && left < look_instructions ? left : look_instructions;
}

static void adapt_looks(uint64_t now)
{
    static uint64_t last;
    uint64_t since = now - last;
    if (since < shared->poll_ticks / 4 && look_instructions < USER_BUDGET_BYTES / 2)
        look_instructions *= 2;
    else if (since > shared->poll_ticks && look_instructions > LOOK_INSTRUCTIONS_MIN)
        look_instructions /= 2;
    last = now;
}

/* Also called when an interrupt has come; then the budget is not used up. */
static bool user_poll(struct dbt *d)
{
    static uint64_t polled;
    uint64_t now = rdtsc();
    if (shared->count_to && !left_to_count(d)) {
        shared->count_to = 0;
        user_ask(REQUEST_COUNTED);
    }
    if (dbt_budget_left(d) < 2 * BLOCK_INSNS_MAX)
        adapt_looks(now);
    if (now - polled >= shared->poll_ticks) {
        polled = now;
        user_ask(REQUEST_POLL);
    }
    return true;
}

/* ---- interrupts ---- */

/* So that what an interrupt has interrupted gets on even where the next one waits already: by about so many
 * instructions, as a block that does not fit into what is left of them is not begun. */
#define INSTRUCTIONS_BETWEEN_INTERRUPTS 32u

/* Asked when the guest can be interrupted. */
static int user_interrupt(struct dbt *d)
{
    static bool delivered;   /* one, and since then it has not been open */
    static uint64_t resumed; /* instructions, when it was open again after that; 0: that is over */
    int vector = shared->due;
    if (shared->interrupts_open)
        return -1;
    if (vector < 0) {
        resumed = delivered ? dbt_icount(d) : 0;
        delivered = false;
        user_ask(REQUEST_INTERRUPTS);
        return -1;
    }
    bool at_once = resumed && dbt_icount(d) - resumed < INSTRUCTIONS_BETWEEN_INTERRUPTS;
    resumed = 0;
    if (at_once) {
        dbt_ask_within(d, INSTRUCTIONS_BETWEEN_INTERRUPTS);
        return -1;
    }
    delivered = true;
    shared->due = -1;
    return vector;
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
    user_ask(REQUEST_HIDDEN);
}

static void user_at_break(struct dbt *d, unsigned n)
{
    (void)d;
    shared->value = n;
    user_ask(REQUEST_BREAK);
}

static bool user_wait(struct dbt *d)
{
    (void)d;
    user_ask(REQUEST_WAIT);
    return true;
}

/* Leaves that do not look at ECX, where programs have anything (SDM Vol. 2A, CPUID). */
static bool has_subleaves(uint32_t leaf)
{
    return !(leaf <= 3 || leaf == 5 || leaf == 6 || (leaf >= 0x80000000 && leaf <= 0x80000008));
}

/* The core reads and writes the guest's registers. Its answer depends on nothing else than leaf, subleaf and
 * CR4, and each program of the guest asks some thirty times as it starts. */
#define ANSWERS 64u
static void user_cpuid(struct dbt_cpu *c)
{
    static struct answer {
        bool known;
        uint32_t leaf, subleaf;
        uint64_t cr4, rax, rbx, rcx, rdx;
    } answers[ANSWERS];
    uint64_t *gpr = c->v.gpr;
    const uint32_t leaf = (uint32_t)gpr[RAX], subleaf = has_subleaves(leaf) ? (uint32_t)gpr[RCX] : 0;
    struct answer *a = &answers[(leaf ^ leaf >> 26 ^ subleaf << 3) % ANSWERS];
    if (!a->known || a->leaf != leaf || a->subleaf != subleaf || a->cr4 != c->v.cr4) {
        user_ask(REQUEST_CPUID);
        *a = (struct answer){true, leaf, subleaf, c->v.cr4, gpr[RAX], gpr[RBX], gpr[RCX], gpr[RDX]};
    }
    gpr[RAX] = a->rax;
    gpr[RBX] = a->rbx;
    gpr[RCX] = a->rcx;
    gpr[RDX] = a->rdx;
}

static bool user_read_msr(struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    (void)c;
    shared->value = msr;
    user_ask(REQUEST_READ_MSR);
    *value = shared->value;
    return shared->ok;
}

static bool user_write_msr(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    (void)c;
    shared->value = msr;
    shared->value2 = value;
    user_ask(REQUEST_WRITE_MSR);
    return shared->ok;
}

/* The text of a mark has to be read here: the core does not know the guest's memory. */
static bool user_hypercall(struct dbt *d)
{
    struct dbt_cpu *c = &d->cpu;
    uint32_t bytes = (uint32_t)c->v.gpr[RDX];
    shared->ok = (uint32_t)c->v.gpr[RCX] == HYPERCALL_MARK && bytes <= HYPERCALL_MARK_MAX &&
                 dbt_peek(c, c->v.gpr[RSI], shared->line, bytes);
    user_ask(REQUEST_HYPERCALL);
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
    uint64_t cr4 = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | 1u << 6 | CR4_PGE | 1u << 8 |
                   CR4_OSFXSR | 1u << 10 | CR4_UMIP;
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
                                   .hypercall = user_hypercall,
                                   .port_in = user_port_in,
                                   .port_out = user_port_out};
    struct dbt_cpu *c = &engine->cpu;
    /* Here and not by the core, which may be slow. */
    memset(engine->blocks, 0, engine->block_max * sizeof *engine->blocks);
    memset(engine->insns, 0, engine->insn_max * sizeof *engine->insns);
    memset(engine->exits, 0, engine->exit_max * sizeof *engine->exits);
    memset(engine->page_blocks, 0, (engine->ram_bytes >> PAGE_SHIFT) * sizeof *engine->page_blocks);
    engine->host = &host;
    c->cr4_allowed = cr4_of_this_cpu();
    c->has_gib_pages = cpuid(0x80000001, 0).edx >> 26 & 1;
    c->xcr0_allowed = sys_xcr0_offered();
    c->pat = 0x0007040600070406ull; /* SDM Vol. 3A, 11.12.4 */
    c->cpuid = user_cpuid;
    c->read_msr = user_read_msr;
    c->write_msr = user_write_msr;
    c->read_tsc = user_tsc;
    dbt_init(engine, shared->code, shared->code_bytes);
}

static void copy(void)
{
    uint8_t *to = engine->ram + shared->value;
    memmove(to, engine->ram + shared->value2, shared->copy_bytes);
    memset(to + shared->copy_bytes, 0, shared->copy_total - shared->copy_bytes);
}

void dbt_user_command_c(uint32_t command)
{
    switch (command) {
    case COMMAND_INIT:
        init();
        break;
    case COMMAND_RECORD:
        dbt_set_recording(engine, (unsigned)shared->value, &shared->filter);
        break;
    case COMMAND_FORGET:
        dbt_forget_dictionary(engine);
        break;
    case COMMAND_COUNT:
        dbt_ask_within(engine, left_to_count(engine));
        break;
    case COMMAND_BREAK:
        dbt_set_break(engine, (unsigned)shared->value, shared->ok, shared->value2);
        break;
    case COMMAND_COPY:
        copy();
        break;
    case COMMAND_COUNTERS:
        dbt_counters_text(engine, shared->line, sizeof shared->line);
        break;
    }
    user_ask(REQUEST_DONE);
}

void dbt_user_run_c(void)
{
    struct dbt_cpu *c = &engine->cpu;
    dbt_run(engine);
    user_hand_over_text();
    if (c->stop == DBT_TRIPLE_FAULT)
        shared->value = ENDED_TRIPLE_FAULT;
    else if (c->halted && !(c->v.rflags & RFLAGS_IF))
        shared->value = ENDED_HLT;
    else
        shared->value = ENDED_FATAL;
    format_text(shared->line, sizeof shared->line, "%s (RIP 0x%lx)", c->stop_text ? c->stop_text : "",
                (unsigned long)c->v.rip);
    user_ask(REQUEST_ENDED);
}
