/*
 * String instructions: MOVS, STOS, LODS, CMPS, SCAS. One with a REP prefix ends
 * its block and is C code's (string_run.c), but for one iteration on bounce buffers.
 */
#include "dbt/translate.h"

#define ANY_REP (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)

static enum string_kind kind_of(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_MOVSB:
    case ZYDIS_MNEMONIC_MOVSW:
    case ZYDIS_MNEMONIC_MOVSD:
    case ZYDIS_MNEMONIC_MOVSQ:
        return STRING_MOVS;
    case ZYDIS_MNEMONIC_STOSB:
    case ZYDIS_MNEMONIC_STOSW:
    case ZYDIS_MNEMONIC_STOSD:
    case ZYDIS_MNEMONIC_STOSQ:
        return STRING_STOS;
    case ZYDIS_MNEMONIC_LODSB:
    case ZYDIS_MNEMONIC_LODSW:
    case ZYDIS_MNEMONIC_LODSD:
    case ZYDIS_MNEMONIC_LODSQ:
        return STRING_LODS;
    case ZYDIS_MNEMONIC_CMPSB:
    case ZYDIS_MNEMONIC_CMPSW:
    case ZYDIS_MNEMONIC_CMPSD:
    case ZYDIS_MNEMONIC_CMPSQ:
        return STRING_CMPS;
    case ZYDIS_MNEMONIC_SCASB:
    case ZYDIS_MNEMONIC_SCASW:
    case ZYDIS_MNEMONIC_SCASD:
    case ZYDIS_MNEMONIC_SCASQ:
        return STRING_SCAS;
    default:
        return STRING_OTHER;
    }
}

static uint8_t source_segment(const struct guest_insn *g)
{
    for (unsigned i = 0; i < g->z.operand_count; i++)
        if (g->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY && front_gpr(g->op[i].mem.base) == RSI)
            return (uint8_t)(g->op[i].mem.segment - ZYDIS_REGISTER_ES);
    return SEG_DS;
}

static void emit_advance(struct translation *t, host_reg r, unsigned width, unsigned bytes)
{
    emit_lea(t->e, width, r, at(r, t->mode & MODE_DF ? -(int32_t)bytes : (int32_t)bytes));
}

/* Probes the element and records a read of it; its value comes into SCRATCH2. */
static void emit_read_element(struct translation *t, const struct address *a, unsigned bytes, uint8_t flags)
{
    emit_probe(t, a, PROBE_READ, bytes);
    unsigned place = emit_record(t, a, ACCESS_READ, bytes, flags);
    emit_load_zx(t->e, bytes, SCRATCH2, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, SCRATCH2);
}

static void emit_write_element(struct translation *t, const struct address *a, unsigned bytes, uint8_t flags,
                               bool from_temp)
{
    emit_probe(t, a, PROBE_WRITE, bytes);
    unsigned place = emit_record(t, a, ACCESS_WRITE, bytes, flags);
    host_reg from = RAX;
    if (from_temp) {
        emit_load(t->e, 8, SCRATCH2, STATE(temp[0]));
        from = SCRATCH2;
    }
    emit_store(t->e, bytes, from, at(SCRATCH, 0));
    emit_record_value(t, place, bytes, from);
}

static void emit_element(struct translation *t, const struct guest_insn *g, enum string_kind kind)
{
    unsigned bytes = g->z.operand_width / 8, width = g->z.address_width / 8;
    uint8_t flags = g->z.attributes & ANY_REP ? ACCESS_REP : 0;
    struct address from = {
        .base = RSI, .index = HOST_NONE, .scale = 1, .segment = source_segment(g), .bytes = (uint8_t)width};
    struct address to = {
        .base = RDI, .index = HOST_NONE, .scale = 1, .segment = SEG_ES, .bytes = (uint8_t)width};

    switch (kind) {
    case STRING_MOVS:
        emit_read_element(t, &from, bytes, flags);
        emit_store(t->e, 8, SCRATCH2, STATE(temp[0]));
        emit_write_element(t, &to, bytes, flags, true);
        break;
    case STRING_STOS:
        emit_write_element(t, &to, bytes, flags, false);
        break;
    case STRING_LODS:
        emit_read_element(t, &from, bytes, flags);
        emit_set_gpr(t, bytes, RAX, SCRATCH2);
        break;
    case STRING_CMPS:
        emit_read_element(t, &from, bytes, flags);
        emit_store(t->e, 8, SCRATCH2, STATE(temp[0]));
        emit_read_element(t, &to, bytes, flags);
        emit_load(t->e, 8, SCRATCH2, STATE(temp[0]));
        emit_op_mem(t->e, bytes == 1 ? 0x3a : 0x3b, bytes, SCRATCH2, at(SCRATCH, 0), true);
        break;
    default:
        emit_read_element(t, &to, bytes, flags);
        emit_op_mem(t->e, bytes == 1 ? 0x3a : 0x3b, bytes, RAX, at(SCRATCH, 0), true);
        break;
    }
    if (kind == STRING_MOVS || kind == STRING_LODS || kind == STRING_CMPS)
        emit_advance(t, RSI, width, bytes);
    if (kind != STRING_LODS)
        emit_advance(t, RDI, width, bytes);
}

static struct string_form form_of(const struct guest_insn *g, enum string_kind kind)
{
    return (struct string_form){.kind = (uint8_t)kind,
                                .repeat = g->z.attributes & ZYDIS_ATTRIB_HAS_REPNE ? REPEAT_WHILE_NOT_EQUAL
                                                                                   : REPEAT_WHILE_EQUAL,
                                .bytes = (uint8_t)(g->z.operand_width / 8),
                                .width = (uint8_t)(g->z.address_width / 8),
                                .segment = source_segment(g)};
}

/* The bounced iteration is made with a count that is not 0. */
bool translate_string(struct translation *t, const struct guest_insn *g)
{
    enum string_kind kind = kind_of(g->z.mnemonic);
    uint64_t next = wrap_ip(t, g->ip + g->z.length);
    unsigned width = g->z.address_width / 8;

    if (kind == STRING_OTHER)
        return false;
    t->held = false;
    if (!(g->z.attributes & ANY_REP)) {
        emit_element(t, g, kind);
        t->held = false;
        return true;
    }
    if (!t->bounce) {
        emit_leave(t, DBT_EXIT_STRING);
        struct pending *p = &t->pending[t->pending_count - 1];
        p->string = form_of(g, kind);
        p->target = next;
        return true;
    }
    emit_element(t, g, kind);
    emit_lea(t->e, width, RCX, at(RCX, -1));
    emit_close(t);
    add_branch(t, emit_if_count_zero(t, width), next);
    if (kind == STRING_CMPS || kind == STRING_SCAS)
        add_branch(t, emit_jcc(t->e, g->z.attributes & ZYDIS_ATTRIB_HAS_REPNE ? CC_Z : CC_NZ, NULL), next);
    emit_leave_to(t, g->ip);
    return true;
}
