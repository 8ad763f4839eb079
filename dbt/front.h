/* Guest instructions as the translator sees them. */
#ifndef ENGRAM_DBT_FRONT_H
#define ENGRAM_DBT_FRONT_H

#include "dbt/dbt.h"
#include "decode/zydis.h"

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
    G_LANES,  /* its operand is made of elements that a mask selects (lanes.c) */
    G_UD,     /* raises #UD, as on a processor that does not know it */
    G_NM,     /* raises #NM, as the mode is */
    G_DF,     /* CLD, STD */
    G_SYSTEM, /* C code executes it */
    G_UNSUPPORTED,
};

/* What has to be switched on for an instruction (SDM Vol. 3A, 2.5 and 13.1; Vol. 2A, 2.4 to 2.8). */
enum feature {
    FEATURE_NONE,
    FEATURE_X87,
    FEATURE_WAIT,
    FEATURE_MMX,
    FEATURE_SSE,
    FEATURE_VEX,
    FEATURE_AVX,
    FEATURE_AVX512
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
    uint8_t feature; /* enum feature */
    bool touches_memory;
    bool writes_code; /* by a CS override, outside 64-bit mode: #GP in protected mode */
    uint32_t flags_read, flags_killed;
    bool flags_mixed; /* behind the instruction some are its own, others older */
    bool flags_dead;  /* before the instruction: nothing that follows in the block reads them, … */
    bool flags_shown; /* … but a fault, before they are set anew, would show them */
};

/* Decodes and classifies, as the mode has it. */
enum zydis_result front_decode(struct guest_insn *g, const uint8_t *bytes, size_t available, uint64_t ip,
                               uint64_t mode);

/* Backwards over the block. `exposed`: accesses to memory may fault. */
void front_liveness(struct guest_insn *g, unsigned count, bool exposed);

/* Bytes that a near RET gives back beyond the return address. */
unsigned front_released(const struct guest_insn *g);

/* It raises an x87 exception that is pending, before it does anything else. */
bool front_waits(const struct guest_insn *g);

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
