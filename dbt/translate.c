/*
 * A basic block of guest code becomes host code:
 *
 *     indirect: r13 == ip ? : leave          only for branches by jump_target[]
 *     code:     r15 += events << 32 - n      n: instructions
 *               load [r15d]                  the budget; faults below its range
 *               load [r14 + room & ~ffff]    room for records; faults behind the segment
 *     body:     [r14] = id of the record, r15d
 *               instructions …
 *               r14 += bytes of the record
 *               jumps to other blocks
 *     stubs     ways out
 *
 * A conditional branch back to the block's own start is unrolled.
 */
#include "dbt/translate.h"

#include "trace/format.h"
#include "x86/exceptions.h"

#define UNROLL 4u
#define RECORD_AHEAD 512 /* bytes: the next record's lines arrive by the time they are written */

static struct translation work;
static struct guest_insn insns[BLOCK_INSNS_MAX];

/* ---- fetching ---- */

static gva_t linear_ip(const struct translation *t, uint64_t ip)
{
    uint64_t linear = t->b->cs_base + ip;
    return t->code_size == CODE_64 ? ip : (uint32_t)linear;
}

static const uint8_t *ram_at(struct dbt *d, gpa_t at)
{
    return at < d->ram_bytes && d->ram_bytes - at >= PAGE_SIZE - (at & (PAGE_SIZE - 1)) ? d->ram + at : NULL;
}

static bool stop_no_ram(struct dbt *d, gpa_t at)
{
    d->cpu.stop = DBT_UNSUPPORTED;
    d->cpu.stop_text = "code outside RAM";
    d->trap_address = at;
    return false;
}

/* Bytes of the instruction at ip that its segment holds: at most 15. */
static size_t within_limit(const struct translation *t, uint64_t ip)
{
    const uint64_t limit = t->d->cpu.v.seg[SEG_CS].limit;
    if (t->code_size == CODE_64 || limit >= ip + INSN_BYTES_MAX - 1)
        return INSN_BYTES_MAX;
    return ip > limit ? 0 : limit - ip + 1;
}

/* Those on the next page, of the block's first instruction. */
static bool fetch_rest(struct translation *t, uint64_t ip, uint8_t *buffer, size_t first, size_t all)
{
    struct dbt *d = t->d;
    if (!fetch_translate(d, linear_ip(t, ip) + first, &t->b->gpa2))
        return false;
    const uint8_t *more = ram_at(d, t->b->gpa2);
    if (!more)
        return stop_no_ram(d, t->b->gpa2);
    memcpy(buffer + first, more, all - first);
    t->b->crosses = true;
    return true;
}

/* Why there is none at the block's first place: one that ends behind the segment or is too long is #GP. */
static bool raise_for(struct translation *t, enum zydis_result result)
{
    struct dbt_cpu *c = &t->d->cpu;
    return result == ZYDIS_NO_INSTRUCTION ? dbt_raise(c, VECTOR_UD) : dbt_raise_error(c, VECTOR_GP, 0);
}

/* False: a fault, or no instruction, at the block's first place. Only an instruction that needs the next page
 * touches it, and it is a block of its own. */
static bool decode_one(struct translation *t, uint64_t ip, bool *ended)
{
    uint8_t buffer[INSN_BYTES_MAX];
    struct guest_insn *g = &t->g[t->count];
    gva_t at = linear_ip(t, ip);
    size_t in_page = PAGE_SIZE - (at & (PAGE_SIZE - 1)), all = within_limit(t, ip);
    size_t first = in_page < all ? in_page : all;

    memcpy(buffer, t->d->ram + ((t->b->gpa & PAGE_MASK) | (at & (PAGE_SIZE - 1))), first);
    enum zydis_result result = front_decode(g, buffer, first, ip, t->mode);
    if (result != ZYDIS_DECODED) {
        *ended = true;
        if (t->count)
            return true;
        if (result == ZYDIS_NEEDS_MORE && first < all) {
            if (!fetch_rest(t, ip, buffer, first, all))
                return false;
            result = front_decode(g, buffer, all, ip, t->mode);
        }
        if (result != ZYDIS_DECODED)
            return raise_for(t, result);
    }
    t->count++;
    return true;
}

