/*
 * One guest instruction encoded anew for 64-bit mode: its memory operand becomes
 * [SCRATCH], the guest registers that are stolen become others that lend
 * themselves, prefixes and opcodes that mean something else in 64-bit mode are
 * exchanged. What is left is byte for byte the guest's.
 *
 *     add [rbx+r13*4+8], r14d   →   mov r13, gs:[r14]; add [r12], r13d
 */
#include "dbt/translate.h"

#define SUBSTITUTES_MAX 3u

/* Which host register stands for a stolen guest register. */
struct substitute {
    host_reg guest, host;
    bool spilled; /* the host register's own value is in spill[] */
};

struct encoding {
    struct substitute sub[SUBSTITUTES_MAX];
    unsigned count;
    host_reg base; /* of the memory operand */
};

void emit_get_gpr(struct translation *t, host_reg to, host_reg guest)
{
    if (is_stolen(guest))
        emit_load(t->e, 8, to, guest_gpr(guest));
    else
        emit_move(t->e, 8, to, guest);
}

void emit_set_gpr(struct translation *t, unsigned bytes, host_reg guest, host_reg from)
{
    if (!is_stolen(guest)) {
        if (bytes <= 2)
            emit_op_reg(t->e, bytes == 1 ? 0x88 : 0x89, bytes, from, guest, true);
        else
            emit_move(t->e, bytes, guest, from);
        return;
    }
    if (bytes == 4)
        emit_move(t->e, 4, from, from); /* clears the upper half */
    emit_store(t->e, bytes == 4 ? 8 : bytes, from, guest_gpr(guest));
}

static host_reg substitute_for(const struct encoding *c, host_reg r)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->sub[i].guest == r)
            return c->sub[i].host;
    return r;
}

static bool has_substitute(const struct encoding *c, host_reg r)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->sub[i].guest == r)
            return true;
    return false;
}

static bool is_taken(const struct encoding *c, host_reg r)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->sub[i].host == r)
            return true;
    return c->base == r;
}

/* Scratch registers first, then registers that the instruction does not use, whose values are put aside. */
static bool choose_substitute(struct translation *t, const struct guest_insn *g, struct encoding *c,
                              host_reg guest)
{
    static const host_reg candidates[] = {SCRATCH2, SCRATCH, RBX, RBP, RSI, RDI, R8, R9, R10, R11};
    if (c->count == SUBSTITUTES_MAX)
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(candidates); i++) {
        host_reg r = candidates[i];
        bool scratch = r >= STOLEN_FIRST;
        if (is_taken(c, r) || (r == SCRATCH && g->memory >= 0) || (!scratch && front_uses_gpr(g, r)))
            continue;
        c->sub[c->count++] = (struct substitute){.guest = guest, .host = r, .spilled = !scratch};
        if (r == SCRATCH)
            t->held = false;
        return true;
    }
    return false;
}

static bool choose_substitutes(struct translation *t, const struct guest_insn *g, struct encoding *c)
{
    for (unsigned i = 0; i < g->z.operand_count; i++) {
        const ZydisDecodedOperand *o = &g->op[i];
        if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
            continue;
        host_reg r = front_gpr(o->reg.value);
        if (is_stolen(r) && !has_substitute(c, r) && !choose_substitute(t, g, c, r))
            return false;
    }
    return true;
}

static bool uses_high_byte(const struct guest_insn *g)
{
    for (unsigned i = 0; i < g->z.operand_count; i++)
        if (g->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER && front_is_high_byte(g->op[i].reg.value))
            return true;
    return false;
}

/* The host register for the field of ModRM, opcode or VEX.vvvv that `encoding` names; `raw` if it is no
 * GPR. */
