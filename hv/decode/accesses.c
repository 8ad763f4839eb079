/* struct insn and the registers to the list of accesses. */
#include "decode/insn.h"

#include "decode/xsave.h"

#include "trace/access.h"
#include "x86/cpu.h"

#include <string.h>

static uint64_t truncate(uint64_t v, unsigned bytes)
{
    return bytes >= 8 ? v : v & ((1ull << (8 * bytes)) - 1);
}

static int64_t sign_extend(uint64_t v, unsigned bytes)
{
    unsigned unused = 64 - 8 * bytes;
    return (int64_t)(v << unused) >> unused;
}

/* Segment base and effective address; 32 bits outside 64-bit mode (SDM Vol. 1, 3.3.4 and 3.7.5). */
static gva_t linear_address(const struct insn *insn, const struct vcpu *v, unsigned segment,
                            uint64_t effective)
{
    if (insn->code_size == CODE_64)
        return effective + (segment == SEG_FS || segment == SEG_GS ? v->seg[segment].base : 0);
    return (uint32_t)(effective + v->seg[segment].base);
}

static void append(struct access_list *list, const struct insn *insn, gva_t linear, unsigned size,
                   uint8_t kind)
{
    uint8_t flags = (insn->locked ? ACCESS_LOCKED : 0) | (insn->rep ? ACCESS_REP : 0);
    while (size) {
        unsigned part = size < ACCESS_SIZE_MAX ? size : ACCESS_SIZE_MAX;
        if (list->count == ACCESS_LIST_MAX) {
            list->incomplete = true;
            return;
        }
        if (insn->code_size != CODE_64)
            linear = (uint32_t)linear; /* also of a part: linear addresses wrap at 4 GiB */
        list->a[list->count++] =
            (struct insn_access){.linear = linear, .size = (uint8_t)part, .kind = kind, .flags = flags};
        linear += part;
        size -= part;
    }
}

