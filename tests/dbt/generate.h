/* Random sequences of 64- or 32-bit instructions that neither fault nor leave the data. */
#ifndef ENGRAM_TESTS_DBT_GENERATE_H
#define ENGRAM_TESTS_DBT_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_AT 0x100000ull
#define CODE_BYTES 0x2000u
#define DATA_AT 0x110000ull
#define DATA_BYTES 0x3000u
#define STACK_AT (DATA_AT + DATA_BYTES - 256)
#define SEQUENCE_MAX 40u

struct sequence {
    uint8_t code[CODE_BYTES];
    size_t bytes;
    /* Where each instruction begins, with the moves that set up its address. */
    uint16_t start[SEQUENCE_MAX + 1];
    unsigned count;
};

uint64_t random_next(uint64_t *state);
/* A value that is often 0, a power of two, all ones or near one of these. */
uint64_t random_value(uint64_t *state);
void generate(struct sequence *s, uint64_t *state, unsigned instructions, bool long_mode);

#endif