static unsigned field(const struct guest_insn *g, const struct encoding *c, ZydisOperandEncoding encoding,
                      unsigned raw)
{
    for (unsigned i = 0; i < g->z.operand_count; i++) {
        const ZydisDecodedOperand *o = &g->op[i];
        if (o->encoding != encoding || o->type != ZYDIS_OPERAND_TYPE_REGISTER)
            continue;
        host_reg r = front_gpr(o->reg.value);
        if (r == HOST_NONE)
            return raw;
        return front_is_high_byte(o->reg.value) ? r + 4u : substitute_for(c, r);
    }
    return raw;
}

/* ModRM, SIB for [base], and the immediate bytes behind. */
static void emit_tail(struct emit *e, const struct guest_insn *g, unsigned reg, unsigned rm, host_reg base)
{
    if (g->memory >= 0)
        emit_modrm(e, reg, at(base, 0));
    else
        emit8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
    unsigned tail = 0;
    for (unsigned i = 0; i < 2; i++)
        tail += g->z.raw.imm[i].size / 8u;
    emit_bytes(e, g->bytes + g->z.length - tail, tail);
}

static bool has_operand_encoding(const struct guest_insn *g, ZydisOperandEncoding encoding)
{
    for (unsigned i = 0; i < g->z.operand_count; i++)
        if (g->op[i].encoding == encoding)
            return true;
    return false;
}

/* ---- legacy encoding ---- */

