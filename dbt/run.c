/*
 * The dispatcher: finds or translates the block at CS:RIP, runs translated code
 * until it leaves, and does what it left for.
 *
 * The budget is an address, in the low half of r15. A block subtracts its
 * instructions and loads a byte there: below the range that can be read the host
 * CPU faults, and what counts as an interrupt has cost one load a block and touched
 * no flag. The same way a load ahead of r14 notices that the segment is full. Host
 * faults come back here through dbt_trap() as exits. The high half of r15 counts the
 * events that blocks record.
 *
 * Whatever C code does for the guest happens with the instruction not yet charged,
 * so that dbt_icount() is the number of those completed before it.
 *
 * Flags: a probe may spoil arithmetic flags that the rest of its block does not
 * read. Where a fault can show them they were put aside. Where nothing can, and the
 * block is left in its middle for a slow access, the next one (which begins behind
 * it and sets the flags anew) runs without a budget test, so that no interrupt shows
 * spoiled flags to the guest.
 */
#include "dbt/run.h"

#include "dbt/front.h"
#include "dbt/string.h"
#include "dbt/switch.h"
#include "dbt/sys/sys.h"
#include "trace/bytes.h"
#include "trace/hook.h"
#include "x86/cpu.h"
#include "x86/debug.h"
#include "x86/exceptions.h"

/* ---- faults and stops ---- */

static void stop(struct dbt *d, const char *text)
{
    if (d->cpu.stop)
        return;
    d->cpu.stop = DBT_UNSUPPORTED;
    d->cpu.stop_text = text;
}

void dbt_deliver(struct dbt *d)
{
    if (d->cpu.stop)
        return;
    d->counters.faults++;
    d->cpu.debug_traps = d->held_traps; /* what the instruction itself has hit it hits again */
    sys_deliver_fault(&d->cpu);
    d->mode_dirty = true;
}

static void hex(char **p, uint64_t v, unsigned digits)
{
    while (digits--)
        *(*p)++ = "0123456789abcdef"[v >> 4 * digits & 15];
}

/* "cannot translate NAME (bytes) at CS:IP" */
static void stop_at_insn(struct dbt *d)
{
    const struct guest_insn *g = slow_insn_here(d);
    char *p = d->stop_line;
    const char *name = g ? ZydisMnemonicGetString(g->z.mnemonic) : "?";
    unsigned length = g ? g->z.length : 0;

    d->cpu.stop = DBT_RUNS;
    memcpy(p, "the DBT engine has no translation for ", 38);
    p += 38;
    size_t n = strlen(name);
    memcpy(p, name, n);
    p += n;
    memcpy(p, " (", 2);
    p += 2;
    for (unsigned i = 0; i < length; i++)
        hex(&p, g->bytes[i], 2);
    memcpy(p, ") at 0x", 7);
    p += 7;
    hex(&p, d->cpu.v.rip, 16);
    *p = '\0';
    stop(d, d->stop_line);
}

/* ---- exits ---- */

static void set_budget(struct dbt *d, uint64_t instructions)
{
    uint32_t before = (uint32_t)d->budget, now = d->host->budget_base + (uint32_t)instructions;
    d->budget = (d->budget & ~0xffffffffull) | now;
    d->zero += (uint64_t)now - before;
    if (d->recorder.on)
        recorder_number(d, RAW_ICOUNT, d->zero);
}

static void refill_budget(struct dbt *d)
{
    uint64_t most = d->host->budget_bytes - PAGE_SIZE, n = d->host->next_deadline(d);
    set_budget(d, n < most ? n : most);
    if (d->recorder.on) {
        recorder_count(d);
        recorder_number(d, RAW_TIME, rdtsc());
    }
}

void dbt_ask_within(struct dbt *d, uint64_t instructions)
{
    if (dbt_budget_left(d) > instructions)
        set_budget(d, instructions);
}

void dbt_spend_iterations(struct dbt *d, uint64_t n)
{
    if (n == 0)
        return;
    d->iterations += n;
    d->budget -= n;
    d->zero -= n;
    if (d->recorder.on)
        recorder_number(d, RAW_ICOUNT, d->zero);
}

