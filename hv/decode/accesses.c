/* struct insn and the registers to the list of accesses. */
#include "decode/insn.h"

#include "trace/access.h"

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

/*
 * The legacy area, the header and the AVX component of the standard format (SDM Vol. 1, 13.4). Other
 * components lie where CPUID says; they are not followed and `incomplete` says so.
 */
#define XSAVE_LEGACY_BYTES 512
#define XSAVE_HEADER_BYTES 64
#define XSAVE_AVX_BYTES 256
#define XCR0_AVX 4u
#define XCR0_X87_SSE_AVX 7u
static void list_xsave(const struct insn *insn, const struct vcpu *v, struct access_list *list)
{
    uint64_t requested = (truncate(v->gpr[RDX], 4) << 32 | truncate(v->gpr[RAX], 4)) & v->xcr0;
    for (unsigned i = 0; i < insn->memory_count; i++) {
        const struct insn_memory *m = &insn->memory[i];
        if (!(m->flags & INSN_WRITE))
            continue;
        gva_t at = insn_linear(insn, m, v);
        append(list, insn, at, XSAVE_LEGACY_BYTES, ACCESS_WRITE);
        append(list, insn, at + XSAVE_LEGACY_BYTES, XSAVE_HEADER_BYTES, ACCESS_WRITE);
        if (requested & XCR0_AVX)
            append(list, insn, at + XSAVE_LEGACY_BYTES + XSAVE_HEADER_BYTES, XSAVE_AVX_BYTES, ACCESS_WRITE);
    }
    if (insn->form == FORM_XSAVEC || (requested & ~(uint64_t)XCR0_X87_SSE_AVX))
        list->incomplete = true;
}

/* One access per element whose mask has its top bit set. */
static void list_masked(const struct insn *insn, const struct vcpu *v, const struct insn_environment *env,
                        struct access_list *list)
{
    uint8_t mask[64];
    if (!env || !env->vector_register) {
        memset(mask, 0xff, sizeof mask);
        list->incomplete = true;
    } else {
        env->vector_register(insn->vector_mask, insn->vector_bytes == 8, mask);
    }
    for (unsigned i = 0; i < insn->memory_count; i++) {
        const struct insn_memory *m = &insn->memory[i];
        gva_t at = insn_linear(insn, m, v);
        for (unsigned e = 0; e < insn->vector_bytes; e += insn->element_bytes)
            if (mask[e + insn->element_bytes - 1u] & 0x80)
                append(list, insn, at + e, insn->element_bytes, kind_of(m));
    }
}

void insn_accesses(const struct insn *insn, const struct vcpu *v, const struct insn_environment *env,
                   struct access_list *list)
{
    list->count = 0;
    list->incomplete = insn->inexact;
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
    case FORM_XSAVEC:
        list_xsave(insn, v, list);
        return;
    case FORM_MASKED:
        list_masked(insn, v, env, list);
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
