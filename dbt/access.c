/*
 * Memory operands: linear address, software TLB, record.
 *
 * Where the flags are dead (put aside before the first of such probes if a fault can show them) the probe is
 *
 *     lea   r12, [address]
 *     rorx  r13d, r12d, 12                  page number in the low byte: the TLB's index
 *     movzx r13d, r13b
 *     add   r12, gs:[tag + r13*8]           minus the page: an offset in the page, if it is this page
 *     cmp   r12, 4096 - size
 *     ja    miss
 *     add   r12, gs:[host + r13*8]
 *
 * and else the same with LEA and JRCXZ, which leave them alone (RCX put aside).
 */
#include "dbt/translate.h"

/* ---- addresses ---- */

static uint8_t segment_of(ZydisRegister r)
{
    return r >= ZYDIS_REGISTER_ES && r <= ZYDIS_REGISTER_GS ? (uint8_t)(r - ZYDIS_REGISTER_ES) : SEG_DS;
}

struct address address_of(const struct translation *t, const struct guest_insn *g,
                          const ZydisDecodedOperand *o)
{
    struct address a = {.base = front_gpr(o->mem.base),
                        .index = front_gpr(o->mem.index),
                        .scale = o->mem.scale ? o->mem.scale : 1,
                        .segment = segment_of(o->mem.segment),
                        .bytes = g->z.address_width / 8,
                        .disp = o->mem.disp.value};
    (void)t;
    if (o->mem.base == ZYDIS_REGISTER_RIP || o->mem.base == ZYDIS_REGISTER_EIP) {
        a.base = HOST_NONE;
        a.disp += (int64_t)(g->ip + g->z.length);
    }
    return a;
}

struct address address_stack(const struct translation *t, host_reg base, int64_t disp)
{
    return (struct address){.base = base,
                            .index = HOST_NONE,
                            .scale = 1,
                            .segment = SEG_SS,
                            .bytes = (uint8_t)stack_width(t),
                            .disp = disp};
}

static uint64_t truncate_address(uint64_t v, unsigned bytes)
{
    return bytes >= 8 ? v : v & ((1ull << 8 * bytes) - 1);
}

static bool fits_disp(int64_t v)
{
    return v >= INT32_MIN && v <= INT32_MAX;
}

void emit_effective(struct translation *t, host_reg to, const struct address *a)
{
    struct emit *e = t->e;
    unsigned size = a->bytes == 8 ? 8 : 4;
    int32_t disp = size == 4 ? (int32_t)(uint32_t)a->disp : (int32_t)a->disp;
    host_reg base = a->base, index = a->index, other = to == SCRATCH ? SCRATCH2 : SCRATCH;

    if (base == HOST_NONE && index == HOST_NONE) {
        emit_constant(e, to, truncate_address((uint64_t)a->disp, a->bytes));
        return;
    }
    if (is_stolen(base) && (!is_stolen(index) || index == base)) {
        emit_load(e, 8, to, guest_gpr(base));
        index = index == base ? to : index;
        base = to;
    } else if (is_stolen(base)) {
        t->held = t->held && other != SCRATCH;
        emit_load(e, 8, to, guest_gpr(base));
        emit_load(e, 8, other, guest_gpr(index));
        base = to;
        index = other;
    } else if (is_stolen(index)) {
        emit_load(e, 8, to, guest_gpr(index));
        index = to;
    }
    if (size == 8 && !fits_disp(a->disp)) { /* an absolute address of 64 bits has no registers */
        t->overflow = true;
        return;
    }
    if (base == HOST_NONE)
        emit_lea_no_base(e, size, to, index, a->scale, disp);
    else if (index == HOST_NONE && disp == 0)
        emit_move(e, size, to, base);
    else
        emit_lea(e, size, to,
                 (struct operand){.base = base, .index = index, .scale = a->scale, .disp = disp});
    if (a->bytes == 2)
        emit_move_zx(e, 2, to, to);
}

