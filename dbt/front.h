/* Guest instructions as the translator sees them. */
#ifndef ENGRAM_DBT_FRONT_H
#define ENGRAM_DBT_FRONT_H

#include "dbt/dbt.h"
#include "decode/insn.h"

#include <Zydis/Zydis.h>

enum guest_class {
    G_COPY, /* as it is, with registers and memory operand replaced where needed */
    G_NOP,
    G_LEA,
    G_JCC,
    G_LOOP, /* LOOPcc, JCXZ */
    G_JMP,
    G_JMP_INDIRECT,
    G_CALL,
    G_CALL_INDIRECT,
    G_RET,
    G_PUSH,
    G_POP,
    G_LEAVE,
    G_STRING,
    G_SLOW,   /* always by the slow path: its address is not one that the probe can compute */
    G_UD,     /* UD0, UD1, UD2 */
    G_DF,     /* CLD, STD */
    G_SYSTEM, /* C code executes it */
    G_UNSUPPORTED,
};

struct guest_insn {
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    uint8_t bytes[INSN_BYTES_MAX];
    uint64_t ip;
    uint8_t class; /* enum guest_class */
    int8_t memory; /* index of the explicit memory operand, -1: none */
    bool ends_block;
    bool can_fault; /* other than by its memory operand */
    bool divides;
    bool touches_memory;
    bool writes_code; /* by a CS override, outside 64-bit mode: #GP in protected mode */
    uint32_t flags_read, flags_killed;
    bool flags_mixed; /* behind the instruction some are its own, others older */
    bool flags_dead;  /* before the instruction: nothing that follows in the block reads them, … */
    bool flags_shown; /* … but a fault, before they are set anew, would show them */
};

/* Decodes and classifies; false: no instruction (or fewer bytes than it needs). */
bool front_decode(struct guest_insn *g, const uint8_t *bytes, size_t available, uint64_t ip,
                  enum code_size size);

/* Backwards over the block. `exposed`: accesses to memory may fault. */
void front_liveness(struct guest_insn *g, unsigned count, bool exposed);

/* True if the memory operand has to be aligned to its size (SDM Vol. 2A, 2.4: exceptions by class; not of SHA
 * instructions, of which processors differ). */
bool front_wants_alignment(const struct guest_insn *g);

/* Number of a general-purpose register of any size (AH is 0 as AL is), or HOST_NONE. */
host_reg front_gpr(ZydisRegister r);
static inline bool front_is_high_byte(ZydisRegister r)
{
    return r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH;
}

/* True if the instruction reads or writes the register, whatever the size; explicit and implicit. */
bool front_uses_gpr(const struct guest_insn *g, host_reg r);
bool front_writes_gpr(const struct guest_insn *g, host_reg r);

#endif
