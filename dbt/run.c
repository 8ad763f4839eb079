/*
 * The dispatcher: finds or translates the block at CS:RIP, runs translated code
 * until it leaves, and does what it left for.
 *
 * The budget is an address. A block subtracts its instructions from r15 and loads
 * a byte there: below the range that can be read the host CPU faults, and what
 * counts as an interrupt has cost one load a block and touched no flag. The same
 * way a load ahead of r14 notices that the record buffer is full. Host faults
 * come back here through dbt_trap() as exits.
 *
 * Flags: a probe may spoil arithmetic flags that the rest of its block does not
 * read. Where a block is left in its middle for a slow access, the next one (which
 * begins behind it and sets the flags anew) runs without a budget test, so that
 * no interrupt shows spoiled flags to the guest.
 */
#include "dbt/front.h"
#include "dbt/switch.h"

#include "dbt/sys/sys.h"
#include "trace/hook.h"
#include "x86/cpu.h"
#include "x86/debug.h"
#include "x86/exceptions.h"

/* ---- mode ---- */

static bool limited(const struct dbt *d, const struct segment *s, unsigned n)
{
    if ((d->mode & MODE_CODE_SIZE) == CODE_64)
        return false;
    if (n == SEG_CS) /* that it must not be written the probe knows */
        return s->limit != 0xffffffffu || ((d->cpu.v.cr0 & CR0_PE) && !(s->access & 2));
    bool data = !(s->access & 8);
    return (s->access & SEGMENT_UNUSABLE) || s->limit != 0xffffffffu || (data && (s->access & 4)) ||
           ((d->cpu.v.cr0 & CR0_PE) && (!data || !(s->access & 2)));
}

/* SDM Vol. 3A, 2.5 and 2.6. */
static uint32_t vector_mode(const struct vcpu *v)
{
    const uint64_t avx = XCR0_SSE | XCR0_AVX;
    uint64_t enabled = v->cr4 & CR4_OSXSAVE ? v->xcr0 : 0;
    uint32_t mode = 0;
    if (v->cr0 & CR0_EM)
        mode |= MODE_EM;
    if (v->cr0 & CR0_TS)
        mode |= v->cr0 & CR0_MP ? MODE_TS | MODE_WAIT_NM : MODE_TS;
    if (!(v->cr4 & CR4_OSFXSR))
        mode |= MODE_NO_SSE;
    if (!(v->cr0 & CR0_PE) || (v->rflags & RFLAGS_VM))
        mode |= MODE_NO_VEX;
    if ((enabled & avx) != avx)
        mode |= MODE_NO_AVX;
    if ((enabled & (avx | XCR0_AVX512)) != (avx | XCR0_AVX512))
        mode |= MODE_NO_AVX512;
    return mode;
}

uint32_t dbt_mode(const struct dbt *d)
{
    const struct vcpu *v = &d->cpu.v;
    uint32_t mode = sys_code_size(&d->cpu);
    if (v->seg[SEG_SS].access & SEGMENT_DB)
        mode |= MODE_STACK32;
    if ((v->cr0 & CR0_PE) && dbt_cpl(&d->cpu) == 3)
        mode |= MODE_USER;
    if (v->cr0 & CR0_PG)
        mode |= MODE_PAGING;
    mode |= vector_mode(v);
    if (v->rflags & RFLAGS_DF)
        mode |= MODE_DF;
    if (v->rflags & RFLAGS_TF)
        mode |= MODE_TF;
    return mode;
}

static uint32_t segment_mode(const struct dbt *d)
{
    uint32_t mode = 0;
    for (unsigned n = SEG_ES; n <= SEG_GS; n++) {
        const struct segment *s = &d->cpu.v.seg[n];
        if ((d->mode & MODE_CODE_SIZE) != CODE_64 && s->base)
            mode |= MODE_BASED(n);
        if (limited(d, s, n))
            mode |= MODE_LIMITED(n);
    }
    return mode;
}

/* What decides over a page's rights besides its tables and the CPL, for which there are two TLBs. */
static uint64_t permissions(const struct vcpu *v)
{
    uint64_t key = (v->cr0 & CR0_WP) | (v->cr4 & (CR4_SMEP | CR4_SMAP)) << 32;
    return key | (v->cr4 & CR4_SMAP ? v->rflags & RFLAGS_AC : 0) | (v->efer & EFER_NXE) << 20;
}

