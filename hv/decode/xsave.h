/*
 * Which bytes the instructions of the XSAVE family write and read (SDM Vol. 1, chapter 13), as ranges of the
 * area. For both engines.
 */
#ifndef ENGRAM_DECODE_XSAVE_H
#define ENGRAM_DECODE_XSAVE_H

#include "x86/cpu.h"

#include <stdbool.h>
#include <stdint.h>

#define XSAVE_LEGACY_BYTES 512u
#define XSAVE_HEADER_BYTES 64u
#define XSAVE_FIXED_BYTES (XSAVE_LEGACY_BYTES + XSAVE_HEADER_BYTES)
#define XSAVE_STATE_BV 512u /* offsets in the area */
#define XSAVE_COMP_BV 520u
#define XCOMP_BV_COMPACTED (1ull << 63)
#define XSAVE_COMPONENTS 19u /* those that a guest can have are among these */
#define XSAVE_BYTES_MAX 4096u

/* Where the components lie: CPUID.0DH. */
struct xsave_layout {
    uint16_t offset[XSAVE_COMPONENTS], size[XSAVE_COMPONENTS];
    uint32_t aligned; /* in the compacted format, to 64 bytes */
};
void xsave_layout_read(struct xsave_layout *l, struct cpuid (*machine)(uint32_t leaf, uint32_t subleaf));

enum xsave_form {
    XSAVE_STANDARD,  /* XSAVE */
    XSAVE_OPTIMIZED, /* XSAVEOPT */
    XSAVE_COMPACTED, /* XSAVEC, XSAVES */
};

struct xsave_range {
    uint16_t offset, size;
};
#define XSAVE_RANGES_MAX (XSAVE_COMPONENTS + 4u)

/*
 * What a save writes, in ascending order: of the legacy area runs of bytes, the header, each component on its
 * own. `requested`: RFBM; `saved`: those of them whose bit in XSTATE_BV is set, that is those in use.
 * `code_64`: outside 64-bit mode the upper half of the registers is left out.
 */
unsigned xsave_written(const struct xsave_layout *l, enum xsave_form form, uint64_t requested, uint64_t saved,
                       bool code_64, struct xsave_range *ranges);

/* What XRSTOR and XRSTORS read besides the header. `xcomp_bv`: 0 for the standard format. */
unsigned xsave_read(const struct xsave_layout *l, uint64_t requested, uint64_t xstate_bv, uint64_t xcomp_bv,
                    bool code_64, struct xsave_range *ranges);

/* The offset of component `n` (2 and up), and the size of an area that holds `components`. */
uint32_t xsave_offset(const struct xsave_layout *l, uint64_t xcomp_bv, unsigned n);
uint32_t xsave_size(const struct xsave_layout *l, uint64_t components, bool compacted);

/* What FXSAVE and FXRSTOR touch, from the area's start. */
static inline unsigned fxsave_bytes(bool code_64)
{
    return code_64 ? 416 : 288;
}

#endif
