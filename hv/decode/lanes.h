/*
 * Instructions whose operand in memory is made of elements that a mask selects: masked moves, AVX-512 with an
 * opmask, gathers and scatters, compressing stores and expanding loads. Each selected element is one access.
 */
#ifndef ENGRAM_DECODE_LANES_H
#define ENGRAM_DECODE_LANES_H

#include "types.h"

enum lanes_kind {
    LANES_NONE,
    LANES_MASKED,  /* elements in a row; each is used by the mask's bits that are congruent to it */
    LANES_PACKED,  /* as many elements in a row as the mask has bits set: VCOMPRESSx, VEXPANDx */
    LANES_INDEXED, /* each at an address of its own: gathers and scatters */
};

enum lanes_mask {
    LANES_BY_OPMASK,
    LANES_BY_SIGNS,     /* the top bit of each element of a vector register */
    LANES_BY_MMX_SIGNS, /* the same of an MMX register */
};

struct insn_lanes {
    uint8_t kind;               /* enum lanes_kind */
    uint8_t by;                 /* enum lanes_mask */
    uint8_t mask;               /* number of the mask register */
    uint8_t bits;               /* of the mask that count */
    uint8_t elements, bytes;    /* in memory: how many there can be, and of what size */
    uint8_t data;               /* number of the register that is stored or loaded */
    uint8_t index, index_bytes; /* register with the indices, and their size */
    bool all_checked;           /* a fault of an element that is not selected counts all the same */
};

/* What the registers of `struct vcpu` do not hold. */
struct insn_environment {
    /* Vector register `number` as 64 bytes. */
    void (*vector_register)(unsigned number, bool mmx, uint8_t *bytes);
    uint64_t (*opmask)(unsigned number);
    /* State components in use (XINUSE), and where they lie: for the XSAVE family. */
    uint64_t (*components_in_use)(void);
    const struct xsave_layout *layout;
    /* Memory, for XRSTOR. False: it is not there. */
    bool (*read)(gva_t from, void *to, size_t bytes);
};

/* The elements that the mask selects, bit n for element n. */
uint64_t lanes_selected(const struct insn_lanes *l, const struct insn_environment *env);

/* What is added to the operand's effective address for element `n`: its place in the row, or its index times
 * `scale`; `indices` holds the index register. */
static inline uint64_t lanes_offset(const struct insn_lanes *l, const uint8_t *indices, unsigned scale,
                                    unsigned n)
{
    if (l->kind != LANES_INDEXED)
        return (uint64_t)n * l->bytes;
    if (l->index_bytes == 4) {
        int32_t v;
        __builtin_memcpy(&v, indices + 4 * n, 4);
        return (uint64_t)((int64_t)v * (int64_t)scale);
    }
    int64_t v;
    __builtin_memcpy(&v, indices + 8 * n, 8);
    return (uint64_t)v * scale;
}

#endif