static void update_mode(struct dbt *d)
{
    if (permissions(&d->cpu.v) != d->permissions) {
        d->permissions = permissions(&d->cpu.v);
        tlb_flush_all(d);
    }
    if (d->cpu.v.dr7 & DR7_ENABLES)
        dbt_stop_unsupported(&d->cpu, "hardware breakpoints (DR7) are not supported by the DBT engine");
    if ((d->cpu.v.cr0 & CR0_AM) && (d->cpu.v.rflags & RFLAGS_AC) && dbt_cpl(&d->cpu) == 3)
        dbt_stop_unsupported(&d->cpu,
                             "alignment checks (CR0.AM, EFLAGS.AC) are not supported by the DBT engine");
    uint32_t before = d->mode;
    d->mode = dbt_mode(d);
    d->mode |= segment_mode(d);
    if (d->mode != before)
        cache_forget_jumps(d);
    d->mode_dirty = false;
}

/* ---- faults and stops ---- */

static void stop(struct dbt *d, const char *text)
{
    if (d->cpu.stop)
        return;
    d->cpu.stop = DBT_UNSUPPORTED;
    d->cpu.stop_text = text;
}

/* Delivers c->fault at v.rip, or leaves the run stopped. */
static void deliver(struct dbt *d)
{
    if (d->cpu.stop)
        return;
    d->counters.faults++;
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
    uint8_t bytes[INSN_BYTES_MAX];
    size_t available = 0;
    static struct guest_insn g;
    char *p = d->stop_line;
    const char *name = "?";
    unsigned length = 0;

    if (slow_fetch(d, d->cpu.v.rip, bytes, &available) &&
        front_decode(&g, bytes, available, d->cpu.v.rip, (enum code_size)(d->mode & MODE_CODE_SIZE))) {
        name = ZydisMnemonicGetString(g.z.mnemonic);
        length = g.z.length;
    }
    d->cpu.stop = DBT_RUNS;
    memcpy(p, "the DBT engine has no translation for ", 38);
    p += 38;
    size_t n = strlen(name);
    memcpy(p, name, n);
    p += n;
    memcpy(p, " (", 2);
    p += 2;
    for (unsigned i = 0; i < length; i++)
        hex(&p, bytes[i], 2);
    memcpy(p, ") at 0x", 7);
    p += 7;
    hex(&p, d->cpu.v.rip, 16);
    *p = '\0';
    stop(d, d->stop_line);
}

/* ---- records of a block that is left in its middle ---- */

static void leave_inside(struct dbt *d, const struct block *b, unsigned insn, unsigned records,
                         unsigned executed)
{
    const struct block_insn *i = &b->insn[insn];
    d->cpu.v.rip = b->ip + i->ip;
    if ((b->mode & MODE_CODE_SIZE) != CODE_64)
        d->cpu.v.rip = (uint32_t)d->cpu.v.rip;
    d->budget += b->budget - executed;
    recorder_close(d, b->record_id, records);
}

/* ---- exits ---- */

/*
 * A probe missed. The TLB is filled and the instruction starts anew; where that does not help the slow
 * path executes
 * it. What the fill itself records (page-table bits, mappings) belongs behind the block's records so far.
 */
static void handle_miss(struct dbt *d, const struct exit_site *x)
{
    const struct block *b = x->block;
    const struct block_insn *i = &b->insn[x->insn];
    uint64_t at = d->scratch;
    bool fast = false;

    d->counters.misses++;
    /* What is not canonical is for segmentation as well: #SS on the stack. */
    bool checks =
        (at & (PAGE_SIZE - 1)) + x->probe_bytes > PAGE_SIZE || x->limited || !sys_is_canonical(&d->cpu, at);
    uint64_t start = d->record;
    leave_inside(d, b, x->insn, x->records, x->insn);
    uint64_t filled = d->record;
    if (!checks && !tlb_fill(d, at, x->probe_access, &fast)) {
        slow_prefer_earlier_fault(d, x, at);
        deliver(d);
        return;
    }
    if (fast) {
        if (d->record != filled) {
            d->restart = true; /* something was recorded: go on with a block that begins here */
            return;
        }
        d->record = start;
        d->budget -= b->budget - x->insn;
        if (b->record_id)
            memcpy((void *)(uintptr_t)d->record, &b->record_id, sizeof(b->record_id));
        d->retry = b->indirect + i->code;
        return;
    }
    d->budget -= 1;
    if (!slow_execute(d, x))
        deliver(d);
    else
        d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    d->mode_dirty = true;
    d->quiet_block = true;
}

static void count_instructions(struct dbt *d)
{
    d->instructions += d->budget_start - d->budget;
    d->budget_start = d->budget;
}

static void refill_budget(struct dbt *d)
{
    count_instructions(d);
    uint64_t most = d->host->budget_bytes - PAGE_SIZE, n = d->host->next_deadline(d);
    d->budget = d->budget_start = d->host->budget_base + (n < most ? n : most);
}

static bool poll(struct dbt *d)
{
    refill_budget(d);
    d->counters.budget++;
    if (!d->host->poll(d)) {
        stop(d, "ended by the host");
        return false;
    }
    return true;
}