static bool decode_block(struct translation *t, unsigned most)
{
    uint64_t ip = t->b->ip;
    bool ended = false;
    do {
        if (!decode_one(t, ip, &ended))
            return false;
        if (t->count == 0)
            break;
        const struct guest_insn *g = &t->g[t->count - 1];
        ip = g->ip + g->z.length;
        ended = ended || g->ends_block || t->count == most ||
                (linear_ip(t, ip) ^ linear_ip(t, t->b->ip)) >= PAGE_SIZE || wrap_ip(t, ip) != ip ||
                dbt_is_break(t->d, linear_ip(t, ip));
    } while (!ended);
    t->b->guest_bytes = (uint16_t)(ip - t->b->ip);
    return true;
}

/* A loop that is one block: several turns of it in one, so that head and record are paid once. */
static void unroll(struct translation *t)
{
    const struct guest_insn *last = &t->g[t->count - 1];
    unsigned body = t->count;
    if (dbt_is_break(t->d, linear_ip(t, t->b->ip)))
        return;
    if (last->class != G_JCC || wrap_ip(t, last->ip + last->z.length + last->op[0].imm.value.u) != t->b->ip)
        return;
    for (unsigned turn = 1; turn < UNROLL && t->count + body <= BLOCK_INSNS_MAX; turn++) {
        memcpy(&t->g[t->count], t->g, body * sizeof(t->g[0]));
        t->count += body;
    }
}

/* ---- instructions ---- */

static bool translate_copy(struct translation *t, const struct guest_insn *g)
{
    if (g->memory < 0) {
        if (!emit_copy(t, g))
            return false;
        emit_x87_pointers(t, g, NULL);
        return true;
    }

    const ZydisDecodedOperand *o = &g->op[g->memory];
    unsigned bytes = o->size / 8;
    bool reads = o->actions & ZYDIS_OPERAND_ACTION_MASK_READ,
         writes = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    uint8_t flags =
        (g->z.attributes & ZYDIS_ATTRIB_HAS_LOCK) || g->z.mnemonic == ZYDIS_MNEMONIC_XCHG ? ACCESS_LOCKED : 0;
    struct address a = address_of(t, g, o);
    bool is_move = g->z.mnemonic == ZYDIS_MNEMONIC_MOV && g->z.operand_count >= 2;
    const ZydisDecodedOperand *other = is_move ? &g->op[!g->memory] : NULL;
    host_reg plain =
        other && other->type == ZYDIS_OPERAND_TYPE_REGISTER && !front_is_high_byte(other->reg.value)
            ? front_gpr(other->reg.value)
            : HOST_NONE;
    bool direct = plain != HOST_NONE && !is_stolen(plain);

    if (!reads && !writes)
        return false;
    emit_probe(t, &a, (reads ? PROBE_READ : 0) | (writes ? PROBE_WRITE : 0), bytes);
    unsigned read_place = reads ? emit_record(t, &a, ACCESS_READ, bytes, flags) : 0;
    unsigned write_place = writes ? emit_record(t, &a, ACCESS_WRITE, bytes, flags) : 0;
    if (!direct)
        emit_record_data(t, read_place, bytes);
    if (!emit_copy(t, g))
        return false;
    if (direct)
        emit_record_value(t, read_place | write_place, bytes, plain);
    else
        emit_record_data(t, write_place, bytes);
    emit_x87_pointers(t, g, &a);
    return true;
}

static bool translate_lea(struct translation *t, const struct guest_insn *g)
{
    struct address a = address_of(t, g, &g->op[1]);
    host_reg to = front_gpr(g->op[0].reg.value);
    unsigned bytes = g->z.operand_width / 8;
    if (bytes == 4 && a.bytes == 8)
        a.bytes = 4;
    if (is_stolen(to) || is_stolen(a.base) || is_stolen(a.index) || bytes == 2 || a.bytes == 2 ||
        (a.base == HOST_NONE && a.index == HOST_NONE && bytes != a.bytes)) {
        emit_effective(t, SCRATCH2, &a);
        emit_set_gpr(t, bytes, to, SCRATCH2);
        return true;
    }
    emit_effective(t, to, &a);
    return true;
}

