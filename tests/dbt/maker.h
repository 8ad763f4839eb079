/* An item under construction. */
#ifndef ENGRAM_TESTS_DBT_MAKER_H
#define ENGRAM_TESTS_DBT_MAKER_H

#include "generate.h"

#include "decode/zydis.h"

struct maker {
    uint64_t *random;
    struct item item;
    unsigned index, count; /* of the item in its sequence */
    bool failed;           /* does not fit, or cannot be made: try something else */
};

static inline uint64_t any(struct maker *m)
{
    return random_next(m->random);
}
static inline bool one_in(struct maker *m, unsigned n)
{
    return any(m) % n == 0;
}
void put(struct maker *m, const void *bytes, unsigned n);
static inline void put8(struct maker *m, unsigned v)
{
    put(m, &(uint8_t){(uint8_t)v}, 1);
}
static inline void put_value(struct maker *m, uint64_t v, unsigned bytes)
{
    put(m, &v, bytes);
}
/* MOV register, value: as wide as registers are. */
void put_mov(struct maker *m, unsigned reg, uint64_t value);
/* The same for an instruction pointer of an item. */
void put_mov_item(struct maker *m, unsigned reg, unsigned item);
/* Any register but RSP. */
unsigned any_register(struct maker *m);
/* A linear address in the data for an operand of `bytes`; seldom one where it faults. */
uint64_t any_place(struct maker *m, unsigned bytes);
static inline unsigned register_bytes(void)
{
    return world.size == CODE_64 ? 8 : world.size == CODE_32 ? 4 : 2;
}
/* Offset in a segment of a linear address. */
static inline uint64_t offset_in(unsigned segment, uint64_t linear)
{
    return linear - world_segment[segment].base;
}

/* ---- operands.c ---- */
struct decoded {
    ZydisDecodedInstruction z;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};
bool decode(struct decoded *d, const uint8_t *bytes, unsigned available);
/* Number of a general-purpose register of any size, or NO_REGISTER. */
unsigned gpr_of(ZydisRegister r);
/* Puts the instruction (padded to 15 bytes) behind moves that set up its operands. False: not one to use. */
bool put_instruction(struct maker *m, uint8_t *bytes);

/* ---- encode.c: bytes of one instruction, with random operands; each returns how many ---- */
typedef unsigned encoder(struct maker *m, uint8_t *to);
encoder encode_integer, encode_legacy_vector, encode_vex, encode_evex, encode_x87, encode_any_bytes;

#endif