static bool has_base(const struct translation *t, const struct address *a)
{
    if (t->code_size == CODE_64)
        return a->segment == SEG_FS || a->segment == SEG_GS;
    return t->mode & MODE_BASED(a->segment);
}

/* The linear address. The segment's base comes by way of the other scratch register. */
static void emit_linear(struct translation *t, host_reg to, const struct address *a)
{
    host_reg other = to == SCRATCH ? SCRATCH2 : SCRATCH;
    emit_effective(t, to, a);
    if (!has_base(t, a))
        return;
    if (to == SCRATCH) {
        emit_load(t->e, 8, other,
                  state_at(offsetof(struct dbt, cpu.v.seg) + a->segment * sizeof(struct segment) +
                           offsetof(struct segment, base)));
        emit_lea(t->e, t->code_size == CODE_64 ? 8 : 4, to,
                 (struct operand){.base = to, .index = other, .scale = 1, .disp = 0});
        return;
    }
    /* SCRATCH holds the operand's host address and must stay. */
    emit_store(t->e, 8, SCRATCH, STATE(temp[2]));
    emit_load(t->e, 8, SCRATCH,
              state_at(offsetof(struct dbt, cpu.v.seg) + a->segment * sizeof(struct segment) +
                       offsetof(struct segment, base)));
    emit_lea(t->e, t->code_size == CODE_64 ? 8 : 4, to,
             (struct operand){.base = to, .index = SCRATCH, .scale = 1, .disp = 0});
    emit_load(t->e, 8, SCRATCH, STATE(temp[2]));
}

/* ---- ways out ---- */

struct pending *add_exit(struct translation *t, unsigned kind, uint8_t *place)
{
    static struct pending spare;
    if (t->pending_count == PENDING_MAX) {
        t->overflow = true;
        return &spare;
    }
    struct pending *p = &t->pending[t->pending_count++];
    *p = (struct pending){
        .place = place, .kind = (uint8_t)kind, .flags = (uint8_t)t->flags, .insn = (uint8_t)t->index};
    return p;
}

/* ---- probe ---- */

static size_t tlb_field(const struct translation *t, size_t field)
{
    return offsetof(struct dbt, tlb) + (t->mode & MODE_USER ? sizeof(struct tlb) : 0) + field;
}

static size_t tag_field(const struct translation *t, unsigned access)
{
    return tlb_field(t, access & PROBE_WRITE ? offsetof(struct tlb, write) : offsetof(struct tlb, read));
}

static struct pending *note_miss(struct translation *t, uint8_t *place, unsigned access, unsigned bytes,
                                 bool free)
{
    struct pending *p = add_exit(t, DBT_EXIT_MISS, place);
    p->probe_access = access & PROBE_WRITE ? DBT_WRITE : DBT_READ;
    p->probe_bytes = (uint8_t)bytes;
    p->undo_tag = !free;
    p->restore_rcx = free;
    p->not_first = t->probed;
    t->probed = true;
    return p;
}

static bool is_recorded(const struct translation *t, unsigned kind)
{
    return !t->bounce && t->mode & (kind == ACCESS_WRITE ? MODE_WRITES : MODE_READS);
}

/* The page's bit, once for each access that is recorded, to the record pointer's high half. */
static void emit_touch(struct translation *t, unsigned access, host_reg index, host_reg with)
{
    unsigned records = (access & PROBE_READ && is_recorded(t, ACCESS_READ)) +
                       (access & PROBE_WRITE && is_recorded(t, ACCESS_WRITE));
    if (!(t->mode & MODE_RANGES) || records == 0)
        return;
    emit_load(t->e, 8, with, state_indexed(tlb_field(t, offsetof(struct tlb, traced)), index));
    emit_lea(t->e, 8, RECORD,
             (struct operand){.base = RECORD, .index = with, .scale = (uint8_t)records, .disp = 0});
}

/* Where the instruction may be left once its page has been touched: what the block has touched before. */
static void emit_save_record(struct translation *t)
{
    const struct guest_insn *g = &t->g[t->index];
    bool two = g->class == G_STRING || (g->memory >= 0 && g->class != G_COPY);
    if (!(t->mode & MODE_RANGES) || t->saved || !(two || g->can_fault))
        return;
    emit_store(t->e, 8, RECORD, STATE(saved_record));
    t->saved = true;
}