static bool poll(struct dbt *d)
{
    d->counters.budget++;
    if (!d->host->poll(d)) {
        stop(d, "ended by the host");
        return false;
    }
    refill_budget(d);
    d->stepping = dbt_budget_left(d) < BLOCK_INSNS_MAX;
    d->mode_dirty = true;
    return true;
}

static void show_iteration(struct dbt *d)
{
    if (d->between_iterations)
        d->cpu.v.rflags |= RFLAGS_RF;
    d->between_iterations = false;
}

static bool deliver_nmi(struct dbt *d)
{
    const struct dbt_cpu *c = &d->cpu;
    if (!d->host->nmi || c->nmi_blocked || c->shadow_is_mov_ss || !d->host->nmi(d))
        return false;
    d->counters.interrupts++;
    d->cpu.halted = false;
    show_iteration(d);
    sys_deliver_nmi(&d->cpu);
    d->mode_dirty = true;
    return true;
}

static bool deliver_interrupt(struct dbt *d)
{
    if (deliver_nmi(d))
        return true;
    if (!(d->cpu.v.rflags & RFLAGS_IF) || d->cpu.interrupt_shadow)
        return false;
    int vector = d->host->interrupt(d);
    if (vector < 0)
        return false;
    d->counters.interrupts++;
    d->cpu.halted = false;
    show_iteration(d);
    sys_deliver_interrupt(&d->cpu, (uint8_t)vector);
    d->mode_dirty = true;
    return true;
}

static void handle_trap(struct dbt *d)
{
    struct block *b = cache_block_at(d, d->trap_pc);
    uint64_t pc = d->trap_pc;

    d->counters.traps++;
    if (!b) {
        stop(d, "a host exception outside any block: an error of the translator");
        return;
    }
    if (pc < (uint64_t)(uintptr_t)b->body) {
        go_back_to(d, b, 0);
        d->budget -= (uint64_t)b->record_count << 32;
        d->restart = true;
        uint64_t base = d->host->budget_base;
        if (d->trap_address < base && base - d->trap_address <= PAGE_SIZE)
            poll(d);
        else
            recorder_next_segment(d);
        return;
    }
    unsigned i = b->insn_count - 1u;
    while (i && b->insn[i].code > pc - (uint64_t)(uintptr_t)b->indirect)
        i--;
    for (unsigned s = 0; s < b->insn[i].spilled; s++)
        d->cpu.v.gpr[b->insn[i].spill_reg[s]] = d->spill[s];
    restore_flags(d, b->insn[i].flags);
    settle_record(d, b, i);
    leave_inside(d, b, i);
    raise_trap(d);
    dbt_deliver(d);
}

static void handle_system(struct dbt *d, const struct exit_site *x)
{
    go_back_to(d, x->block, x->insn);
    d->counters.system++;
    const struct insn *insn = slow_decode(d);
    if (!insn) {
        dbt_deliver(d);
        return;
    }
    uint64_t rip = d->cpu.v.rip;
    d->access_flags = insn->rep ? ACCESS_REP : 0;
    bool done = sys_execute(&d->cpu, insn);
    d->access_flags = 0;
    if (!done)
        dbt_deliver(d);
    else if (insn->rep && d->cpu.v.rip == rip) /* INS and OUTS with iterations to come */
        dbt_spend_iterations(d, 1);
    else
        d->budget -= 1;
    d->mode_dirty = true;
    if (d->cpu.interrupt_shadow)
        d->quiet_block = true;
}

/* Instructions that C code executes, or that fault: RIP goes there. */
static void handle_by_c(struct dbt *d, const struct exit_site *x)
{
    bool ok;

    go_back_to(d, x->block, x->insn);
    const uint64_t rip = d->cpu.v.rip;
    switch (x->kind) {
    case DBT_EXIT_SLOW:
        ok = slow_execute(d);
        break;
    case DBT_EXIT_LANES: {
        const struct guest_insn *g = slow_insn_here(d);
        ok = g && lanes_execute(d, g);
        break;
    }
    case DBT_EXIT_NM:
        ok = dbt_raise(&d->cpu, VECTOR_NM);
        break;
    default:
        ok = dbt_raise(&d->cpu, VECTOR_UD);
        break;
    }
    if (!ok)
        dbt_deliver(d);
    else if (d->cpu.v.rip != rip) /* not a part of its elements */
        charge(d);
    d->mode_dirty = true;
}

