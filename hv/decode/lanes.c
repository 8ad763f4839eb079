/*
 * Which instructions have their operand in memory by lanes.
 *
 * With an opmask the exception class says whether elements that are not selected
 * are left alone (SDM Vol. 2A, 2.8: classes without NF): an instruction of an NF
 * class reads its whole operand whatever the mask. Zydis 4.0.0 has the class wrong of
 * four, which processors treat as the SDM says.
 */
#include "decode/zydis.h"

#include <string.h>

static bool reads_all(const ZydisDecodedInstruction *z)
{
    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_VCVTNE2PS2BF16:
    case ZYDIS_MNEMONIC_VDBPSADBW:
    case ZYDIS_MNEMONIC_VGF2P8AFFINEQB:
    case ZYDIS_MNEMONIC_VGF2P8AFFINEINVQB:
        return true;
    default:
        break;
    }
    switch (z->meta.exception_class) {
    case ZYDIS_EXCEPTION_CLASS_E1NF:
    case ZYDIS_EXCEPTION_CLASS_E2NF:
    case ZYDIS_EXCEPTION_CLASS_E3NF:
    case ZYDIS_EXCEPTION_CLASS_E4NF:
    case ZYDIS_EXCEPTION_CLASS_E5NF:
    case ZYDIS_EXCEPTION_CLASS_E6NF:
    case ZYDIS_EXCEPTION_CLASS_E9NF:
    case ZYDIS_EXCEPTION_CLASS_E10NF:
    case ZYDIS_EXCEPTION_CLASS_E11NF:
        return true;
    default:
        return false;
    }
}

static uint8_t register_number(const ZydisDecodedOperand *o)
{
    return (uint8_t)ZydisRegisterGetId(o->reg.value);
}

/* MASKMOVx: elements of a byte, at rDI. VMASKMOVx, VPMASKMOVx: memory, mask and data, or data, mask and
 * memory. */
static struct insn_lanes vector_masked(const ZydisDecodedOperand *memory, const ZydisDecodedOperand *mask,
                                       const ZydisDecodedOperand *data, unsigned bytes)
{
    bool mmx = ZydisRegisterGetClass(mask->reg.value) == ZYDIS_REGCLASS_MMX;
    unsigned elements = memory->size / 8u / bytes;
    return (struct insn_lanes){.kind = LANES_MASKED,
                               .by = mmx ? LANES_BY_MMX_SIGNS : LANES_BY_SIGNS,
                               .mask = register_number(mask),
                               .bits = (uint8_t)elements,
                               .elements = (uint8_t)elements,
                               .bytes = (uint8_t)bytes,
                               .data = register_number(data)};
}

/* The sizes of index and data are in the name: D or Q, then D, Q, PS or PD. */
static bool indexed_sizes(ZydisMnemonic m, unsigned *index, unsigned *data)
{
    switch (m) {
    case ZYDIS_MNEMONIC_VPGATHERDD:
    case ZYDIS_MNEMONIC_VGATHERDPS:
    case ZYDIS_MNEMONIC_VPSCATTERDD:
    case ZYDIS_MNEMONIC_VSCATTERDPS:
        *index = *data = 4;
        return true;
    case ZYDIS_MNEMONIC_VPGATHERDQ:
    case ZYDIS_MNEMONIC_VGATHERDPD:
    case ZYDIS_MNEMONIC_VPSCATTERDQ:
    case ZYDIS_MNEMONIC_VSCATTERDPD:
        *index = 4;
        *data = 8;
        return true;
    case ZYDIS_MNEMONIC_VPGATHERQD:
    case ZYDIS_MNEMONIC_VGATHERQPS:
    case ZYDIS_MNEMONIC_VPSCATTERQD:
    case ZYDIS_MNEMONIC_VSCATTERQPS:
        *index = 8;
        *data = 4;
        return true;
    case ZYDIS_MNEMONIC_VPGATHERQQ:
    case ZYDIS_MNEMONIC_VGATHERQPD:
    case ZYDIS_MNEMONIC_VPSCATTERQQ:
    case ZYDIS_MNEMONIC_VSCATTERQPD:
        *index = *data = 8;
        return true;
    default:
        return false;
    }
}

static bool describe_indexed(struct insn_lanes *l, const ZydisDecodedInstruction *z,
                             const ZydisDecodedOperand *o, unsigned memory)
{
    unsigned index, data, wider;
    if (!indexed_sizes(z->mnemonic, &index, &data))
        return false; /* prefetches */
    wider = index > data ? index : data;
    unsigned count = z->avx.vector_length / 8u / wider;
    bool vex = z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX, scatter = memory == 0;
    *l = (struct insn_lanes){.kind = LANES_INDEXED,
                             .by = vex ? LANES_BY_SIGNS : LANES_BY_OPMASK,
                             .mask =
                                 vex ? register_number(&o[2]) : (uint8_t)ZydisRegisterGetId(z->avx.mask.reg),
                             .bits = (uint8_t)count,
                             .elements = (uint8_t)count,
                             .bytes = (uint8_t)data,
                             .data = register_number(&o[scatter ? 2 : 0]),
                             .index = (uint8_t)ZydisRegisterGetId(o[memory].mem.index),
                             .index_bytes = (uint8_t)index};
    return true;
}

