#include "decode/xsave.h"

#define COMPONENT_X87 (1ull << 0)
#define COMPONENT_SSE (1ull << 1)
#define COMPONENT_AVX (1ull << 2)
#define COMPONENT_FIRST 2u
#define HALVES_OF_64                                                                                         \
    ((1ull << 2) | (1ull << 6)) /* YMM and ZMM_Hi256: registers 8 to 15 in 64-bit mode only */
#define ONLY_64 (1ull << 7)     /* Hi16_ZMM */
#define COMPACTED_ALIGNMENT 64u

/* Of the legacy area: FCW to FDP, MXCSR and its mask, ST0 to ST7, XMM registers (table 10-2). */
#define X87_HEAD_END 24u
#define MXCSR_OFFSET 24u
#define MXCSR_BYTES 8u
#define ST_OFFSET 32u
#define ST_BYTES 128u
#define XMM_OFFSET 160u
#define XMM_BYTES_64 256u
#define XMM_BYTES_32 128u
#define STATE_BV_BYTES 8u
#define STATE_AND_COMP_BV_BYTES 16u

void xsave_layout_read(struct xsave_layout *l, struct cpuid (*machine)(uint32_t leaf, uint32_t subleaf))
{
    *l = (struct xsave_layout){.aligned = 0};
    struct cpuid main = machine(0xd, 0);
    uint64_t all = (uint64_t)main.edx << 32 | main.eax;
    for (unsigned n = COMPONENT_FIRST; n < XSAVE_COMPONENTS; n++) {
        if (!(all >> n & 1))
            continue;
        struct cpuid c = machine(0xd, n);
        l->size[n] = (uint16_t)c.eax;
        l->offset[n] = (uint16_t)c.ebx;
        l->aligned |= (c.ecx & 2) ? 1u << n : 0;
    }
}

uint32_t xsave_offset(const struct xsave_layout *l, uint64_t xcomp_bv, unsigned n)
{
    uint32_t at = XSAVE_FIXED_BYTES;
    if (!(xcomp_bv & XCOMP_BV_COMPACTED))
        return l->offset[n];
    for (unsigned k = COMPONENT_FIRST; k <= n; k++) {
        if (!(xcomp_bv >> k & 1))
            continue;
        if (l->aligned >> k & 1)
            at = (at + COMPACTED_ALIGNMENT - 1) & ~(COMPACTED_ALIGNMENT - 1);
        if (k == n)
            break;
        at += l->size[k];
    }
    return at;
}

uint32_t xsave_size(const struct xsave_layout *l, uint64_t components, bool compacted)
{
    uint32_t bytes = XSAVE_FIXED_BYTES;
    for (unsigned n = COMPONENT_FIRST; n < XSAVE_COMPONENTS; n++) {
        if (!(components >> n & 1))
            continue;
        uint32_t end = xsave_offset(l, compacted ? components | XCOMP_BV_COMPACTED : 0, n) + l->size[n];
        if (end > bytes)
            bytes = end;
    }
    return bytes;
}

/* ---- ranges ---- */

struct list {
    struct xsave_range *range;
    unsigned count;
};

static void add(struct list *l, uint32_t offset, uint32_t size)
{
    if (size)
        l->range[l->count++] = (struct xsave_range){(uint16_t)offset, (uint16_t)size};
}

/* Of the legacy area, whose parts touch each other. */
static void add_part(struct list *l, uint32_t offset, uint32_t size)
{
    struct xsave_range *last = l->count ? &l->range[l->count - 1] : 0;
    if (last && (uint32_t)(last->offset + last->size) == offset)
        last->size = (uint16_t)(last->size + size);
    else
        add(l, offset, size);
}

static void add_legacy(struct list *l, bool x87, bool mxcsr, bool xmm, bool code_64)
{
    if (x87)
        add_part(l, 0, X87_HEAD_END);
    if (mxcsr)
        add_part(l, MXCSR_OFFSET, MXCSR_BYTES);
    if (x87)
        add_part(l, ST_OFFSET, ST_BYTES);
    if (xmm)
        add_part(l, XMM_OFFSET, code_64 ? XMM_BYTES_64 : XMM_BYTES_32);
}

/* In the order of their offsets, which in the standard format need not be that of their numbers. */
static void add_extended(struct list *list, const struct xsave_layout *l, uint64_t components,
                         uint64_t xcomp_bv, bool code_64)
{
    uint32_t done = 0;
    for (;;) {
        unsigned next = XSAVE_COMPONENTS;
        uint32_t lowest = UINT32_MAX;
        for (unsigned n = COMPONENT_FIRST; n < XSAVE_COMPONENTS; n++) {
            uint32_t at = xsave_offset(l, xcomp_bv, n);
            if ((components >> n & 1) && at >= done && at < lowest) {
                lowest = at;
                next = n;
            }
        }
        if (next == XSAVE_COMPONENTS)
            return;
        uint32_t size = l->size[next];
        if (!code_64 && (HALVES_OF_64 >> next & 1))
            size /= 2;
        if (!code_64 && (ONLY_64 >> next & 1))
            size = 0;
        add(list, lowest, size);
        done = lowest + 1;
    }
}

unsigned xsave_written(const struct xsave_layout *l, enum xsave_form form, uint64_t requested, uint64_t saved,
                       bool code_64, struct xsave_range *ranges)
{
    struct list list = {.range = ranges};
    bool compacted = form == XSAVE_COMPACTED;
    uint64_t parts = form == XSAVE_STANDARD ? requested : requested & saved;
    /* MXCSR comes with SSE or AVX; XSAVEC and XSAVES take it as part of SSE (13.7 to 13.11). */
    bool mxcsr = compacted ? parts & COMPONENT_SSE : requested & (COMPONENT_SSE | COMPONENT_AVX);
    add_legacy(&list, parts & COMPONENT_X87, mxcsr, parts & COMPONENT_SSE, code_64);
    add(&list, XSAVE_STATE_BV, compacted ? STATE_AND_COMP_BV_BYTES : STATE_BV_BYTES);
    add_extended(&list, l, parts, compacted ? requested | XCOMP_BV_COMPACTED : 0, code_64);
    return list.count;
}

unsigned xsave_read(const struct xsave_layout *l, uint64_t requested, uint64_t xstate_bv, uint64_t xcomp_bv,
                    bool code_64, struct xsave_range *ranges)
{
    struct list list = {.range = ranges};
    uint64_t parts = requested & xstate_bv;
    bool mxcsr =
        xcomp_bv & XCOMP_BV_COMPACTED ? parts & COMPONENT_SSE : requested & (COMPONENT_SSE | COMPONENT_AVX);
    add_legacy(&list, parts & COMPONENT_X87, mxcsr, parts & COMPONENT_SSE, code_64);
    add_extended(&list, l, parts, xcomp_bv, code_64);
    return list.count;
}
