/*
 * What the FPU notes of every x87 instruction that is no control instruction (SDM
 * Vol. 1, 8.1.8): where it is, its opcode, where its operand is. The host's FPU notes
 * that of the translated code; the guest's is written into the state, behind the
 * instruction, as one that #MF keeps from executing is not noted. dbt/sys/x87.c
 * stores it in the guest's images.
 */
#include "dbt/translate.h"

#define X87(field) STATE(cpu.x87.field)

static bool is_control_instruction(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_FNINIT:
    case ZYDIS_MNEMONIC_FNCLEX:
    case ZYDIS_MNEMONIC_FLDCW:
    case ZYDIS_MNEMONIC_FNSTCW:
    case ZYDIS_MNEMONIC_FNSTSW:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FENI8087_NOP:
    case ZYDIS_MNEMONIC_FDISI8087_NOP:
    case ZYDIS_MNEMONIC_FSETPM287_NOP:
        return true;
    default:
        return false;
    }
}

static void emit_note_constant(struct emit *e, struct operand to, uint64_t v)
{
    if ((uint64_t)(int64_t)(int32_t)v == v) {
        emit_store_imm32(e, 8, (uint32_t)v, to);
        return;
    }
    emit_store_imm32(e, 4, (uint32_t)v, to);
    to.disp += 4;
    emit_store_imm32(e, 4, (uint32_t)(v >> 32), to);
}

static void emit_note_selector(struct translation *t, struct operand to, unsigned segment)
{
    size_t selector = offsetof(struct dbt, cpu.v.seg) + segment * sizeof(struct segment) +
                      offsetof(struct segment, selector);
    if (!t->d->cpu.x87_has_selectors)
        return;
    emit_load_zx(t->e, 2, SCRATCH2, state_at(selector));
    emit_store(t->e, 8, SCRATCH2, to);
}

/* FNSTSW: the slow path looks whether a store was made. */
static void emit_store_status(struct emit *e)
{
    struct operand status = STATE(x87_status);
    emit8(e, 0x65);
    emit8(e, 0xdd);
    emit_modrm(e, 7, status);
}

#define STATUS_ES 0x80u
bool x87_is_pending(void)
{
    uint16_t status;
    __asm__ volatile("fnstsw %0" : "=m"(status));
    return status & STATUS_ES;
}

/* An unmasked exception but that of precision (SDM Vol. 1, 8.5): then a store has written nothing. */
#define EXCEPTIONS_BEFORE_STORES 0x1fu /* IE, DE, ZE, OE, UE */
bool x87_store_was_made(const struct dbt *d)
{
    uint16_t control;
    if (!(d->x87_status & STATUS_ES))
        return true;
    __asm__ volatile("fnstcw %0" : "=m"(control));
    return !(d->x87_status & ~control & EXCEPTIONS_BEFORE_STORES);
}

void emit_x87_pointers(struct translation *t, const struct guest_insn *g, const struct address *a)
{
    unsigned modrm = g->z.raw.modrm.mod << 6 | g->z.raw.modrm.reg << 3 | g->z.raw.modrm.rm;
    if (g->feature != FEATURE_X87 || is_control_instruction(g->z.mnemonic))
        return;
    if (t->bounce && a)
        emit_store_status(t->e);
    emit_note_constant(t->e, X87(ip), g->ip);
    emit_note_constant(t->e, X87(opcode), (g->z.opcode & 7u) << 8 | modrm);
    emit_note_selector(t, X87(cs), SEG_CS);
    if (!a)
        return;
    emit_effective(t, SCRATCH2, a);
    emit_store(t->e, 8, SCRATCH2, X87(dp));
    emit_note_selector(t, X87(ds), a->segment);
}
