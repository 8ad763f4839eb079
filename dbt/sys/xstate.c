/*
 * FXSAVE, FXRSTOR and the XSAVE family (SDM Vol. 1, 10.5 and chapter 13). The
 * guest's state is in the CPU: the CPU's own instruction writes it to a buffer,
 * and from there go to memory the bytes that it writes by the guest's XCR0 and
 * the mask in EDX:EAX, and no others. Restoring goes the other way round; all
 * that could make the CPU's instruction fault is found out before.
 *
 * XSAVEOPT is XSAVE here, with the components left out that are not in use: the
 * CPU would also leave out what has not changed since it was loaded from the
 * buffer, and the buffer is not the guest's memory. XSAVES is XSAVEC, as no
 * supervisor component is offered (IA32_XSS is 0).
 */
#include "decode/xsave.h"

#include "dbt/sys/parts.h"
#include "dbt/sys/x87.h"

#include <string.h>

#define FXSAVE_ALIGNMENT 16u
#define XSAVE_ALIGNMENT 64u
#define PIECE_BYTES 64u

/* Fields of the legacy area (tables 10-2 and 10-3). */
#define STATUS_WORD 2u
#define OPCODE 6u
#define POINTERS 8u
#define MXCSR 24u
#define MXCSR_MASK 28u
#define POINTERS_BYTES 16u
#define MXCSR_MASK_DEFAULT 0xffbfu
#define STATE_X87 (1ull << 0)
#define STATE_SSE (1ull << 1)
#define STATE_AVX (1ull << 2)

static uint8_t area[XSAVE_BYTES_MAX] __attribute__((aligned(64)));

/* ---- areas ---- */

static bool range_is_writable(struct dbt_cpu *c, gva_t at, unsigned bytes)
{
    gva_t last = at + bytes - 1;
    for (gva_t page = at;; page = (page & PAGE_MASK) + PAGE_SIZE) {
        gpa_t gpa;
        if (!dbt_translate(c, page, DBT_WRITE, &gpa))
            return false;
        if ((page & PAGE_MASK) == (last & PAGE_MASK))
            return true;
    }
}

static bool place_linear(struct dbt_cpu *c, const struct sys_insn *i, unsigned bytes, bool write,
                         gva_t *linear)
{
    struct sys_place p = sys_place(c, i);
    return sys_linear(c, p.segment, p.offset, bytes, write, linear);
}

bool state_place(struct dbt_cpu *c, const struct sys_insn *i, unsigned bytes, bool write, gva_t *linear)
{
    unsigned alignment = i->insn->operand_bytes == 2 ? 2 : 4;
    return place_linear(c, i, bytes, write, linear) && sys_aligned(c, *linear, alignment) &&
           (!write || range_is_writable(c, *linear, bytes));
}

bool state_write(struct dbt_cpu *c, gva_t at, const void *from, unsigned bytes)
{
    for (unsigned done = 0; done < bytes; done += PIECE_BYTES) {
        unsigned n = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
        if (!dbt_write(c, at + done, (const uint8_t *)from + done, n, DBT_WRITE | DBT_UNALIGNED,
                       CAUSE_INSTRUCTION))
            return false;
    }
    return true;
}

bool state_read(struct dbt_cpu *c, gva_t at, void *to, unsigned bytes)
{
    for (unsigned done = 0; done < bytes; done += PIECE_BYTES) {
        unsigned n = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
        if (!dbt_read(c, at + done, (uint8_t *)to + done, n, DBT_READ | DBT_UNALIGNED, CAUSE_INSTRUCTION))
            return false;
    }
    return true;
}

/* ---- the legacy area's pointers ---- */

/* With REX.W they are 64-bit offsets, else offset and selector. */
static void put_pointers(struct dbt_cpu *c, bool wide)
{
    uint16_t status;
    memcpy(&status, area + STATUS_WORD, sizeof status);
    struct x87_pointers p = x87_shown(c, X87_FXSAVE, status);
    uint64_t field[2] = {p.ip, p.dp};
    if (!wide) {
        field[0] = (uint32_t)p.ip | p.cs << 32;
        field[1] = (uint32_t)p.dp | p.ds << 32;
    }
    memcpy(area + OPCODE, &p.opcode, 2);
    memcpy(area + POINTERS, field, sizeof field);
}

