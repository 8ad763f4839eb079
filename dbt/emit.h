/*
 * Writes x86-64 machine code: the instructions that the translator adds of its
 * own. Named by effect; none of them but those under "changes the flags" touches
 * the arithmetic flags, because the guest's live there.
 */
#ifndef ENGRAM_DBT_EMIT_H
#define ENGRAM_DBT_EMIT_H

#include "types.h"

#include <string.h>

/* Host registers have the numbers of enum gpr (vcpu.h). */
typedef uint8_t host_reg;
#define HOST_NONE 0xffu

struct emit {
    uint8_t *p, *end;
    bool full; /* something did not fit; what was written is of no use */
};

/* A memory operand: [base + index·scale + disp], or gs:[index·scale + disp] where base is HOST_NONE. */
struct operand {
    host_reg base, index;
    uint8_t scale;
    bool low; /* the low 32 bits of all that are the address */
    int32_t disp;
};

static inline struct operand at(host_reg base, int32_t disp)
{
    return (struct operand){.base = base, .index = HOST_NONE, .scale = 1, .disp = disp};
}
/* A field of the state, which GS points to. */
static inline struct operand state_at(size_t offset)
{
    return (struct operand){.base = HOST_NONE, .index = HOST_NONE, .scale = 1, .disp = (int32_t)offset};
}
static inline struct operand state_indexed(size_t offset, host_reg index)
{
    return (struct operand){.base = HOST_NONE, .index = index, .scale = 8, .disp = (int32_t)offset};
}

static inline void emit8(struct emit *e, unsigned v)
{
    if (e->p < e->end)
        *e->p++ = (uint8_t)v;
    else
        e->full = true;
}
static inline void emit_bytes(struct emit *e, const void *from, size_t n)
{
    if ((size_t)(e->end - e->p) < n) {
        e->full = true;
        return;
    }
    memcpy(e->p, from, n);
    e->p += n;
}
static inline void emit32(struct emit *e, uint32_t v)
{
    emit_bytes(e, &v, 4);
}
static inline void emit64(struct emit *e, uint64_t v)
{
    emit_bytes(e, &v, 8);
}

static inline unsigned scale_bits(unsigned scale)
{
    return scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
}

/* ModRM, SIB and displacement of a memory operand. */
static inline void emit_modrm(struct emit *e, unsigned reg, struct operand m)
{
    unsigned r = (reg & 7) << 3, sib_index = m.index == HOST_NONE ? 4 : m.index & 7u;
    if (m.base == HOST_NONE) {
        emit8(e, r | 4);
        emit8(e, scale_bits(m.scale) << 6 | sib_index << 3 | 5);
        emit32(e, (uint32_t)m.disp);
        return;
    }
    unsigned mod = m.disp == 0 && (m.base & 7) != 5 ? 0 : m.disp >= -128 && m.disp <= 127 ? 1 : 2;
    if (m.index != HOST_NONE || (m.base & 7) == 4) {
        emit8(e, mod << 6 | r | 4);
        emit8(e, scale_bits(m.scale) << 6 | sib_index << 3 | (m.base & 7));
    } else {
        emit8(e, mod << 6 | r | (m.base & 7));
    }
    if (mod == 1)
        emit8(e, (uint8_t)m.disp);
    else if (mod == 2)
        emit32(e, (uint32_t)m.disp);
}

/* An instruction with a memory operand. `opcode` is 1 byte, or 0x0fXX. `bytes` 2 and 8 are the operand size;
 * with `byte_reg` the register is a byte's, which needs a REX prefix for SPL to DIL. */
static inline void emit_op_mem(struct emit *e, unsigned opcode, unsigned bytes, unsigned reg,
                               struct operand m, bool byte_reg)
{
    unsigned rex = (bytes == 8 ? 8u : 0) | (reg & 8 ? 4u : 0) |
                   (m.index != HOST_NONE && (m.index & 8) ? 2u : 0) |
                   (m.base != HOST_NONE && (m.base & 8) ? 1u : 0);
    if (m.base == HOST_NONE)
        emit8(e, 0x65);
    if (m.low)
        emit8(e, 0x67);
    if (bytes == 2)
        emit8(e, 0x66);
    if (rex || (byte_reg && reg >= 4))
        emit8(e, 0x40 | rex);
    if (opcode > 0xff)
        emit8(e, opcode >> 8);
    emit8(e, opcode);
    emit_modrm(e, reg, m);
}