static bool deliver_nmi(struct dbt *d)
{
    const struct dbt_cpu *c = &d->cpu;
    if (!d->host->nmi || c->nmi_blocked || c->shadow_is_mov_ss || !d->host->nmi(d))
        return false;
    d->counters.interrupts++;
    d->cpu.halted = false;
    sys_deliver_nmi(&d->cpu);
    d->mode_dirty = true;
    return true;
}

static void deliver_interrupt(struct dbt *d)
{
    if (deliver_nmi(d))
        return;
    if (!(d->cpu.v.rflags & RFLAGS_IF) || d->cpu.interrupt_shadow)
        return;
    int vector = d->host->interrupt(d);
    if (vector < 0)
        return;
    d->counters.interrupts++;
    d->cpu.halted = false;
    sys_deliver_interrupt(&d->cpu, (uint8_t)vector);
    d->mode_dirty = true;
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
        d->budget += b->budget;
        d->cpu.v.rip = b->ip;
        d->restart = true;
        uint64_t base = d->host->budget_base;
        if (d->trap_address < base && base - d->trap_address <= PAGE_SIZE)
            poll(d);
        else
            d->host->drain(d);
        return;
    }
    unsigned i = b->insn_count - 1u;
    while (i && b->insn[i].code > pc - (uint64_t)(uintptr_t)b->indirect)
        i--;
    for (unsigned s = 0; s < b->insn[i].spilled; s++)
        d->cpu.v.gpr[b->insn[i].spill_reg[s]] = d->spill[s];
    leave_inside(d, b, i, b->insn[i].records, i);
    raise_trap(d);
    deliver(d);
}

static void handle_system(struct dbt *d, const struct exit_site *x)
{
    uint8_t bytes[INSN_BYTES_MAX];
    size_t available;
    struct insn insn;

    d->cpu.v.rip = x->block->ip + x->block->insn[x->insn].ip;
    if ((d->mode & MODE_CODE_SIZE) != CODE_64)
        d->cpu.v.rip = (uint32_t)d->cpu.v.rip;
    d->counters.system++;
    if (!slow_fetch(d, d->cpu.v.rip, bytes, &available)) {
        deliver(d);
        return;
    }
    if (!insn_decode(&insn, bytes, available, (enum code_size)(d->mode & MODE_CODE_SIZE))) {
        dbt_raise(&d->cpu, VECTOR_UD);
        deliver(d);
        return;
    }
    d->access_flags = insn.rep ? ACCESS_REP : 0;
    if (!sys_execute(&d->cpu, &insn))
        deliver(d);
    d->access_flags = 0;
    d->mode_dirty = true;
    if (d->cpu.interrupt_shadow)
        d->quiet_block = true;
}

/* Instructions that C code executes, or that fault: RIP goes there. */
static void handle_by_c(struct dbt *d, const struct exit_site *x)
{
    bool ok;

    d->cpu.v.rip = x->block->ip + x->block->insn[x->insn].ip;
    if ((d->mode & MODE_CODE_SIZE) != CODE_64)
        d->cpu.v.rip = (uint32_t)d->cpu.v.rip;
    switch (x->kind) {
    case DBT_EXIT_SLOW:
        ok = slow_execute(d, x);
        break;
    case DBT_EXIT_NM:
        ok = dbt_raise(&d->cpu, VECTOR_NM);
        break;
    default:
        ok = dbt_raise(&d->cpu, VECTOR_UD);
        break;
    }
    if (!ok)
        deliver(d);
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    d->mode_dirty = true;
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
        break;
    case DBT_EXIT_SYSTEM:
        handle_system(d, x);
        break;
    case DBT_EXIT_SLOW:
    case DBT_EXIT_UD:
    case DBT_EXIT_NM:
        handle_by_c(d, x);
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
        leave_inside(d, x->block, x->insn, 0, x->insn);
        stop_at_insn(d);
        break;
    }
}

/* ---- the loop ---- */

static struct block *find_block(struct dbt *d)
{
    gva_t at = d->cpu.v.rip;
    gpa_t gpa;

    if ((d->mode & MODE_CODE_SIZE) != CODE_64)
        at = (uint32_t)(at + d->cpu.v.seg[SEG_CS].base);
    d->counters.lookups++;
    if (!dbt_translate(&d->cpu, at, DBT_FETCH, &gpa))
        return NULL;
    struct block *b = cache_find(d, d->cpu.v.rip, gpa);
    if (b && !(b->crosses && d->mode & MODE_PAGING))
        return b;
    if (cache_is_nearly_full(d) || d->recorder.block_count + 4 * BLOCK_INSNS_MAX > RECORD_BLOCKS_MAX ||
        d->recorder.access_count + 1024 > RECORD_ACCESSES_MAX) {
        if (d->record_reads || d->record_writes)
            d->host->drain(d);
        d->recorder.block_count = RECORD_FIRST_BLOCK;
        d->recorder.access_count = 0;
        cache_flush(d);
    }
    b = translate_block(d, d->cpu.v.rip, false);
    if (b)
        cache_insert(d, b);
    return b;
}