static uint8_t kind_of(const struct insn_memory *m)
{
    return m->flags & INSN_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

static void list_bit_offset(const struct insn *insn, const struct vcpu *v, struct access_list *list)
{
    unsigned bytes = insn->operand_bytes;
    int64_t bit = sign_extend(v->gpr[insn->bit_register], bytes);
    /* An arithmetic shift rounds towards minus infinity, as the SDM's table of BT says. */
    int64_t offset = (bit >> (bytes == 8 ? 6 : bytes == 4 ? 5 : 4)) * (int64_t)bytes;
    for (unsigned i = 0; i < insn->memory_count; i++) {
        struct insn_memory m = insn->memory[i];
        m.address.displacement += offset;
        append(list, insn, insn_linear(insn, &m, v), m.size, kind_of(&m));
    }
}

/* SDM Vol. 2A, ENTER: push rBP; copy nesting - 1 frame pointers; push the new frame's. */
static void list_enter(const struct insn *insn, const struct vcpu *v, struct access_list *list)
{
    unsigned size = insn->operand_bytes, width = stack_bytes(insn, v);
    uint64_t sp = v->gpr[RSP], bp = v->gpr[RBP];

    sp -= size;
    append(list, insn, linear_address(insn, v, SEG_SS, truncate(sp, width)), size, ACCESS_WRITE);
    for (unsigned i = 1; i < insn->nesting; i++) {
        bp -= size;
        sp -= size;
        append(list, insn, linear_address(insn, v, SEG_SS, truncate(bp, width)), size, ACCESS_READ);
        append(list, insn, linear_address(insn, v, SEG_SS, truncate(sp, width)), size, ACCESS_WRITE);
    }
    if (insn->nesting) {
        sp -= size;
        append(list, insn, linear_address(insn, v, SEG_SS, truncate(sp, width)), size, ACCESS_WRITE);
    }
}

static void append_ranges(struct access_list *list, const struct insn *insn, gva_t at,
                          const struct xsave_range *range, unsigned count, uint8_t kind)
{
    for (unsigned n = 0; n < count; n++)
        append(list, insn, at + range[n].offset, range[n].size, kind);
}

/* RFBM (SDM Vol. 1, 13.1). */
static uint64_t requested_components(const struct vcpu *v)
{
    return (truncate(v->gpr[RDX], 4) << 32 | truncate(v->gpr[RAX], 4)) & v->xcr0;
}

/* XSAVE and XSAVEOPT read XSTATE_BV, to keep the bits that are not asked for. */
static void list_save(const struct insn *insn, const struct vcpu *v, const struct insn_environment *env,
                      struct access_list *list)
{
    struct xsave_range range[XSAVE_RANGES_MAX];
    enum xsave_form form = insn->form == FORM_XSAVE      ? XSAVE_STANDARD
                           : insn->form == FORM_XSAVEOPT ? XSAVE_OPTIMIZED
                                                         : XSAVE_COMPACTED;
    uint64_t requested = requested_components(v);
    gva_t at = insn_linear(insn, &insn->memory[0], v);
    if (!env || !env->layout) {
        list->incomplete = true;
        append(list, insn, at, XSAVE_FIXED_BYTES, ACCESS_WRITE);
        return;
    }
    if (form != XSAVE_COMPACTED)
        append(list, insn, at + XSAVE_STATE_BV, 8, ACCESS_READ);
    uint64_t in_use = env->components_in_use ? env->components_in_use() : ~0ull;
    unsigned count =
        xsave_written(env->layout, form, requested, requested & in_use, insn->code_size == CODE_64, range);
    append_ranges(list, insn, at, range, count, ACCESS_WRITE);
}

/* The header first, which says what there is to read. */
static void list_restore(const struct insn *insn, const struct vcpu *v, const struct insn_environment *env,
                         struct access_list *list)
{
    struct xsave_range range[XSAVE_RANGES_MAX];
    uint64_t bv[2]; /* XSTATE_BV, XCOMP_BV */
    gva_t at = insn_linear(insn, &insn->memory[0], v);

    append(list, insn, at + XSAVE_LEGACY_BYTES, XSAVE_HEADER_BYTES, ACCESS_READ);
    if (!env || !env->layout || !env->read || !env->read(at + XSAVE_STATE_BV, bv, sizeof(bv))) {
        list->incomplete = true;
        return;
    }
    unsigned count =
        xsave_read(env->layout, requested_components(v), bv[0], bv[1], insn->code_size == CODE_64, range);
    append_ranges(list, insn, at, range, count, ACCESS_READ);
}

/* Of elements in a row the address of the first is an effective address, and the others follow it; those of
 * gathers and scatters are each one of its own, in the address size. */
static gva_t lane_address(const struct insn *insn, const struct vcpu *v, const uint8_t *indices, unsigned n)
{
    struct insn_memory m = insn->memory[0];
    uint64_t distance = lanes_offset(&insn->lanes, indices, m.address.scale, n);
    if (insn->lanes.kind != LANES_INDEXED)
        return insn_linear(insn, &m, v) + distance; /* append() lets it wrap */
    m.address.displacement = (int64_t)((uint64_t)m.address.displacement + distance);
    return insn_linear(insn, &m, v);
}

/* One access per element that is selected. */
static void list_lanes(const struct insn *insn, const struct vcpu *v, const struct insn_environment *env,
                       struct access_list *list)
{
    const struct insn_lanes *l = &insn->lanes;
    const struct insn_memory *m = &insn->memory[0];
    uint8_t indices[64] = {0};
    bool known = env && env->vector_register && env->opmask;
    uint64_t selected = known               ? lanes_selected(l, env)
                        : l->elements >= 64 ? ~0ull
                                            : (1ull << l->elements) - 1;
    if (!known)
        list->incomplete = true;
    else if (l->kind == LANES_INDEXED)
        env->vector_register(l->index, false, indices);
    for (unsigned n = 0; n < l->elements; n++) {
        if (!(selected >> n & 1))
            continue;
        append(list, insn, lane_address(insn, v, indices, n), l->bytes, kind_of(m));
        list->a[list->count - 1].lane = (uint8_t)n; /* there is room: elements are at most 64 */
    }
}

void insn_accesses(const struct insn *insn, const struct vcpu *v, const struct insn_environment *env,
                   struct access_list *list)
{
    list->count = 0;
    list->incomplete = false;
    if (insn->rep && truncate(v->gpr[RCX], insn->address_bytes) == 0)
        return;
    switch (insn->form) {
    case FORM_BIT_OFFSET:
        list_bit_offset(insn, v, list);
        return;
    case FORM_ENTER:
        list_enter(insn, v, list);
        return;
    case FORM_XSAVE:
    case FORM_XSAVEOPT:
    case FORM_XSAVEC:
        list_save(insn, v, env, list);
        return;
    case FORM_XRSTOR:
        list_restore(insn, v, env, list);
        return;
    case FORM_LANES:
        list_lanes(insn, v, env, list);
        return;
    default:
        break;
    }
    for (unsigned i = 0; i < insn->memory_count; i++) {
        struct insn_memory m = insn->memory[i];
        if (insn->form == FORM_XLAT)
            m.address.displacement += (uint8_t)v->gpr[RAX];
        append(list, insn, insn_linear(insn, &m, v), m.size, kind_of(&m));
    }
}
