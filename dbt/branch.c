/* Branches, and all the ways out of a block. */
#include "dbt/translate.h"

uint64_t wrap_ip(const struct translation *t, uint64_t ip)
{
    return t->code_size == CODE_64 ? ip : t->code_size == CODE_32 ? (uint32_t)ip : (uint16_t)ip;
}

/* RECORD moves over a record, which gets another id if that is not 0; with a filter for addresses, if the
 * record holds an access to a traced page. */
static void emit_move_on(struct translation *t, uint32_t id, unsigned bytes)
{
    struct emit *e = t->e;
    uint8_t *untouched = NULL;
    if (t->mode & MODE_RANGES) {
        emit_store(e, 8, RCX, STATE(spilled_rcx));
        emit_rorx(e, 8, RCX, RECORD, 32);
        emit_move(e, 4, RECORD, RECORD);
        untouched = emit_jrcxz(e, 4);
        emit_move(e, 4, RCX, RCX);
        emit_load(e, 8, SCRATCH, STATE(traced));
        emit_lea(e, 8, SCRATCH, (struct operand){.base = SCRATCH, .index = RCX, .scale = 1, .disp = 0});
        emit_store(e, 8, SCRATCH, STATE(traced));
    }
    if (id)
        emit_store_imm32(e, 4, id, at(RECORD, 0));
    emit_lea(e, 8, RECORD, at(RECORD, (int32_t)bytes));
    if (t->mode & MODE_RANGES) {
        emit_here(e, untouched);
        emit_load(e, 8, RCX, STATE(spilled_rcx));
    }
}

void emit_close(struct translation *t)
{
    if (!t->closed && t->record_bytes)
        emit_move_on(t, 0, t->record_bytes);
    t->closed = true;
}

uint8_t *emit_if_count_zero(struct translation *t, unsigned width)
{
    struct emit *e = t->e;
    if (width == 2) {
        emit_move(e, 8, SCRATCH, RCX);
        emit_move_zx(e, 2, RCX, RCX);
        t->held = false;
    }
    uint8_t *zero = emit_jrcxz(e, width == 4 ? 4 : 8);
    if (width == 2)
        emit_move(e, 8, RCX, SCRATCH);
    emit8(e, 0xeb); /* JMP over the other way */
    emit8(e, 0);
    uint8_t *over = e->p - 1;
    emit_here(e, zero);
    if (width == 2)
        emit_move(e, 8, RCX, SCRATCH);
    uint8_t *place = emit_jmp(e, NULL);
    emit_here(e, over);
    return place;
}

/* A jump may be patched to go straight to a block only where the target's mapping cannot change unnoticed. */
static bool may_chain(const struct translation *t, uint64_t target)
{
    if (t->mode & (MODE_TF | MODE_STEP))
        return true; /* never linked: the dispatcher looks at the mode */
    return !(t->mode & MODE_PAGING) || (!t->b->crosses && (target ^ t->b->ip) < PAGE_SIZE);
}

struct pending *add_branch(struct translation *t, uint8_t *place, uint64_t target)
{
    bool chains = may_chain(t, target) || !slow_may_execute(t->d, target);
    struct pending *p = add_exit(t, chains ? DBT_EXIT_CHAIN : DBT_EXIT_INDIRECT, place);
    p->target = target;
    return p;
}

/* … where the branch is taken to. */
static struct pending *add_taken(struct translation *t, uint8_t *place, uint64_t target)
{
    return slow_may_execute(t->d, target) ? add_branch(t, place, target)
                                          : add_exit(t, DBT_EXIT_OUTSIDE, place);
}

void emit_leave(struct translation *t, unsigned kind)
{
    emit_close(t);
    add_exit(t, kind, emit_jmp(t->e, NULL));
}

void emit_leave_to(struct translation *t, uint64_t target)
{
    emit_close(t);
    add_branch(t, emit_jmp(t->e, NULL), target);
}

void emit_branch_to(struct translation *t, uint64_t target)
{
    emit_close(t);
    add_taken(t, emit_jmp(t->e, NULL), target);
}