/* RIP is behind an instruction that changed nothing but registers and memory: the next block follows without
 * a look at anything but its own budget, if it is at hand. */
static void go_on(struct dbt *d)
{
    if (d->jump_table == 0 || d->mode_dirty || d->cpu.debug_traps)
        return;
    d->scratch2 = d->cpu.v.rip;
    d->branch = NO_BRANCH;
    d->retry = d->resume_at[d->jump_table];
}

/* An interrupt may come before the instruction is resumed: then it is restarted later, with the count that is
 * left. */
static void handle_string(struct dbt *d, const struct exit_site *x)
{
    bool complete = false;
    go_back_to(d, x->block, x->insn);
    if (!string_execute(d, &x->string, x->target, &complete)) {
        dbt_deliver(d);
    } else if (complete) {
        charge(d);
        go_on(d);
    } else {
        d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
        d->mode_dirty = d->mode_dirty || d->mode & MODE_STEP;
    }
}

static void handle_exit(struct dbt *d, struct exit_site **chain)
{
    struct exit_site *x = &d->exits[d->exit_site];
    switch (x->kind) {
    case DBT_EXIT_CHAIN:
        d->cpu.v.rip = x->target;
        *chain = x;
        break;
    case DBT_EXIT_INDIRECT:
        d->cpu.v.rip = d->scratch2;
        if (d->branch != NO_BRANCH && !slow_may_execute(d, d->cpu.v.rip))
            refuse_branch(d, &d->blocks[d->branch], d->blocks[d->branch].insn_count - 1u);
        break;
    case DBT_EXIT_OUTSIDE:
        refuse_branch(d, x->block, x->insn);
        break;
    case DBT_EXIT_SYSTEM:
        handle_system(d, x);
        break;
    case DBT_EXIT_SLOW:
    case DBT_EXIT_LANES:
    case DBT_EXIT_UD:
    case DBT_EXIT_NM:
        handle_by_c(d, x);
        break;
    case DBT_EXIT_STRING:
        handle_string(d, x);
        break;
    case DBT_EXIT_MISS:
        handle_miss(d, x);
        break;
    case DBT_EXIT_BOUNCED:
        d->mode_dirty = true;
        break;
    case DBT_EXIT_TRAP:
        handle_trap(d);
        break;
    default:
        go_back_to(d, x->block, x->insn);
        stop_at_insn(d);
        break;
    }
}

/* ---- the loop ---- */

/* True: the block's second page is still where it was. False with a fault: it cannot be fetched. */
static bool second_page_is_there(struct dbt *d, const struct block *b, gva_t at, bool *fault)
{
    gpa_t gpa2;
    *fault = !fetch_translate(d, (at & PAGE_MASK) + PAGE_SIZE, &gpa2);
    return !*fault && gpa2 == b->gpa2;
}

static struct block *find_block(struct dbt *d)
{
    gva_t at = code_linear(d->mode, d->cpu.v.seg[SEG_CS].base, d->cpu.v.rip);
    gpa_t gpa;
    bool fault = false;

    d->counters.lookups++;
    if (!slow_may_execute(d, d->cpu.v.rip)) {
        dbt_raise_error(&d->cpu, VECTOR_GP, 0);
        return NULL;
    }
    if (!fetch_translate(d, at, &gpa))
        return NULL;
    const bool global = d->fetched_global;
    struct block *b = cache_find(d, d->cpu.v.rip, gpa);
    if (b && (!b->crosses || second_page_is_there(d, b, at, &fault))) {
        d->found_global = global && (!b->crosses || d->fetched_global);
        return b;
    }
    if (fault)
        return NULL;
    if (b)
        cache_drop(d, b);
    if (d->recorder.on && !recorder_has_room(d)) {
        recorder_new_dictionary(d);
        cache_flush(d);
    } else if (cache_is_nearly_full(d)) {
        cache_flush(d);
    }
    if (d->mode_dirty)
        mode_update(d);
    b = translate_block(d, d->cpu.v.rip, false);
    if (b)
        cache_insert(d, b);
    d->found_global = global && b && !b->crosses;
    return b;
}

