/* Leaving a block in its middle, and what a probe does that misses. */
#include "dbt/run.h"

#include "dbt/front.h"
#include "dbt/sys/sys.h"
#include "trace/bytes.h"
#include "x86/cpu.h"
#include "x86/exceptions.h"

/* SF, ZF, AF, PF and CF as LAHF has them, OF as SETO (SDM Vol. 2A, LAHF). */
void restore_flags(struct dbt *d, uint8_t place)
{
    const uint64_t of_lahf = 0xd5, of = 1u << 11;
    if (place != FLAGS_SAVED)
        return;
    d->cpu.v.rflags &= ~(uint64_t)ARITHMETIC_FLAGS;
    d->cpu.v.rflags |= (d->saved_flags >> 8 & of_lahf) | (d->saved_flags & 1 ? of : 0);
}

void settle_record(struct dbt *d, const struct block *b, unsigned insn)
{
    d->touched = 0;
    if (!(b->mode & MODE_RANGES))
        return;
    d->touched = (uint32_t)((b->insn[insn].saved ? d->saved_record : d->record) >> 32);
    d->record = (uint32_t)d->record;
}

/* RIP is at the block's instruction `insn`, before which all is done; what the head charged for the rest
 * comes back. */
void go_back_to(struct dbt *d, const struct block *b, unsigned insn)
{
    const struct block_insn *i = &b->insn[insn];
    d->cpu.v.rip = b->ip + i->ip;
    if ((b->mode & MODE_CODE_SIZE) != CODE_64)
        d->cpu.v.rip = (uint32_t)d->cpu.v.rip;
    d->budget += b->budget - insn;
}

/* … and its record is that of the accesses so far. */
void leave_inside(struct dbt *d, struct block *b, unsigned insn)
{
    go_back_to(d, b, insn);
    d->budget -= (uint64_t)(b->record_count - b->insn[insn].records) << 32;
    recorder_close(d, b, insn);
}

/* What a branch has done of its work before its target was looked at. */
static void undo_branch(struct dbt *d, const struct guest_insn *g)
{
    unsigned bytes = g->z.operand_width / 8;
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
        sys_add_gpr(&d->cpu, RCX, 1, g->z.address_width / 8);
        break;
    case ZYDIS_MNEMONIC_CALL:
        if (g->class == G_CALL_INDIRECT)
            sys_add_gpr(&d->cpu, RSP, bytes, sys_stack_bytes(&d->cpu));
        break;
    case ZYDIS_MNEMONIC_RET:
        sys_add_gpr(&d->cpu, RSP, 0 - (uint64_t)bytes - front_released(g), sys_stack_bytes(&d->cpu));
        break;
    default:
        break;
    }
}

/* Its target is not one: #GP at the branch (SDM Vol. 2A, JMP). The block is charged for it. */
void refuse_branch(struct dbt *d, const struct block *b, unsigned insn)
{
    d->cpu.v.rip = b->ip + b->insn[insn].ip;
    if ((b->mode & MODE_CODE_SIZE) != CODE_64)
        d->cpu.v.rip = (uint32_t)d->cpu.v.rip;
    d->budget += 1;
    const struct guest_insn *g = slow_insn_here(d);
    if (g) {
        undo_branch(d, g);
        dbt_raise_error(&d->cpu, VECTOR_GP, 0);
    }
    dbt_deliver(d);
    d->mode_dirty = true;
}

/* The instruction at which the block was left is complete. */
void charge(struct dbt *d)
{
    d->budget -= 1;
    d->cpu.interrupt_shadow = d->cpu.shadow_is_mov_ss = false;
}

/* ---- misses ---- */

/* What has to be aligned and is not raises #GP before the page is looked at. */
#define ALIGNED_BYTES_MIN 16u
static bool is_misaligned(struct dbt *d, const struct exit_site *x, gva_t at)
{
    if (x->probe_bytes < ALIGNED_BYTES_MIN || !(at & (x->probe_bytes - 1u)))
        return false;
    const struct guest_insn *g = slow_insn_here(d);
    return g && front_wants_alignment(g);
}

/* An x87 exception that an instruction before has left is raised first. */
static bool waits_in_vain(struct dbt *d)
{
    if (!x87_is_pending())
        return false;
    const struct guest_insn *g = slow_insn_here(d);
    return g && front_waits(g);
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
    if (waits_in_vain(d))
        return dbt_raise(&d->cpu, VECTOR_MF);
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

    if (map->id) {
        memmove(record + sizeof(*map), record, i->record_bytes);
        memcpy(record, map, sizeof(*map));
        record += sizeof(*map);
    }
    d->record = (uint64_t)(uintptr_t)record | (uint64_t)d->touched << 32;
    d->traced -= d->touched;
    d->budget -= b->budget - insn;
    d->budget += (uint64_t)(b->record_count - i->records) << 32;
    if (b->record_id) {
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
        dbt_deliver(d);
        return true;
    }
    if (!fast)
        return false;
    if (d->record == left && may_resume(d, x->block, start)) {
        resume_block(d, x->block, x->insn, start, &map);
        return true;
    }
    recorder_map(d, &map);
    d->restart = true;
    return true;
}

/* A probe missed. Where a filled TLB does not help, the slow path executes the instruction; so it does if
 * there was an access before this one: that is to be recorded before what the fill records, and its page and
 * this one may take the same place in the TLB. */
void handle_miss(struct dbt *d, const struct exit_site *x)
{
    const struct block *b = x->block;
    uint64_t at = d->scratch, start;
    bool crosses = (at & (PAGE_SIZE - 1)) + x->probe_bytes > PAGE_SIZE, fast;
    struct raw_map map;

    d->counters.misses++;
    settle_record(d, b, x->insn);
    start = d->record;
    restore_flags(d, x->flags);
    leave_inside(d, x->block, x->insn);
    if (!check_access(d, x, at)) {
        dbt_deliver(d);
        return;
    }
    if (!crosses && !x->limited && !x->not_first && fill_and_retry(d, x, at, start))
        return;
    bool done = slow_execute(d);
    if (done && x->not_first && !crosses && !x->limited && tlb_fill(d, at, x->probe_access, &fast, &map))
        recorder_map(d, &map);
    if (done)
        charge(d);
    else
        dbt_deliver(d);
    d->mode_dirty = true;
    d->quiet_block = done && x->flags == FLAGS_LOST && x->insn + 1u < b->insn_count;
}