static inline void emit_op_reg(struct emit *e, unsigned opcode, unsigned bytes, unsigned reg, unsigned rm,
                               bool byte_rm)
{
    unsigned rex = (bytes == 8 ? 8u : 0) | (reg & 8 ? 4u : 0) | (rm & 8 ? 1u : 0);
    if (bytes == 2)
        emit8(e, 0x66);
    if (rex || (byte_rm && rm >= 4))
        emit8(e, 0x40 | rex);
    if (opcode > 0xff)
        emit8(e, opcode >> 8);
    emit8(e, opcode);
    emit8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* ---- moves; `bytes` is 1, 2, 4 or 8 ---- */

static inline void emit_load(struct emit *e, unsigned bytes, host_reg to, struct operand m)
{
    emit_op_mem(e, bytes == 1 ? 0x8a : 0x8b, bytes, to, m, bytes == 1);
}
/* Zero-extended into the whole register. */
static inline void emit_load_zx(struct emit *e, unsigned bytes, host_reg to, struct operand m)
{
    if (bytes < 4)
        emit_op_mem(e, bytes == 1 ? 0x0fb6 : 0x0fb7, 4, to, m, false);
    else
        emit_load(e, bytes, to, m);
}
static inline void emit_store(struct emit *e, unsigned bytes, host_reg from, struct operand m)
{
    emit_op_mem(e, bytes == 1 ? 0x88 : 0x89, bytes, from, m, bytes == 1);
}
static inline void emit_store_imm32(struct emit *e, unsigned bytes, uint32_t imm, struct operand m)
{
    emit_op_mem(e, 0xc7, bytes, 0, m, false);
    emit32(e, imm);
}
static inline void emit_move(struct emit *e, unsigned bytes, host_reg to, host_reg from)
{
    if (to != from || bytes == 4)
        emit_op_reg(e, 0x89, bytes, from, to, false);
}
/* Zero-extends the low 1 or 2 bytes. */
static inline void emit_move_zx(struct emit *e, unsigned bytes, host_reg to, host_reg from)
{
    if (bytes >= 4)
        emit_move(e, bytes, to, from);
    else
        emit_op_reg(e, bytes == 1 ? 0x0fb6 : 0x0fb7, 4, to, from, bytes == 1);
}
/* Always with 8 bytes of constant, at the end of what is written: they may be filled in later. */
static inline void emit_constant64(struct emit *e, host_reg to, uint64_t v)
{
    emit8(e, 0x48 | (to & 8 ? 1u : 0));
    emit8(e, 0xb8 | (to & 7));
    emit64(e, v);
}
static inline void emit_constant(struct emit *e, host_reg to, uint64_t v)
{
    if (v <= UINT32_MAX) {
        if (to & 8)
            emit8(e, 0x41);
        emit8(e, 0xb8 | (to & 7));
        emit32(e, (uint32_t)v);
    } else if ((uint64_t)(int64_t)(int32_t)v == v) {
        emit_op_reg(e, 0xc7, 8, 0, to, false);
        emit32(e, (uint32_t)v);
    } else {
        emit_constant64(e, to, v);
    }
}
/* LEA; `bytes` 2, 4 or 8 is the result's size. Never with state_at(). */
static inline void emit_lea(struct emit *e, unsigned bytes, host_reg to, struct operand m)
{
    emit_op_mem(e, 0x8d, bytes, to, m, false);
}
/* LEA to, [index·scale + disp]: no base. */
static inline void emit_lea_no_base(struct emit *e, unsigned bytes, host_reg to, host_reg index,
                                    unsigned scale, int32_t disp)
{
    unsigned rex = (bytes == 8 ? 8u : 0) | (to & 8 ? 4u : 0) | (index != HOST_NONE && (index & 8) ? 2u : 0);
    if (rex)
        emit8(e, 0x40 | rex);
    emit8(e, 0x8d);
    emit8(e, (to & 7u) << 3 | 4);
    emit8(e, scale_bits(scale) << 6 | (index == HOST_NONE ? 4u : index & 7u) << 3 | 5);
    emit32(e, (uint32_t)disp);
}

/* MOV to, 0 of the low 16 bits. */
static inline void emit_clear_low16(struct emit *e, host_reg to)
{
    emit8(e, 0x66);
    if (to & 8)
        emit8(e, 0x41);
    emit8(e, 0xb8 | (to & 7));
    emit8(e, 0);
    emit8(e, 0);
}
/* PREFETCHW: a NOP where the CPU does not know it. */
static inline void emit_prefetch_write(struct emit *e, struct operand m)
{
    emit_op_mem(e, 0x0f0d, 4, 1, m, false);
}

/* ---- BMI2 (SDM Vol. 2C, VEX prefix) ---- */

/* RORX to, from, count: rotates right. */
static inline void emit_rorx(struct emit *e, unsigned bytes, host_reg to, host_reg from, unsigned count)
{
    emit8(e, 0xc4);
    emit8(e, (to & 8 ? 0 : 0x80u) | 0x40 | (from & 8 ? 0 : 0x20u) | 3);
    emit8(e, (bytes == 8 ? 0x80u : 0) | 0x78 | 3);
    emit8(e, 0xf0);
    emit8(e, 0xc0 | (to & 7) << 3 | (from & 7));
    emit8(e, count);
}
/* PEXT to, from, mask: the bits of `from` that the mask names, packed. 64 bits; the mask is in the state. */
static inline void emit_pext(struct emit *e, host_reg to, host_reg from, struct operand mask)
{
    emit8(e, 0x65);
    emit8(e, 0xc4);
    emit8(e, (to & 8 ? 0 : 0x80u) | 0x40 | 0x20 | 2);
    emit8(e, 0x80 | (~from & 15u) << 3 | 2);
    emit8(e, 0xf5);
    emit_modrm(e, to, mask);
}

/* ---- jumps ---- */

enum condition { CC_O, CC_NO, CC_B, CC_AE, CC_Z, CC_NZ, CC_BE, CC_A };

/* Points the 32-bit displacement at `place` to `target`. */
static inline void emit_patch(uint8_t *place, const uint8_t *target)
{
    int32_t d = (int32_t)(target - (place + 4));
    memcpy(place, &d, 4);
}
/* Each returns the place of the displacement for emit_patch(). */
static inline uint8_t *emit_jmp(struct emit *e, const uint8_t *target)
{
    emit8(e, 0xe9);
    emit32(e, 0);
    if (!e->full)
        emit_patch(e->p - 4, target ? target : e->p);
    return e->p - 4;
}
static inline uint8_t *emit_jcc(struct emit *e, unsigned cc, const uint8_t *target)
{
    emit8(e, 0x0f);
    emit8(e, 0x80 | cc);
    emit32(e, 0);
    if (!e->full)
        emit_patch(e->p - 4, target ? target : e->p);
    return e->p - 4;
}
/* JRCXZ, or JECXZ with `bytes` 4: 8-bit displacement, to be set with emit_here(). */
static inline uint8_t *emit_jrcxz(struct emit *e, unsigned bytes)
{
    if (bytes == 4)
        emit8(e, 0x67);
    emit8(e, 0xe3);
    emit8(e, 0);
    return e->p - 1;
}
static inline void emit_here(struct emit *e, uint8_t *short_place)
{
    if (!e->full)
        *short_place = (uint8_t)(e->p - (short_place + 1));
}
static inline void emit_jmp_mem(struct emit *e, struct operand m)
{
    emit_op_mem(e, 0xff, 4, 4, m, false);
}

/* ---- reads the flags ---- */

static inline void emit_lahf(struct emit *e)
{
    emit8(e, 0x9f);
}
/* SETcc of the low byte of RAX to RBX. */
static inline void emit_setcc(struct emit *e, unsigned cc, host_reg to)
{
    emit8(e, 0x0f);
    emit8(e, 0x90 | cc);
    emit8(e, 0xc0 | to);
}

/* ---- changes the flags ---- */

static inline void emit_add_mem(struct emit *e, unsigned bytes, host_reg to, struct operand m)
{
    emit_op_mem(e, 0x03, bytes, to, m, false);
}
static inline void emit_sub_mem(struct emit *e, unsigned bytes, host_reg to, struct operand m)
{
    emit_op_mem(e, 0x2b, bytes, to, m, false);
}
static inline void emit_cmp_imm32(struct emit *e, unsigned bytes, host_reg r, int32_t imm)
{
    emit_op_reg(e, 0x81, bytes, 7, r, false);
    emit32(e, (uint32_t)imm);
}

#endif
