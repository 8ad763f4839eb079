/*
 * System instructions taken apart: prefixes, opcode, ModRM; where the memory
 * operand lies, and segmentation's checks on the way there. The bytes have been
 * through the decoder: they are a valid instruction.
 */
#include "dbt/sys/parts.h"

#include <string.h>

static bool take_prefix(struct sys_insn *i, uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        /* In 64-bit mode these do nothing, and do not undo FS or GS either (SDM Vol. 2A, 2.1.1). */
        if (i->insn->code_size != CODE_64)
            i->segment = byte >> 3 & 3;
        return true;
    case 0x64:
    case 0x65:
        i->segment = byte == 0x64 ? SEG_FS : SEG_GS;
        return true;
    case 0x66:
        i->operand_size = true;
        return true;
    case 0x67:
    case 0xf0:
        return true;
    case 0xf2:
    case 0xf3:
        i->repeat = byte;
        return true;
    default:
        return false;
    }
}

void sys_take_apart(const struct insn *insn, struct sys_insn *i)
{
    const uint8_t *b = insn->bytes;
    unsigned n = 0;

    *i = (struct sys_insn){.insn = insn, .segment = NO_REGISTER};
    for (;; n++) {
        if (insn->code_size == CODE_64 && (b[n] & 0xf0) == 0x40)
            i->rex = b[n];
        else if (take_prefix(i, b[n]))
            i->rex = 0; /* REX counts only right before the opcode */
        else
            break;
        if (n + 1 >= insn->length)
            return;
    }
    if (b[n] == 0x0f && n + 1 < insn->length) {
        i->map = MAP_0F;
        n++;
        if ((b[n] == 0x38 || b[n] == 0x3a) && n + 1 < insn->length)
            i->map = b[n++] == 0x38 ? MAP_0F38 : MAP_0F3A;
    }
    i->opcode = b[n++];
    i->immediate = b + n;
    if (n >= insn->length)
        return;
    i->modrm_at = (uint8_t)n;
    i->modrm = b[n];
    i->memory = i->modrm < 0xc0;
    i->reg = (i->modrm >> 3 & 7) | (i->rex & 4 ? 8 : 0);
    i->rm = (i->modrm & 7) | (i->rex & 1 ? 8 : 0);
}

uint64_t immediate_value(const uint8_t *from, unsigned bytes)
{
    uint64_t v = 0;
    memcpy(&v, from, bytes);
    return v;
}

static int64_t displacement(const uint8_t *from, unsigned bytes)
{
    unsigned unused = 64 - 8 * bytes;
    return bytes ? (int64_t)(immediate_value(from, bytes) << unused) >> unused : 0;
}

/* SDM Vol. 2A, table 2-1. */
static struct sys_place place_16(const struct dbt_cpu *c, const struct sys_insn *i, const uint8_t *tail)
{
    static const uint8_t base[8] = {RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX};
    static const uint8_t index[8] = {RSI, RDI, RSI, RDI, NO_REGISTER, NO_REGISTER, NO_REGISTER, NO_REGISTER};
    unsigned mod = i->modrm >> 6, rm = i->modrm & 7;
    struct sys_place p = {.segment = SEG_DS};

    if (mod == 0 && rm == 6) {
        p.offset = immediate_value(tail, 2);
        return p;
    }
    p.offset = c->v.gpr[base[rm]] + (uint64_t)displacement(tail, mod);
    if (index[rm] != NO_REGISTER)
        p.offset += c->v.gpr[index[rm]];
    if (base[rm] == RBP)
        p.segment = SEG_SS;
    return p;
}

/* Tables 2-2 and 2-3, and 2.2.1.6 for RIP-relative addresses. */
static struct sys_place place_32(const struct dbt_cpu *c, const struct sys_insn *i, const uint8_t *tail)
{
    unsigned mod = i->modrm >> 6;
    unsigned displacement_bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    unsigned base = i->rm;
    struct sys_place p = {.segment = SEG_DS};

    if ((i->modrm & 7) == 4) {
        uint8_t sib = *tail++;
        unsigned index = (sib >> 3 & 7) | (i->rex & 2 ? 8 : 0);
        base = (sib & 7) | (i->rex & 1 ? 8 : 0);
        if (index != RSP)
            p.offset = c->v.gpr[index] << (sib >> 6);
        if (mod == 0 && (base & 7) == RBP) {
            base = NO_REGISTER;
            displacement_bytes = 4;
        }
    } else if (mod == 0 && (i->modrm & 7) == 5) {
        base = NO_REGISTER;
        displacement_bytes = 4;
        if (i->insn->code_size == CODE_64)
            p.offset = c->v.rip + i->insn->length;
    }
    p.offset += (uint64_t)displacement(tail, displacement_bytes);
    if (base != NO_REGISTER) {
        p.offset += c->v.gpr[base];
        if (base == RSP || base == RBP)
            p.segment = SEG_SS;
    }
    return p;
}