static struct pending *emit_lookup(struct translation *t, unsigned access, unsigned bytes)
{
    struct emit *e = t->e;
    emit_add_mem(e, 8, SCRATCH, state_indexed(tag_field(t, access), SCRATCH2));
    emit_cmp_imm32(e, 8, SCRATCH, (int32_t)(PAGE_SIZE - bytes));
    struct pending *miss = note_miss(t, emit_jcc(e, CC_A, NULL), access, bytes, false);
    emit_add_mem(e, 8, SCRATCH, state_indexed(tlb_field(t, offsetof(struct tlb, host)), SCRATCH2));
    emit_touch(t, access, SCRATCH2, SCRATCH2);
    return miss;
}

/* The last byte's distance from the page must have no bits above 11. */
static struct pending *emit_lookup_flag_free(struct translation *t, unsigned access, unsigned bytes)
{
    struct emit *e = t->e;
    emit_store(e, 8, RCX, STATE(spilled_rcx));
    emit_load(e, 8, RCX, state_indexed(tag_field(t, access), SCRATCH2));
    emit_lea(e, 8, RCX,
             (struct operand){.base = RCX, .index = SCRATCH, .scale = 1, .disp = (int32_t)bytes - 1});
    emit_pext(e, RCX, RCX, STATE(page_mask));
    uint8_t *hit = emit_jrcxz(e, 8);
    struct pending *miss = note_miss(t, emit_jmp(e, NULL), access, bytes, true);
    emit_here(e, hit);
    emit_touch(t, access, SCRATCH2, RCX);
    emit_load(e, 8, RCX, STATE(spilled_rcx));
    emit_load(e, 8, SCRATCH2, state_indexed(tlb_field(t, offsetof(struct tlb, addend)), SCRATCH2));
    emit_lea(e, 8, SCRATCH, (struct operand){.base = SCRATCH, .index = SCRATCH2, .scale = 1, .disp = 0});
    return miss;
}

/* Before a probe that spoils them. RAX goes by way of a scratch register, which is free then. */
static void put_flags_aside(struct translation *t)
{
    struct emit *e = t->e;
    if (t->flags != FLAGS_IN_HOST)
        return;
    t->flags = FLAGS_LOST;
    if (!t->g[t->index].flags_shown)
        return;
    emit_move(e, 8, SCRATCH2, RAX);
    emit_lahf(e);
    emit_setcc(e, CC_O, RAX);
    emit_store(e, 8, RAX, STATE(saved_flags));
    emit_move(e, 8, RAX, SCRATCH2);
    t->flags = FLAGS_SAVED;
}

static bool same_address(const struct address *a, const struct address *b)
{
    return a->base == b->base && a->index == b->index && a->scale == b->scale && a->segment == b->segment &&
           a->bytes == b->bytes && a->disp == b->disp;
}