/* How many elements of the destination come of one in memory, and the other way round. */
static unsigned broadcast_lanes(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o,
                                unsigned elements)
{
    switch (z->avx.broadcast.mode) {
    case ZYDIS_BROADCAST_MODE_INVALID:
        return elements;
    case ZYDIS_BROADCAST_MODE_1_TO_2:
        return 2;
    case ZYDIS_BROADCAST_MODE_1_TO_4:
        return 4;
    case ZYDIS_BROADCAST_MODE_1_TO_8:
        return 8;
    case ZYDIS_BROADCAST_MODE_1_TO_16:
        return 16;
    case ZYDIS_BROADCAST_MODE_1_TO_32:
        return 32;
    case ZYDIS_BROADCAST_MODE_1_TO_64:
        return 64;
    default:
        return o[0].size / o[0].element_size;
    }
}

static bool describe_opmasked(struct insn_lanes *l, const ZydisDecodedInstruction *z,
                              const ZydisDecodedOperand *o, unsigned memory)
{
    const ZydisDecodedOperand *m = &o[memory];
    bool store = m->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE, all = reads_all(z);
    if (m->element_count == 0 || m->element_size < 8 || m->size % 8 || (all && !store))
        return false;
    bool packed = z->meta.category == ZYDIS_CATEGORY_COMPRESS || z->meta.category == ZYDIS_CATEGORY_EXPAND;
    *l = (struct insn_lanes){.kind = packed ? LANES_PACKED : LANES_MASKED,
                             .by = LANES_BY_OPMASK,
                             .mask = (uint8_t)ZydisRegisterGetId(z->avx.mask.reg),
                             .bits = (uint8_t)broadcast_lanes(z, o, m->element_count),
                             .elements = (uint8_t)m->element_count,
                             .bytes = (uint8_t)(m->element_size / 8),
                             .all_checked = all};
    return true;
}

static int memory_operand(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
    for (unsigned i = 0; i < z->operand_count; i++)
        if (o[i].type == ZYDIS_OPERAND_TYPE_MEMORY && o[i].mem.type != ZYDIS_MEMOP_TYPE_AGEN)
            return (int)i;
    return -1;
}

bool lanes_describe(struct insn_lanes *l, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
    int memory = memory_operand(z, o);
    l->kind = LANES_NONE;
    if (memory < 0)
        return false;
    switch (z->mnemonic) {
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
        *l = vector_masked(&o[memory], &o[1], &o[0], 1);
        return true;
    case ZYDIS_MNEMONIC_VMASKMOVPS:
    case ZYDIS_MNEMONIC_VPMASKMOVD:
        *l = vector_masked(&o[memory], &o[1], &o[memory == 0 ? 2 : 0], 4);
        return true;
    case ZYDIS_MNEMONIC_VMASKMOVPD:
    case ZYDIS_MNEMONIC_VPMASKMOVQ:
        *l = vector_masked(&o[memory], &o[1], &o[memory == 0 ? 2 : 0], 8);
        return true;
    default:
        break;
    }
    if (o[memory].mem.type == ZYDIS_MEMOP_TYPE_VSIB)
        return describe_indexed(l, z, o, (unsigned)memory);
    if (z->avx.mask.mode <= ZYDIS_MASK_MODE_DISABLED || z->encoding != ZYDIS_INSTRUCTION_ENCODING_EVEX)
        return false;
    return describe_opmasked(l, z, o, (unsigned)memory);
}

/* ---- the mask ---- */

static uint64_t mask_bits(const struct insn_lanes *l, const struct insn_environment *env)
{
    uint64_t all = l->bits >= 64 ? ~0ull : (1ull << l->bits) - 1, mask = 0;
    uint8_t vector[64];
    if (l->by == LANES_BY_OPMASK)
        return env->opmask(l->mask) & all;
    env->vector_register(l->mask, l->by == LANES_BY_MMX_SIGNS, vector);
    for (unsigned n = 0; n < l->bits; n++)
        mask |= (uint64_t)(vector[(n + 1) * l->bytes - 1] >> 7) << n;
    return mask;
}

uint64_t lanes_selected(const struct insn_lanes *l, const struct insn_environment *env)
{
    uint64_t mask = mask_bits(l, env), selected = 0;
    if (l->kind == LANES_PACKED) {
        unsigned count = 0;
        for (; mask; mask &= mask - 1)
            count++;
        return count >= 64 ? ~0ull : (1ull << count) - 1;
    }
    for (unsigned n = 0; n < l->bits; n++)
        if (mask >> n & 1)
            selected |= 1ull << n % l->elements;
    return selected;
}