static bool may_go_on(struct dbt *d)
{
    if (d->cpu.stop)
        return false;
    if (!d->cpu.halted || d->cpu.debug_traps)
        return true;
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    d->quiet_block = false;
    if (!(d->cpu.v.rflags & RFLAGS_IF) || !d->host->wait(d)) {
        stop(d, "HLT with nothing to end it");
        return false;
    }
    return true;
}

static const void *entry_of(struct dbt *d, struct block *b)
{
    if (!d->quiet_block)
        return b->code;
    /* By the body: the budget and the room are looked at here. */
    d->quiet_block = false;
    d->mode_dirty = d->mode_dirty || d->cpu.interrupt_shadow;
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    if (d->recorder.on && d->record + ROOM_BYTES > (uint64_t)(uintptr_t)d->recorder.end)
        recorder_next_segment(d);
    d->budget += ((uint64_t)b->record_count << 32) - b->budget;
    return b->body;
}

/* The block has ended with an iteration of a REP, and it goes on with the next. */
static bool is_between_iterations(const struct dbt *d, const struct block *b)
{
    uint64_t ip = b->ip + b->insn[b->insn_count - 1].ip;
    return b->repeats && d->cpu.v.rip == ((b->mode & MODE_CODE_SIZE) == CODE_64 ? ip : (uint32_t)ip);
}

/* What was at RIP before the instruction is one that a single-step trap comes behind: with IA32_DEBUGCTL.BTF
 * only a branch that was taken is (SDM Vol. 3B, 17.4.3). */
static bool steps(const struct dbt *d, const struct block *b)
{
    uint64_t next = b->ip + b->guest_bytes;
    if (!(d->cpu.debugctl & DEBUGCTL_BTF))
        return true;
    return d->cpu.v.rip != ((b->mode & MODE_CODE_SIZE) == CODE_64 ? next : (uint32_t)next) &&
           !is_between_iterations(d, b);
}

/* The instruction was not executed after all: what it is to find is put back. */
struct entered {
    uint64_t icount, rf;
    bool shadow, mov_ss;
};

static void put_back(struct dbt *d, const struct entered *before)
{
    if (before->shadow) {
        d->cpu.interrupt_shadow = d->quiet_block = true;
        d->cpu.shadow_is_mov_ss = before->mov_ss;
    }
    if (before->icount == dbt_icount(d))
        d->cpu.v.rflags |= before->rf;
}

static void run_from(struct dbt *d, const void *entry, struct exit_site **chain)
{
    do {
        switch_enter(d, entry);
        d->retry = NULL;
        d->restart = false;
        handle_exit(d, chain);
        entry = d->retry;
    } while (entry && !d->cpu.stop);
}