/* DF is part of the mode, so its value is known: adding turns it. */
static void translate_df(struct translation *t, const struct guest_insn *g)
{
    bool set = g->z.mnemonic == ZYDIS_MNEMONIC_STD, is_set = t->mode & MODE_DF;
    size_t second_byte = offsetof(struct dbt, cpu.v.rflags) + 1;
    if (set != is_set) {
        emit_load_zx(t->e, 1, SCRATCH, state_at(second_byte));
        emit_lea(t->e, 4, SCRATCH, at(SCRATCH, set ? 4 : -4));
        emit_store(t->e, 1, SCRATCH, state_at(second_byte));
        t->held = false;
    }
    emit_constant(t->e, SCRATCH, wrap_ip(t, g->ip + g->z.length));
    emit_store(t->e, 8, SCRATCH, STATE(cpu.v.rip));
    emit_leave(t, DBT_EXIT_BOUNCED);
}

/* On the bounce buffer: BT and its like with the offset brought into the operand, and XLAT. */
static bool translate_slow(struct translation *t, const struct guest_insn *g)
{
    if (g->z.mnemonic != ZYDIS_MNEMONIC_XLAT) {
        bool ok = translate_copy(t, g);
        emit_leave_to(t, wrap_ip(t, g->ip + g->z.length));
        return ok;
    }
    struct address a = {.base = RBX, .index = HOST_NONE, .segment = SEG_DS};
    emit_probe(t, &a, DBT_READ, 1);
    emit_load(t->e, 1, RAX, at(SCRATCH, 0));
    emit_leave_to(t, wrap_ip(t, g->ip + g->z.length));
    return true;
}

/* On the bounce buffer as any other. */
static bool translate_lanes(struct translation *t, const struct guest_insn *g)
{
    if (!t->bounce) {
        emit_leave(t, DBT_EXIT_LANES);
        return true;
    }
    bool ok = translate_copy(t, g);
    emit_leave_to(t, wrap_ip(t, g->ip + g->z.length));
    return ok;
}

static bool translate_insn(struct translation *t, const struct guest_insn *g)
{
    switch (g->class) {
    case G_COPY:
        if (!translate_copy(t, g))
            return false;
        if (t->held && ((t->held_address.base != HOST_NONE && front_writes_gpr(g, t->held_address.base)) ||
                        (t->held_address.index != HOST_NONE && front_writes_gpr(g, t->held_address.index))))
            t->held = false;
        return true;
    case G_NOP:
        return true;
    case G_LEA:
        t->held = false;
        return translate_lea(t, g);
    case G_STRING:
        return translate_string(t, g);
    case G_SLOW:
        if (!t->bounce) {
            emit_leave(t, DBT_EXIT_SLOW);
            return true;
        }
        return translate_slow(t, g);
    case G_LANES:
        return translate_lanes(t, g);
    case G_UD:
        emit_leave(t, DBT_EXIT_UD);
        return true;
    case G_NM:
        emit_leave(t, DBT_EXIT_NM);
        return true;
    case G_DF:
        translate_df(t, g);
        return true;
    case G_SYSTEM:
        emit_leave(t, DBT_EXIT_SYSTEM);
        return true;
    case G_UNSUPPORTED:
        return false;
    case G_PUSH:
    case G_POP:
    case G_LEAVE:
    case G_CALL:
    case G_CALL_INDIRECT:
    case G_RET:
        return translate_stack(t, g);
    default:
        return translate_branch(t, g);
    }
}

/* ---- the block ---- */

/* What the head adds to the budget is known when the block is finished; this is where it stands then. */
/* The block's accesses are counted with its instructions. */
static uint8_t *emit_charge(struct translation *t, bool records)
{
    struct emit *e = t->e;
    if (!records) {
        emit_lea(e, 8, BUDGET, at(BUDGET, -(int32_t)t->b->budget));
        return NULL;
    }
    emit_constant64(e, SCRATCH, 0);
    uint8_t *place = e->p - 8;
    emit_lea(e, 8, BUDGET, (struct operand){.base = BUDGET, .index = SCRATCH, .scale = 1, .disp = 0});
    return place;
}

/* Loads from the 64 KiB that hold the end of the room, always from their first byte: it is in the cache,
 * where a line that is still to be written would have to come from memory, and a load waits for that. A store
 * does not; it is helped by asking for its line early. */
