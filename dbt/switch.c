/*
 * Into translated code and out of it. Written by the emitter, so that the
 * state's layout is known in one place.
 */
#include "dbt/switch.h"

#include "x86/cpu.h"

static const host_reg callee_saved[] = {RBX, RBP, R12, R13, R14, R15};

static void emit_push(struct emit *e, host_reg r)
{
    if (r & 8)
        emit8(e, 0x41);
    emit8(e, 0x50 | (r & 7));
}

static void emit_pop(struct emit *e, host_reg r)
{
    if (r & 8)
        emit8(e, 0x41);
    emit8(e, 0x58 | (r & 7));
}

/* void enter(struct dbt *, const void *code): rdi, rsi (System V ABI). */
static void emit_enter(struct emit *e)
{
    for (unsigned i = 0; i < ARRAY_SIZE(callee_saved); i++)
        emit_push(e, callee_saved[i]);
    emit_store(e, 8, RSP, STATE(host_rsp));
    emit_store(e, 8, RSI, STATE(resume));
    emit_load(e, 8, RAX, STATE(exit_flags));
    emit_push(e, RAX);
    emit8(e, 0x9d); /* POPFQ */
    emit_load(e, 8, RECORD, STATE(record));
    emit_load(e, 8, BUDGET, STATE(budget));
    emit_load(e, 8, SCRATCH, STATE(scratch));
    emit_load(e, 8, SCRATCH2, STATE(scratch2));
    for (host_reg r = RAX; r <= R11; r++)
        if (r != RSP)
            emit_load(e, 8, r, guest_gpr(r));
    emit_load(e, 8, RSP, guest_gpr(RSP));
    emit_jmp_mem(e, STATE(resume));
}

static void emit_exit(struct emit *e)
{
    for (host_reg r = RAX; r <= R11; r++)
        emit_store(e, 8, r, guest_gpr(r));
    emit_store(e, 8, RECORD, STATE(record));
    emit_store(e, 8, BUDGET, STATE(budget));
    emit_store(e, 8, SCRATCH, STATE(scratch));
    emit_store(e, 8, SCRATCH2, STATE(scratch2));
    emit_load(e, 8, RSP, STATE(host_rsp));
    emit8(e, 0x9c); /* PUSHFQ */
    emit_pop(e, RAX);
    emit_store(e, 8, RAX, STATE(exit_flags));
    for (unsigned i = ARRAY_SIZE(callee_saved); i-- > 0;)
        emit_pop(e, callee_saved[i]);
    emit8(e, 0xc3);
}

void switch_init(struct dbt *d, struct emit *e)
{
    uint8_t *enter = e->p;
    emit_enter(e);
    memcpy(&d->enter, &enter, sizeof(enter));
    d->leave_trap = e->p;
    emit_store_imm32(e, 8, EXIT_SITE_TRAP, STATE(exit_site));
    emit_jmp(e, NULL);
    uint8_t *from_trap = e->p - 4;
    d->leave_indirect = e->p;
    emit_store_imm32(e, 8, EXIT_SITE_INDIRECT, STATE(exit_site));
    d->leave = e->p;
    emit_patch(from_trap, d->leave);
    emit_exit(e);
    for (unsigned t = 0; t < JUMP_TABLES; t++) {
        d->resume_at[t] = e->p;
        emit_pext(e, SCRATCH, SCRATCH2, STATE(jump_mask));
        emit_jmp_mem(
            e, state_indexed(offsetof(struct dbt, jump_target) + t * sizeof(d->jump_target[0]), SCRATCH));
    }
}

void switch_enter(struct dbt *d, const void *code)
{
    /* Of the guest's flags only the arithmetic ones are in the host's register; IF and TF stay the host's. */
    d->exit_flags = (d->cpu.v.rflags & ARITHMETIC_FLAGS) | RFLAGS_IF | RFLAGS_ONE;
    d->enter(d, code);
    d->cpu.v.rflags = (d->cpu.v.rflags & ~(uint64_t)ARITHMETIC_FLAGS) | (d->exit_flags & ARITHMETIC_FLAGS);
}