void emit_probe(struct translation *t, const struct address *a, unsigned access, unsigned bytes)
{
    struct emit *e = t->e;
    if (t->bounce) {
        if (t->bounced == BOUNCE_SLOTS) {
            t->overflow = true;
            return;
        }
        t->d->bounce_access[t->bounced] = access & PROBE_WRITE ? DBT_WRITE : DBT_READ;
        t->d->bounce_bytes[t->bounced] = (uint8_t)bytes;
        emit_load(e, 8, SCRATCH, state_at(offsetof(struct dbt, bounce_at) + 8u * t->bounced++));
        return;
    }
    bool writes_code =
        access & PROBE_WRITE && a->segment == SEG_CS && t->code_size != CODE_64 && t->mode & MODE_PROTECTED;
    if (t->mode & (MODE_LIMITED(a->segment) | MODE_ALIGNED) || writes_code) {
        emit_linear(t, SCRATCH, a);
        struct pending *p = note_miss(t, emit_jmp(e, NULL), access, bytes, true);
        p->restore_rcx = false;
        p->limited = true;
        p->segment = a->segment;
        return;
    }
    if (t->held && same_address(&t->held_address, a) && bytes <= t->held_bytes &&
        (t->held_access & PROBE_WRITE || !(access & PROBE_WRITE))) {
        t->probed = true; /* by an instruction before: this one cannot start anew without it */
        return;
    }
    emit_save_record(t);
    const bool spoils = t->g[t->index].flags_dead;
    if (spoils)
        put_flags_aside(t);
    emit_linear(t, SCRATCH, a);
    emit_rorx(e, 4, SCRATCH2, SCRATCH, PAGE_SHIFT);
    emit_move_zx(e, 1, SCRATCH2, SCRATCH2);
    struct pending *miss = spoils ? emit_lookup(t, access, bytes) : emit_lookup_flag_free(t, access, bytes);
    miss->segment = a->segment;
    t->held = !(t->mode & MODE_RANGES); /* there every access touches its page */
    t->held_address = *a;
    t->held_access = (uint8_t)access;
    t->held_bytes = (uint8_t)bytes;
}

/* ---- record ---- */

static struct operand record_at(const struct translation *t, unsigned place)
{
    return (struct operand){
        .base = RECORD, .index = HOST_NONE, .scale = 1, .low = t->mode & MODE_RANGES, .disp = (int32_t)place};
}

/* Nothing but a constant: the dictionary holds it. */
static bool is_constant(const struct translation *t, const struct address *a)
{
    return a->base == HOST_NONE && a->index == HOST_NONE && !has_base(t, a);
}

/* Whether an address that differs by a constant before it is cut to its size differs by the same in linear
 * memory. */
static bool is_linear(const struct translation *t, const struct address *a)
{
    return a->bytes == address_bytes(t);
}

/* How far `a` is from an address in the record; NULL: none can tell. */
static const struct known_address *find_known(const struct translation *t, const struct address *a,
                                              int64_t *distance)
{
    for (unsigned i = 0; i < t->known_count; i++) {
        const struct known_address *k = &t->known[i];
        if (k->a.base != a->base || k->a.index != a->index || k->a.scale != a->scale ||
            k->a.segment != a->segment || k->a.bytes != a->bytes)
            continue;
        int64_t d = a->disp - k->a.disp + k->moved;
        if (d != 0 && !is_linear(t, a))
            continue;
        *distance = d;
        return k;
    }
    return NULL;
}

static void remember_address(struct translation *t, const struct address *a, unsigned place)
{
    if (t->known_count < KNOWN_MAX)
        t->known[t->known_count++] = (struct known_address){.a = *a, .place = (uint16_t)place};
}

static void store_address(struct translation *t, const struct address *a, unsigned place)
{
    unsigned width = address_bytes(t);
    bool plain = a->base != HOST_NONE && !is_stolen(a->base) && a->index == HOST_NONE && a->disp == 0 &&
                 a->bytes >= width && !has_base(t, a);
    host_reg from = plain ? a->base : SCRATCH2;
    if (!plain) {
        /* With two stolen registers in the address this takes both scratch registers. */
        bool keep = is_stolen(a->base) && is_stolen(a->index) && a->base != a->index;
        if (keep)
            emit_store(t->e, 8, SCRATCH, STATE(temp[3]));
        emit_linear(t, SCRATCH2, a);
        if (keep)
            emit_load(t->e, 8, SCRATCH, STATE(temp[3]));
    }
    emit_store(t->e, width, from, record_at(t, place));
}