static void emit_room_test(struct emit *e)
{
    emit_lea(e, 8, SCRATCH, at(RECORD, ROOM_BYTES));
    emit_clear_low16(e, SCRATCH);
    emit_op_mem(e, 0x0fb6, 4, SCRATCH, at(SCRATCH, 0), false);
    emit_prefetch_write(e, at(RECORD, RECORD_AHEAD));
}

static uint8_t *emit_head(struct translation *t, bool records)
{
    struct emit *e = t->e;
    struct block *b = t->b;

    b->indirect = e->p;
    emit_move(e, 8, SCRATCH, RCX);
    if (t->code_size == CODE_64) {
        emit_constant(e, RCX, 0 - b->ip);
        emit_lea(e, 8, RCX, (struct operand){.base = RCX, .index = SCRATCH2, .scale = 1, .disp = 0});
    } else {
        emit_lea(e, 4, RCX, at(SCRATCH2, -(int32_t)(uint32_t)b->ip));
    }
    uint8_t *same = emit_jrcxz(e, 8);
    emit_move(e, 8, RCX, SCRATCH);
    emit_jmp(e, t->d->leave_indirect);
    emit_here(e, same);
    emit_move(e, 8, RCX, SCRATCH);
    b->code = e->p;
    uint8_t *charge = emit_charge(t, records);
    emit8(e, 0x67); /* r15d */
    emit_op_mem(e, 0x0fb6, 4, SCRATCH, at(BUDGET, 0), false);
    if (t->mode & MODE_DROPPED)
        records = false; /* they are only counted */
    if (records)
        emit_room_test(e);
    b->body = e->p;
    if (records) {
        emit_store_imm32(e, 4, 0, at(RECORD, 0));
        emit_store(e, 4, BUDGET, at(RECORD, 4));
    }
    return charge;
}

/* The record is known now: its id at the body's start, its events in the head. */
static void finish_record(struct translation *t, uint8_t *charge)
{
    struct block *b = t->b;
    uint64_t add = ((uint64_t)t->access_count << 32) - b->budget;

    b->record_count = (uint16_t)t->access_count;
    b->record_bytes = (uint16_t)t->record_bytes;
    b->context = dbt_context(t->d);
    if (t->record_bytes)
        recorder_define(t->d, b, t->access);
    if (!charge || t->e->full)
        return;
    memcpy(charge, &add, sizeof(add));
    if (!(t->mode & MODE_DROPPED))
        memcpy(b->body + 3, &b->record_id, sizeof(b->record_id));
}