static bool has_16_bit_operand(const struct guest_insn *g)
{
    for (unsigned i = 0; i < g->z.operand_count; i++)
        if (g->op[i].size == 16 && g->op[i].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
            return true;
    return false;
}

/* Operand-size, repeat and LOCK prefixes; segments and address size are gone with the memory operand. In
 * 16-bit code the operand-size prefix has the opposite meaning, unless it is part of the opcode: so with all
 * vector instructions. */
static void emit_legacy_prefixes(struct translation *t, const struct guest_insn *g)
{
    bool size = false, mandatory = false;
    for (unsigned i = 0; i < g->z.raw.prefix_count; i++) {
        uint8_t v = g->z.raw.prefixes[i].value;
        if (v == 0x66) {
            size = true;
            mandatory = mandatory || g->z.raw.prefixes[i].type == ZYDIS_PREFIX_TYPE_MANDATORY;
        } else if (v == 0xf0 || v == 0xf2 || v == 0xf3) {
            emit8(t->e, v);
        }
    }
    if (t->code_size == CODE_16 && !mandatory)
        size = g->z.operand_width == 16 && g->feature == FEATURE_NONE && has_16_bit_operand(g);
    if (size)
        emit8(t->e, 0x66);
}

static void emit_opcode_map(struct emit *e, ZydisOpcodeMap map)
{
    if (map == ZYDIS_OPCODE_MAP_0F || map == ZYDIS_OPCODE_MAP_0F38 || map == ZYDIS_OPCODE_MAP_0F3A)
        emit8(e, 0x0f);
    if (map == ZYDIS_OPCODE_MAP_0F38)
        emit8(e, 0x38);
    if (map == ZYDIS_OPCODE_MAP_0F3A)
        emit8(e, 0x3a);
}

static bool is_short_inc_dec(const struct translation *t, const struct guest_insn *g)
{
    return t->code_size != CODE_64 && g->z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
           (g->z.opcode & 0xf0) == 0x40;
}

static bool emit_legacy(struct translation *t, const struct guest_insn *g, const struct encoding *c)
{
    struct emit *e = t->e;
    const ZydisDecodedInstructionRaw *raw = &g->z.raw;
    bool modrm = g->z.attributes & ZYDIS_ATTRIB_HAS_MODRM;
    unsigned rex_in = g->z.attributes & ZYDIS_ATTRIB_HAS_REX ? 0x40u : 0;
    unsigned reg = field(g, c, ZYDIS_OPERAND_ENCODING_MODRM_REG, raw->modrm.reg);
    unsigned rm = field(g, c, ZYDIS_OPERAND_ENCODING_MODRM_RM, raw->modrm.rm);
    unsigned opreg = field(g, c, ZYDIS_OPERAND_ENCODING_OPCODE, g->z.opcode & 7);
    bool in_opcode = has_operand_encoding(g, ZYDIS_OPERAND_ENCODING_OPCODE);

    /* Control, x87 and vector registers come with their own extension bits. */
    if (rex_in && modrm && reg < 8 && field(g, c, ZYDIS_OPERAND_ENCODING_MODRM_REG, 99) == 99 && raw->rex.R)
        reg |= 8;
    if (rex_in && modrm && g->memory < 0 && field(g, c, ZYDIS_OPERAND_ENCODING_MODRM_RM, 99) == 99 &&
        raw->rex.B)
        rm |= 8;
    emit_legacy_prefixes(t, g);
    unsigned rex = rex_in && raw->rex.W ? 8 : 0;
    if (g->memory >= 0)
        rex |= c->base & 8 ? 1u : 0;
    if (modrm) {
        rex |= reg & 8 ? 4u : 0;
        rex |= g->memory < 0 && (rm & 8) ? 1u : 0;
    } else if (in_opcode) {
        rex |= opreg & 8 ? 1u : 0;
    }
    /* A REX prefix without bits still turns AH to BH into SPL to DIL: keep it where it was. */
    if (rex_in || rex)
        emit8(e, 0x40 | rex);
    if (is_short_inc_dec(t, g)) {
        emit8(e, 0xff);
        emit8(e, 0xc0 | (g->z.opcode & 8) | (opreg & 7));
        return true;
    }
    emit_opcode_map(e, g->z.opcode_map);
    uint8_t opcode = g->z.opcode;
    if (opcode == 0x82 && g->z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
        opcode = 0x80; /* an alias that 64-bit mode does not have */
    bool offset_form = g->z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && opcode >= 0xa0 && opcode <= 0xa3;
    if (offset_form) {
        /* MOV between the accumulator and memory at an offset: as the form with ModRM. */
        emit8(e, opcode == 0xa0 ? 0x8a : opcode == 0xa1 ? 0x8b : opcode == 0xa2 ? 0x88 : 0x89);
        emit_modrm(e, RAX, at(c->base, 0));
        return true;
    }
    emit8(e, in_opcode ? (opcode & 0xf8) | (opreg & 7) : opcode);
    if (modrm) {
        emit_tail(e, g, reg, rm, c->base);
    } else {
        unsigned tail = 0;
        for (unsigned i = 0; i < 2; i++)
            tail += raw->imm[i].size / 8u;
        emit_bytes(e, g->bytes + g->z.length - tail, tail);
    }
    return true;
}

/* ---- VEX and EVEX ---- */

/* Outside 64-bit mode VZEROUPPER and VZEROALL leave registers 8 and up alone. */
static void emit_zero_lower_registers(struct emit *e, bool all)
{
    for (unsigned r = 0; r < 8; r++) {
        emit8(e, 0xc5);
        emit8(e, (all ? 0x81 : 0xf8) | (all ? (~r & 15u) << 3 : 0)); /* VPXOR, VMOVAPS: of XMM */
        emit8(e, all ? 0xef : 0x28);
        emit8(e, 0xc0 | r << 3 | r);
    }
}

/* Where W tells 32- from 64-bit general registers it does not count outside 64-bit mode (SDM Vol.
 * 2A, 2.3.5.2). */
static bool is_w_ignored(const struct translation *t, const struct guest_insn *g)
{
    if (t->code_size == CODE_64)
        return false;
    switch (g->z.mnemonic) {
    case ZYDIS_MNEMONIC_VMOVD:
    case ZYDIS_MNEMONIC_VPINSRD:
    case ZYDIS_MNEMONIC_VPEXTRD:
    case ZYDIS_MNEMONIC_VCVTSI2SS:
    case ZYDIS_MNEMONIC_VCVTSI2SD:
    case ZYDIS_MNEMONIC_VCVTUSI2SS:
    case ZYDIS_MNEMONIC_VCVTUSI2SD:
    case ZYDIS_MNEMONIC_VPCMPESTRI: /* lengths in EAX and EDX */
    case ZYDIS_MNEMONIC_VPCMPESTRM:
        return true;
    default:
        break;
    }
    for (unsigned i = 0; i < g->z.operand_count_visible; i++)
        if (g->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER && front_gpr(g->op[i].reg.value) != HOST_NONE)
            return true;
    return false;
}

static bool emit_vex(struct translation *t, const struct guest_insn *g, const struct encoding *c)
{
    const ZydisDecodedInstructionRaw *raw = &g->z.raw;
    struct emit *e = t->e;
    if (t->code_size != CODE_64 &&
        (g->z.mnemonic == ZYDIS_MNEMONIC_VZEROUPPER || g->z.mnemonic == ZYDIS_MNEMONIC_VZEROALL)) {
        emit_zero_lower_registers(e, g->z.mnemonic == ZYDIS_MNEMONIC_VZEROALL);
        return true;
    }
    unsigned reg = field(g, c, ZYDIS_OPERAND_ENCODING_MODRM_REG, raw->modrm.reg | (raw->vex.R ? 0 : 8u));
    unsigned rm = field(g, c, ZYDIS_OPERAND_ENCODING_MODRM_RM, raw->modrm.rm | (raw->vex.B ? 0 : 8u));
    unsigned v = field(g, c, ZYDIS_OPERAND_ENCODING_NDSNDD, ~raw->vex.vvvv & 15u);
    if (t->code_size != CODE_64)
        v &= 7;
    if (g->memory >= 0)
        rm = c->base;
    emit8(e, 0xc4);
    emit8(e, (reg & 8 ? 0 : 0x80u) | 0x40 | (rm & 8 ? 0 : 0x20u) | raw->vex.m_mmmm);
    emit8(e, (raw->vex.W && !is_w_ignored(t, g) ? 0x80u : 0) | (~v & 15u) << 3 | (raw->vex.L ? 4u : 0) |
                 raw->vex.pp);
    emit8(e, g->z.opcode);
    if (!(g->z.attributes & ZYDIS_ATTRIB_HAS_MODRM)) /* VZEROUPPER, VZEROALL */
        return true;
    emit_tail(e, g, reg, rm, c->base);
    /* A register in the immediate byte: outside 64-bit mode there are 8 of them. */
    if (t->code_size != CODE_64 && has_operand_encoding(g, ZYDIS_OPERAND_ENCODING_IS4) && !e->full)
        e->p[e->distance - 1] &= 0x7f;
    return true;
}

/* The bits that extend ModRM's fields, inverted: byte 1 of the prefix (SDM Vol. 2A, 2.7.1). Outside 64-bit
 * mode there are eight registers, whatever these bits and that of vvvv are. */
#define EVEX_R 0x80u
#define EVEX_X 0x40u
#define EVEX_B 0x20u
#define EVEX_R2 0x10u
#define EVEX_W 0x80u     /* of byte 2 */
#define EVEX_VVVV3 0x40u /* of byte 2, inverted */
#define EVEX_V2 0x08u    /* of byte 3, inverted */

static uint8_t evex_extensions(unsigned reg, unsigned rm)
{
    return (uint8_t)((reg & 8 ? 0 : EVEX_R) | (reg & 16 ? 0 : EVEX_R2) | (rm & 8 ? 0 : EVEX_B) |
                     (rm & 16 ? 0 : EVEX_X));
}

static bool emit_evex(struct translation *t, const struct guest_insn *g, const struct encoding *c)
{
    const ZydisDecodedInstructionRaw *raw = &g->z.raw;
    const uint8_t *prefix = g->bytes + raw->evex.offset;
    uint8_t p[4];
    memcpy(p, prefix, sizeof p);
    unsigned reg = field(g, c, ZYDIS_OPERAND_ENCODING_MODRM_REG,
                         raw->modrm.reg | (p[1] & EVEX_R ? 0 : 8u) | (p[1] & EVEX_R2 ? 0 : 16u));
    unsigned rm = field(g, c, ZYDIS_OPERAND_ENCODING_MODRM_RM,
                        raw->modrm.rm | (p[1] & EVEX_B ? 0 : 8u) | (p[1] & EVEX_X ? 0 : 16u));
    if (t->code_size != CODE_64) {
        reg &= 7;
        rm &= 7;
        p[2] |= EVEX_VVVV3;
        p[3] |= EVEX_V2;
    }
    if (g->memory >= 0)
        rm = c->base;
    p[1] = (uint8_t)((p[1] & 0x0fu) | evex_extensions(reg, rm));
    if (is_w_ignored(t, g))
        p[2] &= (uint8_t)~EVEX_W;
    emit_bytes(t->e, p, sizeof p);
    emit8(t->e, g->z.opcode);
    emit_tail(t->e, g, reg, rm, c->base);
    return true;
}

/* ---- all ---- */

static bool emit_encoded(struct translation *t, const struct guest_insn *g, const struct encoding *c)
{
    switch (g->z.encoding) {
    case ZYDIS_INSTRUCTION_ENCODING_LEGACY:
        return emit_legacy(t, g, c);
    case ZYDIS_INSTRUCTION_ENCODING_VEX:
        return emit_vex(t, g, c);
    case ZYDIS_INSTRUCTION_ENCODING_EVEX:
        return emit_evex(t, g, c);
    default:
        return false;
    }
}

/* AH to DH exclude a REX prefix, and with it SCRATCH as a base: another register lends itself. */
static bool emit_high_byte_with_memory(struct translation *t, const struct guest_insn *g)
{
    static const host_reg candidates[] = {RSI, RDI, RBP};
    struct encoding c = {.base = HOST_NONE};
    for (unsigned i = 0; i < ARRAY_SIZE(candidates) && c.base == HOST_NONE; i++)
        if (!front_uses_gpr(g, candidates[i]))
            c.base = candidates[i];
    if (c.base == HOST_NONE)
        return false;
    emit_move(t->e, 8, SCRATCH2, c.base);
    emit_move(t->e, 8, c.base, SCRATCH);
    bool ok = emit_encoded(t, g, &c);
    emit_move(t->e, 8, c.base, SCRATCH2);
    return ok;
}

bool emit_copy(struct translation *t, const struct guest_insn *g)
{
    struct encoding c = {.base = g->memory >= 0 ? SCRATCH : HOST_NONE};
    struct block_insn *bi = &t->b->insn[t->index];

    if (g->memory >= 0 && uses_high_byte(g))
        return emit_high_byte_with_memory(t, g);
    if (!choose_substitutes(t, g, &c))
        return false;
    for (unsigned i = 0; i < c.count; i++) {
        if (c.sub[i].spilled) {
            emit_store(t->e, 8, c.sub[i].host, state_at(offsetof(struct dbt, spill) + 8 * bi->spilled));
            bi->spill_reg[bi->spilled++] = c.sub[i].host;
        }
        emit_load(t->e, 8, c.sub[i].host, guest_gpr(c.sub[i].guest));
    }
    if (!emit_encoded(t, g, &c))
        return false;
    unsigned spill = 0;
    for (unsigned i = 0; i < c.count; i++) {
        if (front_writes_gpr(g, c.sub[i].guest))
            emit_store(t->e, 8, c.sub[i].host, guest_gpr(c.sub[i].guest));
        if (c.sub[i].spilled)
            emit_load(t->e, 8, c.sub[i].host, state_at(offsetof(struct dbt, spill) + 8 * spill++));
    }
    return true;
}
