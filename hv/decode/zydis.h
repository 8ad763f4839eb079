/* The decoder library, with what it gets wrong put right. */
#ifndef ENGRAM_DECODE_ZYDIS_H
#define ENGRAM_DECODE_ZYDIS_H

#include "decode/insn.h"

#include <Zydis/Zydis.h>

enum zydis_result {
    ZYDIS_DECODED,
    ZYDIS_NO_INSTRUCTION,
    ZYDIS_NEEDS_MORE, /* bytes than there are */
    ZYDIS_TOO_LONG,   /* more than 15 bytes: #GP and not #UD (SDM Vol. 2A, 2.3.11) */
};

enum zydis_result zydis_decode(ZydisDecodedInstruction *z, ZydisDecodedOperand *operands,
                               const uint8_t *bytes, size_t available, enum code_size size);

/* True, and *l filled in, if the memory operand is made of elements that a mask selects. In lanes.c. */
bool lanes_describe(struct insn_lanes *l, const ZydisDecodedInstruction *z,
                    const ZydisDecodedOperand *operands);

#endif