unsigned emit_record(struct translation *t, const struct address *a, unsigned kind, unsigned bytes,
                     uint8_t flags)
{
    if (!is_recorded(t, kind))
        return 0;
    if (t->mode & MODE_DROPPED) {
        t->overflow = t->overflow || t->access_count == RECORDS_MAX;
        t->access_count++;
        return 0;
    }
    const unsigned width = address_bytes(t), place = t->record_bytes ? t->record_bytes : RAW_BLOCK_HEAD;
    int64_t distance = 0;
    const struct known_address *known = is_constant(t, a) ? NULL : find_known(t, a, &distance);
    bool stored = !known && !is_constant(t, a);
    unsigned data = stored ? place + width : place;

    if (t->access_count == RECORDS_MAX || data + record_data_bytes(bytes) > ROOM_BYTES / 2) {
        t->overflow = true;
        return 0;
    }
    t->access[t->access_count++] = (struct raw_access){
        .displacement = is_constant(t, a) ? (int64_t)truncate_address((uint64_t)a->disp, a->bytes) : distance,
        .rip_offset = (uint32_t)(t->g[t->index].ip - t->b->ip),
        .address = (uint16_t)(known    ? known->place
                              : stored ? place
                                       : 0),
        .data = (uint16_t)data,
        .address_bytes = (uint8_t)width,
        .instruction = (uint8_t)t->index,
        .kind = (uint8_t)kind,
        .flags = flags,
        .size = (uint8_t)bytes};
    t->record_bytes = data + record_data_bytes(bytes);
    if (stored) {
        store_address(t, a, place);
        remember_address(t, a, place);
    }
    return data;
}

/* By how much the instruction moves a register, where that is known: then addresses made of it are as well.
 */
static bool known_step(const struct translation *t, const struct guest_insn *g, host_reg r, int64_t *step)
{
    const unsigned width = address_bytes(t);
    const ZydisDecodedOperand *o = g->op;
    if (r == RSP && (g->class == G_PUSH || g->class == G_POP) && stack_width(t) == width &&
        !(g->class == G_POP && g->memory < 0 && front_gpr(o[0].reg.value) == RSP)) {
        *step = g->z.operand_width / 8 * (g->class == G_PUSH ? -1 : 1);
        return true;
    }
    if (o[0].type != ZYDIS_OPERAND_TYPE_REGISTER || front_gpr(o[0].reg.value) != r || o[0].size != 8 * width)
        return false;
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_DEC:
        *step = g->z.mnemonic == ZYDIS_MNEMONIC_INC ? 1 : -1;
        return true;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
        if (o[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
            return false;
        *step = g->z.mnemonic == ZYDIS_MNEMONIC_ADD ? o[1].imm.value.s : -o[1].imm.value.s;
        return true;
    case ZYDIS_MNEMONIC_LEA:
        if (front_gpr(o[1].mem.base) != r || o[1].mem.index != ZYDIS_REGISTER_NONE ||
            g->z.address_width != 8 * width)
            return false;
        *step = o[1].mem.disp.value;
        return true;
    default:
        return false;
    }
}

static bool may_change(const struct guest_insn *g, host_reg r)
{
    return r != HOST_NONE &&
           (front_writes_gpr(g, r) || (r == RSP && (g->class == G_PUSH || g->class == G_POP)));
}

void forget_addresses(struct translation *t, const struct guest_insn *g)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < t->known_count; i++) {
        struct known_address k = t->known[i];
        int64_t step;
        if (may_change(g, k.a.base)) {
            if (!is_linear(t, &k.a) || !known_step(t, g, k.a.base, &step))
                continue;
            k.moved += step;
        }
        if (may_change(g, k.a.index)) {
            if (!is_linear(t, &k.a) || !known_step(t, g, k.a.index, &step))
                continue;
            k.moved += step * k.a.scale;
        }
        t->known[kept++] = k;
    }
    t->known_count = kept;
}

void emit_record_data(struct translation *t, unsigned place, unsigned bytes)
{
    if (!place)
        return;
    for (unsigned done = 0; done < bytes;) {
        unsigned rest = bytes - done, part = rest >= 8 ? 8 : rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
        emit_load_zx(t->e, part, SCRATCH2, at(SCRATCH, (int32_t)done));
        emit_store(t->e, part, SCRATCH2, record_at(t, place + done));
        done += part;
    }
}

void emit_record_value(struct translation *t, unsigned place, unsigned bytes, host_reg from)
{
    if (place)
        emit_store(t->e, bytes, from, record_at(t, place));
}
