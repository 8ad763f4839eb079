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
#include "dbt/front.h"
#include "dbt/string.h"
#include "dbt/switch.h"

#include "console.h"
#include "dbt/sys/sys.h"
#include "trace/bytes.h"
#include "trace/hook.h"
#include "x86/cpu.h"
#include "x86/debug.h"
#include "x86/exceptions.h"

#define VECTOR_NM 7
#define VECTOR_MF 16
#define VECTOR_XM 19

/* ---- mode ---- */

/* Of CS: reads; that it cannot be written in protected mode the translator knows. */
static bool limited(const struct dbt *d, const struct segment *s, unsigned n)
{
    if ((d->mode & MODE_CODE_SIZE) == CODE_64)
        return false;
    bool data = !(s->access & 8), restricted = !(s->access & 2) || (!data && n != SEG_CS);
    return (s->access & SEGMENT_UNUSABLE) || s->limit != 0xffffffffu || (data && (s->access & 4)) ||
           (restricted && d->mode & MODE_PROTECTED);
}

uint32_t dbt_mode(const struct dbt *d)
{
    const struct vcpu *v = &d->cpu.v;
    uint32_t mode = sys_code_size(&d->cpu);
    if (v->seg[SEG_SS].access & SEGMENT_DB)
        mode |= MODE_STACK32;
    if (v->cr0 & CR0_PE)
        mode |= MODE_PROTECTED | (dbt_cpl(&d->cpu) == 3 ? MODE_USER : 0);
    if (v->cr0 & CR0_PG)
        mode |= MODE_PAGING;
    if (v->cr0 & (CR0_EM | CR0_TS))
        mode |= MODE_NO_VECTORS;
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
    if (d->stepping || d->cpu.interrupt_shadow)
        d->mode |= MODE_STEP;
    uint64_t cs_base = (d->mode & MODE_CODE_SIZE) == CODE_64 ? 0 : d->cpu.v.seg[SEG_CS].base;
    if (cs_base != d->jump_cs_base)
        cache_forget_jumps(d);
    d->jump_cs_base = cs_base;
    if (d->mode != before || d->jump_table == 0)
        cache_choose_jump_table(d);
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

/* The instruction at RIP, for exits that need to know more of it than their site says. */
static const struct guest_insn *insn_here(struct dbt *d)
{
    static struct guest_insn g;
    uint8_t bytes[INSN_BYTES_MAX];
    size_t available = 0;
    bool known = slow_fetch(d, d->cpu.v.rip, bytes, &available) &&
                 front_decode(&g, bytes, available, d->cpu.v.rip, (enum code_size)(d->mode & MODE_CODE_SIZE));
    return known ? &g : NULL;
}

static void hex(char **p, uint64_t v, unsigned digits)
{
    while (digits--)
        *(*p)++ = "0123456789abcdef"[v >> 4 * digits & 15];
}

/* "cannot translate NAME (bytes) at CS:IP" */
static void stop_at_insn(struct dbt *d)
{
    const struct guest_insn *g = insn_here(d);
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

/* "exception VECTOR at HOST-PC (address ADDRESS) in translated code: an error of the translator" */
static void stop_at_exception(struct dbt *d)
{
    format_text(d->stop_line, sizeof(d->stop_line),
                "exception %u at 0x%lx (address 0x%lx) in translated code: an error of the translator",
                (unsigned)d->trap_vector, (unsigned long)d->trap_pc, (unsigned long)d->trap_address);
    stop(d, d->stop_line);
}

/* ---- leaving a block in its middle ---- */

/* SF, ZF, AF, PF and CF as LAHF has them, OF as SETO (SDM Vol. 2A, LAHF). */
static void restore_flags(struct dbt *d, uint8_t place)
{
    const uint64_t of_lahf = 0xd5, of = 1u << 11;
    if (place != FLAGS_SAVED)
        return;
    d->cpu.v.rflags &= ~(uint64_t)ARITHMETIC_FLAGS;
    d->cpu.v.rflags |= (d->saved_flags >> 8 & of_lahf) | (d->saved_flags & 1 ? of : 0);
}

/* RIP is at the block's instruction `insn`, before which all is done; what the head charged for the rest
 * comes back. */
static void go_back_to(struct dbt *d, const struct block *b, unsigned insn)
{
    const struct block_insn *i = &b->insn[insn];
    d->cpu.v.rip = b->ip + i->ip;
    if ((b->mode & MODE_CODE_SIZE) != CODE_64)
        d->cpu.v.rip = (uint32_t)d->cpu.v.rip;
    d->budget += b->budget - insn;
}

/* … and its record is that of the accesses so far. */
static void leave_inside(struct dbt *d, struct block *b, unsigned insn)
{
    go_back_to(d, b, insn);
    d->budget -= (uint64_t)(b->record_count - b->insn[insn].records) << 32;
    recorder_close(d, b, insn);
}

/* The instruction at which the block was left is complete. */
static void charge(struct dbt *d)
{
    d->budget -= 1;
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
}

/* ---- exits ---- */

/* What has to be aligned and is not raises #GP before the page is looked at. */
#define ALIGNED_BYTES_MIN 16u
static bool is_misaligned(struct dbt *d, const struct exit_site *x, gva_t at)
{
    if (x->probe_bytes < ALIGNED_BYTES_MIN || !(at & (x->probe_bytes - 1u)))
        return false;
    const struct guest_insn *g = insn_here(d);
    return g && front_wants_alignment(g);
}

/* The whole operand has to be canonical (SDM Vol. 3A, 3.3.7.1), in IA-32e mode's tables of 4 or 5 levels. */
static bool is_canonical(const struct dbt *d, gva_t at, unsigned bytes)
{
    unsigned unused = (d->cpu.v.cr4 & CR4_LA57) ? 64 - 57 : 64 - 48;
    gva_t last = at + bytes - 1;
    return (d->mode & MODE_CODE_SIZE) != CODE_64 || ((gva_t)((int64_t)(at << unused) >> unused) == at &&
                                                     (gva_t)((int64_t)(last << unused) >> unused) == last);
}

/* What is wrong with an access whatever its page: false, the fault raised. */
static bool check_access(struct dbt *d, const struct exit_site *x, gva_t at)
{
    if (!is_canonical(d, at, x->probe_bytes))
        return dbt_raise_error(&d->cpu, x->segment == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
    return !is_misaligned(d, x, at) || dbt_raise_error(&d->cpu, VECTOR_GP, 0);
}

/* Goes on in the block that leave_inside() has left with the record at `start`, behind a mapping that is put
 * before it: no access of the block so far can have used another for the same page. */
static void resume_block(struct dbt *d, const struct block *b, unsigned insn, uint64_t start,
                         const struct raw_map *map)
{
    const struct block_insn *i = &b->insn[insn];
    uint8_t *record = (uint8_t *)(uintptr_t)start;

    if (d->recorder.on && d->mode & MODE_PAGING) {
        memmove(record + sizeof(*map), record, i->record_bytes);
        memcpy(record, map, sizeof(*map));
        record += sizeof(*map);
    }
    d->record = (uint64_t)(uintptr_t)record;
    d->budget -= b->budget - insn;
    if (b->record_id) {
        d->budget += (uint64_t)(b->record_count - i->records) << 32;
        store32(record, b->record_id);
        store32(record + 4, (uint32_t)d->budget);
    }
    d->retry = b->indirect + i->code;
}

static bool may_resume(const struct dbt *d, const struct block *b, uint64_t start)
{
    return !d->recorder.on ||
           (start + sizeof(struct raw_map) + b->record_bytes <= (uint64_t)(uintptr_t)d->recorder.end &&
            recorder_has_room(d));
}

/* The TLB is filled and the instruction starts anew. What the fill itself records (page-table bits) belongs
 * behind the block's records so far, which begin at `start`: then another block goes on from here. False: it
 * cannot, or need not, be filled. */
static bool fill_and_retry(struct dbt *d, const struct exit_site *x, gva_t at, uint64_t start)
{
    uint64_t left = d->record;
    struct raw_map map;
    bool fast;
    if (!tlb_fill(d, at, x->probe_access, &fast, &map)) {
        deliver(d);
        return true;
    }
    if (!fast)
        return false;
    if (d->record == left && may_resume(d, x->block, start)) {
        resume_block(d, x->block, x->insn, start, &map);
        return true;
    }
    tlb_record(d, &map);
    d->restart = true;
    return true;
}

/* A probe missed. Where a filled TLB does not help, the slow path executes the instruction; so it does if
 * there was an access before this one: that is to be recorded before what the fill records, and its page and
 * this one may take the same place in the TLB. */
static void handle_miss(struct dbt *d, const struct exit_site *x)
{
    const struct block *b = x->block;
    uint64_t at = d->scratch, start = d->record;
    bool crosses = (at & (PAGE_SIZE - 1)) + x->probe_bytes > PAGE_SIZE, fast;
    struct raw_map map;

    d->counters.misses++;
    restore_flags(d, x->flags);
    leave_inside(d, x->block, x->insn);
    if (!check_access(d, x, at)) {
        deliver(d);
        return;
    }
    if (!crosses && !x->limited && !x->not_first && fill_and_retry(d, x, at, start))
        return;
    bool done = slow_execute(d);
    if (done && x->not_first && !crosses && !x->limited && tlb_fill(d, at, x->probe_access, &fast, &map) &&
        fast)
        tlb_record(d, &map);
    if (done)
        charge(d);
    else
        deliver(d);
    d->mode_dirty = true;
    d->quiet_block = done && x->flags == FLAGS_LOST && x->insn + 1u < b->insn_count;
}

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
    if (d->recorder.on)
        recorder_number(d, RAW_TIME, rdtsc());
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
    show_iteration(d);
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
    leave_inside(d, b, i);
    switch (d->trap_vector) {
    case VECTOR_DE:
    case VECTOR_UD:
    case VECTOR_NM:
    case VECTOR_MF:
    case VECTOR_XM:
        dbt_raise(&d->cpu, (uint8_t)d->trap_vector);
        break;
    case VECTOR_GP:
        dbt_raise_error(&d->cpu, VECTOR_GP, 0);
        break;
    default:
        stop_at_exception(d);
        return;
    }
    deliver(d);
}

static void handle_system(struct dbt *d, const struct exit_site *x)
{
    uint8_t bytes[INSN_BYTES_MAX];
    size_t available;
    struct insn insn;

    go_back_to(d, x->block, x->insn);
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
    if (io_handles(&insn) ? io_execute(d, &insn) : sys_execute(&d->cpu, &insn))
        d->budget -= 1;
    else
        deliver(d);
    d->mode_dirty = true;
    if (d->cpu.interrupt_shadow)
        d->quiet_block = true;
}

/* Instructions that C code executes, or that fault: RIP goes there. */
static void handle_by_c(struct dbt *d, const struct exit_site *x)
{
    bool ok;

    go_back_to(d, x->block, x->insn);
    switch (x->kind) {
    case DBT_EXIT_SLOW:
        ok = slow_execute(d);
        break;
    case DBT_EXIT_UD:
        ok = dbt_raise(&d->cpu, VECTOR_UD);
        break;
    /* SDM Vol. 3A, table 2-2 and 13.1: EM and OSFXSR make #UD of SSE, TS makes #NM of all */
    default:
        ok = dbt_raise(&d->cpu, d->cpu.v.cr0 & (CR0_TS | CR0_EM) ? VECTOR_NM : VECTOR_UD);
        break;
    }
    if (ok)
        charge(d);
    else
        deliver(d);
    d->mode_dirty = true;
}

/* RIP is behind an instruction that changed nothing but registers and memory: the next block follows without
 * a look at anything but its own budget, if it is at hand. */
static void go_on(struct dbt *d)
{
    if (d->jump_table == 0 || d->mode_dirty)
        return;
    d->scratch2 = d->cpu.v.rip;
    d->retry = d->resume_at[d->jump_table];
}

/* An interrupt may come before the instruction is resumed: then it is restarted later, with the count that is
 * left. */
static void handle_string(struct dbt *d, const struct exit_site *x)
{
    bool complete = false;
    go_back_to(d, x->block, x->insn);
    if (!string_execute(d, &x->string, x->target, &complete)) {
        deliver(d);
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
        break;
    case DBT_EXIT_SYSTEM:
        handle_system(d, x);
        break;
    case DBT_EXIT_SLOW:
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
    if (!fetch_translate(d, at, &gpa))
        return NULL;
    struct block *b = cache_find(d, d->cpu.v.rip, gpa);
    if (b && (!b->crosses || second_page_is_there(d, b, at, &fault)))
        return b;
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
        update_mode(d);
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
    d->mode_dirty = d->mode_dirty || d->cpu.interrupt_shadow;
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
    if (d->recorder.on && d->record + ROOM_BYTES > (uint64_t)(uintptr_t)d->recorder.end)
        recorder_next_segment(d);
    d->budget += ((uint64_t)b->record_count << 32) - b->budget;
    return b->body;
}

/* A block that begins at a break is entered from here alone. */
static bool begins_at_break(const struct dbt *d, const struct block *b)
{
    unsigned n;
    gva_t at = (b->mode & MODE_CODE_SIZE) == CODE_64 ? b->ip : (uint32_t)(b->ip + b->cs_base);
    return dbt_is_break(d, at, &n);
}

/* The block has ended with an iteration of a REP, and it goes on with the next. */
static bool is_between_iterations(const struct dbt *d, const struct block *b)
{
    uint64_t ip = b->ip + b->insn[b->insn_count - 1].ip;
    return b->repeats && d->cpu.v.rip == ((b->mode & MODE_CODE_SIZE) == CODE_64 ? ip : (uint32_t)ip);
}

/* Runs translated code from the current state until something was recorded or left that needs a new look. */
static void step(struct dbt *d, struct exit_site **chain)
{
    uint32_t flushes = (uint32_t)d->counters.flushes;
    if (d->mode_dirty)
        update_mode(d);
    struct block *b = find_block(d);
    if (!b) {
        *chain = NULL;
        deliver(d);
        return;
    }
    if (flushes != (uint32_t)d->counters.flushes)
        *chain = NULL;
    bool single = d->mode & (MODE_TF | MODE_STEP), shadow = d->cpu.interrupt_shadow,
         mov_ss = d->cpu.shadow_is_mov_ss;
    bool at_break = begins_at_break(d, b);
    if (!at_break && *chain && (*chain)->block->valid && (*chain)->block->mode == d->mode && !single)
        cache_chain(d, *chain, b);
    if (!at_break && (!*chain || b->crosses))
        cache_offer(d, b);
    *chain = NULL;
    d->cpu.delivered = false;
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
    if (shadow && d->restart) {
        d->cpu.interrupt_shadow = d->quiet_block = true;
        d->cpu.shadow_is_mov_ss = mov_ss;
    }
    if (!d->restart)
        d->between_iterations = is_between_iterations(d, b);
    if (d->mode & MODE_TF && !d->restart && !d->cpu.delivered && !d->cpu.stop && !d->cpu.shadow_is_mov_ss) {
        show_iteration(d);
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

/* Translated code records or does not: it is made anew. What the records so far refer to stays. */
void dbt_set_recording(struct dbt *d, bool reads, bool writes)
{
    bool on = reads || writes;
    if (d->recorder.on && !on)
        recorder_stop(d);
    d->record_reads = reads;
    d->record_writes = writes;
    cache_flush(d);
    if (on && !d->recorder.on)
        recorder_start(d);
}

void dbt_init(struct dbt *d, void *code, size_t code_bytes)
{
    d->cpu.mode_changed = NULL;
    d->budget = d->zero = d->host->budget_base;
    memory_init(d);
    cache_init(d, code, code_bytes);
}