/* Out of the area into the guest's; the CPU gets zeros. */
static void take_pointers(struct dbt_cpu *c, bool wide)
{
    struct x87_pointers p = {0};
    uint64_t field[2];
    memcpy(&p.opcode, area + OPCODE, 2);
    p.opcode &= X87_OPCODE_MASK;
    memcpy(field, area + POINTERS, sizeof field);
    p.ip = wide ? field[0] : (uint32_t)field[0];
    p.dp = wide ? field[1] : (uint32_t)field[1];
    p.cs = wide ? 0 : field[0] >> 32 & 0xffff;
    p.ds = wide ? 0 : field[1] >> 32 & 0xffff;
    x87_set_pointers(c, &p);
    memset(area + OPCODE, 0, 2);
    memset(area + POINTERS, 0, POINTERS_BYTES);
}

static bool mxcsr_is_valid(void)
{
    static uint32_t mask;
    uint32_t mxcsr;
    if (!mask) {
        static uint8_t now[512] __attribute__((aligned(16)));
        __asm__ volatile("fxsave64 %0" : "+m"(now));
        memcpy(&mask, now + MXCSR_MASK, sizeof mask);
        mask = mask ? mask : MXCSR_MASK_DEFAULT;
    }
    memcpy(&mxcsr, area + MXCSR, sizeof mxcsr);
    return !(mxcsr & ~mask);
}

/* ---- FXSAVE and FXRSTOR ---- */

static bool fx_enabled(struct dbt_cpu *c)
{
    return !(c->v.cr0 & (CR0_EM | CR0_TS)) || dbt_raise(c, VECTOR_NM);
}

/* Which of #AC and #GP comes of what misalignment is the processor's choice (SDM Vol. 2A, FXSAVE). */
static bool fx_aligned(struct dbt_cpu *c, gva_t linear)
{
    return sys_aligned(c, linear, 4) && (!(linear & (FXSAVE_ALIGNMENT - 1)) || raise_gp(c));
}

bool op_fxsave(struct dbt_cpu *c, const struct sys_insn *i)
{
    gva_t linear;
    if (!fx_enabled(c) || !place_linear(c, i, XSAVE_LEGACY_BYTES, true, &linear))
        return false;
    if (!fx_aligned(c, linear))
        return false;
    if (!range_is_writable(c, linear, XSAVE_LEGACY_BYTES))
        return false;
    __asm__ volatile("fxsave64 %0" : "+m"(area));
    put_pointers(c, i->rex & 8);
    return state_write(c, linear, area, fxsave_bytes(code_is_64(c)));
}

/* Outside 64-bit mode XMM8 to XMM15 stay: they are in the area when the CPU loads it. */
bool op_fxrstor(struct dbt_cpu *c, const struct sys_insn *i)
{
    gva_t linear;
    if (!fx_enabled(c) || !place_linear(c, i, XSAVE_LEGACY_BYTES, false, &linear))
        return false;
    if (!fx_aligned(c, linear))
        return false;
    __asm__ volatile("fxsave64 %0" : "+m"(area));
    if (!state_read(c, linear, area, fxsave_bytes(code_is_64(c))))
        return false;
    if (!mxcsr_is_valid())
        return raise_gp(c);
    take_pointers(c, i->rex & 8);
    __asm__ volatile("fxrstor64 %0" : : "m"(area));
    return true;
}

/* ---- the XSAVE family ---- */

const struct xsave_layout *xstate_layout(void)
{
    static struct xsave_layout l;
    static bool known;
    if (!known)
        xsave_layout_read(&l, cpuid);
    known = true;
    return &l;
}

static bool xsave_enabled(struct dbt_cpu *c)
{
    if (!(c->v.cr4 & CR4_OSXSAVE))
        return raise_ud(c);
    return !(c->v.cr0 & CR0_TS) || dbt_raise(c, VECTOR_NM);
}

static uint64_t requested(const struct dbt_cpu *c)
{
    return (c->v.gpr[RDX] << 32 | (uint32_t)c->v.gpr[RAX]) & c->v.xcr0;
}

static uint64_t header(unsigned offset)
{
    uint64_t v;
    memcpy(&v, area + offset, sizeof v);
    return v;
}

