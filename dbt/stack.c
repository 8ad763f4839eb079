/* PUSH, POP, CALL, RET and LEAVE: the guest's stack pointer is in RSP, where no instruction of the host may
 * use it. */
#include "dbt/translate.h"

/* RSP moves by `by` bytes, in the width that the stack has. */
static void emit_move_stack(struct translation *t, int32_t by)
{
    unsigned width = stack_width(t);
    emit_lea(t->e, width, RSP, at(RSP, by));
}

/* A value that lies in temp[0] goes on the stack. */
static void emit_push_temp(struct translation *t, unsigned bytes)
{
    struct address a = address_stack(t, RSP, -(int64_t)bytes);
    emit_probe(t, &a, PROBE_WRITE, bytes);
    unsigned place = emit_record(t, &a, ACCESS_WRITE, bytes, 0);
    emit_load(t->e, 8, SCRATCH2, STATE(temp[0]));
    emit_store(t->e, bytes, SCRATCH2, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, SCRATCH2);
    emit_move_stack(t, -(int32_t)bytes);
}

/* A register or a constant goes on the stack. */
static void emit_push_value(struct translation *t, unsigned bytes, host_reg gpr, uint64_t constant)
{
    struct address a = address_stack(t, RSP, -(int64_t)bytes);
    emit_probe(t, &a, PROBE_WRITE, bytes);
    unsigned place = emit_record(t, &a, ACCESS_WRITE, bytes, 0);
    host_reg from = gpr;
    if (gpr == HOST_NONE || is_stolen(gpr)) {
        from = SCRATCH2;
        if (gpr == HOST_NONE)
            emit_constant(t->e, SCRATCH2, constant);
        else
            emit_load(t->e, 8, SCRATCH2, guest_gpr(gpr));
    }
    emit_store(t->e, bytes, from, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, from);
    emit_move_stack(t, -(int32_t)bytes);
}

/* An operand in memory into temp[0]. */
static void emit_fetch_operand(struct translation *t, const struct guest_insn *g, unsigned bytes)
{
    struct address a = address_of(t, g, &g->op[g->memory]);
    emit_probe(t, &a, PROBE_READ, bytes);
    unsigned place = emit_record(t, &a, ACCESS_READ, bytes, 0);
    emit_load_zx(t->e, bytes, SCRATCH2, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, SCRATCH2);
    emit_store(t->e, 8, SCRATCH2, STATE(temp[0]));
}

static bool translate_push(struct translation *t, const struct guest_insn *g)
{
    unsigned bytes = g->z.operand_width / 8;
    if (g->memory >= 0) {
        emit_fetch_operand(t, g, bytes);
        emit_push_temp(t, bytes);
    } else if (g->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        emit_push_value(t, bytes, HOST_NONE,
                        g->op[0].imm.value.u & (bytes == 8 ? ~0ull : (1ull << 8 * bytes) - 1));
    } else {
        emit_push_value(t, bytes, front_gpr(g->op[0].reg.value), 0);
    }
    return true;
}

static bool translate_pop(struct translation *t, const struct guest_insn *g)
{
    unsigned bytes = g->z.operand_width / 8;
    struct address a = address_stack(t, RSP, 0);
    emit_probe(t, &a, PROBE_READ, bytes);
    unsigned place = emit_record(t, &a, ACCESS_READ, bytes, 0);
    emit_load_zx(t->e, bytes, SCRATCH2, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, SCRATCH2);
    if (g->memory < 0) {
        /* POP rSP: the value popped stays (SDM Vol. 2B, POP). */
        emit_move_stack(t, (int32_t)bytes);
        emit_set_gpr(t, bytes, front_gpr(g->op[0].reg.value), SCRATCH2);
        return true;
    }
    struct address to = address_of(t, g, &g->op[g->memory]);
    if (to.base == RSP)
        to.disp += bytes; /* computed after the stack pointer has moved */
    emit_store(t->e, 8, SCRATCH2, STATE(temp[0]));
    emit_probe(t, &to, PROBE_WRITE, bytes);
    place = emit_record(t, &to, ACCESS_WRITE, bytes, 0);
    emit_load(t->e, 8, SCRATCH2, STATE(temp[0]));
    emit_store(t->e, bytes, SCRATCH2, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, SCRATCH2);
    emit_move_stack(t, (int32_t)bytes);
    return true;
}

/* rSP = rBP, then POP rBP. */
static bool translate_leave(struct translation *t, const struct guest_insn *g)
{
    unsigned bytes = g->z.operand_width / 8, width = stack_width(t);
    struct address a = address_stack(t, RBP, 0);
    emit_probe(t, &a, PROBE_READ, bytes);
    unsigned place = emit_record(t, &a, ACCESS_READ, bytes, 0);
    emit_load_zx(t->e, bytes, SCRATCH2, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, SCRATCH2);
    emit_lea(t->e, width, RSP, at(RBP, (int32_t)bytes));
    emit_set_gpr(t, bytes, RBP, SCRATCH2);
    return true;
}

static bool translate_call(struct translation *t, const struct guest_insn *g)
{
    unsigned bytes = g->z.operand_width / 8;
    uint64_t next = wrap_ip(t, g->ip + g->z.length);
    if (g->class == G_CALL) {
        uint64_t target = branch_target(t, g);
        if (slow_may_execute(t->d, target))
            emit_push_value(t, bytes, HOST_NONE, next);
        emit_branch_to(t, target);
        return true;
    }
    if (g->memory >= 0) {
        emit_fetch_operand(t, g, bytes);
        emit_load(t->e, 8, SCRATCH2, STATE(temp[0]));
    } else {
        emit_get_gpr(t, SCRATCH2, front_gpr(g->op[0].reg.value));
        if (bytes < 8)
            emit_move_zx(t->e, bytes, SCRATCH2, SCRATCH2);
    }
    emit_store(t->e, 8, SCRATCH2, STATE(temp[1]));
    emit_push_value(t, bytes, HOST_NONE, next);
    emit_load(t->e, 8, SCRATCH2, STATE(temp[1]));
    emit_leave_indirect(t);
    return true;
}

static bool translate_ret(struct translation *t, const struct guest_insn *g)
{
    unsigned bytes = g->z.operand_width / 8;
    struct address a = address_stack(t, RSP, 0);
    emit_probe(t, &a, PROBE_READ, bytes);
    unsigned place = emit_record(t, &a, ACCESS_READ, bytes, 0);
    emit_load_zx(t->e, bytes, SCRATCH2, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, SCRATCH2);
    emit_move_stack(t, (int32_t)(bytes + front_released(g)));
    emit_leave_indirect(t);
    return true;
}

bool translate_stack(struct translation *t, const struct guest_insn *g)
{
    bool ok;
    switch (g->class) {
    case G_PUSH:
        ok = translate_push(t, g);
        break;
    case G_POP:
        ok = translate_pop(t, g);
        break;
    case G_LEAVE:
        ok = translate_leave(t, g);
        break;
    case G_CALL:
    case G_CALL_INDIRECT:
        ok = translate_call(t, g);
        break;
    case G_RET:
        ok = translate_ret(t, g);
        break;
    default:
        return false;
    }
    t->held = false;
    return ok;
}
