/*
 * Descriptor tables: LGDT, LIDT, LLDT, LTR and their stores, and LAR, LSL,
 * VERR, VERW, which look at descriptors without loading them (SDM Vol. 3A,
 * 2.4 and 5.10).
 */
#include "dbt/sys/parts.h"

static bool umip_allows(struct dbt_cpu *c)
{
    return !(c->v.cr4 & CR4_UMIP) || dbt_cpl(c) == 0 || raise_gp(c);
}

/* Two reads, as Bochs makes them: limit and base, in 64-bit mode base and limit. */
static bool read_pseudo_descriptor(struct dbt_cpu *c, const struct sys_insn *i, uint16_t *limit,
                                   uint64_t *base)
{
    *base = 0;
    if (code_is_64(c))
        return read_operand(c, i, 2, base, 8) && read_operand(c, i, 0, limit, 2);
    return read_operand(c, i, 0, limit, 2) && read_operand(c, i, 2, base, 4);
}

static bool load_table(struct dbt_cpu *c, const struct sys_insn *i, struct table_register *t)
{
    uint16_t limit;
    uint64_t base;
    if (!require_cpl0(c) || !read_pseudo_descriptor(c, i, &limit, &base))
        return false;
    if (code_is_64(c) && !is_canonical(c, base))
        return raise_gp(c);
    t->limit = limit;
    /* The 286's form: 24 bits of base. */
    t->base = i->insn->operand_bytes == 2 && !code_is_64(c) ? base & 0xffffff : base;
    return true;
}

bool op_lgdt(struct dbt_cpu *c, const struct sys_insn *i)
{
    return load_table(c, i, &c->v.gdtr);
}
bool op_lidt(struct dbt_cpu *c, const struct sys_insn *i)
{
    return load_table(c, i, &c->v.idtr);
}

/* Two writes, limit and base, as Bochs makes them; the SDM does not say. A word and a doubleword have to be
 * aligned where that is checked (SDM Vol. 3A, 3.5.1). */
static bool store_table(struct dbt_cpu *c, const struct sys_insn *i, const struct table_register *t)
{
    unsigned base_bytes = code_is_64(c) ? 8 : 4;
    gva_t limit_at, base_at;
    if (!umip_allows(c))
        return false;
    struct sys_place p = sys_place(c, i);
    uint64_t base_offset = truncate_to(p.offset + 2, i->insn->address_bytes);
    return sys_linear(c, p.segment, p.offset, 2, true, &limit_at) &&
           sys_linear(c, p.segment, base_offset, base_bytes, true, &base_at) && sys_aligned(c, limit_at, 2) &&
           sys_aligned(c, base_at, 4) && dbt_write(c, limit_at, &t->limit, 2, DBT_WRITE, CAUSE_INSTRUCTION) &&
           dbt_write(c, base_at, &t->base, base_bytes, DBT_WRITE | DBT_UNALIGNED, CAUSE_INSTRUCTION);
}

bool op_sgdt(struct dbt_cpu *c, const struct sys_insn *i)
{
    return store_table(c, i, &c->v.gdtr);
}
bool op_sidt(struct dbt_cpu *c, const struct sys_insn *i)
{
    return store_table(c, i, &c->v.idtr);
}

static bool store_selector(struct dbt_cpu *c, const struct sys_insn *i, unsigned segment)
{
    return require_protected(c) && umip_allows(c) && write_rm(c, i, c->v.seg[segment].selector, 2);
}

bool op_sldt(struct dbt_cpu *c, const struct sys_insn *i)
{
    return store_selector(c, i, SEG_LDTR);
}
bool op_str(struct dbt_cpu *c, const struct sys_insn *i)
{
    return store_selector(c, i, SEG_TR);
}

/* In 64-bit mode both descriptors have 16 bytes; the upper type field must be 0 (SDM Vol. 3A, figure 7-4). */
static bool read_system(struct dbt_cpu *c, uint16_t selector, struct descriptor *d)
{
    if (selector & SELECTOR_TI)
        return raise_selector(c, VECTOR_GP, selector);
    if (!descriptor_read(c, selector, code_is_64(c) ? 16 : 8, VECTOR_GP, d))
        return false;
    if (code_is_64(c) && !is_canonical(c, descriptor_segment(d).base))
        return raise_selector(c, VECTOR_GP, selector);
    return !descriptor_is_segment(d) || raise_selector(c, VECTOR_GP, selector);
}

bool op_lldt(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct descriptor d;
    uint16_t selector;
    if (!require_protected(c) || !require_cpl0(c) || !read_rm16(c, i, &selector))
        return false;
    if (is_null(selector)) {
        c->v.seg[SEG_LDTR] = segment_null(selector, 0);
        return true;
    }
    if (!read_system(c, selector, &d))
        return false;
    if (descriptor_type(&d) != TYPE_LDT)
        return raise_selector(c, VECTOR_GP, selector);
    if (!descriptor_present(&d))
        return raise_selector(c, VECTOR_NP, selector);
    c->v.seg[SEG_LDTR] = descriptor_segment(&d);
    return true;
}