/* The state that the CPU holds, in the format asked for. */
static void store_state(uint64_t components, bool compacted)
{
    memset(area + XSAVE_LEGACY_BYTES, 0, XSAVE_HEADER_BYTES);
    if (compacted)
        __asm__ volatile("xsavec64 %0"
                         : "+m"(area)
                         : "a"((uint32_t)components), "d"((uint32_t)(components >> 32)));
    else
        __asm__ volatile("xsave64 %0"
                         : "+m"(area)
                         : "a"((uint32_t)components), "d"((uint32_t)(components >> 32)));
}

static bool write_ranges(struct dbt_cpu *c, gva_t linear, const struct xsave_range *range, unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        if (!state_write(c, linear + range[n].offset, area + range[n].offset, range[n].size))
            return false;
    return true;
}

/* The place of an area for `components`, which must be aligned. */
static bool xsave_place(struct dbt_cpu *c, const struct sys_insn *i, uint64_t components, bool compacted,
                        bool write, gva_t *linear)
{
    if (!place_linear(c, i, xsave_size(xstate_layout(), components, compacted), write, linear))
        return false;
    return !(*linear & (XSAVE_ALIGNMENT - 1)) || raise_gp(c);
}

static bool ranges_are_writable(struct dbt_cpu *c, gva_t linear, const struct xsave_range *range,
                                unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        if (!range_is_writable(c, linear + range[n].offset, range[n].size))
            return false;
    return true;
}

/* XSTATE_BV keeps the bits that were not asked for; XSAVEC writes it anew. */
static bool merge_header(struct dbt_cpu *c, gva_t linear, uint64_t mask, uint64_t saved)
{
    uint64_t before;
    if (!dbt_read(c, linear + XSAVE_STATE_BV, &before, sizeof before, DBT_READ, CAUSE_INSTRUCTION))
        return false;
    before = (before & ~mask) | saved;
    memcpy(area + XSAVE_STATE_BV, &before, sizeof before);
    return true;
}

static bool save(struct dbt_cpu *c, const struct sys_insn *i, enum xsave_form form)
{
    struct xsave_range range[XSAVE_RANGES_MAX];
    uint64_t mask = requested(c);
    bool compacted = form == XSAVE_COMPACTED;
    gva_t linear;
    if (!xsave_enabled(c) || !xsave_place(c, i, mask, compacted, true, &linear))
        return false;
    store_state(mask, compacted);
    uint64_t saved = header(XSAVE_STATE_BV) & mask;
    unsigned count = xsave_written(xstate_layout(), form, mask, saved, code_is_64(c), range);
    if (!ranges_are_writable(c, linear, range, count) ||
        (!compacted && !merge_header(c, linear, mask, saved)))
        return false;
    if (mask & STATE_X87)
        put_pointers(c, i->rex & 8);
    return write_ranges(c, linear, range, count);
}

bool op_xsave(struct dbt_cpu *c, const struct sys_insn *i)
{
    return save(c, i, XSAVE_STANDARD);
}
bool op_xsaveopt(struct dbt_cpu *c, const struct sys_insn *i)
{
    return has(c, HAS_XSAVEOPT) ? save(c, i, XSAVE_OPTIMIZED) : raise_ud(c);
}
bool op_xsavec(struct dbt_cpu *c, const struct sys_insn *i)
{
    return has(c, HAS_XSAVEC) ? save(c, i, XSAVE_COMPACTED) : raise_ud(c);
}

/* XSAVES and XRSTORS are made of XSAVEC and XRSTOR. */
static bool supervisor_state(struct dbt_cpu *c)
{
    if (!has(c, HAS_XSAVES) || !has(c, HAS_XSAVEC))
        return raise_ud(c);
    return xsave_enabled(c) && require_cpl0(c);
}

bool op_xsaves(struct dbt_cpu *c, const struct sys_insn *i)
{
    return supervisor_state(c) && save(c, i, XSAVE_COMPACTED);
}

/* What XRSTOR asks of the header (13.8). */
static bool header_is_valid(const struct dbt_cpu *c, const uint8_t *head, bool only_compacted)
{
    uint64_t state, comp, all = 0;
    memcpy(&state, head, 8);
    memcpy(&comp, head + 8, 8);
    for (unsigned n = comp & XCOMP_BV_COMPACTED ? 16 : 8; n < (comp & XCOMP_BV_COMPACTED ? 64 : 24); n++)
        all |= head[n];
    if (all || (state & ~c->v.xcr0))
        return false;
    if (!(comp & XCOMP_BV_COMPACTED))
        return !only_compacted;
    comp &= ~XCOMP_BV_COMPACTED;
    return !(comp & ~c->v.xcr0) && !(state & ~comp);
}

