/* Random sequences of instructions. */
#ifndef ENGRAM_TESTS_DBT_GENERATE_H
#define ENGRAM_TESTS_DBT_GENERATE_H

#include "pair.h"

#define ITEMS_MAX 40u
#define ITEM_BYTES 96u

/* A field of an item's code that depends on where things lie. */
enum fix_kind {
    FIX_NONE,
    FIX_ITEM,          /* displacement to an item */
    FIX_ITEM_ABSOLUTE, /* an item's instruction pointer */
    FIX_ADDRESS,       /* displacement to a linear address */
};
struct fix {
    uint8_t kind;  /* enum fix_kind */
    uint8_t at;    /* offset of the field in the item */
    uint8_t bytes; /* of the field */
    uint8_t end;   /* offset of the end of its instruction */
    uint8_t item;
    uint64_t address;
};

/* An instruction with the moves before it that set up its operands, or a few instructions that belong
 * together. */
struct item {
    uint8_t bytes[ITEM_BYTES];
    uint8_t length;
    struct fix fix;
};

struct sequence {
    struct item item[ITEMS_MAX];
    unsigned count;
    uint32_t start; /* offset of its code in the window */
};

uint64_t random_next(uint64_t *state);
/* A value that is often 0, a power of two, all ones or near one of these. */
uint64_t random_value(uint64_t *state);
/* For the world as it is. */
void generate(struct sequence *s, uint64_t *state);

/* The code; false: a displacement does not fit. start[i] is where item i lies, start[count] the end. */
bool sequence_layout(const struct sequence *s, struct code *code, uint32_t *start);
/* Takes an item out; branches to it go to the next. */
void sequence_remove(struct sequence *s, unsigned i);

#endif