static bool may_record(const struct dbt *d, const struct guest_insn *g)
{
    bool writes = false, reads = false;
    if (!g->touches_memory)
        return false;
    for (unsigned i = 0; i < g->z.operand_count; i++) {
        if (g->op[i].type != ZYDIS_OPERAND_TYPE_MEMORY)
            continue;
        reads |= (g->op[i].actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
        writes |= (g->op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    }
    reads |= g->class == G_POP || g->class == G_RET || g->class == G_LEAVE;
    return (reads && d->mode & MODE_READS) || (writes && d->mode & MODE_WRITES);
}

static struct block_insn insn_here(const struct translation *t, uint64_t ip, uint8_t length)
{
    return (struct block_insn){.code = (uint32_t)(t->e->p - t->b->indirect),
                               .ip = (uint16_t)(ip - t->b->ip),
                               .length = length,
                               .records = (uint16_t)t->access_count,
                               .record_bytes = (uint16_t)t->record_bytes};
}

/* Flags put aside are not the guest's any more once an instruction has set some of them: what is to be read
 * of the others would have kept them from being put aside. */
static enum flags_place flags_behind(const struct translation *t, const struct guest_insn *g)
{
    if (g->flags_killed == ARITHMETIC_FLAGS)
        return FLAGS_IN_HOST;
    return g->flags_mixed && t->flags == FLAGS_SAVED ? FLAGS_LOST : t->flags;
}

/* Behind the last instruction stands one more entry, of no bytes: so far goes the whole record. */
static void emit_block(struct translation *t)
{
    struct block *b = t->b;
    bool records = false, ended = false;
    for (unsigned i = 0; i < t->count && !t->bounce; i++)
        records = records || may_record(t->d, &t->g[i]);
    b->budget = (uint8_t)t->count;
    uint8_t *charge = NULL;
    if (t->bounce)
        b->indirect = b->code = b->body = t->e->p;
    else
        charge = emit_head(t, records);
    for (t->index = 0; t->index < t->count && !t->overflow; t->index++) {
        const struct guest_insn *g = &t->g[t->index];
        b->insn[t->index] = insn_here(t, g->ip, g->z.length);
        t->probed = t->saved = false;
        if (!translate_insn(t, g)) {
            emit_leave(t, DBT_EXIT_UNSUPPORTED);
            ended = true;
            t->count = t->index + 1;
            break;
        }
        b->insn[t->index].flags = (uint8_t)t->flags;
        b->insn[t->index].saved = t->saved;
        t->flags = flags_behind(t, g);
        forget_addresses(t, g);
        ended = g->ends_block && t->index + 1 == t->count;
    }
    t->index = t->count - 1;
    const struct guest_insn *last = &t->g[t->index];
    if (!ended)
        emit_leave_to(t, wrap_ip(t, last->ip + last->z.length));
    b->insn[t->count] = insn_here(t, last->ip + last->z.length, 0);
    t->overflow = t->overflow || t->e->full || (t->access_count && !charge);
    if (t->overflow)
        return;
    finish_record(t, charge);
    b->stubs = (uint32_t)(t->e->p - b->indirect);
    emit_stubs(t);
    b->insn_count = (uint8_t)t->count;
    b->repeats =
        (last->class == G_STRING || last->z.meta.category == ZYDIS_CATEGORY_IOSTRINGOP) && last->ends_block;
    b->code_bytes = (uint32_t)(t->e->p - b->indirect);
    t->overflow = t->e->full;
}

/* An access may fault, or end the block with a trap. */
static bool accesses_show_flags(const struct dbt *d)
{
    for (unsigned n = 0; n < SYS_BREAKPOINTS; n++)
        if (d->breakpoints[n].bytes)
            return true;
    return d->mode & (MODE_PAGING | MODE_ALIGNED | (0x3fu * MODE_LIMITED(0)));
}

/* At most `most` instructions; false: they do not fit (`overflow`), or cannot be fetched. */
static bool try_block(struct dbt *d, struct translation *t, uint64_t ip, bool bounce, unsigned most)
{
    memset(t, 0, sizeof(*t));
    t->d = d;
    t->e = &d->e;
    t->g = insns;
    t->mode = d->mode;
    t->code_size = (enum code_size)(d->mode & MODE_CODE_SIZE);
    t->bounce = bounce;
    t->b = &d->blocks[d->block_count];
    *t->b = (struct block){.ip = ip,
                           .mode = d->mode,
                           .insn = &d->insns[d->insn_count],
                           .valid = true,
                           .jump_table = (uint8_t)d->jump_table,
                           .cs_limit = d->cpu.v.seg[SEG_CS].limit,
                           .cs_base = t->code_size == CODE_64 ? 0 : d->cpu.v.seg[SEG_CS].base};
    if (!fetch_translate(d, linear_ip(t, ip), &t->b->gpa))
        return false;
    if (!ram_at(d, t->b->gpa))
        return stop_no_ram(d, t->b->gpa);
    if (!decode_block(t, most))
        return false;
    if (most > 1 && !t->b->crosses)
        unroll(t);
    front_liveness(t->g, t->count, accesses_show_flags(d));
    emit_block(t);
    return !t->overflow;
}

/* Instructions of a block before it is unrolled. */
#define DECODE_MAX (BLOCK_INSNS_MAX / 2)

struct block *translate_block(struct dbt *d, uint64_t ip, bool bounce)
{
    struct translation *t = &work;
    const struct emit before = d->e;
    const uint32_t exits = d->exit_count;
    unsigned most = bounce || (d->mode & (MODE_TF | MODE_STEP)) ? 1 : DECODE_MAX;

    while (!try_block(d, t, ip, bounce, most)) {
        d->e = before;
        d->exit_count = exits;
        if (!t->overflow)
            return NULL;
        if (most == 1) {
            d->cpu.stop = DBT_UNSUPPORTED;
            d->cpu.stop_text = "translator: an instruction does not fit into a block";
            return NULL;
        }
        most = t->count < most ? t->count / 2 : most / 2; /* too many accesses for one record, for instance */
        most = most ? most : 1;
    }
    d->insn_count += t->count + 1;
    d->block_count++;
    d->counters.blocks++;
    return t->b;
}