/* Runs translated code from the current state until something was recorded or left that needs a new look. */
static void step(struct dbt *d, struct exit_site **chain)
{
    uint32_t flushes = (uint32_t)d->counters.flushes;
    if (d->mode_dirty)
        mode_update(d);
    d->held_traps = d->cpu.debug_traps;
    struct block *b = find_block(d);
    if (!b) {
        *chain = NULL;
        dbt_deliver(d);
        return;
    }
    if (flushes != (uint32_t)d->counters.flushes)
        *chain = NULL;
    bool single = d->mode & (MODE_TF | MODE_STEP);
    const struct entered before = {.icount = dbt_icount(d),
                                   .rf = d->cpu.v.rflags & RFLAGS_RF,
                                   .shadow = d->cpu.interrupt_shadow,
                                   .mov_ss = d->cpu.shadow_is_mov_ss};
    bool at_break = break_is_at(d, b);
    if (!at_break && *chain && (*chain)->block->valid && (*chain)->block->mode == d->mode && !single)
        cache_chain(d, *chain, b);
    if (!at_break && (!*chain || b->crosses))
        cache_offer(d, b, d->found_global);
    *chain = NULL;
    d->cpu.delivered = false;
    const void *entry = entry_of(d, b);
    /* RF ends with the instruction, and faults push it as 1 whatever it was (SDM Vol. 3B, 17.3.1.1). */
    d->cpu.v.rflags &= ~RFLAGS_RF;
    run_from(d, entry, chain);
    if (d->restart) {
        put_back(d, &before);
        return;
    }
    d->between_iterations = is_between_iterations(d, b);
    if (d->mode & MODE_TF && !d->cpu.delivered && !d->cpu.stop && !d->cpu.shadow_is_mov_ss && steps(d, b))
        d->cpu.debug_traps |= DR6_BS;
}

/* Those of the instructions before; behind MOV SS they wait for one more (SDM Vol. 3A, 6.8.3). */
static bool deliver_traps(struct dbt *d)
{
    uint16_t traps = d->cpu.debug_traps;
    if (!traps || d->cpu.shadow_is_mov_ss)
        return false;
    d->cpu.debug_traps = 0;
    d->cpu.halted = d->quiet_block = false;
    show_iteration(d);
    sys_deliver_debug(&d->cpu, traps);
    d->mode_dirty = true;
    return true;
}

/* What comes before the instruction at RIP, by priority (SDM Vol. 3A, table 6-2). True: it is executed now.
 */
static bool look_around(struct dbt *d, struct exit_site **chain)
{
    bool event = deliver_traps(d);
    if (!d->quiet_block && !d->cpu.stop)
        event |= deliver_interrupt(d);
    if (event)
        *chain = NULL;
    if (d->cpu.stop || d->cpu.halted)
        return false;
    if (break_ask_host(d))
        *chain = NULL;
    return !d->cpu.stop && !d->cpu.halted;
}

void dbt_run(struct dbt *d)
{
    struct exit_site *chain = NULL;

    d->mode_dirty = true;
    refill_budget(d);
    while (may_go_on(d)) {
        if (!look_around(d, &chain))
            continue;
        if (break_deliver(d)) {
            chain = NULL;
            dbt_spend_iterations(d, 1);
            if (dbt_budget_left(d) == 0)
                poll(d);
        } else {
            step(d, &chain);
        }
    }
}

bool dbt_trap(struct dbt *d, uint64_t pc, uint64_t address, uint64_t vector, uint64_t *resume)
{
    if (pc < (uint64_t)(uintptr_t)d->cache_start || pc >= (uint64_t)(uintptr_t)d->cache_end)
        return false;
    d->trap_pc = pc;
    d->trap_address = address;
    d->trap_vector = vector;
    *resume = (uint64_t)(uintptr_t)d->leave_trap;
    return true;
}

void dbt_set_recording(struct dbt *d, unsigned kinds, const struct filter *filter)
{
    const struct filter none = {0};
    struct recorder *r = &d->recorder;
    if (r->on)
        recorder_stop(d);
    r->reads = kinds & RECORD_READS;
    r->writes = kinds & RECORD_WRITES;
    d->cpu.walk_tlb = kinds & RECORD_WALK_READS ? &d->walk_tlb : NULL;
    r->filter = filter ? *filter : none;
    tlb_flush_all(d); /* it knows what the filter says of pages */
    sys_forget_walks(&d->cpu, true);
    if (kinds)
        recorder_start(d);
    d->mode_dirty = true;
}

void dbt_forget_dictionary(struct dbt *d)
{
    d->recorder.block_count = d->recorder.access_count = 0;
    cache_flush(d);
}

void dbt_init(struct dbt *d, void *code, size_t code_bytes)
{
    sys_probe(&d->cpu);
    d->budget = d->zero = d->host->budget_base;
    memory_init(d);
    cache_init(d, code, code_bytes);
}