struct sys_place sys_place(const struct dbt_cpu *c, const struct sys_insn *i)
{
    const uint8_t *tail = i->insn->bytes + i->modrm_at + 1;
    struct sys_place p = i->insn->address_bytes == 2 ? place_16(c, i, tail) : place_32(c, i, tail);
    p.offset = truncate_to(p.offset, i->insn->address_bytes);
    if (i->segment != NO_REGISTER)
        p.segment = i->segment;
    return p;
}

static bool segment_fault(struct dbt_cpu *c, unsigned segment)
{
    return raise_selector(c, segment == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
}

static bool type_permits(uint32_t access, bool write)
{
    if (access & TYPE_CODE)
        return !write && (access & TYPE_READABLE);
    return !write || (access & TYPE_WRITABLE);
}

/* SDM Vol. 3A, 5.3: an expand-down segment is what lies above its limit. */
static bool within_limit(const struct segment *s, uint64_t offset, unsigned bytes)
{
    uint64_t last = offset + bytes - 1;
    if ((s->access & TYPE_CODE) || !(s->access & TYPE_EXPAND_DOWN))
        return last <= s->limit;
    return offset > s->limit && last <= (s->access & SEGMENT_DB ? 0xffffffffu : 0xffffu);
}

bool sys_is_canonical(const struct dbt_cpu *c, gva_t at)
{
    return !long_mode(c) || is_canonical(c, at);
}

bool sys_linear(struct dbt_cpu *c, unsigned segment, uint64_t offset, unsigned bytes, bool write,
                gva_t *linear)
{
    const struct segment *s = &c->v.seg[segment];
    if (code_is_64(c)) {
        *linear = offset + (segment == SEG_FS || segment == SEG_GS ? s->base : 0);
        if (is_canonical(c, *linear) && is_canonical(c, *linear + bytes - 1))
            return true;
        return segment_fault(c, segment);
    }
    /* On the 8086 the type does not matter: CS can be written (Vol. 3A, 21.1.1). */
    if ((s->access & SEGMENT_UNUSABLE) || !within_limit(s, offset, bytes) ||
        (!real_segments(c) && !type_permits(s->access, write)))
        return segment_fault(c, segment);
    *linear = (uint32_t)(s->base + offset);
    return true;
}

bool sys_readable(struct dbt_cpu *c, gva_t linear, unsigned bytes, unsigned access)
{
    gpa_t gpa;
    gva_t last_page = (linear + bytes - 1) & PAGE_MASK;
    return sys_access_aligned(c, linear, bytes, access) && dbt_translate(c, linear, access, &gpa) &&
           ((linear & PAGE_MASK) == last_page || dbt_translate(c, last_page, access, &gpa));
}

bool sys_writable(struct dbt_cpu *c, gva_t linear, unsigned bytes, unsigned access)
{
    return sys_readable(c, linear, bytes, access | DBT_WRITE);
}

bool read_operand(struct dbt_cpu *c, const struct sys_insn *i, unsigned offset, void *to, unsigned bytes)
{
    struct sys_place p = sys_place(c, i);
    gva_t linear;
    p.offset = truncate_to(p.offset + offset, i->insn->address_bytes);
    return sys_linear(c, p.segment, p.offset, bytes, false, &linear) &&
           dbt_read(c, linear, to, bytes, DBT_READ, CAUSE_INSTRUCTION);
}

bool read_rm16(struct dbt_cpu *c, const struct sys_insn *i, uint16_t *value)
{
    if (i->memory)
        return read_operand(c, i, 0, value, sizeof *value);
    *value = (uint16_t)c->v.gpr[i->rm];
    return true;
}

void write_gpr(struct dbt_cpu *c, unsigned gpr, uint64_t value, unsigned bytes)
{
    if (bytes == 2)
        c->v.gpr[gpr] = (c->v.gpr[gpr] & ~0xffffull) | (value & 0xffff);
    else
        c->v.gpr[gpr] = truncate_to(value, bytes);
}

void sys_add_gpr(struct dbt_cpu *c, unsigned gpr, uint64_t by, unsigned bytes)
{
    write_gpr(c, gpr, c->v.gpr[gpr] + by, bytes);
}

bool write_rm(struct dbt_cpu *c, const struct sys_insn *i, uint64_t value, unsigned memory_bytes)
{
    if (!i->memory) {
        write_gpr(c, i->rm, value, i->insn->operand_bytes);
        return true;
    }
    struct sys_place p = sys_place(c, i);
    gva_t linear;
    return sys_linear(c, p.segment, p.offset, memory_bytes, true, &linear) &&
           dbt_write(c, linear, &value, memory_bytes, DBT_WRITE, CAUSE_INSTRUCTION);
}
