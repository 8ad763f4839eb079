/*
 * Errors of Zydis 4.0.0 that are worked around here:
 * - F3 90 with REX.B is XCHG of R8 and rAX, not PAUSE.
 * - With 32-bit addresses in 64-bit mode, a SIB byte whose base is R13 means no base where mod is 0, as with
 *   RBP (SDM Vol. 2A, table 2-3).
 */
#include "decode/zydis.h"

#include <string.h>

static enum zydis_result result_of(ZyanStatus status)
{
    if (ZYAN_SUCCESS(status))
        return ZYDIS_DECODED;
    switch (status) {
    case ZYDIS_STATUS_NO_MORE_DATA:
        return ZYDIS_NEEDS_MORE;
    case ZYDIS_STATUS_INSTRUCTION_TOO_LONG:
        return ZYDIS_TOO_LONG;
    default:
        return ZYDIS_NO_INSTRUCTION;
    }
}

/* Without F3 it is read right: a segment override in its place means nothing. */
static enum zydis_result decode_xchg_r8(const ZydisDecoder *decoder, ZydisDecodedInstruction *z,
                                        ZydisDecodedOperand *operands, const uint8_t *bytes)
{
    uint8_t copy[INSN_BYTES_MAX];
    unsigned length = z->length;
    memcpy(copy, bytes, length);
    for (unsigned i = 0; i + 1 < length; i++)
        if (copy[i] == 0xf3)
            copy[i] = 0x3e;
    return result_of(ZydisDecoderDecodeFull(decoder, copy, length, z, operands));
}

#define SIB_NO_BASE 5u
static void correct_base(const ZydisDecodedInstruction *z, ZydisDecodedOperand *operands)
{
    if (z->address_width != 32 || !(z->attributes & ZYDIS_ATTRIB_HAS_SIB) || z->raw.modrm.mod != 0 ||
        z->raw.sib.base != SIB_NO_BASE)
        return;
    for (unsigned i = 0; i < z->operand_count; i++) {
        ZydisDecodedOperand *o = &operands[i];
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.base != ZYDIS_REGISTER_R13D)
            continue;
        o->mem.base = ZYDIS_REGISTER_NONE;
        o->mem.disp.has_displacement = ZYAN_TRUE;
        o->mem.disp.value = z->raw.disp.value;
    }
}

enum zydis_result zydis_decode(ZydisDecodedInstruction *z, ZydisDecodedOperand *operands,
                               const uint8_t *bytes, size_t available, enum code_size size)
{
    static const ZydisMachineMode modes[] = {
        [CODE_16] = ZYDIS_MACHINE_MODE_LONG_COMPAT_16,
        [CODE_32] = ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
        [CODE_64] = ZYDIS_MACHINE_MODE_LONG_64,
    };
    static const ZydisStackWidth widths[] = {
        [CODE_16] = ZYDIS_STACK_WIDTH_16, [CODE_32] = ZYDIS_STACK_WIDTH_32, [CODE_64] = ZYDIS_STACK_WIDTH_64};
    ZydisDecoder decoder;

    if (ZYAN_FAILED(ZydisDecoderInit(&decoder, modes[size], widths[size])))
        return ZYDIS_NO_INSTRUCTION;
    /* No guest has them (hv/cpuid.c): what they are made of are NOPs, or no instructions. */
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
    enum zydis_result result = result_of(ZydisDecoderDecodeFull(&decoder, bytes, available, z, operands));
    if (result == ZYDIS_DECODED && z->mnemonic == ZYDIS_MNEMONIC_PAUSE &&
        (z->attributes & ZYDIS_ATTRIB_HAS_REX) && z->raw.rex.B)
        result = decode_xchg_r8(&decoder, z, operands, bytes);
    if (result == ZYDIS_DECODED)
        correct_base(z, operands);
    return result;
}