static void emit_indirect(struct translation *t)
{
    emit_pext(t->e, SCRATCH, SCRATCH2, STATE(jump_mask));
    emit_jmp_mem(t->e, state_indexed(offsetof(struct dbt, jump_target[t->b->jump_table]), SCRATCH));
}

void emit_leave_indirect(struct translation *t)
{
    emit_close(t);
    if (t->bounce) {
        emit_store(t->e, 8, SCRATCH2, STATE(cpu.v.rip));
        emit_leave(t, DBT_EXIT_BOUNCED);
        return;
    }
    emit_store_imm32(t->e, 4, (uint32_t)(t->b - t->d->blocks), STATE(branch));
    emit_indirect(t);
}

uint64_t branch_target(const struct translation *t, const struct guest_insn *g)
{
    uint64_t target = g->ip + g->z.length + g->op[0].imm.value.u;
    return g->z.operand_width == 16 && t->code_size != CODE_64 ? target & 0xffff : wrap_ip(t, target);
}

/* The condition in the opcode's low bits, of 70 to 7F and 0F 80 to 8F. */
static unsigned condition_of(const struct guest_insn *g)
{
    return g->z.opcode & 15u;
}

static void translate_jcc(struct translation *t, const struct guest_insn *g)
{
    uint64_t target = branch_target(t, g), next = wrap_ip(t, g->ip + g->z.length);
    unsigned cc = condition_of(g);
    if (t->index + 1 < t->count) {
        /* Inside: the block goes on with what the trace holds next, and the other way leaves. */
        bool taken_inside = t->g[t->index + 1].ip == target;
        uint8_t *place = emit_jcc(t->e, taken_inside ? cc ^ 1 : cc, NULL);
        struct pending *p = taken_inside ? add_branch(t, place, next) : add_taken(t, place, target);
        p->side = true;
        p->insn = (uint8_t)(t->index + 1);
        return;
    }
    emit_close(t);
    add_taken(t, emit_jcc(t->e, cc, NULL), target);
    emit_leave_to(t, next);
}

static void translate_loop(struct translation *t, const struct guest_insn *g)
{
    uint64_t target = branch_target(t, g), next = wrap_ip(t, g->ip + g->z.length);
    unsigned width = g->z.address_width / 8;
    emit_close(t);
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
        emit_lea(t->e, width, RCX, at(RCX, -1));
        add_branch(t, emit_if_count_zero(t, width), next);
        if (g->z.mnemonic == ZYDIS_MNEMONIC_LOOP) {
            emit_branch_to(t, target);
            return;
        }
        add_taken(t, emit_jcc(t->e, g->z.mnemonic == ZYDIS_MNEMONIC_LOOPE ? CC_Z : CC_NZ, NULL), target);
        emit_leave_to(t, next);
        return;
    default:
        add_taken(t, emit_if_count_zero(t, width), target);
        emit_leave_to(t, next);
        return;
    }
}

static void translate_jmp_indirect(struct translation *t, const struct guest_insn *g)
{
    unsigned bytes = g->z.operand_width / 8;
    if (g->memory >= 0) {
        struct address a = address_of(t, g, &g->op[g->memory]);
        emit_probe(t, &a, PROBE_READ, bytes);
        unsigned place = emit_record(t, &a, ACCESS_READ, bytes, 0);
        emit_load_zx(t->e, bytes, SCRATCH2, at(SCRATCH, 0));
        emit_record_value(t, place, bytes, SCRATCH2);
    } else {
        emit_get_gpr(t, SCRATCH2, front_gpr(g->op[0].reg.value));
        if (bytes < 8)
            emit_move_zx(t->e, bytes, SCRATCH2, SCRATCH2);
    }
    emit_leave_indirect(t);
}

bool translate_branch(struct translation *t, const struct guest_insn *g)
{
    switch (g->class) {
    case G_JCC:
        translate_jcc(t, g);
        return true;
    case G_LOOP:
        translate_loop(t, g);
        return true;
    case G_JMP:
        emit_branch_to(t, branch_target(t, g));
        return true;
    case G_JMP_INDIRECT:
        translate_jmp_indirect(t, g);
        return true;
    default:
        return false;
    }
}