static bool may_go_on(struct dbt *d)
{
    if (d->cpu.stop)
        return false;
    if (!d->cpu.halted)
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
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    d->budget -= b->budget;
    if (d->record > (uint64_t)(uintptr_t)d->recorder.end)
        d->host->drain(d);
    return b->body;
}

/* A block that begins at a break is entered from here alone. */
static bool begins_at_break(const struct dbt *d, const struct block *b)
{
    unsigned n;
    gva_t at = (b->mode & MODE_CODE_SIZE) == CODE_64 ? b->ip : (uint32_t)(b->ip + b->cs_base);
    return dbt_is_break(d, at, &n);
}

/* Runs translated code from the current state until something was recorded or left that needs a new look. */
static void step(struct dbt *d, struct exit_site **chain)
{
    if (d->mode_dirty)
        update_mode(d);
    uint32_t flushes = (uint32_t)d->counters.flushes;
    struct block *b = find_block(d);
    if (!b) {
        *chain = NULL;
        deliver(d);
        return;
    }
    if (flushes != (uint32_t)d->counters.flushes)
        *chain = NULL;
    bool single = d->mode & MODE_TF;
    if (begins_at_break(d, b))
        ;
    else if (*chain && (*chain)->block->valid && (*chain)->block->mode == d->mode && !single && !b->crosses)
        cache_chain(d, *chain, b);
    else if (!*chain && !single && !(b->crosses && d->mode & MODE_PAGING))
        d->jump_target[b->ip & d->jump_mask] = (uint64_t)(uintptr_t)b->indirect;
    *chain = NULL;
    uint64_t faults = d->counters.faults;
    const void *entry = entry_of(d, b);
    /* RF ends with the instruction, and faults push it as 1 whatever it was (SDM Vol. 3B, 17.3.1.1). */
    d->cpu.v.rflags &= ~RFLAGS_RF;
    do {
        switch_enter(d, entry);
        d->retry = NULL;
        d->restart = false;
        handle_exit(d, chain);
        entry = d->retry;
    } while (entry && !d->cpu.stop);
    if (single && !d->restart && faults == d->counters.faults && !d->cpu.stop && !d->cpu.shadow_is_mov_ss) {
        sys_deliver_debug(&d->cpu, DR6_BS);
        d->mode_dirty = true;
    }
}

bool dbt_is_break(const struct dbt *d, gva_t at, unsigned *n)
{
    for (*n = 0; *n < DBT_BREAKS; ++*n)
        if (d->break_armed[*n] && d->break_at[*n] == at)
            return true;
    return false;
}

void dbt_set_break(struct dbt *d, unsigned n, bool armed, gva_t at)
{
    d->break_armed[n] = armed;
    d->break_at[n] = at;
    cache_flush(d);
}

static void ask_at_break(struct dbt *d, struct exit_site **chain)
{
    unsigned n;
    gva_t at = d->cpu.v.rip;
    if (sys_code_size(&d->cpu) != CODE_64)
        at = (uint32_t)(at + d->cpu.v.seg[SEG_CS].base);
    if (!dbt_is_break(d, at, &n))
        return;
    *chain = NULL;
    d->host->at_break(d, n);
}

void dbt_run(struct dbt *d)
{
    struct exit_site *chain = NULL;

    d->mode_dirty = true;
    d->budget = d->budget_start = d->host->budget_base;
    refill_budget(d);
    while (may_go_on(d)) {
        if (!d->quiet_block) {
            uint64_t interrupts = d->counters.interrupts;
            deliver_interrupt(d);
            if (interrupts != d->counters.interrupts)
                chain = NULL;
        }
        if (!d->cpu.stop && !d->cpu.halted)
            ask_at_break(d, &chain);
        if (!d->cpu.stop && !d->cpu.halted)
            step(d, &chain);
    }
    count_instructions(d);
    if (d->record_reads || d->record_writes)
        d->host->drain(d);
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

void dbt_set_recording(struct dbt *d, bool reads, bool writes)
{
    d->record_reads = reads;
    d->record_writes = writes;
    recorder_reset(d);
    cache_flush(d);
}

void dbt_init(struct dbt *d, void *code, size_t code_bytes)
{
    sys_probe(&d->cpu);
    memory_init(d);
    cache_init(d, code, code_bytes);
    recorder_reset(d);
}