/*
 * What the CPU is given to load is in the standard format, whatever the guest's is. Outside 64-bit mode the
 * upper registers of a component stay what they are: the area begins with the state that the CPU holds. Where
 * such a component is brought to its initial state, its lower registers are zeros and it counts as there.
 */
static uint64_t prepare_area(const struct dbt_cpu *c, uint64_t mask, uint64_t state)
{
    const uint64_t halved = STATE_SSE | STATE_AVX | XCR0_AVX512;
    struct xsave_range range[XSAVE_RANGES_MAX];
    uint64_t initial = mask & halved & ~state;
    memset(area, 0, sizeof area);
    if (code_is_64(c))
        return 0;
    store_state(c->v.xcr0, false);
    unsigned count = xsave_read(xstate_layout(), initial, initial, 0, false, range);
    for (unsigned n = 0; n < count; n++)
        memset(area + range[n].offset, 0, range[n].size);
    return initial;
}

/* In the standard format MXCSR is loaded with SSE or AVX, whatever XSTATE_BV says; in the compacted format it
 * is part of SSE (13.8). */
static void prepare_mxcsr(uint64_t mask, bool compacted)
{
    uint32_t mxcsr = 0x1f80;
    if (compacted && !(mask & STATE_SSE))
        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    memcpy(area + MXCSR, &mxcsr, sizeof mxcsr);
}

/* Where a range of the guest's area lies in the standard format. */
static uint32_t standard_offset(uint32_t offset, uint64_t comp)
{
    for (unsigned n = 2; n < XSAVE_COMPONENTS; n++)
        if ((comp >> n & 1) && xsave_offset(xstate_layout(), comp, n) == offset)
            return xsave_offset(xstate_layout(), 0, n);
    return offset;
}

static bool read_state(struct dbt_cpu *c, gva_t linear, uint64_t mask, uint64_t state, uint64_t comp)
{
    struct xsave_range range[XSAVE_RANGES_MAX];
    unsigned count = xsave_read(xstate_layout(), mask, state, comp, code_is_64(c), range);
    for (unsigned n = 0; n < count; n++)
        if (!state_read(c, linear + range[n].offset, area + standard_offset(range[n].offset, comp),
                        range[n].size))
            return false;
    return true;
}

static void load_state(struct dbt_cpu *c, const struct sys_insn *i, uint64_t mask, uint64_t state)
{
    if (mask & STATE_X87)
        take_pointers(c, i->rex & 8);
    memset(area + XSAVE_LEGACY_BYTES, 0, XSAVE_HEADER_BYTES);
    memcpy(area + XSAVE_STATE_BV, &state, sizeof state);
    __asm__ volatile("xrstor64 %0" : : "m"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)));
}

static bool read_header(struct dbt_cpu *c, gva_t linear, bool only_compacted, uint64_t *state, uint64_t *comp)
{
    uint8_t head[XSAVE_HEADER_BYTES];
    if (!state_read(c, linear + XSAVE_LEGACY_BYTES, head, sizeof head))
        return false;
    memcpy(state, head, sizeof *state);
    memcpy(comp, head + 8, sizeof *comp);
    return header_is_valid(c, head, only_compacted) || raise_gp(c);
}

static bool restore(struct dbt_cpu *c, const struct sys_insn *i, bool only_compacted)
{
    uint64_t mask = requested(c), state, comp;
    gva_t linear;
    if (!xsave_place(c, i, 0, false, false, &linear) ||
        !read_header(c, linear, only_compacted, &state, &comp))
        return false;
    bool compacted = comp & XCOMP_BV_COMPACTED;
    if (!xsave_place(c, i, compacted ? comp & ~XCOMP_BV_COMPACTED : mask & state, compacted, false, &linear))
        return false;
    uint64_t initial = prepare_area(c, mask, state);
    prepare_mxcsr(mask, compacted);
    if (!read_state(c, linear, mask, state, comp))
        return false;
    if (!mxcsr_is_valid())
        return raise_gp(c);
    load_state(c, i, mask, state | initial);
    return true;
}

bool op_xrstor(struct dbt_cpu *c, const struct sys_insn *i)
{
    return xsave_enabled(c) && restore(c, i, false);
}
bool op_xrstors(struct dbt_cpu *c, const struct sys_insn *i)
{
    return supervisor_state(c) && restore(c, i, true);
}