bool op_ltr(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct descriptor d;
    uint16_t selector;
    if (!require_protected(c) || !require_cpl0(c) || !read_rm16(c, i, &selector))
        return false;
    if (is_null(selector))
        return raise_gp(c);
    if (!read_system(c, selector, &d))
        return false;
    unsigned type = descriptor_type(&d);
    if (type != TYPE_TSS32 && (type != TYPE_TSS16 || long_mode(c)))
        return raise_selector(c, VECTOR_GP, selector);
    if (!descriptor_present(&d))
        return raise_selector(c, VECTOR_NP, selector);
    if (!descriptor_set_busy(c, &d))
        return false;
    c->v.seg[SEG_TR] = descriptor_segment(&d);
    return true;
}

/* ---- looking at descriptors ---- */

#define T(n) (1u << (n))
/* System descriptors that LAR and LSL know (SDM Vol. 2A, tables 3-52 and 3-54). */
#define LSL_TYPES_LONG (T(TYPE_LDT) | T(TYPE_TSS32) | T(TYPE_TSS32_BUSY))
#define LSL_TYPES (LSL_TYPES_LONG | T(TYPE_TSS16) | T(TYPE_TSS16_BUSY))
#define LAR_TYPES_LONG (LSL_TYPES_LONG | T(TYPE_CALL_GATE32))
#define LAR_TYPES (LAR_TYPES_LONG | LSL_TYPES | T(TYPE_CALL_GATE16) | T(TYPE_TASK_GATE))

static bool privilege_allows(const struct dbt_cpu *c, const struct descriptor *d)
{
    if (descriptor_is_code(d) && descriptor_is_conforming(d))
        return true;
    return descriptor_dpl(d) >= dbt_cpl(c) && descriptor_dpl(d) >= (d->selector & SELECTOR_RPL);
}

static void set_zero_flag(struct dbt_cpu *c, bool on)
{
    c->v.rflags = (c->v.rflags & ~RFLAGS_ZF) | (on ? RFLAGS_ZF : 0);
}

/* Reads the selector operand and its descriptor. `*visible` is false where the flag says no. False: an
 * exception. */
static bool look(struct dbt_cpu *c, const struct sys_insn *i, struct descriptor *d, bool *visible)
{
    uint16_t selector;
    *visible = false;
    if (!require_protected(c) || !read_rm16(c, i, &selector))
        return false;
    if (is_null(selector))
        return true;
    enum descriptor_found found = descriptor_look(c, selector, 8, d);
    *visible = found == DESCRIPTOR_FOUND && privilege_allows(c, d);
    return found != DESCRIPTOR_FAULT;
}

static bool has_type(const struct descriptor *d, unsigned types)
{
    return descriptor_is_segment(d) || (types & T(descriptor_type(d)));
}

/* Those system descriptors have 16 bytes in IA-32e mode, all in the table; the upper type field must be 0.
 * False: an exception. */
static bool look_at_upper_half(struct dbt_cpu *c, const struct descriptor *d, bool *visible)
{
    struct descriptor whole;
    if (!*visible || descriptor_is_segment(d) || !long_mode(c))
        return true;
    enum descriptor_found found = descriptor_look(c, d->selector, 16, &whole);
    *visible = found == DESCRIPTOR_FOUND && !(whole.top & 0x1f00);
    return found != DESCRIPTOR_FAULT;
}

bool op_lar(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct descriptor d;
    bool visible;
    if (!look(c, i, &d, &visible))
        return false;
    visible = visible && has_type(&d, long_mode(c) ? LAR_TYPES_LONG : LAR_TYPES);
    if (!look_at_upper_half(c, &d, &visible))
        return false;
    if (visible)
        write_gpr(c, i->reg, d.high & 0x00ffff00u, i->insn->operand_bytes);
    set_zero_flag(c, visible);
    return true;
}

bool op_lsl(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct descriptor d;
    bool visible;
    if (!look(c, i, &d, &visible))
        return false;
    visible = visible && has_type(&d, long_mode(c) ? LSL_TYPES_LONG : LSL_TYPES);
    if (!look_at_upper_half(c, &d, &visible))
        return false;
    if (visible)
        write_gpr(c, i->reg, descriptor_segment(&d).limit, i->insn->operand_bytes);
    set_zero_flag(c, visible);
    return true;
}

bool op_verr(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct descriptor d;
    bool visible;
    if (!look(c, i, &d, &visible))
        return false;
    set_zero_flag(c, visible && descriptor_is_segment(&d) &&
                         (!descriptor_is_code(&d) || (descriptor_type(&d) & TYPE_READABLE)));
    return true;
}

bool op_verw(struct dbt_cpu *c, const struct sys_insn *i)
{
    struct descriptor d;
    bool visible;
    if (!look(c, i, &d, &visible))
        return false;
    set_zero_flag(c, visible && descriptor_is_segment(&d) && !descriptor_is_code(&d) &&
                         (descriptor_type(&d) & TYPE_WRITABLE));
    return true;
}