/* ---- behind the block ---- */

/* What was charged at the head for instructions that are not executed comes back; the record is that of
 * fewer. */
static void emit_side(struct translation *t, const struct pending *p)
{
    struct emit *e = t->e;
    struct block *b = t->b;
    const struct block_insn *i = &b->insn[p->insn];
    uint32_t prefix = recorder_prefix(t->d, b, p->insn);
    uint64_t unused_events = b->record_count - i->records;

    if (prefix)
        emit_move_on(t, prefix != b->record_id ? prefix : 0, i->record_bytes);
    if (!unused_events && b->budget == p->insn)
        return;
    emit_constant(e, SCRATCH, (uint64_t)(b->budget - p->insn) - (unused_events << 32));
    emit_lea(e, 8, BUDGET, (struct operand){.base = BUDGET, .index = SCRATCH, .scale = 1, .disp = 0});
}

static struct exit_site *new_exit(struct translation *t, const struct pending *p)
{
    struct dbt *d = t->d;
    if (d->exit_count == d->exit_max) {
        t->overflow = true;
        return &d->exits[0];
    }
    struct exit_site *x = &d->exits[d->exit_count++];
    *x = (struct exit_site){.block = t->b,
                            .kind = p->kind,
                            .flags = p->flags,
                            .insn = p->insn,
                            .probe_access = p->probe_access,
                            .probe_bytes = p->probe_bytes,
                            .limited = p->limited,
                            .string = p->string,
                            .not_first = p->not_first,
                            .segment = p->segment,
                            .target = p->target};
    return x;
}

static void emit_stub(struct translation *t, struct pending *p)
{
    struct emit *e = t->e;
    uint8_t *start = e->p;

    if (e->full)
        return;
    emit_patch(p->place, start);
    if (p->side)
        emit_side(t, p);
    if (t->bounce && (p->kind == DBT_EXIT_CHAIN || p->kind == DBT_EXIT_INDIRECT)) {
        emit_constant(e, SCRATCH, p->target);
        emit_store(e, 8, SCRATCH, STATE(cpu.v.rip));
        p->kind = DBT_EXIT_BOUNCED;
    }
    if (p->kind == DBT_EXIT_INDIRECT) {
        emit_constant(e, SCRATCH2, p->target);
        emit_indirect(t);
        return;
    }
    if (p->undo_tag)
        emit_sub_mem(
            e, 8, SCRATCH,
            state_indexed(
                offsetof(struct dbt, tlb) + (t->mode & MODE_USER ? sizeof(struct tlb) : 0) +
                    (p->probe_access & DBT_WRITE ? offsetof(struct tlb, write) : offsetof(struct tlb, read)),
                SCRATCH2));
    if (p->restore_rcx)
        emit_load(e, 8, RCX, STATE(spilled_rcx));
    struct exit_site *x = new_exit(t, p);
    if (p->kind == DBT_EXIT_OUTSIDE && p->side)
        x->insn--; /* the branch itself */
    if (p->kind == DBT_EXIT_CHAIN) {
        x->jump = p->side ? emit_jmp(e, NULL) : p->place;
        x->stub = p->side ? e->p : start;
    }
    emit_store_imm32(e, 8, (uint32_t)(x - t->d->exits), STATE(exit_site));
    emit_jmp(e, t->d->leave);
}

/* A mapping of the second page may change and leave the first one's alone, and with it direct branches from
 * there: they go by the jump table, which forgets with the TLB. */
static void emit_chain_entry(struct translation *t)
{
    t->b->chain = t->b->code;
    if (!t->b->crosses || !(t->mode & MODE_PAGING))
        return;
    t->b->chain = t->e->p;
    emit_constant(t->e, SCRATCH2, t->b->ip);
    emit_indirect(t);
}

void emit_stubs(struct translation *t)
{
    emit_chain_entry(t);
    t->b->first_exit = t->d->exit_count;
    for (unsigned i = 0; i < t->pending_count; i++)
        emit_stub(t, &t->pending[i]);
    t->b->exit_count = t->d->exit_count - t->b->first_exit;
}
